"""Who is told of a session by mail, and when. Asks, never writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from accounts.models import User
from groups.models import FacilitatorAssignment
from sessions import before_times, rules
from sessions.models import (
    Attendance,
    Cover,
    Reminder,
    SupportSession,
)
from supportgroups.lib.refusals import Refused

#: A claim of a reminder holds this long. Its process sends within half of it or leaves it alone, so
#: nobody else can have claimed it by then.
CLAIM_HOLDS = timedelta(minutes=10)


#: A mail server that refuses an address is asked this often.
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class ReminderTime:
    """When one kind of reminder is sent, as time left until the start, and who wants it.

    Each person chooses how long before (`lead`, a field of theirs in minutes, never over `longest`)
    and quiet hours (`sessions/before_times.py`). After an outage, or for somebody who joined later,
    it still goes out while more than `until` is left: later it would only repeat what comes next.
    """

    lead: str
    longest: timedelta
    until: timedelta
    #: Put off to the end of quiet hours it must still leave this much time.
    of_use: timedelta
    preference: str

    def lead_of(self, user: User) -> timedelta:
        """How long before the start this person wants it."""
        return timedelta(minutes=getattr(user, self.lead))


REMINDER_TIMES = {
    Reminder.Kind.DAY_BEFORE: ReminderTime(
        lead="day_before_minutes",
        longest=timedelta(hours=72),
        until=timedelta(hours=3),
        of_use=timedelta(hours=3),
        preference="reminds_day_before",
    ),
    Reminder.Kind.HOUR_BEFORE: ReminderTime(
        lead="hour_before_minutes",
        longest=timedelta(hours=3),
        until=timedelta(minutes=5),
        of_use=timedelta(minutes=15),
        preference="reminds_hour_before",
    ),
}


def _in_time(
    kind: Reminder.Kind, at: datetime, prefix: str = "", *, early: timedelta = timedelta(0)
) -> Q:
    """Coming sessions whose reminder of this kind is due for somebody, and still of use.

    `early` is how much longer before the longest lead time it may be due.
    """
    times = REMINDER_TIMES[kind]
    return Q(
        **{
            f"{prefix}status__in": [SupportSession.Status.SCHEDULED, SupportSession.Status.LIVE],
            f"{prefix}starts_at__lte": at + times.longest + early,
            f"{prefix}starts_at__gt": at + times.until,
        }
    )


def due_for_reminder(kind: Reminder.Kind, *, at: datetime) -> QuerySet:
    """Session and person of every reminder of this kind that is due, members and facilitators, but
    for people with quiet hours: see `due_around_quiet_hours`."""
    members, assigned, took_over = _to_remind(kind, at, quiet=False)
    return members.union(assigned, took_over)


def _to_remind(
    kind: Reminder.Kind, at: datetime, *, quiet: bool, early: timedelta = timedelta(0)
) -> tuple[QuerySet[Any, Any], ...]:
    """Sessions and people of one kind of reminder, by each person's own lead time."""
    times = REMINDER_TIMES[kind]
    sessions = SupportSession.objects.filter(_in_time(kind, at, early=early))
    people = User.objects.filter(
        **{times.preference: True}, is_active=True, quiet_from__isnull=not quiet
    )

    def is_due(session: str, user: str) -> Q:
        lead = ExpressionWrapper(
            F(f"{user}__{times.lead}") * timedelta(minutes=1), output_field=DurationField()
        )
        moment = Value(at + early, output_field=DateTimeField()) + lead
        return Q(
            **{
                f"{user}__in": people,
                f"{session}__in": sessions,
                f"{session}__starts_at__lte": moment,
            }
        )

    of_group, assigned = ("group__support_sessions", "user"), FacilitatorAssignment.objects
    took_over = rules.holding(Cover.objects.taken()).filter(
        is_due("support_session", "taken_by"), taken_by__is_active=True
    )
    return (
        rules.admitted()
        .filter(is_due(*of_group), _can_come())
        .order_by()
        .values_list(*map(F, of_group)),
        assigned.filter(is_due(*of_group), rules.not_covered())
        .order_by()
        .values_list(*map(F, of_group)),
        took_over.order_by().values_list(F("support_session"), F("taken_by")),
    )


def _can_come() -> Q:
    """Of memberships, for each session of `group__support_sessions`, beside the condition on these:
    the member has not said that they cannot come."""
    excused = Attendance.objects.filter(
        membership=OuterRef("pk"),
        support_session=OuterRef("group__support_sessions"),
        answer=Attendance.Answer.CANNOT,
    )
    return Q(~Exists(excused))


def due_around_quiet_hours(kind: Reminder.Kind, *, at: datetime) -> list[tuple[UUID, UUID]]:
    """Session and person of reminders that are due for people with quiet hours.

    Worked out here, since only Python is sure to know every zone that people choose. Who has the
    reminder already is not looked at again.
    """
    members, assigned, took_over = _to_remind(
        kind, at, quiet=True, early=before_times.LONGEST_AHEAD
    )
    pairs = set(members.union(assigned, took_over))
    sessions = {session_id for session_id, _ in pairs}
    pairs -= set(
        Reminder.objects.filter(kind=kind, support_session__in=sessions).values_list(
            "support_session", "user"
        )
    )
    starts = dict(SupportSession.objects.filter(pk__in=sessions).values_list("pk", "starts_at"))
    people = User.objects.in_bulk({user_id for _, user_id in pairs})
    return [
        (session_id, user_id)
        for session_id, user_id in pairs
        if _is_due(kind, people[user_id], starts[session_id], at)
    ]


def _is_due(kind: Reminder.Kind, user: User, starts_at: datetime, at: datetime) -> bool:
    """Whether one person's reminder should go out now: wanted, due, and not in quiet hours."""
    times, quiet = REMINDER_TIMES[kind], before_times.quiet_hours(user)
    due_at = before_times.due_at(
        starts_at, lead=times.lead_of(user), of_use=times.of_use, quiet=quiet
    )
    return (
        bool(getattr(user, times.preference))
        and due_at <= at
        and not before_times.is_quiet(quiet, at)
    )


def must_wait(reminder: Reminder, *, at: datetime) -> bool:
    """Whether a reminder that was claimed late would now come within its person's quiet hours.
    News of a session never waits."""
    kind = Reminder.Kind(reminder.kind)
    waits = kind in REMINDER_TIMES or kind in (Reminder.Kind.MISSED, Reminder.Kind.CLOSING)
    return waits and before_times.is_quiet(before_times.quiet_hours(reminder.user), at)


def missed_twice(*, at: datetime) -> QuerySet[Attendance]:
    """The second of two sessions in a row that somebody missed without being excused.

    A third in a row is none, so that a kind word comes once; nor is one after which they came.
    """
    others = Attendance.objects.filter(
        membership=OuterRef("membership"), support_session__status=SupportSession.Status.ENDED
    )
    earlier = (
        others.filter(support_session__starts_at__lt=OuterRef("support_session__starts_at"))
        .order_by("-support_session__starts_at")
        .values("status")
    )
    came_since = others.filter(
        support_session__starts_at__gt=OuterRef("support_session__starts_at"),
        status__in=Attendance.CAME,
    )
    return (
        Attendance.objects.filter(
            status=Attendance.Status.NO_SHOW,
            support_session__status=SupportSession.Status.ENDED,
            support_session__ended_at__lte=at - MISSED_NOTE_FROM,
            support_session__ended_at__gt=at - MISSED_NOTE_WITHIN,
            membership__in=rules.admitted(),
            membership__user__is_active=True,
            membership__user__mails_after_missed=True,
        )
        .annotate(before=Subquery(earlier[:1]), first=Coalesce(Subquery(earlier[1:2]), Value("")))
        .filter(~Exists(came_since), before=Attendance.Status.NO_SHOW)
        .exclude(first=Attendance.Status.NO_SHOW)
    )


def due_after_missed(*, at: datetime) -> list[tuple[UUID, UUID]]:
    """Session and person of every kind word that is due and not written yet."""
    told = Reminder.objects.filter(
        kind=Reminder.Kind.MISSED,
        support_session=OuterRef("support_session"),
        user=OuterRef("membership__user"),
    )
    found = missed_twice(at=at).filter(~Exists(told)).select_related("membership__user")
    return [
        (each.support_session_id, each.membership.user_id)
        for each in found
        if not before_times.is_quiet(before_times.quiet_hours(each.membership.user), at)
    ]


#: News of a session, and the state it must still be in when the mail goes out.
_STATE_TOLD = {
    Reminder.Kind.MOVED: SupportSession.Status.SCHEDULED,
    Reminder.Kind.RESTORED: SupportSession.Status.SCHEDULED,
    Reminder.Kind.CANCELLED: SupportSession.Status.CANCELLED,
}


def _still_news(kind: Reminder.Kind, at: datetime) -> Q:
    """News that nothing newer has overtaken, of a session whose time is not over."""
    return Q(
        kind=kind,
        calendar_sequence=F("support_session__calendar_sequence"),
        support_session__status=_STATE_TOLD[kind],
        support_session__ends_at__gt=at,
    )


#: The note after a session is of use for this long.
CLOSING_NOTE_WITHIN = timedelta(hours=24)


#: A kind word after two missed sessions is due the day after, when a correction has had its time.
MISSED_NOTE_FROM = timedelta(hours=20)


MISSED_NOTE_WITHIN = timedelta(days=4)


def _just_ended(at: datetime) -> Q:
    """Notes after sessions that ended a short time ago."""
    return Q(
        kind=Reminder.Kind.CLOSING,
        support_session__status=SupportSession.Status.ENDED,
        support_session__ended_at__gt=at - CLOSING_NOTE_WITHIN,
    )


def _lately_missed(at: datetime) -> Q:
    """Kind words after a session that was missed some days ago."""
    return Q(
        kind=Reminder.Kind.MISSED,
        support_session__status=SupportSession.Status.ENDED,
        support_session__ended_at__gt=at - MISSED_NOTE_WITHIN,
    )


def _still_to_change_hands(kind: Reminder.Kind, at: datetime) -> Q:
    """News of covers, of a session that is still to come."""
    return Q(
        kind=kind,
        support_session__status=SupportSession.Status.SCHEDULED,
        support_session__ends_at__gt=at,
    )


def _of_use(kind: Reminder.Kind, at: datetime) -> Q:
    """What a reminder of this kind needs to be still worth a mail."""
    if kind == Reminder.Kind.CLOSING:
        return _just_ended(at)
    if kind == Reminder.Kind.MISSED:
        return _lately_missed(at)
    if kind in Reminder.OF_COVERS:
        return _still_to_change_hands(kind, at)
    if kind in Reminder.NEWS:
        return _still_news(kind, at)
    # Quiet hours may make it due early; `_is_due` says exactly for whom.
    early = before_times.LONGEST_AHEAD
    return Q(kind=kind) & _in_time(kind, at, "support_session__", early=early)


def claimable_reminders(*, at: datetime) -> QuerySet[Reminder]:
    """Unsent reminders and news that are still of use and that no process holds."""
    in_time = Q()
    for kind in Reminder.Kind:
        in_time |= _of_use(kind, at)
    return Reminder.objects.filter(
        Q(claimed_at__isnull=True) | Q(claimed_at__lte=at - CLAIM_HOLDS),
        in_time,
        sent_at__isnull=True,
        attempts__lt=MOST_ATTEMPTS,
    )


def is_still_wanted(reminder: Reminder, *, at: datetime) -> bool:
    """Whether a claimed reminder should go out at this moment.

    Asked right before sending: the person may have left, the session may be cancelled, and a slow
    mail server may have eaten the claim's time.
    """
    if reminder.claimed_at is None or at > reminder.claimed_at + CLAIM_HOLDS / 2:
        return False
    kind = Reminder.Kind(reminder.kind)
    found = (
        Reminder.objects.filter(
            _of_use(kind, at),
            pk=reminder.pk,
            # The mail names the time that was read with the claim.
            support_session__starts_at=reminder.support_session.starts_at,
        )
        .select_related("support_session__group", "user")
        .first()
    )
    return found is not None and found.user.is_active and _is_wanted(found, kind, at)


def _is_wanted(reminder: Reminder, kind: Reminder.Kind, at: datetime) -> bool:
    """Whether the person still wants this, and it is still theirs."""
    user, support_session = reminder.user, reminder.support_session
    if kind == Reminder.Kind.COVER_ASKED:
        return rules.covers_open_to(user).filter(support_session=support_session).exists()
    if kind == Reminder.Kind.COVER_NEWS:
        return rules.sessions_visible_to(user).filter(pk=support_session.pk).exists()
    try:
        admission = rules.check_may_enter(user, support_session)
    except Refused:
        return False
    if kind == Reminder.Kind.MISSED:
        missed = missed_twice(at=at).filter(support_session=support_session)
        return missed.filter(membership__user=user).exists()
    if kind == Reminder.Kind.CLOSING:
        return user.mails_after_session
    if kind not in REMINDER_TIMES:
        return True
    return _is_due(kind, user, support_session.starts_at, at) and not (
        support_session.attendances.filter(
            membership=admission.membership, answer=Attendance.Answer.CANNOT
        ).exists()
    )
