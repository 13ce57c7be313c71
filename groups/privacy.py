"""What this room holds about a person."""

from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from accounts.models import User
from groups import actions
from groups.models import (
    Appeal,
    CompanionInvitation,
    FacilitatorAssignment,
    Membership,
    Notice,
    Signature,
    SupportGroup,
)
from supportgroups.lib import portable
from supportgroups.lib.portable import (
    INNER,
    SOMEBODY_ELSE,
    Link,
    Part,
    Sheet,
    choice,
    moment,
    number,
    words,
    yes_no,
)
from supportgroups.lib.refusals import Refused

_HOME = Link("outcomes:participant_home", "Your groups")
_BY_STAFF = "Something is not right? A coordinator of the organisation can correct it."


def _end_reason(membership: Membership) -> str:
    """What the person wrote or reads themselves; a referral's reason is for staff alone."""
    read = membership.status == Membership.Status.REMOVED
    own = membership.ended_by_id == membership.user_id
    return membership.end_reason if read or own else ""


SHEETS = (
    Sheet(
        "memberships",
        "Groups you joined, or asked to join",
        Part.GROUPS,
        "groups.Membership",
        lambda user: (
            Membership.objects.filter(user=user)
            .select_related("group__organisation")
            .order_by("applied_at", "pk")
        ),
        (
            words("group", "Group", "group.name"),
            words("organisation", "Organisation", "group.organisation.name"),
            choice("status", "Where it stands"),
            moment("applied_at", "Asked to join"),
            moment("waitlisted_at", "On the waiting list since"),
            moment("offered_at", "A place was offered"),
            moment("offer_expires_at", "The place was kept until"),
            number("offers_missed", "Offers that ran out"),
            moment("accepted_at", "Got a place"),
            moment("activated_at", "Became a member"),
            moment("ended_at", "Ended"),
            words("end_reason", "Why it ended", _end_reason, "end_reason"),
            yes_no(
                "is_companion",
                "Came as somebody’s companion",
                lambda row: row.companion_of_id is not None,
                "companion_of",
            ),
        ),
        left_out={"accepted_by": SOMEBODY_ELSE, "ended_by": SOMEBODY_ELSE, "unnamed_at": INNER},
        change=f"You can leave a group on its page. {_BY_STAFF}",
        links=(_HOME,),
        whose=("user",),
    ),
    Sheet(
        "signatures",
        "Group agreements you signed",
        Part.AGREED,
        "groups.Signature",
        lambda user: (
            Signature.objects.filter(membership__user=user)
            .select_related("membership__group", "agreement")
            .order_by("signed_at", "pk")
        ),
        (
            words("group", "Group", "membership.group.name"),
            number("version", "Version", "agreement.version"),
            words("text", "What it says", "agreement.text"),
            words("signed_name", "Name you signed with"),
            moment("signed_at", "Signed"),
        ),
        change="It stays as you signed it. You can leave a group at any time.",
        links=(_HOME,),
    ),
    Sheet(
        "companion_invitations",
        "Invitations of somebody close to you",
        Part.GROUPS,
        "groups.CompanionInvitation",
        lambda user: (
            CompanionInvitation.objects.filter(membership__user=user)
            .select_related("membership__group")
            .order_by("invited_at", "pk")
        ),
        (
            words("group", "Group", "membership.group.name"),
            choice("relation", "Who they are to you"),
            moment("invited_at", "Invited"),
            moment("expires_at", "The link works until"),
            moment("withdrawn_at", "Taken back"),
            moment("used_at", "Used"),
        ),
        change="You can take it back on the group’s page.",
        links=(_HOME,),
    ),
    Sheet(
        "appeals",
        "When you asked for a second look",
        Part.GROUPS,
        "groups.Appeal",
        lambda user: (
            Appeal.objects.filter(membership__user=user)
            .select_related("membership__group")
            .order_by("asked_at", "pk")
        ),
        (
            words("group", "Group", "membership.group.name"),
            words("words", "What you wrote"),
            moment("asked_at", "Asked"),
            moment("answer_by", "Answer promised by"),
            choice("outcome", "What was decided"),
            words("message", "What you were told"),
            moment("decided_at", "Decided"),
        ),
        left_out={"removed_by": SOMEBODY_ELSE, "decided_by": SOMEBODY_ELSE},
        change="It stays as you sent it.",
    ),
    Sheet(
        "group_news",
        "Mails with news of a group",
        Part.GROUPS,
        "groups.Notice",
        lambda user: (
            Notice.objects.filter(user=user).select_related("group").order_by("made_at", "pk")
        ),
        (
            words("group", "Group", "group.name"),
            choice("kind", "News"),
            moment("made_at", "Since"),
            moment("told_at", "Mail sent"),
        ),
        left_out={"attempts": INNER},
        change="It goes by itself.",
        whose=("user",),
    ),
    Sheet(
        "groups_led",
        "Groups you lead",
        Part.WORK,
        "groups.FacilitatorAssignment",
        lambda user: (
            FacilitatorAssignment.objects.filter(user=user)
            .select_related("group")
            .order_by("began_at", "pk")
        ),
        (
            words("group", "Group", "group.name"),
            yes_no("is_lead", "First facilitator"),
            words("introduction", "What visitors read about you"),
            moment("began_at", "Since"),
        ),
        change="A coordinator of the organisation can change it.",
        whose=("user",),
    ),
    Sheet(
        "groups_overseen",
        "Groups you oversee",
        Part.WORK,
        "groups.SupportGroup",
        lambda user: SupportGroup.objects.filter(overseer=user).order_by("name", "pk"),
        (words("group", "Group", "name"),),
        change="A coordinator of the organisation can change it.",
        whose=("overseer",),
        is_about_people=False,
    ),
)

LEFT_OUT: dict[str, str] = {}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user)


# Before -------------------------------------------------------------------------------------------


def to_hand_over(user: User) -> list[Refused]:
    """Listed peer-led groups that somebody else has to oversee before they close their account."""
    overseen = SupportGroup.objects.listed().filter(
        overseer=user, facilitation=SupportGroup.Facilitation.PEER_LED
    )
    return [
        Refused(
            "overseer",
            f"You oversee {group}. Name another overseer first, or ask a coordinator to do it.",
            next_step=(f"People of {group}", reverse("groups:setup_people", args=[group.slug])),
        )
        for group in overseen.order_by("name")
    ]


def leave(user: User) -> None:
    """End what goes on: a place that becomes free is offered at once. Others learn that a member
    has left. A listed group that nobody else leads or oversees pauses, if it comes to that."""
    others = FacilitatorAssignment.objects.filter(group=OuterRef("pk")).exclude(user=user)
    alone = Q(overseer=user, facilitation=SupportGroup.Facilitation.PEER_LED) | Q(
        ~Exists(others), facilitator_assignments__user=user
    )
    for group in SupportGroup.objects.listed().filter(alone).distinct().order_by("pk"):
        actions.pause_group(group=group, message="", by=None)
    for membership in Membership.objects.open().filter(user=user).order_by("group", "pk"):
        actions.withdraw(membership=membership, by=user)


# Erased -------------------------------------------------------------------------------------------


def erase(user: User) -> None:
    """Memberships with signatures, invitations and appeals; leading and overseeing; news.

    What the person wrote into the public words of a group belongs to the group.
    """
    user.memberships.all().delete()
    for assignment in user.facilitator_assignments.select_related("group"):
        others = assignment.group.facilitator_assignments.exclude(pk=assignment.pk)
        if assignment.is_lead and (longest := others.order_by("began_at").first()):
            longest.is_lead = True
            longest.save(update_fields=["is_lead"])
        assignment.delete()
    user.notices.all().delete()
    user.overseen_groups.update(overseer=None)
