"""How people felt in sessions, month by month: means of enough people, and nothing to subtract.

Pure functions. Only months that are over show: in a running month, whoever looks twice sees what
the answers in between were. A month counts the sessions whose own mean is hidden only when so many
people answered after them that the difference says nothing about one of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from outcomes.queries import FeltCount
from outcomes.statistics.suppression import may_show, may_show_share, may_show_statistic
from sessions.after_rules import PULSE_OPEN_FOR

#: So many months are shown.
MONTHS = 12
#: A group is looked at when the mean of "felt safe" of its last month lies below this.
LOOK_BELOW = 3.5


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def months_over(at: datetime, zone: ZoneInfo) -> list[date]:
    """The last months, oldest first, in which nobody can answer any more."""
    months = [(at - PULSE_OPEN_FOR).astimezone(zone).date().replace(day=1)]
    for _ in range(MONTHS):
        months.append(_month_before(months[-1]))
    return months[:0:-1]


def span_of(months: Sequence[date], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the first moment of the first month to the end of the last one."""
    after = (months[-1] + timedelta(days=31)).replace(day=1)
    return (
        datetime.combine(months[0], datetime.min.time(), zone),
        datetime.combine(after, datetime.min.time(), zone),
    )


@dataclass(frozen=True)
class Mean:
    """A mean from 1 to 5, and of how many answers."""

    value: float
    n: int


@dataclass(frozen=True)
class Cell:
    """What may be told of one group, month and question."""

    n: int
    total: int
    people: int
    low: frozenset[UUID]


def _cell(row: FeltCount, *, threshold: int) -> Cell | None:
    """All answers where the others give nobody away, else those of the sessions that show."""
    if may_show(row.beside, threshold=threshold):
        found = Cell(row.n, row.total, row.people, frozenset(row.low))
    else:
        found = Cell(row.n_shown, row.total_shown, row.people_shown, frozenset(row.low_shown))
    return found if may_show_statistic(found.people, threshold=threshold) else None


def _mean(cells: Iterable[Cell]) -> Mean | None:
    found = list(cells)
    n = sum(cell.n for cell in found)
    return Mean(sum(cell.total for cell in found) / n, n) if n else None


@dataclass(frozen=True)
class FeltRow:
    """One month, or one group's newest month. None is hidden or not there."""

    label: str
    heard: Mean | None
    safe: Mean | None
    url: str = ""
    #: How many people said that they did not feel safe; only over all groups.
    not_safe: int | None = None
    is_about: date | None = None


@dataclass(frozen=True)
class Felt:
    """The figure: a heading with the finding, months as rows, and each group's newest month."""

    heading: str
    months: Sequence[FeltRow]
    groups: Sequence[FeltRow]
    #: Whether some groups are left out by a filter.
    is_narrowed: bool

    @property
    def lines(self) -> list[tuple[str, list[tuple[int, float]]]]:
        """What the chart draws: a name and (place of the month, mean) for each question."""
        return [
            (
                name,
                [
                    (place, mean.value)
                    for place, row in enumerate(self.months)
                    if (mean := getattr(row, question)) is not None
                ],
            )
            for name, question in (("Felt safe", "safe"), ("Felt heard", "heard"))
        ]

    @property
    def is_drawn(self) -> bool:
        """Whether there are two months to join by a line."""
        return any(len(points) > 1 for _, points in self.lines)

    @property
    def ticks(self) -> list[str]:
        return [date_format(row.is_about, "M") for row in self.months if row.is_about]

    @property
    def label(self) -> str:
        """What the picture shows, for those who do not see it."""
        told = [
            f"{row.label} safe {row.safe.value:.1f}" for row in self.months if row.safe is not None
        ]
        return (
            f"How people felt from 1 to 5, by month: {', '.join(told[-3:])}. "
            "The numbers are in the table below."
        )


def felt(
    counts: Sequence[FeltCount],
    groups: Sequence[tuple[UUID, str, str]],
    *,
    months: Sequence[date],
    group_ids: Collection[UUID] | None,
    threshold: int,
) -> Felt:
    """Means by month, of some groups or of all (None) whose own means show; and of each lately."""
    cells = {
        (row.group_id, row.month, row.question): cell
        for row in counts
        if (cell := _cell(row, threshold=threshold)) is not None
    }
    mine = {key: cell for key, cell in cells.items() if group_ids is None or key[0] in group_ids}
    rows = [
        _row(date_format(month, "F Y"), mine, month, threshold, tells_low=group_ids is None)
        for month in months
    ]
    latest = next((row for row in reversed(rows) if row.safe or row.heard), None)
    return Felt(
        heading=_heading(latest, any_answers=bool(counts)),
        months=rows,
        groups=list(_lately(mine, groups, months)),
        is_narrowed=group_ids is not None,
    )


def _row(
    label: str,
    cells: Mapping[tuple[UUID, date, str], Cell],
    month: date,
    threshold: int,
    *,
    tells_low: bool,
) -> FeltRow:
    of_month = {key: cell for key, cell in cells.items() if key[1] == month}
    heard = [cell for key, cell in of_month.items() if key[2] == "heard"]
    safe = [cell for key, cell in of_month.items() if key[2] == "safe"]
    low = len(frozenset().union(*(cell.low for cell in safe)))
    people = sum(cell.people for cell in safe)
    shows_low = tells_low and safe and may_show_share(low, people, threshold=threshold)
    return FeltRow(
        label, _mean(heard), _mean(safe), not_safe=low if shows_low else None, is_about=month
    )


def _lately(
    cells: Mapping[tuple[UUID, date, str], Cell],
    groups: Sequence[tuple[UUID, str, str]],
    months: Sequence[date],
) -> Iterable[FeltRow]:
    """Each group with the newest month that shows something of it."""
    for group_id, name, url in groups:
        for month in reversed(months):
            found = {
                question: cell
                for question in ("heard", "safe")
                if (cell := cells.get((group_id, month, question))) is not None
            }
            if found:
                means = {question: _mean([cell]) for question, cell in found.items()}
                yield FeltRow(name, means.get("heard"), means.get("safe"), url, is_about=month)
                break


def _heading(latest: FeltRow | None, *, any_answers: bool) -> str:
    if latest is not None and latest.safe is not None:
        return f"Felt safe: {latest.safe.value:.1f} of 5 in {latest.label}"
    if latest is not None and latest.heard is not None:
        return f"Felt heard: {latest.heard.value:.1f} of 5 in {latest.label}"
    if any_answers:
        return "Too few people to show how they felt"
    return "No month of answers is over yet"
