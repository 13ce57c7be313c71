import time
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Make the sample world of the demo, once, and a session that begins within minutes."

    def handle(self, *args: Any, **options: Any) -> None:
        from supportgroups.demo import sample_world

        begun = time.monotonic()
        try:
            made = sample_world.load()
        except ImproperlyConfigured as refusal:
            raise CommandError(str(refusal)) from None
        seconds = time.monotonic() - begun
        self.stdout.write(
            f"Made the sample world in {seconds:.1f} s."
            if made
            else "The sample world is there already."
        )
        soon = sample_world.ensure_session_soon()
        self.stdout.write(f"The room of “{soon.group}” is open.")
