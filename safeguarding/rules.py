"""Who answers for a concern, and by when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer, on_call_people, organisations_coordinated_by
from safeguarding.models import Alert, Away, Concern, ConcernQuerySet, OnCallPlan
from supportgroups.lib.refusals import Refused

# Who is on call ----------------------------------------------------------------------------------


def on_call_plan(organisation: Organisation) -> OnCallPlan:
    """What the organisation has set, else the defaults."""
    return OnCallPlan.objects.filter(organisation=organisation).first() or OnCallPlan(
        organisation=organisation
    )


def today_at(organisation: Organisation, at: datetime | None = None) -> date:
    """The organisation's own day."""
    return (at or timezone.now()).astimezone(ZoneInfo(organisation.time_zone)).date()


def on_call(
    organisation: Organisation, *, about: User | None = None, at: datetime | None = None
) -> QuerySet[User]:
    """Whom to ask at this moment, first person first: nobody who is away, or whom it is about."""
    away = Away.objects.on(today_at(organisation, at)).filter(
        organisation=organisation, person=OuterRef("pk")
    )
    people = on_call_people(organisation.pk).filter(~Exists(away))
    return people.exclude(pk=about.pk) if about else people


def named_person(
    organisation: Organisation, *, about: User, at: datetime | None = None
) -> User | None:
    """The first person on call who is not the one that the concern is about."""
    return on_call(organisation, about=about, at=at).first()


#: When everybody was asked and nobody has confirmed, everybody is asked again after this time.
EVERYBODY_AGAIN_AFTER = timedelta(hours=24)


def next_to_ask(concern: Concern, *, at: datetime) -> Sequence[User]:
    """Who is asked next: one person who was not asked yet, else everybody, else nobody."""
    people = list(on_call(concern.organisation, about=concern.about, at=at))
    asked = set(concern.alerts.values_list("person", flat=True))
    fresh = [person for person in people if person.pk not in asked]
    return fresh[:1] or people


# When a mail fails -------------------------------------------------------------------------------

#: Minutes until the next try, by how often it failed already; then every hour, without end.
_TRIED_AGAIN_AFTER = (1, 2, 5, 10, 20, 30)
#: The clock leaves a fresh alert to the worker that was asked at once.
FIRST_TRY_BY_THE_CLOCK = timedelta(minutes=1)


def next_try_at(attempts: int, *, at: datetime) -> datetime:
    """When to try again after so many failures."""
    tries = (*_TRIED_AGAIN_AFTER, 60)
    return at + timedelta(minutes=tries[min(attempts, len(tries)) - 1])


def failing_alerts(concern: Concern) -> QuerySet[Alert]:
    """Alerts about it that could not be sent so far."""
    return Alert.objects.failing().filter(concern=concern).select_related("person")


def concerns_not_told(concerns: ConcernQuerySet) -> set[UUID]:
    """Which of these have an alert that could not be sent so far."""
    failing = Alert.objects.failing().filter(concern__in=concerns.order_by().values("pk"))
    return set(failing.values_list("concern", flat=True))


@dataclass(frozen=True)
class LogEntry:
    """One line of what happened with a concern."""

    at: datetime
    #: Who did it; None for the clock, and for an account that is gone.
    by: User | None
    words: str
    note: str = ""


def log_of(concern: Concern) -> list[LogEntry]:
    """Everything that happened with it, in order: who was told, what was done."""
    lines = []
    for alert in concern.alerts.select_related("person"):
        name = alert.person.public_name
        if alert.sent_at is not None:
            lines.append(LogEntry(alert.sent_at, None, f"{name} was told by e-mail"))
        elif alert.has_failed:
            words = f"The e-mail to {name} could not be sent yet"
            lines.append(LogEntry(alert.made_at, None, words))
    for step in concern.steps_taken.select_related("taken_by", "handed_to"):
        words = step.get_kind_display()
        if step.handed_to is not None:
            words = f"Handed it over to {step.handed_to.public_name}"
        lines.append(LogEntry(step.taken_at, step.taken_by, words, step.note))
    return sorted(lines, key=lambda line: line.at)


# Who sees and acts -------------------------------------------------------------------------------


def concerns_visible_to(user: Viewer) -> ConcernQuerySet:
    """Concerns of the organisations a person coordinates, and those they were asked to look after.

    The second only while they work there; whoever is named keeps an open one. Never one about
    themselves: somebody else looks after it, and may write freely about it.
    """
    if not user.is_authenticated:
        return Concern.objects.none()
    asked = Exists(Alert.objects.filter(concern=OuterRef("pk"), person=user))
    works_there = Q(organisation__in=StaffRole.objects.filter(user=user).values("organisation"))
    named = Q(assigned_to=user)
    return Concern.objects.filter(
        Q(organisation__in=organisations_coordinated_by(user))
        | (works_there & (named | asked))
        | (named & Q(closed_at__isnull=True))
    ).exclude(about=user)


def check_may_see_list(user: Viewer) -> None:
    """Raise `Refused` for whoever neither coordinates nor is on call nor has a task."""
    if not user.is_authenticated or not (
        organisations_coordinated_by(user).exists()
        or StaffRole.objects.filter(user=user, on_call_position__isnull=False).exists()
        or concerns_visible_to(user).exists()
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


def may_take_over(concern: Concern, *, at: datetime | None = None) -> QuerySet[User]:
    """To whom it can be handed: supervisors and whoever is on call, those present only."""
    roles = StaffRole.objects.agreed().filter(
        Q(role__in=[StaffRole.Role.COORDINATOR, StaffRole.Role.SUPERVISOR])
        | Q(on_call_position__isnull=False),
        organisation=concern.organisation_id,
    )
    away = Away.objects.on(today_at(concern.organisation, at)).filter(
        organisation=concern.organisation_id
    )
    return (
        User.objects.filter(is_active=True, pk__in=roles.values("user"))
        .exclude(pk__in=away.values("person"))
        .exclude(pk__in=[pk for pk in (concern.about_id, concern.assigned_to_id) if pk])
        .order_by("display_name", "pk")
    )
