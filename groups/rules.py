"""Who may see, join, sign and lead. Asks, never writes."""

from django.db.models import Q, QuerySet

from accounts.models import StaffRole
from accounts.rules import Viewer
from groups.models import FacilitatorAssignment, Membership, SupportGroup
from supportgroups.lib.refusals import Refused


def groups_visible_to(user: Viewer) -> QuerySet[SupportGroup]:
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
    """Raise `Refused` when applying would make no sense. Being full is no reason: there is a list."""
    if group.lifecycle != SupportGroup.Lifecycle.LISTED:
        raise Refused("not_listed", "This group is not taking new people at the moment.")
    if not user.is_authenticated:
        return
    if FacilitatorAssignment.objects.filter(user=user, group=group).exists():
        raise Refused("leads_group", "You lead this group, so you cannot join it as a member.")
    if Membership.objects.open().filter(user=user, group=group).exists():
        raise Refused("already_open", "You have asked to join this group already.")


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
