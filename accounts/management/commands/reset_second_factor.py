"""`manage.py reset_second_factor EMAIL`."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import factor_actions, rules
from accounts.models import User


class Command(BaseCommand):
    help = "Take passkeys, app and recovery codes away from somebody who lost their phone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, *, email: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"Nobody signs in as {email}.")
        if not Authenticator.objects.filter(user=user).exists():
            raise CommandError(f"{email} has no second step that could be reset.")
        factor_actions.reset_factors_of(user=user, by=None)
        self.stdout.write(f"Done. {email} was signed out everywhere and gets an e-mail.")
        if rules.owing_second_factor().filter(pk=user.pk).exists():
            self.stdout.write(
                f"Their role needs a new one within {rules.grace_after_reset().days} days."
            )
