"""Opening, reading and ending emergency access. Each leaves an event."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation, User
from audit.trail import record
from oversight import rules, tasks
from oversight.models import EmergencyAccess
from oversight.rules import Opened
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused


@transaction.atomic
def open_emergency(
    *,
    organisation: Organisation,
    about: User,
    reason: str,
    by: User,
    at: datetime | None = None,
) -> EmergencyAccess:
    """Open somebody's answers for an hour, and tell the coordinators. Twice is once."""
    at = at or timezone.now()
    rules.check_may_open_about(by, organisation, about)
    # Behind the row of whoever opens: two clicks make one access and one mail.
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    running = EmergencyAccess.objects.running(at).filter(
        organisation=organisation, about=about, opened_by=by
    )
    if (access := running.first()) is not None:
        return access
    access = EmergencyAccess.objects.create(
        organisation=organisation,
        about=about,
        reason=reason,
        opened_at=at,
        opened_by=by,
        ends_at=at + EmergencyAccess.LASTS,
    )
    record("emergency.opened", by=by, on=access, organisation=organisation.pk, at=at)
    later(tasks.announce, access.pk)
    return access


@transaction.atomic
def read_with_emergency(*, access: EmergencyAccess, by: User, at: datetime | None = None) -> Opened:
    """Give what it opens to whoever opened it, and tell the trail."""
    if not rules.may_read_with(by, access):
        raise Refused("over", "This access is over. Open it again if you still need it.")
    record("emergency.read", by=by, on=access, organisation=access.organisation_id, at=at)
    return rules.opened_by_emergency(access)


@transaction.atomic
def close_emergency(
    *, access: EmergencyAccess, by: User, at: datetime | None = None
) -> EmergencyAccess:
    """End it before its time: whoever opened it, or a coordinator. The person is told then."""
    at = at or timezone.now()
    access = EmergencyAccess.objects.select_for_update(of=("self",)).get(
        pk=rules.emergency_seen_by(by).get(pk=access.pk).pk
    )
    if access.closed_at is None and access.ends_at > at:
        access.closed_at, access.closed_by = at, by
        access.save(update_fields=["closed_at", "closed_by"])
        record("emergency.closed", by=by, on=access, organisation=access.organisation_id, at=at)
        later(tasks.tell_person, access.pk)
    return access
