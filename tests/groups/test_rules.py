"""Who may see, join, sign and leave."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from groups import rules
from groups.models import Membership
from supportgroups.lib.refusals import Refused
from tests import factories


def user_of(person):
    return person.user or AnonymousUser()


@pytest.mark.parametrize("lifecycle", ["draft", "paused", "closed"])
@pytest.mark.parametrize(
    ("who", "may_know"),
    [
        ("visitor", False),
        ("outsider", False),
        ("applicant", True),
        ("member", True),
        ("facilitator", True),
        ("coordinator", True),
        ("other_coordinator", False),
    ],
)
def test_groups_visible_to(cast, group, who, may_know, lifecycle):
    assert rules.groups_visible_to(user_of(cast[who])).filter(pk=group.pk).exists()

    group.lifecycle = lifecycle
    group.save()

    assert rules.groups_visible_to(user_of(cast[who])).filter(pk=group.pk).exists() == may_know


@pytest.mark.parametrize(
    ("who", "staffs", "leads"),
    [
        ("visitor", False, False),
        ("outsider", False, False),
        ("member", False, False),
        ("facilitator", True, True),
        ("coordinator", True, False),
        ("other_coordinator", False, False),
    ],
)
def test_check_may_staff_and_lead(cast, group, who, staffs, leads):
    user = user_of(cast[who])
    for check, may in ((rules.check_may_staff, staffs), (rules.check_may_lead, leads)):
        if may:
            assert check(user, group)
        else:
            with pytest.raises(Refused):
                check(user, group)
    assert rules.groups_led_by(user).filter(pk=group.pk).exists() == leads


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("visitor", None),
        ("outsider", None),
        ("applicant", "already_open"),
        ("member", "already_open"),
        ("facilitator", "leads_group"),
        ("coordinator", None),
    ],
)
def test_check_may_join(cast, group, who, reason):
    if reason is None:
        rules.check_may_join(user_of(cast[who]), group)
    else:
        with pytest.raises(Refused) as refused:
            rules.check_may_join(user_of(cast[who]), group)
        assert refused.value.reason == reason


def test_check_may_join_only_listed_groups(outsider, group):
    group.lifecycle = "paused"

    with pytest.raises(Refused) as refused:
        rules.check_may_join(outsider.user, group)

    assert refused.value.reason == "not_listed"


@pytest.mark.parametrize("status", Membership.Status)
def test_check_may_sign_and_leave_by_state(group, status):
    membership = factories.membership(group=group, status=status)
    person = membership.user

    for check, may in (
        (rules.check_may_sign, status in Membership.HAS_A_PLACE),
        (rules.check_may_leave, status in Membership.OPEN),
    ):
        if may:
            assert check(person, group) == membership
        else:
            with pytest.raises(Refused) as refused:
                check(person, group)
            assert refused.value.next_step.url == f"/groups/{group.slug}/"


def test_nothing_to_sign_before_there_is_an_agreement(group):
    membership = factories.membership(group=group, status="accepted")
    group.agreements.all().delete()

    with pytest.raises(Refused) as refused:
        rules.check_may_sign(membership.user, group)

    assert refused.value.reason == "no_agreement"


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("applied", "applied"),
        ("waitlisted", "waiting"),
        ("offered", "offered"),
        ("accepted", "sign"),
        ("active", "sign"),
        ("withdrawn", "join"),
        ("removed", "join"),
    ],
)
def test_standing_by_state(group, status, step):
    membership = factories.membership(group=group, status=status)

    assert rules.standing(membership.user, group).step == step


def test_standing_of_the_others(cast, group):
    assert rules.standing(AnonymousUser(), group).step == "join"
    assert rules.standing(cast["member"].user, group).step == "member"
    assert rules.standing(cast["facilitator"].user, group).step == "leads"
    factories.application(group, user=cast["outsider"].user)
    assert rules.standing(cast["outsider"].user, group).step == "continue"
    group.lifecycle = "paused"
    assert rules.standing(AnonymousUser(), group).step == "closed"
    assert rules.standing(cast["outsider"].user, group).step == "closed"


def test_expected_wait_is_the_median_of_three_or_more(group):
    now = timezone.now()
    for days in (2, 30):
        factories.membership(
            group=group, status="active", waitlisted_at=now - timedelta(days=days), accepted_at=now
        )
    assert rules.expected_wait(group) is None

    factories.membership(
        group=group, status="active", waitlisted_at=now - timedelta(days=5), accepted_at=now
    )
    assert rules.expected_wait(group) == timedelta(days=5)


def test_alternatives_share_a_topic_and_have_a_place(group):
    topic = factories.topic()
    group.topics.add(topic)
    other, full, draft = (
        factories.group(),
        factories.group(capacity=2, minimum=2),
        factories.group(lifecycle="draft"),
    )
    for one in (other, full, draft):
        one.topics.add(topic)
    for _ in range(2):
        factories.member(full)
    factories.group()

    assert list(rules.alternatives_to(group)) == [other]


def test_seats_left_is_never_negative(group):
    group.capacity = group.minimum = 2
    for _ in range(3):
        factories.member(group)

    assert rules.seats_left(group) == 0
