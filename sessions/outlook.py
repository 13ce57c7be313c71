"""What a rhythm or a day off will do to the dates: shown before it is saved. Asks only."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import Organisation
from accounts.rules import Viewer
from groups.models import SupportGroup
from sessions import holidays, schedule, schedule_rules
from sessions.models import DayOff, Series, SupportSession
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
            schedule_rules.occurrences_of(series, after=begin, until=begin + schedule.LONGEST_WAIT),
            DATES_SHOWN + 1,
        )
    )
    shown = found[:DATES_SHOWN]
    until = shown[-1].ends_at if shown else begin + timedelta(days=365)
    clashes = schedule_rules.clashes_of_rhythm(
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
        remarks=[_remark(each, series) for each in schedule_rules.times_that_shift(series, begin)],
        clashes=[str(clash) for clash in clashes],
    )


def _days_off_between(series: Series, begin: datetime, until: datetime) -> list[tuple[date, str]]:
    """Days off on which the rule, were it not for them, gives a date."""
    names = dict(
        schedule_rules.days_off_of(series.group).order_by("-group").values_list("day", "name")
    )
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


def holidays_offered(
    organisation: Organisation,
    groups: QuerySet[SupportGroup],
    *,
    region: str = "",
    at: datetime | None = None,
) -> list[tuple[str, str, str]]:
    """Public holidays of the next twelve months: date, name, and words with the sessions planned
    for these groups on that day."""
    at = at or timezone.now()
    today = schedule.day_of(at, organisation.time_zone)
    offered = holidays.public_holidays(
        organisation.country, since=today, until=holidays.next_year(today), region=region
    )
    taken = DayOff.objects.filter(organisation=organisation, group__isnull=True)
    there = set(taken.values_list("day", flat=True))
    planned = _planned_on({each.day for each in offered}, groups, at)
    return [
        (
            each.day.isoformat(),
            each.name,
            f"{date_format(each.day, 'l j F Y')}: {each.name} ({_sessions(planned[each.day])})",
        )
        for each in offered
        if each.day not in there
    ]


def _planned_on(days: set[date], groups: QuerySet[SupportGroup], at: datetime) -> Counter[date]:
    """How many sessions of these groups are planned on each of the days, so far."""
    counted: Counter[date] = Counter()
    if not days:
        return counted
    starts = (
        SupportSession.objects.filter(
            group__in=groups,
            status=SupportSession.Status.SCHEDULED,
            starts_at__gt=at,
            starts_at__lt=schedule.midnight(max(days) + timedelta(days=2), "UTC"),
        )
        .order_by()
        .values_list("starts_at", "group__time_zone")
    )
    for starts_at, time_zone in starts.iterator():
        counted[schedule.day_of(starts_at, time_zone)] += 1
    return counted


def _sessions(number: int) -> str:
    if not number:
        return "no session planned so far"
    return f"{number} session{'' if number == 1 else 's'} planned so far"


def called_off_by(
    days_off: Iterable[DayOff], groups: QuerySet[SupportGroup]
) -> list[tuple[DayOff, list[SupportSession]]]:
    """Each day off with the sessions of these groups that it calls off."""
    kept = list(days_off)
    if not kept:
        return []
    days = [min(each.day, schedule.LAST_DAY) for each in kept]
    off = SupportSession.objects.filter(
        group__in=groups,
        cancelled_for=SupportSession.CancelledFor.DAY_OFF,
        starts_at__gte=schedule.midnight(min(days) - timedelta(days=1), "UTC"),
        starts_at__lt=schedule.midnight(max(days) + timedelta(days=2), "UTC"),
    )
    found = list(off.select_related("group").order_by("starts_at"))
    return [
        (
            each,
            [
                session
                for session in found
                if each.group_id in (None, session.group_id)
                and schedule_rules.is_on_day(session, each.day)
            ],
        )
        for each in kept
    ]
