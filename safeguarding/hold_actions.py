"""A concern's words outlive the account of whom it is about, for a reason and until a day."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from safeguarding import hold_rules, rules
from safeguarding.models import Concern, Hold
from supportgroups.lib.templatetags.ui import time_words


@transaction.atomic
def place_hold(
    *, concern: Concern, reason: str, until: date, by: User, at: datetime | None = None
) -> Hold:
    """Say that the words are kept, why, and until when; or change that. Raises `Refused`."""
    at = at or timezone.now()
    concern = Concern.objects.select_for_update(of=("self",)).get(pk=concern.pk)
    hold_rules.check_may_hold(by, concern)
    hold_rules.check_until(until, at=at)
    hold, _ = Hold.objects.update_or_create(
        concern=concern,
        defaults={
            "organisation": concern.organisation,
            "reason": reason,
            "until": until,
            "placed_at": at,
            "placed_by": by,
        },
    )
    record("hold.placed", by=by, on=hold, organisation=concern.organisation_id, at=at)
    return hold


@transaction.atomic
def lift_hold(*, concern: Concern, by: User, at: datetime | None = None) -> None:
    """The words are kept no longer than the account. Lifting twice is lifting once."""
    concern = Concern.objects.select_for_update(of=("self",)).get(pk=concern.pk)
    hold_rules.check_may_hold(by, concern)
    hold = Hold.objects.filter(concern=concern).first()
    if hold is not None:
        record("hold.lifted", by=by, on=hold, organisation=concern.organisation_id, at=at)
        hold.delete()


@transaction.atomic
def read_kept(*, hold: Hold, by: User, at: datetime | None = None) -> tuple[str, str]:
    """The name and the words, for a coordinator; the reading is an event."""
    record("hold.read", by=by, on=hold, organisation=hold.organisation_id, at=at)
    return hold_rules.words_of(hold)


def keep_words(*, concern: Concern, by: User, at: datetime | None = None) -> None:
    """Copy what a standing hold asks for, in the transaction in which the concern goes."""
    at = at or timezone.now()
    hold = hold_rules.holds_standing(by).filter(concern=concern).first()
    if hold is None:
        return
    hold.name, hold.record = f"{by.public_name}, {by.email}", _told(concern)
    hold.kept_at, hold.concern = at, None
    hold.save(update_fields=["name", "record", "kept_at", "concern"])
    record("hold.kept", by=by, on=hold, organisation=hold.organisation_id, at=at)


def _told(concern: Concern) -> str:
    """The concern in words, as its page tells it. Staff are named, nobody else."""
    zone = concern.organisation.time_zone
    parts = [
        f"{time_words(concern.opened_at, zone)}. {concern.get_source_display()}.\n{concern.detail}"
    ]
    for line in rules.log_of(concern):
        who = f", {line.by.public_name}" if line.by else ""
        parts.append(f"{time_words(line.at, zone)}{who}. {line.words}\n{line.note}".strip())
    if concern.closed_at is not None:
        parts.append(f"{time_words(concern.closed_at, zone)}. Closed.\n{concern.closing_note}")
    return "\n\n".join(parts)
