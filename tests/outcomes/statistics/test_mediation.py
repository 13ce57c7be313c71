import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from outcomes.statistics.mediation import Interval, from_moments, label, mediate
from tests.outcomes.statistics.reference import REFERENCE

KNOWN = REFERENCE["mediation"]
X, M, Y = (np.array(KNOWN[name], dtype=float) for name in ("x", "m", "y"))


def paths(found):
    return [
        *((found.a, found.a_error), (found.b, found.b_error)),
        *((found.direct, found.direct_error), (found.total, found.total_error)),
    ]


def reference_paths():
    return [pytest.approx(KNOWN[name], abs=1e-9) for name in ("a", "b", "cprime", "c")]


def slopes(of, *on):
    """Least squares with a constant, the long way."""
    return np.linalg.lstsq(np.column_stack([np.ones(len(of)), *on]), of)[0][1:]


def test_paths_of_the_reference():
    found = mediate(X, M, Y, resamples=10)
    assert paths(found) == reference_paths()
    assert found.indirect == pytest.approx(KNOWN["ab"], abs=1e-9)
    assert found.indirect_error == pytest.approx(KNOWN["sobel"][0], abs=1e-9)
    assert found.share == pytest.approx(KNOWN["prop"], abs=1e-7)
    assert found.n == KNOWN["n"]


def test_a_published_table_gives_the_same_paths():
    found = from_moments(KNOWN["means"], KNOWN["cov"], KNOWN["n"], 0, 1, 2)
    assert paths(found) == reference_paths()
    reach = 1.959963984540054 * KNOWN["sobel"][0]
    assert (found.lower, found.upper) == (
        pytest.approx(KNOWN["ab"] - reach, abs=1e-9),
        pytest.approx(KNOWN["ab"] + reach, abs=1e-9),
    )
    assert found.interval is Interval.SOBEL


def test_a_table_of_correlations_may_be_rounded():
    """m is nearly x: to two digits such a table is just not possible, and means something still."""
    found = from_moments([0, 0, 0], [[1, 0.99, 0.6], [0.99, 1, 0.7], [0.6, 0.7, 1]], 80, 0, 1, 2)
    assert found.a == pytest.approx(0.99)
    assert found.total == pytest.approx(0.6)


def test_positions_of_a_table_may_be_any():
    order = [2, 0, 1]
    matrix = np.array(KNOWN["cov"])[np.ix_(order, order)]
    found = from_moments([0, 0, 0], matrix, KNOWN["n"], 1, 2, 0)
    assert paths(found) == reference_paths()


@pytest.mark.parametrize(
    ("interval", "limits"),
    [("percentile", "ci_percentile_B20000"), ("bca", "ci_bca_B20000")],
)
def test_limits_of_the_reference(interval, limits):
    found = mediate(X, M, Y, resamples=20_000, interval=interval)
    assert (found.lower, found.upper) == pytest.approx(KNOWN[limits], abs=KNOWN["ci_tolerance"])
    assert found.resamples == 20_000


def test_resamples_are_what_the_long_way_gives():
    """Sums of products stand for the lines: the same people drawn, one line at a time."""
    drawn = np.random.default_rng(7).integers(0, len(X), size=(40, len(X)))
    products = [
        slopes(M[rows], X[rows])[0] * slopes(Y[rows], M[rows], X[rows])[0] for rows in drawn
    ]
    found = mediate(X, M, Y, resamples=40, seed=7)
    assert (found.lower, found.upper) == pytest.approx(np.quantile(products, [0.025, 0.975]))


def test_one_seed_gives_one_answer_and_the_default_is_a_seed():
    assert mediate(X, M, Y, resamples=50) == mediate(X, M, Y, resamples=50, seed=0)
    assert mediate(X, M, Y, resamples=50) != mediate(X, M, Y, resamples=50, seed=1)


def test_progress_is_told_and_changes_nothing():
    told = []
    found = mediate(X, M, Y, resamples=1200, seed=3, on_progress=told.append)
    assert told == [500, 1000, 1200]
    drawn = np.random.default_rng(3).integers(0, len(X), size=(1200, len(X)))
    products = [
        slopes(M[rows], X[rows])[0] * slopes(Y[rows], M[rows], X[rows])[0] for rows in drawn
    ]
    assert (found.lower, found.upper) == pytest.approx(np.quantile(products, [0.025, 0.975]))


def test_any_lists_will_do():
    more = np.random.default_rng(1).normal(size=(len(X), 2))
    expected = mediate(X, M, Y, covariates=more, resamples=30)
    assert mediate(list(X), tuple(M), Y.astype(object), covariates=list(more.T), resamples=30) == (
        expected
    )
    assert mediate(X, M, Y, covariates=[], resamples=30) == mediate(X, M, Y, resamples=30)
    one = mediate(X, M, Y, covariates=more[:, 0], resamples=30)
    assert one == mediate(X, M, Y, covariates=more[:, :1], resamples=30)
    holes = mediate([None, *X[1:]], np.ma.masked_array(M, mask=np.arange(100) == 1), Y)
    assert (holes.n, holes.left_out) == (98, 2)
    assert mediate(X, M, Y, resamples=1, interval="BCa").lower < 1


def test_covariates_stand_in_every_line():
    more = np.random.default_rng(1).normal(size=(len(X), 2)) + 0.5 * X[:, None]
    found = mediate(X, M, Y, covariates=more, resamples=50)
    assert found.a == pytest.approx(slopes(M, X, more)[0])
    assert found.b == pytest.approx(slopes(Y, M, X, more)[0])
    assert found.direct == pytest.approx(slopes(Y, X, M, more)[0])
    # Errors lose a degree of freedom for each: against the ones of the long way.
    design = np.column_stack([np.ones(len(X)), X, more])
    left = M - design @ np.linalg.lstsq(design, M)[0]
    variance = left @ left / (len(X) - 4)
    error = math.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1])
    assert found.a_error == pytest.approx(error)


def test_who_misses_a_value_is_left_out_and_counted():
    holes = Y.copy()
    holes[[3, 50]] = np.nan
    found = mediate(X, M, holes, resamples=20)
    assert (found.n, found.left_out) == (98, 2)
    keep = ~np.isnan(holes)
    assert paths(found) == paths(mediate(X[keep], M[keep], Y[keep], resamples=20))


@settings(max_examples=60)
@given(
    arrays(float, (12, 3), elements=st.floats(-1e3, 1e3).map(lambda value: round(value, 3))),
    st.sampled_from(["percentile", "bca"]),
)
def test_any_numbers_give_an_answer_or_a_reason(table, interval):
    try:
        found = mediate(*table.T, resamples=60, interval=interval)
    except ValueError:
        return
    assert found.lower <= found.upper
    assert found.total == pytest.approx(found.direct + found.indirect, rel=1e-5, abs=1e-5)
    assert all(math.isfinite(error) and error >= 0 for _, error in paths(found))


def test_far_from_zero_nothing_is_lost():
    far = mediate(X + 1e7, M - 1e7, Y + 1e6, resamples=50)
    near = mediate(X, M, Y, resamples=50)
    assert paths(far) == [pytest.approx(path, rel=1e-6) for path in paths(near)]
    assert (far.lower, far.upper) == pytest.approx((near.lower, near.upper), rel=1e-6)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"x": X[:-1]}, "one length"),
        ({"x": X[:3], "m": M[:3], "y": Y[:3]}, "too few"),
        ({"m": np.ones(100)}, "never differs"),
        ({"m": 2 * X + 1}, "nothing that the others"),
        ({"y": np.full(100, np.inf)}, "finite"),
        ({"covariates": np.ones((5, 1))}, "a row for each"),
        ({"interval": "normal"}, "percentile or bca"),
        ({"resamples": 0}, "at least 1"),
        ({"resamples": 2.5}, "whole number"),
        ({"alpha": 1}, "alpha"),
        ({"x": X[:, None]}, "one length"),
        ({"x": 1, "m": 2, "y": 3}, "one length"),
        ({"x": [], "m": [], "y": []}, "too few"),
    ],
)
def test_what_cannot_be_told_is_refused(given_, message):
    with pytest.raises(ValueError, match=message):
        mediate(**{"x": X, "m": M, "y": Y} | given_)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"covariance": [[1, 2], [2, 1]]}, "square"),
        ({"covariance": [[1, 2, 0], [1, 1, 0], [0, 0, 1]]}, "symmetric"),
        ({"x": 1}, "three positions"),
        ({"n": 3}, "Four people"),
        ({"covariance": np.zeros((3, 3))}, "never differs"),
        ({"covariance": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]}, "No people"),
        ({"alpha": 0}, "alpha"),
    ],
)
def test_what_is_no_table_is_refused(given_, message):
    table = {"means": KNOWN["means"], "covariance": KNOWN["cov"], "n": 100, "x": 0, "m": 1, "y": 2}
    with pytest.raises(ValueError, match=message):
        from_moments(**table | given_)


def test_only_waves_in_order_are_called_mediation():
    assert label(waves_in_order=True) == "mediation"
    assert label(waves_in_order=False) == "cross-sectional association"
