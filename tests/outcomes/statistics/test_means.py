"""Against textbook values and the long way."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.means import PairSums, Sums, difference, mean, on_line, slope

#: Student 1908: hours of sleep gained under two drugs (R's `sleep`).
DRUG_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
DRUG_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
SCORES = st.integers(0, 27)


def test_mean_of_the_sleep_data():
    found = mean(Sums.of(DRUG_2))
    assert found.value == pytest.approx(2.33)
    assert found.standard_error == pytest.approx(0.6331666, abs=1e-7)
    # R: t.test(sleep$extra[11:20])$conf.int
    assert (found.lower, found.upper) == pytest.approx((0.8976775, 3.7623225), abs=1e-7)


def test_difference_of_the_sleep_data_is_welchs():
    found = difference(Sums.of(DRUG_1), Sums.of(DRUG_2))
    # R: t.test(extra ~ group, data = sleep)
    assert found.degrees_of_freedom == pytest.approx(17.776474, abs=1e-6)
    assert found.estimate.value == pytest.approx(-1.58)
    assert (found.estimate.lower, found.estimate.upper) == pytest.approx(
        (-3.3654832, 0.2054832), abs=1e-7
    )
    pooled = math.sqrt((np.var(DRUG_1, ddof=1) + np.var(DRUG_2, ddof=1)) / 2)
    assert found.standardised == pytest.approx(-1.58 / pooled * (1 - 3 / (4 * 18 - 1)))


def test_slope_of_a_textbook_line():
    # R: confint(lm(dist ~ speed, cars)): 3.932409, limits 3.096964 and 4.767853
    speed = [4, 4, 7, 7, 8, 9, 10, 10, 10, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14]
    speed += [15, 15, 15, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 20, 20, 20, 20, 20, 22]
    speed += [23, 24, 24, 24, 24, 25]
    stop = [2, 10, 4, 22, 16, 10, 18, 26, 34, 17, 28, 14, 20, 24, 28, 26, 34, 34, 46, 26, 36, 60]
    stop += [80, 20, 26, 54, 32, 40, 32, 40, 50, 42, 56, 76, 84, 36, 46, 68, 32, 48, 52, 56, 64, 66]
    stop += [54, 70, 92, 93, 120, 85]
    found = slope(PairSums.of(zip(speed, stop, strict=True)))
    assert found.value == pytest.approx(3.932409, abs=1e-6)
    assert (found.lower, found.upper) == pytest.approx((3.096964, 4.767853), abs=1e-6)
    # predict(lm(dist ~ speed, cars), data.frame(speed = 10), interval = "confidence")
    at_10 = on_line(PairSums.of(zip(speed, stop, strict=True)), 10)
    assert (at_10.value, at_10.lower, at_10.upper) == pytest.approx(
        (21.744993, 15.461917, 28.028068), abs=1e-5
    )


def test_what_few_people_do_not_define_is_not_a_number():
    assert math.isnan(mean(Sums()).value)
    alone = mean(Sums.of([3]))
    assert alone.value == 3
    assert math.isnan(alone.lower)
    assert math.isnan(difference(Sums.of([1]), Sums.of([1, 2])).estimate.lower)
    assert math.isnan(slope(PairSums.of([(1, 1)])).value)
    assert math.isnan(slope(PairSums.of([(1, 1), (1, 2), (1, 3)])).value)
    assert slope(PairSums.of([(1, 1), (2, 3)])).value == 2
    assert on_line(PairSums.of([(1, 1), (2, 3)]), 3).value == 5
    assert math.isnan(on_line(PairSums.of([(1, 1), (2, 3)]), 3).lower)


def test_everybody_alike_has_no_spread():
    found = difference(Sums.of([2, 2, 2]), Sums.of([5, 5]))
    assert (found.estimate.lower, found.estimate.upper) == (-3, -3)
    assert math.isnan(found.standardised)
    assert mean(Sums.of([4] * 9)).standard_error == 0


@given(st.lists(SCORES, min_size=2, max_size=40), st.lists(SCORES, min_size=2, max_size=40))
def test_sums_add_up(one, other):
    both = Sums.of(one) + Sums.of(other)
    assert both == Sums.of(one + other)
    assert both - Sums.of(other) == Sums.of(one)
    assert both.mean == pytest.approx(np.mean(one + other))
    assert both.sd == pytest.approx(np.std(one + other, ddof=1))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-27, 27)), min_size=3, max_size=40))
def test_a_line_is_what_the_long_way_gives(pairs):
    x, y = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    half = len(pairs) // 2
    found = slope(PairSums.of(pairs[:half]) + PairSums.of(pairs[half:]))
    if np.ptp(x) == 0:
        assert math.isnan(found.value)
        return
    design = np.column_stack([np.ones(len(x)), x])
    line, *_ = np.linalg.lstsq(design, y)
    left = y - design @ line
    error = math.sqrt(left @ left / (len(x) - 2) * np.linalg.inv(design.T @ design)[1, 1])
    assert found.value == pytest.approx(line[1], abs=1e-9)
    assert found.standard_error == pytest.approx(error, abs=1e-6)
