"""The servers behind demo and tests: started, stopped, killed, found in use, left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis

from supportgroups import embedded
from tests.processes import alive, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "services"


@pytest.fixture
def services(data: Path) -> Iterator[embedded.Services]:
    with embedded.services(data, durable=False) as started:
        yield started


def _redis(services: embedded.Services) -> redis.Redis:
    return redis.Redis.from_url(services.redis_url)


def test_the_owner_makes_tables_and_the_application_uses_them(services: embedded.Services) -> None:
    with psycopg.connect(services.owner_url) as owner:
        owner.execute("CREATE TABLE note (id bigserial PRIMARY KEY, body text)")
    with psycopg.connect(services.database_url) as application:
        application.execute("INSERT INTO note (body) VALUES ('a'), ('b')")
        application.execute("UPDATE note SET body = 'c' WHERE body = 'a'")
        application.execute("DELETE FROM note WHERE body = 'b'")
    for refused in ("DROP TABLE note", "TRUNCATE note", "CREATE TABLE other (id int)"):
        with (
            psycopg.connect(services.database_url) as application,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            application.execute(refused)


def test_it_is_postgresql_18_and_a_redis_that_keeps_its_queue(data: Path) -> None:
    with embedded.services(data) as services, closing(_redis(services)) as client:
        with psycopg.connect(services.database_url) as connection:
            assert connection.info.server_version // 10000 == 18
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.rpush("queue", "work")
        services.redis.kill()
        services.redis.start()
        assert client.lrange("queue", 0, -1) == [b"work"]


def test_no_password_no_entry(services: embedded.Services) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(services.database_url, password="a guess")
    with (
        closing(redis.Redis(host=embedded.LOOPBACK, port=services.redis.port)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_the_data_survives_a_stop_and_a_kill(data: Path) -> None:
    with embedded.services(data) as services:
        with psycopg.connect(services.owner_url) as owner:
            owner.execute("CREATE TABLE note (body text)")
            owner.execute("INSERT INTO note VALUES ('kept')")
        services.postgres.kill()
        services.postgres.start()
        with psycopg.connect(services.owner_url) as owner:
            assert owner.execute("SELECT body FROM note").fetchall() == [("kept",)]
    with embedded.services(data) as services, psycopg.connect(services.owner_url) as owner:
        assert owner.execute("SELECT body FROM note").fetchall() == [("kept",)]


def test_stopping_leaves_no_process(data: Path) -> None:
    with embedded.services(data, durable=False) as services:
        pids = [server.process.pid for server in (services.postgres, services.redis)]
        assert all(map(alive, pids))
    assert not any(map(alive, pids))


def test_started_twice_it_says_who_has_it(services: embedded.Services) -> None:
    with pytest.raises(embedded.AlreadyRunning) as refusal, embedded.services(services.data):
        pass
    assert refusal.value.holder["pid"] == os.getpid()
    with psycopg.connect(services.database_url) as connection:  # and the first goes on
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_killed_parent_takes_its_servers_along_and_the_next_start_works(data: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "supportgroups.embedded", str(data)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    for line in parent.stdout:
        if line.startswith("REDIS_URL"):
            break
    postgres = int((data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    with embedded.services(data, durable=False) as services:
        assert services.postgres.process.pid != postgres
        with psycopg.connect(services.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    wait_until(lambda: not alive(postgres), seconds=15, what="the old server ends")


def test_a_pid_file_left_behind_is_no_obstacle_and_its_new_namesake_is_left_alone(
    data: Path,
) -> None:
    with embedded.services(data, durable=False) as services:
        pid_file = services.postgres.data / "postmaster.pid"
        content = pid_file.read_text()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lines = content.split("\n")
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        with (
            embedded.services(data, durable=False) as services,
            psycopg.connect(services.database_url) as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_database_is_made_anew(data: Path) -> None:
    half_made = data / "postgres" / "data"
    half_made.mkdir(parents=True)
    (half_made / "base").mkdir()
    with (
        embedded.services(data, durable=False) as services,
        psycopg.connect(services.database_url) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_does_not_start_says_why(data: Path) -> None:
    with embedded.services(data, durable=False) as services:
        version = services.postgres.data / "PG_VERSION"
        services.postgres.stop()
        version.write_text("9.6\n")
        with pytest.raises(embedded.CannotStart, match="incompatible with server"):
            services.postgres.start()


def test_a_redis_on_the_path_is_used_only_when_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "redis-server"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    assert embedded.redis_binary() != str(shim)
    shim.write_text("#!/bin/sh\necho Redis server v=5.0.14 sha=0\n")
    assert embedded.redis_binary() != str(shim)
    shim.write_text("#!/bin/sh\necho Server v=8.1.1 sha=0\n")
    assert embedded.redis_binary() == str(shim)
