"""The folder of backups: names, checksums, and which of the old ones go."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from supportgroups.backup import BackupError

_NAME = re.compile(r"supportgroups-(\d{8}T\d{6}Z)\.age")
_TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, order=True)
class Backup:
    made_at: datetime
    file: Path

    @property
    def checksum_file(self) -> Path:
        return self.file.with_name(f"{self.file.name}.sha256")


def backups(folder: Path) -> list[Backup]:
    """Finished ones, the oldest first."""
    found = []
    for file in folder.glob("supportgroups-*.age"):
        if match := _NAME.fullmatch(file.name):
            found.append(Backup(datetime.strptime(match[1], _TIME).replace(tzinfo=UTC), file))
    return sorted(found)


def newest(folder: Path) -> Backup | None:
    return max(backups(folder), default=None)


def name_for(moment: datetime) -> str:
    return f"supportgroups-{moment.astimezone(UTC).strftime(_TIME)}.age"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder, hold its lock, and remove what killed runs left unfinished."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being made in {folder}.") from None
        for unfinished in folder.glob(".unfinished-*"):
            unfinished.unlink()
        yield


def checksum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def publish(unfinished: Path, file: Path, digest: str) -> None:
    """Give a finished file its name, all or nothing, whatever power cut comes."""
    # As sha256sum writes it, so that `sha256sum --check` reads it.
    sums = unfinished.with_name(f"{unfinished.name}.sha256")
    with sums.open("w") as opened:
        opened.write(f"{digest}  {file.name}\n")
        os.fsync(opened.fileno())
    sums.replace(file.with_name(f"{file.name}.sha256"))
    unfinished.replace(file)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_sum(file: Path) -> None:
    """Raises BackupError when the file is another than its `.sha256` says. Needs no key."""
    sums = file.with_name(f"{file.name}.sha256")
    if sums.exists() and sums.read_text().split()[:1] != [checksum(file)]:
        raise BackupError(
            f"{file.name} is damaged: its checksum is another than {sums.name} says. Take another"
            " copy of it, or an earlier backup."
        )


def outlived(found: Iterable[Backup], *, now: datetime, daily: int, weekly: int) -> list[Backup]:
    """Which backups go: all but those of the last day, the newest of each of the last `daily` days
    that have one, and of each of the last `weekly` weeks. The newest of all stays in any case."""
    ordered = sorted(found, reverse=True)
    kept = {backup for backup in ordered if now - backup.made_at < timedelta(days=1)}
    kept.update(ordered[:1])
    for most, period in ((daily, "%Y-%m-%d"), (weekly, "%G-%V")):
        newest_of: dict[str, Backup] = {}
        for backup in ordered:
            newest_of.setdefault(backup.made_at.strftime(period), backup)
        kept.update(list(newest_of.values())[:most])
    return sorted(set(ordered) - kept)


def remove_outlived(folder: Path, *, now: datetime, daily: int, weekly: int) -> list[Backup]:
    gone = outlived(backups(folder), now=now, daily=daily, weekly=weekly)
    for backup in gone:
        backup.file.unlink()
        backup.checksum_file.unlink(missing_ok=True)
    return gone
