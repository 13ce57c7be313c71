"""Who may enter, speak and lead, and when. Asks, never writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.rules import Viewer
from groups.models import FacilitatorAssignment, Membership, SupportGroup
from groups.rules import groups_led_by, groups_staffed_by
from sessions.models import (
    AgendaItem,
    Attendance,
    CalendarFeed,
    Entry,
    Message,
    Reminder,
    Series,
    SupportSession,
)
from sessions.schedule import Occurrence, occurrences
from supportgroups.lib.refusals import Refused

#: Who comes later than this after the start is late; who leaves earlier than this before the end
#: left early.
LATE_AFTER = timedelta(minutes=10)
EARLY_BEFORE = timedelta(minutes=15)
#: A session nobody ended is ended by the clock this long after its planned end.
FORGOTTEN_AFTER = timedelta(minutes=60)
#: Who entered and who was reminded is kept this long.
ROOM_TRACES_KEPT = timedelta(days=30)
#: How exactly it is written down until when somebody was there.
SEEN_EVERY = timedelta(seconds=25)
#: A part is never planned longer than this.
LONGEST_PART_MINUTES = 180


@dataclass(frozen=True)
class Admission:
    """What lets a person into a room: their membership, or the fact that they lead the group.

    A coordinator who only looks at a session has neither.
    """

    membership: Membership | None
    assignment: FacilitatorAssignment | None

    @property
    def leads(self) -> bool:
        return self.assignment is not None

    @property
    def may_enter(self) -> bool:
        return self.leads or self.membership is not None

    @property
    def is_staff(self) -> bool:
        """Whether the attendance of others is this person's business."""
        return self.membership is None


def admitted() -> QuerySet[Membership]:
    """Everybody whose group's sessions are for them: the one rule of who comes in."""
    return Membership.objects.in_good_standing()


def admitted_to(support_session: SupportSession) -> QuerySet[Membership]:
    """The members this session is for: reminders, the room and its messages all ask this."""
    return admitted().filter(group=support_session.group_id)


def leading(support_session: SupportSession) -> QuerySet[FacilitatorAssignment]:
    """Who leads this session: the facilitators of its group."""
    return FacilitatorAssignment.objects.filter(
        group=support_session.group_id, user__is_active=True
    )


def in_room(support_session: SupportSession) -> QuerySet[Entry]:
    """Entries of people who accepted the privacy reminder and have not left."""
    return Entry.objects.filter(support_session=support_session.pk, left_at__isnull=True)


def check_may_enter(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person into the room, now or when it opens, or `Refused`."""
    if user.is_authenticated:
        assignment = leading(support_session).filter(user=user).first()
        if assignment is not None:
            return Admission(None, assignment)
        membership = admitted_to(support_session).filter(user=user).first()
        if membership is not None:
            return Admission(membership, None)
    raise _why_not(user, support_session)


def _why_not(user: Viewer, support_session: SupportSession) -> Refused:
    """The reason, worked out only after the no."""
    membership = (
        Membership.objects.filter(user=user, group=support_session.group_id)
        .order_by("-applied_at")
        .first()
        if user.is_authenticated
        else None
    )
    if membership is None:
        return Refused("not_member", "This session is for members of the group.")
    if membership.status in Membership.HAS_A_PLACE:
        return Refused(
            "agreement_unsigned",
            "Please read and sign the group agreement first.",
            next_step=("Read the agreement", f"/groups/{support_session.group.slug}/agreement/"),
        )
    if membership.status in Membership.OPEN:
        return Refused("not_yet_member", "You can come once your place is confirmed.")
    return Refused("membership_ended", "You are no longer a member of this group.")


def sessions_visible_to(user: Viewer) -> QuerySet[SupportSession]:
    """Sessions a person may know of beyond the public dates; others are 404."""
    if not user.is_authenticated:
        return SupportSession.objects.none()
    return SupportSession.objects.filter(
        Q(group__in=groups_staffed_by(user))
        | Q(group__in=Membership.objects.filter(user=user).values("group"))
    ).select_related("group__organisation")


def check_may_see(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person see when and where the session is, or `Refused`.

    Whoever may enter; and the organisation's coordinators, who may not enter.
    """
    try:
        return check_may_enter(user, support_session)
    except Refused:
        if groups_staffed_by(user).filter(pk=support_session.group_id).exists():
            return Admission(None, None)
        raise


def check_open(support_session: SupportSession, *, at: datetime | None = None) -> None:
    """Raise `Refused` unless the room is open: from 10 minutes before until the session ends."""
    at = at or timezone.now()
    status = support_session.status
    if status == SupportSession.Status.CANCELLED:
        raise Refused("cancelled", "This session was cancelled.")
    if status == SupportSession.Status.ENDED:
        raise Refused("ended", "This session has ended.")
    if status == SupportSession.Status.SCHEDULED and at < support_session.opens_at:
        raise Refused("not_open_yet", "The room opens 10 minutes before the session.")
    if status == SupportSession.Status.SCHEDULED and at > support_session.ends_at:
        raise Refused("not_held", "This session did not take place.")


def why_not_open(support_session: SupportSession, *, at: datetime | None = None) -> Refused | None:
    """The no of `check_open` for a page that says so, or None while the room is open."""
    try:
        check_open(support_session, at=at)
    except Refused as refused:
        return refused
    return None


def check_has_entered(user: Viewer, support_session: SupportSession) -> Entry:
    """The entry that shows the privacy reminder was accepted, or `Refused`."""
    entry = in_room(support_session).filter(user=user).first() if user.is_authenticated else None
    if entry is None:
        raise Refused("not_entered", "Please read the privacy reminder to enter.")
    return entry


def check_may_be_in_room(
    user: Viewer, support_session: SupportSession, *, at: datetime | None = None
) -> Admission:
    """Every door of the room: admitted, open, and the privacy reminder accepted."""
    admission = check_may_enter(user, support_session)
    check_open(support_session, at=at)
    check_has_entered(user, support_session)
    return admission


def check_may_lead(user: Viewer, support_session: SupportSession) -> FacilitatorAssignment:
    """The assignment that lets this person start, move and end the session, or `Refused`."""
    admission = check_may_enter(user, support_session)
    if admission.assignment is None:
        raise Refused("not_facilitator", "Only this group's facilitators can do this.")
    return admission.assignment


def check_version(support_session: SupportSession, version: int) -> None:
    """Raise `Refused` when somebody changed the room after the person saw this version of it."""
    if support_session.version != version:
        raise Refused("state_changed", "Somebody was quicker. This is how the session stands now.")


def check_no_other_live(support_session: SupportSession) -> None:
    """Raise `Refused` while another session of the group runs."""
    others = SupportSession.objects.filter(
        group=support_session.group_id, status=SupportSession.Status.LIVE
    ).exclude(pk=support_session.pk)
    if others.exists():
        raise Refused("other_live", "Another session of this group is still open. End it first.")


def check_may_move_on(support_session: SupportSession) -> AgendaItem:
    """The part that comes next, or `Refused` when nothing runs or it was the last one."""
    if support_session.status != SupportSession.Status.LIVE:
        raise Refused("not_live", "The session has not started.")
    following = support_session.agenda.filter(began_at__isnull=True).first()
    if following is None:
        raise Refused("last_part", "This is the last part. End the session when you are ready.")
    return following


def check_may_extend(support_session: SupportSession, *, minutes: int) -> AgendaItem:
    """The part that runs, or `Refused` when none does or it would become too long."""
    current = support_session.current_item()
    if support_session.status != SupportSession.Status.LIVE or current is None:
        raise Refused("not_live", "No part of a session is running.")
    if current.minutes + minutes > LONGEST_PART_MINUTES:
        raise Refused("too_long", "This part is as long as it can be. Go on to the next one.")
    return current


def expected_at(support_session: SupportSession) -> QuerySet[Membership]:
    """Members who could have come: those who joined while it ran are not missing."""
    began_at = support_session.began_at or support_session.starts_at
    return admitted_to(support_session).filter(activated_at__lte=began_at)


def check_has_been_in_room(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` for a person who has not been in this room."""
    if not Entry.objects.filter(user=user, support_session=support_session).exists():
        raise Refused("not_in_room", "This person has not been in the room.")


def check_pace(seconds: float) -> None:
    """Raise `Refused` when a person has to wait before the next message."""
    if seconds:
        raise Refused("too_fast", "That was quick. Wait a moment, then send it again.")


#: Characters of one message.
LONGEST_MESSAGE = 2000


def message_body(raw: str) -> str:
    """The text as it is kept, or `Refused` with what is wrong: empty, too_long or characters."""
    body = raw.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not body:
        raise Refused("empty", "Write something first.")
    if len(body) > LONGEST_MESSAGE:
        raise Refused("too_long", f"A message has at most {LONGEST_MESSAGE:,} characters.")
    # The database holds neither NUL nor half a surrogate pair.
    if "\0" in body or any("\ud800" <= character <= "\udfff" for character in body):
        raise Refused("characters", "This text has a character that cannot be sent.")
    return body


def check_move(support_session: SupportSession, status: str) -> None:
    """Raise `Refused` unless the table of moves allows this change of state."""
    if status not in SupportSession.MOVES[SupportSession.Status(support_session.status)]:
        raise Refused(
            "state_changed",
            f"This session is already: {support_session.get_status_display().lower()}.",
        )


def attendance_status(
    attendance: Attendance, support_session: SupportSession, *, ended_at: datetime
) -> Attendance.Status:
    """What presence says at the end: late beats left early, since it is what others noticed."""
    if attendance.first_seen_at is None:
        if attendance.status == Attendance.Status.EXCUSED:
            return Attendance.Status.EXCUSED
        return Attendance.Status.NO_SHOW
    began_at = support_session.began_at or support_session.starts_at
    if attendance.first_seen_at > max(began_at, support_session.starts_at) + LATE_AFTER:
        return Attendance.Status.LATE
    end = min(ended_at, support_session.ends_at)
    if attendance.last_seen_at is not None and attendance.last_seen_at < end - EARLY_BEFORE:
        return Attendance.Status.LEFT_EARLY
    return Attendance.Status.ATTENDED


def attendances_shown_to(
    admission: Admission, support_session: SupportSession
) -> QuerySet[Attendance]:
    """Who came, once the session has ended, for those who lead or coordinate it."""
    if not admission.is_staff or support_session.status != SupportSession.Status.ENDED:
        return Attendance.objects.none()
    return (
        support_session.attendances.exclude(status=Attendance.Status.EXPECTED)
        .select_related("membership__user")
        .order_by("membership__user__display_name")
    )


# Calendar feeds -----------------------------------------------------------------------------------

#: A feed shows what was for this long, and everything that is to come.
FEED_LOOKS_BACK = timedelta(days=90)
_feed_signer = Signer(salt="sessions.calendar_feed", sep="~")


def feed_token(feed: CalendarFeed) -> str:
    """The secret part of the feed's address. A new nonce makes another one."""
    return _feed_signer.sign(f"{feed.pk.hex}{feed.nonce}")


def feed_with(token: str) -> CalendarFeed | None:
    """The feed that this secret opens, as long as its person is active and, for a group's feed,
    still leads or coordinates the group."""
    try:
        words = _feed_signer.unsign(token)
        pk = UUID(words[:32])
    except (BadSignature, ValueError):
        return None
    feed = (
        CalendarFeed.objects.filter(pk=pk, nonce=words[32:], user__is_active=True)
        .select_related("user", "group")
        .first()
    )
    if feed is None or feed.group is None:
        return feed
    return feed if groups_staffed_by(feed.user).filter(pk=feed.group.pk).exists() else None


def check_own_feed(user: User, feed: CalendarFeed) -> None:
    """Raise `Refused` unless the feed is this person's."""
    if feed.user_id != user.pk:
        raise Refused("not_own_feed", "This calendar belongs to somebody else.")


def groups_told_where(feed: CalendarFeed) -> QuerySet[SupportGroup]:
    """Of which groups the feed may say where they meet: staff, and members in good standing."""
    members = admitted().filter(user=feed.user).values("group")
    return SupportGroup.objects.filter(
        Q(pk__in=groups_staffed_by(feed.user).values("pk")) | Q(pk__in=members)
    )


def sessions_in_feed(
    feed: CalendarFeed, *, at: datetime | None = None
) -> QuerySet[SupportSession]:
    """The group's sessions, or all that the person leads or belongs to, in order."""
    since = (at or timezone.now()) - FEED_LOOKS_BACK
    if feed.group is not None:
        groups = SupportGroup.objects.filter(pk=feed.group.pk)
    else:
        own = Membership.objects.active().filter(user=feed.user).values("group")
        led = groups_led_by(feed.user).values("pk")
        groups = SupportGroup.objects.filter(Q(pk__in=own) | Q(pk__in=led))
    return (
        SupportSession.objects.filter(group__in=groups, ends_at__gte=since)
        .select_related("group")
        .order_by("starts_at", "pk")
    )


# By the clock -------------------------------------------------------------------------------------

#: A claim of a reminder holds this long. Its process sends within half of it or leaves it alone, so
#: nobody else can have claimed it by then.
CLAIM_HOLDS = timedelta(minutes=10)
#: A mail server that refuses an address is asked this often.
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class ReminderTime:
    """When one kind of reminder is sent, as time left until the start, and who wants it.

    It is due `from_` before the start. After an outage, or for somebody who joined later, it still
    goes out while more than `until` is left: later it would only repeat what comes next.
    """

    from_: timedelta
    until: timedelta
    preference: str


REMINDER_TIMES = {
    Reminder.Kind.DAY_BEFORE: ReminderTime(
        timedelta(hours=24), timedelta(hours=3), "reminds_day_before"
    ),
    Reminder.Kind.HOUR_BEFORE: ReminderTime(
        timedelta(hours=1), timedelta(minutes=5), "reminds_hour_before"
    ),
}


def horizon(series: Series, at: datetime) -> datetime:
    """Until when the sessions of a series are made ahead."""
    return at + timedelta(days=series.horizon_days)


def occurrences_of(series: Series, *, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """What the rule of a series gives in [after, until)."""
    return occurrences(
        rrule=series.rrule,
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        time_zone=series.time_zone,
        after=after,
        until=until,
    )


def missing_occurrences(series: Series, *, after: datetime, until: datetime) -> list[Occurrence]:
    """What the rule gives and has no session yet. A moved one is there under its first time."""
    there = set(
        SupportSession.objects.filter(
            series=series, recurrence_id__gte=after, recurrence_id__lt=until
        ).values_list("recurrence_id", flat=True)
    )
    given = occurrences_of(series, after=after, until=until)
    return [occurrence for occurrence in given if occurrence.starts_at not in there]


def _in_time(kind: Reminder.Kind, at: datetime, prefix: str = "") -> Q:
    """Coming sessions whose reminder of this kind is due and still of use."""
    times = REMINDER_TIMES[kind]
    return Q(
        **{
            f"{prefix}status__in": [SupportSession.Status.SCHEDULED, SupportSession.Status.LIVE],
            f"{prefix}starts_at__lte": at + times.from_,
            f"{prefix}starts_at__gt": at + times.until,
        }
    )


def due_for_reminder(kind: Reminder.Kind, *, at: datetime) -> QuerySet:
    """Session and person of every reminder of this kind that is due, members and facilitators."""
    due = SupportSession.objects.filter(_in_time(kind, at))
    wants = Q(**{f"user__{REMINDER_TIMES[kind].preference}": True})
    people = (
        admitted(),
        FacilitatorAssignment.objects.filter(user__is_active=True),
    )
    members, facilitators = (
        rows.filter(wants, group__support_sessions__in=due)
        .order_by()
        .values_list(F("group__support_sessions"), F("user"))
        for rows in people
    )
    return members.union(facilitators)


def claimable_reminders(*, at: datetime) -> QuerySet[Reminder]:
    """Unsent reminders that are still of use and that no process holds."""
    in_time = Q()
    for kind in Reminder.Kind:
        in_time |= Q(kind=kind) & _in_time(kind, at, "support_session__")
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
    support_session = SupportSession.objects.filter(
        _in_time(kind, at), pk=reminder.support_session_id
    ).first()
    if support_session is None:
        return False
    user = User.objects.get(pk=reminder.user_id)
    try:
        check_may_enter(user, support_session)
    except Refused:
        return False
    return bool(getattr(user, REMINDER_TIMES[kind].preference))


def expired(at: datetime) -> list[QuerySet[Any]]:
    """Messages, entries and reminders whose time is over (`docs/data-retention.yaml`)."""
    month_ago = at - ROOM_TRACES_KEPT
    kept = ExpressionWrapper(
        F("support_session__group__keeps_messages_days") * timedelta(days=1),
        output_field=DurationField(),
    )
    return [
        Message.objects.filter(
            support_session__status=SupportSession.Status.ENDED,
            support_session__ended_at__lt=at - kept,
        ),
        Entry.objects.filter(accepted_at__lt=month_ago),
        Reminder.objects.filter(support_session__starts_at__lt=month_ago),
    ]
