"""Mail to one applicant, or to who talks with them, later."""

import logging
from smtplib import SMTPException

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from screening import emails, rules

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_applicant(decision_id: str) -> None:
    """Tell the applicant that there is news, once. What it is stands on the site only.

    Marked after the mail was handed over: a worker killed in between leaves it to the clock, and
    so does a mail server that says no.
    """
    with transaction.atomic():
        decision = (
            rules.decisions_to_tell()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("application__user", "application__form__group")
            .filter(pk=decision_id)
            .first()
        )
        if decision is None:
            return
        decision.attempts += 1
        try:
            emails.send_news(decision)
            decision.told_at = timezone.now()
        except (SMTPException, OSError):
            logger.warning("screening.news_not_sent", extra={"attempts": decision.attempts})
        decision.save(update_fields=["attempts", "told_at"])


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_staff_of_talk(appointment_id: str) -> None:
    """Tell whoever offered a talk that the person has answered, once. What stands on the site only.

    Marked after the mail was handed over, as above. Nobody to tell counts as told.
    """
    with transaction.atomic():
        appointment = (
            rules.talks_to_tell_of()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("application__form__group", "application__user", "offered_by")
            .filter(pk=appointment_id)
            .first()
        )
        if appointment is None:
            return
        person = rules.whom_to_tell_of(appointment)
        appointment.staff_attempts += 1
        try:
            if person is not None:
                emails.send_talk_news(appointment, to=person)
            appointment.staff_told_at = timezone.now()
        except (SMTPException, OSError):
            attempts = appointment.staff_attempts
            logger.warning("screening.talk_news_not_sent", extra={"attempts": attempts})
        appointment.save(update_fields=["staff_attempts", "staff_told_at"])
