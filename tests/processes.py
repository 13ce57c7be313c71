"""Looks at processes of this machine, for tests that start the product's own."""

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def own_environment(**settings: str) -> dict[str, str]:
    """This machine's environment with `settings` and no other setting of the product."""
    names = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    kept = {k: v for k, v in os.environ.items() if k not in names and k != "DJANGO_SETTINGS_MODULE"}
    return kept | settings


def alive(pid: int) -> bool:
    """True while the process does something; one that only waits to be collected is gone."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _parents() -> dict[int, int]:
    """Of every process of this machine, which one started it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(fields[1])
    return parents


def children(pid: int) -> set[int]:
    """What the process has started itself."""
    return {child for child, parent in _parents().items() if parent == pid}


def descendants(pid: int) -> set[int]:
    """Everything that the process has started, and what those have started."""
    parents = _parents()
    found: set[int] = set()
    while new := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= new
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def copy_files(folder: Path, to: Path) -> None:
    """A copy of a folder, whoever owns what is in it: as root, a database has its own account."""
    subprocess.run(["cp", "-a", f"{folder}/.", str(to)], check=True)


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Look ten times a second. Fails with `what` when it has not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        time.sleep(0.1)


def status(url: str, *, host: str | None = None) -> int:
    """HTTP status of a page, or 0 while nobody answers."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
