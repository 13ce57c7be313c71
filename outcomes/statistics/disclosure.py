"""Which numbers may be told so that nobody can work out one about a few people.

A number is a cell: whom it counts, and how often. Whoever has many numbers, of one report or of
several, adds and subtracts them. A cell is told only if no sum of it and of what is told already,
each taken any number of times, is about fewer people than the threshold. Two guards see to that:

- *Families* hold cells that add up to one another, such as a total and its parts. Their cells are
  the rows of a matrix with a column for each person, and no combination of rows may be zero for all
  people but a few.
- Between families, no two cells of people may differ by a few people only.

People who count alike in all rows share a column. A combination that holds a column of many people
is safe, so rows are reduced on those first, and what is left on the others. If a combination is
about few people, reducing on all columns but theirs shows it: each set of columns with few people
is tried. Where these are too many, those of up to three columns are, and others drawn at random.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomes.statistics.suppression import LEAVING, may_show

type Integers = NDArray[np.int64]

#: Bounds of time and memory for one number: sets of columns, and numbers in all tableaus.
MOST_SETS = 3_000
MOST_NUMBERS = 6_000_000
#: Where not even all pairs of columns can be tried, draws may miss a combination with this chance;
#: a number for which it is larger is not told.
MISSED = 1e-4
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
        self._families: dict[str, list[Mapping[Any, int]]] = {
            cell.family: [] for cell in candidates
        }
        for cell in told:
            if cell.family in self._families:
                self._families[cell.family].append(cell.counts)

    def take_if_safe(self, cells: Sequence[Cell]) -> bool:
        """Tell all of these cells, or none of them."""
        sets = len(self._sets)
        rows = {cell.family: len(self._families[cell.family]) for cell in cells}
        if all(self._take(cell) for cell in cells):
            return True
        del self._sets[sets:]
        for name, known in rows.items():
            del self._families[name][known:]
        return False

    def _take(self, cell: Cell) -> bool:
        members = frozenset(cell.counts)
        if not may_show(len(members), threshold=self._threshold):
            return False
        if cell.is_of_people:
            if members and _differ_by_few(members, self._sets, self._threshold):
                return False
            self._sets.append(members)
        known = self._families[cell.family]
        if _tells_of_few(known, cell.counts, self._threshold):
            return False
        known.append(cell.counts)
        return True


def _differ_by_few(
    members: frozenset[Hashable], known: Iterable[frozenset[Hashable]], threshold: int
) -> bool:
    """Whether this set of people and a known one differ, and by a few people only."""
    for other in known:
        # Far from one another in size, they cannot be alike.
        if abs(len(other) - len(members)) < threshold and 0 < len(other ^ members) < threshold:
            return True
    return False


def _tells_of_few(
    known: Sequence[Mapping[Any, int]], new: Mapping[Any, int], threshold: int
) -> bool:
    """Whether a new row, with any of the known ones, is about a few people."""
    rows = _connected(known, new)
    matrix, weights = _columns([*rows, new])
    many = weights >= threshold
    matrix = np.hstack([matrix[:, many], matrix[:, ~many]])
    left, rest = _reduced(matrix[:-1], matrix[-1], columns=int(many.sum()))
    if rest[: many.sum()].any():
        return False  # many people stand in every combination with it
    rest, left = rest[many.sum() :], left[:, many.sum() :]
    if not rest.any():
        return False  # everybody can work it out already
    return _few_in_coset(left, rest, weights[~many], threshold)


def _connected(
    known: Sequence[Mapping[Any, int]], new: Mapping[Any, int]
) -> list[Mapping[Any, int]]:
    """The rows that share people with the new one, or with one that does."""
    found: list[Mapping[Any, int]] = []
    persons, waiting = set(new), list(known)
    while True:
        near = [row for row in waiting if not persons.isdisjoint(row)]
        if not near:
            return found
        found += near
        waiting = [row for row in waiting if persons.isdisjoint(row)]
        persons.update(*near)


def _columns(rows: Sequence[Mapping[Any, int]]) -> tuple[Integers, Integers]:
    """The rows as a matrix, and how many people stand in each column: those who count alike."""
    alike: Counter[tuple[int, ...]] = Counter(
        tuple(row.get(person, 0) for row in rows)
        for person in dict.fromkeys(person for row in rows for person in row)
    )
    matrix = np.array(list(alike), dtype=np.int64).T.reshape(len(rows), len(alike))
    return matrix, np.array(list(alike.values()), dtype=np.int64)


def _reduced(rows: Integers, rest: Integers, *, columns: int) -> tuple[Integers, Integers]:
    """Reduce on the first columns: the rows that are zero there, and what is left of another."""
    rows, rest = rows % _PRIME, rest % _PRIME
    for column in range(columns):
        pivots = np.flatnonzero(rows[:, column])
        if not len(pivots):
            continue
        first = rows[pivots[0]]
        first = first * _inverse(first[[column]]) % _PRIME
        rows = (rows - rows[:, [column]] * first) % _PRIME
        rest = (rest - rest[column] * first) % _PRIME
    return rows[rows.any(axis=1)], rest


def _few_in_coset(rows: Integers, rest: Integers, weights: Integers, threshold: int) -> bool:
    """Whether `rest` and any of the rows, all about small columns, are about a few people."""
    affordable = min(MOST_SETS, MOST_NUMBERS // (len(rows) * len(weights) + 1))
    orders, is_thorough = _orders(weights, threshold, at_most=max(1, affordable))
    held = weights[orders]
    tableau = rows[:, orders].transpose(1, 0, 2)  # order, row, column
    rest = rest[orders]
    clean = 1.0
    for i in range(len(rows)):
        row = tableau[:, i]
        if not row.any():
            continue
        clean *= max(0.0, 1 - (threshold - 1) / np.where(row, held, 0).sum(axis=1).min())
        pivot = (row != 0).argmax(axis=1)[:, None]
        row = row * _inverse(np.take_along_axis(row, pivot, axis=1)) % _PRIME
        later = tableau[:, i + 1 :]
        factors = np.take_along_axis(later, pivot[:, :, None], axis=2)
        tableau[:, i + 1 :] = (later - factors * row[:, None]) % _PRIME
        rest = (rest - np.take_along_axis(rest, pivot, axis=1) * row) % _PRIME
    concerned = np.where(rest, held, 0).sum(axis=1)
    if not concerned.all():
        return False  # everybody can work it out already
    may_miss = not is_thorough and (1 - clean) ** len(orders) > MISSED
    return may_miss or bool(concerned.min() < threshold)


def _orders(weights: Integers, threshold: int, *, at_most: int) -> tuple[Integers, bool]:
    """Orders of the columns, each with other few people last; whether that was thorough."""
    listed: list[int] = weights.tolist()
    few = _few_together(listed, threshold, at_most=at_most)
    if few is not None:
        return _last(few, len(listed)), True
    random = np.random.default_rng(0)
    # Columns of many people come first more often.
    drawn = np.argsort(random.exponential(size=(at_most, len(listed))) / weights, axis=1)
    for size in (3, 2):
        if math.comb(len(listed), size) <= at_most:
            sets = [
                few
                for few in combinations(range(len(listed)), size)
                if sum(listed[column] for column in few) < threshold
            ]
            return np.vstack([_last(sets or [()], len(listed)), drawn[: at_most // 4 + 1]]), True
    return drawn, False


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
