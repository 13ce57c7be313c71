"""When a series meets: RFC 5545 rules on a wall clock. Pure; dateutil does the arithmetic.

Three things that the RFC leaves to us: `starts_on` is a date only if the rule gives it. COUNT
counts the dates that are left when days off are skipped, so a course of 8 has 8 sessions. And a
rule finer than a day is refused: a group has one clock time.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from supportgroups.lib.words import ordinal_figure

_WEEKDAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
_NTH = {
    1: "first",
    2: "second",
    3: "third",
    4: "fourth",
    5: "fifth",
    -1: "last",
    -2: "last but one",
}

#: A rule that gives no date for so long is no rhythm.
LONGEST_WAIT = timedelta(days=5 * 366)
#: dateutil looks for a next date until the year 9999, which takes minutes when there is none. But
#: the calendar repeats itself every 400 years, so we let it count in the last centuries before.
_CALENDAR_REPEATS = timedelta(days=146_097)
_YEARS_LOOKED_AHEAD = 60
#: Nothing is worked out for days after this one: Python's calendar ends in the year 9999.
LAST_DAY = date(9000, 1, 1)


class RuleError(ValueError):
    """A rule that cannot be kept. Its text is a sentence for the person who wrote the rule."""


@dataclass(frozen=True)
class Occurrence:
    """One meeting a rule gives.

    `shifted` tells that its wall-clock time is skipped that day, `repeated` that it comes twice.
    """

    starts_at: datetime
    ends_at: datetime
    shifted: bool
    repeated: bool = False


# The wall clock -----------------------------------------------------------------------------------


def to_utc(wall: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The moment a wall clock shows `wall` (naive), and whether that time is skipped that day.

    A time that daylight saving skips is moved forward by the gap, as calendars do (RFC 5545,
    3.3.5). Of a time that comes twice the first one is meant.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shifted = moment.astimezone(zone).replace(tzinfo=None) != wall
    return moment, shifted


def comes_twice(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall clock shows this time (naive) twice, because it is put back."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second


def day_of(moment: datetime, time_zone: str) -> date:
    """The day of a moment on the wall calendar of a zone."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def midnight(day: date, time_zone: str) -> datetime:
    """The moment a day begins in a zone."""
    return to_utc(datetime.combine(day, time()), ZoneInfo(time_zone))[0]


# Reading a rule -----------------------------------------------------------------------------------

_RANGES = {
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
}
_DAY_PARTS = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_RANGES}
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z)?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,4}", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """A rule taken apart: every part checked, the ends (COUNT, UNTIL) beside the rest."""

    freq: str
    interval: int
    #: BYDAY and the other BY parts, as lists of values.
    by: Mapping[str, tuple[str, ...]]
    week_starts: str
    count: int | None
    #: Naive on the wall clock, or aware; the moment itself included.
    until: datetime | None


def parse(rrule: str) -> Rule:
    """Take a rule apart. Raises `RuleError` for one that cannot be read or kept."""
    parts = _parts(rrule)
    freq = parts.get("FREQ", "")
    if freq in {"SECONDLY", "MINUTELY", "HOURLY"} or parts.keys() & {
        "BYHOUR",
        "BYMINUTE",
        "BYSECOND",
    }:
        raise RuleError("A group meets at one time of day, so a rule names days only.")
    if freq not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}:
        raise RuleError("A rule says how often: FREQ is DAILY, WEEKLY, MONTHLY or YEARLY.")
    if unknown := sorted(parts.keys() - _KNOWN):
        raise RuleError(f"We cannot keep this part of the rule: {unknown[0][:20]}.")
    if "COUNT" in parts and "UNTIL" in parts:
        raise RuleError("A rule ends after a number of dates or on a day, not both.")
    week_starts = parts.get("WKST", "MO")
    if week_starts not in _WEEKDAYS:
        raise RuleError("WKST is the two letters of one weekday.")
    by = {name: _values(name, parts[name]) for name in parts if name.startswith("BY")}
    numbered = any(len(value) > 2 for value in by.get("BYDAY", ()))
    if numbered and (freq not in {"MONTHLY", "YEARLY"} or "BYWEEKNO" in by):
        raise RuleError("Only a rule by the month or year can number its weekdays.")
    if "BYSETPOS" in by and len(by) == 1:
        raise RuleError("BYSETPOS picks from other parts: name the days first.")
    return Rule(
        freq=freq,
        interval=_positive("INTERVAL", parts.get("INTERVAL", "1")),
        by=by,
        week_starts=week_starts,
        count=_positive("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
    )


def normal(rrule: str) -> str:
    """The rule as it is stored: without prefix, spaces around it and a last semicolon."""
    return rrule.strip().upper().removeprefix("RRULE:").removesuffix(";")


def ending_before(rrule: str, day: date) -> str:
    """The same rule without its dates from this day on."""
    kept = [p for p in normal(rrule).split(";") if not p.startswith(("COUNT=", "UNTIL="))]
    return ";".join([*kept, f"UNTIL={day - timedelta(days=1):%Y%m%d}"])


def _parts(rrule: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in normal(rrule).split(";"):
        name, equals, value = part.partition("=")
        if not equals or not name or not value or re.search(r"\s", part):
            raise RuleError("We cannot read this rule. It looks like FREQ=WEEKLY;BYDAY=TU.")
        if name in parts:
            raise RuleError(f"The rule names {name[:20]} twice.")
        parts[name] = value
    return parts


def _positive(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", value) or int(value) == 0:
        raise RuleError(f"{name} is a number from 1 to 9999.")
    return int(value)


def _values(name: str, text: str) -> tuple[str, ...]:
    values = text.split(",")
    if name == "BYDAY":
        for value in values:
            found = _WEEKDAY.fullmatch(value)
            if not found or (found[1] and not 1 <= abs(int(found[1])) <= 53):
                raise RuleError("BYDAY lists weekdays such as TU, or 2TU and -1FR for a month.")
        return tuple(value.removeprefix("+") for value in values)
    least, most = _RANGES[name]
    for value in values:
        if not _NUMBER.fullmatch(value) or int(value) == 0 or not least <= int(value) <= most:
            raise RuleError(f"{name} lists numbers from {least} to {most}.".replace("-", "−"))
    return tuple(str(int(value)) for value in values)


def _until(text: str) -> datetime:
    """The last moment included. A day alone includes that whole day."""
    found = _UNTIL.fullmatch(text)
    if found is None:
        raise RuleError("UNTIL is a day such as 20261222.")
    try:
        moment = datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise RuleError("UNTIL is a day that does not exist.") from None
    return moment.replace(tzinfo=UTC) if found[3] else moment


# Its dates ----------------------------------------------------------------------------------------


def _whole(rule: Rule, starts_on: date) -> dict[str, tuple[str, ...]]:
    """The BY parts, with what the RFC takes from the first date written out."""
    by = dict(rule.by)
    weekday = (list(_WEEKDAYS)[starts_on.weekday()],)
    if not by.keys() & _DAY_PARTS:
        if rule.freq == "WEEKLY":
            by["BYDAY"] = weekday
        elif rule.freq != "DAILY":
            by["BYMONTHDAY"] = (str(starts_on.day),)
        if rule.freq == "YEARLY":
            by.setdefault("BYMONTH", (str(starts_on.month),))
    elif rule.freq == "YEARLY" and by.keys() & _DAY_PARTS == {"BYWEEKNO"}:
        by["BYDAY"] = weekday
    days = by.get("BYDAY", ())
    if any(len(day) > 2 for day in days):
        # dateutil takes "MO,2TU" for Mondays that are second Tuesdays: so all Mondays get numbers.
        most = 53 if rule.freq == "YEARLY" and "BYMONTH" not in by else 5
        by["BYDAY"] = tuple(
            numbered
            for day in days
            for numbered in (
                [day] if len(day) > 2 else [f"{number}{day}" for number in range(1, most + 1)]
            )
        )
    return by


def _first_period(rule: Rule, starts_on: date, after: date) -> date:
    """The first day of the last period (day, week, month or year of the rule) before `after`.

    Counted from the first date's period in steps of the interval, so that every second week stays
    the same week from wherever one looks. A rule with COUNT is always counted from its beginning.
    """
    if rule.freq == "DAILY" or rule.freq == "WEEKLY":
        into_week = (starts_on.weekday() - list(_WEEKDAYS).index(rule.week_starts)) % 7
        begin = starts_on - timedelta(days=into_week if rule.freq == "WEEKLY" else 0)
        step = rule.interval * (7 if rule.freq == "WEEKLY" else 1)
        passed = 0 if rule.count else max(0, (after - begin).days // step)
        return begin + timedelta(days=passed * step)
    months = rule.interval * (12 if rule.freq == "YEARLY" else 1)
    begin_month = starts_on.year * 12 + (starts_on.month - 1 if rule.freq == "MONTHLY" else 0)
    after_month = after.year * 12 + after.month - 1
    passed = 0 if rule.count else max(0, (after_month - begin_month) // months)
    year, month = divmod(begin_month + passed * months, 12)
    return date(year, month + 1, 1)


def _dates(rule: Rule, starts_on: date, *, after: date) -> Iterator[date]:
    """The days a rule gives from its start, without looking at its ends; none before `after`,
    unless they must be counted."""
    begin = _first_period(rule, starts_on, after)
    shift = (9999 - _YEARS_LOOKED_AHEAD - begin.year) // 400 * _CALENDAR_REPEATS
    text = ";".join(
        [
            f"FREQ={rule.freq}",
            f"INTERVAL={rule.interval}",
            f"WKST={rule.week_starts}",
            *(f"{name}={','.join(values)}" for name, values in _whole(rule, starts_on).items()),
        ]
    )
    for moment in rrulestr(text, dtstart=datetime.combine(begin + shift, time())):
        day = moment.date() - shift
        if day >= starts_on:
            yield day


def _walls(
    rule: Rule,
    *,
    starts_on: date,
    clock: time,
    zone: ZoneInfo,
    after: date,
    skip: Collection[date],
) -> Iterator[datetime]:
    """The wall-clock times of a rule in order, up to its end."""
    counted = 0
    for day in _dates(rule, starts_on, after=after):
        wall = datetime.combine(day, clock)
        if rule.until is not None:
            reached = to_utc(wall, zone)[0] if rule.until.tzinfo else wall
            if reached > rule.until:
                return
        if day in skip:
            continue
        yield wall
        counted += 1
        if counted == rule.count:
            return


def occurrences(
    *,
    rrule: str,
    starts_on: date,
    starts_at_time: time,
    minutes: int,
    time_zone: str,
    after: datetime,
    until: datetime,
    skip: Collection[date] = (),
) -> Iterator[Occurrence]:
    """Every meeting that starts in [after, until), in order. The wall-clock time stays the same.

    `skip` are days off. Raises `RuleError` for a rule that cannot be kept.
    """
    zone = ZoneInfo(time_zone)
    # A zone may be a day off its own past: Samoa had no 30 December 2011.
    look_from = after.astimezone(zone).date() - timedelta(days=2)
    look_to = until.astimezone(zone).date() + timedelta(days=2)
    waiting: Occurrence | None = None
    for wall in _walls(
        parse(rrule),
        starts_on=starts_on,
        clock=starts_at_time,
        zone=zone,
        after=look_from,
        skip=skip,
    ):
        if wall.date() > look_to:
            break
        starts_at, shifted = to_utc(wall, zone)
        if waiting is not None and waiting.starts_at != starts_at:
            yield waiting
        waiting = None
        if after <= starts_at < until:
            # A time that moved forward by a whole day is the next day's: one meeting.
            waiting = Occurrence(
                starts_at,
                starts_at + timedelta(minutes=minutes),
                shifted,
                comes_twice(wall, zone),
            )
    if waiting is not None:
        yield waiting


@lru_cache(maxsize=20_000)
def next_start(
    *,
    rrule: str,
    starts_on: date,
    starts_at_time: time,
    time_zone: str,
    after: datetime,
    skip: frozenset[date],
) -> datetime | None:
    """When the first meeting after this moment begins. Remembered, as the clock asks each minute
    for every group."""
    begin = after + timedelta(microseconds=1)
    found = occurrences(
        rrule=rrule,
        starts_on=starts_on,
        starts_at_time=starts_at_time,
        minutes=1,
        time_zone=time_zone,
        after=begin,
        until=begin + LONGEST_WAIT,
        skip=skip,
    )
    return next((each.starts_at for each in found), None)


def check_rule(rrule: str, *, starts_on: date, starts_at_time: time, time_zone: str) -> Occurrence:
    """The first meeting of a rule that can be kept, or `RuleError` with a kind sentence."""
    begin = midnight(starts_on, time_zone) - timedelta(days=1)
    first = next(
        occurrences(
            rrule=rrule,
            starts_on=starts_on,
            starts_at_time=starts_at_time,
            minutes=1,
            time_zone=time_zone,
            after=begin,
            until=begin + LONGEST_WAIT,
        ),
        None,
    )
    if first is None:
        raise RuleError("This rule gives no date in the five years after its first day.")
    return first


# Made of choices, and read back -------------------------------------------------------------------


@dataclass(frozen=True)
class Choices:
    """A rule as a form asks for it.

    `pattern` is "weekly" (on `weekdays`), "monthly_weekday" (on the `nth` of `weekdays[0]`; -1 is
    the last) or "monthly_day" (on `day`; -1 is the last day).
    """

    pattern: str
    interval: int = 1
    weekdays: tuple[str, ...] = ()
    nth: int | None = None
    day: int | None = None
    count: int | None = None
    until: date | None = None


def rrule_of(
    *,
    pattern: str,
    interval: int = 1,
    weekdays: Sequence[str] = (),
    nth: int | None = None,
    day: int | None = None,
    count: int | None = None,
    until: date | None = None,
) -> str:
    """The rule of these choices (see `Choices`). Raises `RuleError` when they make none."""
    parts = ["FREQ=WEEKLY" if pattern == "weekly" else "FREQ=MONTHLY"]
    if interval != 1:
        parts.append(f"INTERVAL={interval}")
    match pattern:
        case "weekly" if weekdays:
            parts.append("BYDAY=" + ",".join(d for d in _WEEKDAYS if d in weekdays))
        case "monthly_weekday" if len(weekdays) == 1 and nth:
            parts.append(f"BYDAY={nth}{weekdays[0]}")
        case "monthly_day" if day:
            parts.append(f"BYMONTHDAY={day}")
        case _:
            raise RuleError("Choose the day or days on which the group meets.")
    if count is not None:
        parts.append(f"COUNT={count}")
    if until is not None:
        parts.append(f"UNTIL={until:%Y%m%d}")
    rrule = ";".join(parts)
    parse(rrule)
    return rrule


def choices_of(rrule: str, starts_on: date) -> Choices | None:
    """The choices that make this rule, or None for one that a form does not ask for."""
    rule = parse(rrule)
    if rule.until is not None and (rule.until.tzinfo or rule.until.time() != time(23, 59, 59)):
        return None
    return _choices(rule, starts_on)


def _choices(rule: Rule, starts_on: date) -> Choices | None:
    by = _whole(rule, starts_on)
    days = by.get("BYDAY", ())
    until = rule.until
    made = partial(
        Choices, interval=rule.interval, count=rule.count, until=until.date() if until else None
    )
    if rule.interval > 1 and len(days) > 1 and rule.week_starts != "MO":
        return None  # which days share a week is not what the form says
    if rule.freq == "WEEKLY" and by.keys() == {"BYDAY"}:
        return made("weekly", weekdays=tuple(d for d in _WEEKDAYS if d in days))
    if rule.freq == "MONTHLY" and by.keys() == {"BYDAY"} and len(days) == 1 and len(days[0]) > 2:
        nth = int(days[0][:-2])
        if nth in _NTH:
            return made("monthly_weekday", weekdays=(days[0][-2:],), nth=nth)
    if rule.freq == "MONTHLY" and by.keys() == {"BYMONTHDAY"} and len(by["BYMONTHDAY"]) == 1:
        return made("monthly_day", day=int(by["BYMONTHDAY"][0]))
    return None


# In words -----------------------------------------------------------------------------------------


def rhythm(rrule: str) -> str:
    """How often a rule meets, for example "Every 2 weeks" or "Weekly"."""
    try:
        rule = parse(rrule)
    except RuleError:
        return "At set dates"
    unit = {"DAILY": "days", "WEEKLY": "weeks", "MONTHLY": "months"}.get(rule.freq)
    if unit is None:
        return "At set dates"
    if rule.interval > 1:
        return f"Every {rule.interval} {unit}"
    return {"DAILY": "Daily", "WEEKLY": "Weekly", "MONTHLY": "Monthly"}[rule.freq]


def weekday(rrule: str, starts_on: date) -> str:
    """The weekday a rule meets on, in words."""
    try:
        days = parse(rrule).by.get("BYDAY", ())
    except RuleError:
        days = ()
    return _WEEKDAYS[days[0][-2:]] if days else starts_on.strftime("%A")


def describe(rrule: str, starts_on: date) -> str:
    """A rule in words, for example "Every 2 weeks on Tuesday, 12 times"."""
    try:
        rule = parse(rrule)
        choices = _choices(rule, starts_on)
    except RuleError:
        return "At set dates"
    often = rhythm(rrule)
    if choices is None:
        words = often if rule.freq == "DAILY" and not rule.by else "At set dates"
    elif choices.pattern == "weekly":
        days = _and([_WEEKDAYS[day] for day in choices.weekdays])
        several = rule.interval == 1 and len(choices.weekdays) > 1
        words = f"On {days}" if several else f"{often} on {days}"
    elif choices.pattern == "monthly_weekday":
        words = f"{often} on the {_NTH[choices.nth or 1]} {_WEEKDAYS[choices.weekdays[0]]}"
    else:
        words = f"{often} on {_day_of_month(choices.day or 1)}"
    if rule.count:
        words += ", once" if rule.count == 1 else f", {rule.count} times"
    if rule.until is not None:
        words += f", until {rule.until.day} {rule.until:%B %Y}"
    return words


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _day_of_month(day: int) -> str:
    if day == -1:
        return "the last day"
    if day < 0:
        return f"the {ordinal_figure(-day)} day from the end"
    return f"the {ordinal_figure(day)}"
