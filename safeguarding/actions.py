"""Open, acknowledge and close concerns."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation, User
from audit.trail import record
from safeguarding import rules, tasks
from safeguarding.models import Concern
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused


@transaction.atomic
def open_concern(
    *,
    organisation: Organisation,
    about: User,
    source: str,
    occasion: str,
    detail: str,
    by: User | None,
    at: datetime | None = None,
) -> Concern:
    """Open a task for the named person, once per occasion, and tell them by mail after commit."""
    at = at or timezone.now()
    concern, created = Concern.objects.get_or_create(
        occasion=occasion,
        defaults={
            "organisation": organisation,
            "about": about,
            "source": source,
            "detail": detail,
            "assigned_to": rules.named_person(organisation, about=about),
            "opened_at": at,
            "opened_by": by,
            "respond_by": rules.respond_by(at),
        },
    )
    if created:
        record(
            "concern.opened",
            by=by,
            on=concern,
            organisation=organisation.pk,
            at=at,
            source=source,
        )
        later(tasks.tell_named_person, concern.pk)
    return concern


@transaction.atomic
def assign(*, concern: Concern, by: User | None, at: datetime | None = None) -> Concern:
    """Name the next on call for a task that has nobody, and tell them. `by` is None for the clock.

    Changes nothing while nobody is on call, and when somebody looks after it already.
    """
    at = at or timezone.now()
    if by is not None:
        rules.check_may_handle(by, concern)
    concern = (
        Concern.objects.select_for_update(of=("self",))
        .select_related("organisation", "about")
        .get(pk=concern.pk)
    )
    person = rules.named_person(concern.organisation, about=concern.about)
    if person is None or concern.assigned_to_id is not None or concern.closed_at is not None:
        return concern
    concern.assigned_to, concern.told_at = person, None
    concern.save(update_fields=["assigned_to", "told_at"])
    record("concern.assigned", by=by, on=concern, organisation=concern.organisation_id, at=at)
    later(tasks.tell_named_person, concern.pk)
    return concern


@transaction.atomic
def read_concern(*, concern: Concern, by: User, at: datetime | None = None) -> Concern:
    """Give what was said to somebody who handles it, and tell the trail who read it."""
    rules.check_may_handle(by, concern)
    record("concern.read", by=by, on=concern, organisation=concern.organisation_id, at=at)
    return concern


@transaction.atomic
def acknowledge(*, concern: Concern, by: User, at: datetime | None = None) -> Concern:
    """Say "I have seen this and I am on it". The first one counts; a repeat changes nothing."""
    at = at or timezone.now()
    rules.check_may_handle(by, concern)
    concern = Concern.objects.select_for_update().get(pk=concern.pk)
    if concern.acknowledged_at is None:
        concern.acknowledged_at, concern.acknowledged_by = at, by
        concern.save(update_fields=["acknowledged_at", "acknowledged_by"])
        record(
            "concern.acknowledged", by=by, on=concern, organisation=concern.organisation_id, at=at
        )
    return concern


@transaction.atomic
def close(*, concern: Concern, note: str, by: User, at: datetime | None = None) -> Concern:
    """End the task with what was done. Raises `Refused` when somebody closed it already."""
    at = at or timezone.now()
    rules.check_may_handle(by, concern)
    concern = Concern.objects.select_for_update().get(pk=concern.pk)
    if concern.closed_at is not None:
        raise Refused("state_changed", "Somebody has closed this already.")
    if concern.acknowledged_at is None:
        concern.acknowledged_at, concern.acknowledged_by = at, by
    concern.closed_at, concern.closed_by, concern.closing_note = at, by, note
    concern.save()
    record("concern.closed", by=by, on=concern, organisation=concern.organisation_id, at=at)
    return concern
