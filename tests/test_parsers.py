"""Every parser of what comes from outside, fed with whatever there is: it reads or it refuses.

`benchmarks/fuzz.py` runs this for longer.
"""

import json
import os
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.middleware import zone_of
from accounts.models import User
from groups.rules import invitation_of
from instruments import catalogue, fhir
from instruments.forms import FhirForm
from instruments.schema import InvalidDefinition, parse
from outreach import reading
from outreach.entries import Unreadable
from outreach.meeting_guide import row_of, web_address
from sessions.before_rules import reminder_with
from sessions.rules import feed_with
from supportgroups.lib.addresses import own_address
from supportgroups.my_data.rules import export_with

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))
some = settings(
    max_examples=EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

odd = st.sampled_from(
    [
        "\0",
        "\ud83d",
        "\u202e",
        "=1+1",
        "9" * 400,
        "1e999",
        "NaN",
        "25:61",
        "2026-02-30",
        "javascript:x",
    ]
)
words = st.text(max_size=40) | odd
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def _mutated(whole: Any) -> st.SearchStrategy[Any]:
    """Something well-formed, of which some places hold something else."""

    def mutate(place: Any, draw: Any) -> Any:
        if draw(st.integers(0, 14)) == 0:
            return draw(values)
        if isinstance(place, dict):
            return {
                key: mutate(value, draw)
                for key, value in place.items()
                if draw(st.integers(0, 29)) != 0
            }
        if isinstance(place, list):
            times = [draw(st.sampled_from([1, 1, 1, 1, 1, 1, 0, 2])) for _ in place]
            return [
                mutate(each, draw) for each, n in zip(place, times, strict=True) for _ in range(n)
            ]
        return place

    return st.composite(lambda draw: mutate(whole, draw))()


MEETING = {
    "name": "Evening circle",
    "slug": "evening-circle",
    "day": [1, "3"],
    "time": "19:30",
    "end_time": "20:30",
    "timezone": "Europe/London",
    "types": ["O", "ONL", 3],
    "notes": "Bring <b>tea</b>",
    "conference_url": "https://zoom.us/j/1",
    "conference_phone": "+44 20 7946 0000,,1#",
    "formatted_address": "1 High Street, London",
    "latitude": "51.5",
    "longitude": -0.1,
    "updated": "2026-01-01 00:00:00",
}
TABLE = (
    b"name,day,time,place,online_link,language,topics\n"
    b'"Evening circle",Monday,19:30,"Town hall",https://x.example,English,grief\n'
)


@given(st.binary(max_size=400) | values.map(lambda value: json.dumps(value).encode()))
@some
def test_a_feed_is_read_or_unreadable(content: bytes) -> None:
    for kind in ("csv", "meeting_guide"):
        with suppress(Unreadable):
            reading.read(content, format=kind, time_zone="Europe/London")


@given(_mutated(MEETING))
@some
def test_a_meeting_is_an_entry_or_says_why_not(item: Any) -> None:
    row = row_of(item, 1, time_zone="Europe/London")
    assert row.entry is not None or row.reason
    if row.entry is not None:
        # What the database would refuse never gets there.
        assert "\0" not in json.dumps(vars(row.entry), default=str, ensure_ascii=False)
        json.dumps(vars(row.entry), default=str, ensure_ascii=False).encode()
        assert row.entry.online_link == "" or row.entry.online_link.startswith("http")


@given(st.lists(st.tuples(st.integers(0, len(TABLE)), st.binary(max_size=6)), max_size=5))
@some
def test_a_damaged_table_is_read_or_unreadable(damage: list[tuple[int, bytes]]) -> None:
    content = TABLE
    for place, inserted in damage:
        content = content[:place] + inserted + content[place + 1 :]
    with suppress(Unreadable):
        reading.read(content, format="csv", time_zone="Europe/London")


@given(words | st.just("//[") | st.just("http://[::1") | st.just("javascript:alert(1)"))
@some
def test_an_address_leads_to_the_web_or_is_none(text: str) -> None:
    found = web_address(text)
    assert not found or found.startswith(("http://", "https://"))


QUESTIONNAIRE = fhir.questionnaire(catalogue.get("gad-7"))


@given(_mutated(QUESTIONNAIRE))
@some
def test_a_questionnaire_is_taken_or_refused_with_reasons(resource: Any) -> None:
    form = FhirForm({"text": json.dumps(resource)})
    if form.is_valid():
        kept = json.dumps(fhir.questionnaire(form.definition), allow_nan=False, ensure_ascii=False)
        assert "\0" not in kept
        assert "\\u0000" not in kept
        kept.encode()
    else:
        assert form.errors


@pytest.mark.parametrize("text", ["[" * 90_000, '{"a":' * 40_000, "9" * 90_000, '"\\ud83d"', "NaN"])
def test_a_hostile_file_is_refused(text: str) -> None:
    assert not FhirForm({"text": text}).is_valid()


@given(values)
@some
def test_a_definition_is_valid_or_says_what_is_not(content: Any) -> None:
    if isinstance(content, dict):
        with pytest.raises(InvalidDefinition):
            parse(content)


@given(words)
@some
def test_a_cookie_chooses_a_zone_or_is_ignored(word: str) -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    request.COOKIES = {"time_zone": word, "browser_zone": word}
    assert zone_of(request).key
    assert own_address(request, word, "/").startswith("/")


@given(words)
@settings(some, suppress_health_check=[*HealthCheck])
@pytest.mark.django_db
def test_a_token_that_nobody_signed_is_none(token: str) -> None:
    assert reminder_with(token) is None
    assert feed_with(token) is None
    assert invitation_of(token) is None
    assert export_with(token, User()) is None
