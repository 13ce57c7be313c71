"""By the clock: sessions are made ahead, forgotten ones end, reminders go out."""

import logging
import time
from smtplib import SMTPException, SMTPServerDisconnected

from celery.exceptions import SoftTimeLimitExceeded
from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import F, Max
from django.utils import timezone

from groups.models import SupportGroup
from sessions import actions, emails, reminder_rules, rules, schedule_rules
from sessions.models import Reminder, Series, SupportSession

logger = logging.getLogger(__name__)

#: One run claims no more after this many seconds; the next minute's run goes on.
SECONDS_OF_A_RUN = 45


def follow_lifecycle() -> None:
    """Sessions follow their group: off while it is paused or closed, on when it is listed again."""
    now = timezone.now()
    begun = time.monotonic()
    for group in schedule_rules.behind_their_lifecycle(at=now):
        if time.monotonic() - begun > SECONDS_OF_A_RUN:
            return
        try:
            actions.follow_lifecycle(group=group, by=None, at=now)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("sessions.lifecycle_failed", extra={"group": str(group.pk)})


def make_sessions_ahead() -> None:
    """Give every listed group's current series its sessions up to the horizon.

    Asks one query for all, so a minute in which nothing is missing costs next to nothing. Where
    most is missing comes first; what one run does not reach, the next minute's does.
    """
    now = timezone.now()
    begun = time.monotonic()
    current = (
        Series.objects.current()
        .filter(group__lifecycle=SupportGroup.Lifecycle.LISTED)
        .with_days_off()
        .annotate(made_until=Max("support_sessions__recurrence_id"))
        .order_by(F("made_until").asc(nulls_first=True))
    )
    for series in current:
        if time.monotonic() - begun > SECONDS_OF_A_RUN:
            return
        try:
            if schedule_rules.lacks_sessions(series, made_until=series.made_until, at=now):
                actions.make_sessions(series=series, at=now)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("sessions.series_failed", extra={"series": str(series.pk)})


def book_what_is_free() -> None:
    """Hold facilitators and rooms that were taken when a session was made and are free now.

    One transaction a group: who books several groups at once and somebody who books the other way
    round would wait for each other.
    """
    now = timezone.now()
    begun = time.monotonic()
    for group in schedule_rules.behind_their_bookings(at=now):
        if time.monotonic() - begun > SECONDS_OF_A_RUN:
            return
        try:
            actions.book_what_is_free(group=group, by=None, at=now)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("sessions.booking_failed", extra={"group": str(group.pk)})


def end_forgotten_sessions() -> None:
    """End live sessions that nobody ended an hour after their planned end."""
    forgotten = SupportSession.objects.filter(
        status=SupportSession.Status.LIVE, ends_at__lt=timezone.now() - rules.FORGOTTEN_AFTER
    )
    for support_session in forgotten:
        try:
            actions.end_session(support_session=support_session, by=None)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("sessions.end_failed", extra={"session": str(support_session.pk)})


def send_due_reminders() -> None:
    """Remind everybody who is due, in batches, each mail at most once unless it must be repeated.

    A reminder is claimed, sent, then marked. Killed between claim and mark, the claim runs out and
    a later run sends the mail. When the server had taken the first one and only its answer was
    lost, that makes two: we would rather remind twice than not at all, and both carry the same
    Message-ID. Several runs at once, also on several machines, share the work.
    """
    actions.make_due_reminders()
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS_OF_A_RUN:
        batch = actions.claim_reminders()
        if not batch or not _send(batch):
            return


def _send(batch: list[Reminder]) -> bool:
    """Send a claimed batch over one connection. False when the mail server cannot be reached."""
    mailer = mailers.default
    try:
        for position, reminder in enumerate(batch):
            try:
                mailer.open()  # does nothing while the connection stands
            except (OSError, SMTPException) as problem:
                _warn("reminders.no_mail_server", problem, waiting=len(batch) - position)
                actions.release_reminders(reminders=batch[position:])
                return False
            _send_one(reminder, mailer)
    finally:
        mailer.close()
    return True


def _send_one(reminder: Reminder, mailer: BaseEmailBackend) -> None:
    """Send one, unless it is no longer wanted. What goes wrong with it stops no other."""
    try:
        if reminder_rules.must_wait(reminder, at=timezone.now()):
            actions.put_off_reminder(reminder=reminder)
        elif reminder_rules.is_still_wanted(reminder, at=timezone.now()):
            emails.send_reminder(reminder, mailer=mailer)
            actions.mark_sent(reminder=reminder)
    except SMTPServerDisconnected as problem:
        _warn("reminders.connection_lost", problem, reminder=str(reminder.pk))
        mailer.close()  # the next one opens another
    except SoftTimeLimitExceeded:
        raise
    except Exception as problem:
        _warn("reminders.one_failed", problem, reminder=str(reminder.pk))


def _warn(event: str, problem: Exception, **extra: object) -> None:
    """Only the kind of problem: a mail server's words repeat the address."""
    logger.error(event, extra={"problem": type(problem).__name__, **extra})
