import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    help = "Make the sample world of the demo, once, and a session that begins within minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--guide",
            action="store_true",
            help="Say who can sign in and what to try, nothing else.",
        )

    def handle(self, *args: Any, guide: bool, **options: Any) -> None:
        from supportgroups.demo import sample_world

        begun = time.monotonic()
        try:
            made = sample_world.load()
        except ImproperlyConfigured as refusal:
            raise CommandError(str(refusal)) from None
        seconds = time.monotonic() - begun
        soon = sample_world.ensure_session_soon()
        sample_world.ensure_session_tomorrow()
        if guide:
            self.stdout.write("\n".join(sample_world.guide()))
            return
        self.stdout.write(
            f"Made the sample world in {seconds:.1f} s."
            if made
            else "The sample world is there already."
        )
        self.stdout.write(f"The room of “{soon.group}” is open.")
