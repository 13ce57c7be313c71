"""Who may see, join, sign and lead. Asks, never writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import cast
from uuid import UUID

from django.core import signing
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from accounts.models import StaffRole, User
from accounts.rules import Viewer
from groups.models import (
    Appeal,
    CompanionInvitation,
    FacilitatorAssignment,
    Membership,
    Notice,
    Signature,
    SupportGroup,
    SupportGroupQuerySet,
)
from supportgroups.lib.refusals import Refused

#: Sessions of one course are never further apart than this.
LONGEST_PAUSE = timedelta(days=35)


def group_address(group: SupportGroup) -> str:
    """The group's page, where most refusals lead on to."""
    return reverse("groups:group_detail", args=[group.slug])


def groups_visible_to(user: Viewer) -> SupportGroupQuerySet:
    """Listed groups, and the ones a person belongs to, leads or coordinates. Others are 404."""
    visible = Q(lifecycle=SupportGroup.Lifecycle.LISTED)
    if user.is_authenticated:
        visible |= Q(pk__in=groups_staffed_by(user).values("pk"))
        visible |= Q(pk__in=Membership.objects.open().filter(user=user).values("group"))
    return SupportGroup.objects.filter(visible)


def groups_led_by(user: Viewer) -> QuerySet[SupportGroup]:
    """The groups this person leads."""
    if not user.is_authenticated:
        return SupportGroup.objects.none()
    return SupportGroup.objects.filter(
        pk__in=FacilitatorAssignment.objects.filter(user=user).values("group")
    )


def groups_staffed_by(user: Viewer) -> SupportGroupQuerySet:
    """The groups whose applications this person decides on: as facilitator or coordinator."""
    if not user.is_authenticated:
        return SupportGroup.objects.none()
    coordinated = StaffRole.objects.coordinators().filter(user=user).values("organisation")
    led = FacilitatorAssignment.objects.filter(user=user).values("group")
    return SupportGroup.objects.filter(Q(organisation__in=coordinated) | Q(pk__in=led))


def check_may_lead(user: Viewer, group: SupportGroup) -> FacilitatorAssignment:
    """The assignment that lets this person lead the group's sessions, or `Refused`."""
    assignment = None
    if user.is_authenticated:
        assignment = FacilitatorAssignment.objects.filter(user=user, group=group).first()
    if assignment is None:
        raise Refused("not_facilitator", "Only this group's facilitators can do this.")
    return assignment


def check_may_staff(user: Viewer, group: SupportGroup) -> SupportGroup:
    """The group, if this person decides on its applications, else `Refused`."""
    staffed = groups_staffed_by(user).filter(pk=group.pk).first()
    if staffed is None:
        raise Refused("not_staff", "Only this group's facilitators and coordinators can do this.")
    return staffed


def coordinates_or_leads_first(user: Viewer, group: SupportGroup) -> bool:
    """Whether this person coordinates the group, or leads it and not as the second."""
    if not user.is_authenticated:
        return False
    leads = FacilitatorAssignment.objects.filter(user=user, group=group, is_lead=True)
    coordinates = StaffRole.objects.coordinators().filter(
        user=user, organisation=group.organisation_id
    )
    return leads.exists() or coordinates.exists()


def why_takes_nobody(group: SupportGroup, *, at: datetime | None = None) -> Refused | None:
    """Why nobody new comes in at this moment, whoever they are; None while the group is open."""
    if group.lifecycle != SupportGroup.Lifecycle.LISTED:
        return Refused("not_listed", "This group is not taking new people at the moment.")
    if course_began(group, at=at):
        return Refused(
            "course_began",
            "This course has begun, and the same people go on to its end.",
            next_step=("See groups like this", group_address(group) + "#others-title"),
        )
    return None


def course_began(group: SupportGroup, *, at: datetime | None = None) -> bool:
    """Whether the group is closed, and the first session of its present run has begun."""
    if group.attendance != SupportGroup.Attendance.CLOSED:
        return False
    at = at or timezone.now()
    planned = group.support_sessions.exclude(status="cancelled")
    begun = planned.filter(starts_at__lte=at)
    series = group.current_series()
    if series is None or begun.filter(series=series).exists():
        return begun.exists()
    # A rhythm that changed in the middle of a course: the new one goes on with it.
    latest = begun.order_by("-starts_at").first()
    coming = planned.filter(starts_at__gt=at).order_by("starts_at").first()
    if latest is None or coming is None or coming.starts_at - latest.starts_at > LONGEST_PAUSE:
        return False
    if group.course_sessions is None:
        return True
    return begun.filter(series=latest.series_id).count() < group.course_sessions


def check_may_join(user: Viewer, group: SupportGroup, *, at: datetime | None = None) -> None:
    """Raise `Refused` when applying would make no sense. A full group has a waiting list."""
    if refused := why_takes_nobody(group, at=at):
        raise refused
    if not user.is_authenticated:
        return
    if FacilitatorAssignment.objects.filter(user=user, group=group).exists():
        raise Refused("leads_group", "You lead this group, so you cannot join it as a member.")
    if Membership.objects.open().filter(user=user, group=group).exists():
        raise Refused("already_open", "You have asked to join this group already.")


def check_may_sign(user: Viewer, group: SupportGroup) -> Membership:
    """The membership that the group's agreement waits for, or was signed with; else `Refused`."""
    back = ("Back to the group", group_address(group))
    membership = None
    if user.is_authenticated:
        membership = (
            Membership.objects.filter(user=user, group=group, status__in=Membership.HAS_A_PLACE)
            .select_related("user", "group")
            .first()
        )
    if membership is None:
        raise Refused(
            "no_place", "You can sign once you have a place in the group.", next_step=back
        )
    if not group.agreements.exists():
        raise Refused("no_agreement", "This group’s agreement is not ready yet.", next_step=back)
    return membership


def check_may_leave(user: Viewer, group: SupportGroup) -> Membership:
    """The membership, or the place on the waiting list, that this person can give up."""
    membership = None
    if user.is_authenticated:
        membership = Membership.objects.open().filter(user=user, group=group).first()
    if membership is None:
        raise Refused(
            "not_member",
            "You do not belong to this group, so there is nothing to leave.",
            next_step=("Back to the group", group_address(group)),
        )
    return membership


@dataclass(frozen=True)
class Standing:
    """What somebody can do next with a group, and the membership that it comes from.

    `step` is join, continue (an unfinished application), applied, waiting, offered, sign, member,
    leads, or closed.
    """

    step: str
    membership: Membership | None = None


def standing(user: Viewer, group: SupportGroup) -> Standing:
    """Where this person stands with the group."""
    listed = group.lifecycle == SupportGroup.Lifecycle.LISTED
    if not user.is_authenticated:
        return Standing("join" if listed else "closed")
    if FacilitatorAssignment.objects.filter(user=user, group=group).exists():
        return Standing("leads")
    membership = Membership.objects.open().filter(user=user, group=group).first()
    if membership is None:
        if not listed:
            return Standing("closed")
        begun = user.applications.filter(form__group=group, status="draft").exists()
        return Standing("continue" if begun else "join")
    if membership.status == Membership.Status.APPLIED:
        return Standing("applied", membership)
    if membership.status == Membership.Status.WAITLISTED:
        return Standing("waiting", membership)
    if membership.status == Membership.Status.OFFERED:
        return Standing("offered", membership)
    signed = Membership.objects.in_good_standing().filter(pk=membership.pk).exists()
    return Standing("member" if signed else "sign", membership)


def expected_wait(group: SupportGroup) -> timedelta | None:
    """How long the last people on the waiting list waited, if three or more did."""
    waits = list(
        group.memberships.filter(waitlisted_at__isnull=False, accepted_at__isnull=False)
        .order_by("-accepted_at")
        .annotate(wait=F("accepted_at") - F("waitlisted_at"))
        .values_list("wait", flat=True)[:9]
    )
    return median(waits) if len(waits) >= 3 else None


def alternatives_to(group: SupportGroup) -> QuerySet[SupportGroup]:
    """Listed groups on the same topics with a place for somebody new, soonest session first."""
    return (
        SupportGroup.objects.listed()
        .filter(pk__in=SupportGroup.objects.filter(topics__in=group.topics.all()).values("pk"))
        .exclude(pk=group.pk)
        .with_seats_taken()
        .with_people_waiting()
        .with_next_session()
        .filter(capacity__gt=F("seats_taken") + F("people_waiting"))
        .order_by(F("next_starts_at").asc(nulls_last=True), "name")
    )


def check_move(membership: Membership, status: str) -> None:
    """Raise `Refused` unless the table of moves allows this change of state."""
    if status not in Membership.MOVES[Membership.Status(membership.status)]:
        raise _decided(membership)


def _decided(membership: Membership) -> Refused:
    return Refused(
        "state_changed", f"This was decided already: {membership.get_status_display().lower()}."
    )


def seats_left(group: SupportGroup) -> int:
    """Places nobody holds. Race-free only while the group's row is locked."""
    taken = group.memberships.filter(status__in=Membership.HOLDS_A_SEAT).count()
    return max(0, group.capacity - taken)


def seat_counts(group: SupportGroup) -> dict[str, int]:
    """How many places are taken, how many of these are only offered, and how many people wait."""
    numbers = dict(group.memberships.open().order_by().values_list("status").annotate(Count("pk")))
    return {
        "taken": sum(numbers.get(status, 0) for status in Membership.HOLDS_A_SEAT),
        "offered": numbers.get(Membership.Status.OFFERED, 0),
        "waiting": waiting_line(group).count(),
    }


def seats_for_somebody_new(group: SupportGroup) -> int:
    """Places left when everybody on the waiting list has got one. Race-free as `seats_left`."""
    return max(0, seats_left(group) - waiting_line(group).count())


# The waiting list ---------------------------------------------------------------------------------

#: How long an offered place is kept for somebody.
OFFER_HOLDS = timedelta(hours=24)
#: Who let this many offers in a row run out is taken off the list, and may come back.
MOST_OFFERS_MISSED = 2
#: Who said "not now" is not asked again within this time; others are.
NOT_NOW_HOLDS = timedelta(days=7)


def waiting_line(group: SupportGroup) -> QuerySet[Membership]:
    """Everybody on the waiting list whose account is open, who waits longest first."""
    waiting = group.memberships.filter(status=Membership.Status.WAITLISTED, user__is_active=True)
    return waiting.order_by("waitlisted_at", "applied_at", "pk")


def groups_belonged_to(user: Viewer) -> SupportGroupQuerySet:
    """The groups that this person has or had to do with as a member. Others are 404."""
    if not user.is_authenticated:
        return SupportGroup.objects.none()
    return SupportGroup.objects.filter(
        pk__in=Membership.objects.filter(user=user).values("group")
    ).select_related("organisation")


def latest_membership(user: Viewer, group: SupportGroup) -> Membership:
    """The newest episode of one of the `groups_belonged_to()`."""
    return (
        Membership.objects.filter(user=user.pk, group=group)
        .select_related("user", "group__organisation")
        .latest("applied_at", "pk")
    )


def next_in_line(group: SupportGroup, *, at: datetime | None = None) -> QuerySet[Membership]:
    """Who is offered free places, in order: not those who said "not now" within a week."""
    return waiting_line(group).filter(_may_be_asked(at or timezone.now()))


def _may_be_asked(at: datetime) -> Q:
    """Never asked, missed the last offer, or said "not now" long enough ago; and can sign in."""
    return Q(user__is_active=True) & (
        Q(offered_at__isnull=True)
        | Q(offers_missed__gt=0)
        | Q(waitlisted_at__lte=at - NOT_NOW_HOLDS)
    )


def places_in_line(group: SupportGroup) -> dict[UUID, int]:
    """Membership -> its place on the waiting list, 1 for whoever waits longest."""
    line = waiting_line(group).values_list("pk", flat=True)
    return {pk: place for place, pk in enumerate(line, start=1)}


def place_in_line(membership: Membership) -> int | None:
    """1 for whoever waits longest, None for somebody who does not wait."""
    return places_in_line(membership.group).get(membership.pk)


def offer_holds(membership: Membership, *, at: datetime | None = None) -> bool:
    """Whether a place is kept for this person at this moment."""
    until = membership.offer_expires_at
    is_offered = membership.status == Membership.Status.OFFERED
    return is_offered and until is not None and until > (at or timezone.now())


def offer_expires_at(group: SupportGroup, at: datetime) -> datetime:
    """Until when an offer made now holds: a course's offers end when it begins."""
    expires_at = at + OFFER_HOLDS
    if group.attendance != SupportGroup.Attendance.CLOSED:
        return expires_at
    coming = group.support_sessions.exclude(status="cancelled").filter(starts_at__gt=at)
    begins = coming.order_by("starts_at").first()
    return min(expires_at, begins.starts_at) if begins else expires_at


def expired_offers(*, at: datetime | None = None) -> QuerySet[Membership]:
    """Offers that ran out and still hold a place."""
    return Membership.objects.filter(
        status=Membership.Status.OFFERED, offer_expires_at__lte=at or timezone.now()
    )


def check_asks(membership: Membership) -> None:
    """Raise `Refused` unless the membership still waits for a first answer."""
    if membership.status != Membership.Status.APPLIED:
        raise _decided(membership)


def check_may_answer_offer(
    user: Viewer, membership: Membership, *, at: datetime | None = None
) -> None:
    """Raise `Refused` unless this person has an offer that still holds."""
    back = ("Back to the group", group_address(membership.group))
    if membership.user_id != user.pk:
        raise Refused("not_yours", "Only the person themselves can answer.")
    if membership.status != Membership.Status.OFFERED:
        raise Refused("no_offer", "No place is offered to you at the moment.", next_step=back)
    if not offer_holds(membership, at=at):
        raise Refused(
            "offer_expired",
            "This offer has run out, and the place goes to the next person.",
            next_step=back,
        )
    if membership.group.lifecycle == SupportGroup.Lifecycle.CLOSED:
        raise Refused("not_listed", "This group has closed.", next_step=back)


# Setting up and listing ---------------------------------------------------------------------------

#: Above this many people one facilitator is not enough.
MOST_FOR_ONE_FACILITATOR = 8


@dataclass(frozen=True)
class Missing:
    """What a group still needs, and the step of its set-up (`groups.setup.STEPS`) to do it in."""

    step: str
    words: str


def check_may_coordinate_group(user: Viewer, group: SupportGroup) -> StaffRole:
    """The role that lets this person set the group up and change it, or `Refused`."""
    role = None
    if user.is_authenticated:
        role = (
            StaffRole.objects.coordinators()
            .filter(user=user, organisation=group.organisation_id)
            .first()
        )
    if role is None:
        raise Refused(
            "not_coordinator",
            "Only a coordinator can set up or change this group. Please ask one of yours.",
            next_step=("Back to the group", reverse("groups:group_detail", args=[group.slug])),
        )
    return role


def may_oversee(organisation_id: UUID, now: UUID | None = None) -> QuerySet[User]:
    """Whom an organisation can name as overseer: its supervisors and coordinators.

    Only those who have signed in since they were asked. `now` is who oversees the group already,
    whatever became of their role.
    """
    roles = StaffRole.objects.agreed().filter(
        organisation=organisation_id,
        role__in=[StaffRole.Role.SUPERVISOR, StaffRole.Role.COORDINATOR],
    )
    may = Q(pk__in=roles.values("user"), is_active=True) | Q(pk=now)
    return User.objects.filter(may).order_by("display_name", "joined_at")


def missing_for_listing(group: SupportGroup) -> list[Missing]:
    """What keeps the group from being listed, in the order of the steps.

    A group from a feed is led by the network that publishes the feed: of it we ask only who
    oversees it.
    """
    peer_led = group.facilitation == SupportGroup.Facilitation.PEER_LED
    needs = [
        (
            "people",
            not peer_led or group.overseer_id is not None,
            "Name a professional who oversees it. Every peer-led group has one.",
        )
    ]
    if not group.is_from_feed:
        at_a_place = group.format != SupportGroup.Format.ONLINE
        series = group.current_series()
        needs = [
            ("basics", bool(group.purpose), "Say in one sentence what it is for."),
            ("basics", bool(group.topics.all()), "Choose at least one topic."),
            ("people", bool(group.who_it_is_for), "Say who it is for."),
            *needs,
            (
                "meeting",
                not at_a_place or bool(group.place),
                "Say roughly where it meets, so that people can find it.",
            ),
            (
                "meeting",
                not at_a_place or bool(group.address),
                "Give the exact address. Only members and staff see it.",
            ),
            ("schedule", series is not None, "Choose when it meets."),
            (
                "schedule",
                series is None or series.time_zone == group.time_zone,
                "Its time zone has changed. Look at the times again and save them.",
            ),
            (
                "facilitators",
                bool(group.facilitator_assignments.all()),
                "Name at least one facilitator.",
            ),
            ("promises", bool(group.ground_rules), "Write down the ground rules."),
            (
                "promises",
                bool(group.agreements.all()),
                "Write the agreement that members sign.",
            ),
            (
                "questions",
                any(form.published_at for form in group.screening_forms.all()),
                "Publish the questions that you ask first.",
            ),
        ]
    return [Missing(step, words) for step, there, words in needs if not there]


def advice_for_listing(group: SupportGroup) -> list[Missing]:
    """What would make the group better and keeps nobody from listing it."""
    leaders = len(group.facilitator_assignments.all())
    at_a_place = group.format != SupportGroup.Format.ONLINE
    wishes = [
        (
            "people",
            bool(group.what_to_expect),
            "Say what newcomers can expect. It takes away some of the fear of a first visit.",
        ),
        (
            "meeting",
            bool(group.accessibility_features or group.accessibility),
            "Say what you offer for access needs. People filter by it.",
        ),
        (
            "meeting",
            not at_a_place or group.latitude is not None,
            "Add coordinates, so that people find it by distance.",
        ),
        (
            "agenda",
            group.agenda_template.exists(),
            "Give sessions a shape. People feel safer when they know what comes.",
        ),
        (
            "facilitators",
            group.capacity <= MOST_FOR_ONE_FACILITATOR or leaders != 1,
            f"Find a co-facilitator. With more than {MOST_FOR_ONE_FACILITATOR} people, "
            "one person cannot see to everybody.",
        ),
    ]
    return [Missing(step, words) for step, there, words in wishes if not there]


def dates_follow(group: SupportGroup) -> bool:
    """Whether the group is listed with a rhythm whose first dates the clock has yet to make."""
    listed = group.lifecycle == SupportGroup.Lifecycle.LISTED
    return listed and group.current_series() is not None and not group.support_sessions.exists()


def check_lifecycle_move(group: SupportGroup, lifecycle: str) -> None:
    """Raise `Refused` unless the group may go from its state to this one now."""
    before = SupportGroup.Lifecycle(group.lifecycle)
    if lifecycle not in SupportGroup.LIFECYCLE_MOVES[before]:
        raise not_in_state(group)
    if lifecycle == SupportGroup.Lifecycle.LISTED and missing_for_listing(group):
        raise Refused(
            "not_ready",
            "Something is missing before this group can be listed.",
            next_step=("See what is missing", reverse("groups:setup_check", args=[group.slug])),
        )


#: Addresses under /groups/ that are no group's.
RESERVED_SLUGS = frozenset({"new"})


def not_in_state(group: SupportGroup) -> Refused:
    """That somebody else has changed the group's state meanwhile."""
    return Refused(
        "lifecycle_changed",
        f"This cannot be done now: the group is {group.get_lifecycle_display().lower()}.",
        next_step=("See your groups", reverse("groups:group_list")),
    )


def was_never_listed(group: SupportGroup) -> bool:
    """Whether nobody outside the staff can have seen the group, so that its address may change."""
    is_draft = group.lifecycle == SupportGroup.Lifecycle.DRAFT
    return is_draft and group.lifecycle_changed_at is None and not group.is_from_feed


def check_stays_complete(group: SupportGroup, missing_before: Collection[Missing]) -> None:
    """Raise `Refused` when a group that people can find would lack what it had before."""
    if group.lifecycle != SupportGroup.Lifecycle.LISTED:
        return
    lost = [missing for missing in missing_for_listing(group) if missing not in missing_before]
    if lost:
        raise Refused(
            "not_ready", f"People can find this group, so it must stay complete. {lost[0].words}"
        )


def agreement_is_unread(group: SupportGroup) -> bool:
    """Whether nobody outside the staff can have read or signed it: it may still be replaced."""
    signed = Signature.objects.filter(agreement__group=group).exists()
    return was_never_listed(group) and not signed


def told_of_changes(group: SupportGroup, by: User | None) -> QuerySet[User]:
    """Who is told that a group pauses, goes on or closes: all who belong, wait, asked or lead."""
    belong = Membership.objects.open().filter(group=group).values("user")
    lead = FacilitatorAssignment.objects.filter(group=group).values("user")
    people = User.objects.filter(Q(pk__in=belong) | Q(pk__in=lead), is_active=True)
    return people.exclude(pk=by.pk) if by is not None else people


def check_staffs_something(user: Viewer) -> User:
    """The person, if they lead or coordinate anything, else `Refused`."""
    if user.is_authenticated:
        coordinates = StaffRole.objects.coordinators().filter(user=user).exists()
        if coordinates or groups_led_by(user).exists():
            return user
    raise Refused("not_staff", "This page is for people who lead or coordinate groups.")


def check_may_start(user: Viewer) -> User:
    """The person, if they coordinate an organisation, else `Refused`."""
    if user.is_authenticated and StaffRole.objects.coordinators().filter(user=user).exists():
        return user
    raise Refused("not_coordinator", "Only a coordinator can set up a group or add a topic.")


def groups_with_a_place_to_offer(*, at: datetime | None = None) -> QuerySet[SupportGroup]:
    """Listed groups with a free place and somebody to ask, in another order each time.

    A course that began appears too. However many there are of these, the clock, which looks at
    some groups a minute, comes to all others.
    """
    waits = Membership.objects.filter(
        _may_be_asked(at or timezone.now()),
        group=OuterRef("pk"),
        status=Membership.Status.WAITLISTED,
    )
    return (
        SupportGroup.objects.listed()
        .filter(Exists(waits))
        .with_seats_taken()
        .filter(capacity__gt=F("seats_taken"))
        .order_by("?")
    )


# Coming back, removal and appeal ------------------------------------------------------------------

#: Who left by their own choice may come back this long without being asked again.
COMES_BACK_WITHIN = timedelta(days=14)
#: Who was removed may ask for a second look this long, and is promised an answer in this time.
APPEALS_WITHIN = timedelta(days=30)
APPEAL_ANSWERED_WITHIN = timedelta(days=7)


def came_as_far_as_the_list(membership: Membership) -> bool:
    """Whether somebody said yes to this person: they had a place, or waited for one."""
    return bool(membership.waitlisted_at or membership.accepted_at)


def comes_back_until(membership: Membership) -> datetime | None:
    """Until when the way back is open, or None when this episode has none."""
    has_left = membership.status == Membership.Status.WITHDRAWN
    if not has_left or membership.ended_at is None or not came_as_far_as_the_list(membership):
        return None
    return membership.ended_at + COMES_BACK_WITHIN


def check_may_come_back(
    user: Viewer, group: SupportGroup, *, at: datetime | None = None
) -> Membership:
    """The episode that this person left and may go on from, or `Refused`."""
    at = at or timezone.now()
    if refused := why_not_back(user, group, at=at):
        raise refused
    return latest_membership(user, group)


def why_not_back(
    user: Viewer, group: SupportGroup, *, at: datetime | None = None
) -> Refused | None:
    """Why somebody who belonged to the group cannot simply come back; None when they can."""
    at = at or timezone.now()
    address = group_address(group)
    if not groups_belonged_to(user).filter(pk=group.pk).exists():
        return Refused("not_member", "You did not belong to this group.")
    left = latest_membership(user, group)
    until = comes_back_until(left)
    if left.status in Membership.OPEN:
        return Refused(
            "already_open",
            "You are back already, or never left.",
            next_step=("Go to the group", address),
        )
    if FacilitatorAssignment.objects.filter(user=user.pk, group=group).exists():
        return Refused("leads_group", "You lead this group, so you cannot join it as a member.")
    if until is None or until < at:
        return Refused(
            "too_late",
            "You can ask to join again. It starts with a few questions.",
            next_step=("Go to the group", address),
        )
    if group.lifecycle != SupportGroup.Lifecycle.LISTED:
        return Refused("not_listed", "This group is not taking new people at the moment.")
    if course_began(group, at=at) and not (left.activated_at and seats_for_somebody_new(group)):
        return why_takes_nobody(group, at=at)
    return None


def way_back(user: Viewer, group: SupportGroup, *, at: datetime | None = None) -> str:
    """For somebody who belonged to the group: left (may come back), removed, or nothing."""
    if not groups_belonged_to(user).filter(pk=group.pk).exists():
        return ""
    if latest_membership(user, group).status == Membership.Status.REMOVED:
        return "removed"
    return "" if why_not_back(user, group, at=at) else "left"


def members_shown_to(user: Viewer, group: SupportGroup) -> QuerySet[Membership]:
    """The group's memberships as its staff see them, or `Refused`.

    Each has `in_good_standing` and `signed_version`, the newest version that the person signed.
    """
    check_may_staff(user, group)
    signed = (
        Signature.objects.filter(membership=OuterRef("pk"))
        .order_by("-agreement__version")
        .values("agreement__version")[:1]
    )
    standing = Membership.objects.filter(pk=OuterRef("pk")).in_good_standing()
    return (
        Membership.objects.filter(group=group)
        .select_related("user", "companion_of__user", "ended_by", "appeal")
        .annotate(in_good_standing=Exists(standing), signed_version=Subquery(signed))
    )


def memberships_staffed_by(user: Viewer) -> QuerySet[Membership]:
    """Memberships of others in the groups that this person leads or coordinates."""
    if not user.is_authenticated:
        return Membership.objects.none()
    return (
        Membership.objects.filter(group__in=groups_staffed_by(user))
        .exclude(user=user)
        .select_related("user", "group__organisation")
    )


def check_may_remove(user: Viewer, membership: Membership) -> Membership:
    """The membership, if this person may end it for somebody else, else `Refused`."""
    check_may_staff(user, membership.group)
    found = memberships_staffed_by(user).filter(pk=membership.pk).first()
    if found is None:
        raise Refused("your_own", "This is your own place. You can leave the group instead.")
    check_move(found, Membership.Status.REMOVED)
    return found


def latest_removal(user: Viewer, group: SupportGroup) -> Membership | None:
    """The newest episode that staff ended for this person."""
    if not user.is_authenticated:
        return None
    return (
        group.memberships.filter(user=user, status=Membership.Status.REMOVED)
        .select_related("user", "group__organisation", "appeal")
        .order_by("-ended_at")
        .first()
    )


def appeal_of(membership: Membership) -> Appeal | None:
    """What this person asked after they were removed, if they did."""
    return Appeal.objects.filter(membership=membership).select_related("decided_by").first()


def appeals_until(membership: Membership) -> datetime:
    """Until when somebody who was removed may ask for a second look."""
    # The constraint groups_membership_end_dated says that there is a date.
    return cast(datetime, membership.ended_at) + APPEALS_WITHIN


def check_may_appeal(
    user: Viewer, membership: Membership, *, at: datetime | None = None
) -> Membership:
    """The own membership that staff ended within 30 days, or `Refused`. One appeal each."""
    removal = (
        "See what was written to you",
        reverse("groups:removal", args=[membership.group.slug]),
    )
    if membership.user_id != user.pk:
        raise Refused("not_yours", "Only the person themselves can ask.")
    if membership.status != Membership.Status.REMOVED:
        raise Refused("not_removed", "You were not removed from this group.")
    if appeal_of(membership) is not None:
        raise Refused("asked_already", "You have asked for a second look.", next_step=removal)
    if appeals_until(membership) < (at or timezone.now()):
        raise Refused(
            "too_late", "A second look can be asked for within 30 days.", next_step=removal
        )
    return membership


def appeal_deciders(membership: Membership, *, removed_by: User | None) -> list[User]:
    """Who may look again at this removal: never who removed, and never the person themselves.

    The coordinators of the organisation. Where there is no other, its supervisors; where there
    are none either, the professional who answers for the group.
    """
    group = membership.group
    others = User.objects.filter(is_active=True).exclude(pk=membership.user_id)
    if removed_by is not None:
        others = others.exclude(pk=removed_by.pk)
    for role in (StaffRole.Role.COORDINATOR, StaffRole.Role.SUPERVISOR):
        of_role = StaffRole.objects.filter(organisation=group.organisation_id, role=role)
        if found := list(others.filter(pk__in=of_role.values("user"))):
            return found
    return list(others.filter(overseen_groups=group))


def appeals_decided_by(user: Viewer) -> QuerySet[Appeal]:
    """Appeals that this person decides: `appeal_deciders()`, asked for all appeals at once."""
    if not user.is_authenticated:
        return Appeal.objects.none()
    # Without a known remover only the removed person is left out.
    remover = Coalesce(OuterRef("removed_by"), OuterRef("membership__user"))
    others = (
        StaffRole.objects.filter(
            organisation=OuterRef("membership__group__organisation"), user__is_active=True
        )
        .exclude(user=remover)
        .exclude(user=OuterRef("membership__user"))
    )
    coordinators = others.filter(role=StaffRole.Role.COORDINATOR)
    supervisors = others.filter(role=StaffRole.Role.SUPERVISOR)
    no_coordinator, no_supervisor = ~Exists(coordinators), ~Exists(supervisors)
    return (
        Appeal.objects.filter(
            Q(Exists(coordinators.filter(user=user)))
            | (no_coordinator & Q(Exists(supervisors.filter(user=user))))
            | (no_coordinator & no_supervisor & Q(membership__group__overseer=user))
        )
        .exclude(removed_by=user)
        .exclude(membership__user=user)
        .select_related("membership__user", "membership__group__organisation", "decided_by")
    )


def why_no_way_back(membership: Membership) -> str:
    """Why an overturned removal gives no place back: closed, leads, or nothing when it does."""
    if membership.group.lifecycle == SupportGroup.Lifecycle.CLOSED:
        return "closed"
    leads = FacilitatorAssignment.objects.filter(group=membership.group_id, user=membership.user_id)
    return "leads" if leads.exists() else ""


def undecided_first(appeals: QuerySet[Appeal]) -> QuerySet[Appeal]:
    """Open ones by the time promised, then the decided ones, the newest first."""
    return appeals.order_by(F("decided_at").desc(nulls_first=True), "answer_by", "pk")


def check_may_see_appeals(user: Viewer) -> None:
    """Raise `Refused` for whoever never decides appeals."""
    roles = [StaffRole.Role.COORDINATOR, StaffRole.Role.SUPERVISOR]
    decides = user.is_authenticated and (
        StaffRole.objects.filter(user=user, role__in=roles).exists()
        or SupportGroup.objects.filter(overseer=user).exists()
    )
    if not decides:
        raise Refused(
            "not_decider",
            "Coordinators and supervisors take a second look at removals.",
            next_step=("Find a group", reverse("groups:directory")),
        )


def check_may_decide_appeal(user: Viewer, appeal: Appeal) -> Appeal:
    """The appeal, if it is this person's to decide and nobody has, else `Refused`."""
    found = appeals_decided_by(user).filter(pk=appeal.pk).first()
    if found is None:
        raise Refused("not_decider", "Somebody other than who removed decides about this.")
    if found.decided_at is not None:
        raise Refused(
            "state_changed", f"This was decided already: {found.get_outcome_display().lower()}."
        )
    return found


# Somebody close -----------------------------------------------------------------------------------

#: How long an invitation of a partner or family member holds.
INVITATION_HOLDS = timedelta(days=14)
_SIGNER = signing.Signer(salt="groups.companion")


def check_may_invite(
    user: Viewer, group: SupportGroup, *, at: datetime | None = None
) -> Membership:
    """The membership of somebody who may bring one person who is close, or `Refused`."""
    back = ("Back to the group", group_address(group))
    membership = None
    if user.is_authenticated:
        membership = group.memberships.in_good_standing().filter(user=user).first()
    if membership is None:
        raise Refused("not_member", "Members of this group can invite somebody.", next_step=back)
    if not group.allows_companions:
        raise Refused("not_here", "This group is for its members alone.", next_step=back)
    if membership.companion_of_id is not None:
        raise Refused(
            "is_companion", "Somebody invited you. You cannot invite another.", next_step=back
        )
    if refused := why_takes_nobody(group, at=at):
        raise refused
    return membership


def companion_of(membership: Membership) -> Membership | None:
    """The person who came along with this member and has not left."""
    return membership.companions.open().select_related("user").first()


def invitation_to_show(
    membership: Membership, *, at: datetime | None = None
) -> CompanionInvitation | None:
    """The member's invitation that still holds."""
    return membership.companion_invitations.filter(
        withdrawn_at__isnull=True, used_at__isnull=True, expires_at__gt=at or timezone.now()
    ).first()


def companion_token(invitation: CompanionInvitation) -> str:
    """What the link of an invitation carries: nobody can make one up."""
    return _SIGNER.sign(invitation.pk.hex)


def invitation_of(token: str) -> CompanionInvitation | None:
    """The invitation that a link names, whether it still holds or not."""
    try:
        pk = _SIGNER.unsign(token)
    except signing.BadSignature:
        return None
    return (
        CompanionInvitation.objects.filter(pk=pk)
        .select_related("membership__user", "membership__group__organisation")
        .first()
    )


def invitation_counts(invitation: CompanionInvitation) -> bool:
    """Whether all that an invitation rests on is still so, however long it was to hold.

    The group is listed and welcomes somebody close; who invited is a member in good standing whose
    account is open, and nobody came with them yet.
    """
    inviter = invitation.membership
    if invitation.withdrawn_at is not None or invitation.used_at is not None:
        return False
    if inviter.group.lifecycle != SupportGroup.Lifecycle.LISTED:
        return False
    standing = Membership.objects.in_good_standing().filter(pk=inviter.pk, user__is_active=True)
    return inviter.group.allows_companions and standing.exists() and companion_of(inviter) is None


def check_may_follow(
    user: Viewer, invitation: CompanionInvitation, *, at: datetime | None = None
) -> None:
    """Raise `Refused` unless the invitation holds and is for this person: never one's own."""
    ask = ("Find a group", reverse("groups:directory"))
    inviter = invitation.membership
    if inviter.user_id == user.pk:
        raise Refused(
            "your_own",
            "This is your own invitation. Send its link to the person you want to invite.",
            next_step=(
                "See your invitation",
                reverse("groups:companion", args=[inviter.group.slug]),
            ),
        )
    if invitation.used_at is not None:
        raise Refused("used", "This invitation was used already.", next_step=ask)
    has_ended = invitation.expires_at <= (at or timezone.now())
    if has_ended or not invitation_counts(invitation):
        raise Refused(
            "ended",
            "This invitation has ended. The person who sent it can send you a new one.",
            next_step=ask,
        )


def comes_with(invitation: CompanionInvitation, membership: Membership) -> bool:
    """Whether this new membership may count as the invited person's.

    An invitation that ran out while the person was answering still counts.
    """
    return (
        invitation.membership.group_id == membership.group_id
        and invitation.membership.user_id != membership.user_id
        and invitation_counts(invitation)
    )


# What was signed ----------------------------------------------------------------------------------


def signatures_of(user: Viewer, group: SupportGroup) -> QuerySet[Signature]:
    """What this person signed in this group in any episode, the newest version first."""
    if not user.is_authenticated:
        return Signature.objects.none()
    return (
        Signature.objects.filter(membership__user=user, membership__group=group)
        .select_related("agreement", "membership__user")
        .order_by("-agreement__version", "-signed_at")
    )


# News by mail -------------------------------------------------------------------------------------

#: A mail server that says no is asked this often: at once, and this long after the news was made.
MOST_ATTEMPTS = 3
TRIED_AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=2))
#: Older news is not sent any more.
NEWS_KEEPS = timedelta(days=7)


def notices_of(user: Viewer) -> QuerySet[Notice]:
    """A person's own news."""
    if not user.is_authenticated:
        return Notice.objects.none()
    return Notice.objects.filter(user=user).select_related("group")


def notices_to_send() -> QuerySet[Notice]:
    """News that nobody was told yet and that may still be tried."""
    return Notice.objects.filter(
        told_at__isnull=True, attempts__lt=MOST_ATTEMPTS, user__is_active=True
    )


def notices_overdue(*, at: datetime | None = None) -> QuerySet[Notice]:
    """News whose mail failed or was lost, once it is time to try again."""
    at = at or timezone.now()
    due = Q()
    for attempts, after in enumerate(TRIED_AGAIN_AFTER):
        due |= Q(attempts=attempts, made_at__lt=at - after)
    return notices_to_send().filter(due, made_at__gt=at - NEWS_KEEPS).order_by("made_at")


def answer_until(notice: Notice) -> datetime | None:
    """Until when an offer holds that the news is about."""
    if notice.kind != Notice.Kind.OFFERED:
        return None
    offers = Membership.objects.filter(
        group=notice.group_id, user=notice.user_id, status=Membership.Status.OFFERED
    )
    return offers.values_list("offer_expires_at", flat=True).first()


# The way in ---------------------------------------------------------------------------------------

#: Members need the address to travel, and see it with the first reminder. The link of a video room
#: opens with our own room (decision 10).
ADDRESS_SHOWN_BEFORE, LINK_SHOWN_BEFORE = timedelta(hours=24), timedelta(minutes=10)


@dataclass(frozen=True)
class WayIn:
    """What of a group's way in a member or somebody who staffs it sees at one moment."""

    address: bool
    link: bool
    details: bool


def way_in(
    group: SupportGroup, *, starts_at: datetime | None, staffs: bool, at: datetime | None = None
) -> WayIn:
    """The address from a day before the next session, the link from ten minutes before. How to get
    in goes with the address, or with the link where there is none. Staff see all of it always."""
    at = at or timezone.now()
    address = staffs or (starts_at is not None and starts_at - ADDRESS_SHOWN_BEFORE <= at)
    link = staffs or (starts_at is not None and starts_at - LINK_SHOWN_BEFORE <= at)
    is_online = group.format == SupportGroup.Format.ONLINE
    return WayIn(address, link, link if is_online else address)


def groups_closed(before: datetime) -> QuerySet[SupportGroup]:
    """Groups that were closed before this moment: nobody has to find the way any more."""
    return SupportGroup.objects.filter(
        lifecycle=SupportGroup.Lifecycle.CLOSED, lifecycle_changed_at__lt=before
    )


def memberships_over(before: datetime) -> QuerySet[Membership]:
    """Memberships that still say whose they were, though the person has had nothing to do with the
    organisation since. All of theirs there lose their name at once: figures count people."""
    since = Membership.objects.filter(
        Q(ended_at__isnull=True) | Q(ended_at__gte=before),
        user=OuterRef("user"),
        group__organisation=OuterRef("group__organisation"),
    )
    return Membership.objects.filter(~Exists(since), ended_at__lt=before, unnamed_at__isnull=True)
