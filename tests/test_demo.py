"""`make demo` as a newcomer lives through it: one start for the whole module, on its own data.

The start from nothing, which takes longest, is the one in `lived_in`.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supportgroups.embedded import LOOPBACK, free_port
from tests.processes import alive, descendants, status, wait_until
from tests.running_demo import Demo, lived_in

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    started = Demo(lived_in(tmp_path_factory), free_port())
    try:
        started.wait_until_started(seconds=400)
        yield started
    finally:
        started.end()


def test_it_answers_and_says_where(demo: Demo) -> None:
    assert demo.address in demo.said()
    for path in ("/", "/healthz", "/readyz"):
        assert status(demo.address + path) == 200


def test_started_twice_it_says_so_and_the_first_goes_on(demo: Demo) -> None:
    second = Demo(demo.data, free_port())
    assert second.process.wait(90) == 1
    assert "already running" in second.said()
    assert demo.address in second.said()
    assert "Traceback" not in second.said()
    assert status(demo.address + "/readyz") == 200


def test_a_port_in_use_gets_a_clear_word_and_a_way_out(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as somebody:
        port = somebody.getsockname()[1]
        refused = Demo(tmp_path / "data", port)
        assert refused.process.wait(90) == 1
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
    wait_until(lambda: demo.pid_of(words) not in (None, killed), seconds=90, what=f"{name} is back")
    wait_until(
        lambda: status(demo.address + "/readyz") == 200, seconds=90, what="the site is ready"
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
        again.wait_until_started(seconds=240)
        assert status(again.address + "/readyz") == 200
    finally:
        children = descendants(again.process.pid)
        assert again.end(signal.SIGTERM) == 0
    assert {pid for pid in children if alive(pid)} == set()


def test_a_killed_demo_leaves_nothing_behind_and_starts_again(demo: Demo) -> None:
    killed = Demo(demo.data, demo.port)
    killed.wait_until_started(seconds=240)
    children = descendants(killed.process.pid)
    killed.end(signal.SIGKILL)
    wait_until(lambda: not any(map(alive, children)), seconds=60, what="its processes end with it")
    again = Demo(demo.data, demo.port)
    try:
        again.wait_until_started(seconds=240)
    finally:
        again.end()
