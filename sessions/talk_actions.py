"""What happens in the conversation after something was said."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from sessions import live, rules, talk_rules
from sessions.changes import locked
from sessions.models import LineMessage, Message, SupportSession


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
