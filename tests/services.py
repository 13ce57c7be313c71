"""Real PostgreSQL and Redis for every test run, as a pytest plugin (`-p tests.services`).

The run itself starts both before Django's settings load; xdist's workers share them, each with its
own test database and its own Redis database. They vanish with the run. Only an empty database with
every migration stays in `.local/tests`: each run begins with a copy, so that it begins at once.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from supportgroups import embedded
from tests.processes import copy_files

_stack = ExitStack()

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".local" / "tests"


def _fingerprint() -> str:
    """Changes with what makes a migrated database what it is."""
    files = [ROOT / "requirements.lock", ROOT / "supportgroups" / "embedded.py", Path(__file__)]
    files += ROOT.glob("*/migrations/*.py")
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _environment(started: embedded.Services) -> dict[str, str]:
    return {
        "DJANGO_ENV": "test",
        "SECRET_KEY": "signs nothing that outlives the tests",
        "FIELD_ENCRYPTION_KEYS": "0123456789abcdef" * 4,
        # The owner's role may make the test database.
        "DATABASE_URL": started.owner_url,
        "REDIS_URL": started.redis_url,
    }


def _migrated() -> Path:
    """Files of servers that are stopped, their database migrated. Made when the code is another."""
    KEPT.mkdir(parents=True, exist_ok=True)
    wanted = KEPT / f"migrated-{_fingerprint()}"
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not wanted.exists():
            for old in KEPT.glob("migrated-*"):
                shutil.rmtree(old)
            unfinished = Path(tempfile.mkdtemp(prefix="supportgroups-"))
            with embedded.services(unfinished, durable=False) as started:
                subprocess.run(
                    [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity=0"],
                    cwd=ROOT,
                    env=os.environ | _environment(started),
                    check=True,
                )
                with psycopg.connect(started.superuser_url) as connection:
                    # For `tests/conftest.py`, which empties tables whatever guards them.
                    connection.execute(
                        f"GRANT SET ON PARAMETER session_replication_role TO {embedded.OWNER_ROLE}"
                    )
            # Whole or not at all, also over the border of a file system.
            shutil.rmtree(wanted.with_suffix(".new"), ignore_errors=True)
            copy_files(unfinished, wanted.with_suffix(".new"))
            shutil.rmtree(unfinished)
            wanted.with_suffix(".new").rename(wanted)
    return wanted


@contextmanager
def _services() -> Iterator[embedded.Services]:
    """Services on a copy of the migrated files, which vanishes at the end."""
    data = Path(tempfile.mkdtemp(prefix="supportgroups-"))
    try:
        copy_files(_migrated(), data)
        with embedded.services(data, durable=False) as started:
            yield started
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """As a wrapper it comes before pytest-django, which reads the settings at this moment."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        started = _stack.enter_context(_services())
        os.environ |= _environment(started) | {
            "TEST_APP_DATABASE_URL": started.database_url,
            "TEST_SUPERUSER_DATABASE_URL": started.superuser_url,
        }
    else:
        number = int(worker.removeprefix("gw")) + 1
        os.environ["REDIS_URL"] = _with_path(os.environ["REDIS_URL"], str(number))
    return (yield)


def pytest_unconfigure() -> None:
    _stack.close()


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in this same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser, and those that start whole processes, run first, a module on one worker.

    They are the longest; started last, one core would wait for them. A module's tests share one
    running demo, which must not be started once a worker.
    """
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
        if item.get_closest_marker("browser") or item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def _test_database_url(role_url: str) -> str:
    from django.db import connection

    return _with_path(role_url, str(connection.settings_dict["NAME"]))


@pytest.fixture
def app_role_connection(transactional_db: None) -> Iterator[psycopg.Connection]:
    """The test database as web and worker see it in production: the application's own role.

    A connection of its own, so it sees only what the test has committed.
    """
    url = _test_database_url(os.environ["TEST_APP_DATABASE_URL"])
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
