"""Makes a person's copy. In the worker."""

import logging
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import DataExport
from audit.trail import record
from supportgroups.lib.encryption import encrypt_bytes
from supportgroups.my_data import documents, rules

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """How the person takes it along."""

    ALL = "zip"
    TO_READ = "html"


def bound_to(export: DataExport) -> str:
    """What the encrypted file is bound to: moved to another row it does not open."""
    return f"accounts_dataexport.content.{export.pk}"


def make(export_id: UUID | str, *, at: datetime | None = None) -> bool:
    """Make the copy that somebody asked for. A second call, or a repeat, does nothing.

    A worker that is killed leaves a claim that runs out. What was deleted meanwhile is not made.
    """
    at = at or timezone.now()
    waiting = rules.exports_to_make(at=at).filter(pk=export_id)
    if not waiting.order_by().update(claimed_at=at, attempts=F("attempts") + 1):
        return False
    export = DataExport.objects.select_related("user").get(pk=export_id)
    try:
        content = documents.copy_of(export.user, at=at)
    except Exception as problem:
        # Only the kind of problem: its words may quote what somebody wrote.
        logger.error("data_export.not_made", extra={"problem": type(problem).__name__})
        DataExport.objects.filter(pk=export.pk, claimed_at=at).update(claimed_at=None)
        return False
    sealed = encrypt_bytes(content, bound_to=bound_to(export))
    with transaction.atomic():
        mine = DataExport.objects.filter(pk=export.pk, claimed_at=at, made_at__isnull=True)
        made = timezone.now()
        if not mine.update(
            content=sealed, size=len(content), made_at=made, expires_at=made + rules.KEPT
        ):
            return False
        record("data_export.made", by=None, on=export, at=made)
    return True
