"""What breaks and comes back: every acknowledged message is there, once and in order.

`benchmarks/faults_live_room.py` does it to whole processes, for longer and with many at once.
"""

import os
import time
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis

from sessions import live, talk_actions
from sessions.models import Message, SupportSession
from tests.cast import Person
from tests.line import line
from tests.sessions.web import Enter, Guest, running

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def _insist(guest: Guest, body: str, client_id: str) -> int:
    """Send it with one id until it is acknowledged, as a client does."""
    while True:
        guest.say(body, client_id=client_id)
        answer = guest.answer(client_id)
        if answer["type"] == "sent":
            return int(answer["sequence"])
        assert answer["reason"] == "try_again"
        time.sleep(0.1)


def test_a_restart_of_the_database_loses_nothing(
    session: SupportSession, member: Person, other: Person
) -> None:
    """Its connections break and new ones are refused for a while. Nobody's socket closes."""
    port = urlsplit(os.environ["DATABASE_URL"]).port
    assert port is not None
    first, lost, last = (str(uuid4()) for _ in range(3))
    with line(port) as database, running(database_port=database.port, fast=True) as web:
        one, two = (Guest(web, session.pk, person.client) for person in (member, other))
        assert _insist(one, "Before", first) == 1
        database.cut()
        one.say("While it is away", client_id=lost)
        assert one.answer(lost)["reason"] == "try_again"
        database.mend()
        assert _insist(one, "Afterwards", last) == 2
        assert _insist(one, "While it is away", lost) == 3
        assert _insist(one, "While it is away", lost) == 3
        for guest in (one, two):
            while guest.heard()[-1:] != [3]:
                guest.until("message")
            assert guest.heard() == [1, 2, 3]
            guest.leave()
    stored = Message.objects.order_by("sequence").values_list("client_id", flat=True)
    assert [str(client_id) for client_id in stored] == [first, last, lost]


def test_a_frozen_client_holds_up_nobody_and_catches_up(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    """It reads nothing while another process has 400 messages, and comes back when it thaws."""
    reads, frozen = enter(other), enter(member, receive_buffer=4096)
    said = Message.objects.bulk_create(
        Message(
            support_session=session,
            sender=other.user,
            sequence=number,
            client_id=uuid4(),
            body=str(number),
            sent_at=session.starts_at,
        )
        for number in range(1, 401)
    )
    SupportSession.objects.filter(pk=session.pk).update(message_count=400)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        for number in range(1, 401):
            # So long that no buffer on the way takes them all.
            text = live.frame("message", sequence=number, id="", sender="", html="x" * 60_000)
            client.publish(live.room_topic(session.pk), f"m{number} {text}")
            if number % 20 == 0:
                while len(reads.heard()) < number:
                    reads.until("message")
    assert frozen.closed()[0] == 1013
    reached = len(frozen.heard())
    assert frozen.heard() == list(range(1, reached + 1))
    assert 0 < reached < 400
    talk_actions.touch(said[0])
    back = enter(member, after=reached)
    assert back.heard() == list(range(reached + 1, 401))
    assert [frame["sequence"] for frame in back.of("changed")] == [1]
    reads.until("changed", sequence=1)
    assert reads.heard() == list(range(1, 401))
