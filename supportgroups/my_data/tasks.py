"""Making a copy and telling of it, later."""

import logging
from smtplib import SMTPException

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from supportgroups.my_data import emails, making, rules

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=300, time_limit=330, ignore_result=True)
def make_export(export_id: str) -> None:
    """Make a copy and say so. Killed halfway, it begins anew when the clock asks again."""
    if making.make(export_id):
        tell_of_export(export_id)


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_of_export(export_id: str) -> None:
    """Tell the person once that it is ready. The row is locked while the mail is handed over."""
    with transaction.atomic():
        export = (
            rules.exports_to_tell()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user")
            .defer("content")
            .filter(pk=export_id)
            .first()
        )
        if export is None:
            return
        export.told_attempts += 1
        try:
            emails.send_ready(export)
            export.told_at = timezone.now()
        except (SMTPException, OSError):
            logger.warning("data_export.not_told", extra={"attempts": export.told_attempts})
        export.save(update_fields=["told_attempts", "told_at"])
