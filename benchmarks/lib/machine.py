"""What processes cost, read from /proc."""

import os
from collections.abc import Iterable
from pathlib import Path

from tests.processes import descendants

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(*pids: int) -> float:
    """Processor time of these processes and all that they have started, ended ones included."""
    ticks = 0
    for pid in {found for each in pids for found in (each, *descendants(each))}:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def memory_kib(pid: int) -> int:
    """What is resident of one process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
