"""`manage.py erase_person EMAIL`."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from supportgroups import privacy
from supportgroups.closing import actions
from supportgroups.lib.refusals import Refused

WORD = "erase"


class Command(BaseCommand):
    help = "Close somebody's account as they could themselves: for a request by letter."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "who", metavar="EMAIL", help="the address that signs in, or the id of the account"
        )
        parser.add_argument(
            "--leave-unled",
            action="store_true",
            help="go on although nobody else coordinates, leads or oversees what they do",
        )
        parser.add_argument(
            "--yes", action="store_true", help=f"do not ask to type “{WORD}”; for scripts"
        )

    def handle(self, *, who: str, leave_unled: bool, yes: bool, **options: Any) -> None:
        person = _found(who.strip())
        if person is None:
            raise CommandError("Nobody has this address. Nothing was changed.")
        before = privacy.before_closing(person)
        self.stdout.write(
            f"An account since {person.joined_at:%-d %B %Y}, in {person.memberships.count()} "
            f"membership(s), with {person.staff_roles.count()} role(s)."
        )
        for each in before.to_hand_over:
            self.stdout.write(f"To hand over first: {each.message}")
        if not yes:
            self.stdout.write("It cannot be undone. The address gets one last e-mail.")
            if input(f"Type {WORD} to go on: ").strip() != WORD:
                raise CommandError("Nothing was changed.")
        try:
            actions.close_account(user=person, by=None, leaves_unled=leave_unled)
        except Refused as refused:
            raise CommandError(f"{refused.message} Or add --leave-unled.") from None
        self.stdout.write("The account is closed. The trail says when, without whom.")


def _found(who: str) -> User | None:
    """The person with this address, or this id: the trail names accounts that were closed by it."""
    try:
        return User.objects.filter(pk=UUID(who)).first()
    except ValueError:
        return User.objects.filter(email__iexact=who).first()
