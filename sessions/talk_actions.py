"""What happens in the conversation after something was said."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from sessions import hints, live, rules, talk_rules
from sessions.changes import locked
from sessions.models import LineMessage, Message, MessageVersion, Reaction, SupportSession
from supportgroups.lib.refusals import Refused


@transaction.atomic
def touch(message: Message, *, quotes_change: bool = True) -> Message:
    """The message has changed: show everybody how it is now, and the answers that quote it.

    For whoever changes what a message shows, after the change and in its transaction. Gives each
    the session's next revision; a page that was away asks for what has a newer one than it knows.
    """
    session = locked(message.support_session, version=None)
    rows = live.shown_messages(session)
    changed = [rows.get(pk=message.pk)]
    if quotes_change:
        changed += rows.filter(reply_to=message.pk).order_by("sequence")
    for revision, row in enumerate(changed, start=session.change_count + 1):
        row.revision = revision
    Message.objects.bulk_update(changed, ["revision"])
    SupportSession.objects.filter(pk=session.pk).update(
        change_count=F("change_count") + len(changed)
    )
    for row in changed:
        live.publish_change(row)
    return changed[0]


# Changed by its sender ---------------------------------------------------------------------------
# What it said before is kept as a version. It leaves no event in the trail, which would tell whose
# a question without a name was.


@transaction.atomic
def edit_message(
    *,
    support_session: SupportSession,
    sequence: int,
    body: str,
    by: User,
    at: datetime | None = None,
) -> Message:
    """Say it in other words, within 5 minutes."""
    at = at or timezone.now()
    body = rules.message_body(body)
    message = _own_to_change(support_session, sequence, by, at)
    if message.body == body:
        return message
    MessageVersion.objects.create(message=message, body=message.body, replaced_at=at)
    message.body, message.edited_at = body, at
    message.save(update_fields=["body", "edited_at"])
    hints.notice(message)
    return touch(message)


@transaction.atomic
def delete_message(
    *, support_session: SupportSession, sequence: int, by: User, at: datetime | None = None
) -> Message:
    """Take it back, within 5 minutes. That there was a message stays to be seen."""
    at = at or timezone.now()
    message = _own_to_change(support_session, sequence, by, at)
    MessageVersion.objects.create(message=message, body=message.body, replaced_at=at)
    message.reactions.all().delete()
    message.body, message.deleted_at = "", at
    message.save(update_fields=["body", "deleted_at"])
    return touch(message)


def _own_to_change(
    support_session: SupportSession, sequence: int, by: User, at: datetime
) -> Message:
    """The sender's own message, with the session's row locked: nobody else changes it meanwhile."""
    support_session = locked(support_session, version=None)
    talk_rules.check_may_take_part(by, support_session)
    message = talk_rules.message_in(support_session, sequence)
    talk_rules.check_may_change(by, message, at=at)
    return message


# Reactions ----------------------------------------------------------------------------------------


@transaction.atomic
def react(
    *,
    support_session: SupportSession,
    sequence: int,
    kind: str,
    by: User,
    is_on: bool | None = None,
) -> Message:
    """Give or take back a reaction: as `is_on` says, or the other way round than it is.

    Others see how many there are; the person's own devices are told which are theirs.
    """
    if kind not in Reaction.Kind:
        raise Refused("no_such_reaction", "Choose one of the reactions.")
    support_session = locked(support_session, version=None)
    talk_rules.check_may_take_part(by, support_session)
    message = talk_rules.message_in(support_session, sequence)
    given = message.reactions.filter(user=by, kind=kind)
    was_on = given.exists()
    if was_on != is_on:
        if was_on:
            given.delete()
        else:
            Reaction.objects.create(message=message, user=by, kind=kind)
        message = touch(message, quotes_change=False)
    own = talk_rules.own_in([live.shown_messages(support_session).get(pk=message.pk)], by)
    live.publish_own(support_session.pk, by.pk, live.own_frame(own))
    return message


# The facilitators' own line ----------------------------------------------------------------------


@transaction.atomic
def say_on_line(
    *,
    support_session: SupportSession,
    client_id: UUID,
    body: str,
    by: User,
    at: datetime | None = None,
) -> LineMessage:
    """Say something to the others who lead, once, however often it is sent.

    The message itself is the record: it leaves no event in the trail.
    """
    body = rules.message_body(body)
    support_session = locked(support_session, version=None)
    talk_rules.check_may_use_line(by, support_session)
    said = support_session.line_messages.filter(sender=by, client_id=client_id).first()
    if said is None:
        support_session.line_count += 1
        support_session.save(update_fields=["line_count"])
        said = LineMessage.objects.create(
            support_session=support_session,
            sequence=support_session.line_count,
            client_id=client_id,
            sender=by,
            body=body,
            sent_at=at or timezone.now(),
        )
        live.publish_to_leads(support_session.pk, "line")
    return said
