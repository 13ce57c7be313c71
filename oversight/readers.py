"""Events and readings in words, for the pages that show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Organisation, StaffRole, User
from audit.models import Event, Seal
from groups.models import FacilitatorAssignment
from oversight import things, words
from oversight.models import EmergencyAccess
from oversight.rules import Opened
from safeguarding.models import Concern
from safeguarding.rules import LogEntry, log_of

#: Of somebody with several roles, the first that applies is named.
_RANK = [StaffRole.Role.COORDINATOR, StaffRole.Role.SUPERVISOR, StaffRole.Role.FACILITATOR]
GONE = "Somebody whose account is gone"


@dataclass(frozen=True)
class Line:
    """One event as a coordinator reads it."""

    at: datetime
    who: str
    did: str
    about: str
    origin: str
    seal: Seal | None = None


@dataclass(frozen=True)
class Reading:
    """That somebody opened an answer, on one day."""

    who: str
    role: str
    did: str
    about: str
    last: datetime
    times: int


def _names(keys: set[UUID]) -> dict[UUID, str]:
    people = User.objects.filter(pk__in=keys)
    return {person.pk: person.public_name for person in people}


def lines_of(
    events: Sequence[Event], organisation: Organisation, *, with_seals: bool = False
) -> list[Line]:
    """Each event in words, with as many queries as there are kinds of things."""
    names = _names({event.actor_id for event in events if event.actor_id})
    about = things.in_words(events)
    seals = {}
    if with_seals:
        kept = Seal.objects.filter(event_id__in=[event.pk for event in events])
        seals = {seal.event_id: seal for seal in kept}
    return [
        Line(
            at=event.occurred_at,
            who=names.get(event.actor_id, GONE) if event.actor_id else "The clock",
            did=words.in_words(event.verb),
            about=about[event.pk],
            origin=event.get_origin_display(),
            seal=seals.get(event.pk),
        )
        for event in events
    ]


def _roles(people: set[UUID], organisations: set[UUID]) -> dict[tuple[UUID, UUID], str]:
    """What these people do in these organisations now, in words of members."""
    found: dict[tuple[UUID, UUID], str] = {}
    leads = FacilitatorAssignment.objects.filter(
        user__in=people, group__organisation__in=organisations
    )
    for user, organisation in leads.values_list("user", "group__organisation"):
        found[user, organisation] = "leads a group"
    roles = StaffRole.objects.filter(user__in=people, organisation__in=organisations)
    ranked = sorted(roles, key=lambda role: _RANK.index(StaffRole.Role(role.role)), reverse=True)
    for role in ranked:
        found[role.user_id, role.organisation_id] = role.get_role_display().lower()
    return found


def name_and_role(user_id: UUID | None, organisation_id: UUID) -> str:
    """For example "Kim, coordinator"."""
    if user_id is None:
        return GONE
    name = _names({user_id}).get(user_id, GONE)
    role = _roles({user_id}, {organisation_id}).get((user_id, organisation_id))
    return f"{name}, {role or 'worked there then'}"


def readings_in_words(rows: Sequence[dict[str, Any]]) -> list[Reading]:
    """Who opened what, for the person whose answers these are."""
    people = {row["actor_id"] for row in rows if row["actor_id"]}
    organisations = {row["organisation_id"] for row in rows if row["organisation_id"]}
    names, roles = _names(people), _roles(people, organisations)
    places = dict(Organisation.objects.filter(pk__in=organisations).values_list("pk", "name"))
    groups = things.groups_of_requests(row["object_id"] for row in rows)
    found = []
    for row in rows:
        key = row["actor_id"], row["organisation_id"]
        role = roles.get(key, "worked there then") if row["actor_id"] else ""
        place = places.get(row["organisation_id"], "")
        found.append(
            Reading(
                who=names.get(row["actor_id"], GONE),
                role=f"{role}, {place}" if role and place else role or place,
                did=_TO_THE_PERSON[row["verb"]],
                about=groups.get(row["object_id"], ""),
                last=row["last"],
                times=row["times"],
            )
        )
    return found


#: The verbs of reading, said to whom the answers belong.
_TO_THE_PERSON = {
    "application.read": "read your answers from when you asked to join",
    "concern.read": "read an answer of yours that somebody looks after",
    "message.read": "read a message of yours",
    "survey.submitted": "typed in what you answered on paper",
    "emergency.read": "read your answers with emergency access",
}


def times_read(access: EmergencyAccess) -> int:
    """How often the answers were opened with it."""
    return Event.objects.filter(object_id=access.pk, verb="emergency.read").count()


@dataclass(frozen=True)
class ShownRequest:
    """A request to join with its answers in words."""

    group: str
    status: str
    sent_at: datetime | None
    answers: list[tuple[str, str]]


def shown(
    opened: Opened,
) -> tuple[list[ShownRequest], list[tuple[Concern, list[LogEntry]]]]:
    """What emergency access opened, as the page shows it."""
    requests = [
        ShownRequest(
            group=application.form.group.name,
            status=application.get_status_display(),
            sent_at=application.submitted_at,
            answers=[
                (answer.question.text, answer.question.label_of(answer.value)) for answer in answers
            ],
        )
        for application, answers in opened.requests
    ]
    return requests, [(concern, log_of(concern)) for concern in opened.concerns]
