"""The two distributions that the other modules need, without scipy (it costs seconds to import)."""

import math
from statistics import NormalDist

_TINY = 1e-300
_PRECISION = 1e-16


def two_sided_quantile(alpha: float) -> float:
    """The z with `alpha` of the standard normal distribution outside ±z: 1.96 for 0.05."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}.")
    return NormalDist().inv_cdf(1 - alpha / 2)


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
