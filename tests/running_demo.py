"""One `manage.py demo` of its own data and port, for tests that live in it."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.processes import children, command_line, own_environment, wait_until

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
