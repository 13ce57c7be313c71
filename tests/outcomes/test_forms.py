from datetime import date
from uuid import UUID

import pytest
from django import forms

from groups.models import SupportGroup
from instruments import catalogue
from outcomes.forms import AnswerForm, ScopeForm
from outcomes.scopes import Scope


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
        ({"group": "evening", "period": "2026-1"}, Scope(UUID(int=1), period="2026-1")),
        (
            {"facilitation": "peer_led", "format": "online", "topic": "grief"},
            Scope(None, "peer_led", "online", "grief"),
        ),
        ({"group": "other", "topic": "all", "period": "2026-3"}, Scope()),
    ],
)
def test_scope_form(data, scope):
    assert scope_form(data).scope() == scope


def scope_form(data):
    group = SupportGroup(id=UUID(int=1), slug="evening", name="Evening circle")
    return ScopeForm(data, groups=[group], topics=[("grief", "Grief")], today=date(2026, 11, 28))


def test_scope_form_keeps_and_names_what_was_chosen():
    form = scope_form({"group": "evening", "period": "2026-1", "topic": "nonsense", "page": "2"})
    assert form.query == "group=evening&period=2026-1"
    assert form.about == "Group: Evening circle. Began: January to June 2026"
    assert scope_form({}).about == "All groups, at any time"


def test_scope_form_draws_groups_as_others_are_drawn():
    group = SupportGroup(id=UUID(int=1), slug="evening", name="<Evening> circle")
    form = ScopeForm({"group": "evening"}, groups=[group], topics=[], today=date(2026, 11, 28))
    field = form.fields["group"]
    plain = forms.Select(choices=field.choices).render("group", "evening", {"id": "id_group"})
    assert "".join(str(form["group"]).split()) == "".join(plain.split())
