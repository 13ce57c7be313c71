"""Who may see, join, sign and lead. Asks, never writes."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.urls import reverse

from accounts.models import StaffRole, User
from accounts.rules import Viewer
from groups.models import FacilitatorAssignment, Membership, SupportGroup, SupportGroupQuerySet
from supportgroups.lib.refusals import Refused


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


def groups_staffed_by(user: Viewer) -> QuerySet[SupportGroup]:
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


def check_may_join(user: Viewer, group: SupportGroup) -> None:
    """Raise `Refused` when applying would make no sense. A full group has a waiting list."""
    if group.lifecycle != SupportGroup.Lifecycle.LISTED:
        raise Refused("not_listed", "This group is not taking new people at the moment.")
    if not user.is_authenticated:
        return
    if FacilitatorAssignment.objects.filter(user=user, group=group).exists():
        raise Refused("leads_group", "You lead this group, so you cannot join it as a member.")
    if Membership.objects.open().filter(user=user, group=group).exists():
        raise Refused("already_open", "You have asked to join this group already.")


def check_may_sign(user: Viewer, group: SupportGroup) -> Membership:
    """The membership that the group's agreement waits for, or was signed with; else `Refused`."""
    back = ("Back to the group", reverse("groups:group_detail", args=[group.slug]))
    membership = None
    if user.is_authenticated:
        membership = (
            Membership.objects.filter(user=user, group=group, status__in=Membership.HOLDS_A_SEAT)
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
            next_step=("Back to the group", reverse("groups:group_detail", args=[group.slug])),
        )
    return membership


@dataclass(frozen=True)
class Standing:
    """What somebody can do next with a group, and the membership that it comes from.

    `step` is join, continue (an unfinished application), applied, waiting, sign, member, leads,
    or closed.
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
        raise Refused(
            "state_changed",
            f"This was decided already: {membership.get_status_display().lower()}.",
        )


def seats_left(group: SupportGroup) -> int:
    """Places nobody holds. Race-free only while the group's row is locked."""
    taken = group.memberships.filter(status__in=Membership.HOLDS_A_SEAT).count()
    return max(0, group.capacity - taken)


def seats_for_somebody_new(group: SupportGroup) -> int:
    """Places left when everybody on the waiting list has got one. Race-free as `seats_left`."""
    waiting = group.memberships.filter(status=Membership.Status.WAITLISTED).count()
    return max(0, seats_left(group) - waiting)


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


def may_oversee(organisation_id: UUID) -> QuerySet[User]:
    """Whom an organisation can name as overseer: its supervisors and coordinators."""
    roles = StaffRole.objects.filter(
        organisation=organisation_id,
        role__in=[StaffRole.Role.SUPERVISOR, StaffRole.Role.COORDINATOR],
    )
    return User.objects.filter(pk__in=roles.values("user"), is_active=True).order_by(
        "display_name", "joined_at"
    )


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
            ("schedule", group.current_series() is not None, "Choose when it meets."),
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


def check_lifecycle_move(group: SupportGroup, lifecycle: str) -> None:
    """Raise `Refused` unless the group may go from its state to this one now."""
    before = SupportGroup.Lifecycle(group.lifecycle)
    if lifecycle not in SupportGroup.LIFECYCLE_MOVES[before]:
        raise Refused(
            "lifecycle_changed",
            f"This cannot be done now: the group is {before.label.lower()}.",
            next_step=("See your groups", reverse("groups:group_list")),
        )
    if lifecycle == SupportGroup.Lifecycle.LISTED and missing_for_listing(group):
        raise Refused(
            "not_ready",
            "Something is missing before this group can be listed.",
            next_step=("See what is missing", reverse("groups:setup_check", args=[group.slug])),
        )
