"""The page on which an organisation says who is on call."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from safeguarding import on_call_actions, on_call_rules, rules
from safeguarding.models import Away, OnCallPlan
from supportgroups import retention
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import signed_in

HOURS = {
    "answers_within_minutes": "240",
    "escalates_after_minutes": "60",
    "keeps_hours": "yes",
    "weekdays": ["0", "1"],
    "opens_at": "09:00",
    "closes_at": "17:00",
}


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def address(organisation, name: str = "on_call") -> str:
    return reverse(f"safeguarding:{name}", args=[organisation.slug])


@pytest.fixture
def roles(organisation, coordinator):
    """On call: the coordinator, Wren, Heron."""
    others = [
        factories.staff_role(
            organisation=organisation,
            role="supervisor",
            on_call_position=place * 3,
            user=factories.user(display_name=name),
        )
        for place, name in ((1, "Wren"), (2, "Heron"))
    ]
    return [coordinator.user.staff_roles.get(), *others]


def names(organisation):
    return [role.user.public_name for role in on_call_rules.roles_on_call(organisation)]


@pytest.mark.parametrize(
    ("which", "move", "after"),
    [
        (0, "down", ["Wren", "Coordinator", "Heron"]),
        (2, "up", ["Coordinator", "Heron", "Wren"]),
        (0, "up", ["Coordinator", "Wren", "Heron"]),
        (2, "down", ["Coordinator", "Wren", "Heron"]),
        (1, "off", ["Coordinator", "Heron"]),
        (1, "last", ["Coordinator", "Heron", "Wren"]),
    ],
)
def test_on_call_place_moves_one_person(coordinator, organisation, roles, which, move, after):
    typed = {"staff_role": roles[which].pk, "move": move}
    page = text(coordinator.client.post(address(organisation, "on_call_place"), typed, follow=True))

    assert names(organisation) == after
    assert ("is off the list" in page) == (move == "off")
    assert Event.objects.filter(verb="on_call.changed").exists() == (
        after != ["Coordinator", "Wren", "Heron"]
    )


def test_on_call_place_adds_somebody_last(coordinator, organisation, roles):
    new = factories.staff_role(
        organisation=organisation, user=factories.user(display_name="Fern"), role="facilitator"
    )
    assert "Fern, facilitator" in text(coordinator.client.get(address(organisation)))

    on_call_actions.change_place(staff_role=new, move="last", by=coordinator.user)

    assert names(organisation) == ["Coordinator", "Wren", "Heron", "Fern"]
    assert "Fern, facilitator" not in text(coordinator.client.get(address(organisation)))


def test_on_call_place_knows_nobody_from_elsewhere(coordinator, organisation, roles):
    elsewhere = factories.staff_role()
    typed = {"staff_role": elsewhere.pk, "move": "last"}

    page = text(coordinator.client.post(address(organisation, "on_call_place"), typed, follow=True))

    assert "Choose a person from the list" in page
    with pytest.raises(Refused):
        on_call_actions.change_place(staff_role=elsewhere, move="last", by=coordinator.user)


def test_on_call_away_skips_somebody_until_they_are_back(coordinator, organisation, roles):
    until = timezone.localdate() + timedelta(days=3)
    typed = {"person": coordinator.user.pk, "until": until.isoformat()}
    page = text(coordinator.client.post(address(organisation, "on_call_away"), typed, follow=True))
    assert "Wren is asked first" in page
    assert "Away: is skipped" in page
    assert rules.named_person(organisation, about=factories.user()).public_name == "Wren"

    typed = {"person": coordinator.user.pk, "back": "1"}
    page = text(coordinator.client.post(address(organisation, "on_call_away"), typed, follow=True))
    assert "You are asked first" in page
    assert not Away.objects.exists()


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("", "Choose the last day."),
        ("2026-02-30", "This date does not exist"),
        ("2020-01-01", "Choose today or a later day."),
        ("2099-01-01", "within half a year"),
    ],
)
def test_on_call_away_asks_for_a_day(coordinator, organisation, roles, until, says):
    typed = {"person": roles[1].user.pk, "until": until}
    page = text(coordinator.client.post(address(organisation, "on_call_away"), typed))

    assert page.count(says) == 2
    assert "<title>Error:" in page


def test_on_call_away_is_also_for_oneself(organisation, roles):
    wren = signed_in(roles[1].user)
    day = timezone.localdate().isoformat()
    assert "How soon somebody answers" not in text(wren.client.get(address(organisation)))

    for person, works in ((roles[2].user, False), (roles[1].user, True)):
        typed = {"person": person.pk, "until": day}
        wren.client.post(address(organisation, "on_call_away"), typed)
        assert organisation.away.filter(person=person).exists() == works
    with pytest.raises(Refused):
        on_call_actions.note_away(
            organisation=organisation,
            person=roles[2].user,
            until=timezone.localdate(),
            by=roles[1].user,
        )
    assert wren.client.post(address(organisation), HOURS).status_code == 403


def test_on_call_says_when_there_is_nobody(coordinator, organisation):
    organisation.away.create(person=coordinator.user, until=timezone.localdate())

    page = text(coordinator.client.get(address(organisation)))

    assert "Nobody is on call." in page
    assert "no person has been told" in page


def test_on_call_keeps_the_times_and_says_them_in_words(coordinator, organisation):
    page = text(coordinator.client.get(address(organisation)))
    assert "Somebody is in touch within 4 hours." in page
    assert "If nobody confirms within 2 hours, the next person is asked." in page
    assert "This holds at any time of day." in page

    page = text(coordinator.client.post(address(organisation), HOURS, follow=True))
    assert "If nobody confirms within 1 hour, the next person is asked." in page
    assert "only while you are at work: Monday and Tuesday, 9am to 5pm." in page
    plan = OnCallPlan.objects.get()
    assert (plan.weekdays, plan.opens_at.hour) == ([0, 1], 9)

    coordinator.client.post(address(organisation), HOURS | {"keeps_hours": "no"})
    plan.refresh_from_db()
    assert (plan.weekdays, plan.opens_at, plan.hours) == ([], None, None)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"answers_within_minutes": "60", "escalates_after_minutes": "120"}, "Ask the next"),
        ({"weekdays": []}, "Choose the days."),
        ({"opens_at": ""}, "Write when you begin, for example 09:00."),
        ({"closes_at": "late"}, "Write a time such as 17:00."),
        ({"closes_at": "08:00"}, "Write a time that is later on the same day."),
    ],
)
def test_on_call_times_make_sense(coordinator, organisation, typed, says):
    page = text(coordinator.client.post(address(organisation), HOURS | typed))

    assert "<title>Error:" in page
    assert page.count(says) >= 2
    assert not OnCallPlan.objects.exists()


def test_away_is_deleted_when_it_is_over(organisation, roles):
    today = timezone.localdate()
    for role, days in zip(roles, (-3, -1, 0), strict=True):
        organisation.away.create(person=role.user, until=today + timedelta(days=days))

    retention.purge()

    assert organisation.away.count() == 2
