"""Who looks after people in the sample world: help lines that were tried, and what was done."""

from datetime import datetime, timedelta

from accounts.models import Organisation, User
from safeguarding import actions, help_line_actions
from safeguarding.models import Concern, CountryLines, StepTaken

_DAY = timedelta(days=1)


def try_help_lines(*, organisation: Organisation, by: User, now: datetime, over: bool) -> None:
    """Somebody has tried the numbers; with `over` so long ago that they have to do it again."""
    help_line_actions.confirm_lines(
        organisation=organisation,
        emergency="999",
        review_until=(now + 60 * _DAY).date(),
        by=by,
        at=now - 120 * _DAY,
    )
    if over:
        CountryLines.objects.filter(organisation=organisation).update(
            confirmed_at=now - 190 * _DAY, review_until=(now - 10 * _DAY).date()
        )


def look_after_the_newest(*, organisation: Organisation, to: User, now: datetime) -> None:
    """Whoever was asked first tried, and somebody else goes on with it."""
    concern = (
        Concern.objects.open()
        .filter(organisation=organisation, assigned_to__isnull=False)
        .exclude(assigned_to=to)
        .order_by("-opened_at")
        .first()
    )
    if concern is None or concern.assigned_to is None:
        return
    first, opened = concern.assigned_to, concern.opened_at
    actions.take_step(
        concern=concern,
        kind=StepTaken.Kind.NOT_REACHED,
        note="Rang twice, no answer.",
        by=first,
        at=min(now, opened + timedelta(minutes=25)),
    )
    actions.hand_over(
        concern=concern,
        to=to,
        note="I am in a session until nine. Please try again.",
        by=first,
        at=min(now, opened + timedelta(minutes=40)),
    )
