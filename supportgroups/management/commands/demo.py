"""`make demo`: the whole product on one machine, with sample people, until Ctrl-C."""

import contextlib
import hashlib
import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportgroups import embedded
from supportgroups.backup import sealing
from supportgroups.supervision import Program, Supervisor, how_it_ended

SECONDS_TO_ANSWER = 120
SECONDS_TO_STOP = 10


class Command(BaseCommand):
    help = "Run database, Redis, web, worker and beat with sample people, until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--data", type=Path, default=settings.BASE_DIR / ".local" / "demo")

    def handle(self, *, port: int, data: Path, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo runs with DJANGO_ENV=demo. `make demo` sets it.")
        data = data.resolve()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        try:
            with embedded.only_one(data, _address(port)):
                _check_port(port)
                self.run(data, port)
        except KeyboardInterrupt:
            self.say("Stopped. What was entered is kept; `make clean` removes it.")
        except embedded.AlreadyRunning as running:
            raise CommandError(
                f"The demo is already running on {data}: {running.holder.get('note')}\n"
                f"(process {running.holder.get('pid')}). Use that one, stop it with Ctrl-C,"
                " or start a second one beside it:\n    make demo PORT=8123 DATA=.local/second"
            ) from None
        except embedded.CannotStart as failure:
            raise CommandError(str(failure)) from None
        except PermissionError as failure:
            raise CommandError(
                f"{failure.filename} belongs to somebody else, perhaps to root from an earlier"
                " start.\nUse data of your own:  make demo DATA=path"
            ) from None

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def run(self, data: Path, port: int) -> None:
        """From nothing to a running demo, and watch over it. Ends with KeyboardInterrupt."""
        self.say("Starting PostgreSQL and Redis …")
        with embedded.services(data / "services") as services:
            environment = _environment(data, port, services)
            self.prepare(data, environment | {"DATABASE_URL": services.owner_url}, environment)
            programs = _programs(data, port, environment)
            with _stopped_at_the_end(programs):
                self.say(
                    "Starting web, worker, beat and the sample world (longer the first time) …"
                )
                # All at once: the world appears whole or not at all, and nobody is let in before.
                world = _start_manage(environment, "load_sample_world", "--guide")
                for program in programs:
                    program.start()
                self.wait_until_ready(programs, port)
                self.say(f"\n{_output_of(world, 'load_sample_world')}\n")
                self.say(f"Logs: {data / 'logs'}\nStop: Ctrl-C\n")
                supervisor = Supervisor(services.postgres, services.redis, *programs, say=self.say)
                while True:
                    supervisor.look()
                    time.sleep(0.3)

    def prepare(self, data: Path, owner: dict[str, str], environment: dict[str, str]) -> None:
        """Tables and static files, when the code is another than at the last start."""
        prepared, code = data / "prepared", _fingerprint()
        if not prepared.exists() or prepared.read_text() != code:
            self.say("Bringing tables and static files up to date …")
            static = _start_manage(environment, "collectstatic", "--noinput", "--verbosity=0")
            try:
                _manage(owner, "migrate", "--noinput", "--verbosity=0")
                _output_of(static, "collectstatic")
            finally:
                static.kill()
            prepared.write_text(code)

    def wait_until_ready(self, programs: list[Program], port: int) -> None:
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        while not _ready(port):
            for program in programs:
                if not program.running:
                    raise CommandError(
                        f"{program.name} ended at its start ({how_it_ended(program)})."
                        f" Its log says:\n{embedded.tail(program.log)}"
                    )
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{_address(port)} does not answer."
                    f" Its log says:\n{embedded.tail(programs[0].log)}"
                )
            time.sleep(0.1)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _address(port: int) -> str:
    return f"http://localhost:{port}"


def _check_port(port: int) -> None:
    """Raises CommandError when somebody listens there: they keep it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((embedded.LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"Port {port} cannot be used: {getattr(error, 'strerror', None) or error}\n"
                "Choose another one:  make demo PORT=8123"
            ) from None


def _fingerprint() -> str:
    """Changes with the migrations, the static files and the installed packages."""
    files = [settings.BASE_DIR / "requirements.lock"]
    files += settings.BASE_DIR.glob("*/migrations/*.py")
    files += (path for path in (settings.BASE_DIR / "static").rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.relative_to(settings.BASE_DIR)} {file.stat().st_size}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _environment(data: Path, port: int, services: embedded.Services) -> dict[str, str]:
    """What web, worker and beat read their settings from."""
    for name in ("logs", "outbox"):
        (data / name).mkdir(exist_ok=True)
    ours = {
        "DJANGO_ENV": "demo",
        "SECRET_KEY": _kept(data / "secret-key", secrets.token_urlsafe(50)),
        "FIELD_ENCRYPTION_KEYS": _kept(data / "field-encryption-keys", secrets.token_hex(32)),
        "DATABASE_URL": services.database_url,
        "REDIS_URL": services.redis_url,
        "SITE_URL": _address(port),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": f"{_address(port)},http://127.0.0.1:{port}",
        "STATIC_ROOT": str(data / "static"),
        "DEMO_OUTBOX": str(data / "outbox"),
        "BACKUP_DIR": str(data / "backups"),
        "BACKUP_RECIPIENTS": sealing.public_key(
            _kept(data / "backup-key.txt", sealing.new_key_file())
        ),
    }
    _write_environment(
        data / "environment",
        ours | {"DATABASE_URL": services.owner_url, "DATABASE_POOL_SIZE": "0"},
    )
    return os.environ | ours


def _write_environment(file: Path, variables: dict[str, str]) -> None:
    """For `tools/in-demo`, which runs commands on this demo as the owner of its tables."""
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()))


def _kept(file: Path, fresh: str) -> str:
    """Made once: people stay signed in over a restart, and what they wrote stays readable."""
    if not file.exists():
        unfinished = file.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(fresh)
        unfinished.replace(file)
    return file.read_text()


def _programs(data: Path, port: int, environment: dict[str, str]) -> list[Program]:
    """The same three commands as in docker-compose.yml, on the loopback address."""
    web = (
        f"uvicorn supportgroups.asgi:application --host {embedded.LOOPBACK} --port {port}"
        " --ws websockets-sansio --ws-max-size 65536 --lifespan off --no-access-log"
        " --ws-per-message-deflate false"
        " --no-server-header --log-level warning --timeout-graceful-shutdown 3"
    ).split()
    worker = "celery -A supportgroups worker --pool threads --concurrency 4 --loglevel INFO".split()
    beat = "celery -A supportgroups beat --loglevel INFO --pidfile= --schedule".split()
    beat.append(str(data / "beat-schedule"))
    logs = data / "logs"
    for log in logs.iterdir():
        log.unlink()
    return [
        Program(
            name,
            [sys.executable, "-m", *arguments],
            environment=environment,
            log=logs / f"{name}.log",
        )
        for name, arguments in (("web", web), ("worker", worker), ("beat", beat))
    ]


@contextlib.contextmanager
def _stopped_at_the_end(programs: list[Program]) -> Iterator[None]:
    try:
        yield
    finally:
        # A second Ctrl-C would leave half of them running; the time to stop is short anyway.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for program in programs:
            program.ask_to_stop()
        deadline = time.monotonic() + SECONDS_TO_STOP
        for program in programs:
            program.make_stop(by=deadline)


def _ready(port: int) -> bool:
    connection = http.client.HTTPConnection(embedded.LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start_manage(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=embedded.end_with_parent(signal.SIGKILL),
    )


def _manage(environment: dict[str, str], *arguments: str) -> str:
    return _output_of(_start_manage(environment, *arguments), arguments[0])


def _output_of(process: "subprocess.Popen[bytes]", name: str) -> str:
    """What the command said. Raises CommandError with it when the command failed."""
    try:
        output = process.communicate()[0].decode(errors="replace").strip()
    finally:
        process.kill()  # where Ctrl-C ended the waiting
    if process.returncode != 0:
        raise CommandError(f"{name} failed:\n{output}")
    return output
