"""Rhythms, days off and single sessions that change: who a session is never does."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail

from audit.models import Event
from groups.models import SupportGroup
from sessions import actions, periodic, reminder_rules, rules, schedule_rules
from sessions.actions import AgendaPart
from sessions.models import (
    AgendaItem,
    Attendance,
    Booking,
    DayOff,
    Reminder,
    Series,
    SupportSession,
)
from supportgroups.lib.refusals import Refused
from tests import factories

#: Noon on Monday 2 March 2026 in London, four weeks before its clocks change.
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")
TUESDAYS = {
    "rrule": "FREQ=WEEKLY;BYDAY=TU",
    "starts_on": date(2026, 3, 3),
    "starts_at_time": time(18, 30),
    "minutes": 90,
}


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def series(clock, group, coordinator) -> Series:
    """Tuesdays at 18:30, made nine weeks ahead."""
    return actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)


def coming(group: SupportGroup) -> list[SupportSession]:
    return list(group.support_sessions.coming())


def local(support_sessions) -> list[str]:
    return [f"{each.starts_at.astimezone(LONDON):%m-%d %H:%M}" for each in support_sessions]


def news(kind: str) -> Counter[str]:
    return Counter(Reminder.objects.filter(kind=kind).values_list("user__email", flat=True))


def send() -> list[mail.EmailMessage]:
    periodic.send_due_reminders()
    sent, mail.outbox = mail.outbox, []
    return sent


# A rhythm -----------------------------------------------------------------------------------------


def test_a_first_rhythm_makes_its_sessions(series, group, coordinator):
    assert series.words() == "Weekly on Tuesday"
    assert local(coming(group))[:2] == ["03-03 18:30", "03-10 18:30"]
    assert {each.starts_at.astimezone(LONDON).time() for each in coming(group)} == {time(18, 30)}
    assert len(coming(group)) == 9
    event = Event.objects.get(verb="rhythm.set")
    assert (event.object_id, event.actor_id) == (series.pk, coordinator.user.pk)
    assert not Reminder.objects.exists()


def test_the_same_rhythm_again_changes_nothing(series, group, coordinator):
    again = actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)

    assert again == series
    assert Event.objects.filter(verb="rhythm.set").count() == 1
    assert actions.make_sessions(series=series) == []


def test_a_draft_has_a_rhythm_and_no_sessions_yet(clock, coordinator, organisation):
    group = factories.group(organisation=organisation, lifecycle="draft")
    first = actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)
    second = actions.set_rhythm(
        group=group, by=coordinator.user, **TUESDAYS | {"starts_at_time": time(19)}
    )

    assert not group.support_sessions.exists()
    assert list(group.series.all()) == [second]
    assert not Series.objects.filter(pk=first.pk).exists()

    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="listed")
    periodic.make_sessions_ahead()
    assert local(coming(group))[0] == "03-03 19:00"


def test_this_and_all_following_keep_who_they_are(facilitator, series, group, coordinator, member):
    before = coming(group)
    attendance = factories.attendance(before[3], member.user.memberships.get(), status="excused")
    actions.note_session(support_session=before[3], note="Bring tea.", by=coordinator.user)

    new = actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;BYDAY=TH",
        starts_on=date(2026, 3, 19),
        starts_at_time=time(17),
        minutes=60,
        by=coordinator.user,
        from_session=before[2],
    )

    after = coming(group)
    assert [each.pk for each in after[:9]] == [each.pk for each in before]
    assert local(after)[:4] == ["03-03 18:30", "03-10 18:30", "03-19 17:00", "03-26 17:00"]
    assert after[3].note == "Bring tea."
    assert Attendance.objects.get(pk=attendance.pk).support_session_id == before[3].pk
    assert [each.series_id for each in after[:3]] == [series.pk, series.pk, new.pk]
    assert [each.calendar_sequence for each in after[:3]] == [0, 0, 1]
    assert all(each.recurrence_id == each.starts_at for each in after)
    assert actions.make_sessions(series=new) == []
    assert actions.make_sessions(series=series) == []
    assert Booking.objects.filter(facilitator=facilitator.user).count() == len(after)
    assert news("moved") == Counter([member.user.email, facilitator.user.email])


def test_a_cancelled_date_stays_cancelled_in_another_rhythm(series, group, coordinator, member):
    before = coming(group)
    off = actions.cancel_session(support_session=before[2], by=coordinator.user)
    Reminder.objects.all().delete()

    actions.set_rhythm(group=group, **TUESDAYS | {"starts_at_time": time(19)}, by=coordinator.user)

    off.refresh_from_db()
    assert (off.status, off.cancelled_for) == ("cancelled", "by_hand")
    assert local([off]) == ["03-17 19:00"]
    after = coming(group)
    assert [each.pk for each in after] == [each.pk for each in before if each.pk != off.pk]
    assert local(after)[:3] == ["03-03 19:00", "03-10 19:00", "03-24 19:00"]
    assert not Booking.objects.filter(support_session=off).exists()
    # What was too much and off already is no news.
    Reminder.objects.all().delete()
    actions.set_rhythm(
        group=group,
        **TUESDAYS | {"starts_at_time": time(19), "rrule": "FREQ=WEEKLY;BYDAY=TU;COUNT=2"},
        by=coordinator.user,
    )
    assert len(coming(group)) == 2
    assert not Reminder.objects.filter(support_session=off).exists()


def test_a_rhythm_after_one_that_was_cut_short_has_all_its_dates(series, group, coordinator):
    actions.cancel_following(support_session=coming(group)[2], by=coordinator.user)

    actions.set_rhythm(group=group, **TUESDAYS | {"starts_at_time": time(19)}, by=coordinator.user)

    assert local(coming(group))[:4] == ["03-03 19:00", "03-10 19:00", "03-17 19:00", "03-24 19:00"]


def test_a_slower_rhythm_calls_off_what_is_too_much(series, group, coordinator, member):
    before = coming(group)

    actions.set_rhythm(
        group=group,
        **TUESDAYS | {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"},
        by=coordinator.user,
    )

    assert [each.pk for each in coming(group)] == [each.pk for each in before[:5]]
    off = SupportSession.objects.filter(status="cancelled")
    assert {each.cancelled_for for each in off} == {"rhythm"}
    assert len(off) == 4
    assert news("moved") == Counter([member.user.email])
    assert not news("cancelled")


def test_a_rhythm_of_the_same_times_moves_nothing(series, group, coordinator, member):
    actions.set_rhythm(
        group=group, **TUESDAYS | {"rrule": "FREQ=WEEKLY;BYDAY=TU;WKST=SU"}, by=coordinator.user
    )

    assert {each.calendar_sequence for each in coming(group)} == {0}
    assert not Reminder.objects.exists()


def test_a_later_beginning_leaves_what_comes_before(series, group, coordinator):
    actions.set_rhythm(
        group=group,
        **TUESDAYS | {"starts_on": date(2026, 3, 16), "rrule": "FREQ=WEEKLY;BYDAY=MO"},
        by=coordinator.user,
    )

    assert local(coming(group))[:4] == ["03-03 18:30", "03-10 18:30", "03-16 18:30", "03-23 18:30"]


def test_a_first_day_that_is_long_past_gives_no_day_twice(series, group, coordinator):
    """As the form sends it when only the clock changes from the third session on."""
    third = coming(group)[2]
    actions.set_rhythm(
        group=group,
        **TUESDAYS | {"starts_on": date(2026, 1, 6), "starts_at_time": time(19)},
        by=coordinator.user,
        from_session=third,
    )

    assert local(coming(group))[:4] == ["03-03 18:30", "03-10 18:30", "03-17 19:00", "03-24 19:00"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rrule": "FREQ=HOURLY"}, "rule"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "rule"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=TU" + ",TU" * 80}, "rule"),
        ({"minutes": 5}, "length"),
        ({"minutes": 1441}, "length"),
    ],
)
def test_a_rhythm_that_cannot_be_is_refused(clock, group, coordinator, change, reason):
    with pytest.raises(Refused) as refused:
        actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS | change)
    assert refused.value.reason == reason
    assert not Series.objects.exists()


@pytest.mark.parametrize("who", ["member", "facilitator", "outsider", "other_coordinator"])
def test_only_coordinators_plan(cast, clock, group, who):
    with pytest.raises(Refused):
        actions.set_rhythm(group=group, by=cast[who].user, **TUESDAYS)
    with pytest.raises(Refused):
        actions.end_rhythm(group=group, by=cast[who].user)
    with pytest.raises(Refused):
        actions.set_agenda_template(group=group, items=[], by=cast[who].user)


def test_a_feed_may_set_a_rhythm(clock, group):
    assert actions.set_rhythm(group=group, by=None, **TUESDAYS).support_sessions.count() == 9


def test_an_ended_rhythm_has_no_coming_sessions(series, group, coordinator, member):
    actions.end_rhythm(group=group, by=coordinator.user)
    actions.end_rhythm(group=group, by=coordinator.user)

    assert not coming(group)
    assert not Booking.objects.exists()
    periodic.make_sessions_ahead()
    assert not coming(group)
    assert news("cancelled") == Counter([member.user.email])
    assert Event.objects.filter(verb="rhythm.ended").count() == 1


def test_this_and_all_following_are_cancelled_and_the_rhythm_ends_before(
    series, group, coordinator, member
):
    planned = coming(group)
    moved = actions.move_session(
        support_session=planned[5],
        starts_at=planned[2].starts_at - timedelta(days=1),
        ends_at=planned[2].ends_at - timedelta(days=1),
        by=coordinator.user,
    )
    Reminder.objects.all().delete()

    off = actions.cancel_following(
        support_session=planned[3], note="The room is gone", by=coordinator.user
    )

    assert {each.pk for each in off} == {each.pk for each in planned[3:]}  # also the moved one
    assert [each.pk for each in coming(group)] == [each.pk for each in planned[:3]]
    moved.refresh_from_db()
    assert (moved.status, moved.cancelled_for, moved.note) == (
        "cancelled",
        "by_hand",
        "The room is gone",
    )
    assert news("cancelled") == Counter([member.user.email])
    series.refresh_from_db()
    assert (series.rrule, series.ended_at) == ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20260323", None)
    assert series.words() == "Weekly on Tuesday, until 23 March 2026"
    periodic.make_sessions_ahead()
    assert len(coming(group)) == 3
    # A pause takes along and brings back only what was still planned.
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    actions.follow_lifecycle(group=group, by=None)
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="listed")
    actions.follow_lifecycle(group=group, by=None)
    assert len(coming(group)) == 3
    # One of them can take place all the same.
    actions.restore_session(support_session=off[0], by=coordinator.user)
    periodic.make_sessions_ahead()
    assert len(coming(group)) == 4


def test_all_are_cancelled_from_the_first_on(series, group, coordinator):
    actions.cancel_following(support_session=coming(group)[0], by=coordinator.user)

    series.refresh_from_db()
    assert (series.ended_at, series.rrule) == (NOW, "FREQ=WEEKLY;BYDAY=TU")
    assert not coming(group)
    assert not Booking.objects.exists()


def test_all_following_are_cancelled_by_coordinators_within_a_rhythm(
    series, group, coordinator, facilitator
):
    planned = coming(group)
    extra = factories.support_session(group)
    with pytest.raises(Refused):
        actions.cancel_following(support_session=planned[0], by=facilitator.user)
    with pytest.raises(Refused, match="not part of a rhythm"):
        actions.cancel_following(support_session=extra, by=coordinator.user)

    assert len(coming(group)) == 10


def test_a_course_that_is_cut_short_has_no_more_dates(clock, group, coordinator):
    rhythm = TUESDAYS | {"rrule": "FREQ=WEEKLY;BYDAY=TU;COUNT=6"}
    course = actions.set_rhythm(group=group, by=coordinator.user, **rhythm)

    actions.cancel_following(support_session=coming(group)[4], by=coordinator.user)
    actions.add_day_off(
        organisation=group.organisation,
        group=group,
        day=date(2026, 3, 10),
        name="",
        by=coordinator.user,
    )

    course.refresh_from_db()
    assert course.rrule == "FREQ=WEEKLY;BYDAY=TU;UNTIL=20260330"
    periodic.make_sessions_ahead()
    assert local(coming(group)) == ["03-03 18:30", "03-17 18:30", "03-24 18:30"]


def test_the_agenda_reaches_sessions_that_have_not_begun(series, group, coordinator):
    live = factories.support_session(group, status="live")
    factories.agenda(live)
    items = [AgendaPart("Welcome", 10), AgendaPart("Circle", 70, "Everybody, or not.")]

    actions.set_agenda_template(group=group, items=items, by=coordinator.user)
    actions.set_agenda_template(group=group, items=items[:1], by=coordinator.user)

    assert AgendaItem.objects.filter(support_session=live).count() == 3
    others = AgendaItem.objects.exclude(support_session=live)
    assert set(others.values_list("title", flat=True)) == {"Welcome"}
    assert others.count() == 9


def test_times_that_daylight_saving_skips_are_told(clock, group, coordinator):
    series = actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;BYDAY=SU",
        starts_on=date(2026, 3, 1),
        starts_at_time=time(1, 30),
        minutes=60,
        by=coordinator.user,
    )

    shift, repeat = schedule_rules.times_that_shift(series, NOW)
    assert (shift.starts_at.date(), shift.shifted) == (date(2026, 3, 29), True)
    assert (repeat.starts_at.date(), repeat.repeated) == (date(2026, 10, 25), True)


# One session --------------------------------------------------------------------------------------


def test_a_moved_session_stays_the_same_and_is_told(series, group, facilitator, member, clock):
    first = coming(group)[0]
    factories.reminder(first, member.user, kind="day_before", sent_at=NOW)
    to = first.starts_at + timedelta(days=2)

    moved = actions.move_session(
        support_session=first,
        starts_at=to,
        ends_at=to + timedelta(hours=1),
        note="The hall is closed.",
        by=facilitator.user,
    )

    assert (moved.pk, moved.recurrence_id) == (first.pk, first.recurrence_id)
    assert (moved.starts_at, moved.calendar_sequence) == (to, 1)
    assert actions.make_sessions(series=series) == []
    sent = send()
    assert Counter(message.to[0] for message in sent) == Counter(
        [member.user.email, facilitator.user.email]
    )
    assert {message.subject for message in sent} == {"Your appointment has moved"}
    assert all("Thursday 5 March, 6:30pm, London time" in message.body for message in sent)
    assert all(group.name not in message.body + message.subject for message in sent)
    assert not send()

    clock.move_to(to - timedelta(hours=20))
    assert {message.subject for message in send()} == {"Your appointment tomorrow"}


def test_moved_twice_is_told_twice_and_only_the_newest_counts(series, group, facilitator, member):
    first = coming(group)[0]
    for days in (1, 2):
        to = first.starts_at + timedelta(days=days)
        actions.move_session(
            support_session=first,
            starts_at=to,
            ends_at=to + timedelta(hours=1),
            by=facilitator.user,
        )

    assert Reminder.objects.filter(kind="moved", user=member.user).count() == 2
    bodies = [message.body for message in send() if message.to == [member.user.email]]
    assert len(bodies) == 1
    assert "Thursday 5 March" in bodies[0]


def test_news_of_a_session_that_changed_again_meanwhile_is_left(
    series, group, facilitator, member, monkeypatch
):
    first = coming(group)[0]
    actions.cancel_session(support_session=first, by=facilitator.user)
    batch = actions.claim_reminders()
    assert all(reminder_rules.is_still_wanted(each, at=NOW) for each in batch)

    actions.restore_session(support_session=first, by=facilitator.user)

    assert not any(reminder_rules.is_still_wanted(each, at=NOW) for each in batch)
    assert {message.subject for message in send()} == {"Your appointment is on again"}


def test_a_cancelled_session_is_off_until_it_is_restored(series, group, facilitator, member):
    first = coming(group)[0]

    off = actions.cancel_session(support_session=first, note="Storm.", by=facilitator.user)

    assert (off.status, off.cancelled_for, off.note) == ("cancelled", "by_hand", "Storm.")
    assert not Booking.objects.filter(support_session=first).exists()
    assert rules.why_not_open(off).reason == "cancelled"
    assert SupportGroup.objects.with_next_session().get(pk=group.pk).next_starts_at.day == 10
    assert actions.make_sessions(series=series) == []
    subjects = {(message.to[0], message.subject) for message in send()}
    assert (member.user.email, "Your appointment is off") in subjects

    on = actions.restore_session(support_session=first, by=facilitator.user)

    assert (on.status, on.cancelled_for, on.note, on.calendar_sequence) == ("scheduled", "", "", 2)
    assert Booking.objects.filter(support_session=first).count() == 1
    assert {message.subject for message in send()} == {"Your appointment is on again"}


def test_a_cancelled_session_is_not_held_and_nobody_missed_it(series, group, facilitator, member):
    first = coming(group)[0]
    actions.cancel_session(support_session=first, by=facilitator.user)

    assert first not in SupportSession.objects.held()
    assert not Attendance.objects.filter(support_session=first).exists()
    periodic.send_due_reminders()
    assert not Reminder.objects.filter(kind="day_before").exists()


@pytest.mark.parametrize("who", ["member", "outsider", "applicant", "other_coordinator"])
def test_only_staff_change_sessions(cast, clock, group, who):
    held = factories.support_session(group)
    later = held.starts_at + timedelta(days=1)
    for change in (
        lambda by: actions.move_session(
            support_session=held, starts_at=later, ends_at=later + timedelta(hours=1), by=by
        ),
        lambda by: actions.cancel_session(support_session=held, by=by),
        lambda by: actions.restore_session(support_session=held, by=by),
        lambda by: actions.note_session(support_session=held, note="x", by=by),
        lambda by: actions.add_day_off(
            organisation=group.organisation, group=group, day=later.date(), name="x", by=by
        ),
    ):
        with pytest.raises(Refused):
            change(cast[who].user)


def test_what_is_over_or_off_is_not_moved(clock, group, facilitator):
    later = NOW + timedelta(days=3)
    times = {"starts_at": later, "ends_at": later + timedelta(hours=1)}
    for status in ("live", "ended", "cancelled"):
        held = factories.support_session(group, status=status)
        with pytest.raises(Refused) as refused:
            actions.move_session(support_session=held, by=facilitator.user, **times)
        assert refused.value.reason == "state_changed"
    held = factories.support_session(group)
    for starts_at, ends_at, reason in [
        (NOW - timedelta(hours=1), NOW, "past"),
        (later, later, "length"),
        (later, later + timedelta(hours=25), "length"),
    ]:
        with pytest.raises(Refused) as refused:
            actions.move_session(
                support_session=held, starts_at=starts_at, ends_at=ends_at, by=facilitator.user
            )
        assert refused.value.reason == reason


def test_a_group_is_never_at_two_of_its_own_sessions(series, group, coordinator):
    first, second = coming(group)[:2]
    move = {
        "support_session": first,
        "starts_at": second.starts_at + timedelta(minutes=30),
        "ends_at": second.ends_at,
        "by": coordinator.user,
    }
    with pytest.raises(Refused) as refused:
        actions.move_session(**move)
    assert refused.value.reason == "booked"

    actions.cancel_session(support_session=second, by=coordinator.user)
    actions.move_session(**move)
    with pytest.raises(Refused) as refused:
        actions.restore_session(support_session=second, by=coordinator.user)
    assert refused.value.reason == "booked"


def test_a_note_is_kept_and_not_mailed(series, group, facilitator, member):
    first = coming(group)[0]
    for _ in range(2):
        actions.note_session(support_session=first, note="Side door.", by=facilitator.user)
    actions.move_session(
        support_session=first,
        starts_at=first.starts_at,
        ends_at=first.ends_at,
        note="Front door.",
        by=facilitator.user,
    )

    first.refresh_from_db()
    assert (first.note, first.calendar_sequence) == ("Front door.", 0)
    assert not Reminder.objects.exists()
    assert Event.objects.filter(verb="session.noted").count() == 2


# Days off -----------------------------------------------------------------------------------------


def test_a_day_off_calls_off_its_sessions_and_gives_them_back(
    series, group, organisation, coordinator, member
):
    other = factories.group(organisation=organisation)
    actions.set_rhythm(group=other, by=coordinator.user, **TUESDAYS)
    factories.member(other, user=member.user)
    stranger = factories.group()
    factories.support_session(stranger, starts_at=datetime(2026, 3, 10, 18, 30, tzinfo=UTC))

    day_off = actions.add_day_off(
        organisation=organisation,
        group=None,
        day=date(2026, 3, 10),
        name="Founders' day",
        by=coordinator.user,
    )

    off = SupportSession.objects.filter(status="cancelled")
    assert {each.group_id for each in off} == {group.pk, other.pk}
    assert {(each.cancelled_for, each.note) for each in off} == {("day_off", "Founders' day")}
    assert news("cancelled") == Counter([member.user.email]), "one mail a person"
    assert actions.make_sessions(series=series) == []

    actions.delete_day_off(day_off=day_off, by=coordinator.user)

    assert not SupportSession.objects.filter(status="cancelled").exists()
    assert not DayOff.objects.exists()
    assert local(coming(group))[:2] == ["03-03 18:30", "03-10 18:30"]
    assert coming(group)[1].note == ""
    assert news("restored") == Counter([member.user.email])


def test_a_list_of_holidays_is_one_mail(series, group, organisation, coordinator, member):
    days = [(date(2026, 3, day), "Holiday") for day in (3, 10, 17, 18)]
    for _ in range(2):
        actions.add_days_off(organisation=organisation, group=group, days=days, by=coordinator.user)

    assert local(coming(group))[0] == "03-24 18:30"
    assert DayOff.objects.count() == 4
    assert Event.objects.filter(verb="day_off.added").count() == 4
    assert news("cancelled") == Counter([member.user.email])


def test_a_day_is_the_one_of_the_groups_own_zone(clock, organisation, coordinator):
    """Tuesday evening in New York is Wednesday in London."""
    group = factories.group(organisation=organisation, time_zone="America/New_York")
    starts_at = datetime(2026, 3, 11, 0, 30, tzinfo=UTC)
    held = factories.support_session(group, starts_at=starts_at)
    for day, status in [(date(2026, 3, 11), "scheduled"), (date(2026, 3, 10), "cancelled")]:
        actions.add_day_off(
            organisation=organisation, group=None, day=day, name="Off", by=coordinator.user
        )
        held.refresh_from_db()
        assert held.status == status


def test_a_day_off_known_before_is_never_made_and_made_when_it_goes(
    clock, group, organisation, coordinator
):
    day_off = DayOff.objects.create(
        organisation=organisation, day=date(2026, 3, 10), name="Carnival"
    )
    actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS)
    periodic.make_sessions_ahead()
    assert local(coming(group))[:2] == ["03-03 18:30", "03-17 18:30"]

    actions.delete_day_off(day_off=day_off, by=coordinator.user)

    assert local(coming(group))[:3] == ["03-03 18:30", "03-10 18:30", "03-17 18:30"]


def test_of_two_reasons_for_a_day_off_one_is_enough(series, group, organisation, coordinator):
    whole, own = (
        actions.add_day_off(
            organisation=organisation,
            group=for_group,
            day=date(2026, 3, 10),
            name="Off",
            by=coordinator.user,
        )
        for for_group in (None, group)
    )
    actions.delete_day_off(day_off=whole, by=coordinator.user)
    assert "03-10 18:30" not in local(coming(group))
    actions.delete_day_off(day_off=own, by=coordinator.user)
    assert "03-10 18:30" in local(coming(group))


def test_a_day_off_postpones_a_course(clock, group, organisation, coordinator):
    actions.set_rhythm(
        group=group, by=coordinator.user, **TUESDAYS | {"rrule": "FREQ=WEEKLY;BYDAY=TU;COUNT=3"}
    )
    add = {
        "organisation": organisation,
        "group": group,
        "day": date(2026, 3, 10),
        "name": "Off",
        "by": coordinator.user,
    }
    for _ in range(2):
        assert local(coming(group)) == ["03-03 18:30", "03-10 18:30", "03-17 18:30"]
        day_off = actions.add_day_off(**add)
        assert local(coming(group)) == ["03-03 18:30", "03-17 18:30", "03-24 18:30"]
        actions.delete_day_off(day_off=day_off, by=coordinator.user)
    periodic.make_sessions_ahead()
    assert local(coming(group)) == ["03-03 18:30", "03-10 18:30", "03-17 18:30"]
    assert SupportSession.objects.count() == 4


def test_a_session_moved_away_from_a_day_off_stays(series, group, organisation, coordinator):
    second = coming(group)[1]
    to = second.starts_at + timedelta(days=1)
    actions.move_session(
        support_session=second, starts_at=to, ends_at=to + timedelta(hours=1), by=coordinator.user
    )
    actions.add_day_off(
        organisation=organisation,
        group=None,
        day=date(2026, 3, 10),
        name="Off",
        by=coordinator.user,
    )

    assert local(coming(group))[1] == "03-11 18:30"


def test_days_off_are_for_those_who_decide(cast, clock, group, organisation):
    ask = {"organisation": organisation, "day": date(2026, 3, 10), "name": "Off"}
    with pytest.raises(Refused):
        actions.add_day_off(group=None, by=cast["facilitator"].user, **ask)
    actions.add_day_off(group=group, by=cast["facilitator"].user, **ask)
    with pytest.raises(Refused) as refused:
        actions.add_day_off(
            group=None, by=cast["coordinator"].user, **ask | {"day": date(2026, 3, 1)}
        )
    assert refused.value.reason == "past"
    with pytest.raises(Refused):
        actions.add_day_off(
            group=group,
            by=cast["coordinator"].user,
            **ask | {"organisation": factories.organisation()},
        )


@pytest.mark.parametrize(
    ("day", "reason"), [(date(2026, 3, 1), "past"), (date(9999, 12, 31), "far")]
)
def test_no_day_off_in_the_past_or_far_away(clock, organisation, coordinator, day, reason):
    with pytest.raises(Refused) as no:
        actions.add_day_off(
            organisation=organisation, group=None, day=day, name="Off", by=coordinator.user
        )
    assert no.value.reason == reason


# With the group -----------------------------------------------------------------------------------


def test_sessions_follow_a_group_that_pauses_and_goes_on(series, group, member, facilitator):
    before = coming(group)
    DayOff.objects.create(organisation=group.organisation, day=date(2026, 3, 17), name="Off")
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")

    for _ in range(2):
        periodic.follow_lifecycle()

    assert not coming(group)
    assert set(SupportSession.objects.values_list("cancelled_for", flat=True)) == {"paused"}
    assert not Booking.objects.exists()
    assert not Reminder.objects.exists()

    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="listed")
    for _ in range(2):
        periodic.follow_lifecycle()
        periodic.make_sessions_ahead()

    assert [each.pk for each in coming(group)] == [
        each.pk for each in before if each.starts_at.day != 17 or each.starts_at.month != 3
    ]
    assert SupportSession.objects.get(status="cancelled").cancelled_for == "day_off"
    assert Booking.objects.filter(facilitator=facilitator.user).count() == 8
    assert not Reminder.objects.filter(kind__in=Reminder.NEWS).exists()


def test_sessions_of_a_closed_group_are_off_and_its_live_one_ends_in_peace(series, group):
    live = factories.support_session(group, status="live")
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="closed")

    periodic.follow_lifecycle()

    live.refresh_from_db()
    assert live.status == "live"
    assert coming(group) == [live]


def test_a_rhythm_changed_in_a_pause_comes_back_at_its_new_time(series, group, coordinator):
    before = coming(group)
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    periodic.follow_lifecycle()
    actions.set_rhythm(group=group, by=coordinator.user, **TUESDAYS | {"starts_at_time": time(20)})
    assert not coming(group)
    assert not Reminder.objects.exists()

    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="listed")
    periodic.follow_lifecycle()

    assert [each.pk for each in coming(group)] == [each.pk for each in before]
    assert {each.starts_at.astimezone(LONDON).hour for each in coming(group)} == {20}


@pytest.mark.parametrize(
    ("lifecycle", "reason"),
    [
        ("paused", "group_paused"),
        ("closed", "group_closed"),
        ("draft", "group_draft"),
        ("listed", None),
    ],
)
def test_the_room_of_a_group_that_does_not_meet_stays_closed(clock, group, lifecycle, reason):
    held = factories.support_session(group, starts_at=NOW + timedelta(minutes=5))
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle=lifecycle)
    held = SupportSession.objects.get(pk=held.pk)

    no = rules.why_not_open(held)
    assert (no and no.reason) == reason


def test_a_group_that_fails_stops_no_other(series, group, monkeypatch, caplog):
    other = factories.support_session(factories.group(lifecycle="closed"))
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    follow = actions.follow_lifecycle

    def fail(**options):
        if options["group"].pk == group.pk:
            raise ValueError
        return follow(**options)

    monkeypatch.setattr(actions, "follow_lifecycle", fail)
    periodic.follow_lifecycle()

    other.refresh_from_db()
    assert other.cancelled_for == "closed"
    assert "sessions.lifecycle_failed" in caplog.messages


def test_following_ends_in_time_for_the_next_run(series, group, monkeypatch):
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    with monkeypatch.context() as patched:
        patched.setattr(periodic, "SECONDS_OF_A_RUN", -1)
        periodic.follow_lifecycle()
    assert len(coming(group)) == 9

    periodic.follow_lifecycle()
    assert not coming(group)


def test_a_cancelled_session_empties_its_room(clock, group, facilitator, member):
    held = factories.support_session(group, starts_at=NOW + timedelta(minutes=5))
    actions.enter_room(support_session=held, by=member.user)

    actions.cancel_session(support_session=held, by=facilitator.user)

    assert not rules.in_room(held).exists()
    with pytest.raises(Refused):
        rules.check_may_be_in_room(member.user, SupportSession.objects.get(pk=held.pk))
