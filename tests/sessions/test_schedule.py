"""When a series meets: wall clocks, daylight saving in both directions, every second week."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.schedule import Occurrence, occurrences, rhythm, to_utc, weekday


def meetings(
    rrule: str,
    zone: str,
    first: date,
    clock: time,
    *,
    after: datetime,
    until: datetime,
    minutes: int = 90,
) -> list[Occurrence]:
    return list(
        occurrences(
            rrule=rrule,
            starts_on=first,
            starts_at_time=clock,
            minutes=minutes,
            time_zone=zone,
            after=after,
            until=until,
        )
    )


# The week before and after each change of the clocks in 2026. Sydney's run the other way round.
CHANGES = [
    pytest.param("Europe/London", date(2026, 3, 24), -60, id="London, spring"),
    pytest.param("Europe/London", date(2026, 10, 20), 60, id="London, autumn"),
    pytest.param("America/New_York", date(2026, 3, 3), -60, id="New York, spring"),
    pytest.param("America/New_York", date(2026, 10, 27), 60, id="New York, autumn"),
    pytest.param("Australia/Sydney", date(2026, 3, 31), 60, id="Sydney, autumn"),
    pytest.param("Australia/Sydney", date(2026, 9, 29), -60, id="Sydney, spring"),
]


@pytest.mark.parametrize(("zone", "tuesday", "minutes_later"), CHANGES)
def test_the_wall_clock_stays_when_the_clocks_change(
    zone: str, tuesday: date, minutes_later: int
) -> None:
    begin = datetime.combine(tuesday, time(0), UTC) - timedelta(days=1)

    before, after = meetings(
        "FREQ=WEEKLY;BYDAY=TU",
        zone,
        tuesday,
        time(18, 30),
        after=begin,
        until=begin + timedelta(days=12),
    )

    local = [meeting.starts_at.astimezone(ZoneInfo(zone)) for meeting in (before, after)]
    assert [moment.time() for moment in local] == [time(18, 30)] * 2
    assert [moment.date() for moment in local] == [tuesday, tuesday + timedelta(days=7)]
    gap = after.starts_at - before.starts_at - timedelta(days=7)
    assert gap == timedelta(minutes=minutes_later)
    assert not before.shifted
    assert not after.shifted


@pytest.mark.parametrize(
    ("zone", "day", "clock", "utc"),
    [
        ("Europe/London", date(2026, 3, 29), time(1, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (
            "America/New_York",
            date(2026, 3, 8),
            time(2, 30),
            datetime(2026, 3, 8, 7, 30, tzinfo=UTC),
        ),
        (
            "Australia/Sydney",
            date(2026, 10, 4),
            time(2, 30),
            datetime(2026, 10, 3, 16, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_skipped_time_moves_forward_by_the_gap(
    zone: str, day: date, clock: time, utc: datetime
) -> None:
    moment, shifted = to_utc(datetime.combine(day, clock), ZoneInfo(zone))

    assert moment == utc
    assert shifted
    wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert wall == datetime.combine(day, clock) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "clock", "utc"),
    [
        (
            "Europe/London",
            date(2026, 10, 25),
            time(1, 30),
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
        (
            "America/New_York",
            date(2026, 11, 1),
            time(1, 30),
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        ),
        (
            "Australia/Sydney",
            date(2026, 4, 5),
            time(2, 30),
            datetime(2026, 4, 4, 15, 30, tzinfo=UTC),
        ),
    ],
)
def test_of_a_time_that_comes_twice_the_first_is_meant(
    zone: str, day: date, clock: time, utc: datetime
) -> None:
    moment, shifted = to_utc(datetime.combine(day, clock), ZoneInfo(zone))

    assert moment == utc
    assert not shifted


def test_a_session_lasts_its_minutes_even_over_the_change() -> None:
    begin = datetime(2026, 10, 24, tzinfo=UTC)

    [meeting] = meetings(
        "FREQ=WEEKLY;BYDAY=SU",
        "Europe/London",
        date(2026, 10, 25),
        time(0, 30),
        after=begin,
        until=begin + timedelta(days=2),
        minutes=120,
    )

    assert meeting.ends_at - meeting.starts_at == timedelta(minutes=120)
    assert meeting.ends_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_every_second_week_keeps_its_weeks_wherever_one_begins_to_look() -> None:
    first = date(2026, 1, 6)
    rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"

    def look(after: datetime, until: datetime) -> list[datetime]:
        found = meetings(rule, "Europe/London", first, time(19), after=after, until=until)
        return [meeting.starts_at for meeting in found]

    begin = datetime(2026, 1, 1, tzinfo=UTC)
    whole = look(begin, begin + timedelta(days=365))
    later = look(begin + timedelta(days=100), begin + timedelta(days=365))

    zone = ZoneInfo("Europe/London")
    days = [moment.astimezone(zone).date() for moment in whole]
    assert all(after - before == timedelta(days=14) for before, after in pairwise(days))
    assert later == [moment for moment in whole if moment >= begin + timedelta(days=100)]


def test_a_rule_may_end_on_a_day() -> None:
    begin = datetime(2026, 12, 1, tzinfo=UTC)
    until = begin + timedelta(days=90)

    for rule in ("UNTIL=20261222T235959", "UNTIL=20261222T235959Z", "UNTIL=20261222", "COUNT=4"):
        found = meetings(
            f"FREQ=WEEKLY;BYDAY=TU;{rule}",
            "Europe/London",
            date(2026, 12, 1),
            time(19),
            after=begin,
            until=until,
        )
        assert len(found) == 4, rule


@given(
    zone=st.sampled_from(["Europe/London", "America/New_York", "Australia/Sydney", "Asia/Kolkata"]),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001
    days=st.integers(1, 60),
    cut=st.integers(0, 60),
    interval=st.integers(1, 3),
)
def test_two_halves_of_a_time_give_what_the_whole_gives(
    zone: str, start: datetime, days: int, cut: int, interval: int
) -> None:
    """So a horizon that moves on, minute by minute, neither skips a session nor makes one twice."""
    begin = start.replace(tzinfo=UTC)
    end = begin + timedelta(days=days)
    middle = min(begin + timedelta(days=cut), end)

    def look(after: datetime, until: datetime) -> list[Occurrence]:
        return meetings(
            f"FREQ=WEEKLY;INTERVAL={interval};BYDAY=SU",
            zone,
            date(2025, 1, 5),
            time(1, 30),
            after=after,
            until=until,
        )

    assert look(begin, middle) + look(middle, end) == look(begin, end)


@pytest.mark.parametrize(
    ("rrule", "words", "day"),
    [
        ("FREQ=WEEKLY;BYDAY=TU", "Weekly", "Tuesday"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "Every 2 weeks", "Saturday"),
        ("FREQ=MONTHLY;BYDAY=1MO", "Monthly", "Monday"),
        ("FREQ=DAILY", "Daily", "Thursday"),
        ("FREQ=YEARLY", "At set dates", "Thursday"),
    ],
)
def test_a_rule_in_words(rrule: str, words: str, day: str) -> None:
    assert rhythm(rrule) == words
    assert weekday(rrule, date(2026, 1, 1)) == day
