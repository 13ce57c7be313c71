"""What is typed about when a group meets, and the outlook that is shown before it is saved."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from sessions import actions
from sessions.defaults import AGENDAS, agenda
from sessions.models import DayOff, Series, SupportSession
from sessions.outlook import DATES_SHOWN, outlook
from sessions.schedule_forms import AgendaForm, MoveForm, ScheduleForm
from tests import factories

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
WEEKLY = {
    "pattern": "weekly",
    "interval": "2",
    "weekdays": ["TU"],
    "starts_on": "2026-11-24",
    "starts_at_time": "18:30",
    "minutes": "90",
}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


def form_of(group, by, coming=(), current=None, **typed) -> ScheduleForm:
    return ScheduleForm(
        WEEKLY | typed,
        group=group,
        by=by.user,
        current=current,
        coming=list(coming),
        initial=ScheduleForm.initial_of(group, current, list(coming), None),
    )


# The rhythm ---------------------------------------------------------------------------------------


def test_every_two_weeks_is_offered_first(group):
    initial = ScheduleForm.initial_of(group, None, [], None)

    assert (initial["pattern"], initial["interval"], initial["minutes"]) == ("weekly", 2, 90)


def test_a_last_date_is_read_back_and_not_before_the_first(group, coordinator):
    current = actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20270601",
        starts_on=date(2026, 11, 24),
        starts_at_time=time(18, 30),
        minutes=90,
        by=coordinator.user,
    )

    initial = ScheduleForm.initial_of(group, current, [], None)
    assert (initial["pattern"], initial["ends_on"]) == ("weekly", date(2027, 6, 1))
    form = form_of(group, coordinator, ends_on="2026-11-01")
    assert form.errors["ends_on"] == ["Choose a last date that is not before the first one."]


@pytest.mark.parametrize(
    ("typed", "rrule"),
    [
        ({}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ({"interval": "1", "weekdays": ["TH", "MO"]}, "FREQ=WEEKLY;BYDAY=MO,TH"),
        ({"weekdays": []}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
        ({"pattern": "monthly", "nth": "1", "weekday": "MO"}, "FREQ=MONTHLY;BYDAY=1MO"),
        (
            {"pattern": "monthly", "nth": "-1", "weekday": "FR", "months": "2"},
            "FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR",
        ),
        ({"pattern": "rule", "rrule": "rrule:freq=monthly;byday=1tu,3tu;"}, None),
        ({"ends_on": "2027-06-01"}, "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20270601"),
        (
            {"pattern": "monthly", "nth": "2", "weekday": "TU", "ends_on": "2027-06-01"},
            "FREQ=MONTHLY;BYDAY=2TU;UNTIL=20270601",
        ),
        (
            {"pattern": "rule", "rrule": "FREQ=DAILY", "ends_on": "2026-12-01"},
            "FREQ=DAILY;UNTIL=20261201",
        ),
    ],
)
def test_choices_make_a_rule(group, coordinator, typed, rrule):
    form = form_of(group, coordinator, **typed)

    assert form.is_valid(), form.errors
    assert form.series.rrule == (rrule or "FREQ=MONTHLY;BYDAY=1TU,3TU")
    assert form.series.time_zone == group.time_zone


def test_the_first_date_is_the_first_of_the_chosen_weekdays(group, coordinator):
    """Every second week counts from there, so nobody waits 13 days by surprise."""
    form = form_of(group, coordinator, starts_on="2026-11-26")

    assert form.is_valid()
    assert form.series.starts_on == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"starts_on": "2026-02-31"}, "starts_on", "This date does not exist."),
        ({"starts_on": "2026-11-19"}, "starts_on", "This day is over."),
        ({"starts_on": "2036-01-01"}, "starts_on", "This is far away."),
        ({"starts_on": ""}, "starts_on", "Write a date"),
        ({"starts_at_time": "25:00"}, "starts_at_time", "Write the time like 18:30."),
        ({"minutes": "5"}, "minutes", "A session lasts 15 minutes or more."),
        ({"pattern": "rule", "rrule": ""}, "rrule", "We cannot read this rule."),
        ({"pattern": "rule", "rrule": "FREQ=HOURLY"}, "rrule", "A group meets at one time of day"),
        (
            {"pattern": "rule", "rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"},
            "rrule",
            "This rule gives no date",
        ),
        ({"pattern": ""}, "pattern", "required"),
    ],
)
def test_what_cannot_be_is_explained_beside_its_field(group, coordinator, typed, field, says):
    form = form_of(group, coordinator, **typed)

    assert not form.is_valid()
    assert says in " ".join(form.errors[field])
    assert form.series is None


def test_a_course_has_a_number_of_sessions(coordinator, organisation):
    course = factories.group(organisation=organisation, attendance="closed", course_sessions=8)
    form = form_of(course, coordinator, sessions="8")

    assert form.is_valid()
    assert form.series.rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;COUNT=8"
    assert "sessions" not in form_of(factories.group(organisation=organisation), coordinator).fields
    assert not form_of(course, coordinator, sessions="0").is_valid()


def test_a_taken_facilitator_is_explained_with_the_other_group(
    group, coordinator, facilitator, organisation
):
    other = factories.group(organisation=organisation, name="Morning circle")
    factories.facilitator(other, user=facilitator.user)
    actions.set_rhythm(
        group=other,
        rrule="FREQ=WEEKLY;BYDAY=TU",
        starts_on=date(2026, 11, 24),
        starts_at_time=time(19, 0),
        minutes=60,
        by=coordinator.user,
    )

    form = form_of(group, coordinator)

    assert not form.is_valid()
    [words] = form.errors["starts_at_time"]
    assert "Facilitator is leading another session for “Morning circle”" in words
    assert "Tuesday 24 November, 7pm, London time" in words
    assert form.series is not None, "the dates can be shown all the same"
    assert form_of(group, coordinator, starts_at_time="20:00").is_valid()


# An existing rhythm -------------------------------------------------------------------------------


@pytest.fixture
def planned(group, coordinator):
    """Every 2 weeks on Tuesday; four sessions are made."""
    current = actions.set_rhythm(
        group=group,
        rrule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
        starts_on=date(2026, 11, 24),
        starts_at_time=time(18, 30),
        minutes=90,
        by=coordinator.user,
    )
    return current, list(SupportSession.objects.order_by("starts_at"))


def test_the_form_shows_what_holds(group, planned):
    current, coming = planned
    initial = ScheduleForm.initial_of(group, current, coming, coming[1])

    assert initial["pattern"] == "weekly"
    assert initial["interval"] == 2
    assert initial["weekdays"] == ["TU"]
    assert initial["starts_on"] == date(2026, 12, 8)
    assert initial["from_session"] == str(coming[1].pk)


def test_each_session_says_how_many_change_with_it(group, coordinator, planned):
    current, coming = planned
    form = form_of(group, coordinator, coming, current)
    words = [label for _, label in form.fields["from_session"].choices]

    assert words[0].endswith(f"({len(coming)} sessions change)")
    assert words[-1].endswith("(only this session changes)")


def test_a_new_rhythm_begins_after_the_sessions_that_stay(group, coordinator, planned):
    current, coming = planned
    typed = {"from_session": str(coming[2].pk), "weekdays": ["WE"]}

    early = form_of(group, coordinator, coming, current, starts_on="2026-12-08", **typed)
    late = form_of(group, coordinator, coming, current, starts_on="2026-12-09", **typed)

    assert early.errors["starts_on"] == [
        "The session on Tuesday 8 December stays as it is. Choose a day after it."
    ]
    assert late.is_valid()


def test_a_session_that_began_meanwhile_cannot_be_chosen(group, coordinator, planned):
    current, coming = planned
    form = form_of(group, coordinator, coming[1:], current, from_session=str(coming[0].pk))

    assert "This session has begun or is over." in form.errors["from_session"][0]


@pytest.mark.parametrize(
    ("rrule", "pattern"),
    [
        ("FREQ=MONTHLY;BYDAY=-1FR", "monthly"),
        ("FREQ=MONTHLY;BYMONTHDAY=15", "rule"),
        ("FREQ=DAILY;INTERVAL=10", "rule"),
        ("FREQ=WEEKLY;BYDAY=TU;UNTIL=20270101", "weekly"),
    ],
)
def test_every_rule_can_be_shown(group, rrule, pattern):
    current = Series(
        group=group,
        rrule=rrule,
        starts_on=date(2026, 11, 24),
        starts_at_time=time(18, 30),
        time_zone=group.time_zone,
    )
    initial = ScheduleForm.initial_of(group, current, [], None)

    assert initial["pattern"] == pattern
    assert initial["rrule"] == rrule


# The outlook --------------------------------------------------------------------------------------


def series_of(group, **fields) -> Series:
    given = {
        "rrule": "FREQ=WEEKLY;BYDAY=SU",
        "starts_on": date(2027, 3, 14),
        "starts_at_time": time(1, 30),
        "minutes": 90,
        "time_zone": group.time_zone,
    }
    return Series(group=group, **(given | fields))


def test_the_outlook_says_what_daylight_saving_does(group, coordinator):
    seen = outlook(series_of(group), by=coordinator.user)

    assert seen.words == "Weekly on Sunday"
    assert len(seen.dates) == DATES_SHOWN
    assert seen.goes_on
    assert [date.shifted for date in seen.dates][:4] == [False, False, True, False]
    assert seen.remarks == [
        "On Sunday 28 March 2027 the time 01:30 does not exist. The session starts at 02:30.",
        "On Sunday 31 October 2027 the clock shows 01:30 twice. The session starts the first time.",
    ]
    london = ZoneInfo("Europe/London")
    assert [d.starts_at.astimezone(london).hour for d in seen.dates][:4] == [1, 1, 2, 1]


def test_the_outlook_names_days_off_and_counts_a_course_without_them(group, coordinator):
    DayOff.objects.create(organisation=group.organisation, day=date(2027, 3, 21), name="Spring day")
    course = series_of(group, rrule="FREQ=WEEKLY;BYDAY=SU;COUNT=3", starts_at_time=time(18, 30))

    seen = outlook(course, by=coordinator.user)

    assert seen.days_off == [(date(2027, 3, 21), "Spring day")]
    assert [d.starts_at.day for d in seen.dates] == [14, 28, 4]
    assert not seen.goes_on


def test_the_outlook_of_a_course_that_is_over_is_empty(group, coordinator):
    past = series_of(group, rrule="FREQ=WEEKLY;COUNT=2", starts_on=date(2026, 1, 6))

    assert outlook(past, by=coordinator.user).dates == []


# What a session is like ---------------------------------------------------------------------------


@pytest.mark.parametrize("meeting_format", AGENDAS)
@pytest.mark.parametrize("minutes", [15, 30, 45, 60, 75, 90, 120, 180])
def test_the_usual_parts_fill_the_session(meeting_format, minutes):
    parts = agenda(meeting_format, minutes)

    assert sum(part.minutes for part in parts) == minutes
    assert all(part.minutes > 0 and part.title and len(part.note) <= 200 for part in parts)


def typed_parts(*parts: tuple[str, str]) -> dict[str, str]:
    typed = {"meeting_format": "mixed", "count": str(len(parts))}
    for n, (title, minutes) in enumerate(parts, start=1):
        typed |= {f"title_{n}": title, f"note_{n}": "", f"minutes_{n}": minutes}
    return typed


@pytest.mark.parametrize(
    ("do", "titles"),
    [
        ("up-2", ["B", "A", "C"]),
        ("down-2", ["A", "C", "B"]),
        ("remove-2", ["A", "C"]),
        ("add", ["A", "B", "C", ""]),
        ("up-1", ["A", "B", "C"]),
        ("down-3", ["A", "B", "C"]),
        ("remove-9", ["A", "B", "C"]),
        ("nonsense", ["A", "B", "C"]),
    ],
)
def test_buttons_rearrange_what_was_typed(do, titles):
    typed = typed_parts(("A", "10"), ("B", "many"), ("C", "30"))

    form = AgendaForm.rearranged(typed, do, usual=agenda("mixed", 90))

    assert [part["title"].value() for part in form.parts()] == titles
    assert "many" in [part["minutes"].value() for part in form.parts()] or do == "remove-2"


def test_the_usual_parts_can_be_taken_again():
    form = AgendaForm.rearranged(typed_parts(("A", "10")), "usual", usual=agenda("mixed", 60))

    assert form.parts()[0]["title"].value() == "Welcome and ground rules"
    assert form.total() == 60


def test_no_more_parts_than_one_keeps_in_mind():
    form = AgendaForm.rearranged(typed_parts(*[("A", "5")] * 12), "add", usual=None)

    assert form.number == 12
    assert AgendaForm.typed({"count": "9999"}).number == 12
    assert AgendaForm.typed({"count": "-1"}).number == 0


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([], "Add one part or more."),
        ([("", "")], "Add one part or more."),
        ([("", "10")], "Write what part 1 is called."),
        ([("A", "")], "Write how many minutes part 1 takes."),
        ([("A", "0")], "Part 1 takes a minute or more."),
        ([("A", "x")], "Write the minutes of part 1 as a number."),
    ],
)
def test_parts_that_are_not_whole(parts, says):
    form = AgendaForm.typed(typed_parts(*parts))

    assert not form.is_valid()
    assert says in str(form.errors)


def test_empty_parts_are_left_out():
    form = AgendaForm.typed(typed_parts(("A", "10"), ("", ""), ("B", "20")))

    assert form.is_valid()
    assert form.agenda() == [("A", 10, "", "other"), ("B", 20, "", "other")]
    assert form.total() == 30


# One session --------------------------------------------------------------------------------------


def test_moving_reads_the_groups_own_clock(group):
    group.time_zone = "America/New_York"
    group.save()
    session = factories.support_session(group)

    form = MoveForm(
        {"day": "2026-12-01", "starts_at_time": "18:30", "minutes": "60"}, support_session=session
    )

    assert form.is_valid()
    assert form.cleaned_data["starts_at"] == datetime(2026, 12, 1, 23, 30, tzinfo=UTC)
    assert form.cleaned_data["ends_at"] - form.cleaned_data["starts_at"] == timedelta(hours=1)


def test_moving_into_the_past_is_explained(group):
    form = MoveForm(
        {"day": "2026-11-19", "starts_at_time": "18:30", "minutes": "60"},
        support_session=factories.support_session(group),
    )

    assert form.errors["day"] == ["This day is over. Choose today or a later day."]
