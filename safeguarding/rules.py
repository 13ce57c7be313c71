"""Who answers for a concern, and by when."""

from datetime import datetime, timedelta

from django.urls import reverse

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer, on_call_people, organisations_coordinated_by
from safeguarding.models import Concern, ConcernQuerySet
from supportgroups.lib.refusals import Refused

#: A task of the same day: whoever is on call is in touch within this time.
ANSWERED_WITHIN = timedelta(hours=4)


def respond_by(opened_at: datetime) -> datetime:
    """When the named person must have been in touch."""
    return opened_at + ANSWERED_WITHIN


def named_person(organisation: Organisation, *, about: User) -> User | None:
    """The first person on call who is not the one that the concern is about."""
    return on_call_people(organisation.pk).exclude(pk=about.pk).first()


def concerns_visible_to(user: Viewer) -> ConcernQuerySet:
    """Concerns of the organisations a person coordinates, and those assigned to them.

    Never one about themselves: somebody else looks after it, and may write freely about it.
    """
    if not user.is_authenticated:
        return Concern.objects.none()
    coordinated = Concern.objects.filter(organisation__in=organisations_coordinated_by(user))
    return (coordinated | Concern.objects.filter(assigned_to=user)).exclude(about=user)


def check_may_see_list(user: Viewer) -> None:
    """Raise `Refused` for whoever neither coordinates nor is on call nor has a task."""
    if not user.is_authenticated or not (
        organisations_coordinated_by(user).exists()
        or StaffRole.objects.filter(user=user, on_call_position__isnull=False).exists()
        or user.assigned_concerns.exists()
    ):
        raise Refused(
            "not_handler",
            "Concerns are for coordinators and people on call.",
            next_step=("Find a group", reverse("groups:directory")),
        )


def check_may_handle(user: Viewer, concern: Concern) -> Concern:
    """The concern, if this person may act on it, else `Refused`."""
    found = concerns_visible_to(user).filter(pk=concern.pk).first()
    if found is None:
        raise Refused("not_handler", "Only the named person and coordinators can act on this.")
    return found
