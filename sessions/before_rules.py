"""Before a session: who may answer, prepare and take over. Asks, never writes."""

from datetime import datetime

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import Viewer
from groups.models import FacilitatorAssignment
from groups.rules import groups_staffed_by
from sessions import rules
from sessions.models import Cover, SupportSession
from supportgroups.lib.refusals import Refused

# Cover --------------------------------------------------------------------------------------------


def people_to_ask(cover: Cover, *, at: datetime) -> list[User]:
    """Everybody who could answer this request."""
    candidates = rules.may_lead(cover.support_session.group)
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
    rules.check_scheduled(support_session)
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
