"""What this room holds about a person, and what the trail does."""

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from audit.models import Event
from oversight import readers, rules
from oversight import words as trail_words
from supportgroups.lib import portable
from supportgroups.lib.portable import (
    INNER,
    SOMEBODY_ELSE,
    Link,
    Part,
    Sheet,
    choice,
    moment,
    number,
    words,
)

_WHO_READ = Link("oversight:who_read", "Who opened your answers")

SHEETS = (
    Sheet(
        "emergency_accesses",
        "When somebody opened your answers in an emergency",
        Part.SAFETY,
        "oversight.EmergencyAccess",
        # Of one that still runs the person learns when it is over.
        lambda user: (
            rules.emergencies_told(user).select_related("organisation").order_by("opened_at", "pk")
        ),
        (
            words("organisation", "Organisation", "organisation.name"),
            words("reason", "Why, in their words"),
            moment("opened_at", "Opened"),
            moment("ends_at", "Until at most"),
            moment("closed_at", "Ended before"),
            moment("told_at", "You were told"),
        ),
        left_out={
            "opened_by": SOMEBODY_ELSE,
            "closed_by": SOMEBODY_ELSE,
            "announced_at": INNER,
            "attempts": INNER,
            "told_attempts": INNER,
        },
        change="Something is not right? Write to a coordinator of the organisation.",
        links=(_WHO_READ,),
        whose=("about",),
    ),
    Sheet(
        "own_actions",
        "What you did here",
        Part.TRAIL,
        "audit.Event",
        lambda user: Event.objects.filter(actor_id=user.pk).order_by("occurred_at", "pk"),
        (
            moment("occurred_at", "When"),
            words("verb", "What", lambda row: trail_words.in_words(row.verb), "verb"),
            choice("origin", "Where from"),
        ),
        left_out={
            "recorded_at": INNER,
            "actor_id": "It is the person themselves.",
            "organisation_id": INNER,
            "object_type": INNER,
            "object_id": SOMEBODY_ELSE,
            "data": INNER,
        },
        change="Nobody can change it, not even whoever runs this site.",
    ),
)

#: By day: who opened an answer of the person. Not rows of a table but sums of the trail.
READINGS = Sheet(
    "readings",
    "Who opened your answers",
    Part.TRAIL,
    "audit.Event",
    rules.readings_of,
    (
        words("role", "Role"),
        words("did", "What they did"),
        words("about", "Group"),
        moment("last", "When, the last time that day"),
        number("times", "Times that day"),
    ),
    change="Nobody can change it, not even whoever runs this site.",
    links=(_WHO_READ,),
)

LEFT_OUT: dict[str, str] = {}


def _readings(user: User) -> Iterator[dict[str, Any]]:
    """Without the names that the page shows: the file is about one person alone."""
    for reading in readers.readings_in_words(list(rules.readings_of(user))):
        yield {column.name: column.value(reading) for column in READINGS.columns}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user) | {READINGS.name: list(_readings(user))}


# Erased -------------------------------------------------------------------------------------------


def erase(user: User) -> None:
    """That somebody opened the person's answers in an emergency, with the reason. The trail keeps
    that it happened, by ids that lead nowhere."""
    user.emergency_accesses.all().delete()
