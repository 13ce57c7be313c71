"""Whether people changed by more than a measure's own ups and downs (Jacobson and Truax 1991)."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from outcomes.statistics.distributions import two_sided_quantile


class Category(StrEnum):
    """What can be said of one person's two scores. Nobody stands in two categories."""

    RECOVERED = "recovered"
    IMPROVED = "improved"
    UNCHANGED = "no clear change"
    WORSE = "worse"
    #: One of the two scores is not there. Never carried forward, always counted.
    NO_SECOND_SCORE = "no second score"


@dataclass(frozen=True, slots=True)
class ReliableChange:
    """One category per person, in the order given, and the `criterion` they were held to.

    `criterion` is in points: a change has to be larger to count. `standard_error` is that of a
    difference of two scores (SD·√2·√(1−r)).
    """

    categories: tuple[Category, ...]
    criterion: float
    standard_error: float

    def counts(self) -> dict[Category, int]:
        """How many people stand in each category, zeros included."""
        found = Counter(self.categories)
        return {category: found[category] for category in Category}

    @property
    def n(self) -> int:
        """How many people have both scores."""
        return len(self.categories) - self.counts()[Category.NO_SECOND_SCORE]


def change_criterion(*, sd: float, reliability: float, alpha: float = 0.05) -> float:
    """The change in points that the measure's own error exceeds with probability `alpha` only.

    `sd` is the standard deviation of scores before help, `reliability` the measure's coefficient.
    Raises `ValueError` outside `sd > 0` and `0 <= reliability <= 1`, None and NaN included: where
    they are not known there is no verdict.
    """
    return two_sided_quantile(alpha) * _difference_error(sd, reliability)


def reliable_change(
    baseline: Iterable[float | None],
    follow_up: Iterable[float | None],
    *,
    sd: float,
    reliability: float,
    cutoff: float | None = None,
    higher_is_worse: bool = True,
) -> ReliableChange:
    """Put each person in one category.

    Scores may be missing (None or NaN). With a `cutoff`, people who improved reliably have
    *recovered* when they crossed it: from the cut-off or the worse side of it, to the better side.
    Raises `ValueError` for lists of unequal length, a `cutoff` that is not finite, and as
    `change_criterion` does.
    """
    if cutoff is not None and not math.isfinite(cutoff):
        raise ValueError("cutoff must be finite, or None where there is none.")
    before, after = _scores(baseline), _scores(follow_up)
    if len(before) != len(after):
        raise ValueError("baseline and follow_up must be equally long.")
    standard_error = _difference_error(sd, reliability)
    criterion = two_sided_quantile(0.05) * standard_error
    sign = 1.0 if higher_is_worse else -1.0

    gain = sign * (before - after)
    crossed = np.zeros(len(before), dtype=bool)
    if cutoff is not None:
        crossed = (sign * before >= sign * cutoff) & (sign * after < sign * cutoff)
    chosen = np.select(
        [
            np.isnan(gain),
            (gain > criterion) & crossed,
            gain > criterion,
            gain < -criterion,
        ],
        [
            Category.NO_SECOND_SCORE,
            Category.RECOVERED,
            Category.IMPROVED,
            Category.WORSE,
        ],
        default=Category.UNCHANGED,
    )
    return ReliableChange(
        categories=tuple(Category(value) for value in chosen.tolist()),
        criterion=criterion,
        standard_error=standard_error,
    )


def _difference_error(sd: float, reliability: float) -> float:
    if sd is None or not sd > 0 or not math.isfinite(sd):
        raise ValueError("Without a known standard deviation there is no verdict on change.")
    if reliability is None or not 0 <= reliability <= 1:
        raise ValueError("Without a known reliability there is no verdict on change.")
    # Decimals, as a database gives them, do not multiply with floats.
    return float(sd) * math.sqrt(2) * math.sqrt(1 - float(reliability))


def _scores(values: Iterable[float | None]) -> NDArray[np.float64]:
    known = (np.nan if v is None or v is np.ma.masked else v for v in values)
    scores = np.array(list(known), dtype=float)
    if scores.ndim != 1:
        raise ValueError("baseline and follow_up must be lists with one score for each person.")
    if np.any(np.isinf(scores)):
        raise ValueError("Scores must be finite.")
    return scores
