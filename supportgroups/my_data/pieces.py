"""What is held about a person, put together as people look for it: for the page and the copy.

Why, who and how long stand in `docs/data-retention.yaml` and nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from accounts.models import User
from supportgroups import privacy
from supportgroups.lib.lifetimes import register
from supportgroups.lib.portable import Part, Sheet

HEADINGS: Mapping[Part, str] = {
    Part.ACCOUNT: "Your account",
    Part.GROUPS: "Your groups",
    Part.SESSIONS: "Sessions, and what you wrote",
    Part.ANSWERS: "What you answered",
    Part.AGREED: "What you agreed to",
    Part.SAFETY: "Concerns and safety",
    Part.WORK: "What you do for organisations",
    Part.TRAIL: "What was done, and by whom",
}


@dataclass(frozen=True)
class Piece:
    """One kind of rows: how many there are, why they are kept, who reads them, how long."""

    sheet: Sheet
    count: int
    why: str
    who: str
    how_long: str

    @property
    def field_id(self) -> str:
        """The id of its heading."""
        return self.sheet.name.replace("_", "-")


@dataclass(frozen=True)
class Chapter:
    """What belongs together."""

    part: Part
    pieces: Sequence[Piece]
    #: Headings of what there could be and is not.
    nothing: Sequence[str]

    @property
    def heading(self) -> str:
        return HEADINGS[self.part]

    @property
    def field_id(self) -> str:
        return f"part-{self.part}"


def piece_of(sheet: Sheet, count: int) -> Piece:
    """In the words that the register has for the person whom it is about."""
    return Piece(sheet, count, **register()[sheet.kept_as or sheet.model]["to_you"])


def chapters(counts: Mapping[str, int]) -> Iterable[Chapter]:
    """Each part of which there is something; what people do as staff only for those who do."""
    for part in Part:
        sheets = [sheet for sheet in privacy.sheets() if sheet.part is part]
        there = [piece_of(sheet, counts[sheet.name]) for sheet in sheets if counts[sheet.name]]
        nothing = [sheet.heading for sheet in sheets if not counts[sheet.name]]
        if there or part is not Part.WORK:
            yield Chapter(part, there, nothing)


def counted(user: User) -> dict[str, int]:
    """Name of each sheet -> how many rows there are, from the rows."""
    return {sheet.name: sheet.rows(user).count() for sheet in privacy.sheets()}
