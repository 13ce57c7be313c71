"""The room over real sockets: real web processes, PostgreSQL and Redis.

Each test stands for a promise of docs/live-protocol.md.
"""

import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import time_machine
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from groups import actions as group_actions
from groups.models import Membership, SupportGroup
from sessions import actions, consumers, hub, live
from sessions.models import Attendance, Message, SupportSession
from supportgroups import embedded, privacy
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import Person
from tests.processes import wait_until
from tests.sessions.web import PATIENCE, Enter, Guest, Web, running

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


#: Seconds. An open socket is checked by the clock after ten at the earliest: what comes before
#: that came because somebody told it.
SOONER_THAN_THE_CLOCK = hub.CHECK_SECONDS / 2 - 1


def test_two_people_talk(enter: Enter, member: Person, other: Person) -> None:
    one, two = enter(member), enter(other)
    for number, (speaker, body) in enumerate(
        [(one, "Hello"), (two, "Hello you"), (one, "How <b>was</b> it?")], start=1
    ):
        client_id = speaker.say(body)
        assert speaker.until("sent")["sequence"] == number
        for guest in (one, two):
            if number not in guest.heard():
                guest.until("message", sequence=number, id=client_id)
    assert one.heard() == two.heard() == [1, 2, 3]
    mine = {frame["sender"] for frame in one.frames if frame["type"] == "message"}
    assert len(mine) == 2
    assert str(member.user.pk) not in json.dumps(one.frames)  # type: ignore[union-attr]
    last = [frame for frame in two.frames if frame["type"] == "message"][-1]
    assert "How &lt;b&gt;was&lt;/b&gt; it?" in last["html"]


def test_sent_again_it_is_there_once(enter: Enter, member: Person, other: Person) -> None:
    one, two = enter(member), enter(other)
    client_id = one.say("Once")
    first = one.until("sent")
    one.say("Once", client_id=client_id)
    assert one.until("sent") == first
    two.say("Next")
    two.until("message", sequence=2)
    assert two.heard() == [1, 2]


def test_who_was_away_gets_what_was_missed(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    for _ in range(250):
        factories.message(session, other.user)
    away = enter(member, after=7)
    assert away.heard() == list(range(8, 251))
    assert away.frames[-1] == {
        "type": "caught_up",
        "sequence": 250,
        "revision": 0,
        "count": 243,
    }
    enter(other, after=250).say("New")
    away.until("message", sequence=251)
    # Asked again in the middle, everything after that number comes again, then what is new.
    away.send(type="after", sequence=249)
    assert away.until("caught_up")["count"] == 2


def test_several_devices_of_one_person(enter: Enter, member: Person) -> None:
    phone, laptop = enter(member), enter(member)
    client_id = phone.say("From the phone")
    assert laptop.until("message")["id"] == client_id
    assert phone.until("sent")["sequence"] == 1


def test_presence(enter: Enter, session: SupportSession, member: Person, other: Person) -> None:
    one = enter(member)
    two = enter(other)
    present = one.until("presence", count=2)
    assert {person["name"] for person in present["people"]} == {"Member", "Other"}
    actions.leave_room(support_session=session, by=other.user)
    assert two.closed() == (4403, "not_entered")
    assert one.until("presence", count=1)["people"][0]["name"] == "Member"


def test_the_session_moves_on_and_ends(
    enter: Enter, session: SupportSession, member: Person, facilitator: Person
) -> None:
    one = enter(member)
    actions.next_agenda_item(support_session=session, version=0, by=facilitator.user)
    state = one.until("state", version=1)
    assert (state["part"], state["next"], state["status"]) == ("Theme", "Close", "live")
    assert "csrf" not in json.dumps(state)
    actions.end_session(support_session=session, version=1, by=facilitator.user)
    assert one.until("state", version=2)["status"] == "ended"
    assert one.closed() == (4410, "ended")


# Who does not belong ------------------------------------------------------------------------------


def _remove(session: SupportSession, member: Person, facilitator: Person) -> None:
    membership = Membership.objects.get(user=member.user)
    group_actions.remove(membership=membership, by=facilitator.user, reason="Agreed with them")


def _new_agreement(session: SupportSession, member: Person, facilitator: Person) -> None:
    group_actions.publish_agreement(group=session.group, text="New. Text.", by=facilitator.user)


def _leave(session: SupportSession, member: Person, facilitator: Person) -> None:
    member.client.post(reverse("sessions:room_leave", args=[session.pk]))


def _sign_out(session: SupportSession, member: Person, facilitator: Person) -> None:
    member.client.post(reverse("account_logout"))


@pytest.mark.parametrize(
    ("what", "code", "reason"),
    [
        (_remove, 4403, "membership_ended"),
        (_new_agreement, 4403, "agreement_unsigned"),
        (_leave, 4403, "not_entered"),
        (_sign_out, 4401, "signed_out"),
    ],
)
def test_who_no_longer_belongs_is_out_at_once(
    what: Callable[..., None],
    code: int,
    reason: str,
    enter: Enter,
    session: SupportSession,
    member: Person,
    facilitator: Person,
) -> None:
    gone, stays = enter(member), enter(facilitator)
    what(session, member, facilitator)
    assert gone.closed(seconds=SOONER_THAN_THE_CLOCK) == (code, reason)
    stays.say("Still here")
    assert stays.until("sent")["sequence"] == 1


def test_who_is_refused_hears_nothing(
    enter: Enter, session: SupportSession, member: Person, outsider: Person, applicant: Person
) -> None:
    one = enter(member)
    factories.entry(session, applicant.user)
    for person, answer in (
        (outsider, (4404, "unknown")),
        (applicant, (4403, "not_yet_member")),
    ):
        refused = enter(person, after=None)
        one.say("Not for everybody")
        assert refused.closed() == answer
        assert refused.frames == []


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:1",
        "https://localhost",
        "http://evil.example",
        "http://localhost:18100.evil",
        "null",
    ],
)
def test_foreign_origins_are_refused(origin: str, enter: Enter, member: Person) -> None:
    with pytest.raises(InvalidStatus) as no:
        enter(member, origin=origin)
    assert no.value.response.status_code == 403


# What no client of ours sends ---------------------------------------------------------------------

DEEP = "[" * 5000 + "]" * 5000


def test_bad_frames_close_only_their_own_socket(
    enter: Enter, member: Person, other: Person
) -> None:
    stays = enter(other)
    message = {"type": "message", "id": str(uuid4()), "body": "x"}
    cases: list[tuple[str | bytes, int]] = [
        (b"\x00\x01", 1003),
        ("not json", 1008),
        ("[]", 1008),
        (DEEP, 1008),
        ('{"type":"shout"}', 1008),
        ('{"type":"message"}', 1008),
        (json.dumps(message | {"id": "not-a-uuid"}), 1008),
        (json.dumps(message | {"body": 7}), 1008),
        ('{"type":"after","sequence":true}', 1008),
        ('{"type":"after","sequence":-1}', 1008),
        ('{"type":"after","sequence":"1"}', 1008),
        (json.dumps(message | {"body": "x" * 40_000}), 1009),
        ("x" * 80_000, 1009),
    ]
    for frame, code in cases:
        guest = enter(member, after=None)
        guest.until("hello")
        guest.line.send(frame)
        assert guest.closed()[0] == code, frame[:60]
    stays.say("Still here")
    assert stays.until("sent")["sequence"] == 1


def test_bad_bodies_are_refused_and_the_socket_stays(enter: Enter, member: Person) -> None:
    one = enter(member)
    for body, reason in (
        ("   ", "empty"),
        ("x" * 2001, "too_long"),
        ("nul \0", "characters"),
        ("half \ud83d", "characters"),
    ):
        client_id = one.say(body)
        assert one.until("refused", id=client_id)["reason"] == reason
    # Two thousand characters fit, however their JSON is escaped.
    one.say("🌿" * 2000)
    assert one.until("sent")["sequence"] == 1


def test_a_flood_of_whatever_closes_its_own_socket(
    enter: Enter, member: Person, other: Person
) -> None:
    flood, stays = enter(member), enter(other)
    with contextlib.suppress(ConnectionClosed):
        for _ in range(int(consumers.MOST_FRAMES["burst"]) * 3):
            flood.send(type="here")
    assert flood.closed() == (1008, "too_many_frames")
    stays.say("In peace")
    assert stays.until("sent")


def test_a_flood_slows_its_sender_only(enter: Enter, member: Person, other: Person) -> None:
    one, two = enter(member), enter(other)
    # Ten at once, then one a second: a slow machine lets a few more through.
    ids = [one.say(f"{number}") for number in range(40)]
    slowed = one.until("refused")
    taken = [frame["id"] for frame in one.frames if frame["type"] == "sent"]
    assert len(taken) >= 10
    assert taken == ids[: len(taken)]
    assert (slowed["reason"], slowed["id"]) == ("too_fast", ids[len(taken)])
    assert slowed["retry_after"] >= 1
    two.say("In peace")
    assert two.until("sent")

    def comes_later() -> bool:
        one.say("Again", client_id=slowed["id"])
        return Message.objects.filter(client_id=slowed["id"]).exists()

    wait_until(comes_later, seconds=PATIENCE, what="what was too fast is taken")
    assert one.until("sent", id=slowed["id"])


# When something breaks ----------------------------------------------------------------------------


def test_two_processes_are_one_room(
    web: Web,
    enter: Enter,
    session: SupportSession,
    member: Person,
    other: Person,
    facilitator: Person,
) -> None:
    with running() as second:
        here, there = enter(member), enter(other, at=second)
        here.until("presence", count=2)
        for number in range(1, 7):
            speaker = (here, there)[number % 2]
            speaker.say(str(number))
            for guest in (here, there):
                guest.until("message", sequence=number)
        assert here.heard() == there.heard() == [1, 2, 3, 4, 5, 6]
        actions.end_session(support_session=session, version=0, by=facilitator.user)
        assert here.closed() == there.closed() == (4410, "ended")


def test_a_killed_process_loses_nothing_that_it_promised(
    session: SupportSession, member: Person, other: Person
) -> None:
    """Acknowledged messages stay; what was not acknowledged is sent again and is there once."""
    with running(fast=True) as web:
        one = Guest(web, session.pk, member.client)
        ids = [one.say(f"Message {number}") for number in range(40)]
        sent = {one.until("sent")["id"] for _ in range(5)}
        web.kill()
        try:
            while True:
                frame = json.loads(one.line.recv(timeout=PATIENCE))
                sent |= {frame["id"]} if frame["type"] == "sent" else set()
        except ConnectionClosed:
            pass
        stored = {str(found) for found in Message.objects.values_list("client_id", flat=True)}
        assert sent <= stored
        web.start()
        again = Guest(web, session.pk, member.client, after=0)
        for client_id in ids:
            if client_id not in sent:
                again.say("Again", client_id=client_id)
                again.until("sent", id=client_id)
        watcher = Guest(web, session.pk, other.client, after=0)
        assert watcher.heard() == list(range(1, 41))
        for guest in (again, watcher):
            guest.leave()
    assert Message.objects.count() == 40


def test_a_restart_of_redis_loses_nothing(
    tmp_path: Path, session: SupportSession, member: Person, other: Person
) -> None:
    """While Redis is away messages are kept and still come, read from the database."""
    server = embedded.Redis(tmp_path / "redis", "secret", durable=False)
    server.start()
    try:
        with running(redis_url=server.url(), fast=True) as web:
            one, two = (Guest(web, session.pk, p.client) for p in (member, other))
            one.say("Before")
            two.until("message", sequence=1)
            server.kill()
            one.say("While it is away")
            one.until("sent", sequence=2)
            two.until("message", sequence=2)
            server.start()
            for number in range(3, 8):
                one.say(str(number))
                two.until("message", sequence=number)
            one.until("message", sequence=7)
            assert one.heard() == two.heard() == list(range(1, 8))
            with redis.Redis.from_url(server.url()) as client:
                topic = live.room_topic(session.pk)
                wait_until(
                    lambda: client.publish(topic, f"m8 {live.frame('message', sequence=8)}"),
                    seconds=PATIENCE,
                    what="somebody listens to Redis again",
                )
            # It is in no table, so it came by Redis.
            two.until("message", sequence=8)
            if [frame["count"] for frame in two.frames if frame["type"] == "presence"][-1] != 2:
                # A Redis that was started again asks who is here; both must answer.
                one.until("still_here")
                two.until("presence", count=2)
            for guest in (one, two):
                guest.leave()
    finally:
        server.stop()


def test_being_there_is_attendance(
    enter: Enter, session: SupportSession, member: Person, facilitator: Person
) -> None:
    before = Attendance.objects.get(membership__user=member.user)
    Attendance.objects.update(last_seen_at=session.starts_at)
    enter(member)
    after = Attendance.objects.get(membership__user=member.user)
    assert after.first_seen_at == before.first_seen_at
    assert after.last_seen_at is not None
    assert after.last_seen_at > session.starts_at


def test_an_unchanged_right_is_one_statement(
    session: SupportSession, member: Person, django_assert_num_queries: Any
) -> None:
    """A thousand open sockets are asked after every 20 seconds: the rules only when they must."""
    key, user = member.client.session.row_id, member.user
    standing = consumers._check(key, user.pk, session.pk, None, answered=False)
    with django_assert_num_queries(0):  # the prepared one is not Django's own
        again = consumers._check(key, user.pk, session.pk, standing, answered=False)
    assert again is standing
    actions.leave_room(support_session=session, by=user)
    with pytest.raises(Refused) as no:
        consumers._check(key, user.pk, session.pk, standing, answered=False)
    assert no.value.reason == "not_entered"


def test_a_waiting_area_that_nobody_opened_closes(group: SupportGroup, member: Person) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    waiting = factories.support_session(group, starts_at=soon)
    actions.enter_room(support_session=waiting, by=member.user)
    key, user = member.client.session.row_id, member.user
    standing = consumers._check(key, user.pk, waiting.pk, None, answered=False)
    later = soon + timedelta(minutes=91)
    with time_machine.travel(later, tick=False), pytest.raises(Refused) as no:
        consumers._check(key, user.pk, waiting.pk, standing, answered=False)
    assert no.value.reason == "not_held"


def test_a_waiting_area_closes_as_soon_as_its_group_pauses(
    group: SupportGroup, member: Person
) -> None:
    """Before the clock calls the session off: the next look at the socket is a no."""
    soon = timezone.now() + timedelta(minutes=5)
    waiting = factories.support_session(group, starts_at=soon)
    actions.enter_room(support_session=waiting, by=member.user)
    key, user = member.client.session.row_id, member.user
    standing = consumers._check(key, user.pk, waiting.pk, None, answered=False)
    assert consumers._check(key, user.pk, waiting.pk, standing, answered=False) is standing
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    for before in (standing, None):
        with pytest.raises(Refused) as no:
            consumers._check(key, user.pk, waiting.pk, before, answered=False)
        assert no.value.reason == "group_paused"
    room = member.client.get(reverse("sessions:room", args=[waiting.pk]))
    assert b"This group pauses at the moment." in room.content


def test_closing_an_account_closes_its_sockets_and_empties_its_lines(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    gone, stays = enter(other), enter(member)
    gone.say("My own words")
    stays.until("message", sequence=1)
    assert privacy.erase(other.user)
    assert gone.closed()[0] == consumers.SIGNED_OUT
    changed = stays.until("changed", sequence=1)
    assert "My own words" not in changed["html"]
    kept = redis.Redis.from_url(settings.REDIS_URL)
    token = live.sender_token(session.pk, other.user.pk)
    assert not [key for key in kept.scan_iter() if str(other.user.pk) in key.decode()]
    assert token.encode() not in b"".join(kept.hkeys(f"room:{session.pk}:people"))
    assert "Its writer has left" in changed["html"]
    stays.say("Still here")
    assert stays.until("sent")["sequence"] == 2
