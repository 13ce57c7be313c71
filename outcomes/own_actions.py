"""A person deletes what they answered."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from outcomes import own
from outcomes.disclosure_actions import end_disclosures
from outcomes.models import Disclosure, Response, SurveyInvitation
from supportgroups.lib.erasing import erasing
from supportgroups.lib.refusals import Refused


@transaction.atomic
def delete_answers(
    *, user: User, responses: Sequence[UUID] | None, by: User, at: datetime | None = None
) -> int:
    """Delete some of one's own check-ins, or all that was ever answered; returns how many.

    Copies for other groups go with them, and summaries that hold them end. Nobody is asked again
    for what was deleted. Figures count what is there, so they change at once. Raises `Refused` for
    somebody else's.
    """
    at = at or timezone.now()
    if user.pk != by.pk:
        raise Refused("not_yours", "Only the person who answered can delete this.")
    found = list(own.answers_to_delete(user, responses).select_for_update(of=("self",)))
    keys = [response.pk for response in found]
    SurveyInvitation.objects.filter(response__in=keys, stopped_at__isnull=True).update(
        stopped_at=at, next_mail_at=None
    )
    end_disclosures(
        disclosures=Disclosure.objects.standing().filter(user=user, responses__in=keys),
        why=Disclosure.Ended.ERASED,
        by=by,
        at=at,
    )
    for response in found:
        group = response.invitation.membership.group
        record("survey.deleted", by=by, on=response, organisation=group.organisation_id, at=at)
    with erasing(user.pk):
        Response.objects.filter(pk__in=keys).delete()
    return len(found)
