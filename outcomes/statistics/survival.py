"""How long people stay: Kaplan–Meier, the log-rank test and competing risks.

Durations may be in any unit; the product counts sessions held since the first attended one. A row
that is censored at the time of an event was still at risk when the event happened. NaN stands for
what is not defined, never for zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomes.statistics.distributions import chi_squared_tail, two_sided_quantile

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RiskSet:
    """Who was observed when: from just after `entries` (or from the start) to `durations`."""

    durations: Floats  # ascending
    entries: Floats | None  # ascending

    def at(self, times: ArrayLike) -> Integers:
        """How many were at risk at each of `times`, counting those who end there."""
        times = np.asarray(times, dtype=float)
        gone = np.searchsorted(self.durations, times, side="left")
        if self.entries is None:
            return len(self.durations) - gone
        return np.searchsorted(self.entries, times, side="left") - gone


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A Kaplan–Meier estimate: one row for each time at which events happened.

    `survival` is the share still there just after that time, `standard_error` Greenwood's, `lower`
    and `upper` the log-log limits. Where the share is 0 the last three are not defined (NaN).
    """

    times: Floats
    at_risk: Integers
    events: Integers
    survival: Floats
    standard_error: Floats
    lower: Floats
    upper: Floats
    #: How many people the estimate rests on, and the longest observation (NaN for nobody).
    n: int
    observed_until: float
    risk_set: RiskSet = field(repr=False)

    def at(self, time: ArrayLike) -> float | Floats:
        """The share still there at `time` (one or many).

        NaN before 0, and after the longest observation unless everyone had gone by then: nothing
        was seen there.
        """
        return _scalar_or_array(self._step(self.survival, 1.0, time))

    def limits_at(self, time: ArrayLike) -> tuple[float | Floats, float | Floats]:
        """The lower and upper limit at `time`; both 1 before the first event."""
        lower, upper = (
            self._step(self.lower, 1.0, time),
            self._step(self.upper, 1.0, time),
        )
        return _scalar_or_array(lower), _scalar_or_array(upper)

    def at_risk_at(self, time: ArrayLike) -> int | Integers:
        """How many were at risk at `time`, for the row of numbers under a curve."""
        count = self.risk_set.at(time)
        return int(count) if np.ndim(count) == 0 else count

    def median(self) -> float | None:
        """The first time by which half or more had gone; None when the curve never gets there."""
        return _first_time_at_or_below_half(self.times, self.survival)

    def median_limits(self) -> tuple[float | None, float | None]:
        """The limits of the median: where the limits of the curve reach one half."""
        return (
            _first_time_at_or_below_half(self.times, self.lower),
            _first_time_at_or_below_half(self.times, self.upper),
        )

    def _step(self, values: Floats, before: float, time: ArrayLike) -> Floats:
        time = np.asarray(time, dtype=float)
        steps = np.concatenate(([before], values))
        found = steps[np.searchsorted(self.times, time, side="right")]
        everyone_gone = len(self.survival) > 0 and self.survival[-1] == 0
        unseen = (time < 0) | np.isnan(time)
        if self.n == 0 or not everyone_gone:
            unseen |= ~(time <= self.observed_until)
        return np.where(unseen, np.nan, found)


@dataclass(frozen=True, slots=True)
class LogRank:
    """The result of a log-rank test; `observed` and `expected` events stand per group.

    With fewer than two groups that were ever at risk, or without events, there is nothing to
    compare: 0 degrees of freedom, and NaN for the rest.
    """

    chi_squared: float
    degrees_of_freedom: int
    p_value: float
    groups: tuple[object, ...]
    observed: Floats
    expected: Floats


@dataclass(frozen=True, slots=True)
class IncidenceCurve:
    """An Aalen–Johansen estimate: one row for each time at which the cause happened.

    `incidence` is the share to whom this cause has happened by then, in the presence of the others.
    The limits are log-log ones on the delta-method standard error (NaN where the share is 1).
    """

    times: Floats
    at_risk: Integers
    events: Integers
    incidence: Floats
    standard_error: Floats
    lower: Floats
    upper: Floats
    n: int
    observed_until: float

    def at(self, time: ArrayLike) -> float | Floats:
        """The share by `time` (one or many); NaN before 0 and after the longest observation."""
        time = np.asarray(time, dtype=float)
        steps = np.concatenate(([0.0], self.incidence))
        found = steps[np.searchsorted(self.times, time, side="right")]
        seen = (time >= 0) & (time <= self.observed_until)
        return _scalar_or_array(np.where(seen, found, np.nan))


def kaplan_meier(
    durations: ArrayLike,
    events: ArrayLike,
    entry: ArrayLike | None = None,
    alpha: float = 0.05,
) -> SurvivalCurve:
    """Estimate the share still there over time.

    `events` is true (1) where the duration ends in the event and false (0) where it is censored.
    `entry` gives the time from which each person was observed (delayed entry): at risk after it.
    Raises `ValueError` for arrays of unequal length, times that are negative or not finite, events
    other than 0 and 1, and an entry that is not before its duration.
    """
    times_all = _durations(durations)
    happened = _flags(events, len(times_all), "events", highest=1).astype(bool)
    risk_set = RiskSet(np.sort(times_all), _entries(entry, times_all))
    z = two_sided_quantile(alpha)

    times, counts = np.unique(times_all[happened], return_counts=True)
    at_risk = risk_set.at(times)
    survival = np.cumprod((at_risk - counts) / at_risk) if len(times) else np.empty(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(counts / (at_risk * (at_risk - counts)))
        standard_error = np.where(survival > 0, survival * np.sqrt(greenwood), np.nan)
        lower, upper = _log_log_limits(survival, standard_error, z)
    return SurvivalCurve(
        times=times,
        at_risk=at_risk,
        events=counts,
        survival=survival,
        standard_error=standard_error,
        lower=lower,
        upper=upper,
        n=len(times_all),
        observed_until=float(times_all.max()) if len(times_all) else float("nan"),
        risk_set=risk_set,
    )


def logrank(
    durations: ArrayLike, events: ArrayLike, groups: Sequence[object] | ArrayLike
) -> LogRank:
    """Test whether the groups stay equally long (any number of groups, ties as R's `survdiff`).

    `groups` names each person's group. Raises `ValueError` as `kaplan_meier` does.
    """
    times_all = _durations(durations)
    happened = _flags(events, len(times_all), "events", highest=1).astype(bool)
    names, membership = np.unique(np.asarray(groups), return_inverse=True)
    if len(membership) != len(times_all):
        raise ValueError("groups must be as long as durations.")

    times = np.unique(times_all[happened])
    at_risk = np.empty((len(names), len(times)))
    counts = np.empty((len(names), len(times)))
    for g in range(len(names)):
        own = np.sort(times_all[membership == g])
        own_events = np.sort(times_all[(membership == g) & happened])
        at_risk[g] = len(own) - np.searchsorted(own, times, side="left")
        counts[g] = np.searchsorted(own_events, times, side="right") - np.searchsorted(
            own_events, times, side="left"
        )
    total, deaths = at_risk.sum(axis=0), counts.sum(axis=0)
    share = at_risk / total
    observed, expected = counts.sum(axis=1), (share * deaths).sum(axis=1)
    # Hypergeometric variance; one person at risk alone adds nothing.
    weight = deaths * (total - deaths) / np.maximum(total - 1, 1)
    covariance = np.diag((weight * share).sum(axis=1)) - (weight * share) @ share.T

    compared = np.flatnonzero(expected > 0)
    chi_squared, degrees, p_value = float("nan"), 0, float("nan")
    if len(compared) >= 2 and np.any(np.diag(covariance)[compared] > 0):
        kept = compared[:-1]
        difference = (observed - expected)[kept]
        inverse = np.linalg.pinv(covariance[np.ix_(kept, kept)], hermitian=True)
        chi_squared = float(difference @ inverse @ difference)
        degrees = len(kept)
        p_value = chi_squared_tail(chi_squared, degrees)
    return LogRank(chi_squared, degrees, p_value, tuple(names.tolist()), observed, expected)


def cumulative_incidence(
    durations: ArrayLike, causes: ArrayLike, cause: int, alpha: float = 0.05
) -> IncidenceCurve:
    """Estimate how many meet `cause`, while other causes compete (Aalen–Johansen).

    `causes` is 0 where the duration is censored, else the number of what happened. Unlike one
    minus Kaplan–Meier this does not count those as staying on who can no longer meet the cause.
    Raises `ValueError` as `kaplan_meier` does, and for a `cause` below 1.
    """
    if cause < 1:
        raise ValueError("cause must be 1 or more: 0 is censored.")
    times_all = _durations(durations)
    what = _flags(causes, len(times_all), "causes")
    z = two_sided_quantile(alpha)

    times, counts = np.unique(times_all[what > 0], return_counts=True)
    risk_set = RiskSet(np.sort(times_all), None)
    at_risk = risk_set.at(times)
    own = np.sort(times_all[what == cause])
    own_counts = np.searchsorted(own, times, side="right") - np.searchsorted(
        own, times, side="left"
    )
    stayed = np.cumprod((at_risk - counts) / at_risk) if len(times) else np.empty(0)
    stayed_before = np.concatenate(([1.0], stayed))[: len(times)]
    incidence = np.cumsum(stayed_before * own_counts / at_risk)
    standard_error = _incidence_error(at_risk, counts, own_counts, stayed_before, incidence)
    shown = own_counts > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = _log_log_limits(incidence[shown], standard_error[shown], z)
    return IncidenceCurve(
        times=times[shown],
        at_risk=at_risk[shown],
        events=own_counts[shown],
        incidence=incidence[shown],
        standard_error=standard_error[shown],
        lower=lower,
        upper=upper,
        n=len(times_all),
        observed_until=float(times_all.max()) if len(times_all) else float("nan"),
    )


def without_cause(
    durations: ArrayLike, causes: ArrayLike, cause: int, alpha: float = 0.05
) -> SurvivalCurve:
    """Estimate the share to whom `cause` has not happened by then, while other causes compete.

    Whoever met another cause counts among them from then on. One minus Aalen and Johansen's
    estimate, with log-log limits; without competing causes it is Kaplan and Meier's, limits too.
    Raises `ValueError` as `cumulative_incidence` does.
    """
    curve = cumulative_incidence(durations, causes, cause, alpha)
    times_all = _durations(durations)
    survival = 1 - curve.incidence
    survival[survival < 1e-12] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(survival > 0, curve.standard_error, np.nan)
        lower, upper = _log_log_limits(survival, error, two_sided_quantile(alpha))
    return SurvivalCurve(
        times=curve.times,
        at_risk=curve.at_risk,
        events=curve.events,
        survival=survival,
        standard_error=error,
        lower=lower,
        upper=upper,
        n=curve.n,
        observed_until=curve.observed_until,
        risk_set=RiskSet(np.sort(times_all), None),
    )


def _incidence_error(
    at_risk: Integers,
    counts: Integers,
    own: Integers,
    stayed_before: Floats,
    incidence: Floats,
) -> Floats:
    """The delta-method standard error (Dinse and Larson 1986; Marubini and Valsecchi 1995).

    The sums over earlier times of a·(I(t) − I(s))² + b + c·(I(t) − I(s)) are opened up, so that
    running totals suffice. Without competing causes the result is Greenwood's; it equals
    the infinitesimal jackknife that R's `survfit` reports.
    """
    n = at_risk.astype(float)
    left = n - counts
    # Where nobody is left, I(t) no longer changes and the term is 0.
    a = np.divide(counts, n * left, out=np.zeros_like(n), where=left > 0)
    b = stayed_before**2 * own * (n - own) / n**3
    c = -2 * stayed_before * own / n**2
    sum_a, sum_ai = np.cumsum(a), np.cumsum(a * incidence)
    sum_aii = np.cumsum(a * incidence**2)
    sum_c, sum_ci = np.cumsum(c), np.cumsum(c * incidence)
    variance = (
        incidence**2 * sum_a
        - 2 * incidence * sum_ai
        + sum_aii
        + np.cumsum(b)
        + incidence * sum_c
        - sum_ci
    )
    return np.sqrt(np.maximum(variance, 0))


def _log_log_limits(share: Floats, standard_error: Floats, z: float) -> tuple[Floats, Floats]:
    """Limits that stay within 0 and 1: symmetric on the scale of log(−log(share))."""
    theta = z * standard_error / np.abs(share * np.log(share))
    # A sum of fractions that should be 1 may stay just below: it has no limits either.
    inside = (share > 0) & (share < 1 - 1e-12)
    with np.errstate(over="ignore"):
        lower = np.where(inside, share ** np.exp(theta), np.nan)
    upper = np.where(inside, share ** np.exp(-theta), np.nan)
    return lower, upper


def _first_time_at_or_below_half(times: Floats, values: Floats) -> float | None:
    # Products of fractions miss an exact one half by rounding.
    with np.errstate(invalid="ignore"):
        reached = np.flatnonzero(values <= 0.5 + 1e-12)
    return float(times[reached[0]]) if len(reached) else None


def _scalar_or_array(values: Floats) -> float | Floats:
    return float(values) if values.ndim == 0 else values


def _durations(durations: ArrayLike) -> Floats:
    values = np.asarray(durations, dtype=float)
    if values.ndim != 1:
        raise ValueError("durations must be one-dimensional.")
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise ValueError("durations must be finite and not negative.")
    return values


def _flags(values: ArrayLike, length: int, name: str, highest: int | None = None) -> Integers:
    given = np.asarray(values)
    if given.shape != (length,):
        raise ValueError(f"{name} must be as long as durations.")
    if not np.all(np.isfinite(given)):
        raise ValueError(f"{name} must be whole numbers from 0.")
    whole = given.astype(np.int64)
    if np.any(whole != given) or np.any(whole < 0):
        raise ValueError(f"{name} must be whole numbers from 0.")
    if highest is not None and np.any(whole > highest):
        raise ValueError(f"{name} must be 0 or 1; competing causes need cumulative_incidence.")
    return whole


def _entries(entry: ArrayLike | None, durations: Floats) -> Floats | None:
    if entry is None:
        return None
    entries = np.asarray(entry, dtype=float)
    if entries.shape != durations.shape:
        raise ValueError("entry must be as long as durations.")
    if not np.all(np.isfinite(entries)) or np.any(entries < 0):
        raise ValueError("entry must be finite and not negative.")
    if np.any(entries >= durations):
        raise ValueError("entry must be before the duration ends.")
    return np.sort(entries)
