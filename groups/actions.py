"""What people do with groups and memberships. Each verb checks its rule and leaves one event."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from accounts.factor_actions import settle_second_factors
from accounts.live import look_again
from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from groups import rules, tasks
from groups.models import (
    Agreement,
    Appeal,
    CompanionInvitation,
    FacilitatorAssignment,
    Membership,
    Notice,
    Signature,
    SupportGroup,
    Topic,
)
from supportgroups.lib.later import later
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


def _move(membership: Membership, status: str, *, at: datetime, **fields: Any) -> Membership:
    """Change the state of a locked row. A place that becomes free is offered at once."""
    before = membership.status
    membership = _change(membership, status, at=at, **fields)
    if before in Membership.HOLDS_A_SEAT and status not in Membership.HOLDS_A_SEAT:
        offer_places(group=membership.group, at=at)
    return membership


def _change(
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
def tell(
    *, group: SupportGroup, users: Iterable[User], kind: str, at: datetime | None = None
) -> list[Notice]:
    """Have each of these people told by mail that there is news about the group.

    Part of another verb, which is in the trail. The mail names neither the group nor the news.
    """
    notices = Notice.objects.bulk_create(
        Notice(group=group, user=user, kind=kind, made_at=at or timezone.now()) for user in users
    )
    for notice in notices:
        later(tasks.tell_person, notice.pk)
    return notices


@transaction.atomic
def apply(*, group: SupportGroup, by: User, at: datetime | None = None) -> Membership:
    """Ask to join: begins an episode. Raises `Refused` for a second one at a time."""
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    rules.check_may_join(by, group, at=at)
    membership = Membership.objects.create(group=group, user=by, applied_at=at)
    record("membership.applied", by=by, on=membership, organisation=group.organisation_id, at=at)
    return membership


@transaction.atomic
def accept(*, membership: Membership, by: User | None, at: datetime | None = None) -> Membership:
    """Give the person a place, or the last one on the waiting list when nobody's is free.

    Free places are for those who wait already: somebody new gets one only when more are free
    than people wait. `by` is None when the answers alone admitted somebody to a drop-in group.
    Two acceptances of the last place at once: one gets it, the other is put on the waiting list.
    Raises `Refused` for a group that pauses or closed, or a closed one that began, meanwhile.
    """
    at = at or timezone.now()
    membership = _locked(membership)
    if by is not None:
        rules.check_may_staff(by, membership.group)
    rules.check_asks(membership)
    if refused := rules.why_takes_nobody(membership.group, at=at):
        raise refused
    return _seat(membership, by=by, at=at, accepted_by=by)


def _seat(
    membership: Membership, *, by: User | None, at: datetime, accepted_by: User | None
) -> Membership:
    """A place that nobody waits for, or the waiting list. The group's row is locked.

    `accepted_by` is who said yes to the person, `by` who does this now.
    """
    if rules.seats_for_somebody_new(membership.group) > 0:
        return _move(
            membership,
            Membership.Status.ACCEPTED,
            by=by,
            at=at,
            accepted_at=at,
            accepted_by=accepted_by,
        )
    membership = _move(
        membership,
        Membership.Status.WAITLISTED,
        by=by,
        at=at,
        waitlisted_at=at,
        accepted_by=accepted_by,
    )
    # A place may be free that those in front do not want for now.
    offer_places(group=membership.group, at=at)
    membership.refresh_from_db()
    return membership


@transaction.atomic
def offer_places(*, group: SupportGroup, at: datetime | None = None) -> list[Membership]:
    """Offer every free place to whoever waits longest, and tell them. Each offer holds 24 hours.

    Called by every verb that frees a place, and by the clock. A group that takes nobody new at
    the moment offers nothing. Returns who was offered one.
    """
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    if rules.why_takes_nobody(group, at=at) is not None:
        return []
    offered = [
        _move(
            membership,
            Membership.Status.OFFERED,
            by=None,
            at=at,
            offered_at=at,
            offer_expires_at=rules.offer_expires_at(group, at),
        )
        for membership in rules.next_in_line(group, at=at)
        .select_for_update(of=("self",))
        .select_related("group", "user")[: rules.seats_left(group)]
    ]
    tell(
        group=group,
        users=[membership.user for membership in offered],
        kind=Notice.Kind.OFFERED,
        at=at,
    )
    return offered


@transaction.atomic
def expire_offers(*, group: SupportGroup, at: datetime | None = None) -> list[Membership]:
    """Take back the offers that ran out, and pass the places on.

    Who missed one goes to the end of the list; who missed two in a row leaves it, and may come
    back. While the group takes nobody new it is nobody's fault: they keep their place in line.
    """
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    takes_nobody = rules.why_takes_nobody(group, at=at) is not None
    expired = list(
        rules.expired_offers(at=at)
        .filter(group=group)
        .select_for_update(of=("self",))
        .select_related("group", "user")
        .order_by("offer_expires_at", "pk")
    )
    for membership in expired:
        _miss(membership, counts=not takes_nobody, at=at)
    tell(
        group=group,
        users=[membership.user for membership in expired],
        kind=Notice.Kind.OFFER_EXPIRED,
        at=at,
    )
    offer_places(group=group, at=at)
    return expired


def _miss(membership: Membership, *, counts: bool, at: datetime) -> None:
    status = Membership.Status.WAITLISTED
    if not counts:
        _change(membership, status, by=None, at=at, offered_at=None, offer_expires_at=None)
        return
    missed = membership.offers_missed + 1
    if missed < rules.MOST_OFFERS_MISSED:
        _change(membership, status, by=None, at=at, offers_missed=missed, waitlisted_at=at)
    else:
        status = Membership.Status.WITHDRAWN
        _change(membership, status, by=None, at=at, offers_missed=missed)


@transaction.atomic
def take_offer(*, membership: Membership, by: User, at: datetime | None = None) -> Membership:
    """Take the place while the offer holds. Then the agreement waits to be signed."""
    at = at or timezone.now()
    membership = _locked(membership)
    rules.check_may_answer_offer(by, membership, at=at)
    return _move(
        membership,
        Membership.Status.ACCEPTED,
        by=by,
        at=at,
        accepted_at=at,
        offers_missed=0,
    )


@transaction.atomic
def decline_offer(*, membership: Membership, by: User, at: datetime | None = None) -> Membership:
    """Not now: to the end of the list, and the place goes to whoever waits longest."""
    at = at or timezone.now()
    membership = _locked(membership)
    rules.check_may_answer_offer(by, membership, at=at)
    return _move(
        membership,
        Membership.Status.WAITLISTED,
        by=by,
        at=at,
        waitlisted_at=at,
        offers_missed=0,
    )


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
    if membership.status not in Membership.HAS_A_PLACE:
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
def come_back(*, group: SupportGroup, by: User, at: datetime | None = None) -> Membership:
    """Within 14 days of leaving by oneself: a new episode without new questions.

    With a place if one is free that nobody waits for, else at the end of the waiting list.
    """
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    left = rules.check_may_come_back(by, group, at=at)
    membership = _begin_again(left, by=by, at=at)
    return _seat(membership, by=by, at=at, accepted_by=left.accepted_by)


def _begin_again(former: Membership, *, by: User, at: datetime) -> Membership:
    """A new episode of the same person. The group's row is locked."""
    inviter = former.companion_of
    keeps_inviter = (
        inviter is not None
        and inviter.status in Membership.OPEN
        and rules.companion_of(inviter) is None
    )
    membership = Membership.objects.create(
        group=former.group,
        user=former.user,
        applied_at=at,
        companion_of=inviter if keeps_inviter else None,
    )
    record(
        "membership.applied",
        by=by,
        on=membership,
        organisation=former.group.organisation_id,
        at=at,
        again=True,
    )
    return membership


@transaction.atomic
def remove(
    *, membership: Membership, by: User, reason: str, at: datetime | None = None
) -> Membership:
    """Staff end a membership, with a reason that the person reads. They are told by mail."""
    at = at or timezone.now()
    membership = _locked(membership)
    rules.check_may_remove(by, membership)
    membership = _move(membership, Membership.Status.REMOVED, by=by, at=at, reason=reason)
    tell(group=membership.group, users=[membership.user], kind=Notice.Kind.REMOVED, at=at)
    return membership


@transaction.atomic
def appeal(*, membership: Membership, words: str, by: User, at: datetime | None = None) -> Appeal:
    """Ask, once and within 30 days, that somebody else looks at a removal again."""
    at = at or timezone.now()
    membership = _locked(membership)
    rules.check_may_appeal(by, membership, at=at)
    asked = Appeal.objects.create(
        membership=membership,
        words=words,
        asked_at=at,
        answer_by=at + rules.APPEAL_ANSWERED_WITHIN,
        removed_by_id=membership.ended_by_id,
    )
    record(
        "appeal.asked",
        by=by,
        on=asked,
        organisation=membership.group.organisation_id,
        at=at,
    )
    tell(
        group=membership.group,
        users=rules.appeal_deciders(membership, removed_by=membership.ended_by),
        kind=Notice.Kind.APPEAL_ASKED,
        at=at,
    )
    return asked


@transaction.atomic
def decide_appeal(
    *, appeal: Appeal, outcome: str, message: str, by: User, at: datetime | None = None
) -> Appeal:
    """Uphold a removal, or overturn it: then a new episode begins for the person.

    They get a free place even if others wait, as they would still have theirs; else they are
    first in line. Who has asked to join again meanwhile keeps that request. In a group that has
    closed, or that the person leads by now, no place follows. Of two people who decide at once
    the second is told that it was decided.
    """
    at = at or timezone.now()
    former = _locked(appeal.membership)
    Appeal.objects.select_for_update().get(pk=appeal.pk)
    decided = rules.check_may_decide_appeal(by, appeal)
    decided.outcome, decided.message = outcome, message
    decided.decided_at, decided.decided_by = at, by
    decided.save()
    record(
        f"appeal.{outcome}",
        by=by,
        on=decided,
        organisation=former.group.organisation_id,
        at=at,
    )
    if outcome == Appeal.Outcome.OVERTURNED:
        _let_back_in(former, by=by, at=at)
    tell(group=former.group, users=[former.user], kind=Notice.Kind.APPEAL_DECIDED, at=at)
    return decided


def _let_back_in(former: Membership, *, by: User, at: datetime) -> None:
    group = former.group
    if group.memberships.open().filter(user=former.user_id).exists():
        return
    if rules.why_no_way_back(former):
        return
    membership = _begin_again(former, by=by, at=at)
    if rules.seats_left(group) > 0:
        fields: dict[str, Any] = {"accepted_at": at, "accepted_by": by}
        _move(membership, Membership.Status.ACCEPTED, by=by, at=at, **fields)
        return
    first = rules.waiting_line(group).first()
    ahead = first.waitlisted_at - timedelta(seconds=1) if first and first.waitlisted_at else at
    _move(
        membership,
        Membership.Status.WAITLISTED,
        by=by,
        at=at,
        waitlisted_at=min(ahead, at),
        accepted_by=by,
    )


@transaction.atomic
def invite_companion(
    *, group: SupportGroup, relation: str, by: User, at: datetime | None = None
) -> CompanionInvitation:
    """Invite one partner or family member, where the group welcomes them. Holds 14 days.

    An invitation that still holds is returned as it is.
    """
    at = at or timezone.now()
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    membership = rules.check_may_invite(by, group, at=at)
    if (there := rules.companion_of(membership)) is not None:
        raise Refused("has_companion", f"{there.user.public_name} has come along already.")
    if (holds := rules.invitation_to_show(membership, at=at)) is not None:
        return holds
    # One that ran out makes room.
    membership.companion_invitations.filter(withdrawn_at__isnull=True, used_at__isnull=True).update(
        withdrawn_at=at
    )
    invitation = CompanionInvitation.objects.create(
        membership=membership,
        relation=relation,
        invited_at=at,
        expires_at=at + rules.INVITATION_HOLDS,
    )
    record(
        "companion.invited",
        by=by,
        on=invitation,
        organisation=group.organisation_id,
        at=at,
    )
    return invitation


@transaction.atomic
def withdraw_companion_invitation(
    *, invitation: CompanionInvitation, by: User, at: datetime | None = None
) -> CompanionInvitation:
    """The link leads nowhere any more. Withdrawing twice changes nothing."""
    at = at or timezone.now()
    invitation = (
        CompanionInvitation.objects.select_for_update(of=("self",))
        .select_related("membership__group")
        .get(pk=invitation.pk)
    )
    if invitation.membership.user_id != by.pk:
        raise Refused("not_yours", "Only the person who invited can take it back.")
    if invitation.used_at is not None:
        raise Refused("used", "This invitation was used already.")
    if invitation.withdrawn_at is None:
        invitation.withdrawn_at = at
        invitation.save(update_fields=["withdrawn_at"])
        record(
            "companion.invitation_withdrawn",
            by=by,
            on=invitation,
            organisation=invitation.membership.group.organisation_id,
            at=at,
        )
    return invitation


@transaction.atomic
def use_companion_invitation(
    *,
    invitation: CompanionInvitation,
    membership: Membership,
    by: User,
    at: datetime | None = None,
) -> Membership:
    """Say that this new membership came by the invitation. It gives no right: all else is asked.

    One that cannot count any more (taken back, used, the inviter left, the group is for members
    alone by now) changes nothing: the person asks to join like anybody.
    """
    at = at or timezone.now()
    membership = _locked(membership)
    if membership.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can use it.")
    invitation = (
        CompanionInvitation.objects.select_for_update(of=("self",))
        .select_related("membership__group")
        .get(pk=invitation.pk)
    )
    if not rules.comes_with(invitation, membership):
        return membership
    invitation.used_at = at
    invitation.save(update_fields=["used_at"])
    membership.companion_of = invitation.membership
    membership.save(update_fields=["companion_of"])
    record(
        "companion.came",
        by=by,
        on=membership,
        organisation=membership.group.organisation_id,
        at=at,
    )
    return membership


@transaction.atomic
def complete(*, membership: Membership, by: User | None, at: datetime | None = None) -> Membership:
    """The planned course has ended for this person."""
    return _move(_locked(membership), Membership.Status.COMPLETED, by=by, at=at or timezone.now())


@transaction.atomic
def publish_agreement(
    *, group: SupportGroup, text: str, by: User, what_changed: str = "", at: datetime | None = None
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
        what_changed=what_changed,
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
    members = User.objects.filter(pk__in=group.memberships.active().values("user"))
    look_again(member.pk for member in members)
    if current is not None:
        tell(group=group, users=members, kind=Notice.Kind.AGREEMENT, at=at)
    return agreement


# Setting up a group ------------------------------------------------------------------------------


def _locked_group(group: SupportGroup, by: User | None) -> SupportGroup:
    """The group's row, locked. `by` is None when a feed changes what came from it."""
    group = (
        SupportGroup.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organisation", "overseer")
        .get(pk=group.pk)
    )
    if by is not None:
        rules.check_may_coordinate_group(by, group)
    return group


def _addresses(name: str) -> Iterator[str]:
    """Slugs to try for a group of this name, the plainest first. Words of our own are left out."""
    stem = slugify(name)[:100].strip("-") or "group"
    if stem in rules.RESERVED_SLUGS:
        stem = f"{stem}-group"
    taken = set(SupportGroup.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    numbered = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    return (slug for slug in numbered if slug not in taken)


def _create_group(**fields: Any) -> SupportGroup:
    """A new row under the first free address. Two people may choose the same name at once."""
    for slug in _addresses(fields["name"]):
        try:
            with transaction.atomic():
                return SupportGroup.objects.create(slug=slug, **fields)
        except IntegrityError as error:
            if "slug" not in str(error):
                raise
    raise AssertionError("there is always another number")


@transaction.atomic
def start_group(
    *,
    organisation: Organisation,
    name: str,
    by: User,
    format: str = SupportGroup.Format.ONLINE,
    at: datetime | None = None,
) -> SupportGroup:
    """A draft with a name and our defaults. Everything else can be said later, in any order."""
    at = at or timezone.now()
    check_may_coordinate(by, organisation)
    group = _create_group(
        organisation=organisation,
        name=name,
        facilitation=SupportGroup.Facilitation.PEER_LED,
        format=format,
        admission=SupportGroup.Admission.SCREENED,
        time_zone=organisation.time_zone,
        created_at=at,
    )
    record("group.started", by=by, on=group, organisation=organisation.pk, at=at)
    return group


@transaction.atomic
def change_group(
    *,
    group: SupportGroup,
    by: User | None,
    at: datetime | None = None,
    topics: Collection[Topic] | None = None,
    **fields: Any,
) -> SupportGroup:
    """Change only these fields, so that two people who work on two pages keep both works.

    A group that is listed must stay complete: raises `Refused` with what would be missing.
    Nothing changed leaves no event. The trail keeps the names of fields, not what they say.
    """
    group = _locked_group(group, by)
    missing = rules.missing_for_listing(group)
    changed = sorted(name for name, value in fields.items() if getattr(group, name) != value)
    for name in changed:
        setattr(group, name, fields[name])
    # A draft's address follows its name; one that people may have kept stays.
    if "name" in changed and rules.was_never_listed(group):
        group.slug = next(_addresses(group.name))
    if topics is not None and {t.pk for t in topics} != {t.pk for t in group.topics.all()}:
        group.topics.set(topics)
        changed.append("topics")
    rules.check_stays_complete(group, missing)
    if changed:
        group.save(update_fields=[*(n for n in changed if n != "topics"), "slug"])
        record(
            "group.changed",
            by=by,
            on=group,
            organisation=group.organisation_id,
            at=at,
            fields=changed,
        )
    if "facilitation" in changed:
        settle_second_factors(_leaders_of(group), at=at)
    if "capacity" in changed:
        offer_places(group=group, at=at)
    return group


def _leaders_of(group: SupportGroup) -> list[UUID]:
    return list(group.facilitator_assignments.values_list("user_id", flat=True))


@transaction.atomic
def add_topic(*, name: str, kind: str, by: User, at: datetime | None = None) -> Topic:
    """A topic that nobody has named yet; an existing one of the same name is returned."""
    rules.check_may_start(by)
    name = " ".join(name.split())
    existing = Topic.objects.filter(Q(name__iexact=name) | Q(slug=slugify(name))).first()
    if existing is not None:
        return existing
    topic = Topic.objects.create(name=name, slug=slugify(name), kind=kind)
    record("topic.added", by=by, on=topic, at=at)
    return topic


@transaction.atomic
def write_agreement(
    *, group: SupportGroup, text: str, by: User, what_changed: str = "", at: datetime | None = None
) -> Agreement:
    """The text that members sign. Until the group was listed, the one version is replaced.

    Afterwards people may have read or signed it, so another text is a new version. The same text
    changes nothing.
    """
    group = _locked_group(group, by)
    current = group.current_agreement()
    if current is not None and current.text == text:
        return current
    if current is None or not rules.agreement_is_unread(group):
        return publish_agreement(group=group, text=text, what_changed=what_changed, by=by, at=at)
    current.text = text
    current.save(update_fields=["text"])
    record("agreement.drafted", by=by, on=current, organisation=group.organisation_id, at=at)
    return current


def _move_group(
    group: SupportGroup,
    lifecycle: str,
    *,
    by: User | None,
    at: datetime,
    message: str = "",
) -> SupportGroup:
    """Change the state of a locked group and tell the trail."""
    rules.check_lifecycle_move(group, lifecycle)
    before = group.lifecycle
    group.lifecycle, group.lifecycle_changed_at = lifecycle, at
    group.lifecycle_message = message
    group.save(update_fields=["lifecycle", "lifecycle_changed_at", "lifecycle_message"])
    settle_second_factors(_leaders_of(group), at=at)
    record(
        f"group.{lifecycle}",
        by=by,
        on=group,
        organisation=group.organisation_id,
        at=at,
        before=before,
    )
    return group


@transaction.atomic
def list_group(*, group: SupportGroup, by: User | None, at: datetime | None = None) -> SupportGroup:
    """Let everybody find a draft. Raises `Refused` while something is missing."""
    group = _locked_group(group, by)
    if group.lifecycle != SupportGroup.Lifecycle.DRAFT:
        raise rules.not_in_state(group)
    return _move_group(group, SupportGroup.Lifecycle.LISTED, by=by, at=at or timezone.now())


@transaction.atomic
def pause_group(
    *, group: SupportGroup, message: str, by: User | None, at: datetime | None = None
) -> SupportGroup:
    """No new people and no sessions for a while. Everybody who belongs to it is told."""
    at = at or timezone.now()
    group = _locked_group(group, by)
    users = list(rules.told_of_changes(group, by))
    _move_group(group, SupportGroup.Lifecycle.PAUSED, by=by, at=at, message=message)
    tell(group=group, users=users, kind=Notice.Kind.PAUSED, at=at)
    return group


@transaction.atomic
def resume_group(
    *, group: SupportGroup, by: User | None, message: str = "", at: datetime | None = None
) -> SupportGroup:
    """Go on after a pause. Raises `Refused` when something is missing by now."""
    at = at or timezone.now()
    group = _locked_group(group, by)
    if group.lifecycle != SupportGroup.Lifecycle.PAUSED:
        raise rules.not_in_state(group)
    _move_group(group, SupportGroup.Lifecycle.LISTED, by=by, at=at)
    tell(group=group, users=rules.told_of_changes(group, by), kind=Notice.Kind.RESUMED, at=at)
    offer_places(group=group, at=at)
    return group


@transaction.atomic
def close_group(
    *, group: SupportGroup, message: str, by: User | None, at: datetime | None = None
) -> SupportGroup:
    """End the group for good. Everybody is told, and nobody waits for a place any longer.

    Members keep their episode: the group ended, they did not leave. Who has applied still gets
    an answer from a person.
    """
    at = at or timezone.now()
    group = _locked_group(group, by)
    users = list(rules.told_of_changes(group, by))
    _move_group(group, SupportGroup.Lifecycle.CLOSED, by=by, at=at, message=message)
    waiting = (
        group.memberships.filter(
            status__in=[Membership.Status.WAITLISTED, Membership.Status.OFFERED]
        )
        .select_for_update(of=("self",))
        .select_related("group", "user")
    )
    for membership in waiting:
        if membership.status == Membership.Status.OFFERED:
            _change(membership, Membership.Status.WAITLISTED, by=by, at=at)
        reason = "The group has closed."
        _change(membership, Membership.Status.REFERRED, by=by, at=at, reason=reason)
    tell(group=group, users=users, kind=Notice.Kind.CLOSED, at=at)
    return group


@transaction.atomic
def discard_group(*, group: SupportGroup, by: User, at: datetime | None = None) -> SupportGroup:
    """Close a draft that nobody outside the staff has seen: there is nobody to tell."""
    group = _locked_group(group, by)
    if group.lifecycle != SupportGroup.Lifecycle.DRAFT:
        raise rules.not_in_state(group)
    return _move_group(group, SupportGroup.Lifecycle.CLOSED, by=by, at=at or timezone.now())


#: What a copy does not take over: who it is, what became of it, and what belongs to one feed.
_NOT_COPIED = frozenset(
    "id name slug lifecycle lifecycle_changed_at lifecycle_message is_from_feed created_at".split()
)


@transaction.atomic
def clone_group(
    *, group: SupportGroup, name: str, by: User, at: datetime | None = None
) -> SupportGroup:
    """A draft like this group: its words, place, topics, facilitators and agreement.

    Members and dates stay behind. The rooms above copy what is theirs.
    """
    at = at or timezone.now()
    rules.check_may_coordinate_group(by, group)
    fields = {
        field.attname: getattr(group, field.attname)
        for field in SupportGroup._meta.concrete_fields
        if field.name not in _NOT_COPIED
    }
    copy = _create_group(**fields, name=name, created_at=at)
    copy.topics.set(group.topics.all())
    FacilitatorAssignment.objects.bulk_create(
        FacilitatorAssignment(
            group=copy,
            user_id=assignment.user_id,
            is_lead=assignment.is_lead,
            introduction=assignment.introduction,
            began_at=at,
        )
        for assignment in group.facilitator_assignments.all()
    )
    settle_second_factors(_leaders_of(copy), at=at)
    if agreement := group.current_agreement():
        Agreement.objects.create(group=copy, version=1, text=agreement.text, published_at=at)
    record(
        "group.cloned",
        by=by,
        on=copy,
        organisation=copy.organisation_id,
        at=at,
        source=str(group.pk),
    )
    return copy
