"""Pages of one session."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from groups.models import SupportGroup
from sessions.models import AgendaItem
from tests import factories


@pytest.fixture
def support_session(group):
    return factories.support_session(group)


def detail(person, support_session) -> str:
    """The page, which must be shown."""
    response = person.client.get(reverse("sessions:session_detail", args=[support_session.pk]))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def enter_link(support_session) -> str:
    return f'href="{reverse("sessions:room_enter", args=[support_session.pk])}"'


def calendar_link(support_session) -> str:
    return f'href="{reverse("sessions:calendar", args=[support_session.pk])}"'


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("visitor", 302),
        ("outsider", 404),
        ("applicant", 403),
        ("member", 200),
        ("facilitator", 200),
        ("coordinator", 200),
        ("other_coordinator", 404),
    ],
)
def test_session_detail_is_for_the_group_and_its_staff(cast, support_session, who, status):
    address = reverse("sessions:session_detail", args=[support_session.pk])

    assert cast[who].client.get(address).status_code == status


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("visitor", 302),
        ("outsider", 404),
        ("applicant", 403),
        ("member", 200),
        ("facilitator", 200),
        ("coordinator", 403),
        ("other_coordinator", 404),
    ],
)
def test_calendar_is_for_those_who_come(cast, support_session, who, status):
    address = reverse("sessions:calendar", args=[support_session.pk])

    response = cast[who].client.get(address)

    assert response.status_code == status
    if status == 200:
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert response["Content-Disposition"] == 'attachment; filename="appointment.ics"'
        assert response["Cache-Control"] == "no-store, private"
        assert b"SUMMARY:Appointment" in response.content


def test_session_detail_before_the_room_opens(member, support_session):
    page = detail(member, support_session)

    assert "The room opens 10 minutes before the session." in page
    assert enter_link(support_session) not in page
    assert calendar_link(support_session) in page


def test_session_detail_leads_into_an_open_room(member, facilitator, coordinator, support_session):
    with time_machine.travel(support_session.opens_at):
        for person in (member, facilitator):
            person.client.force_login(person.user)
            assert enter_link(support_session) in detail(person, support_session)
        coordinator.client.force_login(coordinator.user)
        page = detail(coordinator, support_session)
    assert enter_link(support_session) not in page
    assert calendar_link(support_session) not in page


def test_session_detail_sends_somebody_to_sign_a_new_agreement(member, group, support_session):
    factories.agreement(group)

    response = member.client.get(reverse("sessions:session_detail", args=[support_session.pk]))

    assert response.status_code == 403
    assert f'href="/groups/{group.slug}/agreement/"' in response.content.decode()


@pytest.mark.parametrize(
    ("status", "starts_in", "says"),
    [
        ("ended", -24, "This session has ended."),
        ("cancelled", 24, "This session was cancelled."),
        ("scheduled", -24, "This session did not take place."),
    ],
)
def test_session_detail_of_one_that_is_over(member, group, status, starts_in, says):
    support_session = factories.support_session(
        group, status=status, starts_at=timezone.now() + timedelta(hours=starts_in)
    )

    page = detail(member, support_session)

    assert says in page
    assert enter_link(support_session) not in page
    assert calendar_link(support_session) not in page


def test_session_detail_of_one_that_is_over_leads_to_the_next(member, group):
    over = factories.support_session(group, status="ended")
    assert "No date is set yet." in detail(member, over)

    coming = factories.support_session(group)

    address = reverse("sessions:session_detail", args=[coming.pk])
    assert f'href="{address}"' in detail(member, over)


def test_session_detail_names_the_zone_of_the_reader_or_of_the_place(member, group):
    member.user.time_zone = "America/New_York"
    member.user.save()
    starts_at = timezone.now().replace(month=1, day=15, hour=18, minute=30) + timedelta(days=365)
    support_session = factories.support_session(group, starts_at=starts_at)

    online = detail(member, support_session)
    SupportGroup.objects.update(format="in_person")
    in_person = detail(member, support_session)
    SupportGroup.objects.update(format="hybrid")
    hybrid = detail(member, support_session)

    assert "1:30pm" in online
    assert "New York</span> time" in online
    assert "6:30pm" in in_person
    assert "London</span> time" in in_person
    assert "1:30pm" in hybrid
    assert "6:30pm, London time" in hybrid


def test_session_detail_gives_the_address_to_those_who_come(member, group, support_session):
    SupportGroup.objects.update(format="in_person", place="Leeds LS6", address="1 Quiet Lane")

    assert "1 Quiet Lane" in detail(member, support_session)
    SupportGroup.objects.update(format="online")
    assert "1 Quiet Lane" not in detail(member, support_session)


def test_session_detail_shows_the_plan(member, support_session):
    AgendaItem.objects.create(
        support_session=support_session, position=1, title="Check in", minutes=20
    )

    page = detail(member, support_session)

    assert "What is planned" in page
    assert "20 min" in page


def test_session_detail_shows_who_came_to_staff_alone(
    member, facilitator, coordinator, group, django_assert_max_num_queries
):
    support_session = factories.support_session(group, status="ended")
    for status in ("attended", "late", "no_show"):
        person = factories.user(display_name=f"Was {status}")
        factories.attendance(support_session, factories.member(group, user=person), status=status)

    assert "Was attended" not in detail(member, support_session)
    for person in (facilitator, coordinator):
        with django_assert_max_num_queries(18):
            page = detail(person, support_session)
        for words in ("Was attended", "Came late", "Did not come", "Not seen"):
            assert words in page
        assert "@example.org" not in page.replace(person.user.email, "")
