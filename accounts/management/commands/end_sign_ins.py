"""`manage.py end_sign_ins --person EMAIL` or `--all`: when an account or a secret may be known."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import actions
from accounts.models import User


class Command(BaseCommand):
    help = "Sign somebody, or everybody, out on every device. Open rooms close at once."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--person", metavar="EMAIL")
        who.add_argument("--all", action="store_true")

    def handle(self, *, person: str | None, **options: Any) -> None:
        people = User.objects.exclude(browser_sessions=None)
        if person:
            if not User.objects.filter(email__iexact=person).exists():
                raise CommandError("Nobody has this address.")
            people = people.filter(email__iexact=person)
        ended = actions.end_sign_ins_of(people=people.distinct(), by=None)
        self.stdout.write(f"Ended {ended} sign-in{'' if ended == 1 else 's'}.")
