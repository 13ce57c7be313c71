"""Mail to one person about a group, later."""

import logging
from smtplib import SMTPException

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from groups import emails, rules

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_person(notice_id: str) -> None:
    """Say once that there is news. What it is stands on the site only.

    The row is locked while the mail is handed over and marked only after that: a worker that is
    killed in between leaves it to the clock, and so does a mail server that says no.
    """
    with transaction.atomic():
        notice = (
            rules.notices_to_send()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user", "group")
            .filter(pk=notice_id)
            .first()
        )
        if notice is None:
            return
        notice.attempts += 1
        try:
            emails.send_news(notice, until=rules.answer_until(notice))
            notice.told_at = timezone.now()
        except (SMTPException, OSError):
            logger.warning("groups.notice_not_sent", extra={"attempts": notice.attempts})
        notice.save(update_fields=["attempts", "told_at"])
