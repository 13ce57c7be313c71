"""How long people stay: the figures of the page "Staying", as tables."""

from outcomes import figures, queries
from outcomes.tables import Asked, Column, Make, Table

HOW_COUNTED = (
    "Time is counted in sessions held since the first one a person came to.",
    "Somebody counts as gone when they leave or miss 3 held sessions in a row, dated at the first "
    "one missed. Excused and cancelled sessions do not count as missed.",
    "Whoever still comes counts for as long as that is known. So does somebody whose group closed.",
    "The estimate is Kaplan and Meier’s, with log-log limits.",
)


def retention_table(asked: Asked) -> Table:
    """The curve's steps."""
    lens = queries.lens_of(asked.organisation, asked.scope, at=asked.at)
    found = figures.retention(queries.episode_counts(asked.organisation, at=asked.at), lens)
    return Table(
        "retention",
        found.heading,
        HOW_COUNTED,
        (
            Column("Sessions since the first"),
            Column("Still coming", "%"),
            Column("Lower limit", "%"),
            Column("Upper limit", "%"),
            Column("People counted"),
        ),
        [(s.session, s.percent, s.low_percent, s.high_percent, s.at_risk) for s in found.steps],
        about=asked.about,
    )


#: Key of each figure, and what makes its table.
FIGURES: dict[str, Make] = {"retention": retention_table}
