"""The page "Taking part": each figure against rows whose answers are known."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from outcomes.taking_part import TakingPart, days_words
from screening.models import Decision
from tests import factories

pytestmark = pytest.mark.django_db


def part_of(person, organisation, **filters) -> TakingPart:
    address = reverse("outcomes:engagement", args=[organisation.slug])
    return person.client.get(address, filters).context["part"]


def table(person, organisation, key, **filters):
    tables = part_of(person, organisation, **filters).tables
    return next(table for table in tables if table.key == key)


@pytest.fixture
def sessions(group):
    first = timezone.now() - timedelta(days=56)
    return [
        factories.support_session(group, status="ended", starts_at=first + timedelta(weeks=week))
        for week in range(8)
    ]


def person(group, sessions, *statuses, **attendance):
    membership = factories.member(group, accepted_at=sessions[0].starts_at - timedelta(days=1))
    for support_session, status in zip(sessions, statuses, strict=False):
        factories.attendance(support_session, membership, status=status, **attendance)
    return membership


def test_dose_in_bands_of_enough_people(coordinator, organisation, group, sessions):
    for _ in range(5):
        person(group, sessions, "attended")
    for _ in range(6):
        person(group, sessions, *["late"] * 8)
    found = table(coordinator, organisation, "dose")
    assert found.heading == "Half of the people came to 8 sessions or more so far"
    assert found.rows[:4] == [
        ("1 to 2", 5, 45),
        ("3 to 5", 0, 0),
        ("6 to 11", 6, 55),
        ("12 or more", 0, 0),
    ]
    assert found.rows[4][0] == "Middle half of people: 1 to 8 sessions"
    person(group, sessions, *["attended"] * 4)
    assert table(coordinator, organisation, "dose").rows == [], "one person is in a band"


def test_punctuality_of_all_and_of_a_group(coordinator, organisation, group, sessions):
    for _ in range(6):
        person(group, sessions, "attended", "late", "left_early", "excused", "no_show")
    found = table(coordinator, organisation, "punctuality")
    assert found.heading == (
        "People came 60% of the times they were expected, and were missing without a word 20%"
    )
    assert found.rows == [
        ("All of these", 6, 30, 20, 20, 20, 20, 20),
        (group.name, 6, 30, 20, 20, 20, 20, 20),
    ]
    small = table(coordinator, organisation, "punctuality", period=str(timezone.now().year - 2))
    assert small.rows == []


def test_speaking_counts_sessions_and_nobody_by_name(coordinator, organisation, group, sessions):
    talkers = [person(group, sessions, *["attended"] * 8, said_count=3) for _ in range(5)]
    found = table(coordinator, organisation, "speaking")
    assert found.heading == "Everybody spoke in 100% of sessions"
    quiet = person(group, sessions, *["attended"] * 8)
    found = table(coordinator, organisation, "speaking")
    assert found.heading == "Everybody spoke in 0% of sessions"
    assert found.rows[0] == ("All of these", 8, 0, 83)
    quiet.attendances.update(spoke_seconds=30)
    assert table(coordinator, organisation, "speaking").rows[0] == ("All of these", 8, 100, 100)
    assert len(talkers) == 5


def test_week_of_the_attendance_table_leads_to_its_sessions(
    coordinator, cast, organisation, group, sessions
):
    for _ in range(5):
        person(group, sessions, *["attended"] * 7, "no_show")
    address = reverse("outcomes:engagement", args=[organisation.slug])
    content = coordinator.client.get(address, {"facilitation": "peer_led"}).content.decode()
    links = re.findall(
        r'<a href="([^"]+/sessions/\?[^"]+)"><b>(\d+)%</b> <span>(\d) of (\d)', content
    )
    assert len(links) >= 7
    for link, _, came, expected in links:
        url = link.replace("&amp;", "&")
        found = coordinator.client.get(url)
        listed = list(found.context["sessions"])
        assert sum(row.came for row in listed) == int(came)
        assert sum(row.expected for row in listed) == int(expected)
        assert "facilitation=peer_led" in found.content.decode()
    for name, each in cast.items():
        expected = {"visitor": 302, "coordinator": 200}.get(name, 404)
        assert each.client.get(url).status_code == expected, name
    for wrong in ("of=&week=2026-11-23", f"of={group.slug}&week=2026-11-24", f"of={group.slug}"):
        page = reverse("outcomes:week_list", args=[organisation.slug])
        assert coordinator.client.get(f"{page}?{wrong}").status_code == 404


@pytest.fixture
def applicants(group, sessions):
    """Six who came, a week after they applied, and five who were suggested something else."""
    applied = sessions[0].starts_at - timedelta(days=7)
    for place in range(11):
        accepted = place < 6
        if accepted:
            membership = person(group, sessions, "attended")
            membership.accepted_at = membership.activated_at = applied + timedelta(days=3)
        else:
            membership = factories.membership(
                group=group, status="referred", ended_at=applied + timedelta(days=2)
            )
        membership.applied_at = applied
        membership.save()
        application = factories.application(
            group,
            user=membership.user,
            membership=membership,
            status="accepted" if accepted else "referred",
            submitted_at=applied,
        )
        Decision.objects.create(
            application=application,
            outcome="accept" if accepted else "refer",
            decided_at=applied + timedelta(days=3 if accepted else 1),
        )


def test_way_in_and_its_times(coordinator, organisation, applicants):
    found = table(coordinator, organisation, "way-in")
    assert found.heading == "55% of those who applied came to a session"
    assert [row[1] for row in found.rows] == [0, 5, 0, 0, 6]
    times = {row[0]: row[1:] for row in table(coordinator, organisation, "times").rows}
    assert times["Applied to first answer"] == (11, 3.0, 1.0, 3.0)
    assert times["Applied to accepted"] == (6, 3.0, 3.0, 3.0)
    assert times["Accepted to first session"] == (6, 4.0, 4.0, 4.0)
    assert times["On the waiting list to the last offer"] == (0, "", "", "")


def test_way_in_is_coarser_where_a_kind_is_small(coordinator, organisation, group, applicants):
    applied = timezone.now() - timedelta(days=63)
    factories.membership(group=group, status="applied", applied_at=applied)
    factories.membership(group=group, status="referred", applied_at=applied, ended_at=applied)
    found = table(coordinator, organisation, "way-in")
    assert [row[:2] for row in found.rows] == [
        ("Not accepted so far", 7),
        ("Accepted, have not come", 0),
        ("Accepted and came", 6),
    ]


def test_large_organisations_see_the_groups_with_the_smallest_shares(
    coordinator, organisation, group, sessions, monkeypatch
):
    for _ in range(5):
        person(group, sessions, *["no_show"] * 4, *["attended"] * 4)
    low = factories.group(organisation=organisation, name="Low circle")
    held = factories.support_session(low, status="ended")
    for status in ("attended", *["no_show"] * 4):
        factories.attendance(held, factories.member(low), status=status)
    monkeypatch.setattr("outcomes.figures.MOST_GROUPS", 1)
    part = part_of(coordinator, organisation)
    assert [row["label"] for row in part.attended.rows] == ["Low circle"]
    assert part.attended.more == 1
    assert {row[0] for row in part.attended_table().rows} == {group.name, "Low circle"}


def test_every_figure_as_csv(coordinator, organisation, group, sessions, applicants):
    for key in ("attended", "dose", "punctuality", "speaking", "way-in", "times"):
        address = reverse("outcomes:figure_csv", args=[organisation.slug, key])
        found = coordinator.client.get(address)
        assert found.status_code == 200, key
        assert found.content.decode("utf-8-sig").startswith("# ")


def test_empty_page(coordinator, organisation):
    address = reverse("outcomes:engagement", args=[organisation.slug])
    content = coordinator.client.get(address).content.decode()
    assert "No session was held in the last nine weeks" in content
    assert "Nobody has come to a session yet" in content
    assert "Nobody has applied yet" in content


@pytest.mark.parametrize(
    ("days", "words"), [(0.01, "an hour"), (0.5, "12 hours"), (1.0, "1 day"), (2.5, "2.5 days")]
)
def test_days_words(days, words):
    assert days_words(days) == words
