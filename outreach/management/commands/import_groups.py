"""Brings groups in from a file, as the pages do."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Organisation, User
from groups.rules import may_oversee
from outreach import actions, importing, reading, rules
from outreach.entries import Reading, Unreadable
from outreach.models import Feed, Import
from outreach.rules import Planned
from supportgroups.lib.refusals import Refused


class Command(BaseCommand):
    help = (
        "Import groups from a Meeting Guide feed or a table. Importing again updates what the "
        "feed brought; groups that it lost are paused. Prints new, changed, unchanged, paused and "
        "refused with their counts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file")
        parser.add_argument("--format", required=True, choices=Feed.Format.values)
        parser.add_argument("--organisation", required=True, metavar="SLUG")
        parser.add_argument("--dry-run", action="store_true", help="show it, change nothing")
        parser.add_argument(
            "--feed", default="", metavar="NAME", help="tells several feeds of one format apart"
        )
        parser.add_argument(
            "--overseer", default="", metavar="EMAIL", help="who oversees its peer-led groups"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(slug=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation “{options['organisation']}”.")
        overseer = self._overseer(organisation, options["overseer"])
        try:
            content = options["file"].read_bytes()
        except OSError as problem:
            raise CommandError(f"The file cannot be opened: {problem.strerror}.") from problem
        try:
            found = reading.read(
                content, format=options["format"], time_zone=organisation.time_zone
            )
        except Unreadable as problem:
            raise CommandError(str(problem)) from problem
        feed = self._feed(organisation, options["feed"], options["format"])
        planned = self._plan(found, organisation, feed, overseer)
        if found.rows and len(found.refused()) == len(found.rows):
            self._say(planned)
            raise CommandError("No row of the file can be read. Nothing was changed.")
        if not options["dry_run"]:
            planned = self._take_over(organisation, content, found, overseer, options)
        self._say(planned)

    def _overseer(self, organisation: Organisation, email: str) -> User | None:
        if not email:
            return None
        person = may_oversee(organisation.pk).filter(email__iexact=email).first()
        if person is None:
            raise CommandError(f"No supervisor or coordinator of {organisation} has this address.")
        return person

    def _feed(self, organisation: Organisation, name: str, format: str) -> Feed | None:
        name = name.strip() or Feed.Format(format).label
        feed = Feed.objects.filter(organisation=organisation, name=name[:80]).first()
        if feed is not None and feed.format != format:
            raise CommandError(f"The feed “{name}” has another format: {feed.format}.")
        return feed

    def _plan(
        self,
        found: Reading,
        organisation: Organisation,
        feed: Feed | None,
        overseer: User | None,
    ) -> list[Planned]:
        overseer = rules.overseer_for(organisation, overseer or (feed.overseer if feed else None))
        planned = rules.plan(rows=found.rows, feed=feed, overseer=overseer)
        for remark in found.remarks:
            self.stderr.write(remark)
        if not found.rows:
            self.stderr.write("The file holds no meetings.")
        if overseer is None:
            self.stderr.write("Nobody oversees peer-led groups here: they come in as drafts.")
        if rules.loses_too_much(planned, feed):
            self.stderr.write("More than half of this feed’s groups are missing and pause.")
        return planned

    def _take_over(
        self,
        organisation: Organisation,
        content: bytes,
        found: Reading,
        overseer: User | None,
        options: dict[str, Any],
    ) -> list[Planned]:
        """The same way as the pages: read, look, take over."""
        try:
            run = actions.start_import(
                organisation=organisation,
                format=options["format"],
                content=content,
                name=options["feed"],
                file_name=options["file"].name,
                overseer=overseer,
                by=None,
                is_done_here=True,
            )
            importing.read(run.pk, found=found)
            for _ in range(3):  # a change by somebody else in between is planned again
                actions.apply_import(run=run, by=None, is_confirmed=True)
                importing.take_over(run.pk)
                run.refresh_from_db()
                if run.state == Import.State.DONE:
                    break
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        if run.state != Import.State.DONE:
            raise CommandError(run.problem or "It could not be taken over. Please try again.")
        return [
            Planned(r.number, r.key, r.name, r.outcome, r.reason, r.flags) for r in run.rows.all()
        ]

    def _say(self, planned: list[Planned]) -> None:
        for item in planned:
            if item.outcome == "refused":
                self.stderr.write(f"row {item.number} refused: {item.name}: {item.reason}")
        flagged = sum(bool(item.flags) for item in planned)
        if flagged:
            self.stderr.write(f"{flagged} rows have remarks; the page of the import shows them.")
        for outcome, number in rules.counts(planned).items():
            self.stdout.write(f"{outcome} {number}")
