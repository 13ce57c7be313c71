"""`manage.py purge [--dry-run]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportgroups import retention


class Command(BaseCommand):
    help = "Delete what has outlived docs/data-retention.yaml, as the night does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say how many rows of which table would go and how old they are; change nothing",
        )

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        if dry_run:
            self._show()
        else:
            self._purge()

    def _show(self) -> None:
        total = 0
        for due in retention.what_is_due():
            if due.rows:
                oldest = f"{due.oldest:%Y-%m-%d}" if due.oldest else "at once"
                self.stdout.write(f"{due.rows:>9,}  {due.what}, oldest from {oldest}")
                total += due.rows
        self.stdout.write(f"{total:>9,}  rows would go. Nothing was changed.")

    def _purge(self) -> None:
        done = retention.purge()
        for purged in done:
            if purged.rows:
                self.stdout.write(f"{purged.rows:>9,}  {purged.keep.label}")
        self.stdout.write(f"{sum(purged.rows for purged in done):>9,}  rows are gone.")
        unfinished = [purged.keep.label for purged in done if purged.refused or not purged.is_done]
        if unfinished:
            raise CommandError(f"Not everything could go: {', '.join(unfinished)}. See the log.")
