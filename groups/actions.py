"""What people do with groups and memberships. Each verb checks its rule and leaves one event."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.live import look_again
from accounts.models import User
from audit.trail import record
from groups import rules
from groups.models import Agreement, Membership, Signature, SupportGroup
from supportgroups.lib.refusals import Refused


def _locked(membership: Membership) -> Membership:
    """The membership as it is now, with its group's row locked first.

    Every change of seats takes the group's lock before the membership's, so two people who
    take the last place wait for one another and never deadlock.
    """
    SupportGroup.objects.select_for_update(no_key=True).get(pk=membership.group_id)
    return (
        Membership.objects.select_for_update(of=("self",))
        .select_related("group", "user")
        .get(pk=membership.pk)
    )


def _move(
    membership: Membership,
    status: str,
    *,
    by: User | None,
    at: datetime,
    reason: str = "",
    **fields: object,
) -> Membership:
    """Change the state of a locked row and tell the trail."""
    rules.check_move(membership, status)
    before = membership.status
    membership.status = status
    for name, value in fields.items():
        setattr(membership, name, value)
    if status not in Membership.OPEN:
        membership.ended_at, membership.ended_by, membership.end_reason = at, by, reason
    membership.save()
    record(
        f"membership.{status}",
        by=by,
        on=membership,
        organisation=membership.group.organisation_id,
        at=at,
        before=before,
        **({"reason_given": True} if reason else {}),
    )
    if before == Membership.Status.ACTIVE:
        look_again([membership.user_id])
    return membership


@transaction.atomic
def apply(*, group: SupportGroup, by: User, at: datetime | None = None) -> Membership:
    """Ask to join: begins an episode. Raises `Refused` for a second one at a time."""
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    rules.check_may_join(by, group)
    membership = Membership.objects.create(group=group, user=by, applied_at=at)
    record("membership.applied", by=by, on=membership, organisation=group.organisation_id, at=at)
    return membership


@transaction.atomic
def accept(*, membership: Membership, by: User | None, at: datetime | None = None) -> Membership:
    """Give the person a place, or the next on the waiting list when nobody's is free.

    Free places are for those who wait already: somebody new gets one only when more are free
    than people wait. `by` is None when the answers alone admitted somebody to a drop-in group.
    Two acceptances of the last place at once: one gets it, the other is put on the waiting list.
    """
    at = at or timezone.now()
    membership = _locked(membership)
    if by is not None:
        rules.check_may_staff(by, membership.group)
    waits_already = membership.status == Membership.Status.WAITLISTED
    free = rules.seats_left if waits_already else rules.seats_for_somebody_new
    if free(membership.group) > 0:
        return _move(
            membership,
            Membership.Status.ACCEPTED,
            by=by,
            at=at,
            accepted_at=at,
            accepted_by=by,
        )
    if waits_already:
        raise Refused("full", "Every place is taken. They keep their place on the waiting list.")
    return _move(membership, Membership.Status.WAITLISTED, by=by, at=at, waitlisted_at=at)


@transaction.atomic
def refer(
    *, membership: Membership, by: User, reason: str, at: datetime | None = None
) -> Membership:
    """End an application with something better suited named to the person."""
    membership = _locked(membership)
    rules.check_may_staff(by, membership.group)
    return _move(
        membership, Membership.Status.REFERRED, by=by, at=at or timezone.now(), reason=reason
    )


@transaction.atomic
def sign_agreement(
    *,
    membership: Membership,
    agreement: Agreement,
    signed_name: str,
    by: User,
    at: datetime | None = None,
) -> Signature:
    """Sign the current version. The first signature makes an accepted person a member.

    Raises `Refused` for somebody else's membership, and for a version that was replaced while
    the person was reading. Signing the same version again returns the first signature.
    """
    at = at or timezone.now()
    membership = _locked(membership)
    if membership.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can sign.")
    if membership.status not in Membership.HOLDS_A_SEAT:
        raise Refused("no_place", "You can sign once you have a place in the group.")
    if membership.group.current_agreement() != agreement:
        raise Refused("replaced", "This agreement was updated. Please read the new version.")
    signature, created = Signature.objects.get_or_create(
        membership=membership,
        agreement=agreement,
        defaults={"signed_name": signed_name, "signed_at": at},
    )
    if membership.status == Membership.Status.ACCEPTED:
        _move(membership, Membership.Status.ACTIVE, by=by, at=at, activated_at=at)
    elif created:
        record(
            "agreement.signed",
            by=by,
            on=membership,
            organisation=membership.group.organisation_id,
            at=at,
            version=agreement.version,
        )
    return signature


@transaction.atomic
def withdraw(
    *, membership: Membership, by: User, reason: str = "", at: datetime | None = None
) -> Membership:
    """Leave, or take an application back. A person's own choice, at any time."""
    membership = _locked(membership)
    if membership.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can leave.")
    return _move(
        membership, Membership.Status.WITHDRAWN, by=by, at=at or timezone.now(), reason=reason
    )


@transaction.atomic
def remove(
    *, membership: Membership, by: User, reason: str, at: datetime | None = None
) -> Membership:
    """Staff end a membership, with a reason."""
    membership = _locked(membership)
    rules.check_may_staff(by, membership.group)
    return _move(
        membership, Membership.Status.REMOVED, by=by, at=at or timezone.now(), reason=reason
    )


@transaction.atomic
def complete(*, membership: Membership, by: User | None, at: datetime | None = None) -> Membership:
    """The planned course has ended for this person."""
    return _move(_locked(membership), Membership.Status.COMPLETED, by=by, at=at or timezone.now())


@transaction.atomic
def publish_agreement(
    *, group: SupportGroup, text: str, by: User, at: datetime | None = None
) -> Agreement:
    """A new version. Until a member has signed it, no door of the group opens for them."""
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    rules.check_may_staff(by, group)
    current = group.current_agreement()
    agreement = Agreement.objects.create(
        group=group,
        version=current.version + 1 if current else 1,
        text=text,
        published_at=at,
    )
    record(
        "agreement.published",
        by=by,
        on=agreement,
        organisation=group.organisation_id,
        at=at,
        version=agreement.version,
    )
    look_again(group.memberships.active().values_list("user", flat=True))
    return agreement
