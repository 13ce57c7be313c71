"""Real PostgreSQL and Redis for every test run, as a pytest plugin (`-p tests.services`).

The run itself starts both before Django's settings load; xdist's workers share them, each with its
own test database and its own Redis database. Everything vanishes with the run.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from supportgroups import embedded

_stack = ExitStack()


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """As a wrapper it comes before pytest-django, which reads the settings at this moment."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        started = _stack.enter_context(embedded.temporary_services())
        os.environ |= {
            "DJANGO_ENV": "test",
            "SECRET_KEY": "signs nothing that outlives the tests",
            # The owner's role may make the test database.
            "DATABASE_URL": started.owner_url,
            "TEST_APP_DATABASE_URL": started.database_url,
            "TEST_SUPERUSER_DATABASE_URL": started.superuser_url,
            "REDIS_URL": started.redis_url,
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
