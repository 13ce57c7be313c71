"""One `manage.py demo` of its own data and port, for tests that live in it."""

import fcntl
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from supportgroups.embedded import free_port
from tests.processes import children, command_line, copy_files, own_environment, wait_until

ROOT = Path(__file__).resolve().parent.parent


class Demo:
    """One `manage.py demo`, its output in a file."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.port = port
        self.address = f"http://localhost:{port}"
        self.output = data.with_suffix(f".{time.monotonic_ns()}.output")
        self.begun = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", f"--port={port}", f"--data={data}"],
                cwd=ROOT,
                env=own_environment(DJANGO_ENV="demo"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_started(self, *, seconds: float) -> float:
        """Seconds it took until it printed what to try."""
        wait_until(
            lambda: "Stop: Ctrl-C" in self.said() or self.process.poll() is not None,
            seconds=seconds,
            what="the demo is ready",
        )
        assert self.process.poll() is None, self.said()
        return time.monotonic() - self.begun

    def pid_of(self, words: str) -> int | None:
        """The child whose command line holds these words.

        Its own child: a server's are called the same for a moment, until they rename themselves.
        """
        return next(
            (p for p in children(self.process.pid) if re.search(words, command_line(p))), None
        )

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new copy of a demo's data, sample world included. Made once a run, for all its workers."""
    run = tmp_path_factory.getbasetemp()
    if run.name.startswith("popen-"):  # xdist's workers have a folder each in the run's own
        run = run.parent
    kept = run / "sample-world" / "data"
    kept.parent.mkdir(exist_ok=True)
    with (kept.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            first = Demo(kept.with_name("unfinished"), free_port())
            try:
                first.wait_until_started(seconds=400)
            finally:
                first.end()
            first.data.rename(kept)
    data = tmp_path_factory.mktemp("demo") / "data"
    copy_files(kept, data)
    return data
