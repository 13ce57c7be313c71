"""Who may do what in an organisation."""

from importlib import import_module
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Min, Q, QuerySet
from django.http import HttpRequest
from django.utils.text import slugify

from accounts.models import Organisation, StaffRole, User
from supportgroups.lib.refusals import Refused

type Viewer = User | AnonymousUser


def signed_in_with(session_key: str | None) -> Viewer:
    """Who is signed in with this key at this moment, read afresh; nobody once it has ended.

    A page's request knows its person; a socket asks this again and again.
    """
    request = HttpRequest()
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(session_key)
    return get_user(request)


def organisations_coordinated_by(user: Viewer) -> QuerySet[Organisation]:
    """The organisations whose numbers, applications and concerns this person may see."""
    if not user.is_authenticated:
        return Organisation.objects.none()
    return Organisation.objects.filter(
        staff_roles__user=user, staff_roles__role=StaffRole.Role.COORDINATOR
    )


def check_may_coordinate(user: Viewer, organisation: Organisation) -> StaffRole:
    """The role that lets this person coordinate the organisation, or `Refused`."""
    role = None
    if user.is_authenticated:
        role = StaffRole.objects.coordinators().filter(user=user, organisation=organisation).first()
    if role is None:
        raise Refused("not_coordinator", "Only this organisation's coordinators can see this.")
    return role


def on_call_people(organisation_id: UUID) -> QuerySet[User]:
    """Whom to tell, first person first: the rota, then the other coordinators."""
    return (
        User.objects.filter(
            Q(staff_roles__on_call_position__isnull=False)
            | Q(staff_roles__role=StaffRole.Role.COORDINATOR),
            is_active=True,
            staff_roles__organisation_id=organisation_id,
        )
        .annotate(position=Min("staff_roles__on_call_position"))
        .order_by(F("position").asc(nulls_last=True), "joined_at")
    )


def check_name_is_free(name: str) -> None:
    """Raise `Refused` for an organisation's name that has no address, or another's."""
    slug = slugify(name)[:60].strip("-")
    if not slug:
        raise Refused("no_letters", "The name needs letters from a to z, or numbers.")
    if Organisation.objects.filter(Q(slug=slug) | Q(name__iexact=name)).exists():
        raise Refused("name_taken", "There is an organisation of this name already.")
