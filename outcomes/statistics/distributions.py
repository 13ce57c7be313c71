"""The distributions that the other modules need, without scipy (it costs seconds to import)."""

import math
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_PRECISION = 1e-16


def two_sided_quantile(alpha: float) -> float:
    """The z with `alpha` of the standard normal distribution outside ±z: 1.96 for 0.05."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}.")
    return NormalDist().inv_cdf(1 - alpha / 2)


@lru_cache(maxsize=1024)
def two_sided_t(alpha: float, degrees_of_freedom: float) -> float:
    """The t with `alpha` of Student's distribution outside ±t; degrees need not be whole (Welch).

    Raises `ValueError` for an `alpha` outside 0 to 1 and for degrees of 0 or fewer.
    """
    if not degrees_of_freedom > 0:
        raise ValueError("Student's distribution needs degrees of freedom above 0.")
    z = two_sided_quantile(alpha)
    if degrees_of_freedom > 1e5:  # Fisher's expansion, where the beta function loses its digits
        return (
            z
            + (z**3 + z) / (4 * degrees_of_freedom)
            + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees_of_freedom**2)
        )
    low, high = 0.0, max(z, 1.0)
    while _t_outside(high, degrees_of_freedom) > alpha:
        low, high = high, 2 * high
    while high - low > _PRECISION * 8 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _t_outside(middle, degrees_of_freedom) > alpha:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _t_outside(t: float, degrees_of_freedom: float) -> float:
    """The probability of a value beyond ±t."""
    return _incomplete_beta(
        degrees_of_freedom / 2, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t)
    )


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for a, b > 0 and 0 <= x <= 1."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # there the fraction of the other side is the quick one
        return 1.0 - _beta_fraction(b, a, 1 - x)
    return _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Its continued fraction (Lentz)."""
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    c, fraction = 1.0, d
    for n in range(1, 10_000):
        for factor in (
            n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n)),
            -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1)),
        ):
            d = 1 + factor * d
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = 1 + factor / c
            c = c if abs(c) > _TINY else _TINY
            fraction *= c * d
        if abs(c * d - 1) < _PRECISION * 10:
            break
    return scale * fraction / a


def chi_squared_tail(statistic: float, degrees_of_freedom: int) -> float:
    """The probability of a chi-squared value of at least `statistic`."""
    if degrees_of_freedom < 1:
        raise ValueError("A chi-squared distribution needs at least one degree of freedom.")
    if statistic / 2 <= 0:  # halving also turns the smallest float into 0
        return 1.0
    if math.isinf(statistic):
        return 0.0
    if degrees_of_freedom == 1:
        return math.erfc(math.sqrt(statistic / 2))
    return _upper_gamma(degrees_of_freedom / 2, statistic / 2)


def _upper_gamma(a: float, x: float) -> float:
    """The regularised upper incomplete gamma function Q(a, x), for a > 0 and x > 0."""
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        return 1.0 - scale * _lower_series(a, x)
    return scale * _upper_fraction(a, x)


def _lower_series(a: float, x: float) -> float:
    """Series of the lower function without its scale; quick where x < a + 1."""
    term = total = 1 / a
    n = a
    while abs(term) > abs(total) * _PRECISION:
        n += 1
        term *= x / n
        total += term
    return total


def _upper_fraction(a: float, x: float) -> float:
    """Continued fraction of the upper function without its scale (Lentz); for x ≥ a + 1."""
    b = x + 1 - a
    c = 1 / _TINY
    d = 1 / b
    fraction = d
    for n in range(1, 10_000):
        factor = -n * (n - a)
        b += 2
        d = factor * d + b
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = b + factor / c
        c = c if abs(c) > _TINY else _TINY
        fraction *= c * d
        if abs(c * d - 1) < _PRECISION * 10:
            break
    return fraction
