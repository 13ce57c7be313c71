"""Hiding numbers about so few people that somebody could be recognised.

A count may show when it is 0 or at least the threshold: `INSIDE` the organisation, `LEAVING` for
anything that leaves it. What could be worked out from the numbers beside it is hidden as well.
Hidden is `None`.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

#: Defaults that an organisation can raise.
INSIDE = 5
LEAVING = 11


def may_show(count: int, *, threshold: int = INSIDE) -> bool:
    """Whether a count of people may be seen."""
    return count == 0 or count >= threshold


def shown(count: int, *, threshold: int = INSIDE) -> int | None:
    """The count, or None where it must stay hidden."""
    return count if may_show(count, threshold=threshold) else None


def may_show_statistic(n: int, *, threshold: int = INSIDE) -> bool:
    """Whether a mean, median or curve of `n` people may be seen (of nobody there is none)."""
    return n >= threshold


def may_show_share(part: int, whole: int, *, threshold: int = INSIDE) -> bool:
    """Whether "`part` of `whole`" may be seen: neither the part nor the rest is a small number."""
    if not 0 <= part <= whole:
        raise ValueError("part must lie between 0 and whole.")
    return all(may_show(count, threshold=threshold) for count in (part, whole - part, whole))


def may_show_both(larger: int, smaller: int, *, threshold: int = INSIDE) -> bool:
    """Whether two counts may be seen, the smaller of them of people who are in the larger too.

    Two filters that differ by one person would otherwise tell about that person.
    """
    return may_show_share(smaller, larger, threshold=threshold)


def suppress[K: Hashable](
    counts: Mapping[K, int], *, threshold: int = INSIDE
) -> tuple[dict[K, int | None], int | None]:
    """Hide small counts of groups that do not overlap, and what would give them away.

    Returns the counts and their total. The hidden ones together are at least `threshold` people,
    because the difference between the total and what shows is known: the smallest others are hidden
    with them. Where that is not enough, the total is hidden too.
    """
    if any(count < 0 for count in counts.values()):
        raise ValueError("Counts are not negative.")
    hidden = {key for key, count in counts.items() if not may_show(count, threshold=threshold)}
    # sorted() is stable, so the same table always hides the same cells.
    candidates = sorted(
        (key for key, count in counts.items() if count > 0 and key not in hidden),
        key=lambda key: counts[key],
    )
    while hidden and candidates and sum(counts[key] for key in hidden) < threshold:
        hidden.add(candidates.pop(0))
    total: int | None = sum(counts.values())
    if 0 < sum(counts[key] for key in hidden) < threshold:
        total = None
    return {key: None if key in hidden else count for key, count in counts.items()}, total


def steps_to_show(at_risk: Sequence[int] | np.ndarray, *, threshold: int = INSIDE) -> int:
    """How many leading steps of a curve may be seen: it ends before fewer are at risk."""
    below = np.flatnonzero(np.asarray(at_risk) < threshold)
    return int(below[0]) if len(below) else len(at_risk)
