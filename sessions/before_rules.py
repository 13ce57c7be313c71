"""Before a session: who may answer, prepare and take over. Asks, never writes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import Viewer
from groups.models import FacilitatorAssignment, Membership
from groups.rules import groups_staffed_by
from sessions import rules, schedule_rules
from sessions.models import Attendance, Cover, Message, Reminder, SupportSession
from supportgroups.lib.refusals import Refused

# Answers ------------------------------------------------------------------------------------------

_answer_signer = Signer(salt="sessions.answer", sep="~")


def check_may_answer(
    user: Viewer, support_session: SupportSession, *, at: datetime | None = None
) -> Membership:
    """The membership of a person who may say whether they come, or `Refused`."""
    admission = rules.check_may_enter(user, support_session)
    if admission.membership is None:
        raise Refused("leads", "You lead this session. Ask for cover if you cannot come.")
    if support_session.status == SupportSession.Status.CANCELLED:
        raise Refused("cancelled", "This session was cancelled.")
    over = support_session.status == SupportSession.Status.ENDED
    if over or support_session.ends_at <= (at or timezone.now()):
        raise Refused("over", "The time of this session is over.")
    been = support_session.attendances.filter(
        membership=admission.membership, first_seen_at__isnull=False
    )
    if been.exists():
        raise Refused("been", "You have been in the room, so we know that you came.")
    return admission.membership


def answer_to(user: Viewer, support_session: SupportSession) -> str | None:
    """What the person has said, "" for nothing yet; None for somebody who is not asked."""
    try:
        membership = check_may_answer(user, support_session)
    except Refused:
        return None
    said = support_session.attendances.filter(membership=membership)
    return said.values_list("answer", flat=True).first() or ""


def answer_of_member(user: User, support_session: SupportSession) -> str | None:
    """`answer_to()` for a coming session and somebody known to be a member in good standing."""
    found = support_session.attendances.filter(membership__user=user)
    row = found.order_by("-membership__applied_at").values("answer", "first_seen_at").first()
    if row is None:
        return ""
    return None if row["first_seen_at"] else row["answer"]


def is_asked(reminder: Reminder) -> bool:
    """Whether the mail asks for an answer: a member's does, of a session that is still to come."""
    to_come = reminder.support_session.status == SupportSession.Status.SCHEDULED
    members = rules.admitted_to(reminder.support_session).filter(user=reminder.user_id)
    return to_come and members.exists()


def answer_token(reminder: Reminder) -> str:
    """What lets whoever has this mail answer for its person and session, and nothing else.

    It holds the reminder's key and neither person nor session, so it tells nothing. Reminders of
    a time that was moved are deleted, and their links end with them.
    """
    return _answer_signer.sign(reminder.pk.hex)


def reminder_with(token: str, *, at: datetime | None = None) -> Reminder | None:
    """The reminder that this secret came with, as long as its person may answer; else None,
    whatever the reason, so that the link never tells one."""
    try:
        pk = UUID(_answer_signer.unsign(token))
    except (BadSignature, ValueError):
        return None
    reminder = (
        Reminder.objects.filter(pk=pk, user__is_active=True)
        .exclude(
            ~Q(calendar_sequence=F("support_session__calendar_sequence")), kind__in=Reminder.NEWS
        )
        .select_related("user", "support_session__group")
        .first()
    )
    if reminder is None:
        return None
    try:
        check_may_answer(reminder.user, reminder.support_session, at=at)
    except Refused:
        return None
    return reminder


# Preparation --------------------------------------------------------------------------------------

#: How many sessions before this one the page looks at.
LOOKS_BACK = 3


@dataclass(frozen=True)
class Expected:
    """One member as whoever prepares a session sees them."""

    name: str
    #: What they said, or "".
    answer: str
    #: Whether this would be their first session of the group.
    is_new: bool
    #: How many sessions in a row they missed until now, excused ones not counted.
    missed: int
    #: Whether they came to the last two or three and wrote nothing, while others wrote.
    is_quiet: bool


def check_may_prepare(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person leads or coordinates the session."""
    admission = rules.check_may_see(user, support_session)
    if not admission.is_staff:
        raise Refused("not_facilitator", "Only facilitators and coordinators prepare a session.")


def expected_people(support_session: SupportSession) -> list[Expected]:
    """The members a session is for: who is new first, then by name.

    Quiet counts messages that are still kept; meeting at a place leaves none, and so nobody quiet.
    """
    members = list(rules.admitted_to(support_session).select_related("user"))
    answers = dict(support_session.attendances.values_list("membership", "answer"))
    before = list(
        SupportSession.objects.held()
        .filter(group=support_session.group_id, starts_at__lt=support_session.starts_at)
        .order_by("-starts_at")
        .values_list("pk", flat=True)[:LOOKS_BACK]
    )
    statuses: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    for member_id, session_id, status in Attendance.objects.filter(
        support_session__in=before
    ).values_list("membership", "support_session", "status"):
        statuses[member_id][session_id] = status
    wrote = set(
        Message.objects.by_name()
        .filter(support_session__in=before)
        .values_list("support_session", "sender")
    )
    talked = {session_id for session_id, _ in wrote}
    been = set(
        Attendance.objects.filter(
            membership__group=support_session.group_id, status__in=Attendance.CAME
        ).values_list("membership__user", flat=True)
    )
    people = []
    for member in members:
        was = [statuses[member.pk].get(session_id) for session_id in before]
        came = [
            session_id
            for session_id, status in zip(before, was, strict=True)
            if status in Attendance.CAME and session_id in talked
        ]
        people.append(
            Expected(
                name=member.user.public_name,
                answer=answers.get(member.pk, ""),
                is_new=member.user_id not in been,
                missed=_missed_in_a_row(was),
                is_quiet=len(came) > 1
                and not any((session_id, member.user_id) in wrote for session_id in came),
            )
        )
    return sorted(people, key=lambda person: (not person.is_new, person.name.casefold()))


def _missed_in_a_row(newest_first: Iterable[str | None]) -> int:
    missed = 0
    for status in newest_first:
        if status == Attendance.Status.NO_SHOW:
            missed += 1
        elif status != Attendance.Status.EXCUSED:
            break
    return missed


# Cover --------------------------------------------------------------------------------------------


def people_to_ask(cover: Cover, *, at: datetime) -> list[User]:
    """Everybody who could answer this request."""
    candidates = schedule_rules.may_lead(cover.support_session.group)
    return [
        user
        for user in candidates
        if rules.covers_open_to(user, at=at).filter(pk=cover.pk).exists()
    ]


def check_may_ask_cover(user: User, support_session: SupportSession, *, at: datetime) -> None:
    """Raise `Refused` unless this is a facilitator of the group who still leads this session."""
    check_can_change_hands(support_session, at=at)
    assigned = FacilitatorAssignment.objects.filter(user=user, group=support_session.group_id)
    if not assigned.exists():
        raise Refused("not_facilitator", "Only this group's facilitators can ask for cover.")
    asked = covers_of(support_session).filter(facilitator=user).first()
    if asked is not None and asked.is_taken:
        raise Refused("covered", "Somebody leads this session in your place already.")
    if asked is not None:
        raise Refused("asked", "You have asked already. People have been told.")


def why_not_ask_cover(user: User, support_session: SupportSession) -> Refused | None:
    """The no of `check_may_ask_cover`, for pages that offer it or not."""
    try:
        check_may_ask_cover(user, support_session, at=timezone.now())
    except Refused as no:
        return no
    return None


def check_can_change_hands(support_session: SupportSession, *, at: datetime) -> None:
    """Raise `Refused` unless the session is still to come."""
    schedule_rules.check_scheduled(support_session)
    if support_session.ends_at <= at:
        raise Refused("over", "The time of this session is over.")


def check_may_take_over(user: User, cover: Cover, *, at: datetime) -> None:
    """Raise `Refused` unless this person can lead the session in the other's place."""
    check_can_change_hands(cover.support_session, at=at)
    if cover.is_taken:
        raise Refused("taken", "Somebody has taken over already. Thank you for looking.")
    if cover.withdrawn_at is not None:
        raise Refused("withdrawn", "Cover is not needed any more. Thank you for looking.")
    if not rules.covers_open_to(user, at=at).filter(pk=cover.pk).exists():
        raise Refused(
            "not_eligible",
            "You cannot take over: you lead something else at that time, or belong to this group.",
        )


def check_may_withdraw(user: User, cover: Cover, *, at: datetime) -> None:
    """Raise `Refused` unless this person asked for it and nobody has taken over."""
    check_can_change_hands(cover.support_session, at=at)
    if cover.facilitator_id != user.pk:
        raise Refused("not_yours", "Only whoever asked for cover can take it back.")
    if cover.is_taken:
        raise Refused("taken", "Somebody has taken over already. Talk to them first.")
    if cover.withdrawn_at is not None:
        raise Refused("withdrawn", "This request was taken back already.")


def check_may_give_back(user: User, cover: Cover, *, at: datetime) -> None:
    """Raise `Refused` unless this person took over."""
    check_can_change_hands(cover.support_session, at=at)
    if not cover.is_taken or cover.taken_by_id != user.pk:
        raise Refused("not_yours", "Only whoever took over can give it back.")


def covers_ever(support_session: SupportSession) -> QuerySet[Cover]:
    """All requests for cover of a session, the oldest first."""
    found = Cover.objects.filter(support_session=support_session)
    return found.select_related("facilitator", "taken_by", "support_session__group").order_by(
        "asked_at", "pk"
    )


def covers_of(support_session: SupportSession) -> QuerySet[Cover]:
    """Those that stand."""
    return covers_ever(support_session).filter(withdrawn_at__isnull=True)


def times_asked(support_session: SupportSession) -> int:
    """How often cover was asked for this session, each return of it included."""
    found = Cover.objects.filter(support_session=support_session).aggregate(
        n=Count("pk") + Coalesce(Sum("given_back"), 0)
    )
    return int(found["n"])


def times_answered(support_session: SupportSession) -> int:
    """How often who leads this session has changed: taken over, given back."""
    found = Cover.objects.filter(support_session=support_session).aggregate(
        n=2 * Coalesce(Sum("given_back"), 0) + Count("taken_at")
    )
    return int(found["n"])


def sessions_with_covers_for(
    user: Viewer, *, at: datetime | None = None
) -> QuerySet[SupportSession]:
    """Sessions whose change of hands this person may know of: visible ones, and those where they
    are asked to take over."""
    asked = rules.covers_open_to(user, at=at).order_by().values("support_session")
    visible = rules.sessions_visible_to(user).order_by().values("pk")
    return SupportSession.objects.filter(Q(pk__in=visible) | Q(pk__in=asked)).select_related(
        "group__organisation"
    )


def check_may_see_covers(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` for members: who leads instead of whom is for those who lead."""
    staffed = groups_staffed_by(user).filter(pk=support_session.group_id)
    leads = rules.leading(support_session).filter(pk=user.pk)
    asked = rules.covers_open_to(user).filter(support_session=support_session)
    if not (staffed.exists() or leads.exists() or asked.exists()):
        raise Refused("not_facilitator", "Only facilitators and coordinators can look at this.")


def uncovered(organisation: Organisation, *, at: datetime) -> QuerySet[Cover]:
    """Requests of an organisation that nobody has answered, the soonest session's first."""
    return (
        Cover.objects.open()
        .filter(
            support_session__group__organisation=organisation,
            support_session__status=SupportSession.Status.SCHEDULED,
            support_session__ends_at__gt=at,
        )
        .select_related("facilitator", "support_session__group")
        .annotate(starts_at=F("support_session__starts_at"))
        .order_by("starts_at", "pk")
    )
