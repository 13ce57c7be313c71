"""Keeps the demo's processes running: what dies is started again, what we started we also end.

In production the container engine or service manager does this. Imports no Django.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from supportgroups.embedded import CannotStart, end_with_parent

LONGEST_PAUSE = 10.0
STEADY_AFTER = 30.0


class Supervised(Protocol):
    """What can be watched: a `Program`, or one of `embedded`'s servers."""

    name: str
    process: "subprocess.Popen[bytes] | None"

    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...


class Program:
    """One of our own long-running commands, with its output in a log file."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.arguments = arguments
        self.environment = environment
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """In a session of its own: Ctrl-C reaches only the supervisor, which ends all in order."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGTERM),
            )

    def ask_to_stop(self) -> None:
        if self.running and self.process:
            self.process.terminate()

    def make_stop(self, *, by: float) -> None:
        """Wait until the moment `by` (of `time.monotonic()`), then end it and its children."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, by - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class _Watch:
    subject: Supervised
    pause: float = 0.0
    started: float = 0.0
    due: float | None = None


class Supervisor:
    """Watches and restarts, at once the first time, then after ever longer pauses."""

    def __init__(self, *subjects: Supervised, say: Callable[[str], None]) -> None:
        now = time.monotonic()
        self._watches = [_Watch(subject, started=now) for subject in subjects]
        self._say = say

    def look(self) -> None:
        """Start again what has ended and whose pause is over. Call it a few times a second."""
        for watch in self._watches:
            if not watch.subject.running:
                self._bring_back(watch, time.monotonic())

    def _bring_back(self, watch: _Watch, now: float) -> None:
        if watch.due is None:
            if now - watch.started > STEADY_AFTER:
                watch.pause = 0.0
            watch.due = now + watch.pause
            watch.pause = min(LONGEST_PAUSE, watch.pause * 2 or 1.0)
            self._say(f"{watch.subject.name} ended ({how_it_ended(watch.subject)}). Restarting it.")
        if now < watch.due:
            return
        watch.due = None
        watch.started = now
        try:
            watch.subject.start()
        except CannotStart as failure:
            self._say(str(failure))


def how_it_ended(subject: Supervised) -> str:
    """In words, for the terminal."""
    code = subject.process.returncode if subject.process else None
    if code is None:
        return "not started"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
