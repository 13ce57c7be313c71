"""Who comes in late, who is new, and who sits there in person. Asks, never writes."""

import math
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from groups.models import Membership, SupportGroup
from sessions import rules
from sessions.models import Attendance, Entry, Knock, SupportSession
from supportgroups.lib.refusals import Refused

# The door -----------------------------------------------------------------------------------------


def door_closes_at(support_session: SupportSession) -> datetime | None:
    """When the door closes by the group's rule; None if it stays open, or before the start."""
    minutes = support_session.group.door_closes_after_minutes
    if minutes is None or support_session.began_at is None or support_session.door_opened_at:
        return None
    return support_session.began_at + timedelta(minutes=minutes)


def is_door_closed(support_session: SupportSession, *, at: datetime | None = None) -> bool:
    """Whether late comers have to knock: closed by hand, or by the group's rule."""
    if support_session.status != SupportSession.Status.LIVE:
        return False
    closes_at = door_closes_at(support_session)
    return support_session.door_closed_at is not None or (
        closes_at is not None and closes_at <= (at or timezone.now())
    )


def check_door(user: User, support_session: SupportSession, *, at: datetime | None = None) -> None:
    """Raise `Refused` for a late comer while the door is closed.

    It is open for those who lead, for whoever has been inside or sits there in person, and for
    whoever knocked and was let in.
    """
    if not is_door_closed(support_session, at=at) or _may_pass(user, support_session):
        return
    raise Refused(
        "door_closed",
        "The session has begun, and the door is closed so that people can talk in peace. "
        "Knock, and a facilitator can let you in.",
        next_step=("Knock", reverse("sessions:knock", args=[support_session.pk])),
    )


def _may_pass(user: User, support_session: SupportSession) -> bool:
    return (
        rules.leading(support_session).filter(pk=user.pk).exists()
        or Entry.objects.filter(support_session=support_session, user=user).exists()
        or here_in_person(support_session).filter(user=user).exists()
        or knocks_of(support_session).filter(user=user, is_let_in=True).exists()
    )


def knocks_of(support_session: SupportSession) -> QuerySet[Knock]:
    return support_session.knocks.select_related("user")


def may_be_let_in(support_session: SupportSession) -> QuerySet[Knock]:
    """Knocks of people who are still members, and have not come in."""
    inside = Entry.objects.filter(
        support_session=support_session.pk, user=OuterRef("user"), left_at__isnull=True
    )
    return knocks_of(support_session).filter(
        ~Exists(inside), user__in=rules.admitted_to(support_session).values("user")
    )


def check_answer(knock: Knock, *, is_let_in: bool) -> None:
    """Raise `Refused` for a no to somebody who was let in already."""
    if knock.is_let_in and not is_let_in:
        raise Refused("state_changed", "A colleague has let them in already.")


def knocks_shown(support_session: SupportSession) -> dict[str, Any]:
    """Who is at the door, for those who lead; whoever was told "not now" can still be let in."""
    return {"knocks": may_be_let_in(support_session).exclude(is_let_in=True)}


# Who is here --------------------------------------------------------------------------------------


def is_newcomer(user: User, support_session: SupportSession) -> bool:
    """Whether this would be a member's first session of the group."""
    return not (
        Attendance.objects.filter(
            membership__user=user,
            support_session__group=support_session.group_id,
            status__in=Attendance.CAME,
        )
        .exclude(support_session=support_session.pk)
        .exists()
    )


def newcomers_in(support_session: SupportSession) -> QuerySet[Attendance]:
    """Of those who have come to this session, whoever has been to none of the group before."""
    before = Attendance.objects.filter(
        membership__user=OuterRef("membership__user"),
        support_session__group=support_session.group_id,
        status__in=Attendance.CAME,
    ).exclude(support_session=support_session.pk)
    return (
        support_session.attendances.filter(~Exists(before), first_seen_at__isnull=False)
        .select_related("membership__user")
        .order_by("first_seen_at")
    )


def here_in_person(support_session: SupportSession) -> QuerySet[Membership]:
    """Members whom a facilitator, or their own phone, noted as here in person."""
    return rules.admitted_to(support_session).filter(
        attendances__support_session=support_session.pk,
        attendances__came_by=Attendance.CameBy.IN_PERSON,
    )


def people_shown(support_session: SupportSession) -> dict[str, Any]:
    """Every member of the group, with how they came: for those who lead."""
    came = {
        each.membership_id: each
        for each in support_session.attendances.filter(first_seen_at__isnull=False)
    }
    new = {each.membership_id for each in newcomers_in(support_session)}
    members = (
        rules.admitted_to(support_session)
        .select_related("user")
        .order_by("user__display_name", "pk")
    )
    takes_turns = support_session.floor != SupportSession.Floor.OPEN_CHAT
    return {
        "at_a_place": support_session.group.format != SupportGroup.Format.ONLINE,
        "members": [
            {"membership": each, "came": came.get(each.pk), "is_new": each.pk in new}
            for each in members
        ],
        "here_count": len(came),
        "takes_turns": takes_turns,
    }


def member_of(support_session: SupportSession, membership_id: UUID) -> Membership:
    """A member whom this session is for, or `Refused`."""
    found = rules.admitted_to(support_session).filter(pk=membership_id).first()
    if found is None:
        raise Refused("not_member", "This person is no longer a member of the group.")
    return found


# The code on a facilitator's phone ----------------------------------------------------------------

#: A code is shown this long and works once as long again: scanned late or sent on, it is refused.
CODE_SECONDS = 45
#: Whoever scanned it signed out has so long to sign in.
SCAN_HOLDS = timedelta(minutes=15)


def _code(session_id: UUID, window: int) -> str:
    return salted_hmac(
        "sessions.checkin", f"{session_id}:{window}", algorithm="sha256"
    ).hexdigest()[:24]


def checkin_code(support_session: SupportSession, *, at: datetime | None = None) -> str:
    """What the code of this moment holds. Made from the clock, so every process shows the same."""
    return _code(support_session.pk, _window(at))


def _window(at: datetime | None) -> int:
    return math.floor((at or timezone.now()).timestamp() / CODE_SECONDS)


def check_code(session_id: UUID, code: str, *, at: datetime | None = None) -> None:
    """Raise `Refused` unless this is the session's code of now, or the one just before."""
    now = _window(at)
    if not any(constant_time_compare(code, _code(session_id, w)) for w in (now, now - 1)):
        raise Refused(
            "code_expired",
            "This code has changed. Scan the one that the facilitator’s phone shows now.",
        )
