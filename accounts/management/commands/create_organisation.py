"""`manage.py create_organisation NAME --coordinator EMAIL`."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from accounts import actions, places
from supportgroups.lib.refusals import Refused


class Command(BaseCommand):
    help = "Make an organisation and its first coordinator, who signs in with a code by e-mail."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="for example “Harbour Support”")
        parser.add_argument("--coordinator", required=True, metavar="EMAIL")
        parser.add_argument("--time-zone", help="for example Europe/Dublin")
        parser.add_argument(
            "--country", default=settings.DEFAULT_COUNTRY, help="two letters, for example IE"
        )

    def handle(
        self, *, name: str, coordinator: str, time_zone: str | None, country: str, **options: Any
    ) -> None:
        country = country.upper()
        if country not in dict(places.countries()):
            raise CommandError(f"No country has the code {country}. Use two letters, such as IE.")
        zones = [time_zone] if time_zone else places.time_zones_of(country)
        if len(zones) != 1:
            raise CommandError(f"{country} has no zone of its own, or several. Add --time-zone.")
        if not places.is_time_zone(zones[0]):
            raise CommandError(f"No time zone is called {zones[0]}. Use one such as Europe/Dublin.")
        try:
            validate_email(coordinator)
        except ValidationError:
            raise CommandError(f"{coordinator} is not an e-mail address.") from None
        try:
            organisation = actions.create_organisation(
                name=" ".join(name.split()),
                coordinator=coordinator,
                by=None,
                time_zone=zones[0],
                country=country,
            )
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(f"Made {organisation.name}. {coordinator} coordinates it.")
        self.stdout.write("They sign in with a code that is sent to this address.")
