"""The library of vetted sources: who keeps it, who sees it. Asks, never writes."""

from datetime import date, timedelta

from accounts.models import Organisation, User
from accounts.rules import Viewer, check_may_coordinate, organisations_coordinated_by
from safeguarding.models import Resource, ResourceQuerySet
from supportgroups.lib.refusals import Refused

#: A review holds this long, unless somebody chooses another day.
REVIEW_HOLDS = timedelta(days=182)
#: What is read once is not trusted for longer than this.
LONGEST_REVIEW = timedelta(days=731)


def library_kept_by(user: Viewer) -> ResourceQuerySet:
    """The sources that this person can change: those of the organisations they coordinate."""
    return (
        Resource.objects.kept()
        .filter(organisation__in=organisations_coordinated_by(user))
        .select_related("organisation", "reviewed_by")
    )


def check_may_keep(user: User, organisation: Organisation) -> None:
    """Raise `Refused` for whoever does not coordinate the organisation."""
    check_may_coordinate(user, organisation)


def check_review_until(day: date, *, today: date) -> None:
    """Raise `Refused` for a review that ends before it begins, or holds for too long."""
    if day <= today:
        raise Refused("in_the_past", "Choose a day that is still to come.")
    if day > today + LONGEST_REVIEW:
        raise Refused("too_long", "Choose a day within the next two years.")


def check_title_is_free(
    title: str, organisation: Organisation, *, besides: Resource | None = None
) -> None:
    """Raise `Refused` when the library has another source of this title."""
    others = Resource.objects.kept().filter(organisation=organisation, title__iexact=title)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if others.exists():
        raise Refused("title_taken", "The library has a source of this title already.")
