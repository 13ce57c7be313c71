"""Prints the JSON Schema of the copy that people can have of their data."""

from typing import Any

from django.core.management.base import BaseCommand

from supportgroups.my_data.documents import schema, written


class Command(BaseCommand):
    help = "Print the JSON Schema of data.json; docs/my-data.schema.json is its output."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(written(schema()), ending="")
