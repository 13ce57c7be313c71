"""Who may have a concern's words outlive an account, and until when."""

from datetime import date, datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import Viewer, check_may_coordinate, organisations_coordinated_by
from safeguarding.models import Concern, Hold
from supportgroups.lib.refusals import Refused

#: A longer one is placed again in good time.
LONGEST = timedelta(days=2 * 365)


def check_may_hold(user: Viewer, concern: Concern) -> None:
    """Raise `Refused` unless this person coordinates the organisation, and it is about another."""
    check_may_coordinate(user, concern.organisation)
    if concern.about_id == user.pk:
        raise Refused("oneself", "This is about yourself. Another coordinator decides about it.")


def check_until(until: date, *, at: datetime) -> None:
    """Raise `Refused` for a last day that is over or too far away."""
    today = timezone.localdate(at)
    if not today < until <= today + LONGEST:
        raise Refused("until", "Choose a day from tomorrow on, within two years.")


def holds_standing(user: User) -> QuerySet[Hold]:
    """Marks on concerns about this person: what an organisation keeps if they close their
    account."""
    return Hold.objects.filter(concern__about=user, until__gte=timezone.localdate()).select_related(
        "organisation"
    )


def kept_seen_by(user: Viewer) -> QuerySet[Hold]:
    """What was kept when an account closed, for coordinators of the organisation."""
    return Hold.objects.filter(
        kept_at__isnull=False, organisation__in=organisations_coordinated_by(user)
    ).select_related("organisation", "placed_by")


def organisations_that_keep(user: Viewer) -> QuerySet[Organisation]:
    """Where this person finds something that was kept."""
    return organisations_coordinated_by(user).filter(
        pk__in=Hold.objects.filter(kept_at__isnull=False).values("organisation")
    )


def words_of(hold: Hold) -> tuple[str, str]:
    """The name and the words of one that was kept."""
    return hold.name, hold.record


def holds_over(before: datetime) -> QuerySet[Hold]:
    """Holds whose last day is over, kept or not."""
    return Hold.objects.filter(until__lt=timezone.localdate(before))
