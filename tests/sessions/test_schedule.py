"""When a series meets: wall clocks, daylight saving in both directions, every second week."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given as given_by_chance
from hypothesis import settings
from hypothesis import strategies as st

from sessions.schedule import (
    Choices,
    Occurrence,
    RuleError,
    check_rule,
    choices_of,
    comes_twice,
    describe,
    normal,
    occurrences,
    rhythm,
    rrule_of,
    to_utc,
    weekday,
)


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


@given_by_chance(
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


# What the RFC gives as examples (RFC 5545, 3.8.5.3), nine in the morning in New York -------------


def given(rrule: str, first: str, number: int, zone: str = "America/New_York") -> list[str]:
    """The first dates of a rule, written short; the year again where it changes."""
    found = []
    begin = datetime.combine(date.fromisoformat(first), time(0), UTC) - timedelta(days=1)
    for meeting in occurrences(
        rrule=rrule,
        starts_on=date.fromisoformat(first),
        starts_at_time=time(9),
        minutes=60,
        time_zone=zone,
        after=begin,
        until=begin + timedelta(days=365 * 30),
    ):
        local = meeting.starts_at.astimezone(ZoneInfo(zone))
        assert local.time() == time(9)
        found.append(local.date().isoformat())
        if len(found) == number:
            break
    return found


def dates(words: str) -> list[str]:
    """ "1997: 9/2 9/9 1998: 1/6" as dates."""
    year, found = 0, []
    for word in words.split():
        if word.endswith(":"):
            year = int(word[:-1])
            continue
        month, days = word.split("/")
        begin, _, end = days.partition("-")
        for day in range(int(begin), int(end or begin) + 1):
            found.append(date(year, int(month), day).isoformat())
    return found


@pytest.mark.parametrize(
    ("rrule", "first", "expected", "ends"),
    [
        ("FREQ=DAILY;COUNT=10", "1997-09-02", "1997: 9/2-11", True),
        ("FREQ=DAILY;INTERVAL=2", "1997-09-02", "1997: 9/2 9/4 9/6 9/8", False),
        ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02", "1997: 9/2 9/12 9/22 10/2 10/12", True),
        (
            "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
            "1998-01-01",
            "1998: 1/1-31 1999: 1/1-31 2000: 1/1-31",
            True,
        ),
        (
            "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
            "1998-01-01",
            "1998: 1/1-31 1999: 1/1-31 2000: 1/1-31",
            True,
        ),
        (
            "FREQ=WEEKLY;COUNT=10",
            "1997-09-02",
            "1997: 9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4",
            True,
        ),
        (
            "FREQ=WEEKLY;UNTIL=19971224T000000Z",
            "1997-09-02",
            "1997: 9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4 11/11 11/18 11/25 12/2 12/9"
            " 12/16 12/23",
            True,
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
            "1997-09-02",
            "1997: 9/2 9/16 9/30 10/14 10/28 11/11 11/25 12/9 12/23 1998: 1/6 1/20",
            False,
        ),
        (
            "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
            "1997-09-02",
            "1997: 9/2 9/4 9/9 9/11 9/16 9/18 9/23 9/25 9/30 10/2",
            True,
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            "1997-09-01",
            "1997: 9/1 9/3 9/5 9/15 9/17 9/19 9/29 10/1 10/3 10/13 10/15 10/17 10/27 10/29 10/31"
            " 11/10 11/12 11/14 11/24 11/26 11/28 12/8 12/10 12/12 12/22",
            True,
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
            "1997-09-02",
            "1997: 9/2 9/4 9/16 9/18 9/30 10/2 10/14 10/16",
            True,
        ),
        (
            "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
            "1997-09-05",
            "1997: 9/5 10/3 11/7 12/5 1998: 1/2 2/6 3/6 4/3 5/1 6/5",
            True,
        ),
        (
            "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
            "1997-09-05",
            "1997: 9/5 10/3 11/7 12/5",
            True,
        ),
        (
            "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
            "1997-09-07",
            "1997: 9/7 9/28 11/2 11/30 1998: 1/4 1/25 3/1 3/29 5/3 5/31",
            True,
        ),
        (
            "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
            "1997-09-22",
            "1997: 9/22 10/20 11/17 12/22 1998: 1/19 2/16",
            True,
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-3",
            "1997-09-28",
            "1997: 9/28 10/29 11/28 12/29 1998: 1/29 2/26",
            False,
        ),
        (
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
            "1997-09-02",
            "1997: 9/2 9/15 10/2 10/15 11/2 11/15 12/2 12/15 1998: 1/2 1/15",
            True,
        ),
        (
            "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
            "1997-09-30",
            "1997: 9/30 10/1 10/31 11/1 11/30 12/1 12/31 1998: 1/1 1/31 2/1",
            True,
        ),
        (
            "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
            "1997-09-10",
            "1997: 9/10-15 1999: 3/10-13",
            True,
        ),
        (
            "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
            "1997-09-02",
            "1997: 9/2 9/9 9/16 9/23 9/30 11/4 11/11 11/18 11/25 1998: 1/6 1/13 1/20 1/27 3/3",
            False,
        ),
        (
            "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
            "1997-06-10",
            "1997: 6/10 7/10 1998: 6/10 7/10 1999: 6/10 7/10 2000: 6/10 7/10 2001: 6/10 7/10",
            True,
        ),
        (
            "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
            "1997-03-10",
            "1997: 3/10 1999: 1/10 2/10 3/10 2001: 1/10 2/10 3/10 2003: 1/10 2/10 3/10",
            True,
        ),
        (
            "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
            "1997-01-01",
            "1997: 1/1 4/10 7/19 2000: 1/1 4/9 7/18 2003: 1/1 4/10 7/19 2006: 1/1",
            True,
        ),
        ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", "1997: 5/19 1998: 5/18 1999: 5/17", False),
        (
            "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
            "1997-05-12",
            "1997: 5/12 1998: 5/11 1999: 5/17",
            False,
        ),
        (
            "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
            "1997-03-13",
            "1997: 3/13 3/20 3/27 1998: 3/5 3/12 3/19 3/26 1999: 3/4 3/11 3/18 3/25",
            False,
        ),
        (
            "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
            "1997-06-05",
            "1997: 6/5 6/12 6/19 6/26 7/3 7/10 7/17 7/24 7/31 8/7 8/14 8/21 8/28 1998: 6/4",
            False,
        ),
        # The RFC takes its first date out by EXDATE; for us it is none.
        (
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
            "1997-09-02",
            "1998: 2/13 3/13 11/13 1999: 8/13 2000: 10/13",
            False,
        ),
        (
            "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
            "1997-09-13",
            "1997: 9/13 10/11 11/8 12/13 1998: 1/10 2/7 3/7 4/11 5/9 6/13",
            False,
        ),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            "1996-11-05",
            "1996: 11/5 2000: 11/7 2004: 11/2",
            False,
        ),
        (
            "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
            "1997-09-04",
            "1997: 9/4 10/7 11/6",
            True,
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
            "1997-09-29",
            "1997: 9/29 10/30 11/27 12/30 1998: 1/29 2/26 3/30",
            False,
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05",
            "1997: 8/5 8/10 8/19 8/24",
            True,
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05",
            "1997: 8/5 8/17 8/19 8/31",
            True,
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
            "2007-01-15",
            "2007: 1/15 1/30 2/15 3/15 3/30",
            True,
        ),
    ],
)
def test_the_examples_of_the_standard(rrule: str, first: str, expected: str, ends: bool) -> None:
    wanted = dates(expected)

    assert given(rrule, first, len(wanted) + (3 if ends else 0)) == wanted


def test_daily_until_the_evening_before_christmas_goes_over_the_change_of_clocks() -> None:
    begin = datetime(1997, 9, 1, tzinfo=UTC)
    found = meetings(
        "FREQ=DAILY;UNTIL=19971224T000000Z",
        "America/New_York",
        date(1997, 9, 2),
        time(9),
        after=begin,
        until=begin + timedelta(days=365),
    )

    assert len(found) == 113
    hours = {meeting.starts_at.date(): meeting.starts_at.hour for meeting in found}
    assert hours[date(1997, 10, 25)] == 13
    assert hours[date(1997, 10, 26)] == 14


# What standards leave open or others get wrong ---------------------------------------------------


@pytest.mark.parametrize(
    ("rrule", "first", "expected"),
    [
        # The first date is a date only if the rule gives it, and COUNT counts what the rule gives.
        ("FREQ=WEEKLY;BYDAY=TU;COUNT=2", "2026-01-01", "2026: 1/6 1/13"),
        # Days that a month does not have are left out, not moved.
        ("FREQ=MONTHLY;COUNT=4", "2026-01-31", "2026: 1/31 3/31 5/31 7/31"),
        ("FREQ=MONTHLY;BYMONTHDAY=29;COUNT=4", "2026-01-01", "2026: 1/29 3/29 4/29 5/29"),
        ("FREQ=YEARLY;COUNT=3", "2024-02-29", "2024: 2/29 2028: 2/29 2032: 2/29"),
        ("FREQ=MONTHLY;BYMONTHDAY=-31;COUNT=3", "2026-01-01", "2026: 1/1 3/1 5/1"),
        ("FREQ=MONTHLY;BYDAY=5FR;COUNT=3", "2026-01-01", "2026: 1/30 5/29 7/31"),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "2026-01-01", "2026: 1/30 2/27 3/27"),
        # Numbered and other weekdays together.
        ("FREQ=MONTHLY;BYDAY=MO,2TU;COUNT=6", "2026-01-01", "2026: 1/5 1/12 1/13 1/19 1/26 2/2"),
        # The position is counted in the whole week, also in the first one.
        ("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1;COUNT=2", "2026-01-07", "2026: 1/12 1/19"),
        # A week without a day means the first date's weekday.
        ("FREQ=YEARLY;BYWEEKNO=2;COUNT=2", "2026-01-01", "2026: 1/8 2027: 1/14"),
        ("FREQ=YEARLY;BYWEEKNO=53;BYDAY=TH;COUNT=2", "2015-01-01", "2015: 12/31 2020: 12/31"),
        (
            "FREQ=YEARLY;BYYEARDAY=-1,366;COUNT=3",
            "2026-01-01",
            "2026: 12/31 2027: 12/31 2028: 12/31",
        ),
        # The end is included: as a day, on the wall clock, and as a moment.
        ("FREQ=DAILY;UNTIL=20260103", "2026-01-01", "2026: 1/1-3"),
        ("FREQ=DAILY;UNTIL=20260103T090000", "2026-01-01", "2026: 1/1-3"),
        ("FREQ=DAILY;UNTIL=20260103T085959", "2026-01-01", "2026: 1/1-2"),
        ("FREQ=DAILY;UNTIL=20260103T140000Z", "2026-01-01", "2026: 1/1-3"),
        ("FREQ=DAILY;UNTIL=20260103T135959Z", "2026-01-01", "2026: 1/1-2"),
        # As found in the wild.
        ("rrule:freq=weekly;count=2;byday=mo;", "2026-01-01", "2026: 1/5 1/12"),
        ("FREQ=WEEKLY;BYDAY=TU,TU;COUNT=2", "2026-01-01", "2026: 1/6 1/13"),
        ("FREQ=MONTHLY;BYDAY=+1TU;COUNT=2", "2026-01-01", "2026: 1/6 2/3"),
    ],
)
def test_what_a_rule_means_in_corners(rrule: str, first: str, expected: str) -> None:
    wanted = dates(expected)

    assert given(rrule, first, len(wanted) + 2) == wanted


@pytest.mark.parametrize(
    "rrule",
    [
        "",
        "weekly",
        "FREQ=",
        "FREQ=NONSENSE",
        "BYDAY=TU",
        "FREQ=HOURLY",
        "FREQ=MINUTELY;INTERVAL=90",
        "FREQ=SECONDLY",
        "FREQ=WEEKLY;BYSECOND=0",
        "FREQ=DAILY;BYHOUR=9,10",
        "FREQ=WEEKLY;INTERVAL=0",
        "FREQ=WEEKLY;INTERVAL=-1",
        "FREQ=WEEKLY;INTERVAL=1.5",
        "FREQ=WEEKLY;COUNT=0",
        "FREQ=WEEKLY;COUNT=x",
        "FREQ=WEEKLY;COUNT=3;UNTIL=20270101",
        "FREQ=WEEKLY;UNTIL=20270230",
        "FREQ=WEEKLY;UNTIL=tomorrow",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=WEEKLY;BYDAY=2TU",
        "FREQ=MONTHLY;BYDAY=0TU",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=-1",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
        "FREQ=YEARLY;BYEASTER=0",
        "FREQ=MONTHLY;SKIP=FORWARD;RSCALE=GREGORIAN",
        "FREQ=WEEKLY;WKST=XX",
        "FREQ=WEEKLY;FREQ=DAILY",
        "FREQ=WEEKLY\nRRULE:FREQ=DAILY",
        "FREQ=WEEKLY;BYDAY=TU\nEXDATE:20260106T090000",
        "DTSTART:20260101T090000\nRRULE:FREQ=WEEKLY",
        "FREQ=WEEKLY;BYDAY=\u0664TU",
        # Readable, and without a date for years.
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=2",
        "FREQ=YEARLY;INTERVAL=9999;BYMONTH=1;BYMONTHDAY=1",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=WEEKLY;UNTIL=20250101",
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_soon(rrule: str) -> None:
    with pytest.raises(RuleError) as refused:
        check_rule(
            rrule,
            starts_on=date(2026, 1, 2),
            starts_at_time=time(9),
            time_zone="Europe/London",
        )
    assert str(refused.value).endswith(".")


def test_check_rule_gives_the_first_meeting() -> None:
    first = check_rule(
        "FREQ=MONTHLY;BYDAY=-1SU",
        starts_on=date(2026, 3, 1),
        starts_at_time=time(1, 30),
        time_zone="Europe/London",
    )

    assert first.starts_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert first.shifted


def test_days_off_are_skipped_and_postpone_a_course() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = occurrences(
        rrule="FREQ=WEEKLY;BYDAY=TU;COUNT=3",
        starts_on=date(2026, 1, 1),
        starts_at_time=time(9),
        minutes=60,
        time_zone="Europe/London",
        after=begin,
        until=begin + timedelta(days=365),
        skip={date(2026, 1, 13)},
    )

    assert [meeting.starts_at.day for meeting in found] == [6, 20, 27]


@pytest.mark.parametrize(
    ("zone", "day", "clock", "twice"),
    [
        ("Europe/London", date(2026, 10, 25), time(1, 30), True),
        ("Europe/London", date(2026, 10, 25), time(2, 0), False),
        ("Europe/London", date(2026, 3, 29), time(1, 30), False),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), True),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 15), False),
        # Morocco puts its clocks back for Ramadan.
        ("Africa/Casablanca", date(2026, 2, 15), time(2, 30), True),
        ("Asia/Kathmandu", date(2026, 3, 29), time(2, 30), False),
    ],
)
def test_a_time_that_comes_twice_is_told(zone: str, day: date, clock: time, twice: bool) -> None:
    wall = datetime.combine(day, clock)
    begin = datetime.combine(day, time(), UTC) - timedelta(days=1)
    [meeting] = [
        each
        for each in meetings(
            "FREQ=DAILY", zone, day, clock, after=begin, until=begin + timedelta(days=3)
        )
        if each.starts_at.astimezone(ZoneInfo(zone)).date() == day
    ]

    assert comes_twice(wall, ZoneInfo(zone)) is twice
    assert meeting.repeated is twice


def test_half_an_hour_of_gap_moves_by_half_an_hour() -> None:
    moment, shifted = to_utc(
        datetime(2026, 10, 4, 2, 10),  # noqa: DTZ001
        ZoneInfo("Australia/Lord_Howe"),
    )

    assert shifted
    assert moment.astimezone(ZoneInfo("Australia/Lord_Howe")).time() == time(2, 40)


def test_a_day_that_a_zone_skipped_is_the_next_day_once() -> None:
    """Samoa went from 29 to 31 December 2011."""
    begin = datetime(2011, 12, 28, tzinfo=UTC)
    daily = meetings(
        "FREQ=DAILY",
        "Pacific/Apia",
        date(2011, 12, 28),
        time(18),
        after=begin,
        until=begin + timedelta(days=6),
    )

    local = [meeting.starts_at.astimezone(ZoneInfo("Pacific/Apia")) for meeting in daily]
    assert [moment.day for moment in local] == [28, 29, 31, 1, 2]
    assert {moment.hour for moment in local} == {18}


# For all zones, clocks and rules ------------------------------------------------------------------

ZONES = [
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Tehran",
    "America/Santiago",
    "UTC",
]
WEEKDAYS = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])


@st.composite
def rules(draw: st.DrawFn) -> str:
    interval = draw(st.integers(1, 5))
    weekly = st.lists(WEEKDAYS, min_size=1, max_size=3, unique=True).map(
        lambda days: f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(days)}"
    )
    nth = st.tuples(st.sampled_from([-2, -1, 1, 2, 3, 4, 5]), WEEKDAYS).map(
        lambda pair: f"FREQ=MONTHLY;INTERVAL={interval};BYDAY={pair[0]}{pair[1]}"
    )
    day = st.sampled_from([-3, -1, 1, 15, 29, 30, 31]).map(
        lambda number: f"FREQ=MONTHLY;INTERVAL={interval};BYMONTHDAY={number}"
    )
    others = st.sampled_from(
        [
            f"FREQ=DAILY;INTERVAL={interval}",
            f"FREQ=WEEKLY;INTERVAL={interval}",
            f"FREQ=MONTHLY;INTERVAL={interval}",
            "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        ]
    )
    ends = draw(st.sampled_from(["", ";COUNT=1", ";COUNT=7", ";COUNT=40", ";UNTIL=20260630"]))
    return draw(weekly | nth | day | others) + ends


CLOCKS = st.times(time(0), time(23, 59)).map(lambda clock: clock.replace(second=0, microsecond=0))
#: The small hours, in which clocks change, more often than chance would have it.
SMALL_HOURS = st.integers(0, 239).map(lambda minute: time(minute // 60, minute % 60))


@settings(deadline=None)
@given_by_chance(
    rrule=rules(),
    zone=st.sampled_from(ZONES),
    clock=SMALL_HOURS | CLOCKS,
    starts_on=st.dates(date(2010, 1, 1), date(2026, 6, 1)),
    cuts=st.lists(st.integers(0, 900), min_size=1, max_size=4),
)
def test_every_rule_keeps_its_clock_its_order_and_its_slices(
    rrule: str, zone: str, clock: time, starts_on: date, cuts: list[int]
) -> None:
    begin = datetime.combine(starts_on, time(), UTC) - timedelta(days=2)
    end = begin + timedelta(days=900)

    def look(after: datetime, until: datetime) -> list[Occurrence]:
        return meetings(rrule, zone, starts_on, clock, after=after, until=until)

    whole = look(begin, end)
    local = [meeting.starts_at.astimezone(ZoneInfo(zone)) for meeting in whole]

    assert all(one.starts_at < two.starts_at for one, two in pairwise(whole))
    for meeting, moment in zip(whole, local, strict=True):
        assert meeting.shifted or moment.time() == clock
        assert moment.fold == 0
        assert meeting.ends_at - meeting.starts_at == timedelta(minutes=90)
    edges = [begin, *sorted(begin + timedelta(days=cut) for cut in cuts), end]
    sliced = [meeting for after, until in pairwise(edges) for meeting in look(after, until)]
    assert sliced == whole


@settings(deadline=None)
@given_by_chance(rrule=rules(), starts_on=st.dates(date(2010, 1, 1), date(2026, 6, 1)))
def test_dates_are_those_dateutil_gives(rrule: str, starts_on: date) -> None:
    """The same library without what we put around it: periods, shifted centuries, own ends."""
    end = datetime.combine(starts_on, time(9)) + timedelta(days=900)
    plain = rrulestr(rrule, dtstart=datetime.combine(starts_on, time(9))).between(
        datetime.combine(starts_on, time()), end, inc=True
    )
    begin = datetime.combine(starts_on, time(), UTC)
    ours = meetings(
        rrule,
        "UTC",
        starts_on,
        time(9),
        after=begin,
        until=end.replace(tzinfo=UTC) + timedelta(seconds=1),
    )

    # A day as UNTIL is midnight to dateutil and the whole day to us.
    if "UNTIL" in rrule:
        ours = [each for each in ours if each.starts_at.date() != date(2026, 6, 30)]
    assert [each.starts_at.replace(tzinfo=None) for each in ours] == plain


@settings(deadline=None)
@given_by_chance(
    text=st.text(max_size=40) | st.text("FREQ=WKLYMONTHBYDACU;,0123456789-", max_size=60)
)
def test_no_text_breaks_or_hangs_it(text: str) -> None:
    with suppress(RuleError):
        check_rule(
            text, starts_on=date(2026, 1, 1), starts_at_time=time(9), time_zone="Europe/London"
        )
    describe(text, date(2026, 1, 1))
    normal(text)


# Choices and words --------------------------------------------------------------------------------

CHOICES = [
    (Choices("weekly", weekdays=("TU",)), "FREQ=WEEKLY;BYDAY=TU", "Weekly on Tuesday"),
    (
        Choices("weekly", interval=2, weekdays=("TU",)),
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
        "Every 2 weeks on Tuesday",
    ),
    (
        Choices("weekly", weekdays=("MO", "TH"), count=12),
        "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=12",
        "On Monday and Thursday, 12 times",
    ),
    (
        Choices("weekly", interval=3, weekdays=("MO", "WE", "FR")),
        "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE,FR",
        "Every 3 weeks on Monday, Wednesday and Friday",
    ),
    (
        Choices("monthly_weekday", weekdays=("FR",), nth=-1),
        "FREQ=MONTHLY;BYDAY=-1FR",
        "Monthly on the last Friday",
    ),
    (
        Choices("monthly_weekday", interval=2, weekdays=("SU",), nth=2, until=date(2026, 12, 22)),
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=2SU;UNTIL=20261222",
        "Every 2 months on the second Sunday, until 22 December 2026",
    ),
    (Choices("monthly_day", day=22), "FREQ=MONTHLY;BYMONTHDAY=22", "Monthly on the 22nd"),
    (Choices("monthly_day", day=13), "FREQ=MONTHLY;BYMONTHDAY=13", "Monthly on the 13th"),
    (Choices("monthly_day", day=-1), "FREQ=MONTHLY;BYMONTHDAY=-1", "Monthly on the last day"),
    (
        Choices("monthly_day", day=-3, count=1),
        "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=1",
        "Monthly on the 3rd day from the end, once",
    ),
]


@pytest.mark.parametrize(("choices", "rrule", "words"), CHOICES)
def test_choices_make_a_rule_that_reads_back(choices: Choices, rrule: str, words: str) -> None:
    made = rrule_of(**vars(choices))

    assert made == rrule
    assert choices_of(made, date(2026, 1, 1)) == choices
    assert describe(made, date(2026, 1, 1)) == words


@pytest.mark.parametrize(
    "choices",
    [
        {"pattern": "weekly"},
        {"pattern": "weekly", "weekdays": ["TU"], "interval": 0},
        {"pattern": "weekly", "weekdays": ["TU"], "count": 3, "until": date(2027, 1, 1)},
        {"pattern": "monthly_weekday", "weekdays": ["TU"]},
        {"pattern": "monthly_weekday", "weekdays": ["TU", "WE"], "nth": 1},
        {"pattern": "monthly_day"},
        {"pattern": "monthly_day", "day": 32},
        {"pattern": "now and then", "weekdays": ["TU"]},
    ],
)
def test_choices_that_make_no_rule_are_refused(choices: dict) -> None:
    with pytest.raises(RuleError):
        rrule_of(**choices)


@pytest.mark.parametrize(
    ("rrule", "words"),
    [
        ("FREQ=YEARLY", "At set dates"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", "At set dates"),
        ("FREQ=MONTHLY;BYDAY=MO", "At set dates"),
        ("FREQ=WEEKLY;BYDAY=TU;BYMONTH=1", "At set dates"),
        ("FREQ=DAILY;INTERVAL=3", "Every 3 days"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU", "At set dates"),
        (
            "FREQ=WEEKLY;BYDAY=TU;UNTIL=20261222T183000Z",
            "Weekly on Tuesday, until 22 December 2026",
        ),
        ("nonsense", "At set dates"),
    ],
)
def test_a_rule_of_its_own_is_no_choice(rrule: str, words: str) -> None:
    assert describe(rrule, date(2026, 1, 1)) == words
    if rrule != "nonsense":
        assert choices_of(rrule, date(2026, 1, 1)) is None


def test_a_rule_without_a_day_takes_the_first_dates() -> None:
    assert choices_of("FREQ=WEEKLY", date(2026, 1, 1)) == Choices("weekly", weekdays=("TH",))
    assert describe("FREQ=MONTHLY", date(2026, 1, 1)) == "Monthly on the 1st"
