"""Whether x goes along with y by way of m: ordinary least squares and the bootstrap.

Three straight lines (MacKinnon 2008): m on x gives the path a; y on x and m gives b and the direct
path c′; y on x alone gives the total path c = c′ + a·b. The product a·b has no normal distribution,
so its limits come from resampling people (Preacher and Hayes 2008).

Numbers alone do not say what comes first. `label()` names what may be said: mediation only where x,
m and y were measured in this order, else an association at one time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]

_NORMAL = NormalDist()
#: So many numbers of a resampling are in memory at once.
_AT_ONCE = 4_000_000
#: A column that the others explain up to this share says nothing of its own.
_EXPLAINED = 1e-10


class Interval(StrEnum):
    """How the limits of the indirect path were made."""

    #: Quantiles of the resampled products.
    PERCENTILE = "percentile"
    #: Quantiles corrected for bias and for skew (Efron 1987).
    BCA = "bca"
    #: ± 1.96 times Sobel's error: for published tables, where nobody can be resampled.
    SOBEL = "sobel"


@dataclass(frozen=True, slots=True)
class Mediation:
    """Paths in points of y, m and x as they were measured, each with its standard error.

    `indirect` is a·b, `indirect_error` Sobel's (the first-order delta method); `lower` and `upper`
    are its limits by `interval`. `n` people had all values, `left_out` had not. `resamples` were
    used; one in which nobody differs says nothing and is not among them.
    """

    a: float
    a_error: float
    b: float
    b_error: float
    direct: float
    direct_error: float
    total: float
    total_error: float
    indirect: float
    indirect_error: float
    lower: float
    upper: float
    interval: Interval
    n: int
    left_out: int = 0
    resamples: int = 0

    @property
    def share(self) -> float:
        """How much of the total path the indirect one is; NaN where the total is 0."""
        return self.indirect / self.total if self.total else math.nan


class _Paths(TypedDict):
    """The fields of `Mediation` that variances and covariances give."""

    a: float
    a_error: float
    b: float
    b_error: float
    direct: float
    direct_error: float
    total: float
    total_error: float
    indirect: float
    indirect_error: float


def label(*, waves_in_order: bool) -> str:
    """What the result may be called."""
    return "mediation" if waves_in_order else "cross-sectional association"


def mediate(
    x: ArrayLike,
    m: ArrayLike,
    y: ArrayLike,
    *,
    covariates: ArrayLike | None = None,
    resamples: int = 5000,
    seed: int = 0,
    interval: str = "percentile",
    alpha: float = 0.05,
) -> Mediation:
    """Paths and the limits of the indirect one. People with a value missing (NaN) are left out.

    `covariates`, one column each, stand in every line. The same `seed` gives the same limits.
    Raises `ValueError` for lists of unequal length, too few people, a column that never differs or
    that the others explain, and an unknown `interval`.
    """
    if interval not in (Interval.PERCENTILE, Interval.BCA):
        raise ValueError(f"interval must be percentile or bca, not {interval!r}.")
    if resamples < 1:
        raise ValueError("resamples must be at least 1.")
    columns, left_out = _columns(x, m, y, covariates)
    n, width = columns.shape
    paths = _paths(_covariance(columns), n, range(3), range(3, width))
    products = _products(columns)
    drawn = _resampled(products, n, width, resamples, seed)
    if not len(drawn):
        raise ValueError("Too few people differ to resample them.")
    lower, upper = _limits(drawn, paths["indirect"], interval, alpha, products, n, width)
    return Mediation(
        **paths,
        lower=lower,
        upper=upper,
        interval=Interval(interval),
        n=n,
        left_out=left_out,
        resamples=len(drawn),
    )


def from_moments(
    means: Sequence[float],
    covariance: ArrayLike,
    n: int,
    x: int,
    m: int,
    y: int,
    *,
    alpha: float = 0.05,
) -> Mediation:
    """The same from a published table; `x`, `m` and `y` are positions in it, other columns are
    left alone. Limits are Sobel's, since nobody can be resampled.

    `covariance` divides by n − 1. Raises `ValueError` for a table that cannot be one.
    """
    matrix = np.asarray(covariance, dtype=float)
    if matrix.ndim != 2 or matrix.shape != (len(means), len(means)):
        raise ValueError("covariance must be square, with a row for each mean.")
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T):
        raise ValueError("covariance must be finite and symmetric.")
    if len({x, m, y}) != 3 or not all(0 <= position < len(means) for position in (x, m, y)):
        raise ValueError("x, m and y must be three positions in the table.")
    if n < 4:
        raise ValueError("Four people are the fewest that give errors.")
    paths = _paths(matrix, n, (x, m, y), ())
    reach = _NORMAL.inv_cdf(1 - alpha / 2) * paths["indirect_error"]
    return Mediation(
        **paths,
        lower=paths["indirect"] - reach,
        upper=paths["indirect"] + reach,
        interval=Interval.SOBEL,
        n=n,
    )


def _columns(
    x: ArrayLike, m: ArrayLike, y: ArrayLike, covariates: ArrayLike | None
) -> tuple[Floats, int]:
    """x, m, y and covariates side by side, whole rows only, and how many rows were not."""
    parts = [np.asarray(part, dtype=float) for part in (x, m, y)]
    if any(part.ndim != 1 for part in parts) or len({len(part) for part in parts}) != 1:
        raise ValueError("x, m and y must be lists of one length.")
    if covariates is not None:
        more = np.asarray(covariates, dtype=float)
        more = more[:, None] if more.ndim == 1 else more
        if more.ndim != 2 or len(more) != len(parts[0]):
            raise ValueError("covariates must have a row for each person.")
        parts.extend(more.T)
    columns = np.column_stack(parts)
    if np.isinf(columns).any():
        raise ValueError("Values must be finite.")
    whole = columns[~np.isnan(columns).any(axis=1)]
    if len(whole) < whole.shape[1] + 1:
        raise ValueError(f"{len(whole)} people with all values are too few.")
    # Far from zero, sums of squares would lose their digits.
    return whole - whole.mean(axis=0), len(columns) - len(whole)


def _covariance(columns: Floats) -> Floats:
    found: Floats = np.cov(columns, rowvar=False)
    return found


def _paths(
    covariance: Floats, n: int, positions: Sequence[int], covariates: Sequence[int]
) -> _Paths:
    """All paths with their errors, from variances and covariances alone."""
    x, m, y = positions
    others = list(covariates)
    (a, *_), a_errors = _line(covariance, n, [x, *others], m)
    (direct, b, *_), errors = _line(covariance, n, [x, m, *others], y)
    (total, *_), total_errors = _line(covariance, n, [x, *others], y)
    a_error, direct_error, b_error = a_errors[0], errors[0], errors[1]
    return {
        "a": a,
        "a_error": a_error,
        "b": b,
        "b_error": b_error,
        "direct": direct,
        "direct_error": direct_error,
        "total": total,
        "total_error": total_errors[0],
        "indirect": a * b,
        "indirect_error": math.hypot(a * b_error, b * a_error),
    }


def _line(covariance: Floats, n: int, on: list[int], of: int) -> tuple[list[float], list[float]]:
    """Slopes of one column on others, and their errors with n − 1 − (number of slopes)."""
    within = covariance[np.ix_(on, on)]
    scale = np.sqrt(np.diag(within))
    if not (scale > 0).all() or covariance[of, of] <= 0:
        raise ValueError("A column never differs.")
    if np.linalg.eigvalsh(within / np.outer(scale, scale))[0] < _EXPLAINED:
        raise ValueError("A column says nothing that the others do not.")
    slopes = np.linalg.solve(within, covariance[on, of])
    left = max(0.0, covariance[of, of] - covariance[on, of] @ slopes)
    variance = left * (n - 1) / (n - 1 - len(on))
    errors = np.sqrt(np.diag(np.linalg.inv(within)) * variance / (n - 1))
    return slopes.tolist(), errors.tolist()


# Resampling ---------------------------------------------------------------------------------------


def _products(columns: Floats) -> Floats:
    """For each person 1, the columns, and their products: sums of these give every covariance."""
    n, width = columns.shape
    rows, others = np.triu_indices(width)
    return np.column_stack([np.ones(n), columns, columns[:, rows] * columns[:, others]])


def _resampled(products: Floats, n: int, width: int, resamples: int, seed: int) -> Floats:
    """The product a·b of each resample in which it can be told."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _AT_ONCE // n)
    found = []
    for first in range(0, resamples, at_once):
        rows = min(at_once, resamples - first)
        drawn = generator.integers(0, n, size=(rows, n))
        offset = drawn + n * np.arange(rows)[:, None]
        times = np.bincount(offset.ravel(), minlength=rows * n).reshape(rows, n)
        found.append(_indirect(times @ products, width))
    indirect = np.concatenate(found)
    return indirect[np.isfinite(indirect)]


def _indirect(sums: Floats, width: int) -> Floats:
    """a·b for each row of sums; NaN where a column does not differ enough to tell."""
    n = sums[:, 0]
    means = sums[:, 1 : 1 + width] / n[:, None]
    rows, others = np.triu_indices(width)
    covariance = np.empty((len(sums), width, width))
    covariance[:, rows, others] = (
        sums[:, 1 + width :] / n[:, None] - means[:, rows] * means[:, others]
    )
    covariance[:, others, rows] = covariance[:, rows, others]
    covariates = list(range(3, width))
    a = _first_slope(covariance, [0, *covariates], 1)
    b = _first_slope(covariance, [1, 0, *covariates], 2)
    return a * b


def _first_slope(covariance: Floats, on: list[int], of: int) -> Floats:
    within = covariance[:, on][:, :, on]
    scale = np.sqrt(np.maximum(np.diagonal(within, axis1=1, axis2=2), 0))
    usable = (scale > 1e-12).all(axis=1)
    ratio = np.zeros_like(within)
    ratio[usable] = within[usable] / (scale[usable, :, None] * scale[usable, None, :])
    usable[usable] = np.linalg.eigvalsh(ratio[usable])[:, 0] > _EXPLAINED
    slopes = np.full(len(covariance), np.nan)
    slopes[usable] = np.linalg.solve(within[usable], covariance[usable][:, on, of][:, :, None])[
        :, 0, 0
    ]
    return slopes


def _limits(
    drawn: Floats,
    estimate: float,
    interval: str,
    alpha: float,
    products: Floats,
    n: int,
    width: int,
) -> tuple[float, float]:
    ends = [alpha / 2, 1 - alpha / 2]
    if interval == Interval.BCA:
        ends = _corrected(ends, drawn, estimate, _indirect(products.sum(axis=0) - products, width))
    lower, upper = np.quantile(drawn, ends)
    return float(lower), float(upper)


def _corrected(
    ends: list[float], drawn: Floats, estimate: float, left_one_out: Floats
) -> list[float]:
    """Quantiles to look at instead: corrected for bias, and for skew by leaving one out each."""
    below = (np.count_nonzero(drawn < estimate) + np.count_nonzero(drawn == estimate) / 2) / len(
        drawn
    )
    # With every resample on one side the bias has no measure: then it is as large as can be told.
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / len(drawn)), 1 - 0.5 / len(drawn)))
    known = left_one_out[np.isfinite(left_one_out)]
    away = known.mean() - known if len(known) else np.zeros(1)
    spread = float((away**2).sum())
    skew = float((away**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    corrected = []
    for end in ends:
        moved = bias + _NORMAL.inv_cdf(end)
        corrected.append(_NORMAL.cdf(bias + moved / (1 - skew * moved)))
    return corrected
