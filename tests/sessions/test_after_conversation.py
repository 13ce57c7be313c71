"""Reading again what was said: who, until when, and nothing that is not theirs to read."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sessions import after_rules
from supportgroups.lib.refusals import Refused
from tests import factories


@pytest.fixture
def held(group, member):
    """Two days ago; the member came and wrote."""
    made = factories.support_session(
        group, status="ended", starts_at=timezone.now() - timedelta(days=2)
    )
    factories.attendance(made, member.user.memberships.get())
    factories.message(made, member.user, body="I slept through for once.")
    return made


def conversation(person, held):
    return person.client.get(reverse("sessions:conversation", args=[held.pk]))


def detail(person, held):
    response = person.client.get(reverse("sessions:session_detail", args=[held.pk]))
    return " ".join(response.content.decode().split())


def test_who_was_there_can_read_it_again(held, member, facilitator):
    for person in (member, facilitator):
        response = conversation(person, held)
        page = " ".join(response.content.decode().split())
        assert "I slept through for once." in page
        assert "What is said in the group stays in the group." in page
        assert "<textarea" not in page
        assert page.count("<main") == 1
        assert "no-store" in response["Cache-Control"]
        assert reverse("sessions:conversation", args=[held.pk]) in detail(person, held)


@pytest.mark.parametrize(
    ("who", "status"),
    [("coordinator", 403), ("applicant", 403), ("outsider", 404), ("other_coordinator", 404)],
)
def test_nobody_else_can(who, status, held, cast):
    assert conversation(cast[who], held).status_code == status


@pytest.mark.parametrize("status", ["no_show", "excused"])
def test_a_member_who_was_not_there_cannot(held, member, status):
    held.attendances.update(status=status)
    with pytest.raises(Refused) as no:
        after_rules.check_may_read_again(member.user, held)
    assert no.value.reason == "not_there"
    assert reverse("sessions:conversation", args=[held.pk]) not in detail(member, held)


def test_a_member_who_left_or_has_to_sign_cannot(held, member, group):
    factories.agreement(group)
    assert conversation(member, held).status_code == 403


def test_it_is_closed_when_its_time_is_over_even_before_the_night(held, group, member):
    """The rows go in the night; nobody reads them from the promised moment on."""
    group.keeps_messages_days = 1
    group.save()
    assert held.messages.exists()
    assert conversation(member, held).status_code == 403
    page = detail(member, held)
    assert "The messages have been deleted." in page


def test_members_see_until_when(held, member):
    until = timezone.localtime(held.ended_at + timedelta(days=30))
    assert "Messages are deleted on" in detail(member, held)
    assert f"{until.day} {until:%B %Y}" in detail(member, held)


def test_not_before_the_end(group, member):
    live = factories.support_session(group, status="live")
    factories.attendance(live, member.user.memberships.get())
    assert conversation(member, live).status_code == 403


def test_hidden_messages_stay_hidden_and_names_untold(held, member, facilitator):
    other = factories.member(held.group).user
    factories.message(held, other, body="Somebody's secret.", hidden_at=timezone.now())
    factories.message(held, other, body="May I ask this here?", is_anonymous=True)
    for person in (member, facilitator):
        page = conversation(person, held).content.decode()
        assert "Somebody&#x27;s secret." not in page
        assert "May I ask this here?" in page
        # Only of the hidden message is it known who wrote it.
        assert other.display_name not in page
