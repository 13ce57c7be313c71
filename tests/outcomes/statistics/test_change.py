import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.change import Category, change_criterion, reliable_change
from tests.outcomes.statistics.reference import REFERENCE

JT = REFERENCE["change"]
SCORES = st.one_of(st.none(), st.integers(0, 27))


def test_reliable_change_reproduces_jacobson_and_truax():
    found = reliable_change(
        [JT["x1"]],
        [JT["x2"]],
        sd=JT["sd"],
        reliability=JT["r"],
        cutoff=JT["cut"]["c"],
        higher_is_worse=False,
    )
    assert found.standard_error == pytest.approx(JT["Sdiff"], abs=1e-12)
    assert found.criterion == pytest.approx(JT["RCI95"], abs=1e-12)
    assert (JT["x2"] - JT["x1"]) / found.standard_error == pytest.approx(JT["RC"], abs=1e-12)
    assert found.categories == (Category.IMPROVED,)


@pytest.mark.parametrize(
    ("sd", "reliability", "criterion"), [(5.5, 0.89, 5.056175), (4.5, 0.92, 3.527935)]
)
def test_change_criterion_of_the_shipped_measures(sd, reliability, criterion):
    assert change_criterion(sd=sd, reliability=reliability) == pytest.approx(criterion, abs=5e-7)


@pytest.mark.parametrize(
    ("before", "after", "category"),
    [
        (18, 9, Category.RECOVERED),
        (18, 10, Category.IMPROVED),  # at the cut-off is not past it
        (10, 4, Category.RECOVERED),  # began exactly at the cut-off
        (9, 1, Category.IMPROVED),  # was past it already
        (12, 7, Category.UNCHANGED),  # 5 points are within the measure's ups and downs
        (5, 10, Category.UNCHANGED),
        (5, 11, Category.WORSE),
        (5, None, Category.NO_SECOND_SCORE),
        (None, 5, Category.NO_SECOND_SCORE),
        (math.nan, math.nan, Category.NO_SECOND_SCORE),
    ],
)
def test_reliable_change_on_the_phq_9(before, after, category):
    found = reliable_change([before], [after], sd=5.5, reliability=0.89, cutoff=10)
    assert found.categories == (category,)


def test_reliable_change_counts_every_category():
    found = reliable_change([20, 5, 5, 7], [2, 5, None, 20], sd=5.5, reliability=0.89, cutoff=10)
    assert found.counts() == {
        Category.RECOVERED: 1,
        Category.IMPROVED: 0,
        Category.UNCHANGED: 1,
        Category.WORSE: 1,
        Category.NO_SECOND_SCORE: 1,
    }
    assert found.n == 3


@pytest.mark.parametrize(
    "scores",
    [
        (18, 12, None),
        np.array([18, 12, np.nan]),
        np.ma.masked_equal([18, 12, 0], 0),
        iter([Decimal("18.00"), Decimal("12.00"), Decimal("NaN")]),
    ],
)
def test_reliable_change_takes_any_list(scores):
    found = reliable_change(
        scores, [9, 7, 1], sd=Decimal("5.5"), reliability=Decimal("0.89"), cutoff=10
    )
    assert found.categories == ("recovered", "no clear change", "no second score")
    assert found.n == 2


def test_reliable_change_reads_the_cutoff_in_its_direction():
    """On a scale of wellbeing people recover by rising to above the cut-off."""
    found = reliable_change(
        [10, 15, 16, 30], [25, 26, 30, 10], sd=5, reliability=0.8, cutoff=15, higher_is_worse=False
    )
    assert found.categories == ("recovered", "recovered", "improved", "worse")


def test_a_measure_without_error_counts_every_change():
    found = reliable_change([5, 5, 5], [4, 5, 6], sd=5, reliability=1)
    assert found.criterion == 0
    assert found.categories == ("improved", "no clear change", "worse")


def test_reliable_change_of_nobody():
    assert reliable_change([], [], sd=1, reliability=0.5).categories == ()


@pytest.mark.parametrize(
    ("sd", "reliability"),
    [(None, 0.9), (0, 0.9), (math.nan, 0.9), (5, None), (5, 1.1), (5, math.nan), (math.inf, 0.9)],
)
def test_reliable_change_gives_no_verdict_without_known_inputs(sd, reliability):
    with pytest.raises(ValueError, match="no verdict"):
        reliable_change([1], [2], sd=sd, reliability=reliability)


def test_reliable_change_refuses_unequal_lists():
    with pytest.raises(ValueError, match="equally long"):
        reliable_change([1], [], sd=1, reliability=0.5)
    with pytest.raises(ValueError, match="finite"):
        reliable_change([math.inf], [1], sd=1, reliability=0.5)
    with pytest.raises(ValueError, match="one score for each"):
        reliable_change([[1, 2]], [[3, 4]], sd=1, reliability=0.5)
    with pytest.raises(ValueError, match="cutoff"):
        reliable_change([1], [1], sd=1, reliability=0.5, cutoff=math.nan)


@given(st.lists(st.tuples(SCORES, SCORES), max_size=20), st.integers(1, 27))
def test_reliable_change_is_the_same_measured_the_other_way_round(pairs, cutoff):
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    worse = reliable_change(before, after, sd=5.5, reliability=0.89, cutoff=cutoff)
    better = reliable_change(
        [None if b is None else -b for b in before],
        [None if a is None else -a for a in after],
        sd=5.5,
        reliability=0.89,
        cutoff=-cutoff,
        higher_is_worse=False,
    )
    assert worse.categories == better.categories
    assert sum(worse.counts().values()) == len(pairs)


@given(st.lists(st.tuples(st.integers(0, 27), st.integers(0, 27)), max_size=20))
def test_reliable_change_backwards_swaps_better_and_worse(pairs):
    before, after = [b for b, _ in pairs], [a for _, a in pairs]
    there = reliable_change(before, after, sd=5.5, reliability=0.89).counts()
    back = reliable_change(after, before, sd=5.5, reliability=0.89).counts()
    assert there[Category.IMPROVED] == back[Category.WORSE]
    assert there[Category.UNCHANGED] == back[Category.UNCHANGED]
