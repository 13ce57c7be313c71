"""Concerns, through a browser's eyes."""

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from outcomes.queries import waiting_for_a_person
from safeguarding.models import Concern
from tests import factories

NOW, HOUR = timezone.now(), timedelta(hours=1)


def promise(concern: Concern) -> str:
    """What the person reads about who responds, and when."""
    page = render_to_string(
        "safeguarding/promise.html#to_person", {"concern": concern, "what": "it"}
    )
    return " ".join(page.split())


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def at(name: str, concern) -> str:
    return reverse(f"safeguarding:{name}", args=[concern.pk])


@pytest.fixture
def concern(organisation, coordinator):
    return factories.concern(
        organisation=organisation,
        about=factories.user(display_name="Wren", country="DE"),
        assigned_to=coordinator.user,
        detail="Answered yes about dark thoughts.",
    )


def test_concern_list_shows_the_most_urgent_first(coordinator, organisation, concern):
    now = timezone.now()
    late = factories.concern(organisation=organisation, respond_by=now - timedelta(hours=1))
    seen = factories.concern(
        organisation=organisation,
        respond_by=now + timedelta(hours=1),
        acknowledged_at=now,
        acknowledged_by=coordinator.user,
    )
    closed = factories.concern(
        organisation=organisation,
        respond_by=now - timedelta(hours=3),
        acknowledged_at=now,
        closed_at=now,
        closing_note="Talked.",
    )

    page = text(coordinator.client.get("/concerns/"))

    places = [page.index(at("concern_detail", one)) for one in (late, seen, concern, closed)]
    assert places == sorted(places)
    assert "3 people may need more support" in page
    for words in (
        ">Late<",
        ">Not seen yet<",
        ">Somebody is on it<",
        "Closed lately",
        ">Answered late<",
    ):
        assert words in page
    assert "dark thoughts" not in page


def test_concern_list_has_as_many_open_ones_as_the_overview_counts(
    coordinator, organisation, concern
):
    factories.concern(organisation=organisation)
    factories.concern(organisation=organisation, about=coordinator.user)
    factories.concern(organisation=organisation, closed_at=timezone.now(), closing_note="Talked.")

    page = text(coordinator.client.get("/concerns/"))

    listed = page.split('id="open-concerns"')[1].split("</section>")[0].count("<li>")
    waiting = waiting_for_a_person(coordinator.user, organisation, at=timezone.now())
    counted = waiting["concerns"].n
    assert listed == counted == 2


def test_concern_pages_are_404_for_whom_it_is_about(coordinator, organisation):
    own = factories.concern(organisation=organisation, about=coordinator.user)

    assert coordinator.client.get(at("concern_detail", own)).status_code == 404
    assert "Nobody waits" in text(coordinator.client.get("/concerns/"))


def test_concern_list_is_for_who_looks_after_concerns(cast, concern):
    for who, status in (
        ("outsider", 403),
        ("applicant", 403),
        ("member", 403),
        ("facilitator", 403),
        ("coordinator", 200),
        ("other_coordinator", 200),
    ):
        assert cast[who].client.get("/concerns/").status_code == status
    assert "Nobody waits" in text(cast["other_coordinator"].client.get("/concerns/"))


def test_concern_detail_says_what_happened_and_records_the_reading(coordinator, concern):
    page = text(coordinator.client.get(at("concern_detail", concern)))

    assert "Answered yes about dark thoughts." in page
    assert f"mailto:{concern.about.email}" in page
    assert "Germany, emergency number 112" in page
    assert "I am on it" in page
    event = Event.objects.get(verb="concern.read")
    assert (event.actor_id, event.object_id) == (coordinator.user.pk, concern.pk)


@pytest.mark.parametrize(
    "who", ["outsider", "applicant", "member", "facilitator", "other_coordinator"]
)
def test_concern_pages_are_404_for_everybody_else(cast, concern, who):
    client = cast[who].client

    assert client.get(at("concern_detail", concern)).status_code == 404
    assert client.post(at("concern_acknowledge", concern)).status_code == 404
    assert client.post(at("concern_close", concern), {"note": "x"}).status_code == 404
    assert not Event.objects.filter(verb__startswith="concern").exists()


def test_concern_detail_tells_when_the_time_is_over(coordinator, concern):
    Concern.objects.update(respond_by=timezone.now() - timedelta(minutes=1))

    assert "the time is over" in text(coordinator.client.get(at("concern_detail", concern)))


def test_concern_acknowledge_shows_who_is_on_it(coordinator, organisation, concern):
    page = text(coordinator.client.post(at("concern_acknowledge", concern), follow=True))
    assert "Others can see that you are on it" in page
    assert "Coordinator is on it" in page

    other = factories.staff_role(organisation=organisation).user
    coordinator.client.force_login(
        other, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    page = text(coordinator.client.post(at("concern_acknowledge", concern), follow=True))
    assert "Somebody else is on it already" in page


def test_concern_close_needs_a_note_and_keeps_it(coordinator, concern):
    page = text(coordinator.client.post(at("concern_close", concern), {"note": ""}))
    assert "<title>Error:" in page
    assert page.count("Write how it ended") == 2

    page = text(
        coordinator.client.post(at("concern_close", concern), {"note": "We talked."}, follow=True)
    )
    assert "The task is closed" in page
    page = text(coordinator.client.get(at("concern_detail", concern)))
    assert "We talked." in page
    assert "Close the task" not in page
    assert coordinator.client.post(at("concern_close", concern), {"note": "x"}).status_code == 403


# What is done, and by whom ------------------------------------------------------------------------


def test_concern_step_stands_in_the_log(coordinator, concern):
    page = text(coordinator.client.post(at("concern_step", concern), {"kind": "other"}))
    assert page.count("Write what you did") == 2

    typed = {"kind": "reached", "result": "Has a plan for tonight."}
    page = text(coordinator.client.post(at("concern_step", concern), typed, follow=True))
    for words in ("Talked with them", "Has a plan for tonight.", "Coordinator is on it"):
        assert words in page
    # Nobody chooses what only the verbs write.
    page = text(coordinator.client.post(at("concern_step", concern), {"kind": "handed_over"}))
    assert "<title>Error:" in page


def test_concern_hand_over_says_who_has_not_confirmed(coordinator, organisation, concern):
    other = factories.staff_role(
        organisation=organisation, user=factories.user(display_name="Heron")
    ).user
    assert coordinator.client.post(at("concern_acknowledge", concern)).status_code == 302

    page = text(coordinator.client.post(at("concern_hand_over", concern), {"to": ""}))
    assert page.count("Choose who looks after it from now on.") == 2
    typed = {"to": other.pk, "why": "I am away from noon."}
    page = text(coordinator.client.post(at("concern_hand_over", concern), typed, follow=True))

    assert "Coordinator handed it over to Heron, who has not confirmed yet." in page
    assert "Handed it over to Heron" in page
    assert "I am away from noon." in page
    assert "Waits for a new answer" in text(coordinator.client.get("/concerns/"))


def test_concern_pages_say_to_whom_the_alert_could_not_be_sent(coordinator, concern):
    concern.alerts.create(
        person=coordinator.user,
        turn=1,
        attempts=2,
        next_try_at=timezone.now() + timedelta(minutes=2),
    )

    page = text(coordinator.client.get(at("concern_detail", concern)))
    assert "The alert could not be sent to Coordinator." in page
    assert "We try again <time" in page
    assert ">E-mail not sent<" in text(coordinator.client.get("/concerns/"))


# What the person is told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "says", "not_says"),
    [
        ({"named": False}, "no person has been told yet", "by e-mail"),
        ({}, "<b>Coordinator</b> at Harbour Network will be told by e-mail", "have told"),
        ({"told_at": NOW}, "We have told <b>Coordinator</b>", "will be told"),
        ({"everybody_asked_at": NOW}, "asking everybody who is on call", "have told"),
        ({"respond_by": NOW - HOUR}, "That time is over, and nobody has confirmed", "told"),
        ({"acknowledged_at": NOW}, "and is on it. They are asked to be in touch", "told"),
        ({"acknowledged_at": NOW, "respond_by": NOW - HOUR}, "and is on it.", "be in touch"),
        ({"acknowledged_at": NOW, "asked_again_at": NOW}, "will be told by e-mail", "is on it"),
        ({"closed_at": NOW, "closing_note": "Talked."}, "has looked at it", "nobody is watching"),
    ],
)
def test_the_promise_is_true(organisation, coordinator, state, says, not_says):
    named = state.pop("named", True)
    concern = factories.concern(
        organisation=organisation, assigned_to=coordinator.user if named else None, **state
    )

    page = promise(concern)

    assert says in page
    assert not_says not in page
    assert ("Nobody" in page or "nobody" in page) == ("closed_at" not in state)
    assert "at work" not in page


def test_the_promise_names_the_hours_of_work(organisation, coordinator):
    factories.on_call_plan(organisation, opens_at="09:00", closes_at="17:30", weekdays=[0, 2])
    concern = factories.concern(organisation=organisation, assigned_to=coordinator.user)

    assert "at work Monday and Wednesday, 9am to 5:30pm, <span>London</span> time" in promise(
        concern
    )
