"""Makes one backup: what the database holds and its dump, of one and the same moment."""

import errno
import hashlib
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from supportgroups.backup import BackupError, contents, folder, programs, sealing


@dataclass(frozen=True, kw_only=True)
class Made:
    file: Path
    tables: int
    rows: int
    size: int
    seconds: float
    removed: int


class _Counted:
    """A file that is hashed as it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.size += len(data)


def _open(unfinished: Path) -> IO[bytes]:
    return os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _begin_snapshot(connection: BaseDatabaseWrapper) -> str:
    """From here on this connection sees one moment, and so does who takes up its name."""
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone()
    return str(name)


def _manifest(connection: BaseDatabaseWrapper, *, at: datetime) -> dict[str, Any]:
    held = contents.read(connection)
    if "django_migrations" not in held["tables"]:
        raise BackupError("This database holds no tables of Support Groups: nothing to back up.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
        migrations = [list(row) for row in cursor.fetchall()]
        cursor.execute("SELECT number, hash FROM audit_seal ORDER BY number DESC LIMIT 1")
        head = cursor.fetchone()
    return {
        "format": sealing.FORMAT,
        "made_at": at.isoformat(timespec="seconds"),
        "postgres": contents.server_version(connection),
        "migrations": migrations,
        "trail_head": f"{head[0]}:{bytes(head[1]).hex()}" if head else None,
        **held,
    }


def make(to: Path, *, public_keys: list[str], daily: int, weekly: int) -> Made:
    """Back up into the folder `to`, then remove what has outlived its days there.

    Nothing is ever written in the clear, and a file has its name only when it is whole.
    """
    keys = sealing.recipients(public_keys)
    begun, now = time.monotonic(), timezone.now()
    file = to / folder.name_for(now)
    unfinished = to / f".unfinished-{file.name}"
    try:
        with folder.held(to):
            try:
                manifest, written = _write(unfinished, keys, at=now)
                folder.publish(unfinished, file, written.digest.hexdigest())
            finally:
                unfinished.unlink(missing_ok=True)
            gone = folder.remove_outlived(to, now=now, daily=daily, weekly=weekly)
    except OSError as failure:
        raise BackupError(_in_words(failure, to)) from failure
    return Made(
        file=file,
        tables=len(manifest["tables"]),
        rows=sum(table["rows"] for table in manifest["tables"].values()),
        size=written.size,
        seconds=time.monotonic() - begun,
        removed=len(gone),
    )


def _write(unfinished: Path, keys: list[Any], *, at: datetime) -> tuple[dict[str, Any], _Counted]:
    with programs.own_connection() as connection:
        pg_dump = programs.find("pg_dump", server=contents.server_version(connection))
        snapshot = _begin_snapshot(connection)
        manifest = _manifest(connection, at=at)
        arguments = [
            pg_dump,
            "--format=custom",
            f"--snapshot={snapshot}",
            "--no-password",
            # Never waits behind a migration that waits for us.
            "--lock-wait-timeout=60s",
        ]
        with (
            _open(unfinished) as file,
            programs.running(connection, arguments, stdout=subprocess.PIPE) as (dump, complaints),
        ):
            written = _Counted(file)
            sealing.seal(
                manifest,
                cast("IO[bytes]", dump.stdout),
                written,
                public_keys=keys,
                finish=lambda: programs.check_ended_well(dump, complaints, "pg_dump"),
            )
            file.flush()
            os.fsync(file.fileno())
        connection.rollback()
    return manifest, written


def _in_words(failure: OSError, to: Path) -> str:
    kept = "This backup was not kept; earlier ones are untouched."
    if failure.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk of {to} is full. {kept} Free some space, or keep fewer backups."
    if isinstance(failure, PermissionError):
        return f"{to} cannot be written by this account (number {os.getuid()}). {kept}"
    return f"{to} cannot be written: {failure.strerror or type(failure).__name__}. {kept}"
