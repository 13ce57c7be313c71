"""What stands on a person's own home: what is next, what waits for them, how they are doing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.formats import date_format

from accounts.models import Organisation, User
from accounts.rules import organisations_coordinated_by
from groups.models import Membership, SupportGroup
from groups.rules import appeals_decided_by, groups_led_by
from outcomes import own, queries, rules
from outcomes.models import SurveyInvitation
from screening.models import Application
from screening.rules import applications_decided_by
from sessions import after_rules, before_rules
from sessions.models import Attendance, FollowUp, SupportSession
from sessions.rules import (
    covers_open_to,
    sessions_led_by,
)
from supportgroups.lib.templatetags.ui import time_words

#: Groups where one meets at a place: times are the place's, and nobody enters by a link.
_AT_A_PLACE = {SupportGroup.Format.IN_PERSON}

#: The state of a task that waits for somebody else.
_WAITING = "Waiting"


@dataclass(frozen=True)
class Coming:
    """One coming session as its member or facilitator sees it."""

    support_session: SupportSession
    is_open: bool
    at_a_place: bool
    leads: bool = False
    #: What the member said about coming; None for whoever is not asked.
    answer: str | None = None

    @property
    def group(self) -> SupportGroup:
        return self.support_session.group


@dataclass(frozen=True)
class Been:
    """Sessions a person has been to: in each group how many of how many, and the latest as dots."""

    groups: Sequence[own.Attended]
    dots: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Home:
    """Everything of the page. Each part may be empty; `is_new` when all of them are."""

    next: Coming | None
    later: Sequence[Coming]
    tasks: Sequence[dict[str, Any]]
    memberships: Sequence[Membership]
    course: own.OwnCourse | None
    courses: int
    been: Been
    leading: Sequence[Coming]
    leads: bool
    applications: int
    organisations: Sequence[Organisation] = field(default_factory=list)
    #: Groups whose debriefs this person reads without leading them.
    overseen: Sequence[SupportGroup] = field(default_factory=list)

    @property
    def only_waits(self) -> bool:
        """Whether all that is open waits for somebody else."""
        return all(task["state"] == _WAITING for task in self.tasks)

    @property
    def is_staff(self) -> bool:
        return self.leads or bool(self.organisations) or bool(self.overseen)

    @property
    def decides(self) -> bool:
        """Whether applications are this person's business."""
        return self.leads or bool(self.organisations)

    @property
    def only_oversees(self) -> bool:
        """Whether overseeing groups is all that this person does for them."""
        return bool(self.overseen) and not self.decides

    @property
    def is_new(self) -> bool:
        """Whether this person has no group yet and leads none."""
        return not self.memberships and not self.is_staff


def coming(support_session: SupportSession, *, at: datetime, leads: bool = False) -> Coming:
    """A session with whether its room is open now."""
    is_open = support_session.opens_at <= at or support_session.status == SupportSession.Status.LIVE
    at_a_place = support_session.group.format in _AT_A_PLACE
    return Coming(support_session, is_open, at_a_place, leads)


def home_of(user: User, *, at: datetime, zone: ZoneInfo) -> Home:
    """Gather the home of one person at one moment, times in their zone."""
    memberships = list(
        Membership.objects.open()
        .filter(user=user)
        .select_related("group__organisation", "application")
        .annotate(
            in_good_standing=Exists(Membership.objects.filter(pk=OuterRef("pk")).in_good_standing())
        )
        .order_by("applied_at")
    )
    standing = [m.group_id for m in memberships if m.in_good_standing]
    sessions = [coming(s, at=at) for s in queries.coming_sessions(standing, at=at)[:4]]
    led = groups_led_by(user).exists()
    leading = [
        coming(s, at=at, leads=True)
        for s in sessions_led_by(user).coming(at).select_related("group")[:5]
    ]
    if sessions:
        answer = before_rules.answer_of_member(user, sessions[0].support_session)
        sessions[0] = replace(sessions[0], answer=answer)
    courses = own.courses_of(own.check_ins_of(user, zone=zone))
    organisations = list(organisations_coordinated_by(user).order_by("name"))
    decides = bool(led or organisations)
    return Home(
        next=sessions[0] if sessions else None,
        later=sessions[1:],
        tasks=_tasks(user, memberships, at=at, zone=zone),
        memberships=memberships,
        course=courses[0] if courses else None,
        courses=len(courses),
        been=_been(user, zone),
        leading=leading,
        leads=led or bool(leading),
        applications=applications_decided_by(user).waiting().count() if decides else 0,
        organisations=organisations,
        overseen=list(after_rules.groups_overseen_by(user)),
    )


def _tasks(
    user: User, memberships: Sequence[Membership], *, at: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """What waits for this person, most pressing first."""
    tasks = [_offer_task(m, zone) for m in memberships if m.status == Membership.Status.OFFERED]
    tasks += [
        _task(
            f"Read and sign the agreement of {m.group.name}",
            reverse("groups:agreement", args=[m.group.slug]),
            "Then you can come to the sessions",
            state="To do",
        )
        for m in memberships
        if m.status in Membership.HAS_A_PLACE and not m.in_good_standing  # type: ignore[attr-defined]
    ]
    tasks += [_pulse_task(s, zone) for s in after_rules.pulses_waiting_for(user, at=at)]
    invitations = queries.open_invitations_of(user, at=at)
    tasks += [_survey_task(invitation, zone) for invitation in invitations]
    tasks += [
        _task(
            f"Lead a session of {cover.support_session.group.name} instead of "
            f"{cover.facilitator.public_name}",
            reverse("sessions:cover", args=[cover.support_session_id]),
            f"{time_words(cover.support_session.starts_at, zone)}. Whoever takes over first has it",
            state="Look at it",
        )
        for cover in covers_open_to(user, at=at)
    ]
    tasks += [_debrief_task(s, zone) for s in after_rules.debriefs_missing(user, at=at)]
    today = at.astimezone(zone).date()
    tasks += [_follow_up_task(f, today) for f in after_rules.follow_ups_owned_by(user)]
    tasks += [_application_task(a, zone) for a in _unfinished_applications(user)]
    if waiting := appeals_decided_by(user).filter(decided_at__isnull=True).count():
        tasks.append(
            _task(
                "Take a second look at a removal",
                reverse("groups:appeal_list"),
                f"{waiting} {'person asks' if waiting == 1 else 'people ask'} for it",
                state="To do",
            )
        )
    if not user.display_name:
        tasks.append(
            _task(
                "Choose the name people see",
                reverse("accounts:profile"),
                "It need not be your real one",
                state="To do",
            )
        )
    return tasks


def _task(title: str, url: str, detail: str, *, state: str, state_kind: str = "") -> dict[str, Any]:
    return {
        "title": title,
        "url": url,
        "detail": detail,
        "state": state,
        "state_kind": state_kind,
    }


def _offer_task(membership: Membership, zone: ZoneInfo) -> dict[str, Any]:
    until = membership.offer_expires_at
    return _task(
        f"A place is free in {membership.group.name}",
        reverse("groups:offer", args=[membership.group.slug]),
        f"It is kept for you until {time_words(until, zone)}" if until else "",
        state="Answer it",
        state_kind="you",
    )


def _survey_task(invitation: SurveyInvitation, zone: ZoneInfo) -> dict[str, Any]:
    sheet = rules.sheet_of(invitation)
    total = len(sheet.items)
    until = time_words(invitation.closes_at, zone, "date")
    if sheet.answered:
        detail, state, kind = f"{sheet.answered} of {total} answered", "Begun", "you"
    else:
        minutes = rules.minutes_in_words(total)
        detail, state, kind = f"{total} short questions, {minutes}", "To do", ""
    return _task(
        f"Check-in: {rules.plain_name(sheet.instrument)}",
        reverse("outcomes:survey_start", args=[invitation.pk]),
        f"{detail}. Open until {until}",
        state=state,
        state_kind=kind,
    )


def _pulse_task(support_session: SupportSession, zone: ZoneInfo) -> dict[str, Any]:
    until = after_rules.pulse_closes_at(support_session)
    return _task(
        f"How was {support_session.group.name} for you?",
        reverse("sessions:pulse", args=[support_session.pk]),
        f"Two short questions. Open until {time_words(until, zone, 'date')}" if until else "",
        state="To do",
    )


def _debrief_task(support_session: SupportSession, zone: ZoneInfo) -> dict[str, Any]:
    is_begun = support_session.is_begun  # type: ignore[attr-defined]
    return _task(
        f"Write a debrief of {support_session.group.name}",
        reverse("sessions:debrief", args=[support_session.pk]),
        f"The session of {time_words(support_session.starts_at, zone, 'date')}",
        state="Begun" if is_begun else "To do",
        state_kind="you" if is_begun else "",
    )


def _follow_up_task(follow_up: FollowUp, today: date) -> dict[str, Any]:
    is_late = follow_up.due_on < today
    return _task(
        follow_up.what,
        reverse("sessions:follow_up", args=[follow_up.pk]),
        f"After a session of {follow_up.support_session.group.name}, "
        f"by {date_format(follow_up.due_on, 'l j F')}",
        state="Overdue" if is_late else "To do",
        state_kind="warn" if is_late else "",
    )


def _unfinished_applications(user: User) -> Sequence[Application]:
    """Drafts, and sent ones that wait for an answer."""
    waiting = (
        Application.Status.DRAFT,
        Application.Status.SUBMITTED,
        Application.Status.PREPARE,
        Application.Status.TALK_FIRST,
    )
    return list(
        Application.objects.filter(user=user, status__in=waiting).select_related("form__group")
    )


def _application_task(application: Application, zone: ZoneInfo) -> dict[str, Any]:
    group, url = application.group, reverse("screening:application_detail", args=[application.pk])
    if application.status == Application.Status.DRAFT:
        return _task(
            f"Finish your questions for {group.name}",
            reverse("screening:join", args=[group.slug]),
            "Your answers so far are saved",
            state="Begun",
            state_kind="you",
        )
    if application.status == Application.Status.PREPARE:
        return _task(
            f"Read something before you join {group.name}",
            url,
            "Then you come in",
            state="Read it",
            state_kind="you",
        )
    if application.status == Application.Status.TALK_FIRST:
        return _task(
            f"Talk with someone from {group.name}",
            url,
            "They would like to talk with you first",
            state="Read it",
            state_kind="you",
        )
    by = f" by {time_words(application.answer_by, zone, 'date')}" if application.answer_by else ""
    return _task(f"You asked to join {group.name}", url, f"You will hear{by}", state=_WAITING)


def _been(user: User, zone: ZoneInfo) -> Been:
    dots = [
        {
            "came": attendance.status in Attendance.CAME,
            "words": time_words(attendance.support_session.starts_at, zone, "full"),
        }
        for attendance in own.latest_sessions_of(user)
    ]
    return Been(own.attended_by(user), dots)


def part_of_day(at: datetime) -> str:
    """How to greet at this local time."""
    return "Good morning" if at.hour < 12 else "Good afternoon" if at.hour < 18 else "Good evening"
