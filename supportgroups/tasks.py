"""What beat sends: once a minute everything that is due, once a night what has expired."""

import logging
import time

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from accounts import periodic as accounts_periodic
from audit import periodic as audit_periodic
from audit.models import Event
from audit.trail import origin
from groups import periodic as groups_periodic
from outcomes import analysis_periodic, disclosure_periodic, report_periodic
from outcomes import periodic as outcomes_periodic
from outreach import periodic as outreach_periodic
from oversight import periodic as oversight_periodic
from safeguarding import periodic as safeguarding_periodic
from screening import periodic as screening_periodic
from sessions import periodic as sessions_periodic
from sessions import safe_periodic
from supportgroups import retention
from supportgroups.figures import note_run
from supportgroups.my_data import periodic as my_data_periodic

logger = logging.getLogger(__name__)

#: Concerns first: a person waits for help. Sessions exist before reminders, and end before surveys
#: become due.
DUE_BY_THE_CLOCK = (
    safeguarding_periodic.ask_who_is_next,
    safeguarding_periodic.send_overdue_alerts,
    safe_periodic.tell_reviewers,
    accounts_periodic.send_overdue_invitations,
    accounts_periodic.tell_of_new_devices,
    accounts_periodic.settle_who_owes_a_second_factor,
    accounts_periodic.renew_secrets_of_factors,
    groups_periodic.pass_offers_on,
    groups_periodic.send_overdue_news,
    screening_periodic.send_overdue_news,
    sessions_periodic.follow_lifecycle,
    sessions_periodic.make_sessions_ahead,
    sessions_periodic.book_what_is_free,
    sessions_periodic.end_forgotten_sessions,
    sessions_periodic.send_due_reminders,
    outcomes_periodic.make_surveys_due,
    outcomes_periodic.send_due_invitations,
    disclosure_periodic.take_up_summaries,
    disclosure_periodic.end_summaries,
    report_periodic.take_up_reports,
    outreach_periodic.take_up_imports,
    outcomes_periodic.recount,
    oversight_periodic.tell_of_emergencies,
    audit_periodic.seal_events,
    analysis_periodic.take_up_analyses,
    my_data_periodic.take_up_exports,
    my_data_periodic.delete_expired_exports,
)


@shared_task(soft_time_limit=240, time_limit=270, ignore_result=True)
def tick() -> None:
    """Run everything that is due. One part that fails never stops the others; the end of the time
    for all of them does."""
    begun, failed = time.time(), 0
    with origin(Event.Origin.CLOCK):
        for run in DUE_BY_THE_CLOCK:
            try:
                run()
            except SoftTimeLimitExceeded:
                raise
            except Exception:
                failed += 1
                logger.exception("tick.part_failed", extra={"part": run.__name__})
    note_run("tick", begun=begun, failed=failed)


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def nightly() -> None:
    """Take what has outlived `docs/data-retention.yaml`. What is left waits for the next night."""
    begun = time.time()
    with origin(Event.Origin.CLOCK):
        purged = retention.purge(seconds=600)
        accounts_periodic.tell_unused()
    unfinished = sum(1 for each in purged if each.refused or not each.is_done)
    note_run("nightly", begun=begun, failed=unfinished)


@shared_task(soft_time_limit=900, time_limit=930, ignore_result=True)
def verify_trail() -> None:
    """Look whether anybody changed or removed what happened."""
    begun = time.time()
    with origin(Event.Origin.CLOCK):
        audit_periodic.verify_trail()
    note_run("verify_trail", begun=begun, failed=0)
