"""How people take part: the figures of the page "Taking part", each with its table."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from statistics import median
from urllib.parse import urlencode
from uuid import UUID

import numpy as np
from django.urls import reverse

from outcomes import figures, part_queries, queries, remembered
from outcomes.figures import monday_of, percent
from outcomes.part_queries import DOSE_ENDS, Attended
from outcomes.scopes import Blocks, Cell, Chosen, Scope, cells_of
from outcomes.statistics.suppression import may_show, may_show_statistic
from outcomes.statistics.survival import kaplan_meier
from outcomes.staying import WHO_IS_COUNTED
from outcomes.tables import Asked, Column, Make, Table, Value

#: Speaking is looked at over so many weeks.
SPEAKING_WEEKS = 13
#: Rows of groups in a table, those with the most people first.
MOST_GROUPS = 20

ATTENDED_COUNTED = (
    "Held sessions of the last nine weeks. Who said beforehand that they could not come was not "
    "expected.",
    "Coordinators see who came on each session’s page, so these counts are not hidden. A week that "
    "expected only a few people shows no numbers.",
)

_MERGED = {0: 0, 1: 0, 2: 0, 3: 1, 4: 2}


class TakingPart:
    """All figures of the page; each asks the database when it is shown."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.threshold = asked.organisation.smallest_cell
        self.lens = queries.lens_of(
            asked.organisation, asked.scope, at=asked.at, groups=asked.groups
        )
        self._names = {group.pk: group.name for group in asked.groups}
        self._in_scope = asked.scope.groups(self.lens.groups)

    #: How the attendance table is counted.
    definition = ATTENDED_COUNTED

    @cached_property
    def tables(self) -> list[Table]:
        """The page's figures below the attendance table, in their order."""
        return [
            self.dose_table(),
            self.speaking_table(),
            self.way_in_table(),
            self.times_table(),
            self.punctuality_table(),
        ]

    # Who came, week by week ------------------------------------------------------------------

    @cached_property
    def attended(self) -> figures.Attended:
        """As the page shows it: not all groups of a large organisation."""
        return self._attended(most=figures.MOST_GROUPS)

    def _attended(self, *, most: int | None) -> figures.Attended:
        today = self.asked.at.astimezone(self.asked.zone).date()
        since = monday_of(today) - timedelta(weeks=queries.WEEKS - 1)
        counts = queries.session_counts(
            self.asked.organisation,
            since=datetime.combine(since, datetime.min.time(), self.asked.zone),
        )
        met = {row.group_id for row in counts}
        slugs = {group.pk: group.slug for group in self.asked.groups}
        return figures.attended(
            counts,
            [
                (group.pk, group.name, reverse("groups:group_detail", args=[group.slug]))
                for group in self.asked.groups
                if group.pk in met and group.pk in self._in_scope
            ],
            today=today,
            zone=self.asked.zone,
            threshold=self.threshold,
            link=lambda group_id, monday: self._week_url(slugs[group_id], monday),
            most=most,
        )

    def _week_url(self, slug: str, monday: date) -> Sequence[str]:
        """The sessions behind one cell, with the filters kept."""
        more = urlencode({**self.asked.chosen, "of": slug, "week": monday.isoformat()})
        address = reverse("outcomes:week_list", args=[self.asked.organisation.slug])
        return (f"{address}?{more}",)

    def attended_table(self) -> Table:
        found = self._attended(most=None)
        rows: list[Sequence[Value]] = []
        for row in found.rows:
            for monday, cell in zip(found.mondays, row["cells"], strict=True):
                if cell is None:
                    continue
                if isinstance(cell, str):
                    rows.append((row["label"], monday, None, None, None))
                else:
                    came, expected, *_ = cell
                    share = percent(came / expected) if expected else ""
                    rows.append((row["label"], monday, came, expected, share))
        return Table(
            "attended",
            found.heading,
            ATTENDED_COUNTED,
            (
                Column("Group", is_number=False),
                Column("Week from", is_number=False),
                Column("Came"),
                Column("Expected"),
                Column("Share", "%"),
            ),
            rows,
            notes=(f"A week that expected fewer than {self.threshold} people shows no numbers.",),
            about=self.asked.about,
        )

    # How often people came -------------------------------------------------------------------

    @cached_property
    def _dose_blocks(self) -> Blocks:
        return self._blocks("dose", lambda: part_queries.dose_cells(self.asked.organisation))

    def _blocks(self, name: str, cells: Callable[[], list[Cell]]) -> Blocks:
        return remembered.blocks(
            name,
            self.lens,
            cells,
            organisation=self.asked.organisation.pk,
            version=self.asked.version,
        )

    def dose_table(self) -> Table:
        chosen = self._dose_blocks.within(self.asked.scope)
        heading = "Too few people to show how often they came"
        rows: list[Sequence[Value]] = []
        if not self._dose_blocks.anybody:
            heading = "Nobody has come to a session yet"
        if chosen.n:
            times = part_queries.times_came(chosen)
            quartiles = _quartiles(times)
            heading = f"Half of the people came to {quartiles[1]} sessions or more so far"
            bands = _band_names()
            rows = [
                (name, n, percent(n / chosen.n))
                for name, n in zip(bands, _padded(chosen.counts, len(bands)), strict=True)
            ]
            rows.append(
                (f"Middle half of people: {quartiles[0]} to {quartiles[2]} sessions", chosen.n, "")
            )
        return Table(
            "dose",
            heading,
            (
                "Held sessions that each person came to, up to now. A person in two groups counts "
                "in each.",
                "Whoever began lately had less time to come. So this says how much people have "
                "had, not how much they will have: for that see “Staying”.",
            ),
            (Column("Sessions", is_number=False), Column("People"), Column("Share", "%")),
            rows,
            notes=(WHO_IS_COUNTED,),
            about=self.asked.about,
        )

    # On time, excused, not there -------------------------------------------------------------

    def punctuality_table(self) -> Table:
        blocks = self._blocks("stays", lambda: queries.first_stays(self.asked.organisation))
        chosen = blocks.within(self.asked.scope)
        heading = "Too few people to show how they came"
        rows: list[Sequence[Value]] = []
        if not blocks.anybody:
            heading = "Nobody has come to a session yet"
        if chosen.n:
            found = part_queries.attended(chosen)
            everybody = next(row for row in found if row.group_id is None)
            came = everybody.on_time + everybody.late + everybody.left_early
            came_share, missed_share = (
                percent(n / everybody.expected) for n in (came, everybody.missed)
            )
            heading = f"People came {came_share}% of the times they were expected"
            if may_show(everybody.missed, threshold=self.threshold):
                heading += f", and were missing without a word {missed_share}%"
            rows = [self._came_row("All of these", everybody)]
            alone = Chosen([b for b in chosen.blocks if len(b.groups) == 1], chosen.kinds)
            if len(alone.blocks) < len(chosen.blocks):
                found = part_queries.attended(alone)
            of_groups = [row for row in found if row.group_id]
            for row in sorted(of_groups, key=lambda row: -row.people)[:MOST_GROUPS]:
                if row.group_id in self._names:
                    rows.append(self._came_row(self._names[row.group_id], row))
        return Table(
            "punctuality",
            heading,
            (
                "Of all sessions that people were expected at, from joining to leaving. Excused is "
                "who said beforehand that they could not come.",
                "Late and left early are as each group has set them; presence in the room says so, "
                "or who led corrected it.",
                "A row of a group counts its people who are in a block of their own group.",
            ),
            (
                Column("Group", is_number=False),
                Column("People"),
                Column("Times expected"),
                Column("Came in time", "%"),
                Column("Came late", "%"),
                Column("Left early", "%"),
                Column("Excused", "%"),
                Column("Missing without a word", "%"),
            ),
            rows,
            notes=(WHO_IS_COUNTED, "The shares are rounded, so they may add up to 99% or 101%."),
            about=self.asked.about,
        )

    def _came_row(self, name: str, row: Attended) -> Sequence[Value]:
        def share(count: int) -> int | None:
            if not may_show(count, threshold=self.threshold):
                return None
            return percent(count / row.expected) if row.expected else 0

        counts = (row.on_time, row.late, row.left_early, row.excused, row.missed)
        return (name, row.people, row.expected, *map(share, counts))

    # Who spoke -------------------------------------------------------------------------------

    def speaking_table(self) -> Table:
        at = self.asked.at
        found = [
            row
            for row in part_queries.spoken(
                self.asked.organisation,
                since=at - timedelta(weeks=SPEAKING_WEEKS),
                fewest=self.threshold,
            )
            if row.group_id in self._in_scope
        ]
        by_group: dict[UUID, list] = defaultdict(list)
        for row in found:
            by_group[row.group_id].append(row)
        heading = "Too few sessions to show how evenly people spoke"
        rows: list[Sequence[Value]] = []
        if may_show_statistic(len(found), threshold=self.threshold):
            everybody = sum(row.came == row.spoke for row in found)
            heading = f"Everybody spoke in {percent(everybody / len(found))}% of sessions"
            rows.append(self._spoke_row("All of these", found))
            for group_id, of_group in sorted(
                by_group.items(), key=lambda pair: self._names.get(pair[0], "")
            )[:MOST_GROUPS]:
                if len(of_group) >= self.threshold and group_id in self._names:
                    rows.append(self._spoke_row(self._names[group_id], of_group))
        return Table(
            "speaking",
            heading,
            (
                f"Held sessions of the last {SPEAKING_WEEKS} weeks to which {self.threshold} "
                "people or more came, and in which somebody wrote or had a turn to speak.",
                "Somebody spoke who wrote a message or had a turn. How much anybody said is not "
                "looked at, and facilitators are not counted.",
                "Listening is taking part too: a low number is a question, not a fault.",
            ),
            (
                Column("Group", is_number=False),
                Column("Sessions"),
                Column("Everybody spoke", "%"),
                Column("Share who spoke, middle session", "%"),
            ),
            rows,
            notes=(f"A row needs {self.threshold} such sessions or more.",),
            about=self.asked.about,
        )

    def _spoke_row(self, name: str, found: Sequence) -> Sequence[Value]:
        everybody = sum(row.came == row.spoke for row in found)
        return (
            name,
            len(found),
            percent(everybody / len(found)),
            percent(median(row.spoke / row.came for row in found)),
        )

    # The way in ------------------------------------------------------------------------------

    @cached_property
    def _way_in(self) -> tuple[Blocks, Chosen, Sequence[str]]:
        """Blocks of applicants, and what their kinds are called.

        How fine the kinds are is decided over all filters, because figures with finer kinds beside
        others with coarser ones could be subtracted.
        """
        counts = part_queries.stage_counts
        of = self.asked.organisation
        fine = self._blocks("way-in", lambda: cells_of(counts(of), kinds=5))
        names: Sequence[str] = (
            "Wait for a first answer",
            "Suggested something else, to read or talk first, or taken back",
            "On the waiting list or offered a place",
            "Accepted, have not come",
            "Accepted and came",
        )
        blocks = fine
        if fine.anybody and not fine.within(Scope()).n:
            blocks = self._blocks(
                "way-in-merged",
                lambda: cells_of(
                    ((group, month, _MERGED[stage], n) for group, month, stage, n in counts(of)),
                    kinds=3,
                ),
            )
            names = ("Not accepted so far", "Accepted, have not come", "Accepted and came")
        return blocks, blocks.within(self.asked.scope), names

    def way_in_table(self) -> Table:
        blocks, chosen, names = self._way_in
        heading = "Too few applications to show what became of them"
        rows: list[Sequence[Value]] = []
        if not blocks.anybody:
            heading = "Nobody has applied yet"
        if chosen.n:
            counts = _padded(chosen.counts, len(names))
            heading = f"{percent(counts[-1] / chosen.n)}% of those who applied came to a session"
            rows = [(name, n, percent(n / chosen.n)) for name, n in zip(names, counts, strict=True)]
        return Table(
            "way-in",
            heading,
            (
                "Everybody who applied in a month that is over, by how far they have come by now. "
                "Who applied lately may still come further.",
                "The period is the one in which they applied.",
            ),
            (Column("By now", is_number=False), Column("People"), Column("Share", "%")),
            rows,
            notes=("It shows once there are enough people of each kind, or none.",),
            about=self.asked.about,
        )

    def times_table(self) -> Table:
        _, chosen, _ = self._way_in
        heading = "Too few applications to show how long the steps take"
        rows: list[Sequence[Value]] = []
        if chosen.n:
            answer = self._first_answer(chosen)
            if answer[2] is not None and answer[2] != "":
                heading = (
                    f"Half of the applicants had a first answer within {days_words(answer[2])}"
                )
            rows.append(answer)
            found = part_queries.step_times(self.asked.organisation, chosen)
            for step, name in (
                ("accepted", "Applied to accepted"),
                ("offered", "On the waiting list to the last offer"),
                ("signed", "Accepted to agreement signed"),
                ("came", "Accepted to first session"),
                ("in_all", "Applied to first session"),
            ):
                n, quartiles = found.get(step, (0, []))
                if not may_show_statistic(n, threshold=self.threshold):
                    rows.append((name, 0 if n == 0 else None, "" if n == 0 else None, "", ""))
                else:
                    low, middle, high = (round(days, 1) for days in quartiles)
                    rows.append((name, n, middle, low, high))
        return Table(
            "times",
            heading,
            (
                "Days. The first row counts everybody who applied: whoever still waits is known to "
                "have waited until now, and whoever took it back until then (Kaplan and Meier).",
                "The other rows count those who took the step. Who has not taken it yet is not in "
                "them, so times of late applicants look shorter than they will be.",
            ),
            (
                Column("Step", is_number=False),
                Column("People"),
                Column("Half within (days)"),
                Column("A quarter within (days)"),
                Column("Three quarters within (days)"),
            ),
            rows,
            about=self.asked.about,
        )

    def _first_answer(self, chosen: Chosen) -> Sequence[Value]:
        rows = part_queries.answer_times(self.asked.organisation, chosen, at=self.asked.at)
        repeat = [n for _, _, n in rows]
        curve = kaplan_meier(
            np.repeat([days for days, _, _ in rows], repeat),
            np.repeat([answered for _, answered, _ in rows], repeat),
        )

        def by(share: float) -> Value:
            reached = np.flatnonzero(curve.survival <= 1 - share + 1e-12)
            return round(float(curve.times[reached[0]]), 1) if len(reached) else ""

        return ("Applied to first answer", curve.n, by(0.5), by(0.25), by(0.75))


def days_words(days: Value) -> str:
    """A number of days, or less than one in hours."""
    number = float(days) if isinstance(days, int | float) else 0.0
    if number < 1:
        hours = max(1, round(number * 24))
        return "an hour" if hours == 1 else f"{hours} hours"
    return "1 day" if number == 1 else f"{number:g} days"


def _band_names() -> list[str]:
    names, low = [], 1
    for high in DOSE_ENDS:
        names.append(f"{low} to {high}")
        low = high + 1
    return [*names, f"{low} or more"]


def _padded(counts: Sequence[int], kinds: int) -> list[int]:
    return [*counts, *([0] * (kinds - len(counts)))]


def _quartiles(times: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers of sessions that a quarter, half and three quarters of people came to at most."""
    total, found = sum(n for _, n in times), []
    for share in (0.25, 0.5, 0.75):
        seen = 0
        for came, n in times:
            seen += n
            if seen >= share * total:
                found.append(came)
                break
    return found


def _figure(name: str) -> Make:
    return lambda asked: getattr(TakingPart(asked), name)()


#: Key of each figure, and what makes its table.
FIGURES: dict[str, Make] = {
    "attended": _figure("attended_table"),
    "dose": _figure("dose_table"),
    "punctuality": _figure("punctuality_table"),
    "speaking": _figure("speaking_table"),
    "way-in": _figure("way_in_table"),
    "times": _figure("times_table"),
}
