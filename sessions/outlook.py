"""What a rhythm will look like on the group's own clock: shown before it is saved. Asks only."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.rules import Viewer
from sessions import rules, schedule
from sessions.models import Series, SupportSession
from sessions.schedule import Occurrence
from supportgroups.lib.templatetags.ui import time_words

#: Dates that are shown of a rhythm, and of how many more we look for days off.
DATES_SHOWN = 8
_COUNT = re.compile(r";?COUNT=\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Outlook:
    """The next dates of a rhythm, and all that somebody should know before it is saved."""

    words: str
    dates: list[Occurrence]
    #: Whether there are more dates than those.
    goes_on: bool
    #: Days off that the rhythm falls on: there is no session then.
    days_off: list[tuple[date, str]]
    #: What daylight saving does to some dates of the next twelve months, in sentences.
    remarks: list[str]
    #: Facilitators or the room are taken then, in sentences.
    clashes: list[str]


def outlook(
    series: Series,
    *,
    by: Viewer,
    from_session: SupportSession | None = None,
    at: datetime | None = None,
) -> Outlook:
    """Look ahead at a rhythm, saved or not, from `from_session` or its own beginning on."""
    at = at or timezone.now()
    begin = max(at, schedule.midnight(series.starts_on, series.time_zone))
    found = list(
        islice(
            rules.occurrences_of(series, after=begin, until=begin + schedule.LONGEST_WAIT),
            DATES_SHOWN + 1,
        )
    )
    shown = found[:DATES_SHOWN]
    until = shown[-1].ends_at if shown else begin + timedelta(days=365)
    clashes = rules.clashes_of_rhythm(
        group=series.group,
        rrule=series.rrule,
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        by=by,
        from_session=from_session,
        at=at,
    )
    return Outlook(
        words=series.words(),
        dates=shown,
        goes_on=len(found) > DATES_SHOWN,
        days_off=_days_off_between(series, begin, until),
        remarks=[_remark(each, series) for each in rules.times_that_shift(series, begin)],
        clashes=[str(clash) for clash in clashes],
    )


def _days_off_between(series: Series, begin: datetime, until: datetime) -> list[tuple[date, str]]:
    """Days off on which the rule, were it not for them, gives a date."""
    names = dict(rules.days_off_of(series.group).order_by("-group").values_list("day", "name"))
    given = schedule.occurrences(
        rrule=_COUNT.sub("", series.rrule),
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        time_zone=series.time_zone,
        after=begin,
        until=until,
    )
    days = sorted({schedule.day_of(each.starts_at, series.time_zone) for each in given})
    return [(day, names[day]) for day in days if day in names]


def _remark(occurrence: Occurrence, series: Series) -> str:
    """What the change of the clocks does to one date."""
    zone = ZoneInfo(series.time_zone)
    local = occurrence.starts_at.astimezone(zone)
    starts = f"{local:%H:%M}"
    day = f"{time_words(occurrence.starts_at, zone, 'date')} {local.year}"
    if occurrence.repeated:
        return f"On {day} the clock shows {starts} twice. The session starts the first time."
    wanted = f"{series.starts_at_time:%H:%M}"
    return f"On {day} the time {wanted} does not exist. The session starts at {starts}."


def as_it_holds(series: Series | None, *, by: Viewer) -> Outlook | None:
    """The outlook of the rhythm that a group has, if it has one."""
    return outlook(series, by=by) if series is not None else None
