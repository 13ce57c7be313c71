"""Which numbers may be told so that nobody can work out one about a few people.

A number is a cell: whom it counts, and how often. Whoever has many numbers, of one report or of
several, adds and subtracts them. A cell is told only if no sum of it and of what is told already,
each taken any number of times, is about fewer people than the threshold. Two guards see to that:

- *Families* hold cells that add up to one another, such as a total and its parts. Their cells are
  the rows of a matrix with a column for each person, and no combination of rows may be zero for all
  people but a few.
- Between families, no two cells of people may differ by a few people only.

Rows are reduced on columns outside the few people of such a combination, then what is left of the
next row is those people alone. Each set of columns that holds few people is tried, one tableau for
each. Where these are too many, columns are drawn at random; as nearly all of them lie outside, the
right ones are among them but for a chance of `MISSED`. Where that cannot be kept, nothing is told.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomes.statistics.suppression import LEAVING, may_show

type Integers = NDArray[np.int64]

MISSED = 1e-4
#: Bounds of time and memory: tableaus, and the numbers in all of them.
MOST_SETS = 4_000
MOST_NUMBERS = 10_000_000
#: Arithmetic is exact, modulo this prime: products of two remainders fit into 64 bits.
_PRIME = 2_147_483_647


@dataclass(frozen=True)
class Cell:
    """A number about people: person -> how often they count in it."""

    key: str
    family: str
    counts: Mapping[Any, int]
    #: Whether it counts people, each once; else something that people did.
    is_of_people: bool = True

    @property
    def number(self) -> int:
        """What would be told."""
        return sum(self.counts.values())


def people(key: str, family: str, members: Iterable[Hashable]) -> Cell:
    """A cell that counts each of these people once."""
    return Cell(key, family, dict.fromkeys(members, 1))


def as_told(cell: Cell, number: int) -> Cell:
    """An earlier cell as it was told then, though it comes out differently now.

    Whom the difference is about is not known any more. It stands for people of its own, so whatever
    would show it to be small is not told.
    """
    missing = abs(number - cell.number)
    unknown: dict[Hashable, int] = {("unknown", cell.key, i): 1 for i in range(missing)}
    return Cell(cell.key, cell.family, {**cell.counts, **unknown}, cell.is_of_people)


def may_tell(
    told: Sequence[Cell], bundles: Sequence[Sequence[Cell]], *, threshold: int = LEAVING
) -> set[str]:
    """Keys of the cells that may be told beside what is told already.

    A bundle is told as a whole or not at all; the first ones come first. A cell may stand in
    several bundles, for example with all parts of a total and then alone.
    """
    candidates = {cell.key: cell for bundle in bundles for cell in bundle}
    ledger = _Ledger(told, list(candidates.values()), threshold)
    found: set[str] = set()
    for bundle in bundles:
        new = [cell for cell in bundle if cell.key not in found]
        if ledger.take_if_safe(new):
            found.update(cell.key for cell in new)
    return found


class _Ledger:
    """What is told so far."""

    def __init__(self, told: Sequence[Cell], candidates: Sequence[Cell], threshold: int) -> None:
        self._threshold = threshold
        self._sets = [frozenset(cell.counts) for cell in told if cell.is_of_people]
        self._families: dict[str, _Family] = {}
        for name in {cell.family for cell in candidates}:
            earlier = [cell.counts for cell in told if cell.family == name]
            new = [cell.counts for cell in candidates if cell.family == name]
            family = self._families[name] = _Family([*earlier, *new], threshold=threshold)
            for counts in earlier:
                family.add(counts)

    def take_if_safe(self, cells: Sequence[Cell]) -> bool:
        """Tell all of these cells, or none of them."""
        sets = len(self._sets)
        states = {cell.family: self._families[cell.family].state for cell in cells}
        if all(self._take(cell) for cell in cells):
            return True
        del self._sets[sets:]
        for name, state in states.items():
            self._families[name].state = state
        return False

    def _take(self, cell: Cell) -> bool:
        members = frozenset(cell.counts)
        if not may_show(len(members), threshold=self._threshold):
            return False
        if cell.is_of_people:
            if members and _differ_by_few(members, self._sets, self._threshold):
                return False
            self._sets.append(members)
        return self._families[cell.family].add_if_safe(cell.counts)


def _differ_by_few(
    members: frozenset[Hashable], known: Iterable[frozenset[Hashable]], threshold: int
) -> bool:
    """Whether this set of people and a known one differ, and by a few people only."""
    for other in known:
        # Far from one another in size, they cannot be alike.
        if abs(len(other) - len(members)) < threshold and 0 < len(other ^ members) < threshold:
            return True
    return False


class _Family:
    """Rows reduced in several orders of the columns, one tableau for each order."""

    def __init__(self, rows: Sequence[Mapping[Hashable, int]], *, threshold: int) -> None:
        # People who count alike in every row stand in one column with their number as its weight.
        alike: dict[tuple[int, ...], int] = {}
        self._column: dict[Hashable, int] = {}
        weights: list[int] = []
        for person in dict.fromkeys(person for row in rows for person in row):
            pattern = tuple(row.get(person, 0) for row in rows)
            column = alike.setdefault(pattern, len(alike))
            if column == len(weights):
                weights.append(0)
            weights[column] += 1
            self._column[person] = column
        self._weights = np.array(weights, dtype=np.int64)
        self._threshold = threshold
        affordable = MOST_NUMBERS // max(1, len(rows) * len(weights))
        few = _few_together(weights, threshold, at_most=min(affordable, MOST_SETS))
        self._is_exact = few is not None
        self._orders = _last(few, len(weights)) if few else self._drawn(affordable)
        #: That draws missed all of a few people, at the worst, with the rows so far.
        self._clean = 1.0
        self._rows: list[Integers] = []
        self._pivots: list[Integers] = []

    def _drawn(self, affordable: int) -> Integers:
        """Orders at random; columns of many people come first more often."""
        random = np.random.default_rng(0)
        draws = max(1, min(affordable, MOST_SETS))
        keys = random.exponential(size=(draws, len(self._weights))) / self._weights
        return np.argsort(keys, axis=1)

    @property
    def state(self) -> tuple[float, list[Integers], list[Integers]]:
        """What is known so far, to come back to."""
        return self._clean, list(self._rows), list(self._pivots)

    @state.setter
    def state(self, state: tuple[float, list[Integers], list[Integers]]) -> None:
        self._clean, rows, pivots = state
        self._rows, self._pivots = list(rows), list(pivots)

    @property
    def _may_miss(self) -> float:
        return 0.0 if self._is_exact else (1 - self._clean) ** len(self._orders)

    def _rest(self, counts: Mapping[Hashable, int]) -> Integers:
        """What is left of a row after those that are known: zero if it can be worked out."""
        row = np.zeros(len(self._weights), dtype=np.int64)
        for person, count in counts.items():
            row[self._column[person]] = count
        rest = row[self._orders] % _PRIME
        for known, pivot in zip(self._rows, self._pivots, strict=True):
            factor = np.take_along_axis(rest, pivot[:, None], axis=1)
            rest = (rest - factor * known) % _PRIME
        return rest

    def add(self, counts: Mapping[Hashable, int]) -> None:
        """Take a row as known."""
        self._take(self._rest(counts))

    def add_if_safe(self, counts: Mapping[Hashable, int]) -> bool:
        """Take a row as known unless it, with the others, would tell of a few people."""
        rest = self._rest(counts)
        if not rest.any():
            return True  # everybody can work it out already
        if self._may_miss > MISSED:
            return False
        concerned = np.where(rest != 0, self._weights[self._orders], 0).sum(axis=1)
        if concerned.min() < self._threshold:
            return False
        self._take(rest)
        return True

    def _take(self, rest: Integers) -> None:
        if not rest.any():
            return
        held = np.where(rest != 0, self._weights[self._orders], 0).sum(axis=1).min()
        self._clean *= max(0.0, 1 - (self._threshold - 1) / held)
        pivot = (rest != 0).argmax(axis=1)
        leading = np.take_along_axis(rest, pivot[:, None], axis=1)
        row = rest * _inverse(leading) % _PRIME
        for i, known in enumerate(self._rows):
            factor = np.take_along_axis(known, pivot[:, None], axis=1)
            self._rows[i] = (known - factor * row) % _PRIME
        self._rows.append(row)
        self._pivots.append(pivot)


def _few_together(
    weights: Sequence[int], threshold: int, *, at_most: int
) -> list[tuple[int, ...]] | None:
    """Sets of columns with fewer people than the threshold, to which no further one can be added.

    None when they are more than `at_most`.
    """
    small = [column for column, weight in enumerate(weights) if weight < threshold]
    found: list[tuple[int, ...]] = []

    def extend(chosen: tuple[int, ...], start: int, room: int) -> bool:
        for place in range(start, len(small)):
            column = small[place]
            fits = weights[column] <= room
            if fits and not extend((*chosen, column), place + 1, room - weights[column]):
                return False
        if all(weights[column] > room for column in small if column not in chosen):
            found.append(chosen)
        return len(found) <= at_most

    return found if extend((), 0, threshold - 1) else None


def _last(sets: Sequence[tuple[int, ...]], columns: int) -> Integers:
    """For each set an order of the columns that puts it last."""
    orders = [[*(c for c in range(columns) if c not in few), *few] for few in sets]
    return np.array(orders, dtype=np.int64)


def _inverse(values: Integers) -> Integers:
    """One divided by each value, modulo the prime (Fermat)."""
    result, power, exponent = np.ones_like(values), values.copy(), _PRIME - 2
    while exponent:
        if exponent & 1:
            result = result * power % _PRIME
        power = power * power % _PRIME
        exponent >>= 1
    return result
