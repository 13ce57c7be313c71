"""Which summaries a person has, what is signed, and until when it holds. Asks, never writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import User
from accounts.rules import Viewer
from outcomes.models import Disclosure, DisclosureFile, DisclosureQuerySet
from supportgroups.lib.refusals import Refused

#: Days until a summary ends, as offered.
ENDS_AFTER = [(30, "In a month"), (90, "In 3 months"), (180, "In 6 months"), (365, "In a year")]
#: A worker that has not made it by then was killed.
CLAIM_LASTS = timedelta(minutes=3)
MOST_ATTEMPTS = 5


def disclosures_of(user: Viewer) -> DisclosureQuerySet:
    """A person's own; somebody else's are 404."""
    if not user.is_authenticated:
        return Disclosure.objects.none()
    return Disclosure.objects.filter(user=user).select_related("user")


def last_day_is_over(disclosure: Disclosure, *, at: datetime | None = None) -> bool:
    """Whether its time has run out, by its person's own clock."""
    zone = ZoneInfo(disclosure.user.time_zone)
    return timezone.localdate(at or timezone.now(), zone) > disclosure.ends_on


def holds(disclosure: Disclosure, *, at: datetime | None = None) -> bool:
    """Signed, not taken back, and not over."""
    signed = disclosure.signed_at is not None and disclosure.ended_at is None
    return signed and not last_day_is_over(disclosure, at=at)


def check_is_draft(user: Viewer, disclosure: Disclosure) -> None:
    """Raise `Refused` for somebody else's, and for what was signed."""
    if disclosure.user_id != user.pk:
        raise Refused("not_yours", "Only the person it is about can do this.")
    if disclosure.signed_at is not None:
        raise Refused(
            "signed",
            "You have signed this already, so it stays as it is. You can take it back.",
            next_step=("Go to your summaries", "/summaries/"),
        )


def check_may_download(
    user: Viewer, disclosure: Disclosure, kind: str, *, at: datetime | None = None
) -> DisclosureFile:
    """The file, while the consent holds, else `Refused`."""
    if disclosure.user_id != user.pk:
        raise Refused("not_yours", "Only the person it is about can do this.")
    found = disclosure.files.filter(kind=kind).first() if holds(disclosure, at=at) else None
    if found is None:
        raise Refused(
            "no_file",
            "There is no file to download.",
            next_step=("Go to your summaries", "/summaries/"),
        )
    return found


def disclosures_to_make(*, at: datetime | None = None) -> QuerySet[Disclosure]:
    """Signed ones that nobody is making at this moment."""
    at = at or timezone.now()
    return (
        Disclosure.objects.standing()
        .filter(
            Q(claimed_at__isnull=True) | Q(claimed_at__lt=at - CLAIM_LASTS),
            made_at__isnull=True,
            attempts__lt=MOST_ATTEMPTS,
        )
        .order_by("signed_at")
    )


def disclosures_over(*, at: datetime | None = None) -> list[Disclosure]:
    """Those whose last day has ended where their person is."""
    at = at or timezone.now()
    # No clock is more than 14 hours ahead.
    perhaps = Disclosure.objects.standing().filter(ends_on__lt=(at + timedelta(hours=14)).date())
    return [each for each in perhaps.select_related("user") if last_day_is_over(each, at=at)]


def drafts_expired(before: datetime) -> QuerySet[Disclosure]:
    """What was begun and never signed."""
    return Disclosure.objects.filter(signed_at__isnull=True, begun_at__lt=before)


def is_given_up(disclosure: Disclosure) -> bool:
    """Whether making it failed as often as it is tried."""
    return disclosure.made_at is None and disclosure.attempts >= MOST_ATTEMPTS


# The words that are signed ------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What the words of a consent name besides its own fields."""

    organisations: Sequence[str]
    #: What exactly, in sentences.
    contents: Sequence[str]
    signed_on: date


def _first_terms(disclosure: Disclosure, told: Told) -> list[tuple[str, str]]:
    """Version 1: the elements of 42 CFR 2.31, in its order."""
    organisations = " and ".join(told.organisations) or "Whoever runs this site"
    return [
        ("Whose information", disclosure.person_name),
        (
            "Who may make it known",
            f"{organisations}, by making this summary for me. I hand it over myself.",
        ),
        ("What exactly", " ".join(told.contents)),
        ("To whom", f"{disclosure.recipient_name}, {disclosure.recipient_organisation}"),
        ("What for", disclosure.purpose),
        (
            "My right to take it back",
            "I can take this back at any time, on the page of this summary, with the button "
            "“Take it back”. The files are then deleted. What was handed over before cannot be "
            "called back. Nothing in my groups depends on whether I sign.",
        ),
        ("When it ends", f"At the end of {date_format(disclosure.ends_on, 'j F Y')}"),
        ("Signed on", date_format(told.signed_on, "j F Y")),
    ]


#: Each version of the words, the newest last. What was signed is kept as it read.
TERMS: dict[int, Callable[[Disclosure, Told], list[tuple[str, str]]]] = {1: _first_terms}
VERSION = max(TERMS)

#: 42 CFR 2.32(a)(2), as it has to go with such records.
NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."


def terms_of(disclosure: Disclosure, told: Told) -> list[tuple[str, str]]:
    """The words of this consent: as they were signed, or as they would be now."""
    if disclosure.signed_at is not None:
        return [(name, words) for name, words in disclosure.terms]
    return TERMS[VERSION](disclosure, told)


def end_of(days: int, user: User, *, at: datetime | None = None) -> date:
    """The last day, so many days from the person's today."""
    return timezone.localdate(at or timezone.now(), ZoneInfo(user.time_zone)) + timedelta(days=days)
