"""Makes a report: counts, decides what may be told, writes the page, sets the PDF. In the worker.

The worker that claimed a report writes down how far it is. One that stopped writing was killed;
another begins anew, and nothing that the first one might still write is taken.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from audit.trail import record
from instruments.models import Instrument
from outcomes import report_content, report_inputs
from outcomes.models import FunderReport
from outcomes.report_facts import Facts, facts_of
from outcomes.report_rules import STEPS
from outcomes.statistics.disclosure import Cell
from supportgroups.lib.drawing import SurvivalPoint, marks_plot
from supportgroups.lib.pdf import pdf, picture

logger = logging.getLogger(__name__)

#: A worker that has not written for so long was killed: no step may take as long.
SILENT = timedelta(minutes=6)


class _Replaced(Exception):
    """The report was deleted, or another worker began."""


def make(report_id: UUID | str, *, at: datetime | None = None) -> None:
    """Make a report that waits. A second call at the same time, or a repeat, does nothing."""
    at = at or timezone.now()
    waiting = Q(state=FunderReport.State.WAITING) | Q(
        state=FunderReport.State.MAKING, touched_at__lt=at - SILENT
    )
    touched = timezone.now()
    claimed = FunderReport.objects.kept().filter(waiting, pk=report_id)
    if not claimed.update(state=FunderReport.State.MAKING, touched_at=touched, step=0):
        return
    report = FunderReport.objects.select_related("organisation").get(pk=report_id)
    try:
        _make(report, _progress(report, touched))
    except _Replaced:
        return
    except Exception as problem:
        # Only the kind of problem: its words may quote what people wrote.
        logger.exception("report.failed", extra={"problem": type(problem).__name__})
        _mine(report).filter(touched_at=report.touched_at).update(
            state=FunderReport.State.FAILED, touched_at=timezone.now()
        )


def _mine(report: FunderReport) -> Any:
    return FunderReport.objects.kept().filter(pk=report.pk, state=FunderReport.State.MAKING)


def _progress(report: FunderReport, touched: datetime) -> Callable[..., None]:
    """Writes a step and whatever it brought, if this worker is still the one."""
    report.touched_at = touched

    def write(**fields: Any) -> None:
        now = timezone.now()
        if not _mine(report).filter(touched_at=report.touched_at).update(touched_at=now, **fields):
            raise _Replaced
        report.touched_at = now

    return write


def _make(report: FunderReport, write: Callable[..., None]) -> None:
    if report.inputs is None:
        _count(report, write)
    write(step=STEPS.index("Writing the page"))
    if report.content is None:
        report.method = report_content.METHOD
        report.content = report_content.content_of(report.inputs or {})
    write(step=STEPS.index("Setting the PDF"), content=report.content, method=report.method)
    document = document_of(report)
    with transaction.atomic():
        now = timezone.now()
        write(state=FunderReport.State.READY, pdf=document, ready_at=now, step=len(STEPS))
        record("report.made", by=None, on=report, organisation=report.organisation_id, at=now)


def _count(report: FunderReport, write: Callable[..., None]) -> None:
    known = Instrument.objects.known_to(report.organisation).filter(language="en")
    instruments = {each.code: each for each in known.newest_of_each()}
    facts = facts_of(report_inputs.where_of(report), at=report.made_at)
    write(step=STEPS.index("Comparing with earlier reports"))
    earlier: dict[UUID, list[Cell]] = {}
    _look_back(report, earlier, instruments, write)
    with transaction.atomic():
        _one_at_a_time(report)
        # Any that became ready in the meantime.
        _look_back(report, earlier, instruments, write)
        cells = [cell for told in earlier.values() for cell in told]
        on = timezone.localdate(report.made_at)
        report.inputs = report_inputs.inputs_of(report, facts, instruments, cells, on=on)
        report.fingerprint = report_inputs.fingerprint_of(report.inputs)
        write(inputs=report.inputs, fingerprint=report.fingerprint)


def _one_at_a_time(report: FunderReport) -> None:
    """Two reports of one organisation must know of each other, so one waits here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"report:{report.organisation_id}"],
        )


def _look_back(
    report: FunderReport,
    earlier: dict[UUID, list[Cell]],
    instruments: Mapping[str, Instrument],
    write: Callable[..., None],
) -> None:
    others = FunderReport.objects.told().filter(organisation=report.organisation_id)
    found = others.exclude(pk__in=[report.pk, *earlier]).select_related("organisation")
    for other in found.defer("content", "pdf").order_by("made_at"):
        facts: Facts = facts_of(report_inputs.where_of(other), at=report.made_at)
        earlier[other.pk] = report_inputs.told_before(other, facts, instruments)
        write()


def document_of(report: FunderReport) -> bytes:
    """The PDF of what the report says. The same report always gives the same bytes."""
    content: Mapping[str, Any] = report.content or {}
    sections = [
        {
            **section,
            "picture": _picture(section["curve"]) if section["curve"] else None,
        }
        for section in content["sections"]
    ]
    return pdf(
        "outcomes/report.typ",
        {
            **content,
            "sections": sections,
            "introduction": report_content.paragraphs_of(report.introduction),
            "learnt": report_content.paragraphs_of(report.learnt),
            "sender": content["organisation"],
            "footer": f"Made on {content['made_on_words']}",
            "method": report.method,
            "fingerprint": report.fingerprint,
        },
    )


def _picture(curve: Mapping[str, Any]) -> str:
    plot = marks_plot(
        [SurvivalPoint(*point) for point in curve["points"]],
        at_risk=[(session, n) for session, n in curve["at_risk"]],
        unit="Session",
    )
    return picture(plot)
