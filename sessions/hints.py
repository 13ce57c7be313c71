"""Quiet hints to facilitators: a word list noticed something. Nothing else happens."""

import logging

from django.db import transaction

from safeguarding.risk_words import is_noticed
from sessions import live, safe_rules
from sessions.database import in_thread
from sessions.models import Hint, Message

logger = logging.getLogger(__name__)


def notice(message: Message) -> None:
    """Once a member's message is committed, give facilitators a hint if the word list asks for one.

    It happens after the message went out, which it neither delays nor undoes. Facilitators' own
    words are left alone: they speak of these things as part of their task.
    """
    if _is_wanted(message):
        transaction.on_commit(lambda: _give(message), robust=True)


async def anotice(message: Message) -> None:
    """The same from a socket, on the event loop, for a message that is committed."""
    if _is_wanted(message):
        try:
            await in_thread(_give)(message)
        except Exception:  # the message is kept, whatever becomes of a hint
            logger.exception("sessions.hint_failed")


def _is_wanted(message: Message) -> bool:
    language = message.support_session.group.language
    return not message.is_from_facilitator and is_noticed(message.body, language=language)


def _give(message: Message) -> None:
    found = safe_rules.list_of(message.support_session.group)
    stored = Message.objects.filter(
        support_session=message.support_session_id, sequence=message.sequence
    ).first()
    if found is None or stored is None:
        return
    Hint.objects.get_or_create(message=stored, defaults={"list_version": found.name})
    live.publish_to_leads(message.support_session_id, "hints")
