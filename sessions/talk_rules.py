"""The conversation: who may answer, change and see what. Asks, never writes."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.models import User
from accounts.rules import Viewer
from sessions import rules
from sessions.models import Message, Reaction, SupportSession
from supportgroups.lib.refusals import Refused

#: So long may its sender edit or delete a message.
CHANGEABLE_FOR = timedelta(minutes=5)
#: With fewer members in the room the others would know who asked.
FEWEST_TO_HIDE_AMONG = 3
#: So many messages of the facilitators' own line stand in the page.
LINE_SHOWN = 50


def check_may_take_part(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` unless the session is live and this person is in its room."""
    rules.check_may_be_in_room(user, support_session)
    if support_session.status != SupportSession.Status.LIVE:
        raise Refused("not_live", "This is possible while the session runs.")


def message_in(support_session: SupportSession, sequence: int) -> Message:
    """The message with this number, or `Refused`: it is not there, was deleted or is hidden."""
    message = support_session.messages.filter(
        sequence=sequence, deleted_at__isnull=True, hidden_at__isnull=True
    ).first()
    if message is None:
        raise Refused("gone", "This message is not there any more.")
    message.support_session = support_session
    return message


def is_changeable(user: Viewer, message: Message, *, at: datetime) -> bool:
    """Whether it is this person's, is still there, and was said a moment ago."""
    return (
        message.sender_id == user.pk
        and message.deleted_at is None
        and message.hidden_at is None
        and at <= message.sent_at + CHANGEABLE_FOR
    )


def check_may_change(user: User, message: Message, *, at: datetime) -> None:
    """Raise `Refused` unless this person may edit or delete the message now. Somebody else's and
    one that nobody may know whose it is get the same answer."""
    if message.sender_id != user.pk:
        raise Refused("not_own", "You can change what you said yourself.")
    rules.check_may_speak(user, message.support_session)
    if not is_changeable(user, message, at=at):
        raise Refused("too_late", "A message can be changed for 5 minutes.")


def check_may_ask_namelessly(
    user: User, support_session: SupportSession, client_id: UUID, *, here: int
) -> None:
    """Raise `Refused` where the group does not want it, or with too few people to hide among.

    `here`: how many members are in the room. What was stored and is sent again is not asked after.
    Those who lead ask by name: what can be done about a message differs for theirs, which would
    give them away.
    """
    allowing = SupportSession.objects.filter(group__allows_anonymous_questions=True)
    if not allowing.filter(pk=support_session.pk).exists():
        raise Refused("names_only", "This group asks its questions by name.")
    if rules.leading(support_session).filter(pk=user.pk).exists():
        raise Refused("leads", "You lead this session. Please ask with your name.")
    if (
        here < FEWEST_TO_HIDE_AMONG
        and not Message.objects.filter(
            support_session=support_session, sender=user, client_id=client_id
        ).exists()
    ):
        raise Refused(
            "too_few_here",
            "Too few people are here: they could tell that it is you. This needs three members "
            "in the room. You can ask with your name, or wait.",
        )


def check_may_use_line(user: Viewer, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person leads the session and is in its room, before its start
    too."""
    rules.check_may_lead(user, support_session)
    rules.check_may_be_in_room(user, support_session)


# What is shown ------------------------------------------------------------------------------------


def line_shown(support_session: SupportSession) -> dict[str, Any]:
    """The newest of the facilitators' own line, in order."""
    newest = support_session.line_messages.select_related("sender").order_by("-sequence")
    return {"line": list(newest[:LINE_SHOWN])[::-1]}


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


def own_in(messages: Iterable[Message], user: User) -> list[dict[str, Any]]:
    """Of each of these messages what is this person's own, for their eyes only. Needs reactions at
    hand for those that changed."""
    return [
        {
            "sequence": message.sequence,
            "mine": message.sender_id == user.pk,
            "reactions": [
                reaction.kind
                for reaction in (message.reactions.all() if message.revision else ())
                if reaction.user_id == user.pk
            ],
        }
        for message in messages
    ]


def ways_on(message: Message, user: User, *, at: datetime) -> dict[str, Any]:
    """Which ways of the conversation a page about a message offers to this reader."""
    own = own_in([message], user)[0]["reactions"]
    is_there = message.deleted_at is None and message.hidden_at is None
    is_live = message.support_session.status == SupportSession.Status.LIVE
    return {
        "answer": is_there and is_live,
        "change": is_live and is_changeable(user, message, at=at),
        "reactions": [
            {"kind": kind.value, "label": kind.label, "is_own": kind.value in own}
            for kind in Reaction.Kind
        ],
    }
