"""Reminders by each person's own choice: when, not when, in which words; and after two missed."""

from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.utils import timezone
from icalendar import Calendar

from accounts.models import User
from sessions import actions, before_times, periodic, reminder_rules
from sessions.models import Attendance, Reminder, SupportSession
from tests import factories

#: A Monday in London, four weeks before its clocks change.
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
NIGHT = before_times.QuietHours(time(22), time(7), LONDON)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def choose(user: User, **choices: object) -> None:
    User.objects.filter(pk=user.pk).update(**choices)


def subjects() -> list[str]:
    return [message.subject for message in mail.outbox]


# The rule -----------------------------------------------------------------------------------------


def london(*wall: int) -> datetime:
    return datetime(*wall, tzinfo=LONDON).astimezone(UTC)


@pytest.mark.parametrize(
    ("quiet", "starts_at", "lead", "of_use", "due"),
    [
        # Not within quiet hours: the lead time.
        (None, london(2026, 3, 3, 7, 5), 60, 15, london(2026, 3, 3, 6, 5)),
        (NIGHT, london(2026, 3, 3, 18, 30), 60, 15, london(2026, 3, 3, 17, 30)),
        # At their very end it is not quiet any more; at their beginning it is.
        (NIGHT, london(2026, 3, 3, 8), 60, 15, london(2026, 3, 3, 7)),
        (
            NIGHT,
            london(2026, 3, 3, 23),
            60,
            15,
            london(2026, 3, 2, 22) + timedelta(hours=23, minutes=50),
        ),
        # Within them: when they end, while that is early enough.
        (NIGHT, london(2026, 3, 3, 7, 30), 60, 15, london(2026, 3, 3, 7)),
        (NIGHT, london(2026, 3, 3, 22, 30), 24 * 60, 180, london(2026, 3, 3, 7)),
        # Too late then: just before they begin.
        (NIGHT, london(2026, 3, 3, 7, 10), 60, 15, london(2026, 3, 2, 21, 50)),
        (NIGHT, london(2026, 3, 3, 3), 360, 180, london(2026, 3, 2, 21) + timedelta(minutes=0)),
        # Over the night in which the clocks go forward they end an hour sooner.
        (NIGHT, london(2026, 3, 29, 7, 30), 60, 15, london(2026, 3, 29, 7)),
        # In the middle of the day, and on another clock.
        (
            before_times.QuietHours(time(9), time(17), NEW_YORK),
            london(2026, 3, 3, 18, 30),
            60,
            15,
            datetime(2026, 3, 3, 8, 50, tzinfo=NEW_YORK).astimezone(UTC),
        ),
    ],
)
def test_due_at(quiet, starts_at, lead, of_use, due):
    found = before_times.due_at(
        starts_at,
        lead=timedelta(minutes=lead),
        of_use=timedelta(minutes=of_use),
        quiet=quiet,
    )
    assert found == due
    assert not before_times.is_quiet(quiet, found)


def test_quiet_hours_follow_the_clock_of_their_zone():
    spring = NIGHT.around(london(2026, 3, 29, 3))
    assert spring == (london(2026, 3, 28, 22), london(2026, 3, 29, 7))
    assert spring[1] - spring[0] == timedelta(hours=8)
    assert NIGHT.around(london(2026, 3, 3, 7)) is None
    assert NIGHT.around(london(2026, 3, 3, 22)) is not None


# Whom the clock reminds ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "hours", "sent"),
    [
        ({"day_before_minutes": 2880}, 47.9, 1),
        ({"day_before_minutes": 2880}, 48.1, 0),
        ({"day_before_minutes": 720}, 20, 0),
        ({"day_before_minutes": 720}, 11.9, 1),
        ({"hour_before_minutes": 180, "reminds_day_before": False}, 2.9, 1),
        ({"hour_before_minutes": 15, "reminds_day_before": False}, 0.9, 0),
        ({"hour_before_minutes": 15, "reminds_day_before": False}, 0.2, 1),
    ],
)
def test_each_person_has_their_own_lead_time(
    clock, group, member, facilitator, choices, hours, sent
):
    User.objects.exclude(pk=member.user.pk).update(
        reminds_day_before=False, reminds_hour_before=False
    )
    choose(member.user, **choices)
    factories.support_session(group, starts_at=NOW + timedelta(hours=hours))

    periodic.send_due_reminders()

    assert len(mail.outbox) == sent


@pytest.mark.parametrize("who", ["member", "facilitator"])
def test_nothing_comes_in_quiet_hours_and_then_it_comes_once(clock, group, cast, who):
    """A session at 6:30 in the evening; the day before at that time it is quiet until 9."""
    user = cast[who].user
    User.objects.exclude(pk=user.pk).update(reminds_day_before=False)
    choose(user, quiet_from=time(18), quiet_until=time(21), reminds_hour_before=False)
    factories.support_session(group, starts_at=london(2026, 3, 3, 18, 30))
    for hour, minute, sent in [(17, 49, 0), (18, 31, 0), (20, 59, 0), (21, 0, 1), (21, 10, 1)]:
        clock.move_to(london(2026, 3, 2, hour, minute))
        periodic.send_due_reminders()
        assert len(mail.outbox) == sent, (hour, minute)


def test_what_would_come_too_late_comes_before(clock, group, member):
    choose(member.user, quiet_from=time(22), quiet_until=time(7), reminds_day_before=False)
    factories.support_session(group, starts_at=london(2026, 3, 3, 7, 10))
    for moment, sent in [
        (london(2026, 3, 2, 21, 49), 0),
        (london(2026, 3, 2, 21, 50), 1),
        (london(2026, 3, 3, 7, 0), 1),
    ]:
        clock.move_to(moment)
        periodic.send_due_reminders()
        assert len(mail.outbox) == sent


def test_a_reminder_claimed_late_waits_for_the_end_of_quiet_hours(clock, group, member):
    """The worker was away from 9:55 until 10:05 in the evening, when the row was there already."""
    choose(member.user, quiet_from=time(22), quiet_until=time(7), reminds_hour_before=False)
    session = factories.support_session(group, starts_at=london(2026, 3, 3, 21, 55))
    clock.move_to(london(2026, 3, 2, 21, 56))
    assert actions.make_due_reminders() == 1
    clock.move_to(london(2026, 3, 2, 22, 5))

    periodic.send_due_reminders()
    assert not mail.outbox
    assert not Reminder.objects.exists()

    clock.move_to(london(2026, 3, 3, 7, 1))
    periodic.send_due_reminders()
    assert len(mail.outbox) == 1
    assert Reminder.objects.get().support_session == session


def test_news_does_not_wait(clock, group, member, coordinator):
    choose(member.user, quiet_from=time(11), quiet_until=time(13))
    session = factories.support_session(group, starts_at=NOW + timedelta(days=5))
    actions.cancel_session(support_session=session, by=coordinator.user)

    periodic.send_due_reminders()

    assert [m.subject for m in mail.outbox if m.to == [member.user.email]] == [
        "Your appointment is off"
    ]


def test_people_with_quiet_hours_cost_no_question_each(clock, group, django_assert_max_num_queries):
    for _ in range(5):
        choose(factories.member(group).user, quiet_from=time(11), quiet_until=time(13))
    factories.support_session(group, starts_at=NOW + timedelta(hours=20))
    with django_assert_max_num_queries(17):
        assert actions.make_due_reminders() == 0


# In which words -----------------------------------------------------------------------------------


def test_who_chose_names_reads_them_and_nobody_else(clock, group, member):
    other = factories.member(group).user
    choose(member.user, mails_name_groups=True)
    factories.support_session(group, starts_at=NOW + timedelta(hours=23))

    periodic.send_due_reminders()

    named = {m.to[0]: (m.subject, group.name in m.body) for m in mail.outbox}
    assert named[member.user.email] == (f"{group.name}: your appointment tomorrow", True)
    assert named[other.email] == ("Your appointment tomorrow", False)


# Entries for the calendar -------------------------------------------------------------------------


def entries(to: User) -> list[tuple[str, Calendar]]:
    """Method and calendar of each entry that was mailed to this person, as a mail program reads."""
    found = []
    for message in mail.outbox:
        if message.to != [to.email]:
            continue
        parsed = message_from_bytes(message.message().as_bytes(), policy=policy.default)
        for part in parsed.walk():
            if part.get_content_type() == "text/calendar":
                content = part.get_payload(decode=True)
                assert content.endswith(b"END:VCALENDAR\r\n")
                assert part.get_filename() == "appointment.ics"
                found.append((part["content-type"].params["method"], Calendar.from_ical(content)))
    return found


def test_an_entry_comes_moves_goes_and_comes_back(clock, group, member, coordinator):
    session = factories.support_session(group, starts_at=NOW + timedelta(hours=23))
    periodic.send_due_reminders()
    session = actions.move_session(
        support_session=session,
        starts_at=session.starts_at + timedelta(days=1),
        ends_at=session.ends_at + timedelta(days=1),
        by=coordinator.user,
    )
    periodic.send_due_reminders()
    session = actions.cancel_session(support_session=session, by=coordinator.user)
    periodic.send_due_reminders()
    session = actions.restore_session(support_session=session, by=coordinator.user)
    periodic.send_due_reminders()

    found = entries(member.user)

    assert [method for method, _ in found] == ["REQUEST", "REQUEST", "CANCEL", "REQUEST"]
    events = [calendar.walk("VEVENT")[0] for _, calendar in found]
    assert [str(calendar["method"]) for _, calendar in found] == [m for m, _ in found]
    assert len({event["uid"] for event in events}) == 1
    assert [event["sequence"] for event in events] == [0, 1, 2, 3]
    assert [event["status"] for event in events] == [
        "CONFIRMED",
        "CONFIRMED",
        "CANCELLED",
        "CONFIRMED",
    ]
    assert events[1].decoded("dtstart") - events[0].decoded("dtstart") == timedelta(days=1)
    for event in events:
        assert event["summary"] == "Appointment"
        assert str(event["attendee"]) == f"mailto:{member.user.email}"
        assert event["attendee"].params["rsvp"] == "FALSE"
        assert str(event["organizer"]).startswith("mailto:")
        for word in ("url", "location", "description"):
            assert word not in event


def test_who_wants_no_entries_gets_none_and_who_chose_names_reads_them(clock, group, member):
    other = factories.member(group).user
    choose(member.user, mails_carry_entries=False)
    choose(other, mails_name_groups=True)
    factories.support_session(group, starts_at=NOW + timedelta(hours=23))

    periodic.send_due_reminders()

    assert entries(member.user) == []
    [(_, calendar)] = entries(other)
    assert calendar.walk("VEVENT")[0]["summary"] == group.name


# After two missed ---------------------------------------------------------------------------------


@pytest.fixture
def missed(clock, group, member):
    """Give a member held sessions, the last one yesterday, with these results."""

    def give(*statuses: str) -> list[Attendance]:
        membership = member.user.memberships.get()
        return [
            factories.attendance(
                factories.support_session(
                    group,
                    status="ended",
                    starts_at=NOW
                    - timedelta(days=1 + 7 * (len(statuses) - number), hours=-7 * 0)
                    + timedelta(days=6, hours=20),
                ),
                membership,
                status=status,
            )
            for number, status in enumerate(statuses)
        ]

    return give


def send(clock, days: float = 1) -> None:
    clock.move_to(NOW + timedelta(days=days))
    periodic.send_due_reminders()


@pytest.mark.parametrize(
    ("statuses", "sent"),
    [
        (["no_show", "no_show"], 1),
        (["attended", "no_show", "no_show"], 1),
        (["excused", "no_show", "no_show"], 1),
        (["no_show"], 0),
        (["attended", "no_show"], 0),
        (["no_show", "excused"], 0),
        (["no_show", "excused", "no_show"], 0),
        (["no_show", "attended"], 0),
        # It came after the second one already.
        (["no_show", "no_show", "no_show"], 0),
        # They were back in between: once more.
        (["no_show", "no_show", "attended", "no_show", "no_show"], 1),
    ],
)
def test_a_kind_word_comes_once_after_two_in_a_row(clock, missed, member, statuses, sent):
    missed(*statuses)

    for days in (1, 1.5, 2):
        send(clock, days)

    assert len(mail.outbox) == sent
    if sent:
        [message] = mail.outbox
        assert message.to == [member.user.email]
        assert message.subject == "You are welcome any time"


def test_the_kind_word_leaves_time_to_correct_and_is_neutral(clock, missed, group, member):
    _, last = missed("no_show", "no_show")
    factories.support_session(group, starts_at=NOW + timedelta(days=6))
    clock.move_to(
        last.support_session.ended_at + reminder_rules.MISSED_NOTE_FROM - timedelta(minutes=1)
    )
    periodic.send_due_reminders()
    assert not mail.outbox

    send(clock, 1)

    body = mail.outbox[0].body
    assert "London time" in body
    for word in (group.name, "session", "group", "support"):
        assert word.lower() not in body.lower()


def test_no_kind_word_when_it_was_corrected_switched_off_or_not_wanted(clock, missed, member):
    _, last = missed("no_show", "no_show")
    Attendance.objects.filter(pk=last.pk).update(status="excused")
    send(clock, 1)
    assert not mail.outbox

    Attendance.objects.filter(pk=last.pk).update(status="no_show")
    choose(member.user, mails_after_missed=False)
    send(clock, 1.1)
    assert not mail.outbox

    choose(member.user, mails_after_missed=True, quiet_from=time(0, 1), quiet_until=time(23, 59))
    send(clock, 1.2)
    assert not mail.outbox


def test_no_kind_word_to_who_left_the_group(clock, missed, member):
    missed("no_show", "no_show")
    member.user.memberships.update(status="withdrawn", ended_at=timezone.now())
    send(clock, 1)
    assert not mail.outbox
    assert SupportSession.objects.count() == 2
