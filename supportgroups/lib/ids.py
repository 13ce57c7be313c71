"""Ids of rows that have to be known before the row is written."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """As PostgreSQL's `uuidv7()`: in the order of time, 60 bits of the clock and 62 by chance.

    Within one process each is greater than the one before. Python has its own from 3.14 on.
    """
    global _last
    seconds, rest = divmod(time.time_ns(), 1_000_000)
    with _lock:
        # Milliseconds, then what is left of one in 4096 parts.
        _last = max(_last + 1, seconds << 12 | (rest << 12) // 1_000_000)
        moment = _last
    chance = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=(moment >> 12) << 80 | 0x7 << 76 | (moment & 0xFFF) << 64 | 0b10 << 62 | chance)
