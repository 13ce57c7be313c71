"""`manage.py purge_trail [--before DATE] [--dry-run]`."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from audit import cutting
from audit.chain import check_trail
from supportgroups.lib.lifetimes import keeps


class Command(BaseCommand):
    help = (
        "Delete audit events that are older than docs/data-retention.yaml keeps them. Only the "
        "owner of the tables can."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--before",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="delete events from before this day; never younger ones than the lifetime allows",
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *, before: date | None, dry_run: bool, **options: Any) -> None:
        [keep] = keeps("audit.Event")
        latest = timezone.now() - keep.lasts
        until = datetime.combine(before, time(), UTC) if before else latest
        if until > latest:
            raise CommandError(f"Events from {latest:%d %B %Y} on are still kept.")
        if dry_run:
            self.stdout.write(f"{cutting.due(until):,} events would go. Nothing was changed.")
            return
        try:
            deleted = cutting.cut(until)
        except ValueError as broken:
            raise CommandError(f"{broken} Nothing more goes: see verify_trail.") from broken
        except DatabaseError as refused:
            raise CommandError("Only the owner of the tables can do this.") from refused
        verdict = check_trail()
        self.stdout.write(f"{deleted:,} events are gone.")
        self.stdout.write(f"Keep this end of the chain elsewhere: {verdict.head}")
        if not verdict.is_whole:
            raise CommandError("The trail is broken: see verify_trail.")
