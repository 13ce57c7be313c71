"""`manage.py verify_trail [--head NUMBER:HASH]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.chain import check_trail, last_whole_check


def _head(text: str) -> tuple[int, bytes]:
    number, _, digest = text.partition(":")
    return int(number), bytes.fromhex(digest)


class Command(BaseCommand):
    help = "Verify that no audit event was changed or removed since it was sealed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=_head,
            metavar="NUMBER:HASH",
            help="the end of the chain as you kept it elsewhere; may be given several times",
        )

    def handle(self, *, head: list[tuple[int, bytes]], **options: Any) -> None:
        before = last_whole_check()
        verdict = check_trail(heads=head)
        if not verdict.is_whole:
            for sentence in verdict.found:
                self.stderr.write(sentence)
            since = f"{before.checked_at:%d %B %Y, %H:%M UTC}" if before else "no earlier check"
            places = "1 place" if verdict.breaks == 1 else f"{verdict.breaks} places"
            raise CommandError(f"The trail is broken in {places}. Last found whole: {since}.")
        self.stdout.write(f"The trail is whole: {verdict.sealed} events.")
        self.stdout.write(f"Keep this end of the chain elsewhere: {verdict.head}")
