"""What people do with groups and memberships."""

import itertools
from datetime import timedelta

import pytest

from audit.models import Event
from groups import actions, rules
from groups.models import FacilitatorAssignment, Membership, SupportGroup
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once

Status = Membership.Status


def verbs(membership):
    return list(
        Event.objects.filter(object_id=membership.pk).order_by("id").values_list("verb", flat=True)
    )


def reason_of(raised) -> str:
    return raised.value.reason


# The table of moves ------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Status, Status)))
def test_the_table_of_moves_decides(group, before, after):
    membership = factories.membership(group=group, status=before)

    if after in Membership.MOVES[before]:
        rules.check_move(membership, after)
    else:
        with pytest.raises(Refused) as raised:
            rules.check_move(membership, after)
        assert reason_of(raised) == "state_changed"


def test_every_state_can_be_reached_and_the_ends_are_ends():
    reached = {Status.APPLIED}.union(*Membership.MOVES.values())

    assert reached == set(Status)
    assert {s for s, moves in Membership.MOVES.items() if not moves} == set(Status) - set(
        Membership.OPEN
    )


def doing(verb, membership, facilitator):
    """Try one verb the way its page would."""
    person = membership.user
    match verb:
        case "take":
            return actions.take_offer(membership=membership, by=person)
        case "not now":
            return actions.decline_offer(membership=membership, by=person)
        case "accept":
            return actions.accept(membership=membership, by=facilitator)
        case "refer":
            return actions.refer(membership=membership, by=facilitator, reason="Better suited.")
        case "sign":
            return actions.sign_agreement(
                membership=membership,
                agreement=membership.group.current_agreement(),
                signed_name=person.display_name,
                by=person,
            )
        case "withdraw":
            return actions.withdraw(membership=membership, by=person)
        case "remove":
            return actions.remove(membership=membership, by=facilitator, reason="Breach.")
        case _:
            return actions.complete(membership=membership, by=None)


WALK = {
    ("applied", "accept"): "accepted",
    ("applied", "refer"): "referred",
    ("applied", "withdraw"): "withdrawn",
    ("waitlisted", "refer"): "referred",
    ("waitlisted", "withdraw"): "withdrawn",
    ("offered", "take"): "accepted",
    ("offered", "not now"): "waitlisted",
    ("offered", "withdraw"): "withdrawn",
    ("accepted", "sign"): "active",
    ("accepted", "withdraw"): "withdrawn",
    ("accepted", "remove"): "removed",
    ("active", "sign"): "active",
    ("active", "withdraw"): "withdrawn",
    ("active", "remove"): "removed",
    ("active", "complete"): "completed",
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize(
    "verb",
    ["accept", "take", "not now", "refer", "sign", "withdraw", "remove", "complete"],
)
def test_walk(group, facilitator, status, verb):
    membership = factories.membership(group=group, status=status)
    expected = WALK.get((status.value, verb))

    if expected is None:
        with pytest.raises(Refused):
            doing(verb, membership, facilitator.user)
        expected, events = status, 0
    else:
        doing(verb, membership, facilitator.user)
        events = 1

    membership.refresh_from_db()
    assert membership.status == expected
    assert len(verbs(membership)) == events
    assert (membership.ended_at is None) == (membership.status in Membership.OPEN)


# Each verb ---------------------------------------------------------------------------------------


def test_apply_begins_one_episode(group, outsider):
    membership = actions.apply(group=group, by=outsider.user)

    assert membership.status == Status.APPLIED
    assert verbs(membership) == ["membership.applied"]
    with pytest.raises(Refused) as raised:
        actions.apply(group=group, by=outsider.user)
    assert reason_of(raised) == "already_open"


def test_accept_puts_on_the_waiting_list_when_full_and_a_free_place_is_offered(group, facilitator):
    group.capacity = group.minimum = 2
    group.save()
    seated = [factories.member(group) for _ in range(2)]
    membership = factories.membership(group=group)

    actions.accept(membership=membership, by=facilitator.user)
    membership.refresh_from_db()
    assert membership.status == Status.WAITLISTED
    assert membership.waitlisted_at
    with pytest.raises(Refused) as raised:
        actions.accept(membership=membership, by=facilitator.user)
    assert reason_of(raised) == "state_changed"

    actions.withdraw(membership=seated[0], by=seated[0].user, reason="Moving away.")
    membership.refresh_from_db()
    assert membership.status == Status.OFFERED
    assert membership.offer_expires_at - membership.offered_at == rules.OFFER_HOLDS
    actions.take_offer(membership=membership, by=membership.user)
    membership.refresh_from_db()
    assert (membership.status, membership.accepted_by) == (Status.ACCEPTED, facilitator.user)
    assert verbs(membership) == [
        "membership.waitlisted",
        "membership.offered",
        "membership.accepted",
    ]


def test_accept_gives_free_places_to_those_who_wait_first(group, facilitator):
    group.capacity = group.minimum = 3
    group.save()
    factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")
    first, second = (factories.membership(group=group) for _ in range(2))

    # Two places are free and one person waits: one of them is for somebody new.
    assert actions.accept(membership=first, by=facilitator.user).status == Status.ACCEPTED
    assert actions.accept(membership=second, by=None).status == Status.WAITLISTED
    # Nobody waits while a place is free: whoever was there first has been offered it.
    waiting.refresh_from_db()
    assert waiting.status == Status.OFFERED


def test_only_staff_of_the_group_accept_refer_and_remove(group, other_coordinator, outsider):
    membership = factories.membership(group=group)
    for person in (other_coordinator.user, outsider.user, membership.user):
        with pytest.raises(Refused):
            actions.accept(membership=membership, by=person)
        with pytest.raises(Refused):
            actions.refer(membership=membership, by=person, reason="No.")
        with pytest.raises(Refused):
            actions.remove(membership=membership, by=person, reason="No.")

    assert verbs(membership) == []


def begin(group) -> None:
    """The first session of a closed group is under way."""
    group.attendance = "closed"
    group.save()
    factories.support_session(group, status="live")


@pytest.mark.parametrize("by_staff", [True, False])
@pytest.mark.parametrize("now", ["paused", "closed", "begun"])
def test_a_group_that_takes_nobody_new_gives_no_place(group, facilitator, now, by_staff):
    membership = factories.membership(group=group)
    if now == "begun":
        begin(group)
    else:
        group.lifecycle = now
        group.save()

    with pytest.raises(Refused) as raised:
        actions.accept(membership=membership, by=facilitator.user if by_staff else None)

    assert reason_of(raised) == ("course_began" if now == "begun" else "not_listed")
    membership.refresh_from_db()
    assert membership.status == Status.APPLIED


def test_nobody_signs_or_leaves_for_another(group, outsider):
    membership = factories.membership(group=group, status="accepted")

    with pytest.raises(Refused) as raised:
        actions.sign_agreement(
            membership=membership,
            agreement=group.current_agreement(),
            signed_name="Not me",
            by=outsider.user,
        )
    assert reason_of(raised) == "not_yours"
    with pytest.raises(Refused) as raised:
        actions.withdraw(membership=membership, by=outsider.user)
    assert reason_of(raised) == "not_yours"


def test_signing_twice_gives_the_first_signature(group):
    membership = factories.membership(group=group, status="accepted")

    first = doing("sign", membership, None)
    again = doing("sign", membership, None)

    assert again == first
    assert verbs(membership) == ["membership.active"]


def test_a_replaced_version_cannot_be_signed_and_members_sign_again(group, coordinator):
    membership = factories.member(group)
    old = group.current_agreement()

    new = actions.publish_agreement(group=group, text="New. Words.", by=coordinator.user)

    assert new.version == old.version + 1
    assert not group.memberships.in_good_standing().exists()
    with pytest.raises(Refused) as raised:
        actions.sign_agreement(
            membership=membership, agreement=old, signed_name="Me", by=membership.user
        )
    assert reason_of(raised) == "replaced"
    doing("sign", membership, None)
    assert list(group.memberships.in_good_standing()) == [membership]
    assert verbs(membership) == ["agreement.signed"]


def test_publish_agreement_is_for_staff(group, member):
    with pytest.raises(Refused):
        actions.publish_agreement(group=group, text="Mine. Now.", by=member.user)


def test_the_reason_for_leaving_stays_out_of_the_trail(group):
    membership = factories.member(group)

    actions.withdraw(membership=membership, by=membership.user, reason="I feel worse.")

    event = Event.objects.get(object_id=membership.pk)
    assert event.data == {"before": "active", "reason_given": True}
    membership.refresh_from_db()
    assert membership.end_reason == "I feel worse."


# Offers ------------------------------------------------------------------------------------------


def test_an_offer_that_ran_out_cannot_be_taken_before_the_clock_comes(group):
    membership = factories.membership(group=group, status="offered")
    late = membership.offer_expires_at

    for answer in (actions.take_offer, actions.decline_offer):
        with pytest.raises(Refused) as raised:
            answer(membership=membership, by=membership.user, at=late)
        assert reason_of(raised) == "offer_expired"
    before = late - timedelta(seconds=1)
    assert actions.take_offer(membership=membership, by=membership.user, at=before)


def test_nobody_answers_for_another_and_nothing_is_taken_in_a_closed_group(group, outsider):
    membership = factories.membership(group=group, status="offered")
    with pytest.raises(Refused) as raised:
        actions.take_offer(membership=membership, by=outsider.user)
    assert reason_of(raised) == "not_yours"

    SupportGroup.objects.update(lifecycle="closed")
    with pytest.raises(Refused) as raised:
        actions.take_offer(membership=membership, by=membership.user)
    assert reason_of(raised) == "not_listed"


def test_not_now_alone_on_the_list_is_not_asked_again_at_once(group):
    membership = factories.membership(group=group, status="offered", offers_missed=1)

    membership = actions.decline_offer(membership=membership, by=membership.user)

    assert (membership.status, membership.offers_missed) == (Status.WAITLISTED, 0)
    newcomer = factories.membership(group=group)
    assert actions.accept(membership=newcomer, by=None).status == Status.ACCEPTED


def test_a_place_that_those_in_front_do_not_want_now_is_offered_to_somebody_new(group):
    group.capacity = group.minimum = 2
    group.save()
    factories.member(group)
    first = factories.membership(group=group, status="offered")
    actions.decline_offer(membership=first, by=first.user)

    newcomer = actions.accept(membership=factories.membership(group=group), by=None)

    assert newcomer.status == Status.OFFERED
    assert verbs(newcomer) == ["membership.waitlisted", "membership.offered"]


def test_offers_leave_the_clock_as_their_origin_and_nobody_as_actor(group):
    waiting = factories.membership(group=group, status="waitlisted")

    (offered,) = actions.offer_places(group=group)

    assert offered == waiting
    assert Event.objects.get(object_id=waiting.pk).actor_id is None
    assert actions.offer_places(group=group) == []


# Coming back -------------------------------------------------------------------------------------


def test_come_back_is_a_new_episode_accepted_by_who_did_before(group, facilitator):
    former = factories.member(group, accepted_by=facilitator.user)
    actions.withdraw(membership=former, by=former.user)

    again = actions.come_back(group=group, by=former.user)

    assert again.pk != former.pk
    assert (again.status, again.accepted_by) == (Status.ACCEPTED, facilitator.user)
    assert verbs(again) == ["membership.applied", "membership.accepted"]
    with pytest.raises(Refused) as raised:
        actions.come_back(group=group, by=former.user)
    assert reason_of(raised) == "already_open"


def test_who_took_an_application_back_cannot_come_back_past_the_questions(group):
    membership = factories.membership(group=group)
    actions.withdraw(membership=membership, by=membership.user)

    with pytest.raises(Refused) as raised:
        actions.come_back(group=group, by=membership.user)

    assert reason_of(raised) == "too_late"


def test_come_back_to_a_course_that_began_only_into_a_free_place_of_ones_own(group):
    group.attendance, group.course_sessions, group.capacity, group.minimum = "closed", 8, 2, 2
    group.save()
    factories.support_session(group, status="live")
    was_there, never_there = (
        factories.member(group),
        factories.membership(group=group, status="accepted"),
    )
    for membership in (was_there, never_there):
        actions.withdraw(membership=membership, by=membership.user)

    assert actions.come_back(group=group, by=was_there.user).status == Status.ACCEPTED
    with pytest.raises(Refused) as raised:
        actions.come_back(group=group, by=never_there.user)
    assert reason_of(raised) == "course_began"


def test_come_back_keeps_who_came_with_whom(group):
    inviter = factories.member(group)
    companion = factories.member(group, companion_of=inviter)
    actions.withdraw(membership=companion, by=companion.user)
    assert actions.come_back(group=group, by=companion.user).companion_of == inviter

    actions.withdraw(membership=Membership.objects.latest("applied_at"), by=companion.user)
    factories.membership(group=group, companion_of=inviter)
    assert actions.come_back(group=group, by=companion.user).companion_of is None


# Removal and appeal ------------------------------------------------------------------------------


@pytest.fixture
def removed(group, facilitator):
    membership = factories.member(group)
    return actions.remove(membership=membership, by=facilitator.user, reason="After two talks.")


def kinds(user):
    return [notice.kind for notice in user.notices.order_by("made_at", "pk")]


def test_remove_tells_the_person_and_frees_the_place(group, facilitator):
    group.capacity = group.minimum = 2
    group.save()
    membership = factories.member(group)
    factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")

    actions.remove(membership=membership, by=facilitator.user, reason="After two talks.")

    waiting.refresh_from_db()
    assert waiting.status == Status.OFFERED
    assert kinds(membership.user) == ["removed"]
    assert kinds(waiting.user) == ["offered"]


def test_nobody_removes_themselves(group, facilitator):
    FacilitatorAssignment.objects.all().delete()
    own = factories.member(group, user=facilitator.user)
    factories.facilitator(group, user=facilitator.user)

    with pytest.raises(Refused) as raised:
        actions.remove(membership=own, by=facilitator.user, reason="Me.")

    assert reason_of(raised) == "your_own"


def test_appeal_tells_those_who_decide_and_keeps_who_removed(group, removed, coordinator):
    appeal = actions.appeal(membership=removed, words="Please.", by=removed.user)

    assert appeal.removed_by == removed.ended_by
    assert appeal.answer_by - appeal.asked_at == rules.APPEAL_ANSWERED_WITHIN
    assert kinds(coordinator.user) == ["appealed"]
    assert kinds(removed.ended_by) == []
    with pytest.raises(Refused) as raised:
        actions.appeal(membership=removed, words="Again.", by=removed.user)
    assert reason_of(raised) == "asked_already"


def test_appeal_is_the_persons_own_within_30_days_of_a_removal(group, removed, outsider):
    def reason(membership, by, days=0):
        at = removed.ended_at + timedelta(days=days)
        with pytest.raises(Refused) as raised:
            actions.appeal(membership=membership, words="", by=by, at=at)
        return reason_of(raised)

    member = factories.member(group)
    assert reason(removed, outsider.user) == "not_yours"
    assert reason(member, member.user) == "not_removed"
    assert reason(removed, removed.user, days=31) == "too_late"


def decided(removed, coordinator, outcome="overturned"):
    appeal = actions.appeal(membership=removed, words="Please.", by=removed.user)
    return actions.decide_appeal(
        appeal=appeal, outcome=outcome, message="We have looked.", by=coordinator.user
    )


def test_an_overturned_removal_begins_a_new_episode_with_a_free_place(removed, coordinator):
    appeal = decided(removed, coordinator)

    again = removed.user.memberships.get(status=Status.ACCEPTED)
    assert (again.accepted_by, appeal.decided_by) == (coordinator.user, coordinator.user)
    removed.refresh_from_db()
    assert removed.status == Status.REMOVED
    assert kinds(removed.user) == ["removed", "decided"]


def test_an_overturned_removal_without_a_place_is_first_in_line(group, removed, coordinator):
    group.capacity = group.minimum = 2
    group.save()
    for _ in range(2):
        factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")

    decided(removed, coordinator)

    again = removed.user.memberships.get(status=Status.WAITLISTED)
    assert list(rules.waiting_line(group)) == [again, waiting]


@pytest.mark.parametrize("now", ["closed", "leads"])
def test_an_overturned_removal_gives_no_place_that_nobody_can_have(
    group, removed, coordinator, now
):
    if now == "leads":
        factories.facilitator(group, user=removed.user)
    else:
        group.lifecycle = "closed"
        group.save()

    decided(removed, coordinator)

    assert removed.user.memberships.get() == removed
    assert kinds(removed.user) == ["removed", "decided"]


def test_an_upheld_removal_changes_nothing(removed, coordinator):
    decided(removed, coordinator, "upheld")

    assert removed.user.memberships.get() == removed


def test_an_overturned_removal_leaves_a_new_request_as_it_is(group, removed, coordinator):
    asked = actions.apply(group=group, by=removed.user)

    decided(removed, coordinator)

    asked.refresh_from_db()
    assert asked.status == Status.APPLIED
    assert removed.user.memberships.count() == 2


def test_who_removed_never_decides(group, removed, facilitator, coordinator, other_coordinator):
    appeal = actions.appeal(membership=removed, words="Please.", by=removed.user)
    for person in (facilitator.user, other_coordinator.user, removed.user):
        with pytest.raises(Refused) as raised:
            actions.decide_appeal(appeal=appeal, outcome="upheld", message="No.", by=person)
        assert reason_of(raised) == "not_decider"


# Somebody close ----------------------------------------------------------------------------------


@pytest.fixture
def inviter(group):
    group.allows_companions = True
    group.save()
    return factories.member(group)


def invite(membership, **fields):
    return actions.invite_companion(
        group=membership.group, relation="partner", by=membership.user, **fields
    )


def test_one_invitation_at_a_time_and_a_new_one_after_it_ran_out(inviter):
    first = invite(inviter)
    assert invite(inviter) == first

    second = invite(inviter, at=first.expires_at)
    assert second != first
    first.refresh_from_db()
    assert first.withdrawn_at == second.invited_at


def test_an_invitation_is_used_once_by_somebody_else(inviter):
    invitation = invite(inviter)
    own = inviter
    assert (
        actions.use_companion_invitation(
            invitation=invitation, membership=own, by=own.user
        ).companion_of
        is None
    )

    came, another = (factories.membership(group=inviter.group) for _ in range(2))
    for membership in (came, another):
        actions.use_companion_invitation(
            invitation=invitation, membership=membership, by=membership.user
        )
        membership.refresh_from_db()
    assert (came.companion_of, another.companion_of) == (inviter, None)
    assert verbs(came) == ["companion.came"]
    with pytest.raises(Refused) as raised:
        invite(inviter)
    assert reason_of(raised) == "has_companion"


@pytest.mark.parametrize("what", ["withdrawn", "inviter left", "another group"])
def test_an_invitation_that_ended_leaves_an_ordinary_applicant(inviter, what):
    invitation = invite(inviter)
    membership = factories.membership(group=inviter.group)
    if what == "withdrawn":
        for _ in range(2):
            actions.withdraw_companion_invitation(invitation=invitation, by=inviter.user)
    elif what == "inviter left":
        actions.withdraw(membership=inviter, by=inviter.user)
    else:
        membership = factories.membership()

    used = actions.use_companion_invitation(
        invitation=invitation, membership=membership, by=membership.user
    )

    assert used.companion_of is None


def test_only_the_inviter_takes_an_invitation_back_and_not_once_used(inviter, outsider):
    invitation = invite(inviter)
    with pytest.raises(Refused) as raised:
        actions.withdraw_companion_invitation(invitation=invitation, by=outsider.user)
    assert reason_of(raised) == "not_yours"

    came = factories.membership(group=inviter.group)
    with pytest.raises(Refused):
        actions.use_companion_invitation(invitation=invitation, membership=came, by=outsider.user)
    actions.use_companion_invitation(invitation=invitation, membership=came, by=came.user)
    with pytest.raises(Refused) as raised:
        actions.withdraw_companion_invitation(invitation=invitation, by=inviter.user)
    assert reason_of(raised) == "used"


# The agreement -----------------------------------------------------------------------------------


def test_a_new_version_tells_members_and_the_first_tells_nobody(group, coordinator):
    membership = factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")
    actions.publish_agreement(group=group, text="New. Words.", by=coordinator.user)
    assert (kinds(membership.user), kinds(waiting.user)) == (["agreement"], [])

    other = factories.group(organisation=group.organisation)
    other.agreements.all().delete()
    joined = factories.membership(group=other, status="active")
    actions.publish_agreement(group=other, text="First. Words.", by=coordinator.user)
    assert kinds(joined.user) == []


# At once, on a real database ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_people_take_the_last_place_at_once():
    group = factories.group(capacity=2, minimum=2)
    leader = factories.facilitator(group).user
    factories.member(group)
    first, second = (factories.membership(group=group) for _ in range(2))

    results = at_once(
        *(
            lambda membership=membership: actions.accept(membership=membership, by=leader)
            for membership in (first, second)
        )
    )

    assert sorted(result.status for result in results) == ["accepted", "waitlisted"]
    assert SupportGroup.objects.with_seats_taken().get().seats_taken == group.capacity


@pytest.mark.django_db(transaction=True)
def test_many_accept_and_leave_at_once_without_a_deadlock():
    group = factories.group(capacity=4, minimum=2)
    leader = factories.facilitator(group).user
    members = [factories.member(group) for _ in range(3)]
    applied = [factories.membership(group=group) for _ in range(5)]

    at_once(
        *(lambda m=m: actions.withdraw(membership=m, by=m.user) for m in members),
        *(lambda m=m: actions.accept(membership=m, by=leader) for m in applied),
    )

    assert SupportGroup.objects.with_seats_taken().get().seats_taken <= group.capacity
    assert not group.memberships.filter(status=Status.APPLIED).exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_person_applies_twice_at_once():
    group = factories.group()
    person = factories.user()

    results = at_once(*[lambda: actions.apply(group=group, by=person)] * 2)

    assert [isinstance(result, Membership) for result in results].count(True) == 1
    assert group.memberships.count() == 1


@pytest.mark.django_db(transaction=True)
def test_several_take_their_offers_while_others_leave_and_are_accepted():
    group = factories.group(capacity=5, minimum=2)
    leader = factories.facilitator(group).user
    offered = [factories.membership(group=group, status="offered") for _ in range(3)]
    members = [factories.member(group) for _ in range(2)]
    applied = [factories.membership(group=group) for _ in range(3)]

    results = at_once(
        *(lambda m=m: actions.take_offer(membership=m, by=m.user) for m in offered),
        *(lambda m=m: actions.withdraw(membership=m, by=m.user) for m in members),
        *(lambda m=m: actions.accept(membership=m, by=leader) for m in applied),
    )

    assert not [result for result in results if isinstance(result, Refused)]
    assert [result.status for result in results[:3]] == ["accepted"] * 3
    assert SupportGroup.objects.with_seats_taken().get().seats_taken == group.capacity
    # Three wanted the two places that were left: the third waits, nobody got one twice.
    assert rules.waiting_line(group).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_offer_is_taken_and_runs_out_at_once():
    group = factories.group(capacity=2, minimum=2)
    factories.member(group)
    offered = factories.membership(group=group, status="offered")
    waiting = factories.membership(group=group, status="waitlisted")
    late = offered.offer_expires_at

    taken, _ = at_once(
        lambda: actions.take_offer(
            membership=offered, by=offered.user, at=late - timedelta(seconds=1)
        ),
        lambda: actions.expire_offers(group=group, at=late),
    )

    for membership in (offered, waiting):
        membership.refresh_from_db()
    if isinstance(taken, Refused):
        assert (offered.status, waiting.status) == ("waitlisted", "offered")
    else:
        assert (offered.status, waiting.status) == ("accepted", "waitlisted")


@pytest.mark.django_db(transaction=True)
def test_the_same_person_comes_back_twice_at_once():
    group = factories.group()
    former = factories.member(group)
    actions.withdraw(membership=former, by=former.user)

    results = at_once(*[lambda: actions.come_back(group=group, by=former.user)] * 2)

    assert [isinstance(result, Membership) for result in results].count(True) == 1
    assert group.memberships.open().count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_coordinators_decide_an_appeal_at_once():
    group = factories.group()
    deciders = [factories.staff_role(organisation=group.organisation).user for _ in range(2)]
    leader = factories.facilitator(group).user
    removed = actions.remove(membership=factories.member(group), by=leader, reason="Why.")
    appeal = actions.appeal(membership=removed, words="", by=removed.user)

    results = at_once(
        *(
            lambda by=by: actions.decide_appeal(
                appeal=appeal, outcome="overturned", message="Welcome back.", by=by
            )
            for by in deciders
        )
    )

    refused = [result for result in results if isinstance(result, Refused)]
    assert [each.reason for each in refused] == ["state_changed"]
    assert removed.user.memberships.open().count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_use_one_invitation_at_once():
    group = factories.group(allows_companions=True)
    inviter = factories.member(group)
    invitation = factories.companion_invitation(inviter)
    both = [factories.membership(group=group) for _ in range(2)]

    at_once(
        *(
            lambda m=m: actions.use_companion_invitation(
                invitation=invitation, membership=m, by=m.user
            )
            for m in both
        )
    )

    assert inviter.companions.count() == 1
