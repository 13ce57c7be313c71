"""The page "Staying": its figures against rows whose answers are known, and the people behind."""

import re
from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from outcomes.models import Recount, Stay
from outcomes.staying import p_words
from tests import factories

pytestmark = pytest.mark.django_db


def page(person, organisation, **filters):
    address = reverse("outcomes:retention", args=[organisation.slug])
    return person.client.get(address, filters)


def held_sessions(group, count, *, days_ago=70):
    """Weekly held sessions, the first one so many days ago."""
    first = timezone.now() - timedelta(days=days_ago)
    return [
        factories.support_session(group, status="ended", starts_at=first + timedelta(weeks=week))
        for week in range(count)
    ]


def people(group, sessions, *counts):
    """For each number, a person who came to so many sessions from the first one on."""
    for count in counts:
        membership = factories.member(
            group,
            accepted_at=sessions[0].starts_at - timedelta(days=2),
            activated_at=sessions[0].starts_at - timedelta(days=1),
        )
        for place, support_session in enumerate(sessions):
            status = "attended" if place < count else "no_show"
            factories.attendance(support_session, membership, status=status)


@pytest.fixture
def two_kinds(group, organisation):
    """Ten people of a peer-led group, of whom five left after two sessions; six who all stayed."""
    sessions = held_sessions(group, 8)
    people(group, sessions, *[8] * 5, *[2] * 5)
    led = factories.group(
        organisation=organisation,
        name="Led circle",
        facilitation="professionally_led",
        admission="screened",
    )
    people(led, held_sessions(led, 8), *[8] * 6)
    return group, led


def test_retention_of_all_and_of_one_kind(coordinator, organisation, two_kinds):
    staying = page(coordinator, organisation).context["staying"]
    assert staying.retention.n == 16
    assert staying.retention.steps[2].share == pytest.approx(11 / 16)
    led = page(coordinator, organisation, facilitation="professionally_led").context["staying"]
    assert (led.retention.n, led.retention.mark.percent) == (6, 100)


def test_retention_compares_with_words_that_claim_no_more(coordinator, organisation, two_kinds):
    content = page(coordinator, organisation, compare="facilitation").content.decode()
    # Of 16 at risk 5 left, all among the 10: 1.875² / (5 · 10/16 · 6/16 · 11/15).
    assert "log-rank test, χ² = 4.09 with 1 degree of freedom, p = 0.043" in content
    assert "The risk of leaving differs by more than chance alone usually makes it" in content
    assert "People were not assigned to groups by chance" in content
    assert content.count('class="curve-2"') == 2, "wide and narrow"
    nothing = page(coordinator, organisation, compare="format").content.decode()
    assert "There is nothing to compare yet" in nothing
    by_group = page(coordinator, organisation, compare="group").context["staying"].comparison
    assert [line.n for line in by_group.lines] == [10, 6]
    by_period = page(coordinator, organisation, compare="period").context["staying"].comparison
    assert sum(line.n for line in by_period.lines) == 16


def test_retention_by_topic_tests_nothing_where_people_are_in_both(
    coordinator, organisation, two_kinds
):
    grief, sleep = factories.topic(name="Grief"), factories.topic(name="Sleep")
    for group in two_kinds:
        group.topics.set([grief, sleep])
    found = page(coordinator, organisation, compare="topic").context["staying"].comparison
    assert [line.n for line in found.lines] == [16, 16]
    assert "No test compares lines that share people" in found.sentence


def test_retention_shows_how_courses_end(coordinator, organisation):
    course = factories.group(
        organisation=organisation, attendance="closed", course_sessions=6, name="A course"
    )
    sessions = held_sessions(course, 6)
    people(course, sessions, *[6] * 8, *[1] * 5)
    over = sessions[-1].starts_at + timedelta(hours=3)
    for membership in course.memberships.all():
        if membership.attendances.filter(status="attended").count() == 6:
            membership.status, membership.ended_at = "completed", over
            membership.save()
    staying = page(coordinator, organisation).context["staying"]
    assert staying.ways.rows[-1][:3] == (5, pytest.approx(8 / 13), pytest.approx(5 / 13))
    assert "62% had finished and 38% had left 5 sessions" in staying.ways.heading
    assert staying.retention.heading == "62% have not left 5 sessions after their first"


def test_retention_rows_of_beginnings_and_uptake(coordinator, organisation, two_kinds):
    group, _ = two_kinds
    for _ in range(5):
        accepted = timezone.now() - timedelta(days=80)
        factories.member(group, accepted_at=accepted, activated_at=accepted)
    found = page(coordinator, organisation)
    staying = found.context["staying"]
    assert [row.n for row in staying.beginnings] == [16]
    assert "76% of accepted people came to a first session" in found.content.decode()


def listed(person, organisation, **given):
    address = reverse("outcomes:stay_list", args=[organisation.slug])
    return person.client.get(address, given)


def test_numbers_equal_their_lists(coordinator, organisation, two_kinds):
    """Every number that leads to people leads to as many, with the filters kept."""
    content = page(coordinator, organisation, facilitation="peer_led").content.decode()
    links = re.findall(r'<a href="([^"]+/people/\?[^"]+)">(\d+)</a>', content)
    assert len(links) >= 9
    for address, number in links:
        found = coordinator.client.get(address.replace("&amp;", "&"))
        assert found.context["page"].paginator.count == int(number), address
        assert "facilitation=peer_led" in found.content.decode()


def test_stay_list_says_what_became_of_people(coordinator, organisation, two_kinds):
    content = listed(coordinator, organisation, show="counted", at="0").content.decode()
    assert content.count("Stopped after 2 sessions") == 5
    assert content.count("Known to come for 7 sessions since") == 11


def test_stay_list_ends_where_the_curve_ends(coordinator, organisation, group):
    people(group, held_sessions(group, 8), *[8] * 3, *[3] * 4)
    found = page(coordinator, organisation).context["staying"]
    last = found.retention.steps[-1]
    assert (last.session, last.at_risk) == (3, 7)
    assert listed(coordinator, organisation, at="3").context["page"].paginator.count == 7
    assert listed(coordinator, organisation, at="4").context["page"].paginator.count == 0


@pytest.mark.parametrize(
    "given",
    [
        {"show": "scores"},
        {"show": "counted", "at": "-1"},
        {"show": "counted", "at": "²"},
        {"show": "began", "since": "2026-13", "until": "2026-01"},
    ],
)
def test_stay_list_knows_only_its_own_lists(coordinator, organisation, given):
    assert listed(coordinator, organisation, **given).status_code == 404


def test_stay_list_is_the_coordinators_own(cast, organisation, two_kinds):
    for name, person in cast.items():
        expected = {"visitor": 302, "coordinator": 200}.get(name, 404)
        found = listed(person, organisation, show="counted", at="0")
        assert found.status_code == expected, name


def test_p_words():
    assert [p_words(p) for p in (0.00001, 0.0496, 0.051, 0.4449, 1.0)] == [
        "p < 0.001",
        "p = 0.050",
        "p = 0.051",
        "p = 0.44",
        "p = 1.00",
    ]


# What is kept ------------------------------------------------------------------------------------


def test_every_change_that_counts_is_noted(coordinator, organisation, group):
    """Whatever way attendance, sessions, memberships and groups change, figures follow."""
    [held] = held_sessions(group, 1)
    membership = factories.member(group)
    attendance = factories.attendance(held, membership, status="no_show")
    page(coordinator, organisation)
    assert not Recount.objects.exists()

    def is_noted():
        found = Recount.objects.filter(group=group).exists()
        page(coordinator, organisation)
        assert not Recount.objects.exists()
        return found

    attendance.came_by = "online"
    attendance.save()
    assert not is_noted(), "nothing that figures count"
    attendance.status = "attended"
    attendance.save()
    assert is_noted()
    assert Stay.objects.get().duration == 0
    held.message_count = 3
    held.save()
    assert not is_noted()
    held.status, held.cancelled_for = "cancelled", "by_hand"
    held.save()
    assert is_noted()
    assert not Stay.objects.exists()
    held.status, held.cancelled_for = "ended", ""
    held.save()
    assert is_noted()
    membership.status, membership.ended_at = "withdrawn", timezone.now()
    membership.save()
    assert is_noted()
    assert Stay.objects.get().outcome == Stay.Outcome.DROPOUT
    group.lifecycle = "closed"
    group.save()
    assert is_noted()
    attendance.delete()
    assert is_noted()
    held.delete()
    assert is_noted()


def test_presence_adds_up(coordinator, organisation, group):
    sessions = held_sessions(group, 5)
    membership = factories.member(group, accepted_at=sessions[0].starts_at)
    statuses = ["excused", "late", "attended", "left_early", "no_show"]
    for support_session, status in zip(sessions, statuses, strict=True):
        factories.attendance(support_session, membership, status=status)
    page(coordinator, organisation)
    found = membership.presence
    assert (found.came, found.late, found.left_early) == (3, 1, 1)
    assert (found.excused, found.missed, found.could_come) == (1, 1, True)
    assert (found.first_came_at, found.last_came_at) == (
        sessions[1].starts_at,
        sessions[3].starts_at,
    )
    assert found.came_month == date(*sessions[1].starts_at.timetuple()[:2], 1)
