"""When a series meets: RFC 5545 rules on a wall clock. Pure; dateutil does the arithmetic."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr


@dataclass(frozen=True)
class Occurrence:
    """One meeting a rule gives. `shifted` tells that its wall-clock time is skipped that day."""

    starts_at: datetime
    ends_at: datetime
    shifted: bool


def to_utc(wall: datetime, zone: ZoneInfo) -> tuple[datetime, bool]:
    """The moment a wall clock shows `wall` (naive), and whether that time is skipped that day.

    A time that daylight saving skips is moved forward by the gap, as calendars do (RFC 5545,
    3.3.5). Of a time that comes twice the first one is meant.
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shifted = moment.astimezone(zone).replace(tzinfo=None) != wall
    return moment, shifted


_UNTIL = re.compile(r"UNTIL=(\d{8})(T\d{6})?(Z)?", re.IGNORECASE)


def _on_wall_clock(rrule: str, zone: ZoneInfo) -> str:
    """The rule with its UNTIL as the wall clock shows it; a day alone includes that whole day."""

    def wall(found: re.Match[str]) -> str:
        day, clock, is_utc = found.groups()
        if not is_utc:
            return f"UNTIL={day}{clock or 'T235959'}"
        moment = datetime.strptime(f"{day}{clock or 'T235959'}+0000", "%Y%m%dT%H%M%S%z")
        return f"UNTIL={moment.astimezone(zone):%Y%m%dT%H%M%S}"

    return _UNTIL.sub(wall, rrule)


def occurrences(
    *,
    rrule: str,
    starts_on: date,
    starts_at_time: time,
    minutes: int,
    time_zone: str,
    after: datetime,
    until: datetime,
) -> Iterator[Occurrence]:
    """Every meeting that starts in [after, until), in order. The wall-clock time stays the same."""
    zone = ZoneInfo(time_zone)
    rule = rrulestr(
        _on_wall_clock(rrule, zone), dtstart=datetime.combine(starts_on, starts_at_time)
    )
    first = after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    last = until.astimezone(zone).replace(tzinfo=None) + timedelta(days=1)
    for wall in rule.between(first, last, inc=True):
        starts_at, shifted = to_utc(wall, zone)
        if after <= starts_at < until:
            yield Occurrence(starts_at, starts_at + timedelta(minutes=minutes), shifted)


_WEEKDAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}


def rhythm(rrule: str) -> str:
    """A rule in words, for example "Every 2 weeks" or "Weekly"."""
    parts = dict(part.split("=", 1) for part in rrule.upper().split(";") if "=" in part)
    interval = int(parts.get("INTERVAL", "1"))
    match parts.get("FREQ"), interval:
        case "WEEKLY", 1:
            return "Weekly"
        case "WEEKLY", _:
            return f"Every {interval} weeks"
        case "MONTHLY", 1:
            return "Monthly"
        case "DAILY", 1:
            return "Daily"
        case _:
            return "At set dates"


def weekday(rrule: str, starts_on: date) -> str:
    """The weekday a weekly rule meets on, in words."""
    parts = dict(part.split("=", 1) for part in rrule.upper().split(";") if "=" in part)
    return _WEEKDAYS.get(parts.get("BYDAY", "")[-2:], starts_on.strftime("%A"))
