"""From one membership's attendance to how long the person stayed, and how it ended.

The unit is an *episode*. It begins with the first session attended, and its time is the number of
sessions held since then. Leaving, or missing `k` held sessions in a row, ends it as a dropout.
Somebody who comes back afterwards begins a new one. Somebody who never attended has no episode:
that is uptake, and shown apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

#: Missing this many held sessions in a row counts as having left.
MISSED_IN_A_ROW = 3


class Mark(StrEnum):
    """What a session was for one person. Late or leaving early is attended."""

    ATTENDED = "attended"
    MISSED = "missed"
    #: Said so beforehand: held, but neither attended nor missed.
    EXCUSED = "excused"
    #: Not held: no time passes.
    CANCELLED = "cancelled"


class Ending(StrEnum):
    """How the membership itself ended, after the last session given."""

    LEFT = "left"
    COMPLETED = "completed"
    #: The group closed, or the person was moved elsewhere: nothing about staying follows.
    CLOSED = "closed"


class Outcome(IntEnum):
    """How an episode ends, as `survival` wants it."""

    CENSORED = 0
    DROPOUT = 1
    #: A planned course was finished: a competing event, neither dropout nor censoring.
    COMPLETION = 2


@dataclass(frozen=True, slots=True)
class Episode:
    """`duration` in sessions held since the first attended (that one not counted)."""

    duration: int
    outcome: Outcome


def episodes(
    marks: Iterable[Mark | str],
    *,
    ending: Ending | str | None = None,
    k: int = MISSED_IN_A_ROW,
) -> list[Episode]:
    """The episodes of one membership, in their order; none for somebody who never attended.

    `marks` are the sessions during the membership, in the order held, up to now or to its end;
    `ending` is None while it goes on.

    - `k` missed in a row: dropout, dated at the first of them. Excused and cancelled sessions
      neither count as missed nor break the row.
    - Left before that: dropout, dated at the sessions held by then.
    - Finished a planned course: completion, dated likewise.
    - Otherwise censored at the last session before the row of missed ones that is still open:
      whether that row is a dropout is not known yet.

    Raises `ValueError` for `k` below 1 and for words that are not marks or endings.
    """
    if k < 1:
        raise ValueError("k must be 1 or more.")
    ending = Ending(ending) if ending is not None else None
    found: list[Episode] = []
    running = False  # in an episode?
    held = missed = first_missed = 0
    for mark in map(Mark, marks):
        if mark is Mark.CANCELLED:
            continue
        if not running:
            if mark is Mark.ATTENDED:
                running, held, missed = True, 0, 0
            continue
        held += 1
        if mark is Mark.ATTENDED:
            missed = 0
        elif mark is Mark.MISSED:
            missed += 1
            if missed == 1:
                first_missed = held
            if missed == k:
                found.append(Episode(first_missed, Outcome.DROPOUT))
                running = False
    if running:
        if ending is Ending.LEFT:
            found.append(Episode(held, Outcome.DROPOUT))
        elif ending is Ending.COMPLETED:
            found.append(Episode(held, Outcome.COMPLETION))
        else:
            known_until = first_missed - 1 if missed else held
            found.append(Episode(known_until, Outcome.CENSORED))
    return found


def as_arrays(
    found: Iterable[Episode],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Durations and outcomes (0 censored, 1 dropout, 2 completion) for `survival`.

    Kaplan–Meier of staying takes `outcomes == 1` as events.
    """
    listed = list(found)
    durations = np.array([episode.duration for episode in listed], dtype=np.int64)
    outcomes = np.array([int(episode.outcome) for episode in listed], dtype=np.int64)
    return durations, outcomes
