"""By the clock: who is asked next, and mails that failed or were lost on the way."""

import logging

from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from safeguarding import actions, tasks
from safeguarding.models import Alert, Concern

logger = logging.getLogger(__name__)

#: How many one run looks at; the next minute goes on.
_AT_ONCE = 200


def ask_who_is_next() -> None:
    """Name somebody for tasks that have nobody, and the next where nobody confirmed in time."""
    at = timezone.now()
    for concern in Concern.objects.to_ask_next(at).order_by("escalates_at", "pk")[:_AT_ONCE]:
        try:
            actions.ask_next(concern=concern, by=None, at=at)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("safeguarding.ask_next_failed", extra={"concern": str(concern.pk)})


def send_overdue_alerts() -> None:
    """Send what was lost on the way, and try again what failed. A mail server that is down stays
    a row here."""
    due = Alert.objects.due(timezone.now()).order_by("next_try_at", "pk")
    for alert_id in due.values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.send_alert.delay(str(alert_id))
