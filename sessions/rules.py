"""Who may enter, speak and lead, and when. Asks, never writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.rules import Viewer
from groups.models import FacilitatorAssignment, Membership
from groups.rules import groups_staffed_by
from sessions.models import Attendance, Entry, SupportSession
from supportgroups.lib.refusals import Refused

#: Who comes later than this after the start is late; who leaves earlier than this before the end
#: left early.
LATE_AFTER = timedelta(minutes=10)
EARLY_BEFORE = timedelta(minutes=15)
#: A session nobody ended is ended by the clock this long after its planned end.
FORGOTTEN_AFTER = timedelta(minutes=60)


@dataclass(frozen=True)
class Admission:
    """What lets a person into a room: their membership, or the fact that they lead the group."""

    membership: Membership | None
    assignment: FacilitatorAssignment | None

    @property
    def leads(self) -> bool:
        return self.assignment is not None


def admitted_to(support_session: SupportSession) -> QuerySet[Membership]:
    """The members this session is for: reminders, the room and its messages all ask this."""
    return Membership.objects.filter(group=support_session.group_id).in_good_standing()


def check_may_enter(user: Viewer, support_session: SupportSession) -> Admission:
    """What lets this person into the room, now or when it opens, or `Refused`."""
    if user.is_authenticated:
        assignment = FacilitatorAssignment.objects.filter(
            user=user, group=support_session.group_id
        ).first()
        if assignment is not None and user.is_active:
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
    if membership.status in Membership.HOLDS_A_SEAT:
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


def check_has_entered(user: Viewer, support_session: SupportSession) -> Entry:
    """The entry that shows the privacy reminder was accepted, or `Refused`."""
    entry = (
        Entry.objects.filter(
            user=user, support_session=support_session, left_at__isnull=True
        ).first()
        if user.is_authenticated
        else None
    )
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
