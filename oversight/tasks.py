"""Mail about emergency access: to the coordinators at once, to the person afterwards."""

import logging
from smtplib import SMTPException

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from oversight import emails, rules

logger = logging.getLogger(__name__)

# A row is locked while its mail is handed over and marked only after that: a worker that is killed
# in between leaves it to the clock, and so does a mail server that says no.


@shared_task(soft_time_limit=60, time_limit=70, ignore_result=True)
def announce(access_id: str) -> None:
    """Tell the coordinators once that somebody opened emergency access."""
    with transaction.atomic():
        access = (
            rules.to_announce()
            .select_for_update(skip_locked=True, of=("self",))
            .filter(pk=access_id)
            .first()
        )
        if access is None:
            return
        access.attempts += 1
        try:
            emails.send_announcement(access, to=rules.whom_to_announce(access))
            access.announced_at = timezone.now()
        except (SMTPException, OSError):
            logger.warning("oversight.not_announced", extra={"attempts": access.attempts})
        access.save(update_fields=["attempts", "announced_at"])


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_person(access_id: str) -> None:
    """Tell the person once, after it is over, that somebody opened their answers."""
    with transaction.atomic():
        access = (
            rules.to_tell()
            .select_for_update(skip_locked=True, of=("self",))
            .filter(pk=access_id)
            .first()
        )
        if access is None:
            return
        access.told_attempts += 1
        try:
            emails.send_afterwards(access)
            access.told_at = timezone.now()
        except (SMTPException, OSError):
            logger.warning("oversight.person_not_told", extra={"attempts": access.told_attempts})
        access.save(update_fields=["told_attempts", "told_at"])
