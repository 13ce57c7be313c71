"""An analysis in words, a table and a drawing. Nothing here says what comes from what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.utils.formats import date_format

from outcomes.analysing import Path, Result
from outcomes.analysis_rules import ENOUGH, FEWEST
from outcomes.change_queries import Measure
from outcomes.change_tables import without_minus_zero
from outcomes.models import Analysis
from outcomes.statistics.mediation import label
from outcomes.tables import Column, Table
from supportgroups.lib.diagrams import Paths


def number(value: float) -> str:
    """Two decimals, with a true minus."""
    return without_minus_zero(f"{value:.2f}").replace("-", "−")


def limits(path: Path) -> str:
    return f"{number(path.lower)} to {number(path.upper)}"


@dataclass(frozen=True)
class Told:
    """One analysis that was made, in words."""

    analysis: Analysis
    result: Result
    x: Measure
    m: Measure
    y: Measure

    @property
    def kind(self) -> str:
        """What it may be called: "Mediation" only where three check-ins came one after another."""
        return label(waves_in_order=self.result.waves_in_order).capitalize()

    @property
    def heading(self) -> str:
        x, m, y = self.x.name, self.m.name.lower(), self.y.name.lower()
        later = "later " if self.result.waves_in_order else ""
        if not self.result.indirect.is_clear:
            return f"No clear link of {x.lower()} with {later}{y} by way of {m}"
        if not self.result.waves_in_order:
            return f"{x}, {m} and {y} go along with one another, asked at one time"
        return f"{x} goes along with {later}{y} by way of {m}"

    @property
    def when(self) -> str:
        """When each was asked, and what is held equal."""
        found = self.result
        if not found.waves_in_order:
            return (
                f"All three were asked at one check-in. Too few people have answered them one "
                f"after another, so nothing tells which came first. {found.n} people."
            )
        held = (
            f" First scores of {self.m.name.lower()} and {self.y.name.lower()} are held equal."
            if found.with_firsts
            else " First scores of the later two are not known, so they are not held equal."
        )
        return (
            f"{self.x.name} at the first check-in, {self.m.name.lower()} "
            f"{found.weeks_to_m:.0f} weeks later on average, {self.y.name.lower()} "
            f"{found.weeks_to_y:.0f} weeks after that. {found.n} people.{held}"
        )

    @property
    def sentences(self) -> list[str]:
        """The paths in words."""
        found = self.result
        x, m, y = self.x.name.lower(), self.m.name.lower(), self.y.name.lower()

        def points(path: Path) -> str:
            direction = "higher" if path.value > 0 else "lower"
            return f"{number(abs(path.value))} points {direction}"

        same_firsts = " and first scores" if found.with_firsts else ""
        return [
            f"For each point more of {x}, {m} was {points(found.a)} (95% interval "
            f"{limits(found.a)}).",
            f"For each point more of {m}, {y} was {points(found.b)} (95% interval "
            f"{limits(found.b)}), among people with the same {x}{same_firsts}.",
            f"By way of {m}, each point more of {x} went along with {number(found.indirect.value)} "
            f"points of {y} (95% interval {limits(found.indirect)}, from "
            f"{found.resamples:,} resamples). The rest of the link is "
            f"{number(found.direct.value)} ({limits(found.direct)}).",
        ]

    @property
    def limits_of_it(self) -> list[str]:
        """What it does not show."""
        found = self.result
        lines = [
            "This shows how scores go along, and no effect of one on another. Something that "
            "nobody asked about may move all three."
        ]
        if not found.waves_in_order:
            lines.append(
                "One check-in cannot tell what comes first. The same numbers would come out with "
                "the arrows turned round."
            )
        if found.n < ENOUGH:
            lines.append(
                f"Fewer than {ENOUGH} people are behind it. Take the interval as rough, and a "
                "clear link as a first hint."
            )
        if found.left_out:
            lines.append(
                f"{found.left_out} people with a first {self.x.short} score are not in it: they "
                "lack another score, or wait for others to be counted with. They may differ."
            )
        return lines

    @property
    def definition(self) -> list[str]:
        """How it is made, and what it takes for granted."""
        found, analysis = self.result, self.analysis
        order = (
            "The first x score counts, then the next m score at least a week later, then the next "
            "y score at least a week after that; each within 26 weeks."
            if found.waves_in_order
            else "Scores count that were given within a week of the first x score."
        )
        return [
            f"Here x is {self.x.short}, m {self.m.short} and y {self.y.short}. Three straight "
            "lines by least squares: m on x (path a), y on x and m (b, and the direct path), y on "
            "x alone (the whole link). The link by way of m is a times b.",
            f"{order} Each person counts once, over the whole organisation. Nobody’s missing "
            "score is filled in.",
            "The 95% interval of a times b is the percentile interval of "
            f"{analysis.resamples:,} bootstrap resamples of people, drawn with seed "
            f"{analysis.seed}. The other intervals are Student’s.",
            "It takes for granted: links are straight lines; scores are measured without error; "
            "nothing outside drives m and y together; people answer independently. People of one "
            "group may be alike, and then the intervals are too narrow.",
            f"At least {FEWEST} people are needed. It is called mediation only where the three "
            "came one after another, else a cross-sectional association.",
            f"Made of what was sent before {date_format(analysis.until, 'j F Y')}. The scores have "
            f"the fingerprint {analysis.fingerprint[:16]}: the same scores give the same numbers. "
            "When somebody deletes answers or does not want to be counted, it is made anew.",
        ]

    @property
    def table(self) -> Table:
        """The paths with their limits."""
        found = self.result
        rows = (
            (f"a: {self.x.short} to {self.m.short}", found.a),
            (f"b: {self.m.short} to {self.y.short}, given {self.x.short}", found.b),
            ("a times b: by way of " + self.m.short, found.indirect),
            (f"Direct: {self.x.short} to {self.y.short}, given {self.m.short}", found.direct),
            (f"Whole link: {self.x.short} to {self.y.short}", found.total),
        )
        return Table(
            "pathway",
            self.heading,
            [self.kind, self.when, *self.definition],
            (
                Column("Path, in points per point", is_number=False),
                Column("Value", digits=3),
                Column("95% interval from", digits=3),
                Column("to", digits=3),
                Column("People"),
            ),
            [
                (words, *(round(each, 3) for each in (p.value, p.lower, p.upper)), found.n)
                for words, p in rows
            ],
            self.limits_of_it,
        )

    @property
    def numbers(self) -> Table:
        """The table where its notes stand beside it already."""
        return replace(self.table, notes=())

    @property
    def paths(self) -> Paths:
        """What the drawing says."""
        found = self.result
        return Paths(
            self.x.name,
            self.m.name,
            self.y.name,
            f"a {number(found.a.value)}",
            f"b {number(found.b.value)}",
            f"direct {number(found.direct.value)}",
        )

    @property
    def drawing_label(self) -> str:
        """What the picture shows, for those who do not see it."""
        found = self.result
        return (
            f"Path diagram. From {self.x.name} to {self.m.name}: {number(found.a.value)}. From "
            f"{self.m.name} to {self.y.name}: {number(found.b.value)}. Direct from {self.x.name} "
            f"to {self.y.name}: {number(found.direct.value)}. The numbers are in the table below."
        )


def told(analysis: Analysis, measures: Mapping[str, Measure]) -> Told | None:
    """In words, if it was made."""
    if analysis.state != Analysis.State.DONE:
        return None
    x, m, y = (measures[key] for key in keys_of(analysis))
    return Told(analysis, Result.stored(analysis.result), x, m, y)


def keys_of(*analyses: Analysis) -> list[str]:
    """The keys of their measures."""
    return [key for each in analyses for key in (each.x, each.m, each.y)]


def names_of(analysis: Analysis, measures: Mapping[str, Measure]) -> str:
    """The three questionnaires in a line."""
    return ", ".join(measures[key].short for key in keys_of(analysis))
