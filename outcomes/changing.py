"""From counted rows to the outcome figures: courses, reliable change, sessions, who left.

Pure functions. A person counts once the time for a second score is over, and in blocks (see
`scopes`), so a number that was shown never moves because of one person. Who left and who has no
second score is known to others too: each block holds nobody or enough of them. Blocks that tell
who improved are made of whole such blocks.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from uuid import UUID

from outcomes.change_queries import AFTERWARDS, FOLLOWED_FOR, Followed, Measure, WaveSums
from outcomes.scopes import Cell, Chosen, Lens, Period, cells_of, half_of
from outcomes.statistics.change import Category, reliable_change
from outcomes.statistics.means import (
    Difference,
    Estimate,
    PairSums,
    Sums,
    difference,
    mean,
    on_line,
    slope,
)
from supportgroups.lib.diagrams import MeanPoint
from supportgroups.lib.templatetags.ui import ordinal

#: Fewer people make no line.
FEWEST_FOR_A_LINE = 10


@dataclass(frozen=True)
class Outcomes:
    """Everything that is told about one measure and one scope."""

    measure: Measure
    course: Sequence["Wave"]
    change: "Change"
    dose: "Dose"
    leavers: "Leavers"
    #: Whether anybody has a first score at all, counted or not yet.
    anybody: bool

    @property
    def course_points(self) -> list[MeanPoint]:
        """What the chart of the course draws. It names the values that the heading names."""
        told = told_of(self.course)
        return [
            MeanPoint(
                wave.brief,
                wave.sums.mean,
                None if math.isnan(wave.estimate.lower) else wave.estimate.lower,
                None if math.isnan(wave.estimate.upper) else wave.estimate.upper,
                wave.n,
                is_told=wave in told,
            )
            for wave in self.course
        ]

    @property
    def course_label(self) -> str:
        """What the picture shows, for those who do not see it."""
        told = ", ".join(f"{wave.label.lower()} {wave.sums.mean:.1f}" for wave in self.course)
        return f"Mean scores with intervals: {told}. The numbers are in the table below."

    @property
    def dose_points(self) -> list[tuple[float, float, float, float]]:
        return [(at, each.value, each.lower, each.upper) for at, each in self.dose.line]

    @property
    def dose_label(self) -> str:
        ends = (self.dose.line[0], self.dose.line[-1]) if self.dose.line else ()
        told = " and ".join(f"{each.value:.1f} points at {at} sessions" for at, each in ends)
        return f"A line of change by sessions: {told}. The numbers are in the table below."


def outcomes_of(
    measure: Measure, rows: Sequence[Followed], waves: Sequence[WaveSums], lens: Lens
) -> Outcomes:
    """All figures of one measure."""
    followed = settled(lens)
    found = _within(rows, followed.choose(_first_level(rows)))
    if not _stands_for_all(sum(row.n for row in found), rows, followed):
        found = []
    return Outcomes(
        measure,
        course(found, waves, lens),
        change(measure, rows, followed),
        dose(found),
        leavers(found),
        anybody=bool(rows),
    )


def settled(lens: Lens) -> Lens:
    """The same look at those only whose time for a second score is over."""
    return replace(lens, until=(lens.until - FOLLOWED_FOR).replace(day=1))


#: Blocks are ready sooner where a kind is missing. With fewer counted than this share of the
#: people, those counted are others than those not counted.
_COUNTED_AT_LEAST = 2 / 3


def _stands_for_all(counted: int, rows: Iterable[Followed], lens: Lens) -> bool:
    """Whether nearly all people of the scope whose time is over are counted."""
    groups = lens.scope.groups(lens.groups)
    people = sum(
        row.n
        for row in rows
        if row.group_id in groups
        and row.month < lens.until
        and lens.scope.takes_in_month(row.month)
    )
    return 0 < _COUNTED_AT_LEAST * people <= counted


def _first_level(rows: Iterable[Followed]) -> list[Cell]:
    """Everybody twice: as stayed or left, and as with or without a second score."""

    def kinds() -> Iterable[tuple[UUID, date, int, int]]:
        for row in rows:
            yield row.group_id, row.month, int(row.has_left), row.n
            yield row.group_id, row.month, 3 if row.later is None else 2, row.n

    return cells_of(kinds(), kinds=4)


def _within(rows: Iterable[Followed], chosen: Chosen) -> list[Followed]:
    return [row for row in rows if chosen.takes_in(row.group_id, row.month)]


def _sums(rows: Iterable[tuple[float, int]]) -> Sums:
    """Of (value, how many people have it)."""
    found = Sums()
    for value, n in rows:
        found += Sums(n, n * value, n * value * value)
    return found


# The mean course --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wave:
    """One check-in: the mean of everybody counted who answered it."""

    label: str
    #: For the axis, where there is no room.
    brief: str
    sums: Sums
    #: How long after the first one it was on average; None for the first.
    weeks: float | None

    @property
    def n(self) -> int:
        return self.sums.n

    @property
    def estimate(self) -> Estimate:
        return mean(self.sums)


def told_of(waves: Sequence[Wave]) -> list[Wave]:
    """The check-ins that a heading names: the first, and the last that a third of it answered.

    Few people of many say little about the others.
    """
    told = [wave for wave in waves[1:] if 3 * wave.n >= waves[0].n]
    return [*waves[:1], *told[-1:]]


def course(found: Sequence[Followed], waves: Sequence[WaveSums], lens: Lens) -> list[Wave]:
    """Each check-in that enough people answered; those that hide are left out.

    Everybody who answered a check-in counts there. A later one is in blocks of its own, by when it
    came. A period chooses people by their first answer, so these are divided by the half-year of
    it.
    """
    shown = []
    sums = _sums((row.first, row.n) for row in found)
    if sums.n:
        shown.append(Wave("First check-in", "1st", sums, None))
    by_place = defaultdict(list)
    for row in waves:
        by_place[row.place].append(row)
    for place, label, brief in _places(by_place):
        counted = counted_of_wave(by_place[place], lens)
        sums = sum((row.sums for row in counted), Sums())
        if sums.n:
            weeks = sum(row.weeks for row in counted) / sums.n
            shown.append(Wave(label, brief, sums, weeks))
    return shown


def _places(present: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    """Check-ins on a rhythm by number, then those at the end and after it."""
    for number in sorted(int(place) for place in present if place.isdigit()):
        word = ordinal(number + 1)
        yield str(number), f"{word[:1].upper()}{word[1:]} check-in", _nth(number + 1)
    for place, label in AFTERWARDS:
        if place in present:
            brief = "end" if place == "end" else f"+{label.split()[0]} wk"
            yield place, label, brief


def _nth(number: int) -> str:
    word = {1: "st", 2: "nd", 3: "rd"}.get(0 if 10 < number % 100 < 20 else number % 10, "th")
    return f"{number}{word}"


def counted_of_wave(rows: Sequence[WaveSums], lens: Lens) -> list[WaveSums]:
    """The rows of one check-in that are counted within a scope."""
    counted = []
    at_any_time = replace(lens, scope=replace(lens.scope, period=""))

    def half(row: WaveSums) -> tuple[int, int]:
        return row.first_month.year, half_of(row.first_month)

    for (year, number), listed in groupby(sorted(rows, key=half), key=half):
        began = list(listed)
        if not _is_within(Period(year, number), lens.scope.period):
            continue
        chosen = at_any_time.choose(
            cells_of((row.group_id, _enters_in(row), 0, row.sums.n) for row in began)
        )
        counted += [row for row in began if chosen.takes_in(row.group_id, _enters_in(row))]
    return counted


def _enters_in(row: WaveSums) -> date:
    """The month with which it begins to count: its own, and not before the first score does."""
    return max(_followed_in(row.first_month), row.month)


@cache
def _followed_in(first_month: date) -> date:
    """The month in which the time for a second score is over for all who began in one."""
    month = first_month
    while first_month >= (_month_after(month) - FOLLOWED_FOR).replace(day=1):
        month = _month_after(month)
    return month


def _month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _is_within(half: Period, chosen: str) -> bool:
    period = Period.parse(chosen)
    return period is None or (period.year == half.year and period.half in (None, half.half))


# Reliable change --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """First score against the last one soon enough after it. None is hidden or not known."""

    #: Everybody counted whose time is over, and how many of them have no second score.
    people: int
    missing: int
    #: Later minus first, of those who have both.
    mean: Estimate | None
    improved: int | None = None
    same: int | None = None
    worse: int | None = None
    #: Neither; shown where "worse" alone would be few.
    not_improved: int | None = None
    #: Of those who improved: who also crossed the cut-off to the healthier side.
    recovered: int | None = None
    criterion: float | None = None
    cutoff: float | None = None

    @property
    def n(self) -> int:
        """How many have both scores."""
        return self.people - self.missing

    @property
    def is_whole(self) -> bool:
        """Whether the bar can be drawn."""
        return bool(self.n) and None not in (self.improved, self.same, self.worse)

    @property
    def least_points(self) -> float | None:
        """The smallest change that counts, for scores in whole points."""
        return None if self.criterion is None else math.floor(self.criterion) + 1

    def share(self, count: int | None) -> int | None:
        """As a whole per cent of those who have both scores."""
        return None if count is None or not self.n else math.floor(100 * count / self.n + 0.5)


#: How finely kinds can be told apart, the coarsest first.
_LEVELS: Sequence[dict[Category, int]] = (
    {
        Category.RECOVERED: 0,
        Category.IMPROVED: 0,
        Category.UNCHANGED: 1,
        Category.WORSE: 1,
        Category.NO_SECOND_SCORE: 2,
    },
    {
        Category.RECOVERED: 0,
        Category.IMPROVED: 0,
        Category.UNCHANGED: 1,
        Category.WORSE: 2,
        Category.NO_SECOND_SCORE: 3,
    },
    {
        Category.RECOVERED: 0,
        Category.IMPROVED: 1,
        Category.UNCHANGED: 2,
        Category.WORSE: 3,
        Category.NO_SECOND_SCORE: 4,
    },
)


def change(measure: Measure, rows: Sequence[Followed], lens: Lens) -> Change:
    """Who changed by more than the measure's own error, as finely as may be told."""
    first, known = _first_level(rows), measure.reliability
    if known is None:
        listed = _within(rows, lens.choose(first))
        is_shown = _stands_for_all(sum(row.n for row in listed), rows, lens)
        return _change_of(listed if is_shown else [])
    verdicts = reliable_change(
        [row.first for row in rows],
        [row.later for row in rows],
        sd=known.sd,
        reliability=known.coefficient,
        cutoff=known.recovery_cutoff,
        higher_is_worse=measure.higher_is_worse,
    )
    said = list(zip(rows, verdicts.categories, strict=True))
    levels = [
        cells_of(
            ((row.group_id, row.month, level[verdict], row.n) for row, verdict in said),
            kinds=max(level.values()) + 1,
        )
        for level in _LEVELS
        if known.recovery_cutoff is not None or level is not _LEVELS[-1]
    ]
    by_level = lens.choose_by_levels(first, *levels)
    counted = [_within(rows, chosen) for chosen in by_level]
    # The finest that counts nearly all of this scope.
    finest = max(
        (
            place
            for place, listed in enumerate(counted)
            if _stands_for_all(sum(row.n for row in listed), rows, lens)
        ),
        default=None,
    )
    if finest is None:
        return _change_of([])
    chosen = by_level[finest]
    found = replace(
        _change_of(counted[finest]),
        criterion=verdicts.criterion,
        cutoff=known.recovery_cutoff,
    )
    counts = chosen.counts
    match finest:
        case 1:
            return replace(found, improved=counts[0], not_improved=counts[1])
        case 2:
            return replace(found, improved=counts[0], same=counts[1], worse=counts[2])
        case 3:
            recovered, only_improved, same, worse, _ = counts
            return replace(
                found,
                improved=recovered + only_improved,
                same=same,
                worse=worse,
                recovered=recovered,
            )
    return found


def _change_of(rows: Sequence[Followed]) -> Change:
    people = sum(row.n for row in rows)
    sums = _sums((row.later - row.first, row.n) for row in rows if row.later is not None)
    return Change(people, people - sums.n, mean(sums) if sums.n else None)


# Sessions ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dose:
    """Change by the sessions that people came to between their two scores, as a straight line."""

    n: int
    #: Points for each session more; None for fewer than a line needs.
    slope: Estimate | None
    #: The line's change at so many sessions, where most people are.
    line: Sequence[tuple[int, Estimate]] = ()

    @property
    def is_clear(self) -> bool:
        """Whether the slope's interval leaves 0 out."""
        return self.slope is not None and not self.slope.lower <= 0 <= self.slope.upper


def dose(found: Iterable[Followed]) -> Dose:
    """Change by sessions, of those counted who have two scores.

    There are no kinds of more and of fewer sessions here: others know who came how often, so a
    change of few of them could be worked out.
    """
    pairs = PairSums()
    for row in found:
        if row.later is None or row.sessions is None:
            continue
        x, y = float(row.sessions), row.later - row.first
        pairs += PairSums(row.n, row.n * x, row.n * y, row.n * x * x, row.n * x * y, row.n * y * y)
    if pairs.n < FEWEST_FOR_A_LINE:
        return Dose(pairs.n, None)
    steep = slope(pairs)
    if math.isnan(steep.lower):
        return Dose(pairs.n, None)
    # Never the fewest or the most that anybody came to.
    came = Sums(pairs.n, pairs.x, pairs.xx)
    low = max(0, math.ceil(came.mean - 1.5 * came.sd))
    high = math.floor(came.mean + 1.5 * came.sd)
    return Dose(pairs.n, steep, [(at, on_line(pairs, at)) for at in range(low, high + 1)])


# Who left ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Apart:
    """The first scores of two kinds of people, and how far they lie apart."""

    one_label: str
    other_label: str
    one: Sums
    other: Sums

    @property
    def difference(self) -> Difference | None:
        """One minus other; None where either hides."""
        if self.one.n < 2 or self.other.n < 2:
            return None
        return difference(self.one, self.other)

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        found = self.difference
        return found is not None and not found.estimate.lower <= 0 <= found.estimate.upper


@dataclass(frozen=True)
class Leavers:
    """How those began whom later numbers leave out."""

    fate: Apart
    answered: Apart


def leavers(found: Iterable[Followed]) -> Leavers:
    """First scores of those who left against those who stayed, and by a second score."""
    listed = list(found)

    def sums(kind: Callable[[Followed], bool]) -> Sums:
        return _sums((row.first, row.n) for row in listed if kind(row))

    return Leavers(
        Apart(
            "Left",
            "Stayed",
            sums(lambda row: row.has_left),
            sums(lambda row: not row.has_left),
        ),
        Apart(
            "No second score",
            "Second score",
            sums(lambda row: row.later is None),
            sums(lambda row: row.later is not None),
        ),
    )
