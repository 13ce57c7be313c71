"""What happens to sessions: made ahead, moved, opened, led, ended; and who is told of them."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import nullcontext
from datetime import date, datetime, time
from functools import partial
from typing import NamedTuple, NoReturn, cast
from uuid import UUID

import psycopg
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.factor_actions import settle_second_factors
from accounts.live import look_again
from accounts.models import Organisation, User
from audit.trail import record
from groups.models import FacilitatorAssignment, SupportGroup
from groups.rules import check_may_staff
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from sessions import (
    after_rules,
    before_times,
    door_rules,
    hints,
    live,
    reminder_rules,
    rules,
    schedule,
    schedule_rules,
    statements,
    talk_rules,
    turns,
)
from sessions.bookings import book, book_or_refuse, free
from sessions.changes import changed as changed
from sessions.changes import locked as locked
from sessions.changes import run_part
from sessions.database import Database, in_thread
from sessions.models import (
    AgendaItem,
    AgendaKind,
    AgendaTemplateItem,
    Attendance,
    CalendarFeed,
    DayOff,
    Entry,
    Message,
    Reminder,
    Series,
    SupportSession,
)
from supportgroups.lib.refusals import Refused

# Made ahead ---------------------------------------------------------------------------------------
# Whoever changes several sessions of a group locks the group's row first, then the series, then the
# sessions by key.


def locked_group(group: SupportGroup) -> SupportGroup:
    return (
        SupportGroup.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organisation")
        .get(pk=group.pk)
    )


def _current_series(group: SupportGroup) -> Series | None:
    """The rhythm that holds now, its row locked."""
    series = Series.objects.current().select_for_update(no_key=True).filter(group=group.pk).first()
    if series is not None:
        series.group = group
    return series


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
    a repeat makes none twice and leaves moved and cancelled ones alone; days off are skipped. The
    agenda is copied from the group's template, facilitators and room are booked; one that is taken
    is left out. Returns the new ones; making none leaves no event.
    """
    at = at or timezone.now()
    # Two runs at once take turns here; the second finds everything made.
    group = locked_group(series.group)
    current = Series.objects.select_for_update(no_key=True).filter(pk=series.pk).first()
    # A rhythm that another one replaced meanwhile has ended, or is gone where it made no session.
    if current is None or current.ended_at is not None:
        return []
    series = current
    series.group = group
    until = until or schedule_rules.horizon(series, at)
    return _make(
        series, schedule_rules.missing_occurrences(series, after=at, until=until), by, at, until
    )


def _make(
    series: Series,
    missing: Iterable[schedule.Occurrence],
    by: User | None,
    at: datetime,
    until: datetime,
) -> list[SupportSession]:
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
    if not made:
        return []
    copy_agenda(series.group, made)
    lacking = book(series.group, made)
    record(
        "sessions.made",
        by=by,
        on=series,
        organisation=series.group.organisation_id,
        at=at,
        count=len(made),
        not_booked=len(lacking),
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
    """One more session, beside the group's rhythm, with the group's usual agenda.

    A facilitator or room that is taken is left out: ask `schedule_rules.clashes()` before. Raises
    `Refused` when the group does not meet, or has another session then.
    """
    check_may_staff(by, group)
    group = locked_group(group)
    support_session = SupportSession(
        group=group, recurrence_id=starts_at, starts_at=starts_at, ends_at=ends_at
    )
    rules.check_group_meets(group)
    schedule_rules.check_times(starts_at, ends_at, at=at or timezone.now())
    schedule_rules.check_group_free(support_session, starts_at=starts_at, ends_at=ends_at)
    support_session.save()
    copy_agenda(group, [support_session])
    book(group, [support_session])
    record("session.added", by=by, on=support_session, organisation=group.organisation_id, at=at)
    return support_session


def copy_agenda(group: SupportGroup, support_sessions: Iterable[SupportSession]) -> None:
    template = list(AgendaTemplateItem.objects.filter(group=group))
    AgendaItem.objects.bulk_create(
        AgendaItem(
            support_session=support_session,
            position=item.position,
            kind=item.kind,
            title=item.title,
            note=item.note,
            minutes=item.minutes,
        )
        for support_session in support_sessions
        for item in template
    )


# Rhythm -------------------------------------------------------------------------------------------


@transaction.atomic
def set_rhythm(
    *,
    group: SupportGroup,
    rrule: str,
    starts_on: date,
    starts_at_time: time,
    minutes: int,
    by: User | None,
    at: datetime | None = None,
    from_session: SupportSession | None = None,
) -> Series:
    """When the group meets: its first rhythm, or another one for this session and all following.

    Without `from_session` the change holds from `starts_on`. The coming sessions take the new times
    one by one in order and stay who they are, with attendance, notes and agenda; a cancelled one
    stays cancelled, those too many are called off, missing ones made. People are told once. COUNT
    counts from the new first date. The same rhythm again changes nothing. `by` is None for a feed.
    Raises `Refused` for a rule that cannot be kept, and when a facilitator or the room is taken.
    """
    at = at or timezone.now()
    if by is not None:
        schedule_rules.check_may_plan(by, group)
    group = locked_group(group)
    series = Series(
        group=group,
        rrule=schedule.normal(rrule),
        starts_on=starts_on,
        starts_at_time=starts_at_time,
        minutes=minutes,
        time_zone=group.time_zone,
    )
    schedule_rules.check_rhythm(
        rrule=series.rrule,
        starts_on=starts_on,
        starts_at_time=starts_at_time,
        minutes=minutes,
        time_zone=series.time_zone,
    )
    old = _current_series(group)
    if old is not None and old.is_same_rhythm(series):
        return old
    begin = schedule_rules.change_begins(
        group, starts_on=starts_on, from_session=from_session, at=at
    )
    given = schedule_rules.given_from(series, begin=begin, at=at)
    following: list[SupportSession] = []
    if old is not None:
        following = _locked_sessions(schedule_rules.taken_along(old, begin=begin), group)
        old.ended_at = at
        old.save(update_fields=["ended_at"])
    schedule_rules.check_no_clash(
        schedule_rules.clashes(group=group, times=given, by=by, besides=following)
    )
    series.save()
    changed = _retime(series, following, given, by)
    surplus = following[len(given) :]
    told = [each for each in surplus if each.status == SupportSession.Status.SCHEDULED]
    _call_off(surplus, SupportSession.CancelledFor.RHYTHM_CHANGED)
    if old is not None and not old.support_sessions.exists():
        old.delete()
    if group.lifecycle == SupportGroup.Lifecycle.LISTED:
        _make(series, given[len(following) :], by, at, schedule_rules.horizon(series, at))
    record(
        "rhythm.set",
        by=by,
        on=series,
        organisation=group.organisation_id,
        at=at,
        rrule=rrule,
        moved=len(changed),
        called_off=len(told),
    )
    _tell_of_several(moved=changed, cancelled=told)
    return series


def _locked_sessions(
    found: QuerySet[SupportSession], group: SupportGroup | None = None
) -> list[SupportSession]:
    """These sessions as they are now, their rows locked, in the order they were asked for.

    `group` is their group as it was read with its lock.
    """
    locked = {
        each.pk: each
        for each in SupportSession.objects.filter(pk__in=found.order_by().values("pk"))
        .select_for_update(no_key=True, of=("self",))
        .select_related("group__organisation")
        .order_by("pk")
    }
    ordered = [locked[pk] for pk in found.values_list("pk", flat=True) if pk in locked]
    if group is not None:
        for support_session in ordered:
            support_session.group = group
    return ordered


def _retime(
    series: Series,
    following: Sequence[SupportSession],
    given: Sequence[schedule.Occurrence],
    by: User | None,
) -> list[SupportSession]:
    """Give sessions the times of a new rhythm. Returns those that are on and now at other times."""
    changed = []
    pairs = list(zip(following, given, strict=False))
    for support_session, occurrence in pairs:
        times = (occurrence.starts_at, occurrence.ends_at)
        if (support_session.starts_at, support_session.ends_at) != times:
            support_session.starts_at, support_session.ends_at = times
            support_session.calendar_sequence += 1
            support_session.version += 1
            if support_session.status == SupportSession.Status.SCHEDULED:
                changed.append(support_session)
        support_session.series = series
        support_session.recurrence_id = occurrence.starts_at
    kept = [support_session for support_session, _ in pairs]
    SupportSession.objects.bulk_update(
        kept,
        ["series", "recurrence_id", "starts_at", "ends_at", "calendar_sequence", "version"],
    )
    _forget_reminders(changed)
    _forget_answers(changed)
    free(following)
    on = [each for each in kept if each.status == SupportSession.Status.SCHEDULED]
    if on:
        book_or_refuse(series.group, on, by=by)
    return changed


@transaction.atomic
def end_rhythm(*, group: SupportGroup, by: User | None, at: datetime | None = None) -> None:
    """The group meets no more in a rhythm: its coming sessions are off."""
    at = at or timezone.now()
    if by is not None:
        schedule_rules.check_may_plan(by, group)
    group = locked_group(group)
    series = _current_series(group)
    if series is None:
        return
    following = _locked_sessions(schedule_rules.following(series, begin=at), group)
    series.ended_at = at
    series.save(update_fields=["ended_at"])
    off = [each for each in following if each.status == SupportSession.Status.SCHEDULED]
    _call_off(off, SupportSession.CancelledFor.RHYTHM_CHANGED)
    record(
        "rhythm.ended",
        by=by,
        on=series,
        organisation=group.organisation_id,
        at=at,
        called_off=len(off),
    )
    _tell_of_several(cancelled=off)


class AgendaPart(NamedTuple):
    """One part of a session, or of what every session of a group is like."""

    title: str
    minutes: int
    note: str = ""
    kind: str = AgendaKind.OTHER


@transaction.atomic
def set_agenda_template(
    *,
    group: SupportGroup,
    items: Sequence[AgendaPart],
    by: User | None,
    at: datetime | None = None,
) -> None:
    """What a session is like. Sessions that have not begun take it over, unless somebody made
    their plan their own."""
    at = at or timezone.now()
    if by is not None:
        schedule_rules.check_may_plan(by, group)
    group = locked_group(group)
    AgendaTemplateItem.objects.filter(group=group).delete()
    AgendaTemplateItem.objects.bulk_create(
        AgendaTemplateItem(group=group, position=position, **item._asdict())
        for position, item in enumerate(items, start=1)
    )
    following = schedule_rules.coming_of(group, at=at).filter(planned_at__isnull=True)
    coming = _locked_sessions(following, group)
    AgendaItem.objects.filter(support_session__in=[each.pk for each in coming]).delete()
    copy_agenda(group, coming)
    record(
        "agenda.set", by=by, on=group, organisation=group.organisation_id, at=at, parts=len(items)
    )


# One session --------------------------------------------------------------------------------------


@transaction.atomic
def move_session(
    *,
    support_session: SupportSession,
    starts_at: datetime,
    ends_at: datetime,
    by: User,
    note: str = "",
    at: datetime | None = None,
) -> SupportSession:
    """Hold one session at another time. It stays the same session; everybody is told.

    Raises `Refused` when a facilitator or the room is taken then.
    """
    at = at or timezone.now()
    schedule_rules.check_may_change(by, support_session)
    group = locked_group(support_session.group)
    support_session = locked(support_session, version=None)
    schedule_rules.check_scheduled(support_session)
    if (support_session.starts_at, support_session.ends_at) == (starts_at, ends_at):
        return _note(support_session, note, by=by, at=at)
    schedule_rules.check_times(starts_at, ends_at, at=at)
    schedule_rules.check_group_free(support_session, starts_at=starts_at, ends_at=ends_at)
    support_session.starts_at, support_session.ends_at = starts_at, ends_at
    support_session.note = note
    support_session.calendar_sequence += 1
    free([support_session])
    book_or_refuse(group, [support_session], by=by)
    _forget_reminders([support_session])
    _forget_answers([support_session])
    changed(support_session, "session.moved", by=by, at=at)
    _tell([support_session], Reminder.Kind.MOVED)
    return support_session


@transaction.atomic
def cancel_session(
    *, support_session: SupportSession, by: User, note: str = "", at: datetime | None = None
) -> SupportSession:
    """Call one session off. Everybody is told; it can be restored until its time."""
    at = at or timezone.now()
    schedule_rules.check_may_change(by, support_session)
    locked_group(support_session.group)
    support_session = locked(support_session, version=None)
    rules.check_move(support_session, SupportSession.Status.CANCELLED)
    support_session.note = note
    _call_off([support_session], SupportSession.CancelledFor.BY_HAND)
    record(
        "session.cancelled",
        by=by,
        on=support_session,
        organisation=support_session.group.organisation_id,
        at=at,
    )
    if support_session.ends_at > at:
        _tell([support_session], Reminder.Kind.CANCELLED)
    return support_session


@transaction.atomic
def cancel_following(
    *, support_session: SupportSession, by: User, note: str = "", at: datetime | None = None
) -> list[SupportSession]:
    """Call off this session and all that follow it in its rhythm, which ends before them.

    Earlier dates stay. People are told once, and each session can be restored until its time.
    """
    at = at or timezone.now()
    schedule_rules.check_may_plan(by, support_session.group)
    group = locked_group(support_session.group)
    current = _current_series(group)
    support_session = locked(support_session, version=None)
    rules.check_move(support_session, SupportSession.Status.CANCELLED)
    series = schedule_rules.check_in_rhythm(support_session, current)
    off = _locked_sessions(schedule_rules.from_here_on(support_session, at=at), group)
    told = [each for each in off if each.status == SupportSession.Status.SCHEDULED]
    for each in told:
        each.note = note or each.note
    _call_off(off, SupportSession.CancelledFor.BY_HAND)
    _end_before(series, support_session, at)
    record(
        "rhythm.ended",
        by=by,
        on=series,
        organisation=group.organisation_id,
        at=at,
        called_off=len(told),
    )
    _tell_of_several(cancelled=told)
    return told


def _end_before(series: Series, support_session: SupportSession, at: datetime) -> None:
    """The rhythm has no dates from this session on; without earlier ones it ends now."""
    if schedule_rules.following(series, begin=at).exists():
        day = schedule.day_of(support_session.recurrence_id, series.time_zone)
        series.rrule = schedule.ending_before(series.rrule, day)
        if len(series.rrule) <= schedule_rules.LONGEST_RULE:
            series.save(update_fields=["rrule"])
            return
    series.ended_at = at
    series.save(update_fields=["ended_at"])


@transaction.atomic
def restore_session(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> SupportSession:
    """A session that was off is on again. Raises `Refused` when a facilitator or the room is
    taken meanwhile."""
    at = at or timezone.now()
    schedule_rules.check_may_change(by, support_session)
    group = locked_group(support_session.group)
    support_session = locked(support_session, version=None)
    schedule_rules.check_may_restore(support_session, at=at)
    schedule_rules.check_group_free(
        support_session, starts_at=support_session.starts_at, ends_at=support_session.ends_at
    )
    _put_on([support_session])
    book_or_refuse(group, [support_session], by=by)
    record(
        "session.restored",
        by=by,
        on=support_session,
        organisation=group.organisation_id,
        at=at,
    )
    _tell([support_session], Reminder.Kind.RESTORED)
    return support_session


@transaction.atomic
def note_session(
    *, support_session: SupportSession, note: str, by: User, at: datetime | None = None
) -> SupportSession:
    """Say what is different this time. Members read it beside the date; nobody gets mail."""
    at = at or timezone.now()
    schedule_rules.check_may_change(by, support_session)
    return _note(locked(support_session, version=None), note, by=by, at=at)


def _note(support_session: SupportSession, note: str, *, by: User, at: datetime) -> SupportSession:
    if support_session.note == note:
        return support_session
    support_session.note = note
    return changed(support_session, "session.noted", by=by, at=at)


def _call_off(
    support_sessions: Sequence[SupportSession], why: SupportSession.CancelledFor, note: str = ""
) -> None:
    """The rows of sessions that are off: nothing is booked and nobody reminded."""
    for support_session in support_sessions:
        support_session.status = SupportSession.Status.CANCELLED
        support_session.cancelled_for = why
        support_session.note = support_session.note or note
        support_session.calendar_sequence += 1
        support_session.version += 1
    _save_state(support_sessions)
    free(support_sessions)
    keys = [each.pk for each in support_sessions]
    Entry.objects.filter(support_session__in=keys, left_at__isnull=True).update(
        left_at=timezone.now()
    )


def _put_on(support_sessions: Sequence[SupportSession]) -> None:
    """The rows of sessions that are on again; who books them is for the caller to say."""
    for support_session in support_sessions:
        support_session.status = SupportSession.Status.SCHEDULED
        support_session.cancelled_for = ""
        support_session.note = ""
        support_session.calendar_sequence += 1
        support_session.version += 1
    _save_state(support_sessions)


def _save_state(support_sessions: Sequence[SupportSession]) -> None:
    SupportSession.objects.bulk_update(
        support_sessions, ["status", "cancelled_for", "note", "calendar_sequence", "version"]
    )
    _forget_reminders(support_sessions)
    for support_session in support_sessions:
        if support_session.opens_at <= timezone.now():  # before, nobody is in the room
            live.publish_state(support_session)


def _forget_reminders(support_sessions: Sequence[SupportSession]) -> None:
    """Reminders of a time that no longer holds: they come again before the new one."""
    Reminder.objects.filter(
        support_session__in=[each.pk for each in support_sessions],
        kind__in=[Reminder.Kind.DAY_BEFORE, Reminder.Kind.HOUR_BEFORE],
    ).delete()


def _forget_answers(support_sessions: Iterable[SupportSession]) -> None:
    """What members said about a time that no longer holds: they are asked again."""
    Attendance.objects.filter(
        support_session__in=[each.pk for each in support_sessions], answered_at__isnull=False
    ).update(answer="", answered_at=None, status=Attendance.Status.EXPECTED)


def _tell(support_sessions: Iterable[SupportSession], kind: Reminder.Kind) -> None:
    """News for everybody the sessions are for: each person once, of their first one."""
    Reminder.objects.bulk_create(
        (
            Reminder(
                support_session=support_session,
                user_id=user_id,
                kind=kind,
                calendar_sequence=support_session.calendar_sequence,
            )
            for support_session, user_id in schedule_rules.people_concerned(support_sessions)
        ),
        ignore_conflicts=True,
    )


def _tell_of_several(
    *, moved: Sequence[SupportSession] = (), cancelled: Sequence[SupportSession] = ()
) -> None:
    """One mail a person for a change of many sessions: of what moved, else of what is off."""
    if moved:
        _tell(moved, Reminder.Kind.MOVED)
    else:
        _tell(cancelled, Reminder.Kind.CANCELLED)


# Days off -----------------------------------------------------------------------------------------


@transaction.atomic
def add_day_off(
    *,
    organisation: Organisation,
    group: SupportGroup | None,
    day: date,
    name: str,
    by: User,
    at: datetime | None = None,
) -> DayOff:
    """A day on which nobody meets, or one group does not. Its sessions are called off."""
    [day_off] = add_days_off(
        organisation=organisation, group=group, days=[(day, name)], by=by, at=at
    )
    return day_off


@transaction.atomic
def add_days_off(
    *,
    organisation: Organisation,
    group: SupportGroup | None,
    days: Sequence[tuple[date, str]],
    by: User,
    at: datetime | None = None,
) -> list[DayOff]:
    """Several days off at once, for example from a list of holidays: one mail a person.

    A day that is there already stays as it is.
    """
    at = at or timezone.now()
    schedule_rules.check_may_keep_days_off(by, organisation, group)
    for day, _ in days:
        schedule_rules.check_day_ahead(day, organisation.time_zone, at=at)
    groups = _locked_groups(organisation, group)
    kept, called_off = [], []
    for day, name in days:
        day_off, is_new = DayOff.objects.get_or_create(
            organisation=organisation, group=group, day=day, defaults={"name": name}
        )
        kept.append(day_off)
        if not is_new:
            continue
        off = _locked_sessions(schedule_rules.on_day(day, groups=groups, at=at))
        off = [each for each in off if schedule_rules.is_on_day(each, day)]
        _call_off(off, SupportSession.CancelledFor.DAY_OFF, note=name)
        called_off += off
        record(
            "day_off.added",
            by=by,
            on=day_off,
            organisation=organisation.pk,
            at=at,
            called_off=len(off),
        )
    _fit_courses(groups, by, at)
    _tell(called_off, Reminder.Kind.CANCELLED)
    return kept


@transaction.atomic
def delete_day_off(*, day_off: DayOff, by: User, at: datetime | None = None) -> None:
    """The day is a day like others: what it called off is on again, what was never made is made.

    A session whose facilitator or room was taken meanwhile comes back without them.
    """
    at = at or timezone.now()
    organisation, group, day = day_off.organisation, day_off.group, day_off.day
    schedule_rules.check_may_keep_days_off(by, organisation, group)
    groups = _locked_groups(organisation, group)
    record("day_off.deleted", by=by, on=day_off, organisation=organisation.pk, at=at)
    day_off.delete()
    back = _locked_sessions(schedule_rules.off_on_day(day, groups=groups, at=at))
    back = [each for each in back if schedule_rules.is_on_day(each, day)]
    back = [
        each for each in back if not schedule_rules.days_off_of(each.group).filter(day=day).exists()
    ]
    _put_on(back)
    for each in groups:
        if on_again := [session for session in back if session.group_id == each.pk]:
            book(each, on_again)
    _fit_courses(groups, by, at)
    for series in _series_of(groups):
        if not schedule_rules.meets_on(series, day):
            continue
        until = schedule_rules.horizon(series, at)
        _make(
            series, schedule_rules.missing_occurrences(series, after=at, until=until), by, at, until
        )
    _tell(back, Reminder.Kind.RESTORED)


def _locked_groups(organisation: Organisation, group: SupportGroup | None) -> list[SupportGroup]:
    """The groups a day off is for, their rows locked in one order."""
    if group is not None:
        return [locked_group(group)]
    return list(
        SupportGroup.objects.filter(organisation=organisation)
        .exclude(lifecycle=SupportGroup.Lifecycle.CLOSED)
        .select_for_update(no_key=True, of=("self",))
        .select_related("organisation")
        .order_by("pk")
    )


def _series_of(groups: Iterable[SupportGroup]) -> list[Series]:
    """The current rhythms of listed groups."""
    listed = [each.pk for each in groups if each.lifecycle == SupportGroup.Lifecycle.LISTED]
    return list(
        Series.objects.current()
        .with_days_off()
        .filter(group__in=listed)
        .select_related("group__organisation")
        .order_by("group")
    )


def _fit_courses(groups: Iterable[SupportGroup], by: User | None, at: datetime) -> None:
    """A day off postpones a course of n sessions, which has n all the same: the last one is added
    by the clock, and called off again when the day off goes."""
    for series in _series_of(groups):
        if "COUNT=" not in series.rrule:
            continue
        until = schedule_rules.horizon(series, at)
        given = {
            each.starts_at for each in schedule_rules.occurrences_of(series, after=at, until=until)
        }
        surplus = _locked_sessions(
            schedule_rules.not_given(series, given=given, at=at, until=until)
        )
        _call_off(surplus, SupportSession.CancelledFor.RHYTHM_CHANGED)
        back = _locked_sessions(schedule_rules.given_again(series, given=given, at=at))
        _put_on(back)
        book(series.group, back)
        _make(
            series, schedule_rules.missing_occurrences(series, after=at, until=until), by, at, until
        )


# With the group -----------------------------------------------------------------------------------


@transaction.atomic
def follow_lifecycle(
    *, group: SupportGroup, by: User | None, at: datetime | None = None
) -> list[SupportSession]:
    """Call off the coming sessions of a group that paused or closed; bring them back when it is
    listed again. Members have been told with the group's news, so nobody gets a second mail."""
    at = at or timezone.now()
    group = locked_group(group)
    if group.lifecycle == SupportGroup.Lifecycle.LISTED:
        return _come_back(group, by, at)
    reasons = {
        SupportGroup.Lifecycle.PAUSED: SupportSession.CancelledFor.GROUP_PAUSED,
        SupportGroup.Lifecycle.CLOSED: SupportSession.CancelledFor.GROUP_CLOSED,
    }
    reason = reasons.get(SupportGroup.Lifecycle(group.lifecycle))
    off = _locked_sessions(schedule_rules.coming_of(group, at=at), group) if reason else []
    if reason and off:
        _call_off(off, reason)
        record(
            "sessions.called_off",
            by=by,
            on=group,
            organisation=group.organisation_id,
            at=at,
            count=len(off),
            reason=reason.value,
        )
    return off


def _come_back(group: SupportGroup, by: User | None, at: datetime) -> list[SupportSession]:
    back = _locked_sessions(schedule_rules.off_with_group(group, at=at), group)
    if not back:
        return []
    days_off = set(schedule_rules.days_off_of(group).values_list("day", flat=True))
    free_days = [each for each in back if not schedule_rules.is_on_day(each, *days_off)]
    _put_on(free_days)
    still_off = [each for each in back if schedule_rules.is_on_day(each, *days_off)]
    for support_session in still_off:
        support_session.cancelled_for = SupportSession.CancelledFor.DAY_OFF
    SupportSession.objects.bulk_update(still_off, ["cancelled_for"])
    book(group, free_days)
    record(
        "sessions.restored",
        by=by,
        on=group,
        organisation=group.organisation_id,
        at=at,
        count=len(free_days),
    )
    return free_days


@transaction.atomic
def book_what_is_free(
    *, group: SupportGroup, by: User | None, at: datetime | None = None
) -> list[SupportSession]:
    """Hold what coming sessions of a group lack and is free by now. Follows from the group's own
    room and people, so it leaves no event in the trail."""
    at = at or timezone.now()
    group = locked_group(group)
    schedule_rules.outdated_rooms(at=at).filter(support_session__group=group.pk).delete()
    lacking = list(schedule_rules.could_be_booked(at=at).filter(group=group.pk))
    book(group, lacking)
    return lacking


# Who leads ----------------------------------------------------------------------------------------


@transaction.atomic
def assign_facilitator(
    *,
    group: SupportGroup,
    user: User,
    is_lead: bool,
    by: User,
    introduction: str = "",
    at: datetime | None = None,
) -> FacilitatorAssignment:
    """Somebody leads the group, or how they do it changes. Their coming sessions are booked.

    A new lead makes the one before the second. Raises `Refused` when they lead another session at
    the time of one of these.
    """
    at = at or timezone.now()
    schedule_rules.check_may_plan(by, group)
    group = locked_group(group)
    schedule_rules.check_may_be_facilitator(user, group)
    if is_lead:
        group.facilitator_assignments.exclude(user=user).update(is_lead=False)
    assignment, is_new = FacilitatorAssignment.objects.update_or_create(
        group=group,
        user=user,
        defaults={"is_lead": is_lead, "introduction": introduction},
        create_defaults={"is_lead": is_lead, "introduction": introduction, "began_at": at},
    )
    if is_new:
        coming = _locked_sessions(schedule_rules.coming_of(group, at=at), group)
        book_or_refuse(group, coming, by=by, facilitators=[user], with_room=False)
        settle_second_factors([user.pk], at=at)
    record(
        "facilitator.assigned" if is_new else "facilitator.changed",
        by=by,
        on=assignment,
        organisation=group.organisation_id,
        at=at,
        is_lead=is_lead,
    )
    return assignment


@transaction.atomic
def unassign_facilitator(
    *, assignment: FacilitatorAssignment, by: User, at: datetime | None = None
) -> None:
    """Somebody leads the group no more. Their coming sessions are free; open rooms close for them.

    Raises `Refused` for the last facilitator of a listed group.
    """
    at = at or timezone.now()
    schedule_rules.check_may_plan(by, assignment.group)
    group = locked_group(assignment.group)
    schedule_rules.check_may_unassign(assignment)
    schedule_rules.bookings_to_free(group, assignment.user, at=at).delete()
    schedule_rules.covers_to_end(group, assignment.user).update(withdrawn_at=at)
    record(
        "facilitator.unassigned",
        by=by,
        on=assignment,
        organisation=group.organisation_id,
        at=at,
    )
    user_id = assignment.user_id
    was_lead = assignment.is_lead
    assignment.delete()
    if was_lead and (longest := group.facilitator_assignments.order_by("began_at").first()):
        longest.is_lead = True
        longest.save(update_fields=["is_lead"])
    settle_second_factors([user_id], at=at)
    look_again([user_id])


# Reminders ----------------------------------------------------------------------------------------
# Their rows are the record of what was sent to whom, so they leave no event in the trail.


@transaction.atomic
def make_due_reminders(*, at: datetime | None = None) -> int:
    """A row for everybody who is to be reminded now and has none yet. Returns how many are new.

    One statement for each kind, whatever the number of people; those with quiet hours are looked at
    one by one. A second run at the same time adds nothing, because a person has one row a session
    and kind.
    """
    at = at or timezone.now()
    made = 0
    for kind in reminder_rules.REMINDER_TIMES:
        # The rule as SQL, its values apart: nothing typed by anybody becomes part of the statement.
        due, values = reminder_rules.due_for_reminder(kind, at=at).query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO support_sessions_reminder"  # noqa: S608 - the rule's own SQL
                " (support_session_id, user_id, kind, calendar_sequence, attempts)"
                f" SELECT due.*, %s, 0, 0 FROM ({due}) AS due ON CONFLICT DO NOTHING",
                [kind.value, *values],
            )
            made += cursor.rowcount
        made += _make_reminders(kind, reminder_rules.due_around_quiet_hours(kind, at=at))
    return made + _make_reminders(Reminder.Kind.MISSED, reminder_rules.due_after_missed(at=at))


def _make_reminders(kind: Reminder.Kind, pairs: Sequence[tuple[UUID, UUID]]) -> int:
    rows = (
        Reminder(support_session_id=session_id, user_id=user_id, kind=kind)
        for session_id, user_id in pairs
    )
    return len(Reminder.objects.bulk_create(rows, ignore_conflicts=True))


@transaction.atomic
def claim_reminders(*, limit: int = 100, at: datetime | None = None) -> list[Reminder]:
    """Take unsent reminders for this process alone, the soonest session's first.

    Others that claim at the same moment get other rows. A claim that led to nothing, because its
    process was killed or the mail server refused, can be taken again after
    `reminder_rules.CLAIM_HOLDS`, `reminder_rules.MOST_ATTEMPTS` times in all.
    """
    at = at or timezone.now()
    claimable = reminder_rules.claimable_reminders(at=at)
    # Which ones, first: with the locks, and with all that a mail needs, the database would sort
    # everything that waits. More than are taken, because others may hold the first ones.
    soonest = claimable.order_by("support_session__starts_at").values_list("pk", flat=True)
    batch = list(
        claimable.filter(pk__in=list(soonest[: 4 * limit]))
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


def put_off_reminder(*, reminder: Reminder, at: datetime | None = None) -> None:
    """It would come within quiet hours: the row goes, and comes again when they are over, if the
    reminder is of use then. A closing note is made once, so its row waits as if it were claimed."""
    at = at or timezone.now()
    unsent = Reminder.objects.filter(pk=reminder.pk, sent_at__isnull=True)
    if reminder.kind != Reminder.Kind.CLOSING:
        unsent.delete()
        return
    quiet = before_times.quiet_hours(reminder.user)
    hours = quiet.around(at) if quiet else None
    until = hours[1] if hours else at
    unsent.update(claimed_at=until - reminder_rules.CLAIM_HOLDS, attempts=F("attempts") - 1)


def release_reminders(*, reminders: list[Reminder]) -> None:
    """Give claims back untried, because the mail server itself could not be reached."""
    Reminder.objects.filter(
        pk__in=[reminder.pk for reminder in reminders],
        claimed_at__in={reminder.claimed_at for reminder in reminders},
        sent_at__isnull=True,
    ).update(claimed_at=None, attempts=F("attempts") - 1)


# Calendar feeds -----------------------------------------------------------------------------------


@transaction.atomic
def make_calendar_feed(
    *, by: User, group: SupportGroup | None = None, at: datetime | None = None
) -> CalendarFeed:
    """A secret calendar address: of all one's own sessions, or of a group one leads or coordinates.

    Its titles reveal nothing until `change_calendar_feed` says otherwise. Asked for twice it is
    the same one.
    """
    if group is not None:
        check_may_staff(by, group)
    feed, is_new = CalendarFeed.objects.get_or_create(
        user=by,
        group=group,
        defaults={"nonce": get_random_string(32), "made_at": at or timezone.now()},
    )
    if is_new:
        record("calendar_feed.made", by=by, on=feed, at=at)
    return feed


@transaction.atomic
def change_calendar_feed(
    *, feed: CalendarFeed, shows_names: bool, by: User, at: datetime | None = None
) -> CalendarFeed:
    """Whether titles name the groups."""
    rules.check_own_feed(by, feed)
    feed.shows_names = shows_names
    feed.save(update_fields=["shows_names"])
    record("calendar_feed.changed", by=by, on=feed, at=at, shows_names=shows_names)
    return feed


@transaction.atomic
def renew_calendar_feed(
    *, feed: CalendarFeed, by: User, at: datetime | None = None
) -> CalendarFeed:
    """A new address: whoever has the old one sees nothing more."""
    rules.check_own_feed(by, feed)
    feed.nonce = get_random_string(32)
    feed.made_at = at or timezone.now()
    feed.save(update_fields=["nonce", "made_at"])
    record("calendar_feed.renewed", by=by, on=feed, at=at)
    return feed


@transaction.atomic
def delete_calendar_feed(*, feed: CalendarFeed, by: User, at: datetime | None = None) -> None:
    """End the address."""
    rules.check_own_feed(by, feed)
    record("calendar_feed.deleted", by=by, on=feed, at=at)
    feed.delete()


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
    rules.check_not_locked(by, support_session)
    door_rules.check_door(by, support_session, at=at)
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
        _attendance_of(support_session, [by.pk]).update(
            first_seen_at=Coalesce("first_seen_at", Value(at)), last_seen_at=at
        )
        _attendance_of(support_session, [by.pk]).filter(came_by="").update(
            came_by=Attendance.CameBy.ONLINE
        )
    if entered:
        record(
            "room.entered",
            by=by,
            on=entry,
            organisation=support_session.group.organisation_id,
            at=at,
        )
        live.publish_to_leads(support_session.pk, "people", "knocks")
    return admission


@transaction.atomic
def leave_room(*, support_session: SupportSession, by: User, at: datetime | None = None) -> None:
    """Go, on every device. Coming back asks for the privacy reminder again."""
    at = at or timezone.now()
    entry = go(support_session=support_session, user=by, at=at)
    if entry is not None:
        organisation = support_session.group.organisation_id
        record("room.left", by=by, on=entry, organisation=organisation, at=at)


def go(*, support_session: SupportSession, user: User, at: datetime) -> Entry | None:
    """Take a person out of the room on every device: who leaves, and who is made to. The entry
    that ended, if they were there. For actions, inside their transaction."""
    entry = rules.in_room(support_session).filter(user=user).first()
    if entry is None:
        return None
    entry.left_at = at
    entry.save(update_fields=["left_at"])
    Attendance.objects.filter(support_session=support_session.pk, membership__user=user).update(
        last_seen_at=at
    )
    live.show_left(support_session.pk, user)
    look_again([user.pk])
    return entry


def leave_every_room(*, by: User, at: datetime | None = None) -> None:
    """Go, wherever this person is, on every device: the quick exit."""
    inside = Entry.objects.filter(user=by, left_at__isnull=True).select_related(
        "support_session__group"
    )
    for entry in inside:
        leave_room(support_session=entry.support_session, by=by, at=at)


def stay_in_room(
    *, support_session: SupportSession, people: Collection[UUID], at: datetime | None = None
) -> None:
    """Devices of these members answered. Not an event of the trail: it comes every half minute."""
    at = at or timezone.now()
    _attendance_of(support_session, people).filter(
        last_seen_at__lt=at - rules.SEEN_EVERY, support_session__ended_at__isnull=True
    ).update(last_seen_at=at)


def _attendance_of(
    support_session: SupportSession, people: Collection[UUID]
) -> QuerySet[Attendance]:
    return Attendance.objects.filter(
        support_session=support_session.pk,
        membership__in=rules.admitted_to(support_session).filter(user__in=people),
    )


def post_message(
    *,
    support_session: SupportSession,
    client_id: UUID,
    body: str,
    by: User,
    reply_to: int | None = None,
    nameless: bool = False,
    sign_in: str | None = None,
    at: datetime | None = None,
) -> Message:
    """Say something to everybody in a live session, once, however often it is sent.

    `client_id` is made by the sender's browser; sent again it returns the message that is there.
    `reply_to` is the number of the message that it answers. `nameless`: a question that nobody is
    told whose it is, facilitators neither. `sign_in` is the key of the browser session that a
    socket was opened with: it must still hold. Raises `Refused` for a body that cannot be, and when
    the person may not speak now. The message itself is the record: it leaves no event in the trail.
    """
    message = _unsent(support_session, client_id, body, by, at, nameless=nameless)
    if nameless:
        _check_may_ask(message)
        reply_to = None
    try:
        # Outside a transaction the statement is its own; inside one a savepoint keeps it whole.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            is_new = statements.insert_message(message, sign_in=sign_in, reply_to=reply_to)
    except IntegrityError:
        # The same message came twice at the same moment. The whole statement of the second was
        # undone, its number too, so there is no gap.
        is_new = statements.insert_message(message, sign_in=sign_in, reply_to=reply_to)
    if is_new is None:
        _refuse(message)
    if is_new:
        _read_what_it_answers(message)
        live.publish_message(message)
        hints.notice(message)
        _tell_its_sender(message)
    return message


async def apost_message(
    *,
    support_session: SupportSession,
    client_id: UUID,
    body: str,
    by: User,
    reply_to: int | None = None,
    nameless: bool = False,
    sign_in: str,
    database: Database,
    tell: Callable[[Message], Awaitable[None]],
) -> Message:
    """The same from a socket, on the event loop. `tell` publishes what is new.

    Raises psycopg's errors when it is not known whether it is stored; then send it again.
    """
    message = _unsent(support_session, client_id, body, by, None, nameless=nameless)
    if nameless:
        await in_thread(_check_may_ask)(message)
        reply_to = None
    insert = partial(
        statements.ainsert_message, message, sign_in=sign_in, reply_to=reply_to, database=database
    )
    try:
        is_new = await insert()
    except psycopg.errors.IntegrityError:
        is_new = await insert()
    if is_new is None:
        await in_thread(_refuse)(message)
    if is_new:
        if message.reply_to_id is not None:
            await in_thread(_read_what_it_answers)(message)
        await tell(message)
        await hints.anotice(message)
        if nameless:
            await in_thread(_tell_its_sender)(message)
    return message


def _check_may_ask(message: Message) -> None:
    """Raise `Refused` unless a question may be asked without a name, here and now."""
    session = message.support_session
    here = sum(not here.leads for here in live.people_here(session.pk))
    talk_rules.check_may_ask_namelessly(_sender(message), session, message.client_id, here=here)


def _read_what_it_answers(message: Message) -> None:
    if message.reply_to_id is not None:
        messages = live.shown_messages(message.support_session)
        message.reply_to = messages.filter(pk=message.reply_to_id).first()


def _tell_its_sender(message: Message) -> None:
    """Tell the sender's other devices that a question without a name is theirs."""
    if message.is_anonymous:
        mine = live.own_frame(talk_rules.own_in([message], _sender(message)))
        live.publish_own(message.support_session_id, _sender(message).pk, mine)


def _sender(message: Message) -> User:
    """Who sends it now: only what was said long ago can be of somebody who has left."""
    return cast(User, message.sender)


def _unsent(
    support_session: SupportSession,
    client_id: UUID,
    body: str,
    by: User,
    at: datetime | None,
    *,
    nameless: bool,
) -> Message:
    return Message(
        support_session=support_session,
        client_id=client_id,
        sender=by,
        body=rules.message_body(body),
        is_anonymous=nameless,
        sent_at=at or timezone.now(),
    )


def _refuse(message: Message) -> NoReturn:
    """Say why it was not stored."""
    support_session = SupportSession.objects.get(pk=message.support_session_id)
    rules.check_may_be_in_room(_sender(message), support_session)
    rules.check_may_speak(_sender(message), support_session)
    raise Refused("not_live", "You can write once the session has started.")


# Leading ------------------------------------------------------------------------------------------


@transaction.atomic
def begin_session(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """Start a session whose room is open, with its first part."""
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    rules.check_move(support_session, SupportSession.Status.LIVE)
    rules.check_open(support_session, at=at)
    rules.check_no_other_live(support_session)
    if not support_session.agenda.exists():
        # It was made before its group had a template.
        copy_agenda(support_session.group, [support_session])
    first = support_session.agenda.first()
    if first is not None:
        first.began_at = at
        first.save(update_fields=["began_at"])
    support_session.status = SupportSession.Status.LIVE
    support_session.began_at, support_session.began_by = at, by
    return changed(support_session, "session.began", by=by, at=at)


@transaction.atomic
def next_agenda_item(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """Go on to the next part. Raises `Refused` after the last one: then the session ends."""
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    following = rules.check_may_move_on(support_session)
    run_part(following, at=at)
    return changed(support_session, "agenda.moved_on", by=by, at=at, position=following.position)


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
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    current = rules.check_may_extend(support_session, minutes=minutes)
    current.minutes += minutes
    current.save(update_fields=["minutes"])
    return changed(
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
    support_session = locked(support_session, version=version)
    if by is not None:
        rules.check_may_lead(by, support_session)
    rules.check_move(support_session, SupportSession.Status.ENDED)
    support_session.status = SupportSession.Status.ENDED
    support_session.ended_at, support_session.ended_by = at, by
    support_session.messages_expire_at = after_rules.messages_expire_at(support_session)
    turns.close_all(support_session, at=at)
    support_session.floor = SupportSession.Floor.OPEN_CHAT
    support_session.agenda.filter(began_at__isnull=False, ended_at__isnull=True).update(ended_at=at)
    _settle_attendance(support_session, at)
    turns.settle_what_was_said(support_session)
    rules.in_room(support_session).update(left_at=at)
    _thank(support_session)
    return changed(support_session, "session.ended", by=by, at=at)


def _settle_attendance(support_session: SupportSession, ended_at: datetime) -> None:
    """A final status for everybody the session was for, and everybody who was there.

    Who said that they come and left the group before is neither.
    """
    expected = rules.expected_at(support_session)
    support_session.attendances.filter(first_seen_at__isnull=True).exclude(
        membership__in=expected.values("pk")
    ).delete()
    Attendance.objects.bulk_create(
        [
            Attendance(support_session=support_session, membership=membership)
            for membership in expected
        ],
        ignore_conflicts=True,
    )
    attendances = list(support_session.attendances.select_for_update())
    for attendance in attendances:
        attendance.status = rules.attendance_status(attendance, support_session, ended_at=ended_at)
    Attendance.objects.bulk_update(attendances, ["status"])


def _thank(support_session: SupportSession) -> None:
    """A note for everybody who was there, once: the clock sends it."""
    Reminder.objects.bulk_create(
        (
            Reminder(support_session=support_session, user=user, kind=Reminder.Kind.CLOSING)
            for user in after_rules.present_at(support_session)
        ),
        ignore_conflicts=True,
    )


@transaction.atomic
def raise_concern(
    *,
    support_session: SupportSession,
    about: User,
    detail: str,
    occasion: UUID,
    by: User,
    shows_help: bool = False,
    at: datetime | None = None,
) -> Concern:
    """Ask the named person to look after somebody in this room, oneself included, in private.

    `occasion` is made with the form: sending it twice opens one concern. `shows_help`: the person
    themselves sees help lines of their country at once, and nobody else. Raises `Refused` for
    somebody who has not been in the room.
    """
    rules.check_may_be_in_room(by, support_session, at=at)
    rules.check_has_been_in_room(about, support_session)
    if shows_help and about != by:
        rules.in_room(support_session).filter(user=about).update(
            help_offered_at=at or timezone.now(), help_closed_at=None
        )
        look_again([about.pk])
    return open_concern(
        organisation=support_session.group.organisation,
        about=about,
        source=Concern.Source.LIVE,
        occasion=f"live:{support_session.pk}:{occasion}",
        detail=detail,
        by=by,
        at=at,
    )
