"""What the clock does for groups: pass offers on, and send news again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from groups import actions, periodic, rules, tasks
from groups.models import Membership, Notice
from tests import factories
from tests.at_once import at_once

Status = Membership.Status


@pytest.fixture
def small(db):
    """A group of two places, one of them taken."""
    group = factories.group(capacity=2, minimum=2)
    factories.member(group)
    return group


def waits(group, days, **fields):
    since = timezone.now() - timedelta(days=days)
    return factories.membership(group=group, status="waitlisted", waitlisted_at=since, **fields)


def expired(group, **fields):
    return factories.membership(
        group=group,
        status="offered",
        offered_at=timezone.now() - timedelta(hours=25),
        offer_expires_at=timezone.now() - timedelta(hours=1),
        **fields,
    )


def statuses(*memberships):
    return [Membership.objects.get(pk=membership.pk).status for membership in memberships]


def told(membership):
    return [notice.kind for notice in membership.user.notices.order_by("made_at", "pk")]


def test_a_free_place_is_offered_to_whoever_waits_longest(small):
    second, first = waits(small, 3), waits(small, 9)

    periodic.pass_offers_on()
    periodic.pass_offers_on()

    assert statuses(first, second) == ["offered", "waitlisted"]
    assert (told(first), told(second)) == (["offered"], [])


def test_a_closed_account_is_offered_nothing(small):
    closed, following = waits(small, 9), waits(small, 3)
    closed.user.is_active = False
    closed.user.save()

    periodic.pass_offers_on()

    assert statuses(closed, following) == ["waitlisted", "offered"]
    assert told(closed) == []
    assert list(rules.groups_with_a_place_to_offer()) == []


def test_a_closed_account_takes_no_place_in_line(small):
    closed = waits(small, 9)
    assert rules.seats_for_somebody_new(small) == 0
    closed.user.is_active = False
    closed.user.save()

    assert rules.seats_for_somebody_new(small) == 1
    assert rules.place_in_line(waits(small, 3)) == 1
    assert rules.seat_counts(small)["waiting"] == 1
    shown = type(small).objects.with_people_waiting().get(pk=small.pk)
    assert shown.people_waiting == 1


def test_courses_that_began_keep_no_other_list_waiting(small, monkeypatch):
    """They stay in the clock's list, which is cut."""
    monkeypatch.setattr(periodic, "_AT_ONCE", 1)
    begun = factories.group(name="A first name", attendance="closed")
    factories.support_session(begun, status="live")
    stays, asked = waits(begun, 9), waits(small, 3)
    small.name = "Z last name"
    small.save()

    for _ in range(60):
        periodic.pass_offers_on()

    assert statuses(stays, asked) == ["waitlisted", "offered"]


def test_an_offer_that_ran_out_passes_on(small):
    missed, following = expired(small), waits(small, 3)

    periodic.pass_offers_on()

    assert statuses(missed, following) == ["waitlisted", "offered"]
    assert told(missed) == ["expired"]
    missed.refresh_from_db()
    assert missed.offers_missed == 1
    assert list(rules.waiting_line(small)) == [missed]


def test_who_misses_goes_behind_everybody(small):
    missed, others = expired(small), [waits(small, days) for days in (9, 3)]

    periodic.pass_offers_on()

    assert list(rules.waiting_line(small)) == [others[1], missed]


def test_two_missed_offers_in_a_row_end_the_waiting_with_a_way_back(small):
    missed = expired(small, offers_missed=1)

    periodic.pass_offers_on()

    missed.refresh_from_db()
    assert (missed.status, missed.ended_by, missed.end_reason) == (Status.WITHDRAWN, None, "")
    assert told(missed) == ["expired"]
    assert rules.check_may_come_back(missed.user, small) == missed


def test_an_offer_that_holds_is_left_alone(small):
    held, other = factories.membership(group=small, status="offered"), waits(small, 3)

    periodic.pass_offers_on()

    assert statuses(held, other) == ["offered", "waitlisted"]


@pytest.mark.parametrize("lifecycle", ["draft", "paused", "closed"])
def test_a_group_that_is_not_listed_offers_nothing_and_blames_nobody(small, lifecycle):
    missed, waiting = (
        expired(small, waitlisted_at=timezone.now() - timedelta(days=9)),
        waits(small, 3),
    )
    small.lifecycle = lifecycle
    small.save()

    periodic.pass_offers_on()

    assert statuses(missed, waiting) == ["waitlisted", "waitlisted"]
    missed.refresh_from_db()
    assert missed.offers_missed == 0
    assert list(rules.waiting_line(small)) == [missed, waiting]

    small.lifecycle = "listed"
    small.save()
    periodic.pass_offers_on()
    assert statuses(missed, waiting) == ["offered", "waitlisted"]


def test_a_course_that_began_offers_nothing(small):
    waiting = waits(small, 3)
    small.attendance, small.course_sessions = "closed", 8
    small.save()
    factories.support_session(small, status="live")

    periodic.pass_offers_on()

    assert statuses(waiting) == ["waitlisted"]


def test_offers_of_a_course_end_when_it_begins(small):
    waiting = waits(small, 3)
    small.attendance, small.course_sessions = "closed", 8
    small.save()
    first = factories.support_session(small, starts_at=timezone.now() + timedelta(hours=5))

    periodic.pass_offers_on()

    waiting.refresh_from_db()
    assert waiting.offer_expires_at == first.starts_at


def test_who_said_not_now_is_asked_again_after_a_week(small):
    fields = {"offered_at": timezone.now() - timedelta(days=9)}
    rested, resting = waits(small, 7.1, **fields), waits(small, 6.9, **fields)

    periodic.pass_offers_on()

    assert statuses(rested, resting) == ["offered", "waitlisted"]


def test_one_group_that_fails_does_not_stop_the_others(small, monkeypatch, caplog):
    other = factories.group()
    waiting = waits(other, 3)
    first = waits(small, 3)
    expire = actions.expire_offers

    def fails(*, group, at):
        if group == small:
            raise RuntimeError
        return expire(group=group, at=at)

    monkeypatch.setattr(actions, "expire_offers", fails)

    periodic.pass_offers_on()

    assert statuses(first, waiting) == ["waitlisted", "offered"]
    assert "groups.offers_failed" in caplog.text


def test_an_idle_minute_asks_two_questions(small, django_assert_num_queries):
    with django_assert_num_queries(2):
        periodic.pass_offers_on()


# News --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "fields", "is_sent"),
    [
        (0, {}, False),
        (2, {}, True),
        (2, {"attempts": 1}, False),
        (11, {"attempts": 1}, True),
        (60, {"attempts": 2}, False),
        (121, {"attempts": 2}, True),
        (1000, {"attempts": 3}, False),
        (2, {"told_at": timezone.now()}, False),
        (8 * 24 * 60, {}, False),
    ],
)
def test_overdue_news_is_asked_for_again(member, group, monkeypatch, minutes, fields, is_sent):
    asked: list[str] = []
    monkeypatch.setattr(tasks.tell_person, "delay", asked.append)
    made_at = timezone.now() - timedelta(minutes=minutes)
    notice = factories.notice(group, member.user, made_at=made_at, **fields)

    periodic.send_overdue_news()

    assert asked == ([str(notice.pk)] if is_sent else [])


# At once, on a real database ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_clocks_at_once_offer_each_place_once():
    group = factories.group(capacity=3, minimum=2)
    factories.member(group)
    missed = [expired(group) for _ in range(2)]
    line = [waits(group, days) for days in (9, 6, 3)]

    at_once(*[periodic.pass_offers_on] * 3)

    assert statuses(*line) == ["offered", "offered", "waitlisted"]
    assert [told(membership) for membership in line] == [["offered"], ["offered"], []]
    for membership in missed:
        membership.refresh_from_db()
        assert (membership.status, membership.offers_missed) == (Status.WAITLISTED, 1)
        assert told(membership) == ["expired"]


@pytest.mark.django_db(transaction=True)
def test_the_clock_and_people_at_once_never_pass_the_capacity():
    group = factories.group(capacity=4, minimum=2)
    leader = factories.facilitator(group).user
    members = [factories.member(group) for _ in range(2)]
    offered = [factories.membership(group=group, status="offered") for _ in range(2)]
    line = [waits(group, days) for days in (9, 6)]
    applied = [factories.membership(group=group) for _ in range(2)]

    at_once(
        *(lambda m=m: actions.withdraw(membership=m, by=m.user) for m in members),
        *(lambda m=m: actions.take_offer(membership=m, by=m.user) for m in offered[:1]),
        *(lambda m=m: actions.decline_offer(membership=m, by=m.user) for m in offered[1:]),
        *(lambda m=m: actions.accept(membership=m, by=leader) for m in applied),
        periodic.pass_offers_on,
        periodic.pass_offers_on,
    )
    periodic.pass_offers_on()

    seated = group.memberships.filter(status__in=Membership.HOLDS_A_SEAT)
    assert seated.count() == group.capacity
    # Two left and one said not now: the first two of the line got their places.
    assert statuses(*line) == ["offered", "offered"]
    assert statuses(offered[0]) == ["accepted"]
    assert Notice.objects.filter(kind="offered").count() == seated.filter(status="offered").count()
