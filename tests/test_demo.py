"""`make demo` as a newcomer lives through it: one start for the whole module, on its own data."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supportgroups.embedded import LOOPBACK, free_port
from tests.processes import (
    ROOT,
    alive,
    command_line,
    descendants,
    own_environment,
    status,
    wait_until,
)

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


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
        """The child whose command line holds these words."""
        return next(
            (p for p in descendants(self.process.pid) if re.search(words, command_line(p))), None
        )

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    started = Demo(tmp_path_factory.mktemp("demo") / "data", free_port())
    try:
        started.wait_until_started(seconds=120)
        yield started
    finally:
        started.end()


def test_it_answers_and_says_where(demo: Demo) -> None:
    assert demo.address in demo.said()
    for path in ("/", "/healthz", "/readyz"):
        assert status(demo.address + path) == 200


def test_started_twice_it_says_so_and_the_first_goes_on(demo: Demo) -> None:
    second = Demo(demo.data, free_port())
    assert second.process.wait(30) == 1
    assert "already running" in second.said()
    assert demo.address in second.said()
    assert "Traceback" not in second.said()
    assert status(demo.address + "/readyz") == 200


def test_a_port_in_use_gets_a_clear_word_and_a_way_out(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as somebody:
        port = somebody.getsockname()[1]
        refused = Demo(tmp_path / "data", port)
        assert refused.process.wait(30) == 1
    assert f"Port {port} cannot be used" in refused.said()
    assert "make demo PORT=" in refused.said()
    assert "Traceback" not in refused.said()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("web", "uvicorn supportgroups"),
        ("worker", "supportgroups worker"),
        ("beat", "supportgroups beat"),
        ("redis", "redis-server"),
        ("postgres", "bin/postgres -D"),
    ],
)
def test_what_is_killed_comes_back(demo: Demo, name: str, words: str) -> None:
    killed = demo.pid_of(words)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: demo.pid_of(words) not in (None, killed), seconds=30, what=f"{name} is back")
    wait_until(
        lambda: status(demo.address + "/readyz") == 200, seconds=30, what="the site is ready"
    )
    assert f"{name} ended (killed by SIGKILL). Restarting it." in demo.said()


def test_ctrl_c_ends_what_it_started_and_only_that(demo: Demo) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        children = descendants(demo.process.pid)
        assert len(children) >= 5
        assert demo.end() == 0
        assert {pid for pid in children if alive(pid)} == set()
        assert "Traceback" not in demo.said()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_started_again_it_is_quick_and_its_data_is_there(demo: Demo) -> None:
    assert not alive(demo.process.pid)
    again = Demo(demo.data, demo.port)
    try:
        assert again.wait_until_started(seconds=60) < 60
        assert status(again.address + "/readyz") == 200
    finally:
        children = descendants(again.process.pid)
        assert again.end(signal.SIGTERM) == 0
    assert {pid for pid in children if alive(pid)} == set()


def test_a_killed_demo_leaves_nothing_behind_and_starts_again(demo: Demo) -> None:
    killed = Demo(demo.data, demo.port)
    killed.wait_until_started(seconds=60)
    children = descendants(killed.process.pid)
    killed.end(signal.SIGKILL)
    wait_until(lambda: not any(map(alive, children)), seconds=20, what="its processes end with it")
    again = Demo(demo.data, demo.port)
    try:
        again.wait_until_started(seconds=60)
    finally:
        again.end()
