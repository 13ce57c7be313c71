"""By the clock: news whose mail failed or whose message to the worker was lost."""

from datetime import timedelta

from django.utils import timezone

from screening import tasks
from screening.models import Decision


def send_overdue_news() -> None:
    """Send again what was not told within a minute, for a week."""
    now = timezone.now()
    waiting = Decision.objects.filter(
        told_at__isnull=True,
        decided_at__lt=now - timedelta(minutes=1),
        decided_at__gt=now - timedelta(days=7),
    )
    for decision_id in waiting.values_list("pk", flat=True)[:200]:
        tasks.tell_applicant.delay(str(decision_id))
