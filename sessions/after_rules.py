"""After a session: who is asked, who came, who reads what, and until when. Asks, never writes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import (
    Avg,
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Least
from django.utils import timezone

from accounts.consents import COUNT_MY_ANSWERS, who_said_no
from accounts.models import User
from accounts.rules import Viewer
from groups.models import SupportGroup
from groups.rules import groups_led_by
from sessions import rules
from sessions.models import (
    Attendance,
    Debrief,
    Entry,
    FollowUp,
    Intervention,
    LineMessage,
    Message,
    Pulse,
    Report,
    SupportSession,
)
from supportgroups.lib.lifetimes import lifetime, longest
from supportgroups.lib.refusals import Refused

#: The two questions can be answered, and changed, for this long.
PULSE_OPEN_FOR = timedelta(days=3)
#: Answers from here down say that somebody did not feel safe.
NOT_SAFE = Pulse.Safe.HARDLY
#: Facilitators are asked for a debrief for this long.
DEBRIEF_ASKED_FOR = timedelta(days=7)
#: How long what people said about a session is kept.
PULSES_KEPT = lifetime("support_sessions.Pulse")

Status = SupportSession.Status


def check_has_ended(support_session: SupportSession) -> None:
    """Raise `Refused` unless the session took place and is over."""
    if support_session.status != Status.ENDED:
        raise Refused("not_ended", "This is for after the session.")


def present_at(support_session: SupportSession) -> QuerySet[User]:
    """Who was there: members who came, and those who lead and were in the room."""
    came = support_session.attendances.filter(status__in=Attendance.CAME)
    leaders = Entry.objects.filter(
        support_session=support_session, user__in=rules.leading(support_session)
    )
    return User.objects.filter(
        Q(pk__in=came.values("membership__user")) | Q(pk__in=leaders.values("user"))
    )


def check_was_there(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` for a person who was not in the session."""
    if not present_at(support_session).filter(pk=user.pk).exists():
        raise Refused("not_there", "This person was not in the session.")


# The pulse ----------------------------------------------------------------------------------------


def pulse_closes_at(support_session: SupportSession) -> datetime | None:
    """Until when its two questions can be answered; None while it has not ended."""
    ended_at = support_session.ended_at
    return ended_at + PULSE_OPEN_FOR if ended_at else None


def pulses_open_to(user: Viewer, *, at: datetime | None = None) -> QuerySet[SupportSession]:
    """The sessions that this person came to and whose questions are open, newest first.

    Whoever has left the group since is asked too: not having felt safe may be why.
    """
    if not user.is_authenticated:
        return SupportSession.objects.none()
    came = Attendance.objects.filter(membership__user=user, status__in=Attendance.CAME)
    return (
        SupportSession.objects.held()
        .filter(
            ended_at__gt=(at or timezone.now()) - PULSE_OPEN_FOR,
            pk__in=came.values("support_session"),
        )
        .select_related("group__organisation")
        .order_by("-ended_at")
    )


def pulses_waiting_for(user: User, *, at: datetime | None = None) -> QuerySet[SupportSession]:
    """The sessions whose questions this person has not answered."""
    answered = Pulse.objects.filter(user=user, support_session=OuterRef("pk"))
    return pulses_open_to(user, at=at).filter(~Exists(answered))


def check_may_answer_pulse(
    user: Viewer, support_session: SupportSession, *, at: datetime | None = None
) -> None:
    """Raise `Refused` unless this person was there and the questions are open."""
    if pulses_open_to(user, at=at).filter(pk=support_session.pk).exists():
        return
    check_has_ended(support_session)
    home = ("Go to your home", "/home/")
    came = support_session.attendances.filter(membership__user=user.pk, status__in=Attendance.CAME)
    if not came.exists():
        raise Refused("not_there", "Only people who came are asked this.", next_step=home)
    raise Refused(
        "closed", "These questions have closed. Nothing is wrong with that.", next_step=home
    )


def pulse_of(user: Viewer, support_session: SupportSession) -> Pulse | None:
    """A person's own answers."""
    return Pulse.objects.filter(user=user.pk, support_session=support_session.pk).first()


def said_not_safe(pulse: Pulse | None) -> bool:
    """Whether the answers say that the person did not feel safe."""
    return pulse is not None and pulse.felt_safe is not None and pulse.felt_safe <= NOT_SAFE


@dataclass(frozen=True)
class PulseOfSession:
    """What those who lead and coordinate see of a session's answers. None is not shown."""

    #: Nothing shows before: else one could watch whose answer changed the mean.
    shown_from: datetime
    is_shown: bool
    #: The fewest answers of which a mean shows.
    fewest: int
    heard: float | None = None
    heard_by: int | None = None
    safe: float | None = None
    safe_by: int | None = None


def pulse_shown_of(
    support_session: SupportSession, *, at: datetime | None = None
) -> PulseOfSession | None:
    """Means of a session's answers, once nobody can answer any more; None before it has ended."""
    shown_from = pulse_closes_at(support_session)
    if shown_from is None or support_session.status != Status.ENDED:
        return None
    fewest = support_session.group.organisation.smallest_cell
    if (at or timezone.now()) < shown_from:
        return PulseOfSession(shown_from, is_shown=False, fewest=fewest)
    organisation = support_session.group.organisation
    counted = support_session.pulses.exclude(
        user__in=who_said_no(COUNT_MY_ANSWERS.code, organisation)
    )
    found = counted.aggregate(
        heard=Avg("felt_heard"),
        heard_by=Count("felt_heard"),
        safe=Avg("felt_safe"),
        safe_by=Count("felt_safe"),
    )
    shown = {
        name: found[name]
        for question in ("heard", "safe")
        for name in (question, f"{question}_by")
        if found[f"{question}_by"] >= fewest
    }
    return PulseOfSession(shown_from, is_shown=True, fewest=fewest, **shown)


# Who came -----------------------------------------------------------------------------------------

#: What those who lead can say about somebody afterwards.
CORRECTIONS = [
    (status.value, status.label)
    for status in (
        Attendance.Status.ATTENDED,
        Attendance.Status.LATE,
        Attendance.Status.LEFT_EARLY,
        Attendance.Status.EXCUSED,
        Attendance.Status.NO_SHOW,
    )
]


def attendances_to_correct(support_session: SupportSession) -> QuerySet[Attendance]:
    """Everybody the session was for, by name."""
    return (
        support_session.attendances.exclude(status=Attendance.Status.EXPECTED)
        .select_related("membership__user", "corrected_by")
        .order_by("membership__user__display_name", "pk")
    )


def check_may_correct(user: Viewer, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person leads or coordinates a session that has ended."""
    admission = rules.check_may_see(user, support_session)
    if not admission.is_staff:
        raise Refused("not_staff", "Only those who lead or coordinate the group can do this.")
    check_has_ended(support_session)


# The debrief --------------------------------------------------------------------------------------


def check_may_debrief(user: Viewer, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person leads the session, and it has ended."""
    rules.check_may_lead(user, support_session)
    check_has_ended(support_session)


def check_same_window(debrief: Debrief, *, revision: int, window: UUID | None) -> None:
    """Raise `Refused` when another window saved it since this one showed `revision`."""
    if debrief.revision != revision and (window is None or debrief.saved_from != window):
        raise Refused(
            "saved_elsewhere",
            "You saved this in another window meanwhile. Both are below: keep what you need.",
        )


def check_says_something(how_it_went: str, concerns: str) -> None:
    """Raise `Refused` for a debrief without a word."""
    if not how_it_went and not concerns:
        raise Refused("empty", "Write a sentence first. A draft may stay empty.")


def groups_debriefed_to(user: Viewer) -> QuerySet[SupportGroup]:
    """The groups whose debriefs this person reads: those they lead, and those they oversee."""
    if not user.is_authenticated:
        return SupportGroup.objects.none()
    return SupportGroup.objects.filter(
        Q(pk__in=groups_led_by(user).values("pk")) | Q(overseer=user.pk)
    )


def groups_overseen_by(user: User) -> QuerySet[SupportGroup]:
    """The groups this person oversees without leading them, by name."""
    return (
        groups_debriefed_to(user)
        .exclude(pk__in=groups_led_by(user).values("pk"))
        .exclude(lifecycle=SupportGroup.Lifecycle.DRAFT)
        .order_by("name")
    )


def debriefs_read_by(user: Viewer) -> QuerySet[Debrief]:
    """Finished debriefs of those groups, newest session first. Drafts are their author's alone."""
    return (
        Debrief.objects.filter(
            written_at__isnull=False, support_session__group__in=groups_debriefed_to(user)
        )
        .select_related("author", "support_session__group")
        .order_by("-support_session__starts_at", "written_at")
    )


def written_about(support_session: SupportSession) -> QuerySet[Debrief]:
    """What those who lead it have finished about one session."""
    return (
        support_session.debriefs.filter(written_at__isnull=False)
        .select_related("author")
        .order_by("written_at")
    )


def debriefs_missing(user: User, *, at: datetime | None = None) -> QuerySet[SupportSession]:
    """Sessions that this person led lately and nobody has written about, newest first."""
    written = Debrief.objects.filter(support_session=OuterRef("pk"), written_at__isnull=False)
    draft = Debrief.objects.filter(support_session=OuterRef("pk"), author=user)
    return (
        rules.sessions_led_by(user)
        .held()
        .filter(
            ~Exists(written),
            ended_at__gt=(at or timezone.now()) - DEBRIEF_ASKED_FOR,
        )
        .annotate(is_begun=Exists(draft))
        .select_related("group")
        .order_by("-ended_at")
    )


def may_own_follow_up(support_session: SupportSession) -> QuerySet[User]:
    """Who can take something on: those who lead the session, and the group's overseer."""
    return User.objects.filter(
        Q(pk__in=rules.leading(support_session)) | Q(pk=support_session.group.overseer_id),
        is_active=True,
    ).order_by("display_name", "joined_at")


def follow_ups_seen_by(user: Viewer) -> QuerySet[FollowUp]:
    """What is to be done in the groups one leads or oversees, and what one does oneself."""
    if not user.is_authenticated:
        return FollowUp.objects.none()
    return FollowUp.objects.filter(
        Q(support_session__group__in=groups_debriefed_to(user))
        | Q(support_session__in=rules.taken_by(user))
        | Q(owner=user.pk)
    ).select_related("owner", "support_session__group")


def follow_ups_owned_by(user: User) -> QuerySet[FollowUp]:
    """What this person still has to do, the soonest first."""
    return follow_ups_seen_by(user).filter(owner=user, done_at__isnull=True)


def open_follow_ups_of(group: SupportGroup, *, seen_by: Viewer) -> QuerySet[FollowUp]:
    """What is still to be done in a group, as far as it is this person's to know."""
    return follow_ups_seen_by(seen_by).filter(support_session__group=group.pk, done_at__isnull=True)


def check_may_settle(user: Viewer, follow_up: FollowUp) -> None:
    """Raise `Refused` unless this person does it, or leads or oversees the group."""
    if not follow_ups_seen_by(user).filter(pk=follow_up.pk).exists():
        raise Refused("not_yours", "Only those who lead the group, or do this, can change it.")


def check_may_own(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` unless this person can take something on after the session."""
    if not may_own_follow_up(support_session).filter(pk=user.pk).exists():
        raise Refused("not_owner", "Choose somebody who leads or oversees the group.")


def check_due_on(due_on: date, *, at: datetime) -> None:
    """Raise `Refused` for a day that is more likely a slip of the hand."""
    if due_on > at.date() + timedelta(days=366):
        raise Refused("far", "This is far away. Choose a day within a year.")


# The conversation ---------------------------------------------------------------------------------


def messages_expire_at(support_session: SupportSession) -> datetime | None:
    """When its messages are deleted: as promised at its end, or sooner when the group says so now.

    None while it has not ended.
    """
    if support_session.ended_at is None:
        return None
    as_now = support_session.ended_at + timedelta(days=support_session.group.keeps_messages_days)
    return min(support_session.messages_expire_at or as_now, as_now)


def messages_are_gone(support_session: SupportSession, *, at: datetime | None = None) -> bool:
    """Whether the time of its messages is over."""
    until = messages_expire_at(support_session)
    return until is not None and until <= (at or timezone.now())


def messages_under_review(*, at: datetime | None = None) -> QuerySet[Message]:
    """Messages that somebody reported, or staff acted on, and nobody has judged yet."""
    reported = Report.objects.filter(handled_at__isnull=True)
    acted_on = Intervention.objects.to_review().filter(message__isnull=False)
    return Message.objects.filter(
        Q(pk__in=reported.values("message")) | Q(pk__in=acted_on.values("message")),
        support_session__ended_at__gte=(at or timezone.now()) - longest("support_sessions.Message"),
    )


def check_may_read_again(
    user: Viewer, support_session: SupportSession, *, at: datetime | None = None
) -> rules.Admission:
    """What lets this person read the conversation after the end, or `Refused`.

    Facilitators, and members in good standing who were there; until the messages expire.
    """
    admission = rules.check_may_enter(user, support_session)
    check_has_ended(support_session)
    if not _was_there(admission, support_session):
        raise Refused("not_there", "Only people who came can read what was said.")
    if messages_are_gone(support_session, at=at):
        raise Refused("expired", "The messages of this session have been deleted.")
    return admission


def _was_there(admission: rules.Admission, support_session: SupportSession) -> bool:
    """Whether an admitted person leads the session, or came to it."""
    if admission.membership is None:
        return admission.leads
    came = admission.membership.attendances.filter(status__in=Attendance.CAME)
    return came.filter(support_session=support_session.pk).exists()


def may_read_again(admission: rules.Admission, support_session: SupportSession) -> bool:
    """Whether a page about a session that has ended should lead to its conversation."""
    return (
        support_session.message_count > 0
        and not messages_are_gone(support_session)
        and _was_there(admission, support_session)
    )


def _sessions_forgotten(at: datetime) -> QuerySet[SupportSession]:
    """Sessions whose messages have stayed as long as their group says."""
    days = ExpressionWrapper(
        F("group__keeps_messages_days") * timedelta(days=1),
        output_field=DurationField(),
    )
    # A session that ended before the promise was written down has none: LEAST leaves NULL out.
    until = Least(
        "messages_expire_at",
        ExpressionWrapper(F("ended_at") + days, output_field=DateTimeField()),
    )
    ended = SupportSession.objects.filter(status=Status.ENDED)
    return ended.alias(expires_at=until).filter(expires_at__lt=at)


def messages_expired(at: datetime) -> QuerySet[Message]:
    """Messages that nobody has to look at any more."""
    return Message.objects.filter(support_session__in=_sessions_forgotten(at)).exclude(
        pk__in=messages_under_review(at=at).values("pk")
    )


def line_messages_expired(at: datetime) -> QuerySet[LineMessage]:
    """What those who led told each other goes with what was said in the room."""
    return LineMessage.objects.filter(support_session__in=_sessions_forgotten(at))
