"""By the clock: who is to be asked after a session, and whose mail is to go out."""

import logging
import time
from smtplib import SMTPException, SMTPServerDisconnected
from uuid import UUID

from django.core.mail import mailers
from django.core.mail.backends.base import BaseEmailBackend

from outcomes import actions, counting_actions

logger = logging.getLogger(__name__)

#: One run claims no more after this many seconds; the next minute's run goes on.
SECONDS_OF_A_RUN = 45


def make_surveys_due() -> None:
    """Ask the people whose turn came with a session that ended."""
    actions.make_surveys_due(by=None)


def recount() -> None:
    """Count the people of groups anew in which something changed."""
    counting_actions.recount_by_the_clock(by=None)


def send_due_invitations() -> None:
    """Send one mail to each person whom something waits for, in batches of 500 people.

    Any number of workers may run this at once: each claims other people. One mail that fails is
    tried again when its claim has run out, and never stops the others. A mail server that cannot
    be reached costs nobody an attempt, however long it is away.
    """
    begun = time.monotonic()
    while time.monotonic() - begun < SECONDS_OF_A_RUN:
        claimed = actions.claim_invitations(by=None)
        if not claimed or not _send(list(claimed.values()), until=begun + SECONDS_OF_A_RUN):
            return


def _send(batch: list[list[UUID]], *, until: float) -> bool:
    """Send a claimed batch over one connection. False when the mail server cannot be reached, or
    when the time is over: then others can claim what is left."""
    mailer = mailers.default
    try:
        for position, invitation_ids in enumerate(batch):
            untried = [pk for ids in batch[position:] for pk in ids]
            if time.monotonic() > until:
                actions.release_claimed(invitation_ids=untried, by=None)
                return False
            try:
                mailer.open()  # does nothing while the connection stands
            except (OSError, SMTPException) as problem:
                _warn("survey.no_mail_server", problem, waiting=len(untried))
                actions.release_claimed(invitation_ids=untried, by=None)
                return False
            _send_one(invitation_ids, mailer)
    finally:
        mailer.close()
    return True


def _send_one(invitation_ids: list[UUID], mailer: BaseEmailBackend) -> None:
    """Send one person's mail. What goes wrong with it stops no other."""
    try:
        actions.send_claimed(invitation_ids=invitation_ids, by=None, mailer=mailer)
    except SMTPServerDisconnected as problem:
        _warn("survey.connection_lost", problem)
        mailer.close()  # the next one opens another
    except Exception as problem:
        _warn("survey.mail_failed", problem)


def _warn(event: str, problem: Exception, **extra: object) -> None:
    """Only the kind of problem: a mail server's words repeat the address."""
    logger.error(event, extra={"problem": type(problem).__name__, **extra})
