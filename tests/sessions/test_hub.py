"""What a process hands out, whatever Redis loses, delays or turns round."""

import asyncio
from uuid import uuid4

import pytest

from sessions import hub, talk_actions
from sessions.hub import News, Room, Socket
from sessions.models import SupportSession
from tests import factories
from tests.cast import Person


async def _nothing() -> None:
    """A socket that is never checked."""


class Listening:
    """A room at its beginning, with one socket that has caught up."""

    def __init__(self) -> None:
        self.room = Room(uuid4())
        self.room.is_behind(0, 0, 0)
        self.socket = Socket(self.room.session_id, uuid4(), _nothing)
        self.socket.admitted, self.socket.last = True, 0
        self.room.sockets.add(self.socket)

    def heard(self) -> list[str | None]:
        return [self.socket.queue.get_nowait() for _ in range(self.socket.queue.qsize())]


def test_a_change_waits_for_what_it_changes_and_for_the_change_before() -> None:
    async def run() -> None:
        one = Listening()
        for payload in ("c2.1 second change", "c1.2 change of 2", "m2 two", "m1 one"):
            one.room.hear(payload)
        assert one.heard() == ["one", "two", "change of 2", "second change"]
        assert not one.room.waits
        for again in ("c1.2 change of 2", "c2.1 second change", "m1 one"):
            one.room.hear(again)
        assert one.heard() == []

    asyncio.run(run())


def test_what_redis_lost_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Message 2 was said and changed; nobody told of it but of the change after it."""

    async def read(session_id: object, last: int, revision: int) -> News:
        assert (last, revision) == (1, 0)
        return News(
            "p",
            3,
            messages=[(2, "two as it is")],
            changes=[(2, 2, "never needed"), (3, 1, "change of 1")],
        )

    async def run() -> None:
        one = Listening()
        one.room.hear("m1 one")
        one.room.hear("c3.1 change of 1")
        assert one.room.waits
        assert one.heard() == ["one"]
        await one.room.read()
        assert one.heard() == ["two as it is", "change of 1"]
        assert (one.room.last, one.room.revision, one.room.waits) == (2, 3, False)

    monkeypatch.setattr(hub, "_read_room", read)
    asyncio.run(run())


def test_a_message_that_came_while_it_was_read_is_changed_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one: Listening

    async def read(session_id: object, last: int, revision: int) -> News:
        one.room.hear("m1 one as it was said")
        return News("p", 1, messages=[(1, "one as it is")], changes=[(1, 1, "changed one")])

    async def run() -> None:
        nonlocal one
        one = Listening()
        await one.room.read()
        assert one.heard() == ["one as it was said", "changed one"]

    monkeypatch.setattr(hub, "_read_room", read)
    asyncio.run(run())


def test_one_that_is_catching_up_is_handed_nothing() -> None:
    async def run() -> None:
        one = Listening()
        one.socket.last = None
        one.room.hear("m1 one")
        one.room.hear("c1.1 changed")
        assert one.heard() == []

    asyncio.run(run())


def test_a_part_for_those_who_lead_is_never_offered_to_others() -> None:
    async def run() -> None:
        one = Listening()
        one.socket.offer_part("line", "secret")
        assert one.heard() == []
        one.socket.leads = True
        one.socket.offer_part("line", "secret")
        one.socket.offer_part("line", "secret")
        assert len(one.heard()) == 1, "the same words once"

    asyncio.run(run())


def test_reading_a_room(group, member: Person) -> None:
    session = factories.support_session(group, status="live")
    said = [factories.message(session, member.user) for _ in range(3)]
    talk_actions.touch(said[0])
    answer = factories.message(session, member.user, reply_to=said[1])
    talk_actions.touch(said[1])
    session.refresh_from_db()
    assert (session.message_count, session.change_count) == (4, 3)
    revisions = dict(session.messages.values_list("sequence", "revision"))
    assert revisions == {1: 1, 2: 2, 3: 0, answer.sequence: 3}, "an answer quotes what changed"
    news = hub.read_room(SupportSession.objects.get(pk=session.pk).pk, 3, 1)
    assert [number for number, _ in news.messages] == [4]
    assert [(revision, number) for revision, number, _ in news.changes] == [(2, 2), (3, 4)]
