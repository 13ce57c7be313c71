"""What keeps the sample world safe: a library of sources, one that is shown, and a report."""

from datetime import datetime, timedelta

from accounts.models import Organisation, User
from safeguarding import library_actions
from safeguarding.models import Resource
from sessions.models import Intervention, Message, Report, SupportSession
from supportgroups.demo.world import read

_DAY = timedelta(days=1)
#: Somebody says this in one of the conversations of `world.yaml`.
CLAIM = "Everybody should stop like that"


def keep_library(*, organisation: Organisation, by: User, now: datetime) -> None:
    """A few sources; the review of one is over."""
    for entry in read().library:
        at = now - entry["read_days_ago"] * _DAY
        library_actions.keep_resource(
            organisation=organisation,
            title=entry["title"],
            summary=entry["summary"],
            source=entry["source"],
            url=entry["url"],
            review_until=(at + entry["holds_days"] * _DAY).date(),
            by=by,
            at=at,
        )


def show_a_source() -> None:
    """Under each message with the claim stands a source, which an overseer has not judged yet."""
    for message in _with_the_claim():
        session = message.support_session
        at = message.sent_at + timedelta(minutes=1)
        lead = session.group.facilitator_assignments.order_by("began_at").first()
        source = (
            Resource.objects.vetted()
            .filter(organisation=session.group.organisation_id, title__startswith="Coming off")
            .first()
        )
        if lead is None or source is None:
            continue
        Intervention.objects.create(
            support_session=session,
            kind=Intervention.Kind.REDIRECT,
            message=message,
            about_id=message.sender_id,
            claim=CLAIM,
            resource=source,
            reason="claim",
            made_at=at,
            made_by_id=lead.user_id,
            told_at=at,
        )
        SupportSession.objects.filter(pk=session.pk).update(change_count=1)
        Message.objects.filter(pk=message.pk).update(revision=1)


def _with_the_claim() -> list[Message]:
    """Messages that hold it, the newest last. The database cannot look into what is encrypted."""
    said = Message.objects.select_related("support_session__group").order_by("sent_at")
    return [message for message in said if CLAIM in message.body]


def report_one() -> None:
    """Somebody who was there asks for a look at the newest of these messages."""
    message = next(reversed(_with_the_claim()), None)
    if message is None or message.sender_id is None:
        return
    reporter = (
        User.objects.filter(messages__support_session=message.support_session)
        .exclude(pk=message.sender_id)
        .exclude(facilitator_assignments__group=message.support_session.group)
        .order_by("pk")
        .first()
    )
    Report.objects.create(
        message=message,
        reporter=reporter,
        reason="claim",
        detail="I take these tablets, and this frightened me.",
        made_at=message.sent_at + timedelta(minutes=2),
    )
