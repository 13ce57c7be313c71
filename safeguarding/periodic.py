"""By the clock: tasks that nobody has, and notices that failed or were lost on the way."""

from datetime import timedelta

from django.utils import timezone

from safeguarding import actions, tasks
from safeguarding.models import Concern


def send_overdue_notices() -> None:
    """Name somebody for tasks that have nobody, and send again what was not told within a minute.

    A mail server that is down stays a row here.
    """
    for concern in Concern.objects.open().filter(assigned_to__isnull=True)[:200]:
        actions.assign(concern=concern, by=None)
    waiting = Concern.objects.open().filter(
        told_at__isnull=True,
        assigned_to__isnull=False,
        opened_at__lt=timezone.now() - timedelta(minutes=1),
    )
    for concern_id in waiting.values_list("pk", flat=True)[:200]:
        tasks.tell_named_person.delay(str(concern_id))
