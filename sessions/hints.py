"""Quiet hints to facilitators: a word list noticed something. Nothing else happens."""

from django.db import transaction

from safeguarding.risk_words import is_noticed
from sessions import live, safe_rules
from sessions.models import Hint, Message


def notice(message: Message) -> None:
    """Once a member's message is committed, give facilitators a hint if the word list asks for one.

    It happens after the message went out, which it neither delays nor undoes. Facilitators' own
    words are left alone: they speak of these things as part of their task.
    """
    language = message.support_session.group.language
    if not message.is_from_facilitator and is_noticed(message.body, language=language):
        transaction.on_commit(lambda: _give(message), robust=True)


def _give(message: Message) -> None:
    found = safe_rules.list_of(message.support_session.group)
    stored = Message.objects.filter(
        support_session=message.support_session_id, sequence=message.sequence
    ).first()
    if found is None or stored is None:
        return
    Hint.objects.get_or_create(message=stored, defaults={"list_version": found.name})
    live.publish_to_leads(message.support_session_id, "hints")
