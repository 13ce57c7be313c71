"""What a table holds about one person, said once: for their file, its schema and the page about it.

A room's `privacy.py` lists its sheets. A field of a sheet's model is a column, or left out with the
reason; `tests/supportgroups/test_privacy.py` finds one that is neither.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import QuerySet

#: Why a field of a sheet's model is not in the file.
SOMEBODY_ELSE = "Names somebody else."
INNER = "Needed by the software; says nothing about anybody."
A_KEY = "Opens something to whoever holds it."
STAFF_WORDS = "What staff wrote for one another."


class Part(StrEnum):
    """What people look for together."""

    ACCOUNT = "account"
    GROUPS = "groups"
    SESSIONS = "sessions"
    ANSWERS = "answers"
    AGREED = "agreed"
    SAFETY = "safety"
    WORK = "work"
    TRAIL = "trail"


class Form(StrEnum):
    """How a value is written."""

    WORDS = "words"
    CHOICE = "choice"
    MOMENT = "moment"
    DAY = "day"
    TIME = "time"
    NUMBER = "number"
    YES_NO = "yes_no"
    LIST = "list"
    #: Questions with their answers.
    SAID = "said"


#: JSON Schema of each form. A list is never null: it is empty.
_SCHEMA: Mapping[Form, dict[str, Any]] = {
    Form.WORDS: {"type": ["string", "null"]},
    Form.CHOICE: {"type": ["string", "null"]},
    Form.MOMENT: {"type": ["string", "null"], "format": "date-time"},
    Form.DAY: {"type": ["string", "null"], "format": "date"},
    # A time on somebody's own clock, for which JSON Schema has no format: "time" wants a zone.
    Form.TIME: {"type": ["string", "null"], "pattern": "^[0-2][0-9]:[0-5][0-9]$"},
    Form.NUMBER: {"type": ["number", "null"]},
    Form.YES_NO: {"type": ["boolean", "null"]},
    Form.LIST: {"type": "array", "items": {"type": "string"}},
    Form.SAID: {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
            "required": ["question", "answer"],
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True)
class Column:
    """One value of a row: its name in the file, in words, and where it comes from."""

    name: str
    label: str
    form: Form
    #: A path like "support_session.group.name", or what makes the value of a row. Empty: the name.
    of: str | Callable[[Any], Any] = ""
    #: The model's fields that a callable reads.
    uses: tuple[str, ...] = ()

    @property
    def fields(self) -> set[str]:
        """Which of the model's fields end up in it."""
        if callable(self.of):
            return set(self.uses)
        return {(self.of or self.name).split(".")[0]}

    def value(self, row: Any) -> Any:
        """The value of one row, as JSON holds it."""
        if callable(self.of):
            return _plain(self.of(row))
        *way, last = (self.of or self.name).split(".")
        for step in way:
            row = getattr(row, step)
            if row is None:
                return None
        if self.form is Form.CHOICE:
            return _plain(getattr(row, f"get_{last}_display")())
        return _plain(getattr(row, last))


@dataclass(frozen=True)
class Link:
    """Where a person sees or changes it."""

    name: str
    label: str


@dataclass(frozen=True)
class Sheet:
    """The rows of one model that are about one person, as that person reads them."""

    name: str
    heading: str
    part: Part
    #: Label of the model; its entry in docs/data-retention.yaml says why, who and how long.
    model: str
    #: The person -> their rows, oldest first.
    rows: Callable[[Any], QuerySet[Any]]
    columns: tuple[Column, ...]
    #: Field of the model -> why it is not in the file.
    left_out: Mapping[str, str] = field(default_factory=dict)
    #: How to have it corrected, or that it cannot be, in a sentence.
    change: str = ""
    links: tuple[Link, ...] = ()
    #: Fields that lead to the person, beside those of columns.
    whose: tuple[str, ...] = ()
    #: Whether the model is about people. Of another one the sheet shows what a person has to do
    #: with it, and the rest of its fields is nobody's.
    is_about_people: bool = True
    #: Entry of the register that stands for this one too.
    kept_as: str = ""

    def export(self, user: Any) -> list[dict[str, Any]]:
        """The person's rows. The database hands them over in portions."""
        return [
            {column.name: column.value(row) for column in self.columns}
            for row in self.rows(user).iterator(chunk_size=500)
        ]

    def schema(self) -> dict[str, Any]:
        """JSON Schema of one sheet."""
        return {
            "title": self.heading,
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    each.name: {"title": each.label, **_SCHEMA[each.form]} for each in self.columns
                },
                "required": [each.name for each in self.columns],
                "additionalProperties": False,
            },
        }


def export(sheets: Iterable[Sheet], user: Any) -> dict[str, Any]:
    """Name of each sheet -> the person's rows."""
    return {sheet.name: sheet.export(user) for sheet in sheets}


def words(name: str, label: str, of: str | Callable[[Any], Any] = "", *uses: str) -> Column:
    return Column(name, label, Form.WORDS, of, uses)


def choice(name: str, label: str, of: str = "") -> Column:
    return Column(name, label, Form.CHOICE, of)


def moment(name: str, label: str, of: str | Callable[[Any], Any] = "", *uses: str) -> Column:
    return Column(name, label, Form.MOMENT, of, uses)


def day(name: str, label: str, of: str | Callable[[Any], Any] = "", *uses: str) -> Column:
    return Column(name, label, Form.DAY, of, uses)


def clock(name: str, label: str, of: str = "") -> Column:
    return Column(name, label, Form.TIME, of)


def number(name: str, label: str, of: str | Callable[[Any], Any] = "", *uses: str) -> Column:
    return Column(name, label, Form.NUMBER, of, uses)


def yes_no(name: str, label: str, of: str | Callable[[Any], Any] = "", *uses: str) -> Column:
    return Column(name, label, Form.YES_NO, of, uses)


def listed(name: str, label: str, of: Callable[[Any], Sequence[str]], *uses: str) -> Column:
    return Column(name, label, Form.LIST, of, uses)


def said(
    name: str, label: str, of: Callable[[Any], Iterable[tuple[str, str]]], *uses: str
) -> Column:
    def in_pairs(row: Any) -> list[dict[str, str]]:
        return [{"question": question, "answer": answer} for question, answer in of(row)]

    return Column(name, label, Form.SAID, in_pairs, uses)


def in_words(column: Column, value: Any) -> Iterator[tuple[str, Any]]:
    """A value that stands in the file, for a page: what it is called, and the value as Python
    knows it. Nothing for what is empty."""
    if value is None or value == []:
        return
    if column.form is Form.MOMENT:
        value = datetime.fromisoformat(value)
    elif column.form is Form.DAY:
        value = date.fromisoformat(value)
    elif column.form is Form.TIME:
        value = time.fromisoformat(value)
    yield column.label, value


def _plain(value: Any) -> Any:
    """As JSON holds it: times in UTC, nothing for empty words."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, str):
        return str(value) or None
    return value
