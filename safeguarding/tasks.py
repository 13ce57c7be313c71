"""Mail about one concern, later."""

import logging

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from safeguarding import emails, rules
from safeguarding.models import Alert, Concern

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def send_alert(alert_id: str) -> None:
    """Ask one person by mail to look after a concern, once.

    The row is locked while the mail is handed over and marked only after that: a worker killed
    in between sends it again. For a concern, twice is better than never. A mail that fails is a
    row to be tried again, whatever went wrong, and everybody who handles the concern sees it.
    """
    with transaction.atomic():
        alert = (
            Alert.objects.to_send()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("person", "concern__organisation")
            .filter(pk=alert_id)
            .first()
        )
        if alert is None:
            return
        try:
            emails.send_alert(alert)
        except Exception as problem:
            # Only its kind: a mail server's words repeat the address.
            logger.error(
                "safeguarding.alert_failed",
                extra={"problem": type(problem).__name__, "attempts": alert.attempts + 1},
            )
            alert.attempts += 1
            alert.next_try_at = rules.next_try_at(alert.attempts, at=timezone.now())
            alert.save(update_fields=["attempts", "next_try_at"])
            return
        alert.sent_at = timezone.now()
        alert.save(update_fields=["sent_at"])
        Concern.objects.filter(
            pk=alert.concern_id, assigned_to=alert.person_id, told_at__isnull=True
        ).update(told_at=alert.sent_at)
