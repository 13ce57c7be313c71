"""The room's verbs: enter, speak, lead, end."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.models import Event
from groups.actions import publish_agreement, withdraw
from groups.models import Membership, SupportGroup
from safeguarding.models import Concern
from sessions import actions, live
from sessions.models import AgendaTemplateItem, Attendance, Entry, Message, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import Person

NOW = timezone.now


@pytest.fixture
def waiting(group: SupportGroup) -> SupportSession:
    """It starts in five minutes: the waiting area is open."""
    return factories.support_session(group, starts_at=NOW() + timedelta(minutes=5))


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    """A session in its first part, with the member and the facilitator in the room."""
    made = factories.support_session(group, status="live")
    factories.agenda(made)
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


def say(session: SupportSession, by: Any, body: str = "Hello", **more: Any) -> Message:
    more.setdefault("client_id", uuid4())
    return actions.post_message(support_session=session, body=body, by=by, **more)


def refusal(action: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(Refused) as no:
        action(**arguments)
    return no.value.reason


# Entering and leaving -----------------------------------------------------------------------------


def test_entering_is_presence(waiting: SupportSession, member: Person) -> None:
    actions.enter_room(support_session=waiting, by=member.user)
    entry = Entry.objects.get()
    attendance = Attendance.objects.get()
    assert (entry.user, entry.left_at) == (member.user, None)
    assert attendance.first_seen_at == attendance.last_seen_at == entry.accepted_at
    assert Event.objects.filter(verb="room.entered").count() == 1


def test_entering_twice_is_one_entry(waiting: SupportSession, member: Person) -> None:
    at = NOW()
    actions.enter_room(support_session=waiting, by=member.user, at=at)
    later = at + timedelta(minutes=2)
    actions.enter_room(support_session=waiting, by=member.user, at=later)
    attendance = Attendance.objects.get()
    assert (attendance.first_seen_at, attendance.last_seen_at) == (at, later)
    assert Entry.objects.count() == Event.objects.filter(verb="room.entered").count() == 1


def test_a_facilitator_enters_without_attendance(
    waiting: SupportSession, facilitator: Person
) -> None:
    assert actions.enter_room(support_session=waiting, by=facilitator.user).leads
    assert not Attendance.objects.exists()


@pytest.mark.parametrize(
    ("minutes", "status", "reason"),
    [
        (11, "scheduled", "not_open_yet"),
        (-100, "scheduled", "not_held"),
        (5, "cancelled", "cancelled"),
        (-100, "ended", "ended"),
    ],
)
def test_the_room_is_closed(
    group: SupportGroup, member: Person, minutes: int, status: str, reason: str
) -> None:
    session = factories.support_session(
        group, status=status, starts_at=NOW() + timedelta(minutes=minutes)
    )
    assert refusal(actions.enter_room, support_session=session, by=member.user) == reason


@pytest.mark.parametrize("who", ["outsider", "applicant", "coordinator", "other_coordinator"])
def test_who_may_not_enter(who: str, cast: dict[str, Person], waiting: SupportSession) -> None:
    assert refusal(actions.enter_room, support_session=waiting, by=cast[who].user)
    assert not Entry.objects.exists()


def test_leaving_ends_the_entry(running: SupportSession, member: Person) -> None:
    actions.leave_room(support_session=running, by=member.user)
    assert Entry.objects.get(user=member.user).left_at is not None
    assert Event.objects.filter(verb="room.left").count() == 1
    actions.leave_room(support_session=running, by=member.user)
    assert Event.objects.filter(verb="room.left").count() == 1
    assert refusal(say, session=running, by=member.user) == "not_entered"


def test_coming_back_keeps_the_first_arrival(running: SupportSession, member: Person) -> None:
    first = Attendance.objects.get().first_seen_at
    actions.leave_room(support_session=running, by=member.user)
    actions.enter_room(support_session=running, by=member.user, at=NOW() + timedelta(minutes=20))
    assert Attendance.objects.get().first_seen_at == first
    assert Entry.objects.filter(user=member.user).count() == 2


def test_a_sign_of_life_is_written_down_now_and_then(
    running: SupportSession, member: Person
) -> None:
    seen = Attendance.objects.get().last_seen_at
    assert seen is not None
    for seconds, moves in ((10, False), (40, True)):
        at = seen + timedelta(seconds=seconds)
        actions.stay_in_room(support_session=running, people=[member.user.pk], at=at)
        assert (Attendance.objects.get().last_seen_at == at) is moves


# Speaking -----------------------------------------------------------------------------------------


def test_messages_are_numbered_in_order(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    assert [
        (m.sequence, m.is_from_facilitator)
        for m in (
            say(running, member.user),
            say(running, facilitator.user),
            say(running, member.user),
        )
    ] == [(1, False), (2, True), (3, False)]
    running.refresh_from_db()
    assert running.message_count == 3


def test_sending_again_is_one_message(running: SupportSession, member: Person) -> None:
    client_id = uuid4()
    first = say(running, member.user, client_id=client_id, body="Once")
    again = say(running, member.user, client_id=client_id, body="Something else")
    assert (again.sequence, again.body, again.sent_at) == (1, "Once", first.sent_at)
    assert Message.objects.count() == 1
    assert say(running, member.user).sequence == 2


def test_two_people_may_use_the_same_id(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    client_id = uuid4()
    assert say(running, member.user, client_id=client_id).sequence == 1
    assert say(running, facilitator.user, client_id=client_id).sequence == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (" \n ", "empty"),
        ("x" * 2001, "too_long"),
        ("nul \0 byte", "characters"),
        ("half \ud83d pair", "characters"),
    ],
)
def test_bodies_that_cannot_be(
    running: SupportSession, member: Person, body: str, reason: str
) -> None:
    assert refusal(say, session=running, by=member.user, body=body) == reason
    assert say(running, member.user).sequence == 1


def test_a_body_is_trimmed_and_kept(running: SupportSession, member: Person) -> None:
    assert say(running, member.user, body="  two\r\nlines 🌿 ").body == "two\nlines 🌿"
    assert Message.objects.get().body == "two\nlines 🌿"


def test_nobody_speaks_before_the_start(waiting: SupportSession, member: Person) -> None:
    actions.enter_room(support_session=waiting, by=member.user)
    assert refusal(say, session=waiting, by=member.user) == "not_live"


def test_nobody_speaks_after_the_end(running: SupportSession, member: Person) -> None:
    actions.end_session(support_session=running, by=None)
    assert refusal(say, session=running, by=member.user) == "ended"


@pytest.mark.parametrize("who", ["outsider", "applicant", "coordinator", "other_coordinator"])
def test_who_may_not_speak(who: str, cast: dict[str, Person], running: SupportSession) -> None:
    factories.entry(running, cast[who].user)
    assert refusal(say, session=running, by=cast[who].user)
    assert not Message.objects.exists()


def test_who_left_the_group_may_not_speak(running: SupportSession, member: Person) -> None:
    withdraw(membership=Membership.objects.get(user=member.user), by=member.user)
    assert refusal(say, session=running, by=member.user) == "membership_ended"


def test_who_has_not_signed_the_new_agreement_may_not_speak(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    publish_agreement(group=running.group, text="Newer. Words.", by=facilitator.user)
    assert refusal(say, session=running, by=member.user) == "agreement_unsigned"


def test_the_sign_in_must_hold(running: SupportSession, member: Person) -> None:
    key = member.client.session.row_id
    assert say(running, member.user, sign_in=key).sequence == 1
    member.client.logout()
    with pytest.raises(Refused):
        say(running, member.user, sign_in=key)
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_message_at_the_same_moment_leaves_no_gap(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    """Real threads, real database: many tries of few messages, each kept once, without a gap."""
    ids = [uuid4() for _ in range(6)]
    start = threading.Barrier(8)
    numbers: set[tuple[UUID, int]] = set()

    def sender() -> None:
        start.wait()
        try:
            for client_id in ids:
                message = say(running, member.user, client_id=client_id)
                numbers.add((client_id, message.sequence))
        finally:
            connection.close()

    threads = [threading.Thread(target=sender) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for _, number in numbers) == [1, 2, 3, 4, 5, 6]
    assert sorted(Message.objects.values_list("sequence", flat=True)) == [1, 2, 3, 4, 5, 6]
    running.refresh_from_db()
    assert running.message_count == 6


@pytest.mark.django_db(transaction=True)
def test_a_message_and_the_end_at_the_same_moment(running: SupportSession, member: Person) -> None:
    """A message either stands before the end or is refused; none comes after it."""
    outcome: list[str] = []

    def sender() -> None:
        try:
            say(running, member.user)
            outcome.append("kept")
        except Refused as no:
            outcome.append(no.reason)
        finally:
            connection.close()

    with transaction.atomic():
        actions.end_session(support_session=running, by=None)
        thread = threading.Thread(target=sender)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join()
    assert outcome == ["ended"]
    assert not Message.objects.exists()


def test_it_is_published_once_and_only_when_committed(
    running: SupportSession,
    member: Person,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    published: list[str] = []
    monkeypatch.setattr(live, "_publish", lambda session_id, payload: published.append(payload))
    client_id = uuid4()
    with django_capture_on_commit_callbacks(execute=True):
        say(running, member.user, client_id=client_id)
        assert published == []
    with django_capture_on_commit_callbacks(execute=True):
        say(running, member.user, client_id=client_id)
    assert [payload.split(" ", 1)[0] for payload in published] == ["m1"]


# Leading ------------------------------------------------------------------------------------------


def test_beginning_copies_the_plan_and_starts_its_first_part(
    waiting: SupportSession, facilitator: Person
) -> None:
    for position, title in enumerate(["Arrive", "Close"], start=1):
        AgendaTemplateItem.objects.create(
            group=waiting.group, position=position, title=title, minutes=10
        )
    begun = actions.begin_session(support_session=waiting, version=0, by=facilitator.user)
    assert (begun.status, begun.version, begun.began_by) == ("live", 1, facilitator.user)
    current = begun.current_item()
    assert current is not None
    assert current.title == "Arrive"
    assert begun.agenda.count() == 2


def test_an_agenda_that_is_there_is_kept(waiting: SupportSession, facilitator: Person) -> None:
    AgendaTemplateItem.objects.create(group=waiting.group, position=1, title="Other", minutes=5)
    factories.agenda(waiting, current=0)
    actions.begin_session(support_session=waiting, version=0, by=facilitator.user)
    assert [item.title for item in waiting.agenda.all()] == ["Check in", "Theme", "Close"]


def test_moving_on_to_the_last_part(running: SupportSession, facilitator: Person) -> None:
    for version in (0, 1):
        actions.next_agenda_item(support_session=running, version=version, by=facilitator.user)
    current = running.current_item()
    assert current is not None
    assert current.title == "Close"
    assert running.agenda.filter(ended_at__isnull=False).count() == 2
    reason = refusal(
        actions.next_agenda_item, support_session=running, version=2, by=facilitator.user
    )
    assert reason == "last_part"


def test_five_more_minutes(running: SupportSession, facilitator: Person) -> None:
    actions.extend_agenda_item(support_session=running, version=0, by=facilitator.user)
    current = running.current_item()
    assert current is not None
    assert current.minutes == 25


@pytest.mark.parametrize(
    "action",
    [
        actions.begin_session,
        actions.next_agenda_item,
        actions.extend_agenda_item,
        actions.end_session,
    ],
)
def test_an_older_version_changes_nothing(
    action: Callable[..., Any], running: SupportSession, facilitator: Person
) -> None:
    """Two facilitators at once: the second one's button was pressed on an older room."""
    actions.extend_agenda_item(support_session=running, version=0, by=facilitator.user)
    before = list(running.agenda.values())
    assert (
        refusal(action, support_session=running, version=0, by=facilitator.user) == "state_changed"
    )
    assert list(running.agenda.values()) == before


@pytest.mark.parametrize(
    "action",
    [
        actions.begin_session,
        actions.next_agenda_item,
        actions.extend_agenda_item,
        actions.end_session,
    ],
)
def test_only_facilitators_lead(
    action: Callable[..., Any], running: SupportSession, member: Person
) -> None:
    reason = refusal(action, support_session=running, version=0, by=member.user)
    assert reason == "not_facilitator"


def test_one_session_of_a_group_at_a_time(
    running: SupportSession, waiting: SupportSession, facilitator: Person
) -> None:
    reason = refusal(actions.begin_session, support_session=waiting, version=0, by=facilitator.user)
    assert reason == "other_live"


def test_each_step_leaves_an_event(waiting: SupportSession, facilitator: Person) -> None:
    factories.agenda(waiting, current=0)
    by = facilitator.user
    actions.begin_session(support_session=waiting, version=0, by=by)
    actions.extend_agenda_item(support_session=waiting, version=1, by=by)
    actions.next_agenda_item(support_session=waiting, version=2, by=by)
    actions.end_session(support_session=waiting, version=3, by=by)
    events = Event.objects.filter(object_id=waiting.pk).order_by("recorded_at")
    assert [event.verb for event in events] == [
        "session.began",
        "agenda.extended",
        "agenda.moved_on",
        "session.ended",
    ]
    assert {event.actor_id for event in events} == {facilitator.user.pk}  # type: ignore[union-attr]


# Ending -------------------------------------------------------------------------------------------


def test_ending_settles_who_came(group: SupportGroup, facilitator: Person) -> None:
    start = NOW() - timedelta(minutes=90)
    session = factories.support_session(group, status="live", starts_at=start)
    cases = {
        "attended": (-5, 88),
        "late": (15, 88),
        "left_early": (2, 50),
        "no_show": None,
        "excused": None,
    }
    for status, seen in cases.items():
        membership = factories.member(group, user=factories.user(display_name=status))
        if seen:
            factories.attendance(
                session,
                membership,
                status="expected",
                first_seen_at=start + timedelta(minutes=seen[0]),
                last_seen_at=start + timedelta(minutes=seen[1]),
            )
        elif status == "excused":
            factories.attendance(session, membership, status="excused")
    joined_meanwhile = factories.member(group, activated_at=NOW())
    left_meanwhile = factories.membership(group=group, status="withdrawn")
    actions.end_session(
        support_session=session, version=0, by=facilitator.user, at=start + timedelta(minutes=90)
    )
    found = Attendance.objects.filter(support_session=session).select_related("membership__user")
    assert {row.membership.user.display_name: row.status for row in found} == {
        status: status for status in cases
    }
    assert not Attendance.objects.filter(membership__in=[joined_meanwhile, left_meanwhile]).exists()


def test_ending_closes_the_room(running: SupportSession, facilitator: Person) -> None:
    ended = actions.end_session(support_session=running, version=0, by=facilitator.user)
    assert ended.status == "ended"
    assert ended.ended_by == facilitator.user
    assert ended.current_item() is None
    assert not Entry.objects.filter(left_at__isnull=True).exists()
    assert refusal(actions.end_session, support_session=running, by=None) == "state_changed"


def test_the_clock_ends_a_forgotten_session(running: SupportSession) -> None:
    assert actions.end_session(support_session=running, by=None).ended_by is None
    assert Event.objects.get(verb="session.ended").actor_id is None


# Concerns -----------------------------------------------------------------------------------------


def test_a_concern_opens_once(
    running: SupportSession, member: Person, facilitator: Person, coordinator: Person
) -> None:
    occasion = uuid4()
    for _ in range(2):
        actions.raise_concern(
            support_session=running,
            about=member.user,
            detail="Very quiet, said goodbye twice.",
            occasion=occasion,
            by=facilitator.user,
        )
    concern = Concern.objects.get()
    assert (concern.about, concern.source, concern.assigned_to) == (
        member.user,
        "live",
        coordinator.user,
    )


def test_a_concern_is_about_somebody_in_the_room(
    running: SupportSession, facilitator: Person, outsider: Person
) -> None:
    reason = refusal(
        actions.raise_concern,
        support_session=running,
        about=outsider.user,
        detail="Who?",
        occasion=uuid4(),
        by=facilitator.user,
    )
    assert reason == "not_in_room"
