"""By the clock: reports whose message to the worker was lost, or whose worker was killed."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from outcomes import report_making, tasks
from outcomes.models import FunderReport


def take_up_reports() -> None:
    """Ask again for reports that nobody makes. Who is still at it is not disturbed."""
    now = timezone.now()
    left = Q(state=FunderReport.State.WAITING, touched_at__lt=now - timedelta(minutes=1)) | Q(
        state=FunderReport.State.MAKING, touched_at__lt=now - report_making.SILENT
    )
    found = FunderReport.objects.kept().filter(left).order_by("touched_at")
    for pk in found.values_list("pk", flat=True)[:20]:
        tasks.make_report.delay(str(pk))
