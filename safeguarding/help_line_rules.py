"""An organisation's help lines, and whether somebody has confirmed them. Asks, never writes."""

from dataclasses import dataclass
from datetime import date, timedelta

from accounts.models import Organisation
from safeguarding.crisis import CrisisHelp, HelpLine, kept_help, review_days, shipped_help
from safeguarding.models import CountryLine, CountryLines
from safeguarding.rules import today_at
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import dialled, texted

#: Numbers change: a confirmation holds no longer than this.
LONGEST_REVIEW = timedelta(days=366)


@dataclass(frozen=True)
class KeptLine:
    """One line with its place, whether it is the organisation's own or came with the software."""

    position: int
    line: HelpLine


@dataclass(frozen=True)
class Kept:
    """What an organisation's people see, and how far it can be trusted."""

    #: Empty while the organisation has changed and confirmed nothing.
    own: CountryLines | None
    help: CrisisHelp
    lines: list[KeptLine]
    is_confirmed: bool
    is_overdue: bool
    #: Lines of the software that the organisation does not have.
    not_kept: list[HelpLine]

    def at(self, position: int) -> HelpLine | None:
        """The line at this place."""
        return next((kept.line for kept in self.lines if kept.position == position), None)


def lines_kept_by(organisation: Organisation) -> Kept:
    """The lines of the organisation's own country."""
    rows = list(
        CountryLine.objects.filter(
            lines__organisation=organisation, lines__country=organisation.country
        ).select_related("lines__confirmed_by")
    )
    shipped, found = shipped_help(organisation.country), kept_help(organisation.country, rows)
    own = rows[0].lines if rows else None
    places = [row.position for row in rows] or range(1, len(found.lines) + 1)
    names = {line.name.lower() for line in found.lines}
    holds = own is not None and own.holds_on(today_at(organisation))
    return Kept(
        own=own,
        help=found,
        lines=[KeptLine(*pair) for pair in zip(places, found.lines, strict=True)],
        is_confirmed=holds,
        is_overdue=own is not None and own.confirmed_at is not None and not holds,
        not_kept=[line for line in shipped.lines if line.name.lower() not in names] if own else [],
    )


def check_number(number: str) -> None:
    """Raise `Refused` for what no telephone can dial."""
    if not 2 <= len(dialled(number).lstrip("+")) <= 15:
        raise Refused("no_number", "Write a number to dial, for example 116 123.")


def check_text(words: str) -> None:
    """Raise `Refused` for what no telephone can send to."""
    if not 3 <= len(texted(words).lstrip("+")) <= 15:
        raise Refused("no_number", "Write the word and the number, for example SHOUT to 85258.")


def check_review_until(day: date, organisation: Organisation) -> None:
    """Raise `Refused` for a review that ends before it begins, or holds for too long."""
    today = today_at(organisation)
    if day <= today:
        raise Refused("in_the_past", "Choose a day that is still to come.")
    if day > today + LONGEST_REVIEW:
        raise Refused("too_long", "Choose a day within a year: numbers change.")


def review_until(organisation: Organisation) -> date:
    """The day to suggest for the next review."""
    return today_at(organisation) + timedelta(days=review_days())
