from typing import Any

from django.core.management.base import BaseCommand, CommandError

from instruments.actions import PublishedVersionChanged, load_definitions


class Command(BaseCommand):
    help = "Store the questionnaires that come with the software. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_definitions()
        except PublishedVersionChanged as error:
            raise CommandError(str(error)) from error
        for instrument in loaded:
            self.stdout.write(f"Loaded {instrument.title}, version {instrument.version}.")
        if not loaded:
            self.stdout.write("Every questionnaire is loaded already.")
