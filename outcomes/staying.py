"""How long people stay: the figures of the page "Staying", each with its table."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from math import isnan
from urllib.parse import urlencode
from uuid import UUID

import numpy as np
from django.urls import reverse
from django.utils.formats import date_format

from groups.models import SupportGroup
from outcomes import queries, remembered
from outcomes.figures import (
    Retention,
    Step,
    Uptake,
    observations,
    percent,
    retention,
    steps_of,
    uptake_cells,
)
from outcomes.figures import uptake as uptake_of
from outcomes.queries import StayCount
from outcomes.scopes import Blocks, Cell, Chosen, Lens, Scope, halves_until
from outcomes.statistics.episodes import Outcome
from outcomes.statistics.suppression import steps_to_show
from outcomes.statistics.survival import (
    IncidenceCurve,
    RiskSet,
    cumulative_incidence,
    logrank,
    without_cause,
)
from outcomes.tables import Asked, Column, Linked, Make, Table, Value

#: By what curves can be compared, as the address says it.
COMPARISONS = {
    "facilitation": "Peer-led or professionally led",
    "format": "Online or in person",
    "topic": "Topic",
    "group": "Group",
    "period": "When people began",
}
#: More lines in one picture cannot be told apart.
MOST_LINES = 4
#: Sessions whose values stand in the tables of comparisons and of beginnings.
MARKS = (1, 4, 8, 12, 26)
#: Rows of beginnings, the newest.
MOST_ROWS = 24

HOW_COUNTED = (
    "Time is counted in sessions held since the first one a person came to.",
    "Somebody counts as gone when they leave or miss 3 held sessions in a row, dated at the first "
    "one missed. Excused and cancelled sessions do not count as missed.",
    "Whoever still comes, or has missed fewer than 3, counts for as long as that is known. So does "
    "somebody whose group closed.",
    "Whoever finished a planned course counts as not having left from then on.",
    "Coming back after having gone begins a new time. A person in two groups counts in each.",
    "The estimate is Kaplan and Meier’s, with log-log 95% limits. Where courses were finished it "
    "is Aalen and Johansen’s, which is the same without them.",
)
WHO_IS_COUNTED = (
    "Counted are people whose first session was in a month that is over, gathered until there are "
    "enough of them. So the last few who began may be missing."
)
NOT_BY_CHANCE = (
    "People were not assigned to groups by chance, and may differ in other ways. So this does not "
    "show what made the difference."
)


@dataclass(frozen=True)
class Line:
    """One curve of a comparison. Without steps it may not be shown."""

    letter: str
    name: str
    query: str
    n: int
    steps: Sequence[Step]
    median: float | None
    counts: Sequence[StayCount]

    def step(self, session: int) -> Step | None:
        return next((step for step in self.steps if step.session == session), None)

    @property
    def points(self) -> list[tuple[float, float, float, float]]:
        return [(step.session, step.share, step.low, step.high) for step in self.steps]

    @property
    def at_risk(self) -> list[tuple[float, int]]:
        return [(step.session, step.at_risk) for step in self.steps]


@dataclass(frozen=True)
class Comparison:
    """Curves beside one another, and what may be said of their difference."""

    by: str
    heading: str
    lines: Sequence[Line]
    sentence: str
    notes: Sequence[str]

    @property
    def drawn(self) -> list[Line]:
        return [line for line in self.lines if line.steps]

    @property
    def curves(self) -> list[tuple[str, list, list]]:
        """What the chart draws."""
        return [(line.letter, line.points, line.at_risk) for line in self.drawn]

    @property
    def label(self) -> str:
        told = [
            f"{line.letter} {line.name}: {step.percent}% after {step.session} sessions"
            for line in self.drawn
            if (step := line.step(8) or line.steps[-1])
        ]
        return (
            f"Share of people who have not left. {'. '.join(told)}. The numbers are in the table."
        )


@dataclass(frozen=True)
class Ways:
    """How courses end: shares of people who finished, left, and are still there, by session."""

    heading: str
    n: int
    rows: Sequence[tuple[int, float, float, float, int]]
    finished: tuple[float, float] | None
    left: tuple[float, float] | None

    @property
    def at_risk(self) -> list[tuple[float, int]]:
        return [(row[0], row[4]) for row in self.rows]

    @property
    def finished_words(self) -> str:
        return _limits_words(self.finished)

    @property
    def left_words(self) -> str:
        return _limits_words(self.left)

    @property
    def lines(self) -> list[tuple[str, list[tuple[float, float]]]]:
        return [
            ("Finished", [(row[0], row[1]) for row in self.rows]),
            ("Left", [(row[0], row[2]) for row in self.rows]),
        ]


@dataclass(frozen=True)
class Beginning:
    """Everybody who began in one or more months, and the share that has not left."""

    label: str
    since: date
    until: date
    n: int
    shares: Sequence[Step | None]


class Staying:
    """All figures of the page, from two questions to the database."""

    def __init__(self, asked: Asked, *, compare: str = "") -> None:
        self.asked = asked
        self.compare = compare if compare in COMPARISONS else ""
        self.threshold = asked.organisation.smallest_cell
        self.lens: Lens = queries.lens_of(
            asked.organisation, asked.scope, at=asked.at, groups=asked.groups
        )
        self.blocks: Blocks = self._blocks("stays", lambda: queries.first_stays(asked.organisation))
        self.chosen: Chosen = self.blocks.within(asked.scope)
        self._values = self._compared()
        self._runs = self.chosen.runs[-MOST_ROWS:]
        courses = self._courses()
        places = [
            self.chosen,
            courses,
            *(chosen for _, _, chosen in self._values),
            *(chosen for _, _, chosen in self._runs),
        ]
        found: Mapping[int, list[StayCount]] = defaultdict(list)
        for row in queries.stays_within(places):
            found[row.place].append(row)
        self._rows = found
        self._courses_chosen = courses

    # The curve of everybody ------------------------------------------------------------------

    @cached_property
    def retention(self) -> Retention:
        return retention(
            self._rows[0],
            n=self.chosen.n,
            anybody=self.blocks.anybody,
            threshold=self.threshold,
        )

    def table(self) -> Table:
        found = self.retention
        return Table(
            "retention",
            found.heading,
            HOW_COUNTED,
            (
                Column("Sessions since the first"),
                Column("Not left", "%"),
                Column("Lower limit", "%"),
                Column("Upper limit", "%"),
                Column("People counted"),
            ),
            [
                (
                    step.session,
                    step.percent,
                    step.low_percent,
                    step.high_percent,
                    Linked(step.at_risk, self._people(show="counted", at=step.session)),
                )
                for step in found.steps
            ],
            notes=(WHO_IS_COUNTED,),
            about=self.asked.about,
        )

    def _people(self, **more: object) -> str:
        """The list behind a number, with the filters kept."""
        address = reverse("outcomes:stay_list", args=[self.asked.organisation.slug])
        compare = {"compare": self.compare} if self.compare else {}
        return f"{address}?{urlencode({**self.asked.chosen, **compare, **more})}"

    # Comparing -------------------------------------------------------------------------------

    def _compared(self) -> list[tuple[str, str, Chosen]]:
        """Name, filters and people of each value that is compared, the largest first."""
        scope, form = self.asked.scope, dict(self.asked.chosen)
        values: list[tuple[str, str, Scope]] = []
        if self.compare == "facilitation":
            for key, name in SupportGroup.Facilitation.choices:
                values.append((str(name), key, replace(scope, facilitation=key)))
        elif self.compare == "format":
            for key, name in SupportGroup.Format.choices:
                values.append((str(name), key, replace(scope, format=key)))
        elif self.compare == "topic":
            for key, name in self.asked.topics:
                values.append((name, key, replace(scope, topic=key)))
        elif self.compare == "group":
            for group in self._largest_groups():
                values.append((group.name, group.slug, replace(scope, group_id=group.pk)))
        elif self.compare == "period":
            for period in halves_until(self.lens.until):
                values.append((period.words, period.key, replace(scope, period=period.key)))
        # A filter that is set already leaves only what lies within it.
        field = {"group": "group_id"}.get(self.compare, self.compare)
        kept = getattr(scope, field, None) if self.compare else None
        if kept:
            values = [value for value in values if getattr(value[2], field) == kept]
        found = [
            (name, urlencode({**form, self.compare: key}), self.blocks.within(narrowed))
            for name, key, narrowed in values
        ]
        found = [value for value in found if value[2].n]
        if self.compare == "period":
            return found[:MOST_LINES][::-1]
        return sorted(found, key=lambda value: -value[2].n)[:MOST_LINES]

    def _largest_groups(self) -> list[SupportGroup]:
        """The groups with the most people in blocks of their own."""
        people: Counter[UUID] = Counter()
        for block in self.chosen.blocks:
            if len(block.groups) == 1:
                people[next(iter(block.groups))] += sum(block.counts)
        places = {pk: place for place, (pk, _) in enumerate(people.most_common(MOST_LINES))}
        found = [group for group in self.asked.groups if group.pk in places]
        return sorted(found, key=lambda group: places[group.pk])

    @cached_property
    def comparison(self) -> Comparison | None:
        if not self.compare:
            return None
        lines = []
        for place, (name, query, chosen) in enumerate(self._values):
            counts = self._rows[2 + place]
            curve = without_cause(*observations(counts), Outcome.DROPOUT)
            steps = steps_of(curve, threshold=self.threshold)
            shown_until = steps[-1].session if steps else -1
            median = curve.median()
            if median is not None and median > shown_until:
                median = None
            lines.append(Line("ABCD"[place], name, query, chosen.n, steps, median, counts))
        heading, sentence, notes = self._difference(lines)
        return Comparison(self.compare, heading, lines, sentence, notes)

    def _difference(self, lines: Sequence[Line]) -> tuple[str, str, Sequence[str]]:
        """What the log-rank test says, in words that claim no more."""
        if len(lines) < 2:
            return (
                "There is nothing to compare yet",
                "At least two values with enough people are needed.",
                (),
            )
        if any(
            a & b
            for i, a in enumerate(chosen.cells for _, _, chosen in self._values)
            for b in [chosen.cells for _, _, chosen in self._values[i + 1 :]]
        ):
            return (
                "How long people stay, by topic",
                "Some groups have several of these topics, so their people are in several lines. "
                "No test compares lines that share people.",
                (NOT_BY_CHANCE,),
            )
        durations, events, groups = [], [], []
        for line in lines:
            lasted, outcomes = observations(line.counts)
            durations.append(lasted)
            events.append(outcomes == Outcome.DROPOUT)
            groups.append(np.full(len(lasted), line.letter))
        test = logrank(np.concatenate(durations), np.concatenate(events), np.concatenate(groups))
        if isnan(test.p_value):
            return (
                "Nobody has left yet, so nothing differs",
                "The log-rank test needs people who left.",
                (NOT_BY_CHANCE,),
            )
        freedom = test.degrees_of_freedom
        numbers = (
            f"log-rank test, χ² = {test.chi_squared:.2f} with {freedom} "
            f"degree{'s' if freedom > 1 else ''} of freedom, {p_words(test.p_value)}"
        )
        words = COMPARISONS[self.compare].lower()
        notes = (
            NOT_BY_CHANCE,
            "The test takes each time that somebody came as separate. People of one group have "
            "much in common, so it is somewhat too sure. It compares the risk of leaving, from the "
            "first session to the last one observed; whoever finished a course counts until then. "
            "In the lines they count as not having left, so the two need not agree.",
        )
        if test.p_value < 0.05:
            return (
                f"How long people stay differs ({words})",
                "The risk of leaving differs by more than chance alone usually makes it "
                f"({numbers}).",
                notes,
            )
        return (
            f"No clear difference in how long people stay ({words})",
            f"The data do not show a clear difference ({numbers}). That does not mean that there "
            "is none.",
            notes,
        )

    def comparison_table(self) -> Table:
        found = self.comparison
        marks = MARKS
        columns = [Column("Line", is_number=False), Column("People")]
        for mark in marks:
            columns.append(Column(f"Not left after {mark}", "%"))
            columns.append(Column(f"95% limits after {mark}", is_number=False))
        columns.append(Column("Half had left after (sessions)"))
        rows: list[Sequence[Value | Linked]] = []
        for line in found.lines if found else ():
            row: list[Value | Linked] = [f"{line.letter} {line.name}", line.n]
            for mark in marks:
                step = line.step(mark)
                row.append(step.percent if step else "")
                row.append(f"{step.low_percent} to {step.high_percent}" if step else "")
            row.append("" if line.median is None else int(line.median))
            rows.append(row)
        return Table(
            "retention-compared",
            found.heading if found else "Choose what to compare",
            HOW_COUNTED,
            columns,
            rows,
            notes=((found.sentence, *found.notes) if found else ())
            + (
                "An empty cell lies beyond the last session with enough people, or, for the half, "
                "means that fewer than half had left by then.",
                WHO_IS_COUNTED,
            ),
            about=self.asked.about,
        )

    # Courses ---------------------------------------------------------------------------------

    def _courses(self) -> Chosen:
        """The blocks that consist of people of groups with a planned course only."""
        planned = {group.pk for group in self.asked.groups if group.course_sessions}
        blocks = [block for block in self.chosen.blocks if block.groups <= planned]
        return Chosen(blocks, self.blocks.kinds)

    @cached_property
    def ways(self) -> Ways | None:
        """Finishing and leaving as what they are: each keeps the other from happening."""
        n = self._courses_chosen.n
        if not n:
            return None
        durations, outcomes = observations(self._rows[1])
        curves = {
            cause: cumulative_incidence(durations, outcomes, cause)
            for cause in (Outcome.COMPLETION, Outcome.DROPOUT)
        }
        risk_set = RiskSet(np.sort(durations.astype(float)), None)
        sessions = np.arange(int(durations.max(initial=0)) + 1)
        at_risk = risk_set.at(sessions)
        shown = steps_to_show(at_risk, threshold=self.threshold)
        finished, left = (np.asarray(curve.at(sessions)) for curve in curves.values())
        rows = [
            (int(t), float(f), float(g), float(1 - f - g), int(r))
            for t, f, g, r in zip(sessions[:shown], finished, left, at_risk, strict=False)
        ]
        if not rows:
            return None
        last, done, gone, _, _ = rows[-1]
        return Ways(
            f"{percent(done)}% had finished and {percent(gone)}% had left "
            f"{last} session{'' if last == 1 else 's'} after their first",
            n,
            rows,
            _limits(curves[Outcome.COMPLETION], last),
            _limits(curves[Outcome.DROPOUT], last),
        )

    def ways_table(self) -> Table:
        found = self.ways
        return Table(
            "courses",
            found.heading if found else "No course has enough people yet",
            (
                "Groups with a planned number of sessions. Finishing and leaving exclude one "
                "another, so neither counts as not knowing what became of somebody.",
                "The estimates are Aalen and Johansen’s cumulative incidences. The three shares of "
                "a row add up to 100%.",
                *HOW_COUNTED[:3],
            ),
            (
                Column("Sessions since the first"),
                Column("Finished", "%"),
                Column("Left", "%"),
                Column("Still coming", "%"),
                Column("People counted"),
            ),
            [
                (t, percent(done), percent(gone), 100 - percent(done) - percent(gone), n)
                for t, done, gone, _, n in (found.rows if found else ())
            ],
            notes=(WHO_IS_COUNTED,),
            about=self.asked.about,
        )

    # Beginnings ------------------------------------------------------------------------------

    @cached_property
    def beginnings(self) -> list[Beginning]:
        first = 2 + len(self._values)
        found = []
        for place, (since, until, chosen) in enumerate(self._runs):
            curve = without_cause(*observations(self._rows[first + place]), Outcome.DROPOUT)
            steps = {step.session: step for step in steps_of(curve, threshold=self.threshold)}
            label = date_format(since, "F Y")
            if since != until:
                label = f"{date_format(since, 'F')} to {date_format(until, 'F Y')}"
            found.append(
                Beginning(label, since, until, chosen.n, [steps.get(mark) for mark in MARKS])
            )
        return found[::-1]

    def beginnings_table(self) -> Table:
        rows = [
            (
                row.label,
                Linked(
                    row.n,
                    self._people(
                        show="began", since=f"{row.since:%Y-%m}", until=f"{row.until:%Y-%m}"
                    ),
                ),
                *(step.percent if step else "" for step in row.shares),
            )
            for row in self.beginnings
        ]
        heading = "No month of beginnings can be followed for 4 sessions yet"
        for row in self.beginnings:
            after = row.shares[MARKS.index(4)]
            if after:
                heading = f"Began in {row.label}: {after.percent}% had not left after 4 sessions"
                break
        return Table(
            "beginnings",
            heading,
            (
                "One row for everybody whose first session was in that month. Months are put "
                "together where too few people began in one.",
                *HOW_COUNTED,
            ),
            (
                Column("First session in", is_number=False),
                Column("People"),
                *(Column(f"Not left after {mark}", "%") for mark in MARKS),
            ),
            rows,
            notes=(
                "An empty cell has not been reached yet by enough people.",
                WHO_IS_COUNTED,
            ),
            about=self.asked.about,
        )

    # Uptake ----------------------------------------------------------------------------------

    @cached_property
    def uptake(self) -> Uptake:
        return uptake_of(self.uptake_chosen, anybody=self._uptake_blocks.anybody)

    @cached_property
    def uptake_chosen(self) -> Chosen:
        return self._uptake_blocks.within(self.asked.scope)

    @cached_property
    def _uptake_blocks(self) -> Blocks:
        return self._blocks(
            "uptake", lambda: uptake_cells(queries.uptake_counts(self.asked.organisation))
        )

    def _blocks(self, name: str, cells: Callable[[], list[Cell]]) -> Blocks:
        return remembered.blocks(
            name,
            self.lens,
            cells,
            organisation=self.asked.organisation.pk,
            version=self.asked.version,
        )

    def uptake_table(self) -> Table:
        found = self.uptake
        heading = "Too few people to show how many came at all"
        rows: list[Sequence[Value | Linked]] = []
        if found.could_come == 0:
            heading = "Nobody was accepted yet who could have come"
        if found.came is not None and found.could_come:
            heading = f"{found.percent}% of accepted people came to a first session"
            never = found.could_come - found.came
            rows = [
                ("Came", found.came, found.percent),
                (
                    "Have not come",
                    Linked(never, self._people(show="never")),
                    None if found.percent is None else 100 - found.percent,
                ),
            ]
        return Table(
            "uptake",
            heading,
            (
                "People who were accepted, and whose group has met since. Whoever never came is "
                "not part of the curves.",
                "The period is the one in which they were accepted.",
            ),
            (Column("First session", is_number=False), Column("People"), Column("Share", "%")),
            rows,
            notes=(
                "It shows once there are enough people of either kind.",
                "Whoever was accepted lately may still come.",
            ),
            about=self.asked.about,
        )


def p_words(p_value: float) -> str:
    """A p-value as journals print it."""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}" if p_value < 0.1 else f"p = {p_value:.2f}"


def _limits(curve: IncidenceCurve, session: int) -> tuple[float, float] | None:
    """The 95% limits at a session; None where nobody has met the cause by then."""
    place = int(np.searchsorted(curve.times, session, side="right")) - 1
    if place < 0 or isnan(curve.lower[place]):
        return None
    return float(curve.lower[place]), float(curve.upper[place])


def _limits_words(limits: tuple[float, float] | None) -> str:
    return f"{percent(limits[0])}% to {percent(limits[1])}%" if limits else ""


#: Key of each figure, and what makes its table.
FIGURES: dict[str, Make] = {
    "retention": lambda asked: Staying(asked).table(),
    "retention-compared": lambda asked: Staying(
        asked, compare=asked.given.get("compare", "")
    ).comparison_table(),
    "courses": lambda asked: Staying(asked).ways_table(),
    "beginnings": lambda asked: Staying(asked).beginnings_table(),
    "uptake": lambda asked: Staying(asked).uptake_table(),
}
