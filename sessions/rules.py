"""Who may enter, speak and lead, and when. Asks, never writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import (
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.models import StaffRole, User
from accounts.rules import Viewer, check_second_factor
from groups.models import FacilitatorAssignment, Membership, SupportGroup
from groups.rules import (
    groups_led_by,
    groups_staffed_by,
)
from sessions.models import (
    AgendaItem,
    Attendance,
    Booking,
    CalendarFeed,
    Cover,
    Entry,
    Intervention,
    InterventionQuerySet,
    SupportSession,
    SupportSessionQuerySet,
)
from supportgroups.lib.lifetimes import lifetime, longest
from supportgroups.lib.refusals import Refused

#: A session nobody ended is ended by the clock this long after its planned end.
FORGOTTEN_AFTER = timedelta(minutes=60)
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
        | Q(pk__in=holding(covers).values("taken_by")),
        is_active=True,
    )


def holding(covers: QuerySet[Cover]) -> QuerySet[Cover]:
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
        Q(group__support_sessions__in=asked), not_covered(), user__is_active=True
    )
    took_over = holding(Cover.objects.taken()).filter(
        support_session__in=asked, taken_by__is_active=True
    )
    return (
        assigned.order_by().values_list(F("group__support_sessions"), F("user")),
        took_over.order_by().values_list(F("support_session"), F("taken_by")),
    )


def not_covered() -> Q:
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
    return holding(Cover.objects.taken().filter(taken_by=user)).values("support_session")


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
    return _admission(user, support_session)[0]


def _admission(user: Viewer, support_session: SupportSession) -> tuple[Admission, bool]:
    """The same, and whether they are in the room: one question, asked on each page of a session."""
    if not user.is_authenticated:
        raise _why_not(user, support_session)
    facts = (
        User.objects.filter(pk=user.pk)
        .annotate(
            leads=Exists(leading(support_session).filter(pk=OuterRef("pk"))),
            place=Subquery(
                admitted_to(support_session).filter(user=OuterRef("pk")).values("pk")[:1]
            ),
            is_in_room=Exists(in_room(support_session).filter(user=OuterRef("pk"))),
        )
        .values_list("leads", "place", "is_in_room")
        .first()
    )
    leads, place, is_in_room = facts or (False, None, False)
    if leads:
        check_may_act_as_staff(user, support_session)
        return Admission(None, leads=True), is_in_room
    if place is None:
        raise _why_not(user, support_session)
    # Most pages need to know only that there is one.
    membership = cast(Membership, SimpleLazyObject(lambda: Membership.objects.get(pk=place)))
    return Admission(membership, leads=False), is_in_room


def check_may_act_as_staff(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` for somebody whose time to add a second factor is over.

    Not in the middle of an hour: a session whose room opened in time is led to its end.
    """
    due_at = user.second_factor_due_at
    runs = support_session.status in (SupportSession.Status.SCHEDULED, SupportSession.Status.LIVE)
    if due_at is None or (runs and support_session.opens_at < due_at):
        return
    check_second_factor(user)


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
    except Refused as refused:
        staffed = groups_staffed_by(user).filter(pk=support_session.group_id)
        if refused.reason == "second_factor" or not isinstance(user, User) or not staffed.exists():
            raise
        check_may_act_as_staff(user, support_session)
        return Admission(None, leads=False)


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
        raise _not_entered()
    return entry


def _not_entered() -> Refused:
    return Refused("not_entered", "Please read the privacy reminder to enter.")


def check_may_be_in_room(
    user: Viewer, support_session: SupportSession, *, at: datetime | None = None
) -> Admission:
    """Every door of the room: admitted, open, and the privacy reminder accepted."""
    admission, is_in_room = _admission(user, support_session)
    check_open(support_session, at=at)
    if not is_in_room:
        raise _not_entered()
    return admission


def check_may_lead(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person start, move and end the session, or `Refused`."""
    admission = check_may_enter(user, support_session)
    check_leads(admission)
    return admission


def check_leads(admission: Admission) -> None:
    """Raise `Refused` for an admission of somebody who does not lead the session."""
    if not admission.leads:
        raise Refused("not_facilitator", "Only this session's facilitators can do this.")


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


# By the clock -------------------------------------------------------------------------------------


def interventions_expired(before: datetime) -> QuerySet[Intervention]:
    """Steps about a person or the door; what waits for its review stays longer, though not for
    ever. What is about a message goes with its message."""
    label = "support_sessions.Intervention"
    waited_long = before + lifetime(label) - longest(label)
    return Intervention.objects.filter(
        Q(reviewed_at__isnull=False) | Q(support_session__ended_at__lt=waited_long),
        message__isnull=True,
        support_session__ended_at__lt=before,
    )
