"""Makes the files of a signed summary. In the worker."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.trail import record
from outcomes import disclosure_rules, summaries
from outcomes.models import Disclosure, DisclosureFile
from outcomes.summaries import Summary
from supportgroups.lib.pdf import pdf, picture

logger = logging.getLogger(__name__)


def make(disclosure_id: UUID | str, *, at: datetime | None = None) -> None:
    """Make PDF and FHIR bundle of a signed summary. A second call, or a repeat, does nothing.

    A worker that is killed leaves a claim that runs out. What was taken back meanwhile gets no
    files.
    """
    at = at or timezone.now()
    waiting = disclosure_rules.disclosures_to_make(at=at).filter(pk=disclosure_id)
    if not waiting.order_by().update(claimed_at=at, attempts=F("attempts") + 1):
        return
    disclosure = Disclosure.objects.select_related("user").get(pk=disclosure_id)
    try:
        summary = summaries.summary_of(disclosure)
        files = {
            DisclosureFile.Kind.PDF: document_of(summary),
            DisclosureFile.Kind.FHIR: summaries.bundle(summary, at=at),
        }
    except Exception as problem:
        # Only the kind of problem: its words may quote what somebody answered.
        logger.error("disclosure.not_made", extra={"problem": type(problem).__name__})
        return
    with transaction.atomic():
        standing = Disclosure.objects.standing().filter(pk=disclosure.pk, made_at__isnull=True)
        if standing.select_for_update().first() is None:
            return
        DisclosureFile.objects.bulk_create(
            DisclosureFile(disclosure=disclosure, kind=kind, content=content, made_at=at)
            for kind, content in files.items()
        )
        standing.update(made_at=at)
        record("disclosure.made", by=None, on=disclosure, at=at)


def document_of(summary: Summary) -> bytes:
    """The PDF. The same summary always gives the same bytes."""
    data: dict[str, Any] = summaries.document_data(summary)
    for course in data["courses"]:
        course["pictures"] = [
            {"svg": picture(each.pop("plot")), **each} for each in course["pictures"]
        ]
    return pdf("outcomes/summary.typ", data)
