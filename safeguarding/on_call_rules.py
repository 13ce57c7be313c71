"""Who is on call: who sees the list and changes it. Asks, never writes."""

from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Organisation, StaffRole, StaffRoleQuerySet, User
from accounts.rules import Viewer, organisations_coordinated_by
from safeguarding.models import Away, OnCallPlan
from safeguarding.rules import today_at
from supportgroups.lib.refusals import Refused

#: Whoever is away longer is taken off the list instead.
LONGEST_AWAY = timedelta(days=180)


def organisations_whose_list_is_seen_by(user: Viewer) -> QuerySet[Organisation]:
    """Coordinators see the list of their organisation, and so does whoever stands on it."""
    if not user.is_authenticated:
        return Organisation.objects.none()
    on_it = StaffRole.objects.filter(user=user, on_call_position__isnull=False)
    return Organisation.objects.filter(
        Q(pk__in=organisations_coordinated_by(user)) | Q(pk__in=on_it.values("organisation"))
    )


def roles_on_call(organisation: Organisation) -> StaffRoleQuerySet:
    """The list itself, in order, also of those who are away or have not signed in yet."""
    found: StaffRoleQuerySet = organisation.staff_roles.filter(on_call_position__isnull=False)
    return found.select_related("user", "organisation").order_by("on_call_position")


def roles_to_add(organisation: Organisation) -> StaffRoleQuerySet:
    """Who could be put on the list: one role of each person who is not on it."""
    on_it = organisation.staff_roles.filter(on_call_position__isnull=False).values("user")
    found: StaffRoleQuerySet = organisation.staff_roles.filter(user__is_active=True)
    return found.exclude(user__in=on_it).select_related("user").order_by("user__display_name", "pk")


def check_may_note_away(user: User, organisation: Organisation, person: User) -> None:
    """Raise `Refused` unless the person coordinates, or is away themselves and on the list."""
    if not organisation.staff_roles.filter(user=person).exists():
        raise Refused("not_staff", "This person does not work here.")
    seen = organisations_whose_list_is_seen_by(user).filter(pk=organisation.pk)
    coordinates = organisations_coordinated_by(user).filter(pk=organisation.pk)
    if not (coordinates.exists() or (user.pk == person.pk and seen.exists())):
        raise Refused("not_coordinator", "Coordinators say who is away, and everybody of themself.")


def check_day_to_come(until: date, organisation: Organisation, *, at: datetime) -> None:
    """Raise `Refused` for a day that is over, or far away."""
    today = today_at(organisation, at)
    if until < today:
        raise Refused("in_the_past", "Choose today or a later day.")
    if until > today + LONGEST_AWAY:
        raise Refused("too_long", "Choose a day within half a year, or take them off the list.")


def _time_words(minutes: int) -> str:
    if minutes < 60:
        return f"{minutes} minutes"
    if minutes % 60:
        return f"{minutes // 60} hours and {minutes % 60} minutes"
    hours = minutes // 60
    return f"{hours} hour{'' if hours == 1 else 's'}"


def plan_in_words(plan: OnCallPlan) -> list[str]:
    """What the times mean, as sentences for coordinators."""
    first = (
        f"Somebody is in touch within {_time_words(plan.answers_within_minutes)}. People read this "
        "as a promise."
    )
    then = (
        f"If nobody confirms within {_time_words(plan.escalates_after_minutes)}, the next person "
        "is asked. At the end of the list everybody is asked, and again each day."
    )
    if not plan.hours_in_words:
        return [first, then, "This holds at any time of day."]
    hours = plan.hours_in_words[0].lower() + plan.hours_in_words[1:]
    if not hours.startswith("every"):
        hours = plan.hours_in_words
    return [first, then, f"Both times run only while you are at work: {hours}."]


def away_over(before: datetime) -> QuerySet[Away]:
    """Who was away and is back. The day to spare is for zones."""
    return Away.objects.filter(until__lt=timezone.localdate(before))
