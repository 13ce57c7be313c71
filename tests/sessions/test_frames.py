"""Every kind of frame: who may send it, and who is sent it. A new kind fails until it stands here
and in docs/live-protocol.md."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from sessions import consumers
from sessions.models import SupportSession
from tests import factories
from tests.cast import Person
from tests.sessions.web import Enter

EVERYBODY, LEADS = {"member", "facilitator"}, {"facilitator"}

#: Kinds that a client sends: who is heard.
FROM_CLIENTS = {
    "message": EVERYBODY,
    "after": EVERYBODY,
    "edit": EVERYBODY,
    "delete": EVERYBODY,
    "react": EVERYBODY,
    "line": LEADS,
    "here": EVERYBODY,
}
#: Kinds that the server sends: whom.
FROM_SERVER = {
    "hello": EVERYBODY,
    "state": EVERYBODY,
    "presence": EVERYBODY,
    "message": EVERYBODY,
    "changed": EVERYBODY,
    "caught_up": EVERYBODY,
    "sent": EVERYBODY,
    "refused": EVERYBODY,
    "still_here": EVERYBODY,
    # About the one person alone.
    "own": EVERYBODY,
    "you": EVERYBODY,
    "role": EVERYBODY,
    "leads": LEADS,
}


def _heard() -> set[str]:
    """The kinds that the consumer matches."""
    source = inspect.getsource(consumers.RoomSocket.hear)
    return {
        pattern.value.value
        for node in ast.walk(ast.parse(source.strip()))
        if isinstance(node, ast.MatchMapping)
        for key, pattern in zip(node.keys, node.patterns, strict=True)
        if isinstance(key, ast.Constant) and key.value == "type"
        if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant)
    }


def _said() -> set[str]:
    """The kinds that any module makes frames of."""
    return {
        kind
        for path in Path(settings.BASE_DIR / "sessions").glob("*.py")
        for kind in re.findall(
            r'frame\(\s*"(\w+)"|message_frame\(\w+, "(\w+)"|kind: str = "(message)"',
            path.read_text(),
        )
        for kind in filter(None, kind)
    }


def _documented(heading: str) -> set[str]:
    text = (settings.BASE_DIR / "docs" / "live-protocol.md").read_text()
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r'^\| `\{"type":"(\w+)"', section, re.M))


def test_every_kind_is_classified() -> None:
    assert _heard() == FROM_CLIENTS.keys() == _documented("From the client")
    assert FROM_SERVER.keys() - _said() <= {"hello", "state", "presence"}
    assert _said() <= FROM_SERVER.keys() == _documented("From the server")


def _each_kind(sequence: int) -> list[dict[str, Any]]:
    return [
        {"type": "message", "id": str(uuid4()), "body": "Said"},
        {"type": "edit", "sequence": sequence, "body": "Said otherwise"},
        {"type": "react", "sequence": sequence, "kind": "with_you", "on": True},
        {"type": "delete", "sequence": sequence},
        {"type": "line", "id": str(uuid4()), "body": "Between us"},
        {"type": "after", "sequence": 0},
        {"type": "here"},
    ]


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_each_role_is_heard_and_told_what_is_theirs(
    enter: Enter, session: SupportSession, member: Person, facilitator: Person
) -> None:
    """Each sends every kind, and reads all that comes of everything."""
    people = {"member": member, "facilitator": facilitator}
    said = {who: factories.message(session, each.user) for who, each in people.items()}
    guests = {who: enter(each) for who, each in people.items()}
    for who, guest in guests.items():
        frames = _each_kind(said[who].sequence)
        assert {frame["type"] for frame in frames} == FROM_CLIENTS.keys()
        for frame in frames:
            guest.send(**frame)
            if frame["type"] in ("after", "here"):
                continue
            about = {key: frame[key] for key in ("id", "sequence") if key in frame}
            answer = guest.answer_about(**about)
            heard = answer["type"] == "sent"
            assert heard == (who in FROM_CLIENTS[frame["type"]]), (who, frame, answer)
    # What was said on the facilitators' line has come to those who lead: everything before it too.
    guests["facilitator"].part("line", "Between us")
    for who, guest in guests.items():
        guest.say("The last word")
        guest.until("sent")
        told = {frame["type"] for frame in guest.frames}
        assert told <= {kind for kind, whom in FROM_SERVER.items() if who in whom}
        assert {"hello", "state", "message", "changed", "caught_up", "own"} <= told
        assert "Between us" not in str(guest.frames) or who == "facilitator"
