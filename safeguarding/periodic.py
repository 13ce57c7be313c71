"""By the clock: notices whose mail failed or whose message to the worker was lost."""

from datetime import timedelta

from django.utils import timezone

from safeguarding import tasks
from safeguarding.models import Concern


def send_overdue_notices() -> None:
    """Send again what was not told within a minute. A mail server that is down stays a row here."""
    waiting = Concern.objects.open().filter(
        told_at__isnull=True,
        assigned_to__isnull=False,
        opened_at__lt=timezone.now() - timedelta(minutes=1),
    )
    for concern_id in waiting.values_list("pk", flat=True)[:200]:
        tasks.tell_named_person.delay(str(concern_id))
