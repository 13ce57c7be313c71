"""Everything the house holds about a person: each room's `privacy.py`, from the top down."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from accounts import privacy as accounts_privacy
from accounts.models import User
from groups import privacy as groups_privacy
from outcomes import privacy as outcomes_privacy
from oversight import privacy as oversight_privacy
from safeguarding import privacy as safeguarding_privacy
from screening import privacy as screening_privacy
from sessions import privacy as sessions_privacy
from supportgroups.lib.portable import Sheet

#: In the order in which a person reads it.
ROOMS: tuple[ModuleType, ...] = (
    accounts_privacy,
    groups_privacy,
    sessions_privacy,
    screening_privacy,
    outcomes_privacy,
    safeguarding_privacy,
    oversight_privacy,
)

_IN_THE_TRAIL = "That somebody did it stands in what they did."
#: Rows of rooms without a sheet: what people do there for an organisation.
LEFT_OUT = {
    "instruments.TermsAcceptance.accepted_by": _IN_THE_TRAIL,
    "instruments.TermsAcceptance.withdrawn_by": _IN_THE_TRAIL,
    "instruments.Licence.recorded_by": _IN_THE_TRAIL,
    "instruments.Licence.ended_by": _IN_THE_TRAIL,
    "outreach.Feed.overseer": "Oversees the groups that come from it, which stand there.",
    "outreach.Import.made_by": _IN_THE_TRAIL,
}


def sheets() -> Iterator[Sheet]:
    """Every sheet of every room."""
    for room in ROOMS:
        yield from room.SHEETS
    yield oversight_privacy.READINGS


def export(user: User) -> dict[str, Any]:
    """Name of each sheet -> the person's rows. Nothing of anybody else."""
    found: dict[str, Any] = {}
    for room in ROOMS:
        found |= room.export(user)
    return found
