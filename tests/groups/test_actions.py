"""What people do with groups and memberships."""

import itertools

import pytest

from audit.models import Event
from groups import actions, rules
from groups.models import Membership, SupportGroup
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
