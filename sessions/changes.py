"""How the state of a room is changed: locked, checked against what was seen, told to everybody."""

from datetime import datetime

from accounts.models import User
from audit.trail import record
from sessions import live, rules
from sessions.models import AgendaItem, SupportSession


def locked(support_session: SupportSession, *, version: int | None) -> SupportSession:
    """The session as it is now, its row locked. Raises `Refused` when it is not at `version`."""
    support_session = (
        SupportSession.objects.select_for_update(no_key=True, of=("self",))
        .select_related("group__organisation")
        .get(pk=support_session.pk)
    )
    if version is not None:
        rules.check_version(support_session, version)
    return support_session


def changed(
    support_session: SupportSession, verb: str, *, by: User | None, at: datetime, **data: object
) -> SupportSession:
    """Raise the version, tell the trail, tell the room."""
    support_session.version += 1
    # The counters are raised by statements of their own, perhaps since this row was read.
    support_session.save(
        update_fields=[
            field.name
            for field in SupportSession._meta.concrete_fields
            if not field.primary_key and field.name not in SupportSession.COUNTERS
        ]
    )
    record(
        verb,
        by=by,
        on=support_session,
        organisation=support_session.group.organisation_id,
        at=at,
        **data,
    )
    live.publish_state(support_session)
    return support_session


def run_part(item: AgendaItem, *, at: datetime) -> None:
    """The part that ran is over and this one runs; one the room came back to goes on."""
    AgendaItem.objects.filter(
        support_session=item.support_session_id, began_at__isnull=False, ended_at__isnull=True
    ).update(ended_at=at)
    if item.began_at and item.ended_at:
        item.spent_seconds += int((item.ended_at - item.began_at).total_seconds())
    item.began_at, item.ended_at = at, None
    item.save(update_fields=["began_at", "ended_at", "spent_seconds"])
