"""Everything the house holds about a person: each room's `privacy.py`, from the top down."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import Q
from psycopg import errors

from accounts import privacy as accounts_privacy
from accounts.models import Organisation, User
from audit.trail import record
from groups import privacy as groups_privacy
from groups.models import SupportGroup
from outcomes import privacy as outcomes_privacy
from oversight import privacy as oversight_privacy
from safeguarding import privacy as safeguarding_privacy
from safeguarding.hold_rules import holds_standing
from safeguarding.models import Hold
from screening import privacy as screening_privacy
from sessions import privacy as sessions_privacy
from sessions.models import SupportSession
from supportgroups.lib.portable import Sheet
from supportgroups.lib.refusals import Refused

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


#: Each app before those on whose rows its own stand.
_FROM_THE_TOP = (
    oversight_privacy,
    outcomes_privacy,
    screening_privacy,
    sessions_privacy,
    safeguarding_privacy,
    groups_privacy,
    accounts_privacy,
)
#: Two who need the same rows in another order may meet; the database ends one of them.
_TRIES = 3


def to_hand_over(user: User) -> list[Refused]:
    """What somebody else has to take over before this person can close their account: each with
    words and a way on."""
    return [
        each
        for app in (accounts_privacy, groups_privacy, sessions_privacy)
        for each in app.to_hand_over(user)
    ]


@dataclass(frozen=True)
class Before:
    """What somebody should know before they close their account."""

    #: What somebody else has to take over first.
    to_hand_over: list[Refused]
    #: Who wants to be in touch because of what this person answered.
    waiting_to_be_in_touch: list[Organisation]
    #: Words about them that an organisation keeps for a while, with the reason.
    held: list[Hold]
    #: Groups that go on with somebody else.
    led: list[SupportGroup]
    #: Whether they help anywhere, beside being a participant.
    is_staff: bool


def before_closing(user: User) -> Before:
    """Read afresh each time the page is shown."""
    return Before(
        to_hand_over(user),
        list(safeguarding_privacy.waiting_to_be_in_touch(user)),
        list(holds_standing(user)),
        list(SupportGroup.objects.filter(facilitator_assignments__user=user).order_by("name")),
        user.staff_roles.exists(),
    )


def erase(user: User, *, by: User | None = None, leaves_unled: bool = False) -> bool:
    """Erase a person, all at once or not at all. False if they are gone already.

    What is kept without whom, and why: decision 19. `by` is None for the clock or an operator.
    Raises `Refused` while something is to be handed over, unless `leaves_unled`, which is for
    operators.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            return _erase(user, by=by, leaves_unled=leaves_unled)
        except OperationalError as error:
            if not (tries_left and isinstance(error.__cause__, errors.DeadlockDetected)):
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def _erase(user: User, *, by: User | None, leaves_unled: bool) -> bool:
    person = _locked(user)
    if person is None:
        return False
    if not leaves_unled:
        for refused in to_hand_over(person):
            raise refused
    groups_privacy.leave(person)
    sessions_privacy.leave(person)
    record("account.closed", by=by, on=person)
    for app in _FROM_THE_TOP:
        app.erase(person)
    return True


def _locked(user: User) -> User | None:
    """The person, with what others lock before them locked first.

    Whoever writes a row that names the person waits for this transaction, and is refused by the
    foreign key when it is over: nothing is written for somebody who is gone.
    """
    list(
        Organisation.objects.select_for_update(no_key=True, of=("self",))
        .filter(staff_roles__user=user)
        .order_by("pk")
    )
    groups = SupportGroup.objects.filter(
        Q(memberships__user=user) | Q(facilitator_assignments__user=user) | Q(overseer=user)
    ).values("pk")
    list(SupportGroup.objects.select_for_update(no_key=True).filter(pk__in=groups).order_by("pk"))
    list(
        SupportSession.objects.select_for_update(no_key=True, of=("self",))
        .filter(
            Q(group__in=groups) | Q(covers__taken_by=user),
            status=SupportSession.Status.LIVE,
        )
        .order_by("pk")
    )
    return User.objects.select_for_update().filter(pk=user.pk).first()
