"""The outcome figures in words and tables: what page, CSV and report say alike.

No sentence here says that the groups caused anything: there is nobody to compare with.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outcomes import change_queries, queries
from outcomes.change_queries import FOLLOWED_FOR, Measure, measures_of
from outcomes.changing import Apart, Change, Dose, Leavers, Outcomes, Wave, outcomes_of, told_of
from outcomes.scopes import Lens
from outcomes.statistics.means import Estimate, mean
from outcomes.tables import Asked, Column, Make, Table, Value

WEEKS = FOLLOWED_FOR.days // 7
NO_CAUSE = (
    "There is no comparison group, so this does not show that the groups caused anything. People "
    "who begin at a bad time often feel better later in any case."
)
COUNTED_WHEN = (
    f"Somebody counts once the {WEEKS} weeks after their first check-in are over, with what was "
    "sent in months that are over. Whoever is in more than one group counts once, where they "
    "answered first. People are counted in blocks, so a few may still be missing."
)


def digits_of(measure: Measure) -> int:
    """Decimals of a mean: one, and two on short scales."""
    low, high = measure.span
    return 2 if high - low < 10 else 1


def without_minus_zero(words: str) -> str:
    """A number as it was rounded, where nothing is left of a small one below zero."""
    return words.removeprefix("-") if not float(words) else words


def points(value: float, measure: Measure) -> str:
    """A number of points in words, with a true minus."""
    return without_minus_zero(f"{value:.{digits_of(measure)}f}").replace("-", "−")


def interval(estimate: Estimate, measure: Measure) -> str:
    return f"{points(estimate.lower, measure)} to {points(estimate.upper, measure)}"


def _number(value: float, measure: Measure) -> Value:
    """For a table; an empty cell where so few people do not define it."""
    return "" if math.isnan(value) else round(value, digits_of(measure))


def _limits(estimate: Estimate, measure: Measure) -> tuple[Value, Value]:
    return _number(estimate.lower, measure), _number(estimate.upper, measure)


def _which_way(measure: Measure) -> str:
    low, high = measure.span
    better = "lower" if measure.higher_is_worse else "higher"
    return f"{measure.short} goes from {low:g} to {high:g}. A {better} score is better."


# The mean course --------------------------------------------------------------------------------


def course_heading(measure: Measure, waves: Sequence[Wave], *, anybody: bool) -> str:
    if not anybody:
        return f"{measure.name}: no first check-in to count yet"
    if not waves:
        return f"{measure.name}: too few people to show a mean"
    first = waves[0]
    start = f"{measure.name}: {points(first.sums.mean, measure)} points at the first check-in"
    last = told_of(waves)[-1]
    if last is first:
        return f"{start}, on average"
    when = last.label.lower()
    when = when if when[0].isdigit() or when.startswith("at ") else f"at the {when}"
    return f"{start} and {points(last.sums.mean, measure)} {when}, on average"


def course_table(
    measure: Measure, waves: Sequence[Wave], *, anybody: bool, about: str = ""
) -> Table:
    """Means with intervals and n, check-in by check-in."""
    notes = []
    if len(waves) > 1:
        notes.append(
            f"{waves[0].n} people are behind the first mean and {waves[-1].n} behind the last. "
            "They are not the same people, so a step may come from who still answers. Who left "
            "is looked at below."
        )
    return Table(
        "outcomes-course",
        course_heading(measure, waves, anybody=anybody),
        (
            _which_way(measure),
            "Each mean is of everybody counted who answered that check-in, and of nobody else: "
            "scores are never carried forward.",
            "The 95% interval is Student’s. If people like these were asked again and again, 95 "
            "of 100 such intervals would hold the mean of all people like them. It says nothing "
            "about single people.",
            "The heading names the last check-in that at least a third of the first one’s people "
            "answered. A period chooses people by the month of their first check-in.",
            COUNTED_WHEN,
        ),
        (
            Column("Check-in", is_number=False),
            Column("People"),
            Column("Mean", digits=digits_of(measure)),
            Column("95% interval from", digits=digits_of(measure)),
            Column("to", digits=digits_of(measure)),
            Column("Weeks after the first, on average", digits=1),
        ),
        [
            (
                wave.label,
                wave.n,
                _number(wave.sums.mean, measure),
                *_limits(wave.estimate, measure),
                "" if wave.weeks is None else round(wave.weeks, 1),
            )
            for wave in waves
        ],
        notes,
        about,
    )


# Reliable change --------------------------------------------------------------------------------


def change_heading(measure: Measure, found: Change) -> str:
    if not found.people:
        return f"{measure.name}: too early to say how many changed"
    if found.improved is not None and found.worse is not None:
        return (
            f"{measure.name}: {found.share(found.improved)}% improved reliably, "
            f"{found.share(found.worse)}% got worse"
        )
    if found.improved is not None:
        return f"{measure.name}: {found.share(found.improved)}% improved reliably"
    if found.mean is not None and not found.n:
        return f"{measure.name}: nobody has a second score"
    if found.mean is not None and found.criterion is None:
        return f"{measure.name}: {points(found.mean.value, measure)} points of change on average"
    return f"{measure.name}: too few people to show how many changed"


def change_table(measure: Measure, found: Change, *, about: str = "") -> Table:
    """How many changed by more than the measure's own error, and how many nobody knows about."""
    rows: list[Sequence[Value]] = []
    if found.people:
        rows = list(_change_rows(found))
    known = measure.reliability
    notes = [NO_CAUSE]
    if found.mean is not None and not math.isnan(found.mean.lower):
        notes.insert(
            0,
            f"On average the {found.n} people with two scores changed by "
            f"{points(found.mean.value, measure)} points (95% interval "
            f"{interval(found.mean, measure)}).",
        )
    if found.not_improved is not None:
        notes.append(
            "How many of those not improved got worse is not shown: too few people, here or in a "
            "part of them."
        )
    if found.missing:
        notes.append(
            f"{found.missing} of {found.people} people have no second score. They left, were not "
            "asked again in time, or chose not to answer. They may have fared differently."
        )
    if known is None:
        notes.append(
            "For this questionnaire no standard deviation and reliability is known, so nothing is "
            "said about single people’s change."
        )
    elif not known.confirmed:
        notes.append(
            "The published figures behind the criterion were taken from secondary sources. Check "
            "them before you rely on it."
        )
    return Table(
        "outcomes-change",
        change_heading(measure, found),
        _change_definition(measure, found),
        (
            Column("What can be said", is_number=False),
            Column("People"),
            Column("Of those with two scores", "%"),
        ),
        rows,
        notes,
        about,
    )


def _change_rows(found: Change) -> list[tuple[Value, ...]]:
    def row(label: str, count: int | None) -> tuple[Value, ...]:
        return label, count, found.share(count)

    if found.criterion is None:
        rows: list[tuple[Value, ...]] = []
    elif found.not_improved is not None:
        rows = [row("Improved", found.improved), row("Not improved", found.not_improved)]
    else:
        rows = [
            row("Improved", found.improved),
            row("No clear change", found.same),
            row("Worse", found.worse),
        ]
    if found.cutoff is not None:
        rows.insert(1, row("Improved and recovered", found.recovered))
    return [
        *rows,
        ("Two scores", found.n, ""),
        ("No second score", found.missing, ""),
        ("All who were followed", found.people, ""),
    ]


def _change_definition(measure: Measure, found: Change) -> list[str]:
    lines = [
        f"Compared are each person’s first score and the last one in the {WEEKS} weeks after it. "
        "Scores are never carried forward.",
        _which_way(measure),
    ]
    known = measure.reliability
    if known is not None and found.criterion is not None:
        lines.append(
            f"A change counts when it is larger than {found.criterion:.2f} points: 1.96 times "
            f"the error of a difference, {known.sd:g} × √2 × √(1 − {known.coefficient:g}) "
            "(Jacobson and Truax 1991)."
        )
        lines.append(
            f"Standard deviation: {known.sd_source} {known.coefficient_kind}: "
            f"{known.coefficient_source}"
        )
        if known.recovery_cutoff is not None:
            side = (
                f"from {known.recovery_cutoff:g} or more to below it"
                if measure.higher_is_worse
                else f"from {known.recovery_cutoff:g} or less to above it"
            )
            lines.append(
                f"Recovered: improved, and came {side}. Cut-off: "
                f"{known.recovery_cutoff_source or 'source not given.'}"
            )
    lines.append(
        "Kinds that few people are of are shown together with others, or not at all. Figures by "
        "kind need larger blocks, so they may leave out people whom the means count."
    )
    lines.append(COUNTED_WHEN)
    return lines


# Sessions ---------------------------------------------------------------------------------------


def dose_heading(measure: Measure, found: Dose) -> str:
    name = measure.name
    if not found.n:
        return f"{name}: too early to compare by sessions"
    if found.slope is None:
        return f"{name}: too few people to compare by sessions"
    if not found.is_clear:
        return f"{name}: no clear link between sessions and change"
    direction = "lower" if found.slope.value < 0 else "higher"
    size = f"{abs(found.slope.value):.2f}"
    return f"{name}: each session more went along with {size} points {direction}"


def dose_table(measure: Measure, found: Dose, *, about: str = "") -> Table:
    """Change by the sessions that people came to between their two scores."""
    notes = []
    if found.slope is not None:
        line = found.slope
        notes.append(
            f"For each session more, the change differs by {_hundredths(line.value)} points (95% "
            f"interval {_hundredths(line.lower)} to {_hundredths(line.upper)}, {found.n} people)."
            + ("" if found.is_clear else " The interval holds 0, so there may be no link at all.")
        )
    notes.append(
        "People who come more may differ from those who come less, in how they began and in what "
        "else helps them. And between scores that lie further apart there is room for more "
        "sessions. So this is no effect of sessions."
    )
    return Table(
        "outcomes-sessions",
        dose_heading(measure, found),
        (
            "Change is the later score minus the first one, of people who have both. "
            + _which_way(measure),
            "Sessions are those a person came to after the first score and up to the later one, "
            "in the group that asked first.",
            "The line is by least squares, with Student’s interval. It is shown from 10 people "
            "on, and only where most people are.",
            f"Compared are each person’s first score and the last one in the {WEEKS} weeks after "
            "it.",
            COUNTED_WHEN,
        ),
        (
            Column("Sessions in between"),
            Column("Change on the line", digits=2),
            Column("95% interval from", digits=2),
            Column("to", digits=2),
        ),
        [
            (at, round(each.value, 2), round(each.lower, 2), round(each.upper, 2))
            for at, each in found.line
        ],
        notes,
        about,
    )


def _hundredths(value: float) -> str:
    return without_minus_zero(f"{value:.2f}").replace("-", "−")


# Who left ---------------------------------------------------------------------------------------


def leavers_heading(measure: Measure, found: Leavers) -> str:
    apart, name = found.fate, measure.name
    if not apart.one.n and not apart.other.n:
        return f"{name}: too early to compare those who left"
    if apart.difference is None:
        return f"{name}: too few people to compare those who left"
    if not apart.is_clear:
        return f"{name}: no clear difference at the start between who left and who stayed"
    value = apart.difference.estimate.value
    direction = "higher" if value > 0 else "lower"
    return f"{name}: those who left had begun {points(abs(value), measure)} points {direction}"


def leavers_table(measure: Measure, found: Leavers, *, about: str = "") -> Table:
    """First scores of whom later means leave out, against the others'."""
    rows: list[Sequence[Value]] = []
    for apart in (found.fate, found.answered):
        rows += _apart_rows(measure, apart)
    return Table(
        "outcomes-leavers",
        leavers_heading(measure, found),
        (
            f"Left: the membership ended, or the person missed the last 3 held sessions or more by "
            f"the end of the {WEEKS} weeks after the first check-in. Finishing a course, a group "
            "that closed and excused sessions do not count.",
            "The difference is of mean first scores, with Welch’s 95% interval. “Standardised” "
            "is Hedges’ g: 0.2 is often called small, 0.5 medium and 0.8 large.",
            _which_way(measure),
            COUNTED_WHEN,
        ),
        (
            Column("Who", is_number=False),
            Column("People"),
            Column("Mean first score", digits=digits_of(measure)),
            Column("95% interval from", digits=digits_of(measure)),
            Column("to", digits=digits_of(measure)),
            Column("Standardised", digits=2),
        ),
        rows,
        what_leaving_does(measure, found),
        about,
    )


def _apart_rows(measure: Measure, apart: Apart) -> list[tuple[Value, ...]]:
    if not apart.one.n and not apart.other.n:
        return []
    rows: list[tuple[Value, ...]] = [
        (label, sums.n, _number(sums.mean, measure), *_limits(mean(sums), measure), "")
        for label, sums in ((apart.one_label, apart.one), (apart.other_label, apart.other))
    ]
    away = apart.difference
    if away is not None:
        rows.append(
            (
                f"{apart.one_label} minus {apart.other_label.lower()}",
                apart.one.n + apart.other.n,
                _number(away.estimate.value, measure),
                *_limits(away.estimate, measure),
                "" if math.isnan(away.standardised) else round(away.standardised, 2),
            )
        )
    return rows


def what_leaving_does(measure: Measure, found: Leavers) -> list[str]:
    """What the difference at the start does to the course, in a sentence."""
    apart = found.answered
    away = apart.difference
    if away is None:
        return []
    if not apart.is_clear:
        return [
            "First scores do not clearly tell who has no second score. That does not show that "
            "the later means are right: those without one may have fared differently since."
        ]
    higher = away.estimate.value > 0
    direction, step = ("higher", "lower") if higher else ("lower", "higher")
    began_worse = higher == measure.higher_is_worse
    looks = "better" if began_worse else "worse"
    return [
        f"People without a second score had begun {direction}. Later means leave them out and lie "
        f"{step} for that reason alone: the course looks {looks} than it was."
    ]


# The page ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """One measure's figures with their tables."""

    outcomes: Outcomes
    course: Table
    change: Table
    dose: Table
    leavers: Table


def tell(found: Outcomes, *, about: str = "") -> Told:
    """Put the figures of one measure into words."""
    measure = found.measure
    return Told(
        found,
        course_table(measure, found.course, anybody=found.anybody, about=about),
        change_table(measure, found.change, about=about),
        dose_table(measure, found.dose, about=about),
        leavers_table(measure, found.leavers, about=about),
    )


def measure_asked_for(asked: Asked, measures: Sequence[Measure]) -> Measure | None:
    """The one that the address names, else the first."""
    wanted = asked.given.get("measure", "")
    return next(
        (each for each in measures if each.key == wanted), measures[0] if measures else None
    )


def outcomes_for(asked: Asked, measure: Measure, lens: Lens | None = None) -> Told:
    """All figures of one measure, for whom the filters choose."""
    lens = lens or queries.lens_of(asked.organisation, asked.scope, at=asked.at)
    rows = change_queries.followed(asked.organisation, measure, at=asked.at)
    waves = change_queries.later_waves(asked.organisation, measure, at=asked.at)
    return tell(outcomes_of(measure, rows, waves, lens), about=asked.about)


def _only(part: str, key: str) -> Make:
    """One of the tables by itself, for its CSV."""

    def make(asked: Asked) -> Table:
        measure = measure_asked_for(asked, measures_of(asked.organisation))
        if measure is None:
            return Table(key, "Nobody has answered a check-in yet", (), (Column("Nothing"),), ())
        table: Table = getattr(outcomes_for(asked, measure), part)
        return table

    return make


_PARTS: Sequence[tuple[str, str]] = (
    ("outcomes-course", "course"),
    ("outcomes-change", "change"),
    ("outcomes-sessions", "dose"),
    ("outcomes-leavers", "leavers"),
)

#: Key of each figure, and what makes its table.
FIGURES: dict[str, Make] = {key: _only(part, key) for key, part in _PARTS}
