"""Mail to one applicant, or to who talks with them, later."""

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from screening import emails, rules
from screening.models import Appointment, Decision


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_applicant(decision_id: str) -> None:
    """Tell the applicant that there is news, once. What it is stands on the site only.

    Marked after the mail was handed over: a worker killed in between sends it again.
    """
    with transaction.atomic():
        decision = (
            Decision.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("application__user", "application__form__group")
            .filter(pk=decision_id, told_at__isnull=True)
            .first()
        )
        if decision is None:
            return
        emails.send_news(decision)
        decision.told_at = timezone.now()
        decision.save(update_fields=["told_at"])


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_staff_of_talk(appointment_id: str) -> None:
    """Tell whoever offered a talk that the person has answered, once. What stands on the site only.

    Marked after the mail was handed over: a worker killed in between sends it again.
    """
    with transaction.atomic():
        appointment = (
            Appointment.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("application__form__group", "application__user", "offered_by")
            .filter(pk=appointment_id, staff_told_at__isnull=True)
            .first()
        )
        if appointment is None:
            return
        person = rules.whom_to_tell_of(appointment)
        if person is not None:
            emails.send_talk_news(appointment, to=person)
        appointment.staff_told_at = timezone.now()
        appointment.save(update_fields=["staff_told_at"])
