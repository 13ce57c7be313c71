"""The floor as plain pages: each button works without script, and says when it came too late."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from groups.models import SupportGroup
from sessions import actions, floor_actions, live
from sessions.models import Attendance, SupportSession, Turn
from tests import factories
from tests.cast import Person

HTMX = {"HX-Request": "true"}


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    made = factories.support_session(group, status="live")
    factories.agenda(made)
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


def post(client: Client, name: str, session: SupportSession, **data: Any) -> Any:
    follow = "headers" not in data
    return client.post(
        reverse(f"sessions:{name}", args=[session.pk]),
        {key: value for key, value in data.items() if key != "headers"},
        follow=follow,
        headers=data.get("headers"),
    )


def lead(client: Client, session: SupportSession, do: str, **data: Any) -> Any:
    session.refresh_from_db()
    return post(client, "floor_lead", session, do=do, **{"version": session.version, **data})


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_floor_lead_a_whole_round_without_script(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    page = text(lead(facilitator.client, running, "begin_round", without_facilitators="1"))
    assert "The order was drawn at random" in page
    turn = Turn.objects.get()
    page = text(lead(facilitator.client, running, "invite", turn=turn.pk))
    assert '<b dir="auto">Member</b> is speaking.' in page
    page = text(post(member.client, "floor_own", running, do="finish_own"))
    assert 'data-my="done"' in page
    assert "Everybody has had a turn." in page
    assert "Begin a round" in text(lead(facilitator.client, running, "close_floor"))


def test_floor_own_raises_and_lowers_a_hand(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    lead(facilitator.client, running, "open_floor")
    page = text(post(member.client, "floor_own", running, do="raise_hand"))
    assert 'data-my="next"' in page
    assert "Those who have not spoken today come first." in page
    assert (
        post(member.client, "floor_own", running, do="lower_hand", headers=HTMX).status_code == 204
    )
    assert Turn.objects.get().status == Turn.Status.LOWERED


@pytest.mark.parametrize("data", [{"do": "dance"}, {"do": "close_floor", "version": ""}, {}])
def test_floor_lead_takes_only_what_it_offers(
    data: dict[str, str], running: SupportSession, facilitator: Person
) -> None:
    page = text(post(facilitator.client, "floor_lead", running, **data))
    assert "Somebody was quicker" in page


def test_floor_lead_says_when_it_came_too_late(
    running: SupportSession, facilitator: Person
) -> None:
    old = running.version
    lead(facilitator.client, running, "open_floor")
    answer = post(facilitator.client, "floor_lead", running, do="close_floor", version=old)
    assert "Somebody was quicker" in text(answer)
    answer = post(
        facilitator.client, "floor_lead", running, do="close_floor", version=old, headers=HTMX
    )
    assert answer.status_code == 403


def test_agenda_jump_goes_back(running: SupportSession, facilitator: Person) -> None:
    running.refresh_from_db()
    page = text(
        post(facilitator.client, "agenda_jump", running, position=3, version=running.version)
    )
    assert "Go back here" in page
    current = running.current_item()
    assert current is not None
    assert current.position == 3
    assert "Somebody was quicker" in text(post(facilitator.client, "agenda_jump", running))


def test_room_welcomes_somebody_new_without_a_name(
    running: SupportSession, member: Person, group: SupportGroup
) -> None:
    page = text(member.client.get(reverse("sessions:room", args=[running.pk])))
    assert "Somebody is here for the first time today." in page
    earlier = factories.support_session(group, status="ended")
    Attendance.objects.create(
        support_session=earlier,
        membership=group.memberships.get(user=member.user),
        status="attended",
    )
    page = text(member.client.get(reverse("sessions:room", args=[running.pk])))
    assert "first time" not in page


def test_state_frame_is_the_same_for_everybody(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    """No token against forgery, and nobody marked as the reader."""
    floor_actions.open_floor(support_session=running, version=running.version, by=facilitator.user)
    floor_actions.raise_hand(support_session=running, by=member.user)
    running.refresh_from_db()
    frame = live.state_frame(live.room_state(running))
    assert "csrfmiddlewaretoken" not in frame
    assert "is-you" not in frame
    assert live.sender_token(running.pk, member.user.pk) in frame
    assert str(member.user.pk) not in frame
