"""Mail to a person about their account, later."""

import logging
from smtplib import SMTPException

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts import emails, rules
from accounts.models import User

logger = logging.getLogger(__name__)


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def invite_person(staff_role_id: str) -> None:
    """Tell somebody once that an organisation asks them to work with it.

    The row is locked while the mail is handed over and marked only after that: a worker that is
    killed in between leaves it to the clock, and so does a mail server that says no.
    """
    with transaction.atomic():
        staff_role = (
            rules.invitations_to_send()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user", "organisation")
            .filter(pk=staff_role_id)
            .first()
        )
        if staff_role is None:
            return
        staff_role.attempts += 1
        try:
            emails.send_invitation(staff_role)
            staff_role.told_at = timezone.now()
        except (SMTPException, OSError):
            logger.warning("accounts.invitation_not_sent", extra={"attempts": staff_role.attempts})
        staff_role.save(update_fields=["attempts", "told_at"])


@shared_task(soft_time_limit=30, time_limit=40, ignore_result=True)
def tell_of_new_device(browser_session_id: str) -> None:
    """Tell somebody once that a device signed in that they never used before.

    The row is locked while the mail is handed over and marked only after that, as for invitations.
    """
    with transaction.atomic():
        row = (
            rules.new_devices_to_tell()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("user")
            .filter(pk=browser_session_id)
            .first()
        )
        if row is None:
            return
        try:
            emails.send_new_device(row)
        except (SMTPException, OSError):
            logger.warning("accounts.new_device_not_told")
            return
        row.is_to_tell = False
        row.save(update_fields=["is_to_tell"])


@shared_task(
    soft_time_limit=30,
    time_limit=40,
    ignore_result=True,
    autoretry_for=(SMTPException, OSError),
    retry_backoff=60,
    max_retries=5,
)
def tell_of_reset(user_id: str) -> None:
    """Tell somebody that their second step was taken away, until the mail server takes it."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is not None:
        emails.send_factors_reset(user)
