"""By the clock: news whose mail failed or whose message to the worker was lost."""

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from screening import tasks
from screening.models import Appointment, Decision


def send_overdue_news() -> None:
    """Send again what was not told within a minute, for a week: to applicants and to staff."""
    now = timezone.now()
    before, after = now - timedelta(minutes=1), now - timedelta(days=7)
    decisions = Decision.objects.filter(
        told_at__isnull=True, decided_at__lt=before, decided_at__gt=after
    )
    for decision_id in decisions.values_list("pk", flat=True)[:200]:
        tasks.tell_applicant.delay(str(decision_id))
    answered = Q(times__picked_at__lt=before, times__picked_at__gt=after) | Q(
        declined_at__lt=before, declined_at__gt=after
    )
    talks = Appointment.objects.filter(answered, staff_told_at__isnull=True)
    for appointment_id in talks.values_list("pk", flat=True).distinct()[:200]:
        tasks.tell_staff_of_talk.delay(str(appointment_id))
