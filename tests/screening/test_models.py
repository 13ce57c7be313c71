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
