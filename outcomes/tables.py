"""A figure as data: page, CSV and report show the same numbers because they share it."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from accounts.models import Organisation, User
from groups.models import SupportGroup
from outcomes.scopes import Scope

#: What stands in a cell. None is hidden; an empty string is where there is nothing to say.
type Value = str | int | float | date | None

HIDDEN = "Not shown"
#: A table with more columns takes the whole width of a page.
MOST_COLUMNS_OF_A_HALF = 5
#: What spreadsheets take for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Linked:
    """A number that leads to the people or sessions that it counts."""

    value: Value
    url: str


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; numbers stand to the right, with their unit on the page."""

    label: str
    unit: str = ""
    is_number: bool = True
    #: Decimals that every number has, so that they stand under one another.
    digits: int | None = None

    @property
    def label_with_unit(self) -> str:
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell as the page shows it."""

    words: str
    is_number: bool
    is_hidden: bool = False
    url: str = ""


@dataclass(frozen=True)
class Table:
    """The numbers of one figure, in the order in which they are read.

    `heading` states the finding, `definition` how it is counted (sentences), `notes` what limits
    it. The first cell of a row names it.
    """

    key: str
    heading: str
    definition: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value | Linked]]
    notes: Sequence[str] = ()
    #: Which people, in words: "Peer-led groups, first came in 2026".
    about: str = ""

    @property
    def title_id(self) -> str:
        """The id of its heading on a page."""
        return f"{self.key}-title"

    @property
    def is_wide(self) -> bool:
        """Whether it needs the whole width of a page."""
        return len(self.columns) > MOST_COLUMNS_OF_A_HALF

    @property
    def shown_rows(self) -> list[list[Shown]]:
        """The cells in words, hidden ones included."""
        return [
            [self._shown(column, cell) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def _shown(self, column: Column, cell: Value | Linked) -> Shown:
        value, url = (cell.value, cell.url) if isinstance(cell, Linked) else (cell, "")
        if value is None:
            return Shown(HIDDEN, column.is_number, is_hidden=True)
        words = said(value, column.digits)
        if column.is_number and words.startswith("-"):
            words = f"−{words[1:]}"
        if words and column.is_number and column.unit == "%":
            words += "%"
        return Shown(words, column.is_number, url=url)

    def csv(self) -> str:
        """The same rows for a spreadsheet; lines that begin with # say what they are."""
        out = io.StringIO()
        for line in (self.heading, self.about, *self.definition, *self.notes):
            if line:
                out.write(f"# {' '.join(line.split())}\r\n")
        write = csv.writer(out).writerow
        write([harmless(column.label_with_unit) for column in self.columns])
        for row in self.rows:
            values = [cell.value if isinstance(cell, Linked) else cell for cell in row]
            write([_for_csv(*each) for each in zip(values, self.columns, strict=True)])
        return out.getvalue()


def said(value: Value, digits: int | None = None) -> str:
    """A value in words: decimals with a point, as they were rounded."""
    if value is None:
        return HIDDEN
    if isinstance(value, float) and digits is not None:
        words = f"{value:.{digits}f}"
        return words.removeprefix("-") if float(words) == 0 else words
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)


def harmless(words: str) -> str:
    """Words that no spreadsheet takes for a formula."""
    return f"'{words}" if words.startswith(_FORMULA) else words


def _for_csv(value: Value, column: Column) -> str:
    # Numbers are ours; words may be a group's name, which somebody typed.
    return harmless(value) if isinstance(value, str) else said(value, column.digits)


@dataclass(frozen=True)
class Asked:
    """What a coordinator asks of the figures: of which organisation and people, and when."""

    user: User
    organisation: Organisation
    groups: Sequence[SupportGroup]
    scope: Scope
    at: datetime
    zone: ZoneInfo
    #: Which people, in words.
    about: str = ""
    #: The filters that are set, by name, and as they stand in the address, to keep them in links.
    chosen: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    #: Slug and name of each topic of the organisation's groups.
    topics: Sequence[tuple[str, str]] = ()
    #: What else the address says, one figure's own choices.
    given: Mapping[str, str] = field(default_factory=dict)
    #: False while very much changed at once and the clock is still counting.
    is_counted: bool = True
    #: Of what is kept about the organisation's people; None if it is not known.
    version: int | None = None


#: Makes one figure's table.
type Make = Callable[[Asked], Table]
