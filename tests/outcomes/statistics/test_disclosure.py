"""What an outsider with several numbers, and a pencil, cannot work out."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcomes.statistics.disclosure import Cell, as_told, may_tell, people


def cell(key, members, family="reach"):
    return people(key, family, members)


def tell(*candidates, told=(), threshold=11):
    found = may_tell(told, [[cell] for cell in candidates], threshold=threshold)
    return [cell.key for cell in candidates if cell.key in found]


def test_zero_may_be_told_and_a_few_may_not():
    assert tell(cell("none", []), cell("few", range(10)), cell("enough", range(100, 111))) == [
        "none",
        "enough",
    ]


def test_a_part_that_leaves_a_few_is_hidden_with_them():
    everybody = cell("all", range(30))
    assert tell(everybody, cell("online", range(20)), cell("in person", range(20, 30))) == ["all"]
    assert tell(everybody, cell("online", range(19)), cell("in person", range(19, 30))) == [
        "all",
        "online",
        "in person",
    ]


def test_two_small_parts_hide_each_other():
    parts = [cell("a", range(40)), cell("b", range(40, 46)), cell("c", range(46, 60))]
    # b is hidden; c would give it away, as all, a and c are known.
    assert tell(cell("all", range(60)), *parts) == ["all", "a"]


def test_a_year_less_three_quarters_is_the_fourth():
    quarters = [cell(f"q{i}", range(20 * i, 20 * i + 20)) for i in range(3)]
    small = cell("q3", range(60, 66))
    told = [*quarters]
    assert tell(small, told=told) == []
    assert tell(cell("year", range(66)), told=told) == []
    assert tell(cell("year", range(71)), told=told) == ["year"]


def test_programmes_that_differ_by_one_small_group():
    assert tell(cell("with it", range(50)), told=[cell("without it", range(44))]) == []
    assert tell(cell("with it", range(55)), told=[cell("without it", range(44))]) == ["with it"]


def test_overlapping_programmes_whose_sums_differ_by_a_few():
    # A + B - C - D is about the people 40 to 45 alone, though no two of them lie in one another.
    told = [
        cell("a", [*range(20), *range(40, 46)]),
        cell("b", range(20, 40)),
        cell("c", [*range(10), *range(20, 30)]),
    ]
    assert tell(cell("d", [*range(10, 20), *range(30, 40)]), told=told) == []


def test_a_second_look_does_not_tell_who_came_in_between():
    earlier = as_told(cell("all", range(42)), 40)
    assert tell(cell("all again", range(42)), told=[earlier]) == []
    assert tell(cell("all again", range(42)), told=[as_told(cell("all", range(42)), 42)]) == [
        "all again"
    ]
    assert tell(cell("all again", range(53)), told=[as_told(cell("all", range(53)), 40)]) == [
        "all again"
    ]


def test_families_are_compared_where_one_lies_in_the_other():
    came = cell("came", range(52))
    assert tell(came, cell("answered", range(50), family="answers")) == ["came"]
    assert tell(came, cell("answered", range(41), family="answers")) == ["came", "answered"]


def test_what_people_did_is_held_to_the_people_behind_it():
    visits = Cell("visits", "visits", dict.fromkeys(range(20), 4), is_of_people=False)
    often = {person: 4 if person < 12 else 3 for person in range(20)}
    assert tell(visits, Cell("without eight", "visits", often, is_of_people=False)) == ["visits"]
    busy = Cell("busy", "visits", dict.fromkeys(range(3), 50), is_of_people=False)
    assert tell(busy) == []


def test_a_bundle_is_told_whole_or_not_at_all():
    everybody, small = cell("all", range(40)), cell("small", range(6))
    rest = cell("rest", range(6, 40))
    assert may_tell([], [[everybody, small], [rest], [everybody]]) == {"rest"}
    assert may_tell([], [[rest, small], [everybody]]) == {"all"}


def test_what_follows_from_what_is_told_may_be_told():
    told = [cell("all", range(40)), cell("a", range(20))]
    assert tell(cell("rest", range(20, 40)), told=told) == ["rest"]


def _shows_few(rows, chosen, weights, threshold):
    """Whether any combination of rows is about few people: tries every set of columns."""
    matrix = np.array([rows[i] for i in chosen], dtype=float)
    rank = np.linalg.matrix_rank(matrix) if len(matrix) else 0
    columns = range(len(weights))
    for size in range(1, len(weights) + 1):
        for few in combinations(columns, size):
            if sum(weights[i] for i in few) >= threshold:
                continue
            others = [i for i in columns if i not in few]
            left = np.linalg.matrix_rank(matrix[:, others]) if others and len(matrix) else 0
            if left < rank:
                return True
    return False


@settings(max_examples=40)
@given(st.data())
def test_no_combination_of_what_is_told_is_about_a_few(data):
    """Against trying everything, on small worlds."""
    columns = data.draw(st.integers(2, 6))
    weights = data.draw(st.lists(st.integers(1, 14), min_size=columns, max_size=columns))
    patterns = list(product((0, 1), repeat=columns))[1:]
    rows = data.draw(st.lists(st.sampled_from(patterns), min_size=1, max_size=6))
    members = [[(c, i) for c in range(columns) for i in range(weights[c])] for _ in rows]
    cells = [
        cell(str(n), [person for person in everybody if row[person[0]]])
        for n, (row, everybody) in enumerate(zip(rows, members, strict=True))
    ]
    shown = [int(key) for key in tell(*cells)]
    assert not _shows_few(rows, shown, weights, 11)


@pytest.mark.parametrize("reports", [12])
def test_many_reports_of_a_large_programme_stay_tellable(reports):
    months = [cell(f"month {i}", range(30 * i, 30 * i + 45)) for i in range(reports)]
    assert len(tell(cell("year", range(30 * reports + 15)), told=months)) == 1
