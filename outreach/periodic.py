"""By the clock: runs whose message to the worker was lost, or whose worker was killed."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from outreach import importing, tasks
from outreach.models import Import


def take_up_imports() -> None:
    """Ask again for work that nobody does. Who is still at it is not disturbed."""
    now = timezone.now()
    minute = now - timedelta(minutes=1)
    to_read = Import.objects.filter(
        Q(state=Import.State.WAITING, touched_at__lt=minute)
        | Q(state=Import.State.READING, touched_at__lt=now - importing.SILENT)
    )
    for pk in to_read.values_list("pk", flat=True)[:20]:
        tasks.read_import.delay(str(pk))
    # Taking over locks the run's row: a second worker finds it locked and does nothing.
    to_take_over = Import.objects.filter(state=Import.State.APPLYING, touched_at__lt=minute)
    for pk in to_take_over.values_list("pk", flat=True)[:20]:
        tasks.take_over.delay(str(pk))
