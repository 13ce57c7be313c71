"""The retention curve of many memberships, against the same estimate as a plain loop.

    python benchmarks/retention_curve.py

Prints a ratio, which hardly depends on the machine: how many times longer the loop takes. The
dashboard has no time for the loop, and both must agree.
"""

import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from outcomes.statistics.survival import kaplan_meier

MEMBERSHIPS = 200_000
ROUNDS = 3


def memberships() -> tuple[list[int], list[bool]]:
    """Sessions held since the first attended one, and whether the person had left by then."""
    chance = random.Random(2)
    sessions = [min(60, 1 + int(chance.expovariate(1 / 18))) for _ in range(MEMBERSHIPS)]
    return sessions, [chance.random() < 0.7 for _ in sessions]


def plain_loop(durations: Sequence[int], left: Sequence[bool]) -> list[float]:
    """Kaplan–Meier as written in a textbook, at each time somebody left."""
    ended, leavers = Counter(durations), Counter()
    for duration, gone in zip(durations, left, strict=True):
        leavers[duration] += gone
    at_risk, share, curve = len(durations), 1.0, []
    for moment in sorted(ended):
        if leavers[moment]:
            share *= 1 - leavers[moment] / at_risk
            curve.append(share)
        at_risk -= ended[moment]
    return curve


def best_of[T](run: Callable[[], T]) -> tuple[float, T]:
    """Shortest of a few rounds, in milliseconds, and the result."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        result = run()
        times.append((time.perf_counter() - begun) * 1000)
    return min(times), result


def main() -> None:
    durations, left = memberships()
    slow, expected = best_of(lambda: plain_loop(durations, left))
    # The database's answer comes as arrays too.
    arrays = np.array(durations), np.array(left)
    fast, curve = best_of(lambda: kaplan_meier(*arrays))
    assert all(map(math.isclose, curve.survival, expected))
    print(f"retention curve of {MEMBERSHIPS:,} memberships: {fast:.1f} ms")
    print(f"the plain loop takes {slow / fast:.1f} times as long")


if __name__ == "__main__":
    main()
