"""Who is asked, who is asked next, and mails that fail: a concern is never lost."""

from datetime import datetime, timedelta
from smtplib import SMTPServerDisconnected
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from kombu.exceptions import OperationalError

from audit.models import Event
from safeguarding import actions, periodic, rules, tasks
from safeguarding.models import Alert, Concern, Stage, StepTaken
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONDON = ZoneInfo("Europe/London")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """In November 2026, of which the 2nd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=LONDON)


def open_one(organisation, about, **fields):
    return actions.open_concern(
        organisation=organisation,
        about=about,
        source=Concern.Source.SURVEY,
        occasion=fields.pop("occasion", "answer:1"),
        detail=fields.pop("detail", "An answer about dark thoughts."),
        by=about,
        **fields,
    )


@pytest.fixture
def published(monkeypatch):
    """Ids of alerts that were handed to the worker."""
    asked: list[str] = []
    monkeypatch.setattr(tasks.send_alert, "delay", asked.append)
    return asked


@pytest.fixture
def three(organisation):
    """On call, in this order."""
    return [
        factories.staff_role(
            organisation=organisation, role="supervisor", on_call_position=place
        ).user
        for place in (1, 2, 3)
    ]


def asked(concern):
    """Who was asked, by turn."""
    found: dict[int, set] = {}
    for alert in concern.alerts.select_related("person"):
        found.setdefault(alert.turn, set()).add(alert.person)
    return found


# Who is asked next -------------------------------------------------------------------------------


def test_the_next_person_is_asked_each_time_nobody_confirmed(organisation, three, outsider):
    concern = open_one(organisation, outsider.user, at=at(2, 9))
    assert concern.escalates_at == at(2, 11)

    for moment in (at(2, 10, 59), at(2, 11), at(2, 11), at(2, 13), at(2, 15)):
        actions.ask_next(concern=concern, by=None, at=moment)

    first, second, third = three
    assert asked(concern) == {1: {first}, 2: {second}, 3: {third}, 4: set(three)}
    concern.refresh_from_db()
    assert concern.stage == Stage.EVERYBODY
    assert (concern.assigned_to, concern.everybody_asked_at) == (third, at(2, 15))
    verbs = Event.objects.filter(object_id=concern.pk).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["concern.opened", *["concern.escalated"] * 3]

    # Nobody is left, so everybody is asked again a day later.
    actions.ask_next(concern=concern, by=None, at=at(3, 14))
    assert max(asked(concern)) == 4
    actions.ask_next(concern=concern, by=None, at=at(3, 15))
    assert asked(concern)[5] == set(three)


def test_whoever_confirms_ends_it(organisation, three, outsider):
    concern = open_one(organisation, outsider.user, at=at(2, 9))
    actions.ask_next(concern=concern, by=None, at=at(2, 11))

    actions.acknowledge(concern=concern, by=three[0], at=at(2, 11, 30))

    concern.refresh_from_db()
    assert (concern.assigned_to, concern.stage) == (three[0], Stage.ON_IT)
    assert not Concern.objects.to_ask_next(at(9, 9)).exists()
    assert not Alert.objects.to_send().exists()


def test_nothing_goes_to_the_person_whom_it_is_about(organisation, three):
    concern = open_one(organisation, three[1], at=at(2, 9))
    for hour in (11, 13, 15):
        actions.ask_next(concern=concern, by=None, at=at(2, hour))

    assert three[1] not in set().union(*asked(concern).values())
    with pytest.raises(Refused):
        actions.acknowledge(concern=concern, by=three[1])


def test_nobody_who_is_away_or_has_not_agreed_is_asked(organisation, three, outsider):
    for person, until in ((three[0], at(2, 0)), (three[1], at(1, 0))):
        organisation.away.create(person=person, until=until.date())
    asked_to_come = factories.staff_role(
        organisation=organisation, on_call_position=9, asked_at=timezone.now()
    ).user
    closed = factories.staff_role(
        organisation=organisation, on_call_position=8, user=factories.user(is_active=False)
    ).user

    assert list(rules.on_call(organisation, at=at(2, 23, 30))) == three[1:]
    assert list(rules.on_call(organisation, at=at(3, 0, 30))) == three
    assert {asked_to_come, closed}.isdisjoint(rules.on_call(organisation))


def test_a_concern_without_anybody_waits_for_the_first_person(organisation, outsider, published):
    concern = open_one(organisation, outsider.user)
    periodic.ask_who_is_next()
    concern.refresh_from_db()
    assert (concern.stage, concern.turn) == (Stage.NOBODY, 0)

    person = factories.staff_role(organisation=organisation).user
    periodic.ask_who_is_next()
    concern.refresh_from_db()
    assert (concern.assigned_to, concern.stage) == (person, Stage.NAMED)


def test_when_the_one_who_is_on_it_closes_their_account_somebody_else_is_asked(
    organisation, three, outsider
):
    concern = open_one(organisation, outsider.user)
    actions.acknowledge(concern=concern, by=three[0])
    type(three[0]).objects.filter(pk=three[0].pk).update(is_active=False)

    periodic.ask_who_is_next()

    concern.refresh_from_db()
    assert (concern.assigned_to, concern.stage) == (three[1], Stage.NAMED)
    assert concern.acknowledged_by == three[0]


def test_one_that_fails_stops_no_other(organisation, three, outsider, monkeypatch):
    concerns = [open_one(organisation, outsider.user, occasion=f"a:{n}") for n in range(2)]
    Concern.objects.update(escalates_at=timezone.now() - MINUTE)
    real = rules.next_to_ask

    def broken(concern, *, at):
        if concern.pk == concerns[0].pk:
            raise RuntimeError
        return real(concern, at=at)

    monkeypatch.setattr(rules, "next_to_ask", broken)
    periodic.ask_who_is_next()

    assert [max(asked(concern)) for concern in concerns] == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_two_clocks_at_once_ask_the_next_person_once(published):
    organisation = factories.organisation()
    for place in (1, 2, 3):
        factories.staff_role(organisation=organisation, on_call_position=place)
    concern = open_one(organisation, factories.user(), at=at(2, 9))

    at_once(*[lambda: actions.ask_next(concern=concern, by=None, at=at(2, 11))] * 3)

    assert {turn: len(people) for turn, people in asked(concern).items()} == {1: 1, 2: 1}
    assert len(published) == 2


# Mails that fail ---------------------------------------------------------------------------------


@pytest.fixture
def mail_server_down(monkeypatch):
    def refuse(self, messages):
        raise SMTPServerDisconnected("someone@example.org is not known here")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)


def test_a_mail_that_fails_is_tried_again_without_end_and_visible(
    organisation, three, outsider, published, mail_server_down, monkeypatch
):
    concern = open_one(organisation, outsider.user)
    alert = concern.alerts.get()
    assert not rules.failing_alerts(concern).exists()

    waits = []
    for _ in range(9):
        before = timezone.now()
        tasks.send_alert(str(alert.pk))
        alert.refresh_from_db()
        waits.append(round((alert.next_try_at - before) / MINUTE))
    concern.refresh_from_db()

    assert waits == [1, 2, 5, 10, 20, 30, 60, 60, 60]
    assert list(rules.failing_alerts(concern)) == [alert]
    assert (concern.stage, concern.told_at) == (Stage.NAMED, None)
    published.clear()
    periodic.send_overdue_alerts()
    assert published == []

    monkeypatch.undo()
    monkeypatch.setattr(tasks.send_alert, "delay", published.append)
    Alert.objects.update(next_try_at=timezone.now() - MINUTE)
    periodic.send_overdue_alerts()
    tasks.send_alert(*published)

    concern.refresh_from_db()
    assert (concern.stage, len(mail.outbox)) == (Stage.TOLD, 1)
    assert not rules.failing_alerts(concern).exists()


def test_a_failing_mail_does_not_stop_the_clock_for_the_next(
    organisation, three, outsider, mail_server_down, published
):
    concern = open_one(organisation, outsider.user, at=at(2, 9))
    tasks.send_alert(str(concern.alerts.get().pk))

    actions.ask_next(concern=concern, by=None, at=at(2, 11))

    assert asked(concern)[2] == {three[1]}


def test_without_a_broker_the_clock_tells(
    organisation, three, outsider, monkeypatch, django_capture_on_commit_callbacks
):
    def broken(pk: str) -> None:
        raise OperationalError

    monkeypatch.setattr(tasks.send_alert, "delay", broken)
    with django_capture_on_commit_callbacks(execute=True):
        concern = open_one(organisation, outsider.user, at=timezone.now() - 2 * MINUTE)

    published: list[str] = []
    monkeypatch.setattr(tasks.send_alert, "delay", published.append)
    periodic.send_overdue_alerts()
    assert published == [str(concern.alerts.get().pk)]


def test_a_mail_is_not_sent_once_somebody_is_on_it(organisation, three, outsider):
    concern = open_one(organisation, outsider.user)
    actions.acknowledge(concern=concern, by=three[0])

    tasks.send_alert(str(concern.alerts.get().pk))

    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_a_task_delivered_twice_at_once_sends_one_mail(published):
    organisation = factories.staff_role(on_call_position=1).organisation
    concern = open_one(organisation, factories.user())
    alert = concern.alerts.get()

    at_once(*[lambda: tasks.send_alert(str(alert.pk))] * 3)

    assert len(mail.outbox) == 1


# What is done ------------------------------------------------------------------------------------


def test_steps_are_written_down_and_the_first_means_being_on_it(organisation, three, outsider):
    concern = open_one(organisation, outsider.user)

    actions.take_step(concern=concern, kind="not_reached", note="", by=three[0], at=at(2, 9))
    actions.take_step(concern=concern, kind="reached", note="Is safe.", by=three[0], at=at(2, 10))

    concern.refresh_from_db()
    assert (concern.acknowledged_by, concern.stage) == (three[0], Stage.ON_IT)
    kinds = list(concern.steps_taken.values_list("kind", flat=True))
    assert sorted(kinds) == ["not_reached", "on_it", "reached"]
    assert "Is safe" not in str(list(Event.objects.values_list("data", flat=True)))
    actions.close(concern=concern, note="Talked.", by=three[0])
    with pytest.raises(Refused) as raised:
        actions.take_step(concern=concern, kind="reached", note="", by=three[0])
    assert raised.value.reason == "state_changed"


def test_handing_over_asks_the_other_until_they_confirm(organisation, three, outsider):
    concern = open_one(organisation, outsider.user, at=at(2, 9))
    actions.acknowledge(concern=concern, by=three[0], at=at(2, 10))

    concern = actions.hand_over(
        concern=concern, to=three[2], note="I am on a train.", by=three[0], at=at(2, 11)
    )
    assert (concern.assigned_to, concern.stage) == (three[2], Stage.NAMED)
    assert concern.acknowledged_at == at(2, 10)
    step = concern.steps_taken.get(kind=StepTaken.Kind.HANDED_OVER)
    assert (step.taken_by, step.handed_to, step.note) == (three[0], three[2], "I am on a train.")

    # Who handed it over needs no mail about it any more.
    assert [alert.person for alert in Alert.objects.to_send()] == [three[2]]

    # They did not see it either: the clock goes on with who was not asked yet.
    actions.ask_next(concern=concern, by=None, at=at(2, 13))
    concern.refresh_from_db()
    assert concern.assigned_to == three[1]
    actions.acknowledge(concern=concern, by=three[1], at=at(2, 14))
    concern.refresh_from_db()
    assert (concern.stage, concern.acknowledged_by) == (Stage.ON_IT, three[0])


@pytest.mark.parametrize("who", ["about", "away", "facilitator", "outsider", "assigned"])
def test_to_whom_a_concern_cannot_be_handed(organisation, three, facilitator, outsider, who):
    concern = open_one(organisation, three[2])
    organisation.away.create(person=three[1], until=timezone.localdate())
    people = {
        "about": three[2],
        "away": three[1],
        "facilitator": facilitator.user,
        "outsider": outsider.user,
        "assigned": three[0],
    }

    with pytest.raises(Refused) as raised:
        actions.hand_over(concern=concern, to=people[who], note="", by=three[0])

    assert raised.value.reason == "cannot_take_over"


def test_whoever_was_asked_sees_it_while_they_work_there(organisation, three, outsider):
    concern = open_one(organisation, outsider.user, at=at(2, 9))
    actions.ask_next(concern=concern, by=None, at=at(2, 11))
    assert concern in rules.concerns_visible_to(three[0])
    assert concern not in rules.concerns_visible_to(three[2])

    three[0].staff_roles.all().delete()
    three[1].staff_roles.all().delete()
    assert concern not in rules.concerns_visible_to(three[0])
    assert concern in rules.concerns_visible_to(three[1])  # named, and it is open


# The same occasion again -------------------------------------------------------------------------


def test_more_that_is_said_stands_in_the_log_and_has_to_be_confirmed(organisation, three, outsider):
    concern = open_one(organisation, outsider.user, at=at(2, 9))
    again = open_one(organisation, outsider.user, detail="Nearly every day.", at=at(2, 10))
    open_one(organisation, outsider.user, detail="Nearly every day.", at=at(2, 10))
    assert again == concern
    assert [step.note for step in concern.steps_taken.all()] == ["Nearly every day."]
    assert concern.alerts.count() == 1

    actions.acknowledge(concern=concern, by=three[0], at=at(2, 11))
    open_one(organisation, outsider.user, detail="Every day.", at=at(2, 15))
    concern.refresh_from_db()
    assert concern.stage == Stage.NAMED
    assert (concern.respond_by, concern.escalates_at) == (at(2, 19), at(2, 17))
    assert concern.alerts.count() == 2


def test_what_is_said_after_it_was_closed_opens_another(organisation, three, outsider):
    concern = open_one(organisation, outsider.user)
    actions.close(concern=concern, note="Talked.", by=three[0])

    same = open_one(organisation, outsider.user)
    worse = open_one(organisation, outsider.user, detail="Every day.")
    repeated = open_one(organisation, outsider.user, detail="Every day.")

    assert same == concern
    assert worse == repeated != concern
    assert (worse.occasion, worse.stage) == ("answer:1#2", Stage.NAMED)


# The promise -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "respond_by", "escalates_at"),
    [
        (at(2, 10), at(2, 14), at(2, 12)),
        (at(2, 15), at(3, 11), at(2, 17)),
        (at(6, 16), at(9, 12), at(9, 10)),
        (at(7, 12), at(9, 13), at(9, 11)),
        (at(2, 7), at(2, 13), at(2, 11)),
    ],
)
def test_working_hours_stretch_the_promise(organisation, opened, respond_by, escalates_at):
    plan = factories.on_call_plan(
        organisation, opens_at="09:00", closes_at="17:00", weekdays=[0, 1, 2, 3, 4]
    )

    assert (plan.respond_by(opened), plan.escalates_at(opened)) == (respond_by, escalates_at)
    assert plan.hours_in_words == "Monday to Friday, 9am to 5pm"
    assert respond_by - opened >= HOUR * 4
