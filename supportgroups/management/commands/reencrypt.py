"""`manage.py reencrypt [--dry-run]`."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportgroups.lib import encryption, rewriting


class Command(BaseCommand):
    help = "Put everything that is under an earlier key under the first one, while the site runs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what is under which")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        unreadable = 0
        if not dry_run:
            for field in rewriting.columns():
                done = rewriting.reencrypt(field)
                unreadable += done.unreadable
                if done.written or done.unreadable:
                    self.stdout.write(f"{field}: {done.written} written anew.")
        left = self.report()
        if unreadable:
            raise CommandError(
                f"{unreadable} values open under none of the keys. Put the key back that they are "
                "under, and run this again."
            )
        if left and not dry_run:
            raise CommandError(
                "Something was written under an earlier key meanwhile. Run it again."
            )

    def report(self) -> int:
        """Say what is under which key. Returns how much is not under the current one."""
        current = encryption.current_key_id()
        found: Counter[str] = Counter()
        for field in rewriting.columns():
            found += Counter(rewriting.keys_in_use(field))
        self.stdout.write(f"Key {current} (the first one): {found.pop(current, 0)} values.")
        for key, number in sorted(found.items()):
            known = "" if key in encryption.key_ids() else ", and this key is not among yours"
            self.stdout.write(f"Key {key}: {number} values{known}.")
        if not found:
            self.stdout.write("Nothing is under another key.")
        return found.total()
