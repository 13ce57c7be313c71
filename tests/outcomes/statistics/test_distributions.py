import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.distributions import chi_squared_tail, two_sided_quantile, two_sided_t


def test_two_sided_quantile():
    assert two_sided_quantile(0.05) == pytest.approx(1.959963984540054, abs=1e-12)


@pytest.mark.parametrize("alpha", [0, 1, -1, float("nan")])
def test_two_sided_quantile_refuses(alpha):
    with pytest.raises(ValueError, match="alpha"):
        two_sided_quantile(alpha)


@pytest.mark.parametrize(
    ("statistic", "degrees", "expected"),
    [
        # Upper 5 % and 1 % points from any printed table.
        (3.841458820694124, 1, 0.05),
        (5.991464547107979, 2, 0.05),
        (7.814727903251179, 3, 0.05),
        (18.307038053275146, 10, 0.05),
        (124.3421134, 100, 0.05),
        (11.344866730144373, 3, 0.01),
    ],
)
def test_chi_squared_tail_against_tables(statistic, degrees, expected):
    assert chi_squared_tail(statistic, degrees) == pytest.approx(expected, rel=1e-7)


@given(st.floats(0, 800), st.integers(1, 20))
def test_chi_squared_tail_for_even_degrees_is_a_poisson_sum(statistic, half):
    poisson = sum(
        math.exp(i * math.log(statistic / 2) - statistic / 2 - math.lgamma(i + 1))
        if statistic / 2 > 0
        else float(i == 0)
        for i in range(half)
    )
    assert chi_squared_tail(statistic, 2 * half) == pytest.approx(poisson, rel=1e-9, abs=1e-14)


@given(st.floats(0.0, 300), st.integers(1, 40))
def test_chi_squared_tail_for_odd_degrees_follows_the_recurrence(statistic, half):
    # Q(a + 1, x) = Q(a, x) + x^a e^-x / Γ(a + 1)
    a, x = (2 * half - 1) / 2, statistic / 2
    step = math.exp(a * math.log(x) - x - math.lgamma(a + 1)) if x > 0 else 0.0
    expected = chi_squared_tail(statistic, 2 * half - 1) + step
    assert chi_squared_tail(statistic, 2 * half + 1) == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_chi_squared_tail_at_the_ends():
    assert chi_squared_tail(0, 3) == 1
    assert chi_squared_tail(math.inf, 3) == 0
    with pytest.raises(ValueError, match="degree"):
        chi_squared_tail(1, 0)


@pytest.mark.parametrize(
    ("alpha", "degrees", "expected"),
    [
        (0.05, 1, 12.706204736432095),
        (0.05, 2, 4.302652729696142),
        (0.05, 4, 2.7764451051977987),
        (0.05, 30, 2.0422724563012373),
        (0.05, 120, 1.979930405052777),
        (0.01, 5, 4.032142983557536),
        (0.05, math.inf, 1.959963984540054),
    ],
)
def test_two_sided_t(alpha, degrees, expected):
    assert two_sided_t(alpha, degrees) == pytest.approx(expected, rel=3e-7)


@given(st.floats(1e-6, 0.999), st.floats(0.5, 1e7))
def test_two_sided_t_is_wider_than_normal_and_narrows(alpha, degrees):
    t = two_sided_t(alpha, degrees)
    assert t >= two_sided_quantile(alpha) * (1 - 1e-9)
    assert t >= two_sided_t(alpha, degrees * 2) * (1 - 1e-9)


def test_two_sided_t_refuses():
    with pytest.raises(ValueError, match="degrees"):
        two_sided_t(0.05, 0)
    with pytest.raises(ValueError, match="alpha"):
        two_sided_t(1, 5)
