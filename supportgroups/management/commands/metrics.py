"""`manage.py metrics`: tell the state of the installation to Prometheus, until stopped."""

import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from prometheus_client import CollectorRegistry, generate_latest

from supportgroups.figures import State
from supportgroups.lib import metrics


class Command(BaseCommand):
    help = "Serve the figures of the whole installation on METRICS_PORT, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="print them and end")

    def handle(self, *, once: bool, **options: Any) -> None:
        registry = CollectorRegistry()
        registry.register(State())
        if once:
            self.stdout.write(generate_latest(registry).decode(), ending="")
            return
        if not settings.METRICS_TOKEN:
            raise CommandError("Set METRICS_TOKEN: whoever asks for the figures has to show it.")
        port = metrics.serve(registry)
        if port is None:
            raise CommandError(f"Port {settings.METRICS_PORT} cannot be used: set METRICS_PORT.")
        self.stdout.write(f"Figures on {settings.METRICS_HOST}:{port}/metrics")
        self.stdout.flush()
        threading.Event().wait()
