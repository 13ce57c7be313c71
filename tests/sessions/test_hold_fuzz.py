"""Frames that no client of ours sends: each is refused or closes its own socket, nothing breaks."""

import contextlib
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from sessions.consumers import LONGEST_FRAME, Malformed, _frame_in
from sessions.models import SupportSession
from tests.cast import Person
from tests.sessions.web import Enter

#: Of the protocol. Anything else, 1011 and 1006 above all, is a fault of ours.
EXPECTED = {1003, 1008, 1009}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ids = st.uuids().map(str) | st.just("00000000000000000000000000000000") | json_values
bodies = st.text(max_size=2100) | st.sampled_from(["\0", "\ud83d", " ", "\u202e"]) | json_values
numbers = st.integers(min_value=-(2**70), max_value=2**70) | json_values


def _frame(kind: str, /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[str | bytes]:
    """A frame of a known kind with some of its fields, good or bad, and some of its own."""
    fixed = st.fixed_dictionaries({"type": st.just(kind)}, optional=fields)
    return st.builds(lambda a, b: json.dumps(b | a), fixed, st.dictionaries(st.text(), json_values))


frames = st.one_of(
    _frame("message", id=ids, body=bodies, reply_to=numbers, anonymous=json_values),
    _frame("after", sequence=numbers, revision=numbers),
    _frame("line", id=ids, body=bodies),
    _frame("edit", id=ids, sequence=numbers, body=bodies),
    _frame("react", id=ids, sequence=numbers, kind=bodies),
    _frame("here"),
    _frame("group_send", channel=json_values),
    json_values.map(json.dumps),
    st.text(max_size=60),
    st.binary(max_size=60),
    st.integers(1, 3).map(lambda times: "[" * 5000 * times),
    st.just('{"type":"after","sequence":' + "9" * 5000 + "}"),
    st.just(json.dumps({"type": "here", "x": "y" * LONGEST_FRAME})),
)


@given(st.one_of(frames, st.binary(), st.text()))
@settings(max_examples=300)
def test_a_frame_is_an_object_or_malformed(frame: str | bytes) -> None:
    event = {"bytes": frame} if isinstance(frame, bytes) else {"text": frame}
    try:
        code = None if isinstance(_frame_in(event), dict) else 0
    except Malformed as no:
        code = no.code
    assert code in {None, *EXPECTED}


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_no_frame_breaks_a_socket_or_its_neighbour(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    stays = enter(other)

    @given(st.lists(frames, min_size=1, max_size=6))
    @settings(
        max_examples=25,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def send(batch: list[str | bytes]) -> None:
        guest = enter(member, after=None)
        guest.until("hello")
        client_id = str(uuid4())
        with contextlib.suppress(ConnectionClosed):
            for frame in batch:
                guest.line.send(frame)
            # What can be read ends with the answer to this, else with a close.
            guest.say("And this", client_id=client_id)
            assert guest.answer(client_id)["type"] in ("sent", "refused")
        if guest.line.protocol.close_rcvd is not None:
            assert guest.closed()[0] in EXPECTED
        guest.leave()

    send()
    stays.say("Still here")
    assert stays.until("sent")
