"""How people felt in sessions: from the database to the figure of the overview and its table."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.models import Organisation
from outcomes import felt, queries
from outcomes.scopes import GroupKind, Scope
from outcomes.tables import Asked, Column, Make, Table, Value


def how_felt(
    organisation: Organisation,
    groups: Sequence[tuple[UUID, str, str]],
    kinds: Collection[GroupKind],
    *,
    at: datetime,
) -> Callable[[Scope], felt.Felt]:
    """How people felt by month, for any scope, from one question to the database.

    `groups` are (id, name, address). A month that shows shows by itself, so any of them may be put
    together.
    """
    zone = ZoneInfo(organisation.time_zone)
    months = felt.months_over(at, zone)
    since, until = felt.span_of(months, zone)
    counts = queries.felt_counts(organisation, since=since, until=until)

    def within(scope: Scope) -> felt.Felt:
        inside = scope.groups(kinds)
        return felt.felt(
            counts,
            groups,
            months=[month for month in months if scope.takes_in_month(month)],
            group_ids=inside if len(inside) < len(kinds) else None,
            threshold=organisation.smallest_cell,
        )

    return within


def how_counted(fewest: int) -> Sequence[str]:
    """The definition, in sentences."""
    return (
        "After each session everybody who came is asked whether they felt heard and safe, from 1, "
        "not at all, to 5, fully. Means are by month, of the last 12 months that are over.",
        f"A mean shows from {fewest} people on, and only once a month is over and its last "
        "questions have closed. Otherwise one could tell single answers by looking twice.",
        f"Sessions with fewer than {fewest} answers count in their month when {fewest} people or "
        "more answered after them. Over several groups, only groups whose own mean shows count.",
        "“Did not feel safe” counts people who answered 1 or 2, over all groups only. Nobody sees "
        "single answers, and no answer by itself tells anybody: people are asked whether they want "
        "somebody to get in touch.",
    )


NOTES = ("Those who did not answer may have felt otherwise. Means say nothing about causes.",)


def table_of(found: felt.Felt, *, fewest: int, about: str = "") -> Table:
    """Month by month, the newest first."""
    columns = [
        Column("Month", is_number=False),
        Column("Felt heard", digits=1),
        Column("Answers about feeling heard"),
        Column("Felt safe", digits=1),
        Column("Answers about feeling safe"),
    ]
    if not found.is_narrowed:
        columns.append(Column("People who did not feel safe"))
    rows: list[Sequence[Value]] = []
    for row in reversed(found.months):
        cells: list[Value] = [row.label, *_mean(row.heard), *_mean(row.safe)]
        rows.append(cells if found.is_narrowed else [*cells, row.not_safe])
    return Table("pulses", found.heading, how_counted(fewest), columns, rows, NOTES, about)


def by_group_table(found: felt.Felt, *, fewest: int, about: str = "") -> Table:
    """Each group's newest month that shows."""
    rows: list[Sequence[Value]] = [
        (row.label, row.is_about or "", *_mean(row.heard), *_mean(row.safe)) for row in found.groups
    ]
    return Table(
        "pulses-by-group",
        "How people felt lately, group by group",
        how_counted(fewest),
        (
            Column("Group", is_number=False),
            Column("Month", is_number=False),
            Column("Felt heard", digits=1),
            Column("Answers about feeling heard"),
            Column("Felt safe", digits=1),
            Column("Answers about feeling safe"),
        ),
        rows,
        NOTES,
        about,
    )


def _mean(mean: felt.Mean | None) -> tuple[Value, Value]:
    return (None, None) if mean is None else (round(mean.value, 1), mean.n)


def felt_for(asked: Asked, kinds: Collection[GroupKind] | None = None) -> felt.Felt:
    """How people felt, for whom the filters choose."""
    groups = [(group.pk, group.name, "") for group in asked.groups]
    kinds = queries.kinds_of(asked.organisation) if kinds is None else kinds
    return how_felt(asked.organisation, groups, kinds, at=asked.at)(asked.scope)


def _months(asked: Asked) -> Table:
    fewest = asked.organisation.smallest_cell
    return table_of(felt_for(asked), fewest=fewest, about=asked.about)


def _groups(asked: Asked) -> Table:
    fewest = asked.organisation.smallest_cell
    return by_group_table(felt_for(asked), fewest=fewest, about=asked.about)


#: Key of each figure, and what makes its table.
FIGURES: dict[str, Make] = {"pulses": _months, "pulses-by-group": _groups}
