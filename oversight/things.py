"""What an event is about, in words: the thing, whose it is, and in which group."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model, QuerySet

from audit.models import Event
from groups.models import SupportGroup
from screening.models import Application


@dataclass(frozen=True)
class Thing:
    """How to find the person and the group of one kind of row; empty where there is none."""

    noun: str
    person: str = ""
    group: str = ""


#: By the model's label, as it stands in an event. Of a report nobody is named here: who reported
#: whom shows in its review, by that page's own rules.
THINGS: dict[str, Thing] = {
    "accounts.Organisation": Thing("the organisation"),
    "accounts.StaffRole": Thing("role", "user"),
    "groups.SupportGroup": Thing("group", group="self"),
    "groups.Membership": Thing("membership", "user", "group"),
    "groups.Agreement": Thing("group agreement", group="group"),
    "groups.Signature": Thing("group agreement", "membership__user", "membership__group"),
    "groups.Appeal": Thing("second look", "membership__user", "membership__group"),
    "groups.CompanionInvitation": Thing(
        "invitation of a companion", "membership__user", "membership__group"
    ),
    "groups.FacilitatorAssignment": Thing("facilitator", "user", "group"),
    "groups.Topic": Thing("topic"),
    "instruments.Instrument": Thing("questionnaire"),
    "safeguarding.Concern": Thing("concern", "about"),
    "safeguarding.Resource": Thing("source"),
    "screening.Application": Thing("request to join", "user", "form__group"),
    "screening.ScreeningForm": Thing("questions for joining", group="group"),
    "support_sessions.Attendance": Thing(
        "attendance", "membership__user", "support_session__group"
    ),
    "support_sessions.Cover": Thing("cover", "facilitator", "support_session__group"),
    "support_sessions.DayOff": Thing("day off"),
    "support_sessions.Debrief": Thing("debrief", group="support_session__group"),
    "support_sessions.FollowUp": Thing("follow-up", group="support_session__group"),
    "support_sessions.Hint": Thing("hint", group="message__support_session__group"),
    "support_sessions.Intervention": Thing("step", "about", "support_session__group"),
    "support_sessions.Knock": Thing("knock", group="support_session__group"),
    "support_sessions.Message": Thing("message", group="support_session__group"),
    "support_sessions.Report": Thing("report", group="message__support_session__group"),
    "support_sessions.Series": Thing("rhythm", group="group"),
    "support_sessions.SupportSession": Thing("session", group="group"),
    "outcomes.SurveyPlan": Thing("questionnaire", group="group"),
    "outreach.Import": Thing("import"),
    "oversight.EmergencyAccess": Thing("emergency access", "about"),
}


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def _rows(label: str, **conditions: Any) -> QuerySet[Any]:
    return apps.get_model(label)._default_manager.filter(**conditions).order_by().values("pk")


def rows_about(people: QuerySet[Any, Any]) -> Iterator[QuerySet[Any]]:
    """The keys of every row that belongs to one of these people."""
    for label, thing in THINGS.items():
        if thing.person:
            yield _rows(label, **{f"{thing.person}__in": people})


def rows_in(group: SupportGroup) -> Iterator[QuerySet[Any]]:
    """The keys of every row in this group, and its own."""
    for label, thing in THINGS.items():
        if thing.group == "self":
            yield _rows(label, pk=group.pk)
        elif thing.group:
            yield _rows(label, **{thing.group: group})


def _said_of(label: str, keys: set[UUID]) -> dict[UUID, str]:
    thing, model = THINGS.get(label), _model(label)
    if model is None:
        return {}
    if thing is None:
        return dict.fromkeys(keys, str(model._meta.verbose_name))
    name = f"{thing.person}__display_name" if thing.person else "pk"
    group = "name" if thing.group == "self" else f"{thing.group}__name" if thing.group else "pk"
    found = {}
    rows = model._default_manager.filter(pk__in=keys)
    for pk, who, where in rows.values_list("pk", name, group):
        said = thing.noun
        # Empty before somebody chose a name, None where there is no person.
        if thing.person and who is not None:
            said += f" of {who or 'Someone new'}"
        if thing.group:
            said += f" {where}" if thing.group == "self" else f" in {where}"
        found[pk] = said[0].upper() + said[1:]
    return dict.fromkeys(keys, f"{thing.noun[0].upper()}{thing.noun[1:]}, deleted since") | found


def in_words(events: Iterable[Event]) -> dict[UUID, str]:
    """What each of these events is about, asked with one query for each kind of thing."""
    keys: dict[str, set[UUID]] = defaultdict(set)
    about: dict[UUID, tuple[str, UUID]] = {}
    for event in events:
        keys[event.object_type].add(event.object_id)
        about[event.pk] = event.object_type, event.object_id
    said = {label: _said_of(label, wanted) for label, wanted in keys.items()}
    return {pk: said[label].get(key, "") for pk, (label, key) in about.items()}


def groups_of_requests(keys: Iterable[UUID]) -> dict[UUID, str]:
    """The name of the group that each of these requests to join is about."""
    rows = Application.objects.filter(pk__in=list(keys))
    return dict(rows.values_list("pk", "form__group__name"))
