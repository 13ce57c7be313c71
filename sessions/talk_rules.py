"""The conversation: who may answer, change and see what. Asks, never writes."""

from typing import Any

from accounts.models import User
from accounts.rules import Viewer
from sessions import rules
from sessions.models import Message, Reaction, SupportSession

#: So many messages of the facilitators' own line stand in the page.
LINE_SHOWN = 50


def line_shown(support_session: SupportSession) -> dict[str, Any]:
    """The newest of the facilitators' own line, in order."""
    newest = support_session.line_messages.select_related("sender").order_by("-sequence")
    return {"line": list(newest[:LINE_SHOWN])[::-1]}


def check_may_use_line(user: Viewer, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person leads the session and is in its room, before its start
    too."""
    rules.check_may_lead(user, support_session)
    rules.check_may_be_in_room(user, support_session)


def own_of(support_session: SupportSession, user: User) -> list[dict[str, Any]]:
    """What of the messages is this person's own and cannot be seen in them: what they asked
    without a name, and how they reacted. For their eyes only."""
    found: dict[int, dict[str, Any]] = {}
    for sequence, kind in Reaction.objects.filter(
        user=user, message__support_session=support_session
    ).values_list("message__sequence", "kind"):
        found.setdefault(sequence, _own(sequence))["reactions"].append(kind)
    for sequence in Message.objects.filter(
        support_session=support_session, sender=user, is_anonymous=True
    ).values_list("sequence", flat=True):
        found.setdefault(sequence, _own(sequence))["mine"] = True
    return [found[sequence] for sequence in sorted(found)]


def _own(sequence: int) -> dict[str, Any]:
    return {"sequence": sequence, "mine": False, "reactions": []}
