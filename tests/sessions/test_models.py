"""What the database refuses about sessions."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from groups.models import SupportGroup
from sessions.models import (
    AgendaItem,
    AgendaTemplateItem,
    Attendance,
    Booking,
    CalendarFeed,
    DayOff,
    Entry,
    Knock,
    LineMessage,
    Message,
    Reaction,
    SupportSession,
)
from tests import factories


@pytest.fixture
def refuses():
    """Fails unless the database refuses with the named constraint."""

    def check(constraint, write):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            write()

    return check


def test_a_group_has_one_current_series(group, refuses):
    factories.series(group)
    refuses("sessions_series_one_current", lambda: factories.series(group))
    factories.series(group, ended_at=timezone.now())


def test_a_session_has_a_possible_length(group, refuses):
    refuses("sessions_series_minutes_possible", lambda: factories.series(group, minutes=5))


def test_parts_have_one_place(group, refuses):
    AgendaTemplateItem.objects.create(group=group, position=1, title="Check in", minutes=10)
    refuses(
        "sessions_agendatemplateitem_position_once",
        lambda: AgendaTemplateItem.objects.create(
            group=group, position=1, title="Theme", minutes=10
        ),
    )


def test_a_series_makes_each_session_once(group, refuses):
    series = factories.series(group)
    first = factories.support_session(group, series=series)
    refuses(
        "sessions_supportsession_once",
        lambda: factories.support_session(group, series=series, recurrence_id=first.recurrence_id),
    )


def test_a_session_has_a_known_state(group, refuses):
    held = factories.support_session(group)
    refuses(
        "sessions_supportsession_status_known",
        lambda: SupportSession.objects.filter(pk=held.pk).update(status="lost"),
    )


def test_a_session_ends_after_its_start(group, refuses):
    now = timezone.now()
    refuses(
        "sessions_supportsession_ends_after_start",
        lambda: factories.support_session(group, starts_at=now, ends_at=now),
    )


def test_an_ended_session_says_when(group, refuses):
    refuses(
        "sessions_supportsession_ended_dated",
        lambda: factories.support_session(group, status="ended", ended_at=None),
    )


def test_a_group_has_one_live_session(group, refuses):
    factories.support_session(group, status="live")
    refuses(
        "sessions_supportsession_one_live",
        lambda: factories.support_session(group, status="live"),
    )


def test_one_part_runs_at_a_time(group, refuses):
    held = factories.support_session(group, status="live")
    factories.agenda(held)
    refuses(
        "sessions_agendaitem_one_current",
        lambda: AgendaItem.objects.create(
            support_session=held, position=9, title="More", minutes=5, began_at=timezone.now()
        ),
    )
    refuses(
        "sessions_agendaitem_position_once",
        lambda: AgendaItem.objects.create(
            support_session=held, position=1, title="More", minutes=5
        ),
    )


def test_a_member_attends_once(group, refuses):
    held = factories.support_session(group, status="ended")
    membership = factories.member(group)
    row = factories.attendance(held, membership)
    refuses("sessions_attendance_once", lambda: factories.attendance(held, membership))
    refuses(
        "sessions_attendance_status_known",
        lambda: type(row).objects.filter(pk=row.pk).update(status="asleep"),
    )


def test_a_person_is_in_the_room_once(group, refuses):
    held = factories.support_session(group, status="live")
    person = factories.user()
    first = factories.entry(held, person)
    refuses("sessions_entry_one_open", lambda: factories.entry(held, person))
    Entry.objects.filter(pk=first.pk).update(left_at=timezone.now())
    factories.entry(held, person)


def test_messages_are_numbered_and_sent_once(group, refuses):
    held = factories.support_session(group, status="live")
    person, client_id = factories.user(), uuid4()
    factories.message(held, person, client_id=client_id)
    refuses("sessions_message_sequence_once", lambda: factories.message(held, person, sequence=1))
    refuses(
        "sessions_message_sent_once",
        lambda: factories.message(held, person, client_id=client_id),
    )


def test_a_reminder_of_a_kind_is_made_once(group, refuses):
    held = factories.support_session(group)
    person = factories.user()
    factories.reminder(held, person)
    refuses("sessions_reminder_once", lambda: factories.reminder(held, person))
    factories.reminder(held, person, kind="moved", calendar_sequence=1)
    factories.reminder(held, person, kind="moved", calendar_sequence=2)
    refuses(
        "sessions_reminder_once",
        lambda: factories.reminder(held, person, kind="moved", calendar_sequence=2),
    )
    refuses("sessions_reminder_kind_known", lambda: factories.reminder(held, person, kind="soon"))


def test_moves_lead_only_forward(group):
    """Every state is in the table; only what was called off comes back."""
    assert SupportSession.MOVES.keys() == set(SupportSession.Status)
    reachable = {state for states in SupportSession.MOVES.values() for state in states}
    assert reachable == set(SupportSession.Status)
    back = [state for state, to in SupportSession.MOVES.items() if "scheduled" in to]
    assert back == [SupportSession.Status.CANCELLED]


def test_the_room_opens_ten_minutes_before(group):
    held = factories.support_session(group)
    assert held.starts_at - held.opens_at == timedelta(minutes=10)


@pytest.fixture
def book(group):
    """Book a facilitator or a room for a session."""

    def make(held, **fields):
        fields.setdefault("organisation", held.group.organisation)
        fields.setdefault("period", (held.starts_at, held.ends_at))
        return Booking.objects.create(support_session=held, **fields)

    return make


def test_a_booking_is_of_one_thing(group, book, refuses):
    held = factories.support_session(group)
    refuses("sessions_booking_one_thing", lambda: book(held))
    refuses(
        "sessions_booking_one_thing", lambda: book(held, facilitator=factories.user(), room="Hall")
    )


def test_a_facilitator_is_in_one_place_at_a_time(group, book, refuses):
    held, other = factories.support_session(group), factories.support_session(group)
    person = factories.user()
    book(held, facilitator=person)
    refuses("sessions_booking_facilitator_once", lambda: book(other, facilitator=person))
    book(other, facilitator=factories.user())
    later = (held.ends_at, held.ends_at + timedelta(hours=1))
    book(other, facilitator=person, period=later)


def test_a_room_is_held_once_at_a_time(group, book, refuses):
    held, other = factories.support_session(group), factories.support_session(group)
    book(held, room="Garden room")
    refuses("sessions_booking_room_once", lambda: book(other, room="garden Room"))
    book(other, room="garden Room", organisation=factories.organisation())


def test_a_session_books_each_thing_once(group, book, refuses):
    held = factories.support_session(group)
    person = factories.user()
    later = (held.ends_at, held.ends_at + timedelta(hours=1))
    book(held, room="Hall")
    book(held, facilitator=person)
    refuses("sessions_booking_each_once", lambda: book(held, room="Cellar", period=later))
    refuses("sessions_booking_each_once", lambda: book(held, facilitator=person, period=later))


def test_a_day_is_off_once(group, refuses):
    organisation, day = group.organisation, timezone.localdate()
    for of_group in (None, group):
        ask = {"organisation": organisation, "group": of_group, "day": day, "name": "Off"}
        DayOff.objects.create(**ask)
        refuses("sessions_dayoff_once", lambda ask=ask: DayOff.objects.create(**ask))


def test_a_person_has_one_calendar_of_a_kind(group, refuses):
    person = factories.user()
    for of_group in (None, group):
        ask = {"user": person, "group": of_group, "nonce": "n"}
        CalendarFeed.objects.create(**ask)
        refuses("sessions_calendarfeed_once", lambda ask=ask: CalendarFeed.objects.create(**ask))


def test_a_cancelled_session_says_why_and_no_other_does(group, refuses):
    name = "sessions_supportsession_cancelled_for_known"
    held = factories.support_session(group)
    rows = SupportSession.objects.filter(pk=held.pk)
    refuses(name, lambda: rows.update(status="cancelled"))
    refuses(name, lambda: rows.update(cancelled_for="by_hand"))
    refuses(name, lambda: rows.update(status="cancelled", cancelled_for="weather"))
    rows.update(status="cancelled", cancelled_for="day_off")


def test_somebody_knocks_once_and_is_answered_once(group, refuses):
    session, person = factories.support_session(group, status="live"), factories.user()
    Knock.objects.create(support_session=session, user=person)
    refuses(
        "sessions_knock_once",
        lambda: Knock.objects.create(support_session=session, user=person),
    )
    refuses("sessions_knock_answer_dated", lambda: Knock.objects.update(is_let_in=True))


def test_people_come_in_a_known_way(group, refuses):
    session, membership = factories.support_session(group), factories.member(group)
    refuses(
        "sessions_attendance_came_by_known",
        lambda: Attendance.objects.create(
            support_session=session, membership=membership, came_by="by_sea"
        ),
    )


def test_turns_and_doors_have_possible_minutes(group, refuses):
    for constraint, minutes in (
        ("groups_supportgroup_turn_minutes_possible", {"turn_minutes": 0}),
        ("groups_supportgroup_door_possible", {"door_closes_after_minutes": 241}),
    ):
        refuses(constraint, lambda minutes=minutes: SupportGroup.objects.update(**minutes))


def test_a_deleted_message_keeps_no_words(group, refuses):
    message = factories.message(factories.support_session(group), factories.user())
    rows = Message.objects.filter(pk=message.pk)
    refuses("sessions_message_deleted_is_empty", lambda: rows.update(deleted_at=message.sent_at))
    rows.update(deleted_at=message.sent_at, body="")


def test_a_question_without_a_name_gives_no_hint(group, refuses):
    name = "sessions_message_anonymous_gives_no_hint"
    held = factories.support_session(group)
    first, question = (factories.message(held, factories.user()) for _ in range(2))
    rows = Message.objects.filter(pk=question.pk)
    rows.update(is_anonymous=True)
    refuses(name, lambda: rows.update(is_from_facilitator=True))
    refuses(name, lambda: rows.update(reply_to=first))


def test_a_reaction_is_given_once_and_of_a_kind(group, refuses):
    message = factories.message(factories.support_session(group), factories.user())
    ask = {"message": message, "user": message.sender, "kind": "with_you"}
    Reaction.objects.create(**ask)
    refuses("sessions_reaction_once", lambda: Reaction.objects.create(**ask))
    wrong = ask | {"kind": "angry"}
    refuses("sessions_reaction_kind_known", lambda: Reaction.objects.create(**wrong))


def test_the_facilitators_line_has_each_number_and_each_id_once(group, refuses):
    ask = {
        "support_session": factories.support_session(group),
        "sender": factories.user(),
        "sequence": 1,
        "client_id": uuid4(),
        "body": "Among us",
        "sent_at": timezone.now(),
    }
    LineMessage.objects.create(**ask)
    again = [ask | {"client_id": uuid4()}, ask | {"sequence": 2}]
    for name, wrong in zip(
        ("sessions_linemessage_sequence_once", "sessions_linemessage_sent_once"),
        again,
        strict=True,
    ):
        refuses(name, lambda wrong=wrong: LineMessage.objects.create(**wrong))


def test_only_what_was_deleted_was_said_by_nobody(group, member, refuses):
    said = factories.message(factories.support_session(group, status="live"), member.user)
    refuses(
        "sessions_message_of_nobody_is_deleted",
        lambda: Message.objects.filter(pk=said.pk).update(sender=None),
    )


def test_only_a_held_session_counts_who_has_gone(group, refuses):
    session = factories.support_session(group)
    refuses(
        "sessions_supportsession_gone_when_held",
        lambda: SupportSession.objects.filter(pk=session.pk).update(gone_expected=1),
    )
