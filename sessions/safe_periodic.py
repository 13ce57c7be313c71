"""By the clock: reviewers are told that something waits for them."""

import logging
from smtplib import SMTPException
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import SupportGroup
from sessions import safe_emails, safe_rules
from sessions.models import Intervention, Report

logger = logging.getLogger(__name__)

#: One run tells of so many; the next minute's goes on.
MOST_OF_A_RUN = 100


def tell_reviewers() -> None:
    """Tell of reports about a facilitator, and of redirects in peer-led groups, once each.

    The row is locked while its mails are handed over and marked only after that: a worker killed
    in between sends them again. Twice is better than never.
    """
    for waiting in (safe_rules.reports_to_tell(), safe_rules.redirects_to_tell()):
        for pk in waiting.values_list("pk", flat=True)[:MOST_OF_A_RUN]:
            try:
                _tell(waiting, pk)
            except SoftTimeLimitExceeded:
                raise
            except (SMTPException, OSError):
                logger.warning("sessions.reviewers_not_told", extra={"row": str(pk)})
            except Exception:
                logger.exception("sessions.reviewers_not_told", extra={"row": str(pk)})


@transaction.atomic
def _tell(waiting: "QuerySet[Report] | QuerySet[Intervention]", pk: UUID) -> None:
    row = waiting.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
    if row is None:
        return
    for person in safe_rules.reviewers_to_tell(_group_of(row), besides=_concerned(row)):
        safe_emails.send_review_waits(person, row)
    row.told_at = timezone.now()
    row.save(update_fields=["told_at"])


def _group_of(row: Report | Intervention) -> SupportGroup:
    if isinstance(row, Report):
        return row.message.support_session.group
    return row.support_session.group


def _concerned(row: Report | Intervention) -> set[UUID | None]:
    """Whom it is about and who did it: they are not told."""
    if isinstance(row, Report):
        return {row.message.sender_id}
    return {row.about_id, row.made_by_id}
