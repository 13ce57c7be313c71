"""Ask the question of support, stress and mood."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from outcomes import tasks
from outcomes.models import Analysis
from outcomes.scopes import open_month
from supportgroups.lib.later import later


@transaction.atomic
def ask_analysis(
    *,
    organisation: Organisation,
    x: str,
    m: str,
    y: str,
    by: User,
    at: datetime | None = None,
    is_done_here: bool = False,
) -> Analysis:
    """Have it made of what was sent in months that are over.

    Asked twice in a month it is the same analysis, made once; one that was not possible is tried
    again. `is_done_here` leaves the making to whoever calls.
    """
    at = at or timezone.now()
    check_may_coordinate(by, organisation)
    analysis, is_new = Analysis.objects.get_or_create(
        organisation=organisation,
        x=x,
        m=m,
        y=y,
        until=open_month(at, organisation.time_zone),
        defaults={"asked_at": at, "asked_by": by, "touched_at": at},
    )
    tried_again = not is_new and bool(
        Analysis.objects.filter(pk=analysis.pk, state=Analysis.State.FAILED).update(
            state=Analysis.State.WAITING, progress=0, touched_at=at
        )
    )
    if is_new or tried_again:
        record("analysis.asked", by=by, on=analysis, organisation=organisation.pk, at=at)
        if not is_done_here:
            later(tasks.make_analysis, analysis.pk)
    return analysis
