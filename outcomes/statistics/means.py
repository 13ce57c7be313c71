"""Means with their intervals, differences of two, and a line through changes.

Everything is made from sums, which a database gives in one row for any number of people. Intervals
are Student's. NaN stands for what so few people do not define, never for zero.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from outcomes.statistics.distributions import two_sided_t


@dataclass(frozen=True, slots=True)
class Sums:
    """How many values there are, their sum, and the sum of their squares."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        listed = [float(value) for value in values]
        return cls(len(listed), math.fsum(listed), math.fsum(value * value for value in listed))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(self.n - other.n, self.total - other.total, self.squares - other.squares)

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else math.nan

    @property
    def variance(self) -> float:
        """The sample's, with n − 1."""
        if self.n < 2:
            return math.nan
        return max(0.0, self.squares - self.total * self.total / self.n) / (self.n - 1)

    @property
    def sd(self) -> float:
        return math.sqrt(self.variance)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, its standard error, and its limits."""

    value: float
    standard_error: float
    lower: float
    upper: float


def mean(sums: Sums, *, alpha: float = 0.05) -> Estimate:
    """A mean with Student's limits; they are NaN for fewer than two people."""
    if sums.n < 2:
        return Estimate(sums.mean, math.nan, math.nan, math.nan)
    error = sums.sd / math.sqrt(sums.n)
    return _around(sums.mean, error, sums.n - 1, alpha)


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two means lie apart, in points and in standard deviations."""

    estimate: Estimate
    degrees_of_freedom: float
    #: Hedges' g: the difference in pooled standard deviations, corrected for few people.
    standardised: float


def difference(one: Sums, other: Sums, *, alpha: float = 0.05) -> Difference:
    """The mean of `one` minus that of `other`, with Welch's limits: spreads may be unequal."""
    away = one.mean - other.mean
    if one.n < 2 or other.n < 2:
        return Difference(Estimate(away, math.nan, math.nan, math.nan), math.nan, math.nan)
    first, second = one.variance / one.n, other.variance / other.n
    error = math.sqrt(first + second)
    within = one.n + other.n - 2
    pooled = math.sqrt(((one.n - 1) * one.variance + (other.n - 1) * other.variance) / within)
    corrected = 1 - 3 / (4 * within - 1)
    standardised = away / pooled * corrected if pooled else math.nan
    if not error:
        return Difference(Estimate(away, 0.0, away, away), math.nan, standardised)
    degrees = (first + second) ** 2 / (first**2 / (one.n - 1) + second**2 / (other.n - 1))
    return Difference(_around(away, error, degrees, alpha), degrees, standardised)


@dataclass(frozen=True, slots=True)
class PairSums:
    """Sums of pairs: how many, of x, of y, of their squares and of their product."""

    n: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> Self:
        listed = [(float(x), float(y)) for x, y in pairs]
        return cls(
            len(listed),
            math.fsum(x for x, _ in listed),
            math.fsum(y for _, y in listed),
            math.fsum(x * x for x, _ in listed),
            math.fsum(x * y for x, y in listed),
            math.fsum(y * y for _, y in listed),
        )

    def __add__(self, other: "PairSums") -> "PairSums":
        return PairSums(
            self.n + other.n,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    @property
    def sums_of_y(self) -> Sums:
        return Sums(self.n, self.y, self.yy)


def slope(sums: PairSums, *, alpha: float = 0.05) -> Estimate:
    """How much y differs for each one more of x, by least squares, with Student's limits.

    All NaN where nobody's x differs; without limits for two people.
    """
    if sums.n < 2:
        return Estimate(math.nan, math.nan, math.nan, math.nan)
    # Times n, so that whole numbers stay exact as long as they can.
    within_x = sums.n * sums.xx - sums.x**2
    within_y = sums.n * sums.yy - sums.y**2
    together = sums.n * sums.xy - sums.x * sums.y
    if within_x <= 1e-12 * sums.n * sums.xx:
        return Estimate(math.nan, math.nan, math.nan, math.nan)
    steep = together / within_x
    if sums.n < 3:
        return Estimate(steep, math.nan, math.nan, math.nan)
    left = max(0.0, within_y - steep * together)
    error = math.sqrt(left / (sums.n - 2) / within_x)
    return _around(steep, error, sums.n - 2, alpha)


def on_line(sums: PairSums, x: float, *, alpha: float = 0.05) -> Estimate:
    """The mean y at this x by the line of `slope`, with the limits of that mean."""
    steep = slope(sums, alpha=alpha)
    of_x, of_y = Sums(sums.n, sums.x, sums.xx), Sums(sums.n, sums.y, sums.yy)
    value = of_y.mean + steep.value * (x - of_x.mean)
    if math.isnan(steep.standard_error):
        return Estimate(value, math.nan, math.nan, math.nan)
    within = of_x.variance * (sums.n - 1)
    # The slope's error is s / √within, so that s² / n follows from it.
    error = steep.standard_error * math.sqrt(within / sums.n + (x - of_x.mean) ** 2)
    return _around(value, error, sums.n - 2, alpha)


def _around(value: float, error: float, degrees_of_freedom: float, alpha: float) -> Estimate:
    reach = two_sided_t(alpha, degrees_of_freedom) * error
    return Estimate(value, error, value - reach, value + reach)
