"""Closes an account."""

import logging
from datetime import datetime
from smtplib import SMTPException

from django.utils import timezone

from accounts.models import User
from supportgroups import privacy
from supportgroups.closing import emails

logger = logging.getLogger(__name__)


def close_account(
    *, user: User, by: User | None, leaves_unled: bool = False, at: datetime | None = None
) -> bool:
    """Erase somebody, and tell the address that it is done. False if they are gone already.

    `by` is None for the operator's command. The mail goes out at once from what this process
    remembers: no queue and no table keeps the address. Raises `Refused` while something is to be
    handed over, unless `leaves_unled`.
    """
    at = at or timezone.now()
    address, zone = user.email, user.time_zone
    if not privacy.erase(user, by=by, leaves_unled=leaves_unled):
        return False
    try:
        emails.send_account_closed(address, at=at, zone=zone)
    except (SMTPException, OSError):
        logger.warning("closing.mail_not_sent")
    return True
