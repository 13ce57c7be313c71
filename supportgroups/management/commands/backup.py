"""`manage.py backup keys|make|daily|list|check|restore|compare`, each with --help."""

import logging
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportgroups.backup import BackupError, folder, making, restoring, sealing

logger = logging.getLogger(__name__)

#: After a failure the next try comes so much later.
AGAIN_AFTER = timedelta(hours=1)


class Command(BaseCommand):
    help = "Back up the whole database, encrypted, and restore it. docs/operations.md says how."
    # It must work while other parts of the product do not.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, parser_class=ArgumentParser)
        verbs.add_parser("keys", help="print a new key file: keep it away from this host")
        verbs.add_parser("make", help="make one backup now")
        daily = verbs.add_parser("daily", help="make one each day, until stopped")
        daily.add_argument("--at", default="02:30", metavar="HH:MM", help="UTC, 02:30 by default")
        verbs.add_parser("list", help="what is there, and for whom new ones are made")

        def with_file(name: str, words: str) -> ArgumentParser:
            verb = verbs.add_parser(name, help=words)
            verb.add_argument("file", help="a file, its name in the folder of backups, or latest")
            verb.add_argument(
                "--key", metavar="FILE", help="the key file; - reads it from the standard input"
            )
            return verb

        with_file("check", "read a whole backup; without --key, only its checksum")
        for name, words in (
            ("restore", "restore into an empty database, then compare"),
            ("compare", "compare a database with a backup, changing nothing"),
        ):
            verb = with_file(name, words)
            verb.add_argument(
                "--into" if name == "restore" else "--with",
                dest="database",
                metavar="DATABASE",
                help="another database of the same server",
            )
            if name == "restore":
                verb.add_argument(
                    "--create", action="store_true", help="make that database if it is missing"
                )
                verb.add_argument(
                    "--end-sign-ins", action="store_true", help="everybody signs in again"
                )

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"do_{verb}")(**options)
        except BackupError as failure:
            raise CommandError(str(failure)) from failure
        except OSError as failure:
            raise CommandError(f"{failure.filename}: {failure.strerror}.") from failure

    # Making ---------------------------------------------------------------------------------------

    def do_keys(self, **options: Any) -> None:
        self.stdout.write(sealing.new_key_file(), ending="")

    def do_make(self, **options: Any) -> None:
        made = making.make(
            settings.BACKUP_DIR,
            public_keys=settings.BACKUP_RECIPIENTS,
            daily=settings.BACKUP_KEEP_DAILY,
            weekly=settings.BACKUP_KEEP_WEEKLY,
        )
        self.stdout.write(
            f"Backed up {made.tables} tables with {made.rows:,} rows in {made.seconds:.1f} s:"
            f" {_megabytes(made.size)}, encrypted."
        )
        self.stdout.write(str(made.file))
        if made.removed:
            self.stdout.write(f"Removed older ones: {made.removed}.")

    def do_daily(self, *, at: str, **options: Any) -> None:
        sealing.recipients(settings.BACKUP_RECIPIENTS)
        while True:
            newest = folder.newest(settings.BACKUP_DIR)
            due = _due_after(newest.made_at if newest else None, at=at)
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
                # In short steps: a host that slept must not sleep on.
                time.sleep(min(left, 60))
            try:
                self.do_make()
                logger.info("backup.made")
            except BackupError as failure:
                logger.error("backup.failed", extra={"why": str(failure)})
                time.sleep(AGAIN_AFTER.total_seconds())

    def do_list(self, **options: Any) -> None:
        for backup in folder.backups(settings.BACKUP_DIR):
            size = _megabytes(backup.file.stat().st_size)
            self.stdout.write(
                f"{backup.made_at:%Y-%m-%d %H:%M} UTC  {size:>10}  {backup.file.name}"
            )
        self.stdout.write(f"In {settings.BACKUP_DIR}. New ones are made for:")
        for key in settings.BACKUP_RECIPIENTS or ["nobody yet: set BACKUP_RECIPIENTS"]:
            self.stdout.write(f"  {key}")

    # Reading --------------------------------------------------------------------------------------

    def do_check(self, *, file: str, key: str | None, **options: Any) -> None:
        path = _find(file)
        if key is None:
            folder.check_sum(path)
            self.stdout.write(
                f"{path.name}: the checksum is right. With --key its words are read too."
            )
            return
        manifest = restoring.check(path, _keys(key))
        self._tell_contents(path, manifest)

    def do_restore(
        self,
        *,
        file: str,
        key: str | None,
        database: str | None,
        create: bool,
        end_sign_ins: bool,
        **options: Any,
    ) -> None:
        path = _find(file)
        restored = restoring.restore(path, _keys(key), database=database, create=create)
        self._tell_contents(path, restored.manifest)
        self._judge(restored, database, done="Restored")
        if end_sign_ins:
            ended = restoring.end_sign_ins(database=database)
            self.stdout.write(f"Ended {ended} sign-ins: everybody signs in again.")

    def do_compare(
        self, *, file: str, key: str | None, database: str | None, **options: Any
    ) -> None:
        path = _find(file)
        self._judge(
            restoring.compare(path, _keys(key), database=database), database, done="Compared"
        )

    def _tell_contents(self, path: Path, manifest: dict[str, Any]) -> None:
        tables = manifest["tables"]
        rows = sum(table["rows"] for table in tables.values())
        self.stdout.write(
            f"{path.name}: whole. Made {manifest['made_at']}, PostgreSQL {manifest['postgres']},"
            f" {len(tables)} tables with {rows:,} rows."
        )

    def _judge(self, restored: restoring.Restored, database: str | None, *, done: str) -> None:
        problems = [*restored.differences, *restored.broken, *restored.unreadable]
        for sentence in problems:
            self.stderr.write(sentence)
        if restored.differences:
            raise CommandError(
                f"{done}, and it differs from the backup in {len(restored.differences)} places."
            )
        tables, objects = restored.manifest["tables"], restored.manifest["objects"]
        self.stdout.write(
            f"{done} {database or settings.DATABASES['default']['NAME']}: all {len(tables)} tables"
            f" have the same rows; all {len(objects)} guards, rights and sequences are the same."
        )
        if restored.behind:
            self.stdout.write(
                "The backup comes from an earlier version: run `manage.py migrate`, then"
                " `manage.py verify_trail`."
            )
            return
        if restored.broken:
            raise CommandError("The trail is broken.")
        self.stdout.write(f"The trail is whole: {restored.events} events.")
        if restored.unreadable:
            raise CommandError(
                "Encrypted words cannot be read: FIELD_ENCRYPTION_KEYS lacks the keys that the"
                " backup was written with."
            )
        if restored.samples:
            self.stdout.write(f"Encrypted words can be read: {restored.samples} columns tried.")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


def _due_after(newest: datetime | None, *, at: str) -> datetime:
    """The first HH:MM after the newest backup, which may be past. Now, when there is none."""
    if newest is None:
        return datetime.now(UTC)
    try:
        clock = datetime.strptime(at, "%H:%M").time()  # noqa: DTZ007 - a time of day
    except ValueError:
        raise BackupError("Give the time as HH:MM, such as 02:30.") from None
    due = datetime.combine(newest.date(), clock, UTC)
    return due if due > newest else due + timedelta(days=1)


def _find(name: str) -> Path:
    """A path as it was given, a name in the folder, or the newest."""
    if name == "latest":
        newest = folder.newest(settings.BACKUP_DIR)
        if newest is None:
            raise BackupError(f"There is no backup in {settings.BACKUP_DIR}.")
        return newest.file
    for path in (Path(name), settings.BACKUP_DIR / name):
        if path.is_file():
            return path
    raise BackupError(f"There is no file {name}, here or in {settings.BACKUP_DIR}.")


def _keys(key: str | None) -> list[Any]:
    if key is None:
        raise BackupError(
            "Name the key file with --key, or --key - to read it from standard input."
        )
    try:
        return sealing.identities(sys.stdin.read() if key == "-" else Path(key).read_text())
    except OSError as failure:
        raise BackupError(f"The key file {key} cannot be read: {failure.strerror}.") from None
