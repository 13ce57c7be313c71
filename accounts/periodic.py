"""By the clock: mails about accounts that were lost, and who owes a second factor."""

import logging
from smtplib import SMTPException

from django.utils import timezone

from accounts import actions, rules, tasks
from accounts.factor_actions import renew_secrets, settle_second_factors
from supportgroups.lib.lifetimes import lifetime

logger = logging.getLogger(__name__)

#: How many one run hands over; the next minute goes on.
_AT_ONCE = 200


def send_overdue_invitations() -> None:
    """Send again what was not sent: after a minute, then ten minutes, then two hours."""
    for pk in rules.invitations_overdue().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.invite_person.delay(str(pk))


def tell_of_new_devices() -> None:
    """Tell again of a new device whose mail was not sent, each minute for a day."""
    for pk in rules.new_devices_untold().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.tell_of_new_device.delay(str(pk))


def settle_who_owes_a_second_factor() -> None:
    """What came to be without an action, such as by an import or a command, and what ended."""
    settle_second_factors()


def renew_secrets_of_factors() -> None:
    """After the keys were changed, so that the earlier ones can be thrown away."""
    renew_secrets()


def tell_unused() -> None:
    """Write to whose account goes soon. One mail that fails never stops the others."""
    before = timezone.now() - lifetime("accounts.User", "accounts.rules.unused_expired")
    due = rules.unused_to_tell(before).order_by("last_login", "pk")
    for pk in due.values_list("pk", flat=True)[:_AT_ONCE]:
        try:
            actions.tell_unused(user_id=pk, before=before, by=None)
        except (SMTPException, OSError) as problem:
            logger.warning("unused.mail_failed", extra={"problem": type(problem).__name__})
