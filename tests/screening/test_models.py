"""What the database refuses, and how questions read."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from screening.models import Application, Decision, Question
from tests import factories


def refused(constraint: str):
    """The database says no and names this constraint."""
    return pytest.raises(IntegrityError, match=constraint)


@pytest.fixture
def form(group):
    return group.screening_forms.get()


@pytest.fixture
def application(applicant):
    return applicant.user.applications.get()


def test_a_group_has_each_version_once(group, form):
    with refused("screening_screeningform_version_once"):
        group.screening_forms.create(version=form.version)


def test_a_position_holds_one_question(form):
    with refused("screening_question_position_once"):
        form.questions.create(position=1, kind="text", text="Again?")


def test_the_kind_of_a_question_is_known(form):
    with refused("screening_question_kind_known"):
        form.questions.create(position=9, kind="riddle", text="What walks on four legs?")


def test_a_group_has_one_draft(group):
    group.screening_forms.create(version=8, published_at=None)

    with refused("screening_screeningform_one_draft"):
        group.screening_forms.create(version=9, published_at=None)


@pytest.mark.parametrize("kind", ["instrument", "text"])
def test_a_questionnaire_is_named_where_one_is_asked_and_nowhere_else(form, kind):
    instrument = None if kind == "instrument" else factories.instrument()

    with refused("screening_question_instrument_named"):
        form.questions.create(position=9, kind=kind, text="How?", instrument=instrument)


@pytest.fixture
def talk(application):
    return application.appointments.create(how="By telephone.")


def test_one_offer_of_times_is_open(application, talk):
    with refused("screening_appointment_one_open"):
        application.appointments.create(how="Again.")


@pytest.mark.parametrize("ended", ["withdrawn_at", "declined_at"])
def test_an_offer_of_times_follows_one_that_ended(application, talk, ended):
    application.appointments.update(**{ended: timezone.now()})

    assert application.appointments.create(how="Again.").pk


@pytest.mark.parametrize("minutes", [4, 121])
def test_a_talk_has_a_possible_length(talk, minutes):
    talk.minutes = minutes
    with refused("screening_appointment_minutes_possible"):
        talk.save()


def test_a_time_is_offered_once(talk):
    now = timezone.now()
    talk.times.create(starts_at=now)

    with refused("screening_appointmenttime_once"):
        talk.times.create(starts_at=now)


def test_one_time_is_picked(talk):
    now = timezone.now()
    talk.times.create(starts_at=now, picked_at=now)

    with refused("screening_appointmenttime_one_picked"):
        talk.times.create(starts_at=now + timedelta(days=1), picked_at=now)


def test_how_far_a_talk_has_come(application):
    assert application.talk == ("", None)
    application.status = "talk_first"
    assert application.talk == ("invited", None)
    now = timezone.now()
    offered = application.appointments.create(how="x")
    time = offered.times.create(starts_at=now)
    assert application.talk == ("offered", None)
    time.picked_at = now
    time.save()
    assert application.talk == ("agreed", now)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("screening_application_status_known", {"status": "lost"}),
        ("screening_application_proposal_known", {"proposal": "maybe"}),
        ("screening_application_sent_has_membership", {"membership": None}),
        ("screening_application_sent_has_membership", {"submitted_at": None}),
    ],
)
def test_application_that_cannot_be(application, constraint, fields):
    with refused(constraint):
        Application.objects.filter(pk=application.pk).update(**fields)


def test_one_draft_for_a_group_at_a_time(group, outsider):
    factories.application(group, user=outsider.user)

    with refused("screening_application_one_draft"):
        factories.application(group, user=outsider.user)


def test_a_question_has_one_answer(application):
    answer = application.answers.first()

    with refused("screening_answer_once"):
        application.answers.create(question=answer.question, value="no")


def test_the_outcome_of_a_decision_is_known(application):
    with refused("screening_decision_outcome_known"):
        Decision.objects.create(application=application, outcome="shrug")


@pytest.mark.parametrize(
    ("kind", "value", "label"),
    [
        ("yes_no", "yes", "Yes"),
        ("yes_no", None, "Rather not say"),
        ("one_of", "b", "The second"),
        ("some_of", '["b", "a"]', "The first\nThe second"),
        ("some_of", "[]", ""),
        ("text", "My own words", "My own words"),
    ],
)
def test_label_of(kind, value, label):
    options = [{"value": "a", "label": "The first"}, {"value": "b", "label": "The second"}]

    assert Question(kind=kind, options=options).label_of(value) == label


def test_most_urgent_first_then_by_promised_time(group):
    now = timezone.now()
    order = {}
    for name, proposal, hours in (
        ("later", "ready", 40),
        ("sooner", "talk_first", 10),
        ("urgent", "urgent", 47),
        ("draft", None, 0),
    ):
        person = factories.user()
        if proposal is None:
            factories.application(group, user=person)
            continue
        order[name] = factories.application(
            group,
            user=person,
            status="submitted",
            proposal=proposal,
            answer_by=now + timedelta(hours=hours),
        )

    found = Application.objects.waiting().most_urgent_first()

    assert list(found) == [order["urgent"], order["sooner"], order["later"]]
