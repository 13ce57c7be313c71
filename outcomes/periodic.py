"""By the clock: who is to be asked after a session, and whose mail is to go out."""

import logging

from outcomes import actions

logger = logging.getLogger(__name__)

#: At most this many batches a tick; the rest goes with the next one.
MOST_BATCHES = 20


def make_surveys_due() -> None:
    """Ask the people whose turn came with a session that ended."""
    actions.make_surveys_due(by=None)


def send_due_invitations() -> None:
    """Send one mail to each person whom something waits for, in batches of 100 people.

    Any number of workers may run this at once: each claims other people. One mail that fails is
    tried again when its claim has run out, and never stops the others.
    """
    for _ in range(MOST_BATCHES):
        claimed = actions.claim_invitations(by=None)
        if not claimed:
            return
        for invitation_ids in claimed.values():
            try:
                actions.send_claimed(invitation_ids=invitation_ids, by=None)
            except Exception:
                logger.exception("survey.mail_failed")
