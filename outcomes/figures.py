"""From counted rows to what a page says: the finding, its n, its interval, its limits.

Pure functions. Nothing here is shown about fewer people than the organisation's smallest cell, nor
anything from which such a number could be worked out.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import floor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.formats import date_format
from numpy.typing import NDArray

from outcomes.queries import (
    WEEKS,
    SessionCount,
    StayCount,
    UptakeCount,
)
from outcomes.scopes import Cell, Chosen, cells_of
from outcomes.statistics.episodes import Outcome
from outcomes.statistics.suppression import (
    may_show,
    steps_to_show,
)
from outcomes.statistics.survival import SurvivalCurve, without_cause

#: Rows of the attendance table on a page; an organisation with more groups chooses among them.
MOST_GROUPS = 40
#: The session whose value the heading names, when the curve reaches that far.
MARK = 8


def percent(share: float) -> int:
    """A share as a whole per cent, halves up."""
    return floor(100 * share + 0.5)


# Retention --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """The curve at one session after the first: shares between 0 and 1, people still counted."""

    session: int
    share: float
    low: float
    high: float
    at_risk: int

    @property
    def percent(self) -> int:
        return percent(self.share)

    @property
    def low_percent(self) -> int:
        return percent(self.low)

    @property
    def high_percent(self) -> int:
        return percent(self.high)


@dataclass(frozen=True)
class Retention:
    """How long people stay. `steps` is empty where nothing may be shown (`heading` says why)."""

    heading: str
    n: int | None
    steps: Sequence[Step]
    mark: Step | None
    #: Episodes of people who came back after a break, beside their first; None is hidden.
    returns: int | None
    #: Episodes that ended with a finished course.
    finished: int | None

    @property
    def stays(self) -> int:
        """Episodes in all: first ones and returns."""
        return self.steps[0].at_risk if self.steps else 0

    @property
    def label(self) -> str:
        """What the picture shows, for those who do not see it."""
        told = [step for step in self.steps if step.session in (2, 4, MARK, 12, 26)]
        shares = ", ".join(f"{step.percent}% after {step.session} sessions" for step in told)
        return (
            f"Share of people who have not left, by sessions held since their first: {shares}. "
            "The numbers are in the table below."
        )

    @property
    def points(self) -> list[tuple[float, float, float, float]]:
        return [(step.session, step.share, step.low, step.high) for step in self.steps]

    @property
    def at_risk(self) -> list[tuple[float, int]]:
        return [(step.session, step.at_risk) for step in self.steps]


def retention(counts: Sequence[StayCount], *, n: int, anybody: bool, threshold: int) -> Retention:
    """The curve of `n` people, in sessions held since the first attended one.

    It ends before fewer than `threshold` people are counted. Whoever finished a course counts as
    not having left from then on.
    """
    if not anybody:
        return Retention("Nobody has come to a first session yet", 0, [], None, None, None)
    if not n:
        return Retention("Too few people to show how long they stay", None, [], None, None, None)
    durations, outcomes = observations(counts)
    curve = without_cause(durations, outcomes, Outcome.DROPOUT)
    steps = steps_of(curve, threshold=threshold)
    mark = next((s for s in steps if s.session == MARK), steps[-1] if steps else None)
    finished = int(np.sum(outcomes == Outcome.COMPLETION))
    if mark is None or mark.session == 0:
        heading = "It is too early to say how long people stay"
    else:
        noun = "session" if mark.session == 1 else "sessions"
        verb = "have not left" if finished else "still come"
        heading = f"{mark.percent}% {verb} {mark.session} {noun} after their first"
    returns = sum(row.n - row.firsts for row in counts)
    return Retention(
        heading,
        n,
        steps,
        mark,
        returns if may_show(returns, threshold=threshold) else None,
        finished if may_show(finished, threshold=threshold) else None,
    )


def observations(counts: Sequence[StayCount]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Durations and outcomes of single episodes, from counted ones."""
    repeat = [row.n for row in counts]
    return (
        np.repeat(np.array([row.duration for row in counts], dtype=np.int64), repeat),
        np.repeat(np.array([row.outcome for row in counts], dtype=np.int64), repeat),
    )


def steps_of(curve: SurvivalCurve, *, threshold: int) -> list[Step]:
    """The curve at each whole session, as far as enough people are counted."""
    if not curve.n:
        return []
    sessions = np.arange(int(curve.observed_until) + 1)
    at_risk = np.asarray(curve.at_risk_at(sessions))
    shown = steps_to_show(at_risk, threshold=threshold)
    share = np.asarray(curve.at(sessions))
    low, high = map(np.asarray, curve.limits_at(sessions))
    return [
        Step(int(t), float(s), float(lo), float(hi), int(r))
        for t, s, lo, hi, r in zip(sessions[:shown], share, low, high, at_risk, strict=False)
        # Where everybody has gone there is no interval, and nobody is counted either.
        if not np.isnan(lo)
    ]


@dataclass(frozen=True)
class Uptake:
    """Of the accepted people who could have come: how many came. None is hidden."""

    came: int | None
    could_come: int | None
    percent: int | None


def uptake_cells(counts: Iterable[UptakeCount]) -> list[Cell]:
    """Accepted people who could have come, by whether they did."""
    return cells_of(
        (
            (row.group_id, row.month, int(row.came), row.n)
            for row in counts
            if row.came or row.could_come
        ),
        kinds=2,
    )


def uptake(chosen: Chosen, *, anybody: bool) -> Uptake:
    """How many accepted people came to a first session, of those whose group has met since."""
    if not anybody:
        return Uptake(0, 0, None)
    if not chosen.n:
        return Uptake(None, None, None)
    _, came = chosen.counts
    return Uptake(came, chosen.n, percent(came / chosen.n))


# Attendance -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attended:
    """The attendance table: Mondays as columns, a row of cells for each group."""

    heading: str
    mondays: Sequence[date]
    rows: Sequence[dict[str, Any]]
    #: Groups that have no row here.
    more: int = 0

    @property
    def columns(self) -> list[str]:
        """The Mondays in words."""
        return [date_format(monday, "j M") for monday in self.mondays]


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def attended(
    counts: Sequence[SessionCount],
    groups: Sequence[tuple[UUID, str, str]],
    *,
    today: date,
    zone: ZoneInfo,
    threshold: int,
    link: Callable[[UUID, date], Sequence[str]] = lambda group_id, monday: (),
    most: int | None = None,
) -> Attended:
    """Who came, per group (id, name, address) and week, over the last nine weeks.

    `link` gives the address of the sessions behind a cell, or nothing. With more than `most` groups
    the rows are those of which the smallest shares came lately.

    Coordinators see on a session's page who came, so a small "came" is not hidden here; a session
    that expected fewer people than the threshold shows no share.
    """
    mondays = [monday_of(today) - timedelta(weeks=w) for w in reversed(range(WEEKS))]
    # Compared in UTC: there are thousands of sessions, and a zone is slow to ask.
    begins = [datetime.combine(monday, time.min, zone).astimezone(UTC) for monday in mondays]
    sums: dict[tuple[UUID, date], tuple[int, int]] = {}
    for row in counts:
        if row.starts_at < begins[0]:
            continue
        key = row.group_id, mondays[bisect_right(begins, row.starts_at) - 1]
        came, expected = sums.get(key, (0, 0))
        sums[key] = came + row.came, expected + row.expected

    def cell(group_id: UUID, monday: date) -> tuple[Any, ...] | str | None:
        pair = sums.get((group_id, monday))
        if pair is not None and 0 < pair[1] < threshold:
            return f"Under {threshold} people"
        return None if pair is None else (*pair, *link(group_id, monday))

    ids = {group_id for group_id, _, _ in groups}
    latest = set(mondays[-4:])
    by_group: dict[UUID, tuple[int, int]] = {}
    for (group_id, monday), (came, expected) in sums.items():
        if monday in latest and expected >= threshold:
            before = by_group.get(group_id, (0, 0))
            by_group[group_id] = before[0] + came, before[1] + expected
    drawn = set(ids)
    if most is not None and len(groups) > most:
        low = sorted(
            (pk for pk in by_group if pk in ids), key=lambda pk: by_group[pk][0] / by_group[pk][1]
        )
        drawn = set(low[:most])
    rows = [
        {"label": name, "url": url, "cells": [cell(group_id, monday) for monday in mondays]}
        for group_id, name, url in groups
        if group_id in drawn
    ]
    # What a cell hides, the heading does not add up.
    lately = [
        pair
        for (group_id, monday), pair in sums.items()
        if group_id in ids and monday in latest and pair[1] >= threshold
    ]
    heading = "Who came, group by group"
    if lately:
        came, expected = (sum(pair[i] for pair in lately) for i in (0, 1))
        heading = f"{percent(came / expected)}% of those expected came in the last four weeks"
    return Attended(heading, mondays, rows, len(groups) - len(rows))
