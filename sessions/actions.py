"""What happens to sessions: made ahead, opened, led, ended; and who is reminded of them."""

from contextlib import nullcontext
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.live import look_again
from accounts.models import User
from audit.trail import record
from groups.models import SupportGroup
from groups.rules import check_may_staff
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from sessions import live, rules
from sessions.models import (
    AgendaItem,
    AgendaTemplateItem,
    Attendance,
    Entry,
    Message,
    Reminder,
    Series,
    SupportSession,
)
from supportgroups.lib.refusals import Refused

# Made ahead ---------------------------------------------------------------------------------------


@transaction.atomic
def make_sessions(
    *,
    series: Series,
    by: User | None = None,
    at: datetime | None = None,
    until: datetime | None = None,
) -> list[SupportSession]:
    """Make every session that the rule gives from `at` to `until` and that is not there yet.

    `until` is the series' horizon unless given. Sessions are known by series and recurrence-id, so
    a repeat makes none twice and leaves moved and cancelled ones alone. The agenda is copied from
    the group's template. Returns the new ones; making none leaves no event.
    """
    at = at or timezone.now()
    # Two runs at once take turns here; the second finds everything made.
    series = (
        Series.objects.select_for_update(no_key=True, of=("self",))
        .select_related("group")
        .get(pk=series.pk)
    )
    until = until or rules.horizon(series, at)
    missing = rules.missing_occurrences(series, after=at, until=until)
    if series.ended_at is not None or not missing:
        return []
    made = SupportSession.objects.bulk_create(
        SupportSession(
            group=series.group,
            series=series,
            recurrence_id=occurrence.starts_at,
            starts_at=occurrence.starts_at,
            ends_at=occurrence.ends_at,
        )
        for occurrence in missing
    )
    _copy_agenda(series.group, made)
    record(
        "sessions.made",
        by=by,
        on=series,
        organisation=series.group.organisation_id,
        at=at,
        count=len(made),
        until=until.isoformat(),
    )
    return made


@transaction.atomic
def add_session(
    *,
    group: SupportGroup,
    starts_at: datetime,
    ends_at: datetime,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """One more session, beside the group's rhythm, with the group's usual agenda."""
    check_may_staff(by, group)
    support_session = SupportSession.objects.create(
        group=group, recurrence_id=starts_at, starts_at=starts_at, ends_at=ends_at
    )
    _copy_agenda(group, [support_session])
    record("session.added", by=by, on=support_session, organisation=group.organisation_id, at=at)
    return support_session


def _copy_agenda(group: SupportGroup, support_sessions: list[SupportSession]) -> None:
    template = list(AgendaTemplateItem.objects.filter(group=group))
    AgendaItem.objects.bulk_create(
        AgendaItem(
            support_session=support_session,
            position=item.position,
            title=item.title,
            note=item.note,
            minutes=item.minutes,
        )
        for support_session in support_sessions
        for item in template
    )


# Reminders ----------------------------------------------------------------------------------------
# Their rows are the record of what was sent to whom, so they leave no event in the trail.


@transaction.atomic
def make_due_reminders(*, at: datetime | None = None) -> int:
    """A row for everybody who is to be reminded now and has none yet. Returns how many are new.

    One statement for each kind, whatever the number of people; a second run at the same time adds
    nothing, because a person has one row a session and kind.
    """
    at = at or timezone.now()
    made = 0
    for kind in Reminder.Kind:
        # The rule as SQL, its values apart: nothing typed by anybody becomes part of the statement.
        due, values = rules.due_for_reminder(kind, at=at).query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO support_sessions_reminder"
                " (support_session_id, user_id, kind, attempts)"
                f" SELECT due.*, %s, 0 FROM ({due}) AS due ON CONFLICT DO NOTHING",  # noqa: S608
                [kind.value, *values],
            )
            made += cursor.rowcount
    return made


@transaction.atomic
def claim_reminders(*, limit: int = 100, at: datetime | None = None) -> list[Reminder]:
    """Take unsent reminders for this process alone, the soonest session's first.

    Others that claim at the same moment get other rows. A claim that led to nothing, because its
    process was killed or the mail server refused, can be taken again after
    `rules.CLAIM_HOLDS`, `rules.MOST_ATTEMPTS` times in all.
    """
    at = at or timezone.now()
    batch = list(
        rules.claimable_reminders(at=at)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("user", "support_session__group")
        .order_by("support_session__starts_at")[:limit]
    )
    for reminder in batch:
        reminder.claimed_at = at
        reminder.attempts += 1
    Reminder.objects.bulk_update(batch, ["claimed_at", "attempts"])
    return batch


def mark_sent(*, reminder: Reminder, at: datetime | None = None) -> None:
    """The mail server has taken the mail: it is never sent again."""
    Reminder.objects.filter(pk=reminder.pk).update(sent_at=at or timezone.now())


def release_reminders(*, reminders: list[Reminder]) -> None:
    """Give claims back untried, because the mail server itself could not be reached."""
    Reminder.objects.filter(
        pk__in=[reminder.pk for reminder in reminders],
        claimed_at__in={reminder.claimed_at for reminder in reminders},
        sent_at__isnull=True,
    ).update(claimed_at=None, attempts=F("attempts") - 1)


# The room -----------------------------------------------------------------------------------------


@transaction.atomic
def enter_room(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> rules.Admission:
    """Accept the privacy reminder and go in. A member counts as present from now on.

    Raises `Refused` for those it is not for, and while the room is closed. Entering twice is one
    entry.
    """
    at = at or timezone.now()
    admission = rules.check_may_enter(by, support_session)
    rules.check_open(support_session, at=at)
    entry, entered = Entry.objects.get_or_create(
        support_session=support_session,
        user=by,
        left_at=None,
        defaults={"accepted_at": at},
    )
    if admission.membership is not None:
        Attendance.objects.get_or_create(
            support_session=support_session, membership=admission.membership
        )
        _attendance_of(support_session, by).update(
            first_seen_at=Coalesce("first_seen_at", Value(at)), last_seen_at=at
        )
    if entered:
        record(
            "room.entered",
            by=by,
            on=entry,
            organisation=support_session.group.organisation_id,
            at=at,
        )
    return admission


@transaction.atomic
def leave_room(*, support_session: SupportSession, by: User, at: datetime | None = None) -> None:
    """Go, on every device. Coming back asks for the privacy reminder again."""
    at = at or timezone.now()
    entry = rules.in_room(support_session).filter(user=by).first()
    if entry is None:
        return
    entry.left_at = at
    entry.save(update_fields=["left_at"])
    _attendance_of(support_session, by).update(last_seen_at=at)
    record("room.left", by=by, on=entry, organisation=support_session.group.organisation_id, at=at)
    live.show_left(support_session.pk, by)
    look_again([by.pk])


def stay_in_room(*, support_session: SupportSession, by: User, at: datetime | None = None) -> None:
    """A member's device answered. Not an event of the trail: it comes every half minute."""
    at = at or timezone.now()
    _attendance_of(support_session, by).filter(
        last_seen_at__lt=at - rules.SEEN_EVERY, support_session__ended_at__isnull=True
    ).update(last_seen_at=at)


def _attendance_of(support_session: SupportSession, user: User) -> QuerySet[Attendance]:
    return Attendance.objects.filter(
        support_session=support_session.pk,
        membership__in=rules.admitted_to(support_session).filter(user=user),
    )


def post_message(
    *,
    support_session: SupportSession,
    client_id: UUID,
    body: str,
    by: User,
    sign_in: str | None = None,
    at: datetime | None = None,
) -> Message:
    """Say something to everybody in a live session, once, however often it is sent.

    `client_id` is made by the sender's browser; sent again it returns the message that is there.
    `sign_in` is the key of the browser session that a socket was opened with: it must still hold.
    Raises `Refused` for a body that cannot be, and when the person may not speak now. The message
    itself is the record: it leaves no event in the trail.
    """
    at = at or timezone.now()
    body = rules.message_body(body)
    try:
        # Outside a transaction the statement is its own; inside one a savepoint keeps it whole.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            row = _insert_message(support_session, client_id, body, by, sign_in, at)
    except IntegrityError:
        # The same message came twice at the same moment. The whole statement of the second was
        # undone, its number too, so there is no gap.
        row = _insert_message(support_session, client_id, body, by, sign_in, at)
    if row is None:
        rules.check_may_be_in_room(by, SupportSession.objects.get(pk=support_session.pk))
        raise Refused("not_live", "You can write once the session has started.")
    is_new, sequence, kept_body, sent_at, is_from_facilitator = row
    message = Message(
        support_session=support_session,
        sequence=sequence,
        client_id=client_id,
        sender=by,
        is_from_facilitator=is_from_facilitator,
        body=kept_body,
        sent_at=sent_at,
    )
    if is_new:
        live.publish_message(message)
    return message


def _insert_message(
    support_session: SupportSession,
    client_id: UUID,
    body: str,
    by: User,
    sign_in: str | None,
    at: datetime,
) -> tuple[bool, int, str, datetime, bool] | None:
    """(is new, sequence, body, sent_at, is from a facilitator), or None when the rule says no."""
    statement, stand_ins = _message_statement()
    values: dict[Any, Any] = {
        _SESSION: support_session.pk,
        _GROUP: support_session.group_id,
        _SENDER: by.pk,
        _CLIENT_ID: client_id,
        _BODY: body,
        _SIGN_IN: sign_in,
        _AT: at,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, [values.get(stand_in, stand_in) for stand_in in stand_ins])
        return cursor.fetchone()


# Stand in for the values of one message while the rules' own querysets are made into SQL, which
# takes longer than the statement itself, so it is done once.
_SESSION, _GROUP, _SENDER, _CLIENT_ID = (UUID(int=number) for number in range(1, 5))
_BODY, _SIGN_IN, _AT = "(body)", "(sign-in)", "(at)"


@cache
def _message_statement() -> tuple[str, tuple[Any, ...]]:
    """One statement: may speak, session is live, lock, number, insert; or what was sent before.

    The update locks the session's row, so messages get their numbers one after another, and a
    session that ends meanwhile takes no more.
    """
    room = SupportSession(pk=_SESSION, group_id=_GROUP)
    entered, leads, admitted = (
        rows.order_by().values("pk").query.sql_with_params()
        for rows in (
            rules.in_room(room).filter(user=_SENDER),
            rules.leading(room).filter(user=_SENDER),
            rules.admitted_to(room).filter(user=_SENDER),
        )
    )
    sent_before = (
        "SELECT false, sequence, body, sent_at, is_from_facilitator FROM support_sessions_message"
        " WHERE support_session_id = %s AND sender_id = %s AND client_id = %s"
    )
    key = (_SESSION, _SENDER, _CLIENT_ID)
    # Only the rules' own SQL is put together here; what people send are values of the statement.
    statement = f"""
        WITH room AS (
            UPDATE support_sessions_supportsession SET message_count = message_count + 1
            WHERE id = %s AND status = 'live'
                AND NOT EXISTS ({sent_before})
                AND EXISTS ({entered[0]})
                AND (EXISTS ({leads[0]}) OR EXISTS ({admitted[0]}))
                AND (%s::text IS NULL OR EXISTS (
                    SELECT FROM django_session WHERE session_key = %s AND expire_date > %s))
            RETURNING message_count
        ), added AS (
            INSERT INTO support_sessions_message (support_session_id, sequence, client_id,
                sender_id, is_from_facilitator, body, sent_at)
            SELECT %s, message_count, %s, %s, EXISTS ({leads[0]}), %s, %s FROM room
            RETURNING true, sequence, body, sent_at, is_from_facilitator
        )
        SELECT * FROM added UNION ALL ({sent_before})
    """  # noqa: S608
    return statement, (
        *(_SESSION, *key, *entered[1], *leads[1], *admitted[1], _SIGN_IN, _SIGN_IN, _AT),
        *(_SESSION, _CLIENT_ID, _SENDER, *leads[1], _BODY, _AT),
        *key,
    )


# Leading ------------------------------------------------------------------------------------------


def _locked(support_session: SupportSession, *, version: int | None) -> SupportSession:
    """The session as it is now, its row locked. Raises `Refused` when it is not at `version`."""
    support_session = (
        SupportSession.objects.select_for_update(no_key=True, of=("self",))
        .select_related("group__organisation")
        .get(pk=support_session.pk)
    )
    if version is not None:
        rules.check_version(support_session, version)
    return support_session


def _changed(
    support_session: SupportSession, verb: str, *, by: User | None, at: datetime, **data: object
) -> SupportSession:
    """Raise the version, tell the trail, tell the room."""
    support_session.version += 1
    support_session.save()
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


@transaction.atomic
def begin_session(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """Start a session whose room is open, with its first part."""
    at = at or timezone.now()
    support_session = _locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    rules.check_move(support_session, SupportSession.Status.LIVE)
    rules.check_open(support_session, at=at)
    rules.check_no_other_live(support_session)
    if not support_session.agenda.exists():
        # It was made before its group had a template.
        _copy_agenda(support_session.group, [support_session])
    first = support_session.agenda.first()
    if first is not None:
        first.began_at = at
        first.save(update_fields=["began_at"])
    support_session.status = SupportSession.Status.LIVE
    support_session.began_at, support_session.began_by = at, by
    return _changed(support_session, "session.began", by=by, at=at)


@transaction.atomic
def next_agenda_item(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """Go on to the next part. Raises `Refused` after the last one: then the session ends."""
    at = at or timezone.now()
    support_session = _locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    following = rules.check_may_move_on(support_session)
    support_session.agenda.filter(began_at__isnull=False, ended_at__isnull=True).update(ended_at=at)
    following.began_at = at
    following.save(update_fields=["began_at"])
    return _changed(support_session, "agenda.moved_on", by=by, at=at, position=following.position)


@transaction.atomic
def extend_agenda_item(
    *,
    support_session: SupportSession,
    version: int,
    by: User,
    minutes: int = 5,
    at: datetime | None = None,
) -> SupportSession:
    """Give the current part more minutes."""
    at = at or timezone.now()
    support_session = _locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    current = rules.check_may_extend(support_session, minutes=minutes)
    current.minutes += minutes
    current.save(update_fields=["minutes"])
    return _changed(
        support_session,
        "agenda.extended",
        by=by,
        at=at,
        position=current.position,
        minutes=minutes,
    )


@transaction.atomic
def end_session(
    *,
    support_session: SupportSession,
    by: User | None,
    version: int | None = None,
    at: datetime | None = None,
) -> SupportSession:
    """End it for everybody and settle who came. `by` is None when the clock does it."""
    at = at or timezone.now()
    support_session = _locked(support_session, version=version)
    if by is not None:
        rules.check_may_lead(by, support_session)
    rules.check_move(support_session, SupportSession.Status.ENDED)
    support_session.status = SupportSession.Status.ENDED
    support_session.ended_at, support_session.ended_by = at, by
    support_session.agenda.filter(began_at__isnull=False, ended_at__isnull=True).update(ended_at=at)
    _settle_attendance(support_session, at)
    rules.in_room(support_session).update(left_at=at)
    return _changed(support_session, "session.ended", by=by, at=at)


def _settle_attendance(support_session: SupportSession, ended_at: datetime) -> None:
    """A final status for everybody the session was for, and everybody who was there."""
    Attendance.objects.bulk_create(
        [
            Attendance(support_session=support_session, membership=membership)
            for membership in rules.expected_at(support_session)
        ],
        ignore_conflicts=True,
    )
    attendances = list(support_session.attendances.select_for_update())
    for attendance in attendances:
        attendance.status = rules.attendance_status(attendance, support_session, ended_at=ended_at)
    Attendance.objects.bulk_update(attendances, ["status"])


@transaction.atomic
def raise_concern(
    *,
    support_session: SupportSession,
    about: User,
    detail: str,
    occasion: UUID,
    by: User,
    at: datetime | None = None,
) -> Concern:
    """Ask the named person to look after somebody in this room, oneself included, in private.

    `occasion` is made with the form: sending it twice opens one concern. Raises `Refused` for
    somebody who has not been in the room.
    """
    rules.check_may_be_in_room(by, support_session, at=at)
    rules.check_has_been_in_room(about, support_session)
    return open_concern(
        organisation=support_session.group.organisation,
        about=about,
        source=Concern.Source.LIVE,
        occasion=f"live:{support_session.pk}:{occasion}",
        detail=detail,
        by=by,
        at=at,
    )


@transaction.atomic
def delete_expired(*, at: datetime | None = None) -> dict[str, int]:
    """Delete what has outlived `docs/data-retention.yaml`. Returns how many rows of each kind."""
    at = at or timezone.now()
    counts = {}
    for rows in rules.expired(at):
        counts[rows.model._meta.model_name or ""] = rows.delete()[0]
    return counts
