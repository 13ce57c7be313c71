"""What the clock does for the trail."""

import logging

from django.conf import settings

from audit import chain
from audit.emails import send_trail_broken

logger = logging.getLogger(__name__)


def seal_events() -> None:
    """Each minute: put what was written since under the chain."""
    chain.seal_events()


def verify_trail() -> None:
    """Each night: seal whatever was left out, and walk the whole chain.

    The log line holds the end of the chain. Kept where the database's owner cannot change it, it
    proves later that nobody made the chain anew.
    """
    chain.seal_events(everything=True)
    verdict = chain.check_trail()
    if verdict.is_whole:
        logger.info("trail.whole", extra={"events": verdict.sealed, "head": verdict.head})
        return
    before = chain.last_whole_check()
    logger.critical(
        "trail.broken",
        extra={
            "places": verdict.breaks,
            "found": verdict.found,
            "last_whole_at": before.checked_at.isoformat() if before else None,
            "head": verdict.head,
        },
    )
    if settings.OPERATOR_EMAIL:
        try:
            send_trail_broken(verdict.found, before=before)
        except Exception:  # the line above, the figures and the pages say it too
            logger.exception("trail.mail_failed")
