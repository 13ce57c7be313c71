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


# Who takes nobody, and the waiting list ----------------------------------------------------------


@pytest.fixture
def course(group):
    group.attendance, group.course_sessions = "closed", 8
    group.save()
    return group


def session(group, days, **fields):
    return factories.support_session(
        group, starts_at=timezone.now() + timedelta(days=days), **fields
    )


def test_a_course_takes_nobody_once_its_first_session_began(course, outsider):
    first = session(course, 1)
    rules.check_may_join(outsider.user, course)

    assert not rules.course_began(course, at=first.starts_at - timedelta(seconds=1))
    assert rules.course_began(course, at=first.starts_at)
    first.starts_at = timezone.now() - timedelta(minutes=1)
    first.save()
    with pytest.raises(Refused) as refused:
        rules.check_may_join(outsider.user, course)
    assert refused.value.reason == "course_began"
    assert refused.value.next_step.url == f"/groups/{course.slug}/#others-title"


def test_a_cancelled_first_session_has_not_begun_a_course(course):
    session(course, -1, status="cancelled")

    assert not rules.course_began(course)


def test_an_open_group_always_takes_people(group):
    session(group, -1)

    assert rules.why_takes_nobody(group) is None


def test_a_course_that_runs_again_takes_people_until_its_new_start(course):
    past = factories.series(course, ended_at=timezone.now())
    for week in range(9, 1, -1):
        session(course, -7 * week, series=past, status="ended")
    present = factories.series(course)
    session(course, 3, series=present)
    assert not rules.course_began(course)

    session(course, -1, series=present)
    assert rules.course_began(course)


def test_a_rhythm_that_changes_in_the_middle_goes_on_with_the_course(course):
    past = factories.series(course, ended_at=timezone.now())
    for week in (3, 2, 1):
        session(course, -7 * week, series=past, status="ended")
    session(course, 3, series=factories.series(course))

    assert rules.course_began(course)


def test_places_in_line_are_by_the_time_on_the_list(group):
    now = timezone.now()
    third, first, second = (
        factories.membership(
            group=group, status="waitlisted", waitlisted_at=now - timedelta(days=d)
        )
        for d in (1, 9, 5)
    )

    assert [rules.place_in_line(m) for m in (first, second, third)] == [1, 2, 3]
    assert rules.place_in_line(factories.member(group)) is None


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({}, True),
        ({"offered_at": 9, "waitlisted_at": 8}, True),
        ({"offered_at": 3, "waitlisted_at": 2}, False),
        ({"offered_at": 3, "waitlisted_at": 2, "offers_missed": 1}, True),
    ],
)
def test_next_in_line_leaves_out_who_said_not_now_lately(group, fields, may):
    days = {k: v for k, v in fields.items() if k != "offers_missed"}
    moments = {k: timezone.now() - timedelta(days=v) for k, v in days.items()}
    missed = fields.get("offers_missed", 0)
    factories.membership(group=group, status="waitlisted", offers_missed=missed, **moments)

    assert rules.next_in_line(group).exists() == may
    Membership.objects.update(waitlisted_at=timezone.now())
    group.capacity = 9
    group.save()
    assert rules.groups_with_a_place_to_offer().exists() == (may and (missed or not moments))


# Appeals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("remover", ["facilitator", "coordinator", None])
@pytest.mark.parametrize("roles", [(), ("coordinator",), ("supervisor",), ("coordinator",) * 2])
def test_an_appeal_is_decided_by_somebody_else(group, facilitator, remover, roles):
    """Both ways of asking the one rule agree, whoever is there."""
    staff = [
        factories.staff_role(organisation=group.organisation, role=role).user for role in roles
    ]
    gone = factories.user(is_active=False)
    factories.staff_role(organisation=group.organisation, user=gone)
    coordinators = [user for user, role in zip(staff, roles, strict=True) if role == "coordinator"]
    removed_by = {"facilitator": facilitator.user, "coordinator": (coordinators or [None])[0]}.get(
        remover
    )
    appeal = factories.appeal(group, removed_by=removed_by)

    deciders = set(rules.appeal_deciders(appeal.membership, removed_by=removed_by))

    everybody = [*staff, facilitator.user, group.overseer, appeal.membership.user, gone]
    found = {u for u in everybody if rules.appeals_decided_by(u).filter(pk=appeal.pk).exists()}
    assert deciders == found - {gone}
    assert removed_by not in deciders
    others = set(coordinators) - {removed_by}
    supervisors = set(staff) - set(coordinators)
    assert deciders == (others or supervisors or {group.overseer})


def test_check_may_see_appeals(cast, group):
    supervisor = factories.staff_role(organisation=group.organisation, role="supervisor").user
    for user in (cast["coordinator"].user, supervisor, group.overseer):
        rules.check_may_see_appeals(user)
    for who in ("outsider", "member", "facilitator"):
        with pytest.raises(Refused):
            rules.check_may_see_appeals(cast[who].user)


# Somebody close ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("visitor", "not_member"),
        ("applicant", "not_member"),
        ("facilitator", "not_member"),
        ("member", None),
    ],
)
def test_check_may_invite(cast, group, who, reason):
    group.allows_companions = True
    group.save()
    if reason is None:
        assert rules.check_may_invite(user_of(cast[who]), group).user == cast[who].user
    else:
        with pytest.raises(Refused) as refused:
            rules.check_may_invite(user_of(cast[who]), group)
        assert refused.value.reason == reason


def test_check_may_invite_only_where_and_when_somebody_can_join(group, member):
    def reason():
        with pytest.raises(Refused) as refused:
            rules.check_may_invite(member.user, group)
        return refused.value.reason

    assert reason() == "not_here"
    group.allows_companions, group.lifecycle = True, "paused"
    assert reason() == "not_listed"
    group.lifecycle = "listed"
    member.user.memberships.update(companion_of=factories.member(group))
    assert reason() == "is_companion"


@pytest.fixture
def welcoming(group):
    """A group where members may bring somebody."""
    group.allows_companions = True
    group.save()
    return group


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"used_at": timezone.now()}, "used"),
        ({"withdrawn_at": timezone.now()}, "ended"),
        ({"expires_at": timezone.now() - timedelta(minutes=1)}, "ended"),
    ],
)
def test_check_may_follow(welcoming, member, outsider, fields, reason):
    invitation = factories.companion_invitation(member.user.memberships.get(), **fields)

    for user in (outsider.user, AnonymousUser()):
        if reason is None:
            rules.check_may_follow(user, invitation)
        else:
            with pytest.raises(Refused) as refused:
                rules.check_may_follow(user, invitation)
            assert refused.value.reason == reason


@pytest.mark.parametrize(
    "now",
    ["inviter left", "account closed", "agreement changed", "members alone", "paused", "closed"],
)
def test_an_invitation_ends_with_what_allows_it(welcoming, member, outsider, now):
    inviter = member.user.memberships.get()
    invitation = factories.companion_invitation(inviter)
    asked = factories.membership(group=welcoming, user=outsider.user)
    assert rules.comes_with(invitation, asked)
    if now == "inviter left":
        member.user.memberships.update(status="withdrawn", ended_at=timezone.now())
    elif now == "account closed":
        type(member.user).objects.filter(pk=member.user.pk).update(is_active=False)
    elif now == "agreement changed":
        factories.agreement(welcoming, text="New. Words.")
    elif now == "members alone":
        type(welcoming).objects.update(allows_companions=False)
    else:
        type(welcoming).objects.update(lifecycle=now)
    there = rules.invitation_of(rules.companion_token(invitation))
    assert not rules.comes_with(there, asked)

    with pytest.raises(Refused) as refused:
        rules.check_may_follow(
            outsider.user, rules.invitation_of(rules.companion_token(invitation))
        )

    assert refused.value.reason == "ended"


@pytest.mark.parametrize(
    ("status", "way"), [("withdrawn", "left"), ("removed", "removed"), ("active", ""), (None, "")]
)
def test_way_back(group, outsider, status, way):
    if status:
        factories.membership(
            group=group, user=outsider.user, status=status, waitlisted_at=timezone.now()
        )

    assert rules.way_back(outsider.user, group) == way
    assert rules.way_back(AnonymousUser(), group) == ""
