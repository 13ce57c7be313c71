"""Who is on call in which order, who is away, and how soon an organisation answers."""

from datetime import date, datetime, time

from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from safeguarding import on_call_rules
from safeguarding.models import Away, OnCallPlan


def _locked(organisation: Organisation) -> Organisation:
    """One change of an organisation's people at a time, as where roles are given."""
    return Organisation.objects.select_for_update().get(pk=organisation.pk)


@transaction.atomic
def change_place(
    *, staff_role: StaffRole, move: str, by: User, at: datetime | None = None
) -> list[StaffRole]:
    """Move somebody up or down the list, take them off, or put them last. Returns the list.

    What somebody else did meanwhile is no error: who is first cannot go up, and stays first.
    """
    organisation = _locked(staff_role.organisation)
    check_may_coordinate(by, organisation)
    roles = list(on_call_rules.roles_on_call(organisation))
    before = list(roles)
    place = roles.index(staff_role) if staff_role in roles else None
    if place is not None:
        roles.pop(place)
    if move == "last" or (place is not None and move == "down"):
        roles.insert(len(roles) if place is None else place + 1, staff_role)
    elif place is not None and move == "up":
        roles.insert(max(place - 1, 0), staff_role)
    if roles != before:
        # The database allows one person a place, so all are freed first.
        organisation.staff_roles.update(on_call_position=None)
        for number, role in enumerate(roles, start=1):
            StaffRole.objects.filter(pk=role.pk).update(on_call_position=number)
        record(
            "on_call.changed", by=by, on=staff_role, organisation=organisation.pk, at=at, move=move
        )
    return roles


@transaction.atomic
def note_away(
    *,
    organisation: Organisation,
    person: User,
    until: date | None,
    by: User,
    at: datetime | None = None,
) -> None:
    """Say that somebody is not on call until the end of a day; None means that they are back."""
    at = at or timezone.now()
    on_call_rules.check_may_note_away(by, organisation, person)
    if until is None:
        gone, _ = Away.objects.filter(organisation=organisation, person=person).delete()
        if not gone:
            return
    else:
        on_call_rules.check_day_to_come(until, organisation, at=at)
        Away.objects.update_or_create(
            organisation=organisation,
            person=person,
            defaults={"until": until, "noted_at": at, "noted_by": by},
        )
    verb = "on_call.back" if until is None else "on_call.away"
    record(verb, by=by, on=person, organisation=organisation.pk, at=at)


@transaction.atomic
def set_times(
    *,
    organisation: Organisation,
    answers_within_minutes: int,
    escalates_after_minutes: int,
    opens_at: time | None,
    closes_at: time | None,
    weekdays: list[int],
    by: User,
    at: datetime | None = None,
) -> OnCallPlan:
    """Say how soon the organisation answers, and when it is at work. Open concerns keep theirs."""
    check_may_coordinate(by, organisation)
    plan, _ = OnCallPlan.objects.update_or_create(
        organisation=organisation,
        defaults={
            "answers_within_minutes": answers_within_minutes,
            "escalates_after_minutes": escalates_after_minutes,
            "opens_at": opens_at,
            "closes_at": closes_at,
            "weekdays": sorted(weekdays),
        },
    )
    record("on_call.times_set", by=by, on=organisation, organisation=organisation.pk, at=at)
    return plan
