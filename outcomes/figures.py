"""From counted rows to what a page says: the finding, its n, its interval, its limits.

Pure functions. Nothing here is shown about fewer people than the organisation's smallest cell, nor
anything from which such a number could be worked out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import floor
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.utils.formats import date_format

from instruments.models import Instrument
from outcomes.queries import (
    WEEKS,
    EpisodeCount,
    ScorePairCount,
    SessionCount,
    UptakeCount,
)
from outcomes.rules import plain_name, short_title
from outcomes.scopes import Lens, cells_of
from outcomes.statistics.change import Category, reliable_change
from outcomes.statistics.episodes import Outcome
from outcomes.statistics.suppression import (
    may_show,
    may_show_share,
    steps_to_show,
    suppress,
)
from outcomes.statistics.survival import kaplan_meier

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
            f"Share of people still coming, by sessions held since their first: {shares}. "
            "The numbers are in the table below."
        )

    @property
    def points(self) -> list[tuple[float, float, float, float]]:
        return [(step.session, step.share, step.low, step.high) for step in self.steps]

    @property
    def at_risk(self) -> list[tuple[float, int]]:
        return [(step.session, step.at_risk) for step in self.steps]


def retention(counts: Sequence[EpisodeCount], lens: Lens) -> Retention:
    """The Kaplan–Meier curve of a scope, in sessions held since the first attended one.

    It ends before fewer people are counted than the lens shows.
    """
    people = cells_of((row.group_id, row.month, 0, row.n) for row in counts if row.is_first)
    chosen, threshold = lens.choose(people), lens.threshold
    if not people:
        return Retention("Nobody has come to a first session yet", 0, [], None, None, None)
    if not chosen.n:
        return Retention("Too few people to show how long they stay", None, [], None, None, None)
    rows = [row for row in counts if chosen.takes_in(row.group_id, row.month)]
    repeat = [row.n for row in rows]
    durations = np.repeat([row.duration for row in rows], repeat)
    outcomes = np.repeat([row.outcome for row in rows], repeat)
    curve = kaplan_meier(durations, outcomes == Outcome.DROPOUT)
    sessions = np.arange(int(curve.observed_until) + 1)
    at_risk = np.asarray(curve.at_risk_at(sessions))
    shown = steps_to_show(at_risk, threshold=threshold)
    share = np.asarray(curve.at(sessions))
    low, high = map(np.asarray, curve.limits_at(sessions))
    steps = [
        Step(int(t), float(s), float(lo), float(hi), int(r))
        for t, s, lo, hi, r in zip(sessions[:shown], share, low, high, at_risk, strict=False)
        # Where everybody has gone there is no interval, and nobody is counted either.
        if not np.isnan(lo)
    ]
    mark = next((s for s in steps if s.session == MARK), steps[-1] if steps else None)
    if mark is None or mark.session == 0:
        heading = "It is too early to say how long people stay"
    else:
        noun = "session" if mark.session == 1 else "sessions"
        heading = f"{mark.percent}% still come {mark.session} {noun} after their first"
    finished = sum(row.n for row in rows if row.outcome == Outcome.COMPLETION)
    returns = sum(row.n for row in rows if not row.is_first)
    return Retention(
        heading,
        chosen.n,
        steps,
        mark,
        returns if may_show(returns, threshold=threshold) else None,
        finished if may_show(finished, threshold=threshold) else None,
    )


@dataclass(frozen=True)
class Uptake:
    """Of the accepted people who could have come: how many came. None is hidden."""

    came: int | None
    could_come: int | None
    percent: int | None


def uptake(counts: Sequence[UptakeCount], lens: Lens) -> Uptake:
    """How many accepted people came to a first session, of those whose group has met since."""
    could = cells_of(
        (
            (row.group_id, row.month, int(row.came), row.n)
            for row in counts
            if row.came or row.could_come
        ),
        kinds=2,
    )
    if not could:
        return Uptake(0, 0, None)
    chosen = lens.choose(could)
    if not chosen.n:
        return Uptake(None, None, None)
    _, came = chosen.counts
    return Uptake(came, chosen.n, percent(came / chosen.n))


# Change -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """First score against the latest, for one questionnaire. Counts that are None are hidden."""

    name: str
    short: str
    #: How many people have both scores, and how many have a first one only.
    n: int | None
    missing: int | None
    improved: int | None
    same: int | None
    worse: int | None
    #: Of those who improved: who also crossed the cut-off to the healthier side.
    recovered: int | None
    #: The smallest change in whole points that counts; None where no verdict is possible.
    least_points: int | None
    cutoff: float | None

    @property
    def is_whole(self) -> bool:
        """Whether the bar can be drawn: nothing in it is hidden and somebody has both scores."""
        return bool(self.n) and None not in (self.improved, self.same, self.worse)

    @property
    def improved_percent(self) -> int | None:
        return (
            percent(self.improved / self.n)
            if self.is_whole and self.improved is not None and self.n
            else None
        )

    @property
    def worse_percent(self) -> int | None:
        return (
            percent(self.worse / self.n)
            if self.is_whole and self.worse is not None and self.n
            else None
        )


def change(instrument: Instrument, counts: Sequence[ScorePairCount], lens: Lens) -> Change | None:
    """Who changed by more than the measure's own error; None where nobody has a first score."""
    own = [row for row in counts if row.code == instrument.code]
    if not own:
        return None
    threshold = lens.threshold
    chosen = lens.choose(cells_of((row.group_id, row.month, 0, row.n) for row in own))
    rows = [row for row in own if chosen.takes_in(row.group_id, row.month)]
    name, short = plain_name(instrument).capitalize(), short_title(instrument)
    definition = instrument.parsed()
    known = definition.reliability
    hidden = Change(name, short, None, None, None, None, None, None, None, None)
    if known is None or not rows:
        return hidden
    repeat = [row.n for row in rows]
    result = reliable_change(
        np.repeat([row.first for row in rows], repeat),
        np.repeat([np.nan if row.latest is None else row.latest for row in rows], repeat),
        sd=known.sd,
        reliability=known.coefficient,
        cutoff=known.recovery_cutoff,
        higher_is_worse=definition.higher_is_worse,
    )
    found = result.counts()
    recovered = found[Category.RECOVERED]
    improved = recovered + found[Category.IMPROVED]
    shown, _ = suppress(
        {
            "improved": improved,
            "same": found[Category.UNCHANGED],
            "worse": found[Category.WORSE],
            "missing": found[Category.NO_SECOND_SCORE],
        },
        threshold=threshold,
    )
    shows_recovered = shown["improved"] is not None and may_show_share(
        recovered, improved, threshold=threshold
    )
    return Change(
        name,
        short,
        n=None if shown["missing"] is None else result.n,
        missing=shown["missing"],
        improved=shown["improved"],
        same=shown["same"],
        worse=shown["worse"],
        recovered=recovered if shows_recovered else None,
        least_points=floor(result.criterion) + 1,
        cutoff=known.recovery_cutoff,
    )


def change_heading(changes: Sequence[Change]) -> str:
    """The finding over all questionnaires' bars, without a word about causes."""
    first = next((found for found in changes if found.is_whole), None)
    if not changes:
        return "Nobody has answered a first check-in yet"
    if first is None:
        return "Too few people have two scores yet"
    improved, worse = first.improved_percent, first.worse_percent
    return f"{first.name}: {improved}% improved reliably, {worse}% got worse"


# Attendance -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attended:
    """The attendance table: Mondays as columns, a row of cells for each group."""

    heading: str
    mondays: Sequence[date]
    rows: Sequence[dict[str, Any]]

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
) -> Attended:
    """Who came, per group (id, name, address) and week, over the last nine weeks.

    Coordinators see on a session's page who came, so a small "came" is not hidden here; a session
    that expected fewer people than the threshold shows no share.
    """
    mondays = [monday_of(today) - timedelta(weeks=w) for w in reversed(range(WEEKS))]
    sums: dict[tuple[UUID, date], tuple[int, int]] = {}
    for row in counts:
        key = row.group_id, monday_of(row.starts_at.astimezone(zone).date())
        came, expected = sums.get(key, (0, 0))
        sums[key] = came + row.came, expected + row.expected

    def cell(group_id: UUID, monday: date) -> tuple[int, int] | str | None:
        pair = sums.get((group_id, monday))
        if pair is not None and 0 < pair[1] < threshold:
            return f"Under {threshold} people"
        return pair

    rows = [
        {"label": name, "url": url, "cells": [cell(group_id, monday) for monday in mondays]}
        for group_id, name, url in groups
    ]
    ids = {group_id for group_id, _, _ in groups}
    latest = set(mondays[-4:])
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
    return Attended(heading, mondays, rows)
