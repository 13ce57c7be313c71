"""Who sees the trail, who opened whose answers, and who may in an emergency."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import (
    Viewer,
    organisations_coordinated_by,
    organisations_worked_for_by,
)
from audit.models import Event
from groups.models import Membership, SupportGroup
from outcomes.models import Response
from oversight import words
from oversight.models import EmergencyAccess, EmergencyAccessQuerySet
from oversight.things import rows_about, rows_in
from safeguarding.models import Concern
from screening.models import Answer, Application
from sessions.models import Intervention, Message, Report
from supportgroups.lib.encryption import Unreadable, decrypt, encrypt
from supportgroups.lib.refusals import Refused

# The organisation's trail -------------------------------------------------------------------------


def people_of(organisation: Organisation) -> QuerySet[User]:
    """Everybody who works there, or is, was or asked to be in one of its groups."""
    works = StaffRole.objects.filter(organisation=organisation, user=OuterRef("pk"))
    member = Membership.objects.filter(group__organisation=organisation, user=OuterRef("pk"))
    asked = Application.objects.filter(form__group__organisation=organisation, user=OuterRef("pk"))
    return User.objects.filter(Exists(works) | Exists(member) | Exists(asked))


def _about_oneself(user: User) -> Iterable[QuerySet[Any]]:
    """Rows about a coordinator that others look after: they do not follow it in the trail."""
    yield Concern.objects.filter(about=user)
    yield Application.objects.filter(user=user)
    yield Report.objects.filter(message__sender=user)
    yield Message.objects.filter(sender=user)
    yield Intervention.objects.filter(about=user)
    yield EmergencyAccess.objects.filter(about=user)


def trail_of(user: User, organisation: Organisation) -> QuerySet[Event]:
    """What this coordinator sees of what happened in the organisation, the newest first.

    Nothing that people do for themselves, and nothing that others look after about the reader.
    """
    found = Event.objects.filter(
        organisation_id__in=organisations_coordinated_by(user).filter(pk=organisation.pk),
        verb__in=words.SHOWN_TO_COORDINATORS,
    )
    for rows in _about_oneself(user):
        found = found.exclude(object_id__in=rows.values("pk"))
    return found.order_by("-occurred_at", "-pk")


def narrowed(
    events: QuerySet[Event],
    organisation: Organisation,
    *,
    name: str = "",
    kind: str = "",
    group: SupportGroup | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Event]:
    """Of these, what a person of that name did or what is about them, and so on."""
    if name:
        people = people_of(organisation).filter(display_name__icontains=name).values("pk")
        about = Q(actor_id__in=people)
        for rows in rows_about(people):
            about |= Q(object_id__in=rows)
        events = events.filter(about)
    if group is not None:
        inside = Q()
        for rows in rows_in(group):
            inside |= Q(object_id__in=rows)
        events = events.filter(inside)
    for each in words.KINDS:
        if each.code == kind:
            events = events.filter(verb__in=each.words)
    if since is not None:
        events = events.filter(occurred_at__gte=since)
    if until is not None:
        events = events.filter(occurred_at__lt=until)
    return events


# Who opened what a person answered ----------------------------------------------------------------


def readings_of(user: User) -> QuerySet[Any, Any]:
    """By day: who else opened this person's answers, how often, and last when; newest first.

    A concern that staff opened in a session holds no answer, so who read it is not shown here. Of
    emergency access the person learns when it is over.
    """
    concerns = Concern.objects.filter(about=user).filter(
        Q(source__in=[Concern.Source.SCREENING, Concern.Source.SURVEY]) | Q(opened_by=user)
    )
    objects = (
        Q(object_id__in=Application.objects.filter(user=user).values("pk"))
        | Q(object_id__in=concerns.values("pk"))
        | Q(object_id__in=Response.objects.filter(invitation__membership__user=user).values("pk"))
        | Q(object_id__in=EmergencyAccess.objects.over().filter(about=user).values("pk"))
    )
    return (
        Event.objects.filter(objects, verb__in=words.READING)
        .exclude(actor_id=user.pk)
        .annotate(day=TruncDate("occurred_at"))
        .values("actor_id", "verb", "object_type", "object_id", "organisation_id", "day")
        .annotate(times=Count("pk"), last=Max("occurred_at"))
        .order_by("-last")
    )


def emergencies_told(user: User) -> EmergencyAccessQuerySet:
    """Emergency access to this person's answers that is over."""
    return EmergencyAccess.objects.over().filter(about=user).select_related("opened_by")


# Emergency access ---------------------------------------------------------------------------------

#: The mails are tried this often: at once, then by the clock.
MOST_ATTEMPTS = 5
_FIRST_TRY_BY_THE_CLOCK = timedelta(minutes=1)


def may_need_emergency_access(user: Viewer) -> QuerySet[Organisation]:
    """Where this person supervises or is on call, and coordinates not: coordinators see it all."""
    if not user.is_authenticated:
        return Organisation.objects.none()
    roles = StaffRole.objects.agreed().filter(user=user)
    helps = roles.filter(Q(role=StaffRole.Role.SUPERVISOR) | Q(on_call_position__isnull=False))
    return Organisation.objects.filter(pk__in=helps.values("organisation")).exclude(
        pk__in=organisations_coordinated_by(user)
    )


def organisations_with_emergency_page(user: Viewer) -> QuerySet[Organisation]:
    """Where this person sees the page: to open access, or as a coordinator to see who did."""
    return organisations_worked_for_by(user).filter(
        Q(pk__in=may_need_emergency_access(user)) | Q(pk__in=organisations_coordinated_by(user))
    )


def check_may_open_emergency(user: Viewer, organisation: Organisation) -> None:
    """Raise `Refused` for a coordinator, who needs it not, and for whoever may not."""
    if not may_need_emergency_access(user).filter(pk=organisation.pk).exists():
        raise Refused(
            "no_emergency",
            "Emergency access is for supervisors and people on call. "
            "Coordinators see requests and concerns without it.",
        )


def people_to_find(user: User, organisation: Organisation, name: str) -> QuerySet[User]:
    """Members and applicants whose name begins so, other than the one who looks."""
    if len(name) < 2:
        return User.objects.none()
    works = StaffRole.objects.filter(organisation=organisation, user=OuterRef("pk"))
    found = people_of(organisation).filter(display_name__istartswith=name, is_active=True)
    return found.exclude(pk=user.pk).exclude(Exists(works)).order_by("display_name", "pk")


def token_of(organisation: Organisation, about: User) -> str:
    """What a page's address calls a person. The key of their account would be the same in every
    organisation, so that two of them could find out that it is one person."""
    return encrypt(str(about.pk), bound_to=f"oversight.person.{organisation.pk}")


def person_with(organisation: Organisation, token: str) -> User | None:
    """Whom a token means, if they have to do with the organisation."""
    try:
        key = UUID(decrypt(token, bound_to=f"oversight.person.{organisation.pk}"))
    except (Unreadable, ValueError):
        return None
    return people_of(organisation).filter(pk=key).first()


def check_may_open_about(user: User, organisation: Organisation, about: User) -> None:
    """Raise `Refused` unless this person may open the answers of that one."""
    check_may_open_emergency(user, organisation)
    if about.pk == user.pk or not people_of(organisation).filter(pk=about.pk).exists():
        raise Refused("not_theirs", "This person has nothing to do with the organisation.")


def emergencies_seen_by(user: Viewer, organisation: Organisation) -> EmergencyAccessQuerySet:
    """All of the organisation for its coordinators, else one's own; never about the reader."""
    found = EmergencyAccess.objects.filter(organisation=organisation).exclude(about=user.pk)
    if not organisations_coordinated_by(user).filter(pk=organisation.pk).exists():
        found = found.filter(opened_by=user.pk)
    return found.select_related("about", "opened_by", "closed_by", "organisation")


def emergency_seen_by(user: Viewer) -> EmergencyAccessQuerySet:
    """To find one by its key: one's own while working there, and those of one's organisations."""
    if not user.is_authenticated:
        return EmergencyAccess.objects.none()
    own = Q(opened_by=user, organisation__in=organisations_worked_for_by(user))
    return (
        EmergencyAccess.objects.filter(own | Q(organisation__in=organisations_coordinated_by(user)))
        .exclude(about=user)
        .select_related("about", "opened_by", "closed_by", "organisation")
    )


def may_read_with(user: Viewer, access: EmergencyAccess) -> bool:
    """Only whoever opened it, only while it runs, and only while the role holds."""
    return (
        access.is_running
        and access.opened_by_id == user.pk
        and may_need_emergency_access(user).filter(pk=access.organisation_id).exists()
    )


@dataclass(frozen=True)
class Opened:
    """What emergency access shows: requests that were sent, and concerns."""

    requests: list[tuple[Application, list[Answer]]]
    concerns: list[Concern]


def opened_by_emergency(access: EmergencyAccess) -> Opened:
    """The person's requests to the organisation's groups and concerns about them.

    Never a check-in: of these people are told that nobody sees them with their name. Nor what was
    taken back.
    """
    hidden = [Application.Status.DRAFT, Application.Status.WITHDRAWN]
    applications = (
        Application.objects.filter(
            user=access.about_id, form__group__organisation=access.organisation_id
        )
        .exclude(status__in=hidden)
        .select_related("form__group")
        .order_by("-submitted_at")
    )
    concerns = Concern.objects.filter(
        about=access.about_id, organisation=access.organisation_id
    ).select_related("organisation", "assigned_to")
    return Opened(
        requests=[
            (
                application,
                list(
                    application.answers.select_related("question__instrument").order_by(
                        "question__position"
                    )
                ),
            )
            for application in applications
        ],
        concerns=list(concerns.order_by("-opened_at")),
    )


def to_announce() -> EmergencyAccessQuerySet:
    """Accesses of which the coordinators were not told yet."""
    return EmergencyAccess.objects.filter(
        announced_at__isnull=True, attempts__lt=MOST_ATTEMPTS
    ).select_related("organisation", "opened_by")


def to_announce_by_the_clock(*, at: datetime | None = None) -> EmergencyAccessQuerySet:
    at = at or timezone.now()
    return to_announce().filter(opened_at__lt=at - _FIRST_TRY_BY_THE_CLOCK)


def to_tell(*, at: datetime | None = None) -> EmergencyAccessQuerySet:
    """Accesses that are over and of which the person was not told yet."""
    return (
        EmergencyAccess.objects.over(at)
        .filter(told_at__isnull=True, told_attempts__lt=MOST_ATTEMPTS, about__is_active=True)
        .select_related("about", "organisation")
    )


def whom_to_announce(access: EmergencyAccess) -> QuerySet[User]:
    """The organisation's coordinators. One that it is about learns of it afterwards, as anybody;
    where that is the only one, everybody on call is told.
    """
    roles = StaffRole.objects.agreed().filter(organisation=access.organisation_id)
    others = User.objects.filter(is_active=True).exclude(pk=access.about_id)
    coordinators = others.filter(pk__in=roles.coordinators().values("user"))
    if coordinators.exists():
        return coordinators
    on_call = roles.filter(on_call_position__isnull=False)
    return others.filter(pk__in=on_call.values("user"))
