"""What a load balancer is told while a part is gone."""

import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql.base import DatabaseWrapper

from supportgroups import health


@pytest.mark.django_db
def test_readyz_names_the_part_that_is_gone(client, monkeypatch):
    assert client.get("/readyz").json()["status"] == "ready"

    def gone(*args: object, **keywords: object) -> None:
        raise OperationalError("at an address that nobody should read")

    monkeypatch.setattr(health.redis.Redis, "ping", gone)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": True, "migrations": True, "redis": False}

    monkeypatch.undo()
    monkeypatch.setattr(health, "_ask_database", gone)
    monkeypatch.setattr(health.connection, "close", lambda: None)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": False, "migrations": False, "redis": True}
    assert "address" not in answer.content.decode()
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_pool_that_is_not_open_yet_is_opened(monkeypatch):
    opened = []

    class Pool:
        def open(self) -> None:
            opened.append(True)

        def connection(self, *, timeout: float) -> object:
            assert opened
            assert timeout < 4, "deploy/healthcheck.py waits no longer"
            return connection.cursor()

    monkeypatch.setattr(DatabaseWrapper, "pool", Pool())
    health._ask_database()
