"""Whether x goes along with y by way of m: ordinary least squares and the bootstrap.

Three straight lines (MacKinnon 2008): m on x gives the path a; y on x and m gives b and the direct
path c′; y on x alone gives the total path c = c′ + a·b. The product a·b has no normal distribution,
so its limits come from resampling people (Preacher and Hayes 2008).

Numbers alone do not say what comes first. `label()` names what may be said: mediation only where x,
m and y were measured in this order, else an association at one time.
"""

import math
from collections.abc import Callable, Sequence
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
#: Of so many resamples progress is told at once.
_TOLD_AFTER = 500
#: A column that the others explain up to this share says nothing of its own.
_EXPLAINED = 1e-10
#: A published table's correlations are rounded to two or three digits.
_ROUNDED = 0.02


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
    on_progress: Callable[[int], None] | None = None,
) -> Mediation:
    """Paths and the limits of the indirect one. People with a value missing (None, NaN) are left
    out.

    `covariates` stand in every line: one list, a column for each, or a list of lists. The same
    `seed` gives the same limits. `on_progress` is told from time to time how many resamples are
    done. Raises `ValueError` for lists of unequal length, too few people, a column that never
    differs or that the others explain, an unknown `interval`, and an `alpha` outside 0 to 1.
    """
    interval = str(interval).lower()
    if interval not in (Interval.PERCENTILE, Interval.BCA):
        raise ValueError(f"interval must be percentile or bca, not {interval!r}.")
    if resamples < 1 or resamples != int(resamples):
        raise ValueError("resamples must be a whole number and at least 1.")
    _check_alpha(alpha)
    columns, left_out = _columns(x, m, y, covariates)
    n, width = columns.shape
    paths = _paths(_covariance(columns), n, range(3), range(3, width))
    products = _products(columns)
    drawn = _resampled(products, n, width, int(resamples), seed, on_progress)
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
    _check_alpha(alpha)
    _check_possible(matrix[np.ix_([x, m, y], [x, m, y])])
    paths = _paths(matrix, n, (x, m, y), ())
    reach = _NORMAL.inv_cdf(1 - alpha / 2) * paths["indirect_error"]
    return Mediation(
        **paths,
        lower=paths["indirect"] - reach,
        upper=paths["indirect"] + reach,
        interval=Interval.SOBEL,
        n=n,
    )


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}.")


def _check_possible(covariance: Floats) -> None:
    """No people have such a table: beyond the rounding of a published one."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0))
    if not (scale > 0).all():
        raise ValueError("x, m or y never differs: a variance in the table is not above 0.")
    if np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < -_ROUNDED:
        raise ValueError("No people can have these variances and covariances together.")


def _column(part: ArrayLike) -> Floats:
    """Numbers, with NaN for what is missing or masked."""
    if isinstance(part, np.ma.MaskedArray):
        part = np.ma.filled(part.astype(float), np.nan)
    return np.asarray(part, dtype=float)


def _columns(
    x: ArrayLike, m: ArrayLike, y: ArrayLike, covariates: ArrayLike | None
) -> tuple[Floats, int]:
    """x, m, y and covariates side by side, whole rows only, and how many rows were not."""
    parts = [_column(part) for part in (x, m, y)]
    if any(part.ndim != 1 for part in parts) or len({len(part) for part in parts}) != 1:
        raise ValueError("x, m and y must be lists of one length.")
    if covariates is not None and np.size(covariates):
        more = _column(covariates)
        more = more[:, None] if more.ndim == 1 else more
        # There are always fewer covariates than people, so the long side is the people's.
        if more.ndim == 2 and len(more) != len(parts[0]) == more.shape[1]:
            more = more.T
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


def _resampled(
    products: Floats,
    n: int,
    width: int,
    resamples: int,
    seed: int,
    on_progress: Callable[[int], None] | None,
) -> Floats:
    """The product a·b of each resample in which it can be told.

    The generator goes on where it stopped, so it does not matter how many are drawn at once.
    """
    generator = np.random.default_rng(seed)
    at_once = max(1, min(_TOLD_AFTER, _AT_ONCE // n))
    found = []
    for first in range(0, resamples, at_once):
        rows = min(at_once, resamples - first)
        drawn = generator.integers(0, n, size=(rows, n))
        offset = drawn + n * np.arange(rows)[:, None]
        times = np.bincount(offset.ravel(), minlength=rows * n).reshape(rows, n)
        found.append(_indirect(times @ products, width))
        if on_progress is not None:
            on_progress(first + rows)
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
