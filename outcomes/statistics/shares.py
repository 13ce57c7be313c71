"""A share of people with its interval."""

import math

from outcomes.statistics.distributions import two_sided_quantile


def wilson(part: int, whole: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's limits of a share: they stay between 0 and 1 and hold for few people as well.

    NaN of nobody. Raises `ValueError` when the part is not of the whole.
    """
    if not 0 <= part <= whole:
        raise ValueError("part must lie between 0 and whole.")
    if not whole:
        return math.nan, math.nan
    z2 = two_sided_quantile(alpha) ** 2
    middle = (part + z2 / 2) / (whole + z2)
    reach = math.sqrt(z2) / (whole + z2) * math.sqrt(part * (whole - part) / whole + z2 / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)
