"""Which numbers may stand beside one another: somebody tries to work out the hidden ones."""

from datetime import date
from itertools import combinations, product
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes.scopes import (
    Cell,
    GroupKind,
    Period,
    Scope,
    cells_of,
    divide,
    divide_by_levels,
    periods_until,
)

TOPICS = ("grief", "sleep")
MONTHS = [date(2025, month, 1) for month in (4, 6, 7, 12)] + [date(2026, 1, 1), date(2026, 2, 1)]
UNTIL = date(2026, 2, 1)  # the last of the months is not over yet


@st.composite
def worlds(draw, *, kinds=1, months=MONTHS):
    """Few groups whose topics overlap, and how many people began in each month."""
    groups = [
        GroupKind(
            UUID(int=number),
            draw(st.sampled_from(["peer_led", "professionally_led"])),
            draw(st.sampled_from(["online", "in_person"])),
            draw(st.frozensets(st.sampled_from(TOPICS))),
        )
        for number in range(1, draw(st.integers(1, 4)) + 1)
    ]
    people = st.tuples(*[st.integers(0, 7)] * kinds)
    cells = [Cell(group.id, month, draw(people)) for group in groups for month in months]
    return groups, cells


def all_scopes(groups):
    """Every filter that a coordinator can set."""
    return [
        Scope(*chosen)
        for chosen in product(
            [None, *(group.id for group in groups)],
            ["", "peer_led", "professionally_led"],
            ["", "online", "in_person"],
            ["", *TOPICS],
            ["", "2025", "2025-1", "2025-2", "2026"],
        )
    ]


def tells_about_fewer(shown, people, fewest):
    """Whether some sum or difference of shown numbers is about fewer people than `fewest`.

    `shown` has a row for each number and a column for each cell; `people` counts each cell's. A
    combination of rows that vanishes everywhere but on some cells exists exactly when those columns
    carry a direction that the others do not: rank(all) > rank(others).
    """
    people = np.asarray(people)
    shown = np.asarray(shown)[:, people > 0]
    # Cells that stand in the same numbers cannot be told apart: one column, their people together.
    told, place = np.unique(shown, axis=1, return_inverse=True)
    sizes = np.bincount(place.ravel(), weights=people[people > 0], minlength=told.shape[1])
    kept = told.any(axis=0)
    told, sizes = told[:, kept], sizes[kept]
    rank = np.linalg.matrix_rank(told) if told.size else 0
    small = np.flatnonzero(sizes < fewest)
    for count in range(1, min(len(small), fewest - 1) + 1):
        for some in map(list, combinations(small, count)):
            others = np.delete(told, some, axis=1)
            rest = np.linalg.matrix_rank(others) if others.size else 0
            if sizes[some].sum() < fewest and rest < rank:
                return True
    return False


def numbers_shown(cells, groups, *, until=UNTIL, threshold=5, inside=5):
    """A row of ones and zeros over (cell, kind) for each number that some filter shows."""
    kinds = len(cells[0].counts)
    blocks = divide(cells, groups, until=until, threshold=threshold, inside=inside)
    rows = set()
    for scope in all_scopes(groups):
        chosen = blocks.within(scope)
        assert chosen.n == 0 or chosen.n >= threshold
        assert all(count == 0 or count >= threshold for count in chosen.counts)
        for kind in range(kinds):
            rows.add(
                tuple(
                    int(chosen.takes_in(cell.group_id, cell.month) and at == kind)
                    for cell in cells
                    for at in range(kinds)
                )
            )
    return np.array(sorted(rows))


def people_in(cells):
    return np.array([count for cell in cells for count in cell.counts])


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_no_filters_together_tell_about_fewer_people(world):
    groups, cells = world
    assert not tells_about_fewer(numbers_shown(cells, groups), people_in(cells), 5)


@settings(max_examples=40, deadline=None)
@given(worlds(kinds=2))
def test_no_filters_together_tell_about_fewer_people_of_a_kind(world):
    groups, cells = world
    assert not tells_about_fewer(numbers_shown(cells, groups), people_in(cells), 5)


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_looking_again_later_tells_about_whole_blocks_only(world):
    groups, cells = world
    looks = [numbers_shown(cells, groups, until=month) for month in MONTHS]
    assert not tells_about_fewer(np.unique(np.vstack(looks), axis=0), people_in(cells), 5)


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_a_report_beside_the_pages_tells_no_more(world):
    groups, cells = world
    leaving = numbers_shown(cells, groups, threshold=11)
    assert not tells_about_fewer(leaving, people_in(cells), 11)
    both = np.unique(np.vstack([numbers_shown(cells, groups), leaving]), axis=0)
    assert not tells_about_fewer(both, people_in(cells), 5)


def levels_of(cells):
    """Four finest kinds: who left and who stayed, each of them improved or not.

    Everybody knows who left, so that is the first level; the second tells who improved.
    """
    known = [cell._replace(counts=(sum(cell.counts[:2]), sum(cell.counts[2:]))) for cell in cells]
    secret = [
        cell._replace(counts=(sum(cell.counts[::2]), sum(cell.counts[1::2]))) for cell in cells
    ]
    return known, secret


@settings(max_examples=40, deadline=None)
@given(worlds(kinds=4), st.sampled_from([5, 11]))
def test_finer_blocks_are_made_of_whole_coarser_ones(world, threshold):
    groups, cells = world
    known, secret = divide_by_levels(levels_of(cells), groups, until=UNTIL, threshold=threshold)
    assert known == divide(levels_of(cells)[0], groups, until=UNTIL, threshold=threshold)
    for block in secret.blocks:
        parts = [each for each in known.blocks if set(each.cells) <= set(block.cells)]
        assert {cell for each in parts for cell in each.cells} == set(block.cells)
        assert sum(block.counts) == sum(sum(each.counts) for each in parts)
        assert all(count == 0 or count >= threshold for count in block.counts)


def test_finer_blocks_do_not_change_later():
    cells = [Cell(A.id, date(2026, month, 1), (3, 2)) for month in range(1, 10)]
    other = [cell._replace(counts=(4, 1)) for cell in cells]
    (_, early), (_, late) = (
        divide_by_levels([cells, other], [A], until=date(2026, month, 1)) for month in (7, 12)
    )
    assert [block.counts for block in early.blocks] == [(24, 6)]
    assert late.blocks[:1] == early.blocks


def test_the_attack_finds_what_is_there_to_find():
    """Without blocks: two filters that differ by one person, and topics that overlap."""
    people = [9, 1, 6]
    assert tells_about_fewer([[1, 1, 0], [1, 0, 0]], people, 5)
    assert tells_about_fewer([[1, 1, 0], [0, 1, 1], [1, 0, 1]], people, 5)
    assert not tells_about_fewer([[1, 1, 1], [1, 1, 0]], people, 5)
    assert tells_about_fewer([[1, 1, 1, 1], [0, 0, 0, 1]], [2, 1, 1, 9], 5), "four in three cells"


# How blocks are made -----------------------------------------------------------------------------

A, B, C = (
    GroupKind(UUID(int=1), "peer_led", "online", frozenset({"grief"})),
    GroupKind(UUID(int=2), "peer_led", "online", frozenset({"sleep"})),
    GroupKind(UUID(int=3), "professionally_led", "online", frozenset({"grief"})),
)


def counted(rows, scope, *, until=date(2026, 7, 1), **thresholds):
    cells = [Cell(group.id, date(2026, month, 1), (n,)) for group, month, n in rows]
    return divide(cells, [A, B, C], until=until, **thresholds).within(scope).n


@pytest.mark.parametrize(
    ("rows", "scope", "n"),
    [
        # A group gathers its people month by month.
        ([(A, 1, 3), (A, 2, 1)], Scope(), 0),
        ([(A, 1, 3), (A, 2, 2)], Scope(A.id), 5),
        # Four that came afterwards wait until the half-year is over; alone they wait on.
        ([(A, 1, 6), (A, 2, 4)], Scope(), 6),
        # Then they count with those of a similar group, but no longer for their own.
        ([(A, 1, 6), (A, 2, 4), (B, 2, 2)], Scope(), 12),
        ([(A, 1, 6), (A, 2, 4), (B, 2, 2)], Scope(facilitation="peer_led"), 12),
        ([(A, 1, 6), (A, 2, 4), (B, 2, 2)], Scope(A.id), 6),
        ([(A, 1, 6), (A, 2, 4), (B, 2, 2)], Scope(topic="sleep"), 0),
        ([(A, 1, 3), (C, 1, 3)], Scope(facilitation="peer_led"), 0),
        ([(A, 1, 3), (C, 1, 3)], Scope(format="online"), 6),
    ],
)
def test_divide(rows, scope, n):
    assert counted(rows, scope) == n


def test_divide_waits_for_the_month_and_the_half_year():
    rows = [(A, 5, 3), (B, 5, 3), (A, 6, 1)]
    assert counted(rows, Scope(), until=date(2026, 6, 1)) == 0, "the half-year is not over"
    assert counted(rows, Scope(), until=date(2026, 7, 1)) == 7
    assert counted([(A, 6, 9)], Scope(), until=date(2026, 6, 1)) == 0, "nor is the month"


def test_divide_for_what_leaves_is_made_of_whole_inner_blocks():
    rows = [(A, 1, 6), (A, 2, 7), (B, 2, 9)]
    assert counted(rows, Scope(A.id), threshold=11) == 13
    assert counted(rows, Scope(B.id), threshold=11) == 0
    assert counted([*rows, (B, 3, 4)], Scope(B.id), threshold=11) == 0, "the four are in no block"


def test_divide_by_kinds_shows_none_that_is_small():
    cells = cells_of(
        [(A.id, MONTHS[0], 0, 20), (A.id, MONTHS[0], 1, 3), (A.id, MONTHS[1], 1, 2)], kinds=2
    )
    blocks = divide(cells, [A], until=MONTHS[1])
    assert (blocks.within(Scope()).counts, blocks.anybody) == ((0, 0), True)
    assert divide(cells, [A], until=MONTHS[2]).within(Scope()).counts == (20, 5)
    assert divide([], [A], until=UNTIL).anybody is False


@pytest.mark.parametrize("key", ["", "2026-3", "202", "2026-", "year", "²026", "2026-1-1"])
def test_period_parse_takes_only_what_can_be_chosen(key):
    assert Period.parse(key) is None


def test_periods_until():
    found = periods_until(date(2026, 5, 1))
    assert [period.key for period in found[:4]] == ["2026", "2026-1", "2025", "2025-2"]
    assert found[1].words == "January to June 2026"
    assert found[0].words == "2026"
    assert all(Period.parse(period.key) == period for period in found)
