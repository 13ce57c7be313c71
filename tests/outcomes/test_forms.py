from uuid import UUID

import pytest

from groups.models import SupportGroup
from instruments import catalogue
from outcomes.figures import Scope
from outcomes.forms import AnswerForm, ScopeForm


@pytest.mark.parametrize(
    ("answer", "valid", "value"),
    [
        ("0", True, 0),
        ("3", True, 3),
        ("not-said", True, None),
        ("4", False, None),
        ("", False, None),
    ],
)
def test_answer_form(answer, valid, value):
    item = catalogue.get("phq-9").items[0]
    form = AnswerForm({"answer": answer}, item=item, answers={})
    assert form.is_valid() is valid
    if valid:
        assert form.value == value


@pytest.mark.parametrize(
    ("answers", "initial"), [({}, None), ({"q1": 2}, "2"), ({"q1": None}, "not-said")]
)
def test_answer_form_shows_what_was_answered(answers, initial):
    form = AnswerForm(item=catalogue.get("phq-9").items[0], answers=answers)
    assert form["answer"].value() == initial


@pytest.mark.parametrize(
    ("data", "scope"),
    [
        ({}, Scope()),
        ({"group": "evening"}, Scope(UUID(int=1))),
        ({"group": "evening", "joined": "6-months"}, Scope(UUID(int=1), "6-months")),
        ({"group": "other", "joined": "ever"}, Scope()),
    ],
)
def test_scope_form(data, scope):
    group = SupportGroup(id=UUID(int=1), slug="evening", name="Evening circle")
    assert ScopeForm(data, groups=[group]).scope() == scope
