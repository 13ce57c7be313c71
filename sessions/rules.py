"""Who may enter, speak and lead, and when. Asks, never writes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.contrib.postgres.fields import DateTimeRangeField
from django.core.signing import BadSignature, Signer
from django.db.models import (
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Lower, Trim
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer, check_may_coordinate, organisations_coordinated_by
from groups.models import FacilitatorAssignment, Membership, SupportGroup
from groups.rules import (
    check_may_coordinate_group,
    check_may_staff,
    groups_led_by,
    groups_staffed_by,
    groups_visible_to,
)
from sessions import before_times, schedule
from sessions.models import (
    AgendaItem,
    Attendance,
    Booking,
    CalendarFeed,
    Cover,
    DayOff,
    Entry,
    Intervention,
    InterventionQuerySet,
    Knock,
    Reminder,
    Series,
    SupportSession,
    SupportSessionQuerySet,
    Turn,
)
from sessions.schedule import Occurrence, occurrences
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words

#: A session nobody ended is ended by the clock this long after its planned end.
FORGOTTEN_AFTER = timedelta(minutes=60)
#: Who entered, who was reminded and who led in whose place is kept this long.
ROOM_TRACES_KEPT = timedelta(days=30)
#: How exactly it is written down until when somebody was there.
SEEN_EVERY = timedelta(seconds=25)
#: A part is never planned longer than this.
LONGEST_PART_MINUTES = 180


@dataclass(frozen=True)
class Admission:
    """What lets a person into a room: their membership, or the fact that they lead the session.

    A coordinator who only looks at a session has neither, nor has a facilitator whose place
    somebody took.
    """

    membership: Membership | None
    leads: bool

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
    """The members this session is for, besides those whom a facilitator removed from it: the room
    and its messages ask this."""
    removed = stepped_in(support_session, Intervention.Kind.REMOVE)
    return admitted().filter(
        ~Exists(removed.filter(about=OuterRef("user"))), group=support_session.group_id
    )


def stepped_in(support_session: SupportSession, *kinds: str) -> InterventionQuerySet:
    """What facilitators did in this session to keep it safe and nobody has undone."""
    return (
        Intervention.objects.running()
        .of_kind(*kinds)
        .filter(support_session=support_session.pk)
        .order_by()
    )


def listening_only(support_session: SupportSession) -> QuerySet[Intervention]:
    """Who may be in the room and not speak there, each with the reason."""
    return stepped_in(support_session, Intervention.Kind.MUTE)


#: What somebody reads who was asked to listen only.
LISTEN_WORDS = (
    "A facilitator asks you to listen for now. You can stay, read along, and leave whenever you "
    "like. It is for today only."
)


def check_may_speak(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` for somebody whom a facilitator asked to listen only."""
    if listening_only(support_session).filter(about=user).exists():
        raise Refused("muted", LISTEN_WORDS)


def check_not_locked(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` while the door is locked for somebody who has not been in this room yet."""
    if (
        stepped_in(support_session, Intervention.Kind.LOCK).exists()
        and not leading(support_session).filter(pk=user.pk).exists()
        and not Entry.objects.filter(user=user, support_session=support_session).exists()
    ):
        raise Refused(
            "door_locked",
            "The group needs to be among itself today, so nobody new comes in. "
            "This is not about you, and you can come to the next session.",
            next_step=(
                "See when the group meets next",
                reverse("groups:group_detail", args=[support_session.group.slug]),
            ),
        )


def leading(support_session: SupportSession) -> QuerySet[User]:
    """Who leads this session: the facilitators of its group, and whoever took the place of one.

    Somebody whose place is taken leads it no more; while they only ask for cover, they do.
    """
    covers = Cover.objects.taken().filter(support_session=support_session.pk)
    assigned = FacilitatorAssignment.objects.filter(group=support_session.group_id)
    return User.objects.filter(
        Q(pk__in=assigned.values("user")) & ~Q(pk__in=covers.values("facilitator"))
        | Q(pk__in=_holding(covers).values("taken_by")),
        is_active=True,
    )


def _holding(covers: QuerySet[Cover]) -> QuerySet[Cover]:
    """Of covers that were taken those whose taker may still lead in the organisation."""
    roles = StaffRole.objects.agreed().may_lead()
    return covers.filter(
        Exists(
            roles.filter(
                user=OuterRef("taken_by"),
                organisation=OuterRef("support_session__group__organisation"),
            )
        )
    )


def leading_pairs(
    support_sessions: QuerySet[SupportSession],
) -> tuple[QuerySet[Any, Any], QuerySet[Any, Any]]:
    """Session and person of everybody who leads one of these: what `leading()` says, for many at
    once."""
    asked = support_sessions.order_by()
    assigned = FacilitatorAssignment.objects.filter(
        Q(group__support_sessions__in=asked), _not_covered(), user__is_active=True
    )
    took_over = _holding(Cover.objects.taken()).filter(
        support_session__in=asked, taken_by__is_active=True
    )
    return (
        assigned.order_by().values_list(F("group__support_sessions"), F("user")),
        took_over.order_by().values_list(F("support_session"), F("taken_by")),
    )


def _not_covered() -> Q:
    """Of assignments, for each session of `group__support_sessions`: nobody took this place. Use it
    beside the condition on these sessions, in one `filter()`: two would look at them apart."""
    covers = Cover.objects.taken().filter(
        support_session=OuterRef("group__support_sessions"), facilitator=OuterRef("user")
    )
    return Q(~Exists(covers))


def sessions_led_by(user: Viewer) -> SupportSessionQuerySet:
    """The sessions this person leads: of their groups, and those they took over."""
    if not user.is_authenticated:
        return SupportSession.objects.none()
    covered = Cover.objects.taken().filter(support_session=OuterRef("pk"), facilitator=user)
    return SupportSession.objects.filter(
        Q(group__in=groups_led_by(user).values("pk")) & ~Exists(covered) | Q(pk__in=taken_by(user))
    )


def taken_by(user: User) -> QuerySet[Cover, Any]:
    """Keys of the sessions this person took over from somebody."""
    return _holding(Cover.objects.taken().filter(taken_by=user)).values("support_session")


def covers_open_to(user: Viewer, *, at: datetime | None = None) -> QuerySet[Cover]:
    """Requests for cover that this person could answer: they may lead in the organisation, do not
    belong to the group, and nothing else is booked for them at that time."""
    if not user.is_authenticated:
        return Cover.objects.none()
    at = at or timezone.now()
    roles = StaffRole.objects.agreed().may_lead().filter(user=user, user__is_active=True)
    led = FacilitatorAssignment.objects.filter(user=user)
    joined = Membership.objects.open().filter(user=user)
    busy = Booking.objects.filter(
        facilitator=user,
        period__startswith__lt=OuterRef("support_session__ends_at"),
        period__endswith__gt=OuterRef("support_session__starts_at"),
    )
    return (
        Cover.objects.open()
        .filter(
            ~Exists(busy),
            support_session__status=SupportSession.Status.SCHEDULED,
            support_session__ends_at__gt=at,
            support_session__group__organisation__in=roles.values("organisation"),
        )
        .exclude(support_session__group__in=led.values("group"))
        .exclude(support_session__group__in=joined.values("group"))
        .select_related("facilitator", "support_session__group__organisation")
        .order_by("support_session__starts_at", "pk")
    )


def in_room(support_session: SupportSession) -> QuerySet[Entry]:
    """Entries of people who accepted the privacy reminder and have not left."""
    return Entry.objects.filter(support_session=support_session.pk, left_at__isnull=True)


def offered_help(support_session: SupportSession) -> QuerySet[Entry]:
    """Who is shown help lines, alone: somebody asked for support for them."""
    return in_room(support_session).filter(
        help_offered_at__isnull=False, help_closed_at__isnull=True
    )


def leading_from_inside(support_session: SupportSession, people: Collection[UUID]) -> set[UUID]:
    """Which of these people lead this session now and are in its room."""
    leads = leading(support_session).filter(pk__in=people)
    return set(in_room(support_session).filter(user__in=leads).values_list("user", flat=True))


def check_may_enter(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person into the room, now or when it opens, or `Refused`."""
    if user.is_authenticated:
        if leading(support_session).filter(pk=user.pk).exists():
            return Admission(None, leads=True)
        membership = admitted_to(support_session).filter(user=user).first()
        if membership is not None:
            return Admission(membership, leads=False)
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
    if stepped_in(support_session, Intervention.Kind.REMOVE).filter(about=user.pk).exists():
        return Refused(
            "removed_from_session",
            "A facilitator has ended this session for you. You keep your place in the group and "
            "can come to the next session. Somebody who was not there looks at it again.",
            next_step=(
                "See when the group meets next",
                reverse("groups:group_detail", args=[support_session.group.slug]),
            ),
        )
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
        | Q(pk__in=taken_by(user))
    ).select_related("group__organisation")


def check_may_see(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person see when and where the session is, or `Refused`.

    Whoever may enter; and the organisation's coordinators, who may not enter.
    """
    try:
        return check_may_enter(user, support_session)
    except Refused:
        if groups_staffed_by(user).filter(pk=support_session.group_id).exists():
            return Admission(None, leads=False)
        raise


def check_open(support_session: SupportSession, *, at: datetime | None = None) -> None:
    """Raise `Refused` unless the room is open: from 10 minutes before until the session ends."""
    at = at or timezone.now()
    status = support_session.status
    if status == SupportSession.Status.CANCELLED:
        raise Refused("cancelled", "This session was cancelled.")
    if status == SupportSession.Status.ENDED:
        raise Refused("ended", "This session has ended.")
    if status == SupportSession.Status.SCHEDULED:
        check_group_meets(support_session.group)
    if status == SupportSession.Status.SCHEDULED and at < support_session.opens_at:
        raise Refused("not_open_yet", "The room opens 10 minutes before the session.")
    if status == SupportSession.Status.SCHEDULED and at > support_session.ends_at:
        raise Refused("not_held", "This session did not take place.")


def check_group_meets(group: SupportGroup) -> None:
    """Raise `Refused` unless the group is listed: only then does it hold sessions."""
    match group.lifecycle:
        case SupportGroup.Lifecycle.PAUSED:
            raise Refused("group_paused", "This group pauses at the moment.")
        case SupportGroup.Lifecycle.CLOSED:
            raise Refused("group_closed", "This group has closed.")
        case SupportGroup.Lifecycle.DRAFT:
            raise Refused("group_draft", "This group does not meet yet.")


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


def check_may_lead(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person start, move and end the session, or `Refused`."""
    admission = check_may_enter(user, support_session)
    if not admission.leads:
        raise Refused("not_facilitator", "Only this session's facilitators can do this.")
    return admission


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
    current = support_session.current_item()
    following = support_session.agenda.filter(
        position__gt=current.position if current else 0
    ).first()
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
#: The database's own largest number of a message.
LARGEST_NUMBER = 2**31 - 1


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
    group = support_session.group
    late_after = timedelta(minutes=group.late_after_minutes)
    early_before = timedelta(minutes=group.early_before_minutes)
    began_at = support_session.began_at or support_session.starts_at
    if attendance.first_seen_at > max(began_at, support_session.starts_at) + late_after:
        return Attendance.Status.LATE
    end = min(ended_at, support_session.ends_at)
    # Nobody's device tells when somebody goes who sits there in person.
    came_in_person = attendance.came_by == Attendance.CameBy.IN_PERSON
    seen = attendance.last_seen_at
    if not came_in_person and seen is not None and seen < end - early_before:
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


# Staff's pages of dates ---------------------------------------------------------------------------


def dates_of(
    group: SupportGroup, *, past: bool = False, at: datetime | None = None
) -> QuerySet[SupportSession]:
    """The group's sessions to come, soonest first, or past ones, newest first; cancelled ones
    among them. Those that only a change of the rhythm left over are out."""
    at = at or timezone.now()
    shown = SupportSession.objects.filter(group=group).exclude(
        cancelled_for=SupportSession.CancelledFor.RHYTHM_CHANGED
    )
    if past:
        return shown.filter(ends_at__lte=at).order_by("-starts_at")
    return shown.filter(ends_at__gt=at).order_by("starts_at")


def organisations_planned_by(user: Viewer) -> QuerySet[Organisation]:
    """The organisations whose days off, or those of one of their groups, this person keeps."""
    groups = groups_staffed_by(user)
    return Organisation.objects.filter(
        Q(pk__in=organisations_coordinated_by(user).values("pk"))
        | Q(pk__in=groups.values("organisation"))
    )


def days_off_planned_by(
    user: Viewer, organisation: Organisation, *, at: datetime | None = None
) -> QuerySet[DayOff]:
    """Days off that are not over: everybody's, and those of the groups this person staffs."""
    today = schedule.day_of(at or timezone.now(), organisation.time_zone)
    staffed = groups_staffed_by(user).filter(organisation=organisation)
    return (
        DayOff.objects.filter(
            Q(group__isnull=True) | Q(group__in=staffed), organisation=organisation, day__gte=today
        )
        .select_related("group")
        .order_by("day", "group__name")
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


def sessions_in_feed(feed: CalendarFeed, *, at: datetime | None = None) -> QuerySet[SupportSession]:
    """The group's sessions, or all that the person leads or belongs to, in order."""
    since = (at or timezone.now()) - FEED_LOOKS_BACK
    if feed.group is not None:
        shown = Q(group=feed.group.pk)
    else:
        own = Membership.objects.active().filter(user=feed.user).values("group")
        shown = Q(group__in=own) | Q(pk__in=sessions_led_by(feed.user).values("pk"))
    return (
        SupportSession.objects.filter(shown, ends_at__gte=since)
        .select_related("group")
        .order_by("starts_at", "pk")
    )


# Rhythm and dates ---------------------------------------------------------------------------------

#: A day farther ahead is more likely a slip of the hand.
FARTHEST_AHEAD = timedelta(days=2 * 366)
#: Sessions are planned for at most this long.
LONGEST_SESSION = timedelta(hours=24)
LONGEST_RULE = 200
#: How far ahead the page shows times that daylight saving skips or repeats.
SHIFTS_SHOWN_FOR = timedelta(days=366)


class Timed(Protocol):
    """Something with a start and an end: a session, or what a rule gives."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...


@dataclass(frozen=True)
class Clash:
    """That a facilitator or a room is taken at a time somebody asks for."""

    #: The facilitator's public name, or the room's.
    what: str
    is_room: bool
    #: When the other session begins, and the zone it is told in.
    starts_at: datetime
    time_zone: str
    #: The other session's group, if the viewer may know it; else empty.
    group_name: str

    def __str__(self) -> str:
        """One sentence for the person who asked."""
        for_whom = f" for “{self.group_name}”" if self.group_name else ""
        verb = "taken" if self.is_room else "leading another session"
        when = time_words(self.starts_at, self.time_zone)
        return f"{self.what} is {verb}{for_whom}: {when}."


def rooms_of(group: SupportGroup) -> str:
    """The room its sessions hold; none for a group that meets online only."""
    return "" if group.format == SupportGroup.Format.ONLINE else group.room.strip()


def clashes(
    *,
    group: SupportGroup,
    times: Iterable[Timed],
    by: Viewer | None,
    facilitators: Collection[User] | None = None,
    room: str | None = None,
    besides: Iterable[SupportSession] = (),
) -> list[Clash]:
    """Bookings that stand in the way of these times, soonest first.

    Asked for the group's own facilitators and room unless others are given. `besides` are sessions
    that would give their bookings up.
    """
    wanted = sorted({(each.starts_at, each.ends_at) for each in times})
    if not wanted:
        return []
    if facilitators is None:
        facilitators = [each.user for each in group.facilitator_assignments.select_related("user")]
    room = rooms_of(group) if room is None else room.strip()
    thing = Q(facilitator__in=[user.pk for user in facilitators])
    if room:
        thing |= Q(organisation=group.organisation_id, room_key=room.lower())
    booked = (
        Booking.objects.annotate(room_key=Lower("room"))
        .filter(thing, period__overlap=(wanted[0][0], max(end for _, end in wanted)))
        .exclude(support_session__in=[each.pk for each in besides])
        .select_related("facilitator", "support_session__group")
        .order_by("period", "facilitator")
    )
    taken = [
        each
        for each in booked
        if any(start < each.period.upper and each.period.lower < end for start, end in wanted)
    ]
    known: set[Any] = set()
    if taken and by is not None:
        others = {each.support_session.group_id for each in taken}
        known = set(groups_visible_to(by).filter(pk__in=others).values_list("pk", flat=True))
    return [
        Clash(
            what=each.facilitator.public_name if each.facilitator else each.room,
            is_room=each.facilitator is None,
            starts_at=each.period.lower,
            time_zone=group.time_zone,
            group_name=each.support_session.group.name
            if by is None or each.support_session.group_id in known
            else "",
        )
        for each in taken
    ]


def check_no_clash(found: Sequence[Clash]) -> None:
    """Raise `Refused` in the words of the first clash."""
    if found:
        more = f" And {len(found) - 1} more." if len(found) > 1 else ""
        raise Refused("booked", f"{found[0]}{more}")


def refuse_overlap() -> None:
    """Raise `Refused` for times at which the group's own people or room would be needed twice."""
    raise Refused("booked", "At this time somebody or the room would be needed twice.")


def not_booked(support_session: SupportSession) -> list[str]:
    """What a coming session still lacks: names of facilitators and the room, taken when it was
    made. Prefetch with `with_bookings()` for lists."""
    if support_session.status != SupportSession.Status.SCHEDULED:
        return []
    group = support_session.group
    bookings = support_session.bookings.all()
    booked = {each.facilitator_id for each in bookings}
    taken = [each for each in support_session.covers.all() if each.is_taken]
    leaders = {each.user_id: each.user for each in group.facilitator_assignments.all()}
    for cover in taken:
        leaders.pop(cover.facilitator_id, None)
    leaders |= {cover.taken_by.pk: cover.taken_by for cover in taken if cover.taken_by}
    lacking = [user.public_name for key, user in leaders.items() if key not in booked]
    if (room := rooms_of(group)) and None not in booked:
        lacking.append(room)
    return lacking


def leaders_of(
    group: SupportGroup, support_sessions: Sequence[SupportSession]
) -> dict[SupportSession, set[User]]:
    """Whom each of these sessions of a group needs: its facilitators, or who took their place."""
    assigned = {each.user for each in group.facilitator_assignments.select_related("user")}
    leaders = {each: set(assigned) for each in support_sessions}
    covers = Cover.objects.taken().filter(support_session__in=[each.pk for each in leaders])
    by_session = {each.pk: each for each in leaders}
    for cover in covers.select_related("facilitator", "taken_by"):
        of_session = leaders[by_session[cover.support_session_id]]
        of_session.discard(cover.facilitator)
        if cover.taken_by is not None:
            of_session.add(cover.taken_by)
    return leaders


def with_bookings(support_sessions: QuerySet[SupportSession]) -> QuerySet[SupportSession]:
    """The sessions with what `not_booked` asks for."""
    return support_sessions.select_related("group").prefetch_related(
        "bookings",
        Prefetch("covers", queryset=Cover.objects.select_related("taken_by", "facilitator")),
        Prefetch(
            "group__facilitator_assignments",
            queryset=FacilitatorAssignment.objects.select_related("user"),
        ),
    )


def days_off_of(group: SupportGroup) -> QuerySet[DayOff]:
    """The days on which this group does not meet: its own and its organisation's."""
    return DayOff.objects.filter(
        Q(group=group) | Q(group__isnull=True), organisation=group.organisation_id
    )


def meets_on(series: Series, day: date) -> bool:
    """Whether the rule of a series gives a meeting on this day."""
    day = min(day, schedule.LAST_DAY)
    begin = schedule.midnight(day, series.time_zone)
    end = schedule.midnight(day + timedelta(days=1), series.time_zone)
    return next(occurrences_of(series, after=begin, until=end), None) is not None


def times_that_shift(series: Series, at: datetime | None = None) -> list[Occurrence]:
    """Meetings of the next 12 months whose clock time is skipped or comes twice that day."""
    at = at or timezone.now()
    coming = occurrences_of(series, after=at, until=at + SHIFTS_SHOWN_FOR)
    return [each for each in coming if each.shifted or each.repeated]


def check_may_plan(user: Viewer, group: SupportGroup) -> None:
    """Raise `Refused` unless this person sets the group's rhythm, people and agenda."""
    check_may_coordinate_group(user, group)


def may_change_following(user: Viewer, support_session: SupportSession) -> bool:
    """Whether this person may move or cancel this session and all that follow it."""
    series = support_session.series
    if series is None or series.ended_at is not None:
        return False
    try:
        check_may_plan(user, support_session.group)
    except Refused:
        return False
    return True


def check_may_change(user: Viewer, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person moves, cancels and restores the group's sessions."""
    check_may_staff(user, support_session.group)


def check_may_keep_days_off(
    user: Viewer, organisation: Organisation, group: SupportGroup | None
) -> None:
    """Raise `Refused` unless this person says when everybody, or one group, does not meet."""
    if group is None:
        check_may_coordinate(user, organisation)
    else:
        check_may_staff(user, group)
        if group.organisation_id != organisation.pk:
            raise Refused("other_organisation", "This group belongs to another organisation.")


def check_rhythm(
    *, rrule: str, starts_on: date, starts_at_time: time, minutes: int, time_zone: str
) -> Occurrence:
    """The first meeting of a rhythm that can be kept, or `Refused` with what is wrong."""
    if not 15 <= minutes <= LONGEST_SESSION.total_seconds() // 60:
        raise Refused("length", "A session lasts from 15 minutes to 24 hours.")
    if len(rrule) > LONGEST_RULE:
        raise Refused("rule", "This rule is too long to be kept.")
    try:
        return schedule.check_rule(
            rrule, starts_on=starts_on, starts_at_time=starts_at_time, time_zone=time_zone
        )
    except schedule.RuleError as error:
        raise Refused("rule", str(error)) from error


def check_scheduled(support_session: SupportSession) -> None:
    """Raise `Refused` unless the session is still to come and on."""
    if support_session.status != SupportSession.Status.SCHEDULED:
        raise Refused(
            "state_changed",
            f"This session is already: {support_session.get_status_display().lower()}.",
        )


def check_times(starts_at: datetime, ends_at: datetime, *, at: datetime) -> None:
    """Raise `Refused` for times that no session can have."""
    if starts_at <= at:
        raise Refused("past", "Choose a time that is still to come.")
    if starts_at > at + FARTHEST_AHEAD:
        raise Refused("far", "This is far away. Choose a day within the next two years.")
    if not timedelta(minutes=15) <= ends_at - starts_at <= LONGEST_SESSION:
        raise Refused("length", "A session lasts from 15 minutes to 24 hours.")


def check_group_free(
    support_session: SupportSession, *, starts_at: datetime, ends_at: datetime
) -> None:
    """Raise `Refused` when the group has another session at this time."""
    others = SupportSession.objects.filter(
        group=support_session.group_id,
        status__in=[SupportSession.Status.SCHEDULED, SupportSession.Status.LIVE],
        starts_at__lt=ends_at,
        ends_at__gt=starts_at,
    ).exclude(pk=support_session.pk)
    if others.exists():
        raise Refused("booked", "This group has another session at that time.")


def check_may_restore(support_session: SupportSession, *, at: datetime) -> None:
    """Raise `Refused` unless a session that is off can be on again."""
    if support_session.status != SupportSession.Status.CANCELLED:
        raise Refused("state_changed", "This session is on already.")
    if support_session.starts_at <= at:
        raise Refused("past", "The time of this session is over. Add or move another one.")
    check_group_meets(support_session.group)


def check_day_ahead(day: date, time_zone: str, *, at: datetime) -> None:
    """Raise `Refused` for a day that is over, or too far away to be meant."""
    today = schedule.day_of(at, time_zone)
    if day < today:
        raise Refused("past", "This day is over. Choose today or a later day.")
    if day > today + FARTHEST_AHEAD:
        raise Refused("far", "This is far away. Choose a day within the next two years.")


def check_may_be_facilitator(user: User, group: SupportGroup) -> None:
    """Raise `Refused` for somebody who cannot lead the group."""
    roles = StaffRole.objects.agreed().filter(user=user, organisation=group.organisation_id)
    if not user.is_active or not roles.exists():
        raise Refused("not_staff", "Only people with a role in your organisation can lead.")
    if Membership.objects.open().filter(user=user, group=group).exists():
        raise Refused("is_member", "This person is a member of the group, or has asked to join.")


def may_lead(group: SupportGroup) -> QuerySet[User]:
    """The organisation's people who can be chosen to lead the group, or do already, by name.

    Who was asked by e-mail and has not signed in yet is not shown: their name is not ours to tell.
    """
    roles = StaffRole.objects.agreed().may_lead().filter(organisation=group.organisation_id)
    members = Membership.objects.open().filter(group=group).values("user")
    return (
        User.objects.filter(is_active=True, pk__in=roles.values("user"))
        .exclude(pk__in=members)
        .order_by("display_name", "email")
    )


def check_may_unassign(assignment: FacilitatorAssignment) -> None:
    """Raise `Refused` when a listed group would be left without anybody who leads it."""
    group = assignment.group
    others = group.facilitator_assignments.exclude(pk=assignment.pk)
    if group.lifecycle == SupportGroup.Lifecycle.LISTED and not others.exists():
        raise Refused("last_one", "Name somebody else first: a listed group has a facilitator.")


#: Why a session of a rhythm can be off and still follow when the rhythm changes.
_FOLLOWS = Q(status=SupportSession.Status.SCHEDULED) | Q(
    cancelled_for=SupportSession.CancelledFor.GROUP_PAUSED
)


def following(series: Series, *, begin: datetime) -> QuerySet[SupportSession]:
    """The sessions of a rhythm that a change from `begin` on takes along, in order."""
    return SupportSession.objects.filter(_FOLLOWS, series=series, starts_at__gte=begin).order_by(
        "recurrence_id"
    )


def taken_along(series: Series, *, begin: datetime) -> QuerySet[SupportSession]:
    """What another rhythm from `begin` on takes along: those that follow, and dates that somebody
    cancelled, which stay cancelled. What was cancelled after the rule's end is no date of it."""
    off = SupportSession.objects.filter(
        series=series,
        cancelled_for=SupportSession.CancelledFor.BY_HAND,
        starts_at__gte=begin,
    )
    named = sorted(off.values_list("recurrence_id", flat=True))
    given: set[datetime] = set()
    if named:
        until = named[-1] + timedelta(seconds=1)
        given = {each.starts_at for each in occurrences_of(series, after=named[0], until=until)}
    also = off.filter(recurrence_id__in=given)
    return SupportSession.objects.filter(
        _FOLLOWS | Q(pk__in=also.values("pk")), series=series, starts_at__gte=begin
    ).order_by("recurrence_id")


def check_in_rhythm(support_session: SupportSession, series: Series | None) -> Series:
    """The group's current rhythm, if this session belongs to it; else raise `Refused`."""
    if series is None or support_session.series_id != series.pk:
        raise Refused(
            "no_rhythm", "This session is not part of a rhythm that goes on. Cancel only this one."
        )
    return series


def from_here_on(support_session: SupportSession, *, at: datetime) -> QuerySet[SupportSession]:
    """This session and all that follow it in its rhythm, wherever single ones were moved."""
    return SupportSession.objects.filter(
        _FOLLOWS,
        series=support_session.series_id,
        starts_at__gte=at,
        recurrence_id__gte=support_session.recurrence_id,
    ).order_by("recurrence_id")


def change_begins(
    group: SupportGroup,
    *,
    starts_on: date,
    from_session: SupportSession | None,
    at: datetime,
) -> datetime:
    """From when on a new rhythm holds: this session, or else its first day, never the past."""
    if from_session is not None:
        return max(at, from_session.starts_at)
    return max(at, schedule.midnight(starts_on, group.time_zone))


def given_from(series: Series, *, begin: datetime, at: datetime) -> list[Occurrence]:
    """What a new rhythm gives up to its horizon: after the last session that stays as it was."""
    last_kept = (
        SupportSession.objects.coming(at)
        .filter(group=series.group, series__ended_at__isnull=True, starts_at__lt=begin)
        .exclude(series__isnull=True)
        .aggregate(ends_at=Max("ends_at"))["ends_at"]
    )
    first_day = schedule.midnight(series.starts_on, series.time_zone)
    after = max(at, first_day, last_kept or at)
    return list(occurrences_of(series, after=after, until=horizon(series, at)))


def clashes_of_rhythm(
    *,
    group: SupportGroup,
    rrule: str,
    starts_on: date,
    starts_at_time: time,
    minutes: int,
    by: Viewer | None,
    from_session: SupportSession | None = None,
    at: datetime | None = None,
) -> list[Clash]:
    """What would be double-booked by this rhythm up to its horizon, for the form to explain."""
    at = at or timezone.now()
    planned = Series(
        group=group,
        rrule=rrule,
        starts_on=starts_on,
        starts_at_time=starts_at_time,
        minutes=minutes,
        time_zone=group.time_zone,
    )
    begin = change_begins(group, starts_on=starts_on, from_session=from_session, at=at)
    current = Series.objects.current().filter(group=group).first()
    return clashes(
        group=group,
        times=given_from(planned, begin=begin, at=at),
        by=by,
        besides=following(current, begin=begin) if current else (),
    )


def people_concerned(
    support_sessions: Iterable[SupportSession],
) -> list[tuple[SupportSession, Any]]:
    """Session and person of everybody to be told about a change of these sessions, each person
    once: of the first session that is theirs. Groups that are not listed tell their members
    themselves."""
    first: dict[Any, tuple[SupportSession, Any]] = {}
    listed = [
        each
        for each in sorted(support_sessions, key=lambda each: each.starts_at)
        if each.group.lifecycle == SupportGroup.Lifecycle.LISTED
    ]
    groups = {each.group_id for each in listed}
    members: dict[Any, set[Any]] = {group: set() for group in groups}
    rows = admitted().filter(group__in=groups, user__is_active=True)
    for group_id, user_id in rows.order_by().values_list("group", "user"):
        members[group_id].add(user_id)
    leaders: dict[Any, set[Any]] = {each.pk: set() for each in listed}
    sessions = SupportSession.objects.filter(pk__in=leaders)
    for pairs in leading_pairs(sessions):
        for session_id, user_id in pairs:
            leaders[session_id].add(user_id)
    for each in listed:
        for user_id in members[each.group_id] | leaders[each.pk]:
            first.setdefault(user_id, (each, user_id))
    return list(first.values())


def off_with_group(group: SupportGroup, *, at: datetime) -> QuerySet[SupportSession]:
    """Coming sessions that are off because the group paused or closed, and of a rhythm that
    still holds."""
    return SupportSession.objects.filter(
        Q(series__isnull=True) | Q(series__ended_at__isnull=True),
        group=group,
        status=SupportSession.Status.CANCELLED,
        cancelled_for__in=[
            SupportSession.CancelledFor.GROUP_PAUSED,
            SupportSession.CancelledFor.GROUP_CLOSED,
        ],
        starts_at__gt=at,
    )


def coming_of(group: SupportGroup, *, at: datetime) -> QuerySet[SupportSession]:
    """Sessions of a group that have not begun and can be called off."""
    return SupportSession.objects.filter(
        group=group, status=SupportSession.Status.SCHEDULED, ends_at__gt=at
    )


def is_on_day(support_session: SupportSession, *days: date) -> bool:
    """Whether a session is on one of these days, on the wall calendar of its group."""
    zone = support_session.group.time_zone
    return schedule.day_of(support_session.starts_at, zone) in days


def on_day(day: date, *, groups: Iterable[SupportGroup], at: datetime) -> QuerySet[SupportSession]:
    """Sessions of these groups around a day that have not begun: `is_on_day` says which are on
    it in their own zone."""
    return _around(day).filter(
        group__in=[each.pk for each in groups],
        status=SupportSession.Status.SCHEDULED,
        starts_at__gt=at,
    )


def off_on_day(
    day: date, *, groups: Iterable[SupportGroup], at: datetime
) -> QuerySet[SupportSession]:
    """Sessions around a day that a day off called off, of rhythms that still hold."""
    return _around(day).filter(
        Q(series__isnull=True) | Q(series__ended_at__isnull=True),
        group__in=[each.pk for each in groups],
        group__lifecycle=SupportGroup.Lifecycle.LISTED,
        cancelled_for=SupportSession.CancelledFor.DAY_OFF,
        starts_at__gt=at,
    )


def _around(day: date) -> QuerySet[SupportSession]:
    """What starts on this day in some zone of the world."""
    noon = datetime.combine(min(day, schedule.LAST_DAY), time(12), UTC)
    reach = timedelta(hours=27)
    return SupportSession.objects.filter(
        starts_at__gte=noon - reach, starts_at__lte=noon + reach
    ).order_by("starts_at")


def not_given(
    series: Series, *, given: Collection[datetime], at: datetime, until: datetime
) -> QuerySet[SupportSession]:
    """Coming sessions of a course that its rule gives no more; one moved off a day off stays."""
    rows = SupportSession.objects.filter(
        series=series,
        status=SupportSession.Status.SCHEDULED,
        recurrence_id__gt=at,
        recurrence_id__lt=until,
    ).exclude(recurrence_id__in=given)
    days_off = set(days_off_of(series.group).values_list("day", flat=True))
    return rows.filter(
        pk__in=[
            each.pk
            for each in rows
            if schedule.day_of(each.recurrence_id, series.time_zone) not in days_off
        ]
    ).order_by("recurrence_id")


def given_again(
    series: Series, *, given: Collection[datetime], at: datetime
) -> QuerySet[SupportSession]:
    """Sessions of a course that were too many and are not any more."""
    return SupportSession.objects.filter(
        series=series,
        cancelled_for=SupportSession.CancelledFor.RHYTHM_CHANGED,
        recurrence_id__in=given,
        starts_at__gt=at,
    ).order_by("recurrence_id")


def bookings_to_free(group: SupportGroup, user: User, *, at: datetime) -> QuerySet[Booking]:
    """What somebody who leads this group no more holds for its coming sessions."""
    return Booking.objects.filter(
        facilitator=user,
        support_session__group=group,
        support_session__status=SupportSession.Status.SCHEDULED,
        support_session__ends_at__gt=at,
    )


def covers_to_end(group: SupportGroup, user: User) -> QuerySet[Cover]:
    """What somebody who leads this group no more asked for in vain so far. Who took over leads."""
    return Cover.objects.open().filter(facilitator=user, support_session__group=group)


def _booked_meanwhile(**of: Any) -> Exists:
    """A booking that overlaps the session of the query around it, and is `of` the same thing."""
    period = Func(
        OuterRef("starts_at"),
        OuterRef("ends_at"),
        function="tstzrange",
        output_field=DateTimeRangeField(),
    )
    return Exists(
        Booking.objects.annotate(room_key=Lower("room")).filter(period__overlap=period, **of)
    )


def could_be_booked(*, at: datetime) -> QuerySet[SupportSession]:
    """Coming sessions that lack a facilitator or their room, though it is free at their time: it
    was freed, the group's room is another now, or they are older than bookings."""
    coming = SupportSession.objects.filter(
        status=SupportSession.Status.SCHEDULED,
        starts_at__gt=at,
        group__lifecycle=SupportGroup.Lifecycle.LISTED,
    )
    covers = Cover.objects.taken()
    leads = FacilitatorAssignment.objects.filter(
        ~Exists(
            covers.filter(
                support_session=OuterRef("group__support_sessions"), facilitator=OuterRef("user")
            )
        ),
        group__support_sessions=OuterRef("pk"),
    )
    free_lead = leads.annotate(
        starts_at=F("group__support_sessions__starts_at"),
        ends_at=F("group__support_sessions__ends_at"),
    ).exclude(_booked_meanwhile(facilitator=OuterRef("user")))
    free_taker = (
        covers.filter(support_session=OuterRef("pk"))
        .annotate(starts_at=F("support_session__starts_at"), ends_at=F("support_session__ends_at"))
        .exclude(_booked_meanwhile(facilitator=OuterRef("taken_by")))
    )
    free_room = ~_booked_meanwhile(
        organisation=OuterRef("group__organisation"),
        room_key=Lower(Trim(OuterRef("group__room"))),
    )
    has_room = ~Q(group__room="") & ~Q(group__format=SupportGroup.Format.ONLINE)
    return coming.filter(Exists(free_lead) | Exists(free_taker) | (has_room & free_room)).order_by(
        "starts_at"
    )


def outdated_rooms(*, at: datetime) -> QuerySet[Booking]:
    """Bookings of coming sessions for a room that is not the group's any more."""
    return Booking.objects.annotate(
        room_key=Lower("room"), room_now=Lower(Trim("support_session__group__room"))
    ).filter(
        ~Q(room_key=F("room_now")) | Q(support_session__group__format=SupportGroup.Format.ONLINE),
        facilitator__isnull=True,
        support_session__status=SupportSession.Status.SCHEDULED,
        support_session__starts_at__gt=at,
    )


def behind_their_lifecycle(*, at: datetime) -> QuerySet[SupportGroup]:
    """Groups that paused, closed or were listed again, and whose coming sessions do not show it."""
    scheduled = SupportSession.objects.filter(
        group=OuterRef("pk"), status=SupportSession.Status.SCHEDULED, ends_at__gt=at
    )
    off = SupportSession.objects.filter(
        Q(series__isnull=True) | Q(series__ended_at__isnull=True),
        group=OuterRef("pk"),
        status=SupportSession.Status.CANCELLED,
        cancelled_for__in=[
            SupportSession.CancelledFor.GROUP_PAUSED,
            SupportSession.CancelledFor.GROUP_CLOSED,
        ],
        starts_at__gt=at,
    )
    stopped = [SupportGroup.Lifecycle.PAUSED, SupportGroup.Lifecycle.CLOSED]
    return SupportGroup.objects.filter(
        Q(Exists(scheduled), lifecycle__in=stopped)
        | Q(Exists(off), lifecycle=SupportGroup.Lifecycle.LISTED)
    )


def behind_their_bookings(*, at: datetime) -> QuerySet[SupportGroup]:
    """Groups with coming sessions that lack what is free, or hold a room no longer theirs."""
    lacking = could_be_booked(at=at).order_by().values("group")
    outdated = outdated_rooms(at=at).values("support_session__group")
    return SupportGroup.objects.filter(Q(pk__in=lacking) | Q(pk__in=outdated)).order_by("pk")


# By the clock -------------------------------------------------------------------------------------

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


def horizon(series: Series, at: datetime) -> datetime:
    """Until when the sessions of a series are made ahead."""
    return at + timedelta(days=series.horizon_days)


def occurrences_of(series: Series, *, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """What the rule of a series gives in [after, until), days off left out."""
    skip = getattr(series, "days_off", None)  # there when asked for by `with_days_off()`
    if skip is None:
        skip = days_off_of(series.group).values_list("day", flat=True)
    return occurrences(
        rrule=series.rrule,
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        time_zone=series.time_zone,
        after=after,
        until=until,
        skip=frozenset(skip),
    )


def lacks_sessions(series: Series, *, made_until: datetime | None, at: datetime) -> bool:
    """Whether the rule gives a meeting before the horizon, later than those that were made."""
    until = horizon(series, at)
    if made_until is not None:
        following = schedule.next_start(
            rrule=series.rrule,
            starts_on=series.starts_on,
            starts_at_time=series.starts_at_time,
            time_zone=series.time_zone,
            after=made_until,
            skip=frozenset(series.days_off),
        )
        if following is None or following >= at:
            return following is not None and following < until
    return next(occurrences_of(series, after=at, until=until), None) is not None


def missing_occurrences(series: Series, *, after: datetime, until: datetime) -> list[Occurrence]:
    """What the rule gives and has no session yet. A moved one is there under its first time."""
    there = set(
        SupportSession.objects.filter(
            series=series, recurrence_id__gte=after, recurrence_id__lt=until
        ).values_list("recurrence_id", flat=True)
    )
    given = occurrences_of(series, after=after, until=until)
    return [occurrence for occurrence in given if occurrence.starts_at not in there]


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
    took_over = _holding(Cover.objects.taken()).filter(
        is_due("support_session", "taken_by"), taken_by__is_active=True
    )
    return (
        admitted().filter(is_due(*of_group), _can_come()).order_by().values_list(*map(F, of_group)),
        assigned.filter(is_due(*of_group), _not_covered())
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
            membership__in=admitted(),
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
        return covers_open_to(user).filter(support_session=support_session).exists()
    if kind == Reminder.Kind.COVER_NEWS:
        return sessions_visible_to(user).filter(pk=support_session.pk).exists()
    try:
        admission = check_may_enter(user, support_session)
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


#: What waits for a reviewer is kept beyond its time, for so long after the session at most.
KEPT_FOR_REVIEW = timedelta(days=90)


def expired(at: datetime) -> list[QuerySet[Any]]:
    """Steps about a person or the door, entries and reminders whose time is over
    (`docs/data-retention.yaml`). What is about a message goes with its message."""
    month_ago = at - ROOM_TRACES_KEPT
    return [
        Intervention.objects.filter(
            Q(reviewed_at__isnull=False) | Q(support_session__ended_at__lt=at - KEPT_FOR_REVIEW),
            message__isnull=True,
            support_session__ended_at__lt=month_ago,
        ),
        Entry.objects.filter(accepted_at__lt=month_ago),
        Turn.objects.filter(asked_at__lt=month_ago),
        Knock.objects.filter(asked_at__lt=month_ago),
        Reminder.objects.filter(support_session__starts_at__lt=month_ago),
        Cover.objects.filter(support_session__ends_at__lt=month_ago),
    ]
