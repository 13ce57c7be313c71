"""Every risk rule acts when an answer is saved, on every way in, or the answer is not saved."""

import pytest
from django.db import OperationalError, connection

from instruments import catalogue
from instruments.models import Instrument
from instruments.schema import RiskLevel
from outcomes import actions
from outcomes.models import Response
from safeguarding.models import Concern, StepTaken
from tests import factories

RULES = [
    pytest.param(definition, rule, id=f"{definition.code}-{rule.id}")
    for definition in catalogue.all_definitions()
    for rule in definition.risk_rules
]


@pytest.fixture
def asked(organisation, group):
    """A member who is asked an instrument."""

    def ask(instrument: Instrument):
        plan = factories.survey_plan(group, instrument=instrument)
        return factories.invitation(plan, factories.member(group))

    return ask


def save(invitation, item_id: str, value: int | None):
    return actions.save_answer(
        invitation=invitation, item_id=item_id, value=value, by=invitation.membership.user
    )


def test_there_are_rules_for_the_items_that_ask_about_dying():
    found = {(definition.code, rule.item) for definition, rule in (p.values for p in RULES)}
    assert {("phq-9", "q9"), ("core-10", "q6")} <= found


ON_ITEMS = [case for case in RULES if case.values[1].item is not None]
ON_TOTALS = [case for case in RULES if case.values[1].total_at_least is not None]


def test_each_rule_is_tried_here():
    assert len(ON_ITEMS) + len(ON_TOTALS) == len(RULES)
    assert ON_TOTALS


@pytest.mark.parametrize(("definition", "rule"), ON_ITEMS)
def test_every_rule_acts_when_its_answer_is_saved(db, asked, definition, rule):
    invitation = asked(factories.instrument(definition.code))
    item = definition.item(rule.item)
    needs_a_person = rule.level is RiskLevel.REVIEW
    for value in [None] if rule.declined else sorted(item.values):
        Concern.objects.all().delete()
        saved = save(invitation, item.id, value)
        reached = value is None or value >= (rule.at_least or 0)
        assert Concern.objects.exists() == (reached and needs_a_person), value
        assert saved.shows_help == (reached and rule.show_help)
    # Nobody has sent anything.
    assert Response.objects.get().submitted_at is None


@pytest.mark.parametrize(("definition", "rule"), ON_TOTALS)
def test_a_total_acts_with_the_answer_that_reaches_it_and_once(db, asked, definition, rule):
    invitation = asked(factories.instrument(definition.code))
    speaks_for_itself = {other.item for other in definition.risk_rules}
    total = 0
    for item in definition.items:
        value = min(item.values) if item.id in speaks_for_itself else max(item.values)
        save(invitation, item.id, value)
        total += item.points(value)
        assert Concern.objects.exists() == (total >= rule.total_at_least), total
    save(invitation, definition.items[0].id, max(definition.items[0].values))

    concern = Concern.objects.get()
    assert concern.occasion.endswith(f":{rule.id}")
    assert not concern.steps_taken.exists()


def test_an_edited_answer_acts_too(asked, coordinator):
    invitation = asked(factories.instrument("phq-9"))
    save(invitation, "q9", 0)
    assert not Concern.objects.exists()

    save(invitation, "q9", 1)
    save(invitation, "q9", 1)
    save(invitation, "q9", 3)
    save(invitation, "q9", 0)

    concern = Concern.objects.get()
    assert "Several days" in concern.detail
    more = concern.steps_taken.get()
    assert more.kind == StepTaken.Kind.SAID_MORE
    assert "Nearly every day" in more.note


def test_an_answer_changed_after_somebody_closed_the_first_is_not_lost(asked, coordinator):
    invitation = asked(factories.instrument("phq-9"))
    save(invitation, "q9", 1)
    factories.close(Concern.objects.get())

    save(invitation, "q9", 3)

    assert Concern.objects.open().get().assigned_to == coordinator.user


@pytest.mark.django_db(transaction=True)
def test_an_answer_whose_transaction_is_killed_is_not_saved(monkeypatch):
    """The database ends the connection between the answer and its concern."""
    group = factories.group()
    plan = factories.survey_plan(group, instrument=factories.instrument("phq-9"))
    invitation = factories.invitation(plan, factories.member(group))
    save(invitation, "q1", 1)

    def killed(**fields: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(actions, "open_concern", killed)
    with pytest.raises(OperationalError):
        save(invitation, "q9", 3)
    connection.close()
    monkeypatch.undo()

    assert Response.objects.get().answers == {"q1": 1}
    assert not Concern.objects.exists()
    save(invitation, "q9", 3)
    assert Concern.objects.get().detail
