"""Which people a number is about, and which numbers may stand beside one another.

A coordinator can narrow a figure by group, facilitation, format, topic and period, look at it
today and again next month, and subtract. Hiding small results is no help against that: the
difference of two large numbers may be one person. So figures are never made of people. They are
made of *blocks*:

- Everybody stands in at most one block, and a block holds at least the threshold of people.
- A scope counts the blocks that lie wholly within it, and nobody else.

Whatever anybody adds or subtracts, over any filters, complements and overlapping topics, is then
again made of whole blocks: no combination tells about fewer people than the threshold. Nothing
else has to be checked, and nothing that is shown has to be hidden because of something beside it.

Blocks grow with time and never change. A person enters with the month of the event that makes them
count (the first session they came to, their second score); only months that are over count. The
people of one group are gathered month by month; as soon as they are enough, they are a block. What
is left of a group at the end of a half-year (January to June, July to December) is put together
with what is left of groups of the same topics, facilitation and format, then of the same
facilitation and format, then of the same facilitation, then of all. So looking again after one
person came shows the same numbers; a later look differs by whole blocks. Whoever is in no block yet
waits, and is in no number at all.

Where people fall into kinds (came or did not, improved or not), each kind within a block is nobody
or at least the threshold. What leaves the organisation is made of whole inner blocks, put together
until they hold the larger threshold: otherwise the two would differ by a few people.

Pure functions; `tests/outcomes/test_scopes.py` tries to solve for fewer people than the threshold
from everything that is shown.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from typing import NamedTuple, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from outcomes.statistics.suppression import INSIDE, may_show

#: So many years back can be chosen as a period.
YEARS_BACK = 3
#: Runs of months are as fine as leaves at least this share of people in one of them.
IN_RUNS = 0.8
#: Blocks that are remembered know so many scopes.
MOST_SCOPES = 24


@dataclass(frozen=True, slots=True)
class GroupKind:
    """What filters know of a group."""

    id: UUID
    facilitation: str = ""
    format: str = ""
    topics: frozenset[str] = frozenset()

    def levels(self) -> tuple[object, ...]:
        """Where people of this group are put together with others', from the group to all."""
        return (
            self.id,
            (self.facilitation, self.format, self.topics),
            (self.facilitation, self.format),
            self.facilitation,
            None,
        )


@dataclass(frozen=True, slots=True)
class Period:
    """A half-year ("2026-2") or a year ("2026"): fixed by the calendar, never sliding with it."""

    year: int
    half: int | None = None

    @property
    def key(self) -> str:
        return f"{self.year}-{self.half}" if self.half else str(self.year)

    @property
    def words(self) -> str:
        return {None: "", 1: "January to June ", 2: "July to December "}[self.half] + str(self.year)

    def takes_in(self, month: date) -> bool:
        return month.year == self.year and self.half in (None, half_of(month))

    @classmethod
    def parse(cls, key: str) -> "Period | None":
        """The period of a key, or None for anything else."""
        year, _, half = key.partition("-")
        if not (year.isascii() and year.isdigit() and len(year) == 4 and half in ("", "1", "2")):
            return None
        found = cls(int(year), int(half) if half else None)
        return found if found.key == key else None


def half_of(month: date) -> int:
    """1 from January to June, else 2."""
    return 1 if month.month <= 6 else 2


def halves_until(at: date) -> list[Period]:
    """The half-years that can be chosen, newest first, the running one included."""
    return [
        Period(year, half)
        for year in range(at.year, at.year - YEARS_BACK - 1, -1)
        for half in (2, 1)
        if (year, half) <= (at.year, half_of(at))
    ]


def periods_until(at: date) -> list[Period]:
    """What can be chosen: years and half-years, newest first."""
    found: list[Period] = []
    for half in halves_until(at):
        if Period(half.year) not in found:
            found.append(Period(half.year))
        found.append(half)
    return found


def open_month(at: datetime, zone: str) -> date:
    """The first day of the month that is not over yet by the organisation's clock."""
    return at.astimezone(ZoneInfo(zone)).date().replace(day=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which people a number is about. Empty fields do not narrow it."""

    group_id: UUID | None = None
    facilitation: str = ""
    format: str = ""
    topic: str = ""
    period: str = ""

    def takes_in(self, group: GroupKind) -> bool:
        return (
            self.group_id in (None, group.id)
            and self.facilitation in ("", group.facilitation)
            and self.format in ("", group.format)
            and (not self.topic or self.topic in group.topics)
        )

    def takes_in_month(self, month: date) -> bool:
        period = Period.parse(self.period)
        return period is None or period.takes_in(month)

    def groups(self, kinds: Iterable[GroupKind]) -> frozenset[UUID]:
        """The groups that it takes in."""
        return frozenset(kind.id for kind in kinds if self.takes_in(kind))


def _run(month: date, width: int) -> date:
    """The first month of the run of months that this one lies in."""
    return month.replace(month=(month.month - 1) // width * width + 1)


class Cell(NamedTuple):
    """How many people of one group began to count in one month, by kind (one number: no kinds)."""

    group_id: UUID
    month: date
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """People that are only ever counted together. A large organisation has ten thousands."""

    cells: tuple[tuple[UUID, date], ...]
    counts: tuple[int, ...]

    @property
    def groups(self) -> frozenset[UUID]:
        return frozenset(group_id for group_id, _ in self.cells)

    @property
    def months(self) -> frozenset[date]:
        return frozenset(month for _, month in self.cells)


@dataclass(frozen=True)
class Chosen:
    """The blocks of one scope: who is counted, and how many of each kind."""

    blocks: Sequence[Block]
    kinds: int

    @cached_property
    def cells(self) -> frozenset[tuple[UUID, date]]:
        return frozenset(cell for block in self.blocks for cell in block.cells)

    def takes_in(self, group_id: UUID, month: date) -> bool:
        """Whether people of this group and month are counted."""
        return (group_id, month) in self.cells

    @cached_property
    def as_arrays(self) -> tuple[str, str]:
        """Groups and months of the cells as the inside of PostgreSQL's arrays: quick to send."""
        cells = [cell for block in self.blocks for cell in block.cells]
        return (
            ",".join(str(group_id) for group_id, _ in cells),
            ",".join(month.isoformat() for _, month in cells),
        )

    @cached_property
    def runs(self) -> list[tuple[date, date, "Chosen"]]:
        """The people by when they began, with the first and the last month of each run.

        Runs are months where blocks are that fine, else quarters, else half-years.
        """
        found: list[tuple[date, date, Chosen]] = []
        for width in (1, 3, 6):
            blocks: dict[date, list[Block]] = defaultdict(list)
            for block in self.blocks:
                starts = {_run(month, width) for month in block.months}
                if len(starts) == 1:
                    blocks[starts.pop()].append(block)
            found = [
                (start, start.replace(month=start.month + width - 1), Chosen(inside, self.kinds))
                for start, inside in sorted(blocks.items())
            ]
            if sum(chosen.n for _, _, chosen in found) >= IN_RUNS * self.n:
                break
        return found

    @cached_property
    def counts(self) -> tuple[int, ...]:
        return tuple(sum(block.counts[i] for block in self.blocks) for i in range(self.kinds))

    @property
    def n(self) -> int:
        """How many people are counted: nobody, or at least the threshold."""
        return sum(self.counts)


@dataclass(frozen=True)
class Blocks:
    """All blocks of one organisation for one kind of figure."""

    blocks: Sequence[Block]
    groups: Collection[GroupKind]
    kinds: int
    #: Whether anybody at all is there, counted or not yet.
    anybody: bool

    @cached_property
    def _within(self) -> dict[Scope, Chosen]:
        return {}

    def within(self, scope: Scope) -> Chosen:
        """The blocks that lie wholly within a scope."""
        known = self._within.get(scope)
        if known is None:
            if len(self._within) >= MOST_SCOPES:
                self._within.clear()
            known = self._within[scope] = self._find(scope)
        return known

    def _find(self, scope: Scope) -> Chosen:
        inside = scope.groups(self.groups)
        months = {month for block in self.blocks for _, month in block.cells}
        during = set(filter(scope.takes_in_month, months))
        found = [
            block
            for block in self.blocks
            if all(group_id in inside and month in during for group_id, month in block.cells)
        ]
        return Chosen(found, self.kinds)


@dataclass(slots=True)
class _Heap:
    """People on their way into a block: where they stand, and since which half-year."""

    level: int
    node: object
    half: tuple[int, int]
    counts: list[int]
    cells: list[tuple[UUID, date]]
    lineage: tuple[object, ...]


def divide(
    cells: Iterable[Cell],
    groups: Collection[GroupKind],
    *,
    until: date,
    threshold: int = INSIDE,
    inside: int = INSIDE,
) -> Blocks:
    """Put people into blocks of at least `threshold`. `until` is the month that is not over yet.

    With a `threshold` above `inside` (for what leaves the organisation) the blocks are made of
    whole blocks of the inside. The same cells always give the same blocks, and later months never
    change earlier blocks.
    """
    (found,) = divide_by_levels([cells], groups, until=until, threshold=threshold, inside=inside)
    return found


def divide_by_levels(
    levels: Sequence[Iterable[Cell]],
    groups: Collection[GroupKind],
    *,
    until: date,
    threshold: int = INSIDE,
    inside: int = INSIDE,
) -> list[Blocks]:
    """Put the same people into blocks several times, each time told apart by other kinds.

    The first level is divided as ever; blocks of each further one are made of whole blocks of the
    one before, until its kinds are large enough. So figures of fine and of coarse kinds stand
    beside one another, and a coarse one may show where a fine one cannot. That is safe for kinds
    that only the figure itself tells of, such as who improved. Kinds that somebody knows from
    elsewhere (who left) belong into the first level.
    """
    lineages = {kind.id: kind.levels() for kind in groups}
    first, *finer = [
        [cell for cell in cells if any(cell.counts) and cell.group_id in lineages]
        for cells in levels
    ]
    running = (until.year, half_of(until))
    heaps = _gather(_heaps(first, lineages, until=until), running, min(inside, threshold))
    if threshold > inside:
        heaps = _gather(heaps, running, threshold)
    found = [_blocks(heaps, groups, first)]
    for cells in finer:
        heaps = _gather(_told_apart(heaps, cells), running, threshold)
        found.append(_blocks(heaps, groups, cells))
    return found


def _blocks(heaps: Iterable[_Heap], groups: Collection[GroupKind], given: Sequence[Cell]) -> Blocks:
    blocks = [Block(tuple(heap.cells), tuple(heap.counts)) for heap in heaps]
    kinds = max((len(cell.counts) for cell in given), default=1)
    return Blocks(blocks, groups, kinds, anybody=bool(given))


def _told_apart(heaps: Iterable[_Heap], cells: Sequence[Cell]) -> list[_Heap]:
    """The same people, counted by other kinds."""
    counts = {(cell.group_id, cell.month): cell.counts for cell in cells}
    return [
        replace(
            heap,
            cells=list(heap.cells),
            counts=[sum(each) for each in zip(*map(counts.__getitem__, heap.cells), strict=True)],
        )
        for heap in heaps
    ]


def _heaps(
    given: Iterable[Cell], lineages: Mapping[UUID, tuple[object, ...]], *, until: date
) -> list[_Heap]:
    """Everybody of a group and a month that is over, in the order in which they came."""
    over = [cell for cell in given if cell.month < until]
    over.sort(key=lambda cell: (cell.month, cell.group_id))
    # One object for each month and each group: blocks of large organisations are remembered.
    months = {cell.month: cell.month for cell in over}
    heaps = []
    for cell in over:
        month, lineage = months[cell.month], lineages[cell.group_id]
        half = (month.year, half_of(month))
        cells = [(cast(UUID, lineage[0]), month)]
        heaps.append(_Heap(0, lineage[0], half, list(cell.counts), cells, lineage))
    return heaps


def _gather(heaps: Sequence[_Heap], running: tuple[int, int], threshold: int) -> list[_Heap]:
    """Put heaps together until they are large enough, each as near to its group as it can be."""
    done: list[_Heap] = []
    waiting: list[dict[object, _Heap]] = [{} for _ in GroupKind(UUID(int=0)).levels()]

    def add(heap: _Heap) -> None:
        """Onto what waits at its place, without looking whether that is enough."""
        there = waiting[heap.level].get(heap.node)
        if there is None:
            waiting[heap.level][heap.node] = heap
        else:
            there.counts = [a + b for a, b in zip(there.counts, heap.counts, strict=True)]
            there.cells += heap.cells
            there.half = heap.half

    def settle(level: int, node: object) -> None:
        heap = waiting[level][node]
        if _is_enough(heap.counts, threshold):
            done.append(waiting[level].pop(node))

    for half, arriving in groupby(heaps, key=lambda heap: heap.half):
        for heap in arriving:
            add(heap)
            settle(heap.level, heap.node)
        if half >= running:
            continue
        for level in range(len(waiting) - 1):
            left = list(waiting[level].values())
            waiting[level].clear()
            touched: dict[object, None] = {}
            for heap in left:
                heap.level, heap.node = level + 1, heap.lineage[level + 1]
                heap.half = half
                touched[heap.node] = None
                add(heap)
            for node in touched:
                settle(level + 1, node)
    return done


def _is_enough(counts: Sequence[int], threshold: int) -> bool:
    return sum(counts) >= threshold and all(
        may_show(count, threshold=threshold) for count in counts
    )


def cells_of(rows: Iterable[tuple[UUID, date, int, int]], *, kinds: int = 1) -> list[Cell]:
    """Cells from counted rows of (group, month, kind, people)."""
    found: Mapping[tuple[UUID, date], list[int]] = defaultdict(lambda: [0] * kinds)
    for group_id, month, kind, n in rows:
        found[group_id, month][kind] += n
    return [Cell(group_id, month, tuple(counts)) for (group_id, month), counts in found.items()]


@dataclass(frozen=True)
class Lens:
    """How figures are looked at: of whom, at which moment, from how many people on."""

    groups: Collection[GroupKind]
    scope: Scope
    until: date
    threshold: int = INSIDE
    inside: int = INSIDE

    def divide(self, cells: Iterable[Cell]) -> Blocks:
        return divide(
            cells, self.groups, until=self.until, threshold=self.threshold, inside=self.inside
        )

    def choose(self, cells: Iterable[Cell]) -> Chosen:
        """Who is counted in this scope."""
        return self.divide(cells).within(self.scope)

    def choose_by_levels(self, *levels: Iterable[Cell]) -> list[Chosen]:
        """Who is counted in this scope, level by level (see `divide_by_levels`)."""
        found = divide_by_levels(
            levels, self.groups, until=self.until, threshold=self.threshold, inside=self.inside
        )
        return [blocks.within(self.scope) for blocks in found]
