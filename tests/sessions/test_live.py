"""What the room says: frames, links, presence, pace."""

import json
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.utils import timezone

from sessions import live
from sessions.models import SupportSession
from tests import factories
from tests.cast import Person


@pytest.fixture
def session(group) -> SupportSession:
    return factories.support_session(group, status="live")


def test_a_person_cannot_be_linked_between_rooms(session: SupportSession, member: Person) -> None:
    token = live.sender_token(session.pk, member.user.pk)
    assert token == live.sender_token(session.pk, member.user.pk)
    assert token != live.sender_token(uuid4(), member.user.pk)
    assert str(member.user.pk) not in token


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        (
            "see https://example.org/a?b=1&c=2",
            'see <a href="https://example.org/a?b=1&amp;c=2" rel="noopener noreferrer nofollow"'
            ' target="_blank">https://example.org/a?b=1&amp;c=2</a>',
        ),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("data:text/html,<b>x", "data:text/html,&lt;b&gt;x"),
        ("\u202ehttps\u202c żółć " + "w" * 500, "\u202ehttps\u202c żółć " + "w" * 500),
        ('" rel="nofollow" x', "&quot; rel=&quot;nofollow&quot; x"),
    ],
)
def test_links_are_safe_and_words_are_words(body: str, html: str) -> None:
    assert live.body_html(body) == html


def test_a_message_is_the_same_for_everybody(session: SupportSession, member: Person) -> None:
    message = factories.message(session, member.user, body="Hello")
    frame = json.loads(live.message_frame(message))
    assert (frame["type"], frame["sequence"], frame["id"]) == (
        "message",
        1,
        str(message.client_id),
    )
    assert frame["sender"] == live.sender_token(session.pk, member.user.pk)
    assert "msg--mine" not in frame["html"]
    for private in (str(member.user.pk), member.user.email):
        assert private not in json.dumps(frame)


def test_a_state_names_current_and_next(session: SupportSession) -> None:
    factories.agenda(session)
    frame = json.loads(live.state_frame(live.room_state(session)))
    assert (frame["part"], frame["next"], frame["version"]) == ("Check in", "Theme", 0)
    assert "About <b>20 minutes</b> left of 20" in frame["html"]["now"]
    assert 'aria-current="step"' in frame["html"]["plan"]


@pytest.mark.parametrize(
    ("minutes_ago", "words"),
    [
        (19.5, "About <b>1 minute</b> left of 20"),
        (20.5, "The 20 minutes are up"),
        (23.5, "<b>3 minutes</b> over the plan of 20"),
    ],
)
def test_time_left_is_in_minutes(session: SupportSession, minutes_ago: float, words: str) -> None:
    first, *_ = factories.agenda(session)
    first.began_at = timezone.now() - timedelta(minutes=minutes_ago)
    first.save()
    html = json.loads(live.state_frame(live.room_state(session)))["html"]["now"]
    assert words in html
    assert "second" not in html


def test_a_session_without_parts(session: SupportSession) -> None:
    frame = json.loads(live.state_frame(live.room_state(session)))
    assert (frame["part"], frame["next"]) == ("", "")
    assert "Open conversation" in frame["html"]["now"]


def test_the_last_state_says_so(session: SupportSession) -> None:
    session.status, session.version = SupportSession.Status.ENDED, 4
    assert live.state_payload(live.room_state(session)).startswith("e4 ")


def _here(name: str, *, leads: bool = False, since: int = 0) -> live.Here:
    return live.Here(token=name.lower(), name=name, leads=leads, since=since)


def test_who_is_here_by_device() -> None:
    room = uuid4()
    ash, tom = _here("Ash", since=5), _here("Tom", leads=True, since=9)
    for device in ("phone", "laptop"):
        live.show_present(room, ash, device=device)
    live.show_present(room, tom, device="phone")
    assert live.people_here(room) == [tom, ash]


def test_a_quiet_device_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    room = uuid4()
    live.show_present(room, _here("Ash"), device="phone")
    monkeypatch.setattr(live, "LEFT_AFTER_SECONDS", -1)
    assert live.people_here(room) == []


def test_leaving_takes_all_devices(
    session: SupportSession, member: Person, django_capture_on_commit_callbacks
) -> None:
    token = live.sender_token(session.pk, member.user.pk)
    here = live.Here(token, "Member", leads=False, since=1)
    for device in ("phone", "laptop"):
        live.show_present(session.pk, here, device=device)
    with django_capture_on_commit_callbacks(execute=True):
        live.show_left(session.pk, member.user)
    assert live.people_here(session.pk) == []


def test_without_redis_the_page_still_shows(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    live._client.cache_clear()
    try:
        assert live.people_here(uuid4()) == []
    finally:
        live._client.cache_clear()


def test_a_large_circle_is_a_list() -> None:
    many = [_here(f"P{number}", since=number) for number in range(15)]
    assert live.seats(many) == []
    assert len(live.seats(many[:14])) == 14
    assert json.loads(live.presence_frame(many))["count"] == 15


def test_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 0.25, 0.25, 0.25, 0.75])
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    pace = live.Pace(burst=2, per_second=1)
    assert [pace.wait("a"), pace.wait("a")] == [0, 0]
    assert pace.wait("a") == 0.75
    assert pace.wait("b") == 0
    assert pace.wait("a") == 0.25


def test_the_newest_hundred(session: SupportSession, member: Person) -> None:
    for _ in range(105):
        factories.message(session, member.user)
    newest = [message.sequence for message in live.newest_messages(session)]
    assert newest == list(range(6, 106))
    after = [message.sequence for message in live.newest_messages(session, after=2)]
    assert after == list(range(3, 103))
