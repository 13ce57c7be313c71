"""The one task that beat sends: everything that is due by the clock."""

import logging

from celery import shared_task

from audit.models import Event
from audit.trail import origin
from outcomes import periodic as outcomes_periodic
from safeguarding import periodic as safeguarding_periodic
from screening import periodic as screening_periodic
from sessions import periodic as sessions_periodic

logger = logging.getLogger(__name__)

#: Concerns first: a person waits for help. Sessions exist before reminders, and end before surveys
#: become due.
DUE_BY_THE_CLOCK = (
    safeguarding_periodic.send_overdue_notices,
    screening_periodic.send_overdue_news,
    sessions_periodic.make_sessions_ahead,
    sessions_periodic.end_forgotten_sessions,
    sessions_periodic.send_due_reminders,
    outcomes_periodic.make_surveys_due,
    outcomes_periodic.send_due_invitations,
)


@shared_task(soft_time_limit=240, time_limit=270, ignore_result=True)
def tick() -> None:
    """Run everything that is due. One part that fails never stops the others."""
    with origin(Event.Origin.CLOCK):
        for run in DUE_BY_THE_CLOCK:
            try:
                run()
            except Exception:
                logger.exception("tick.part_failed", extra={"part": run.__name__})
