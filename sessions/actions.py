"""What happens to sessions: made ahead, opened, led, ended; and who is reminded of them."""

from contextlib import nullcontext
from datetime import datetime
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
from sessions import live, rules, statements
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
                "INSERT INTO support_sessions_reminder"  # noqa: S608 - the rule's own SQL
                " (support_session_id, user_id, kind, attempts)"
                f" SELECT due.*, %s, 0 FROM ({due}) AS due ON CONFLICT DO NOTHING",
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
    message = Message(
        support_session=support_session,
        client_id=client_id,
        sender=by,
        body=rules.message_body(body),
        sent_at=at or timezone.now(),
    )
    try:
        # Outside a transaction the statement is its own; inside one a savepoint keeps it whole.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            is_new = statements.insert_message(message, sign_in=sign_in)
    except IntegrityError:
        # The same message came twice at the same moment. The whole statement of the second was
        # undone, its number too, so there is no gap.
        is_new = statements.insert_message(message, sign_in=sign_in)
    if is_new is None:
        rules.check_may_be_in_room(by, SupportSession.objects.get(pk=support_session.pk))
        raise Refused("not_live", "You can write once the session has started.")
    if is_new:
        live.publish_message(message)
    return message


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
