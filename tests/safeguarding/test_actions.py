"""Opening, acknowledging and closing."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Event
from safeguarding import actions, periodic, rules, tasks
from safeguarding.models import Concern
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once


@pytest.fixture
def told(monkeypatch):
    """Ids of alerts whose mail was asked for, after the commit."""
    asked: list[str] = []
    monkeypatch.setattr(tasks.send_alert, "delay", asked.append)
    return asked


def open_one(organisation, about, **fields):
    return actions.open_concern(
        organisation=organisation,
        about=about,
        source=Concern.Source.SURVEY,
        occasion=fields.pop("occasion", "answer:1"),
        detail="An answer about dark thoughts.",
        by=about,
        **fields,
    )


def test_open_once_for_the_first_on_call(
    organisation, coordinator, outsider, told, django_capture_on_commit_callbacks
):
    now = timezone.now()
    with django_capture_on_commit_callbacks(execute=True):
        concern = open_one(organisation, outsider.user, at=now)
        again = open_one(organisation, outsider.user)

    assert again == concern
    assert concern.assigned_to == coordinator.user
    assert concern.respond_by == now + timedelta(hours=4)
    assert told == [str(concern.alerts.get().pk)]
    event = Event.objects.get(verb="concern.opened")
    assert event.data == {"source": "survey"}


def test_nobody_looks_after_themselves(organisation, coordinator):
    second = factories.staff_role(organisation=organisation, on_call_position=2).user

    assert open_one(organisation, coordinator.user).assigned_to == second


def test_without_anybody_on_call_nobody_is_named(organisation, outsider):
    assert open_one(organisation, outsider.user).assigned_to is None


def test_nobody_handles_a_concern_about_themselves(organisation, coordinator):
    concern = open_one(organisation, coordinator.user)

    assert concern not in rules.concerns_visible_to(coordinator.user)
    with pytest.raises(Refused):
        actions.close(concern=concern, note="I am fine.", by=coordinator.user)


def test_the_clock_names_somebody_as_soon_as_there_is_a_person(organisation, outsider, told):
    concern = open_one(organisation, outsider.user)
    periodic.ask_who_is_next()
    concern.refresh_from_db()
    assert concern.assigned_to is None

    person = factories.staff_role(organisation=organisation, on_call_position=1).user
    periodic.ask_who_is_next()
    tasks.send_alert(str(concern.alerts.get().pk))
    factories.staff_role(organisation=organisation, on_call_position=0)
    periodic.ask_who_is_next()

    concern.refresh_from_db()
    assert concern.assigned_to == person
    assert [message.to for message in mail.outbox] == [[person.email]]
    assert Event.objects.get(verb="concern.assigned").actor_id is None


def test_the_first_acknowledgement_counts(organisation, coordinator, outsider):
    other = factories.staff_role(organisation=organisation).user
    concern = open_one(organisation, outsider.user)

    actions.acknowledge(concern=concern, by=coordinator.user)
    actions.acknowledge(concern=concern, by=other)

    concern.refresh_from_db()
    assert concern.acknowledged_by == coordinator.user
    assert Event.objects.filter(verb="concern.acknowledged").count() == 1


def test_closing_once_with_a_note(organisation, coordinator, outsider):
    concern = open_one(organisation, outsider.user)

    actions.close(concern=concern, note="We talked.", by=coordinator.user)

    concern.refresh_from_db()
    assert (concern.closed_by, concern.acknowledged_by) == (coordinator.user, coordinator.user)
    with pytest.raises(Refused) as raised:
        actions.close(concern=concern, note="Again.", by=coordinator.user)
    assert raised.value.reason == "state_changed"
    assert "We talked" not in str(list(Event.objects.values_list("data", flat=True)))


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("outsider", False),
        ("member", False),
        ("facilitator", False),
        ("coordinator", True),
        ("other_coordinator", False),
    ],
)
def test_who_handles_a_concern(cast, organisation, who, may):
    concern = open_one(organisation, factories.user())
    person = cast[who].user
    verbs = (
        lambda: actions.read_concern(concern=concern, by=person),
        lambda: actions.acknowledge(concern=concern, by=person),
        lambda: actions.close(concern=concern, note="Done.", by=person),
    )
    for verb in verbs:
        if may:
            verb()
        else:
            with pytest.raises(Refused):
                verb()


def test_the_named_person_handles_it_without_being_a_coordinator(organisation):
    on_call = factories.staff_role(
        organisation=organisation, role="facilitator", on_call_position=1
    ).user
    concern = open_one(organisation, factories.user())

    assert actions.acknowledge(concern=concern, by=on_call).acknowledged_by == on_call


# Mail --------------------------------------------------------------------------------------------


def test_the_mail_is_sent_once_and_says_nothing(organisation, coordinator, outsider):
    concern = open_one(organisation, outsider.user)
    alert = concern.alerts.get()

    tasks.send_alert(str(alert.pk))
    tasks.send_alert(str(alert.pk))

    (message,) = mail.outbox
    assert message.to == [coordinator.user.email]
    assert f"/concerns/{concern.pk}/" in message.body
    assert "London time" in message.body
    for secret in (outsider.user.display_name, outsider.user.email, "dark", "survey", "check-in"):
        assert secret not in message.subject + message.body
    concern.refresh_from_db()
    assert concern.told_at is not None


@pytest.mark.django_db(transaction=True)
def test_the_same_answer_twice_at_once_opens_one_concern(told):
    organisation = factories.staff_role().organisation
    person = factories.user()

    at_once(*[lambda: open_one(organisation, person)] * 3)

    assert Concern.objects.count() == 1
    assert len(told) == 1
