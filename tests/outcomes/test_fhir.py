import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from hypothesis import given
from hypothesis import strategies as st

from instruments import catalogue
from instruments.content import content_of
from instruments.fhir import NotScorable
from instruments.models import Instrument
from instruments.scoring import items_to_ask, score
from outcomes.fhir import answers_from, bundle, observations, questionnaire_response
from outcomes.models import Response
from tests.instruments.test_fhir import DAMAGE, JSON, damaged
from tests.instruments.test_scoring import SHEETS

NOW = datetime(2026, 3, 4, 18, 30, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": "Ada"}]}


def answered(definition, answers, **fields):
    """A response that was sent, as far as a resource is made from it: nothing is stored."""
    instrument = Instrument(
        code=definition.code, version=definition.version, definition=content_of(definition)
    )
    fields = {"saved_at": NOW, "submitted_at": NOW} | fields
    return Response(
        id="0198a7c0-0000-7000-8000-000000000001", instrument=instrument, answers=answers, **fields
    )


def phq_9(*values, **extra):
    return {f"q{n}": value for n, value in enumerate(values, start=1)} | extra


def through_json(resource):
    return json.loads(json.dumps(resource))


@given(SHEETS)
def test_any_sheet_comes_back_as_it_was(case):
    definition, sheet = case
    shown = {item.id for item in items_to_ask(definition, sheet)}
    answers = {item_id: value for item_id, value in sheet.items() if item_id in shown}
    resource = through_json(questionnaire_response(answered(definition, answers)))
    QuestionnaireResponse.model_validate(resource)
    assert answers_from(resource, definition) == answers
    found = score(definition, answers)
    for observation in observations(answered(definition, answers)):
        Observation.model_validate(through_json(observation))
    totals = [found, *found.scales]
    said = sum(part.total is not None for part in totals) + (
        found.total is None and found.band is not None
    )
    assert len(observations(answered(definition, answers))) == said


def test_observation_of_a_score():
    (found,) = observations(answered(catalogue.get("phq-9"), phq_9(2, 2, 1, 1, 1, 2, 1, 1, None)))
    assert found["code"]["coding"][0] == {"system": "http://loinc.org", "code": "44261-6"}
    assert found["valueQuantity"]["value"] == 12
    assert found["interpretation"] == [{"text": "moderate"}]
    assert found["derivedFrom"] == [
        {"reference": "QuestionnaireResponse/0198a7c0-0000-7000-8000-000000000001"}
    ]
    assert found["note"] == [{"text": "Estimated from the answered items. Without an answer: q9."}]
    assert found["effectiveDateTime"] == "2026-03-04T18:30:00+00:00"
    assert "subject" not in found


def test_observations_of_scales_and_outcomes():
    ons4 = catalogue.get("ons4")
    sheet = {"satisfied": 7, "worthwhile": 9, "happy": None, "anxious": 2}
    found = observations(answered(ons4, sheet))
    assert [(each["code"]["text"], each["valueQuantity"]["value"]) for each in found] == [
        ("Personal wellbeing (ONS4): Life satisfaction", 7),
        ("Personal wellbeing (ONS4): Worthwhile", 9),
        ("Personal wellbeing (ONS4): Anxiety", 2),
    ]
    assert len({each["id"] for each in found}) == 3
    asq = answered(catalogue.get("asq"), phq_9(0, 0, 0, 0))
    (outcome,) = observations(asq)
    assert outcome["valueCodeableConcept"] == {"text": "negative"}


def test_nothing_is_observed_before_answers_are_sent():
    begun = answered(catalogue.get("phq-9"), phq_9(*[1] * 9), submitted_at=None)
    assert observations(begun) == []
    assert questionnaire_response(begun)["status"] == "in-progress"


def test_bundle_holds_everything_once_and_names_nobody():
    one = answered(catalogue.get("phq-9"), phq_9(*[1] * 9))
    two = answered(catalogue.get("phq-9"), phq_9(*[0] * 9))
    two.pk = "0198a7c0-0000-7000-8000-000000000002"
    found = bundle([one, two], at=NOW)
    Bundle.model_validate(through_json(found))
    kinds = [entry["resource"]["resourceType"] for entry in found["entry"]]
    assert kinds == [*["QuestionnaireResponse", "Observation"] * 2, "Questionnaire"]
    assert "subject" not in json.dumps({**found, "entry": found["entry"][:-1]})
    urls = [entry["fullUrl"] for entry in found["entry"]]
    assert len(set(urls)) == len(urls)
    named = bundle([one], patient=PATIENT)
    Bundle.model_validate(through_json(named))
    assert named["entry"][0]["resource"] == PATIENT
    assert named["entry"][1]["resource"]["subject"] == {"reference": "Patient/p1"}
    assert named["entry"][2]["resource"]["subject"] == {"reference": "Patient/p1"}
    assert "entry" not in bundle([])


AUDIT_C = catalogue.get("audit-c")


def sheet(change):
    answers = {"q1": 2, "q2": 1, "q3": 0}
    resource = through_json(questionnaire_response(answered(AUDIT_C, answers)))
    change(resource)
    return resource


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(resourceType="Questionnaire"), "no FHIR QuestionnaireResponse"),
        (lambda r: r.update(questionnaire="https://other.example/q"), "not to https"),
        (lambda r: r.update(questionnaire=r["questionnaire"][:-1] + "2"), "not to https"),
        (lambda r: r.update(status="entered-in-error"), "do not count"),
        (lambda r: r["item"][1].update(linkId="q7"), "has no item “q7”"),
        (lambda r: r["item"][1].update(linkId="q1"), "answered twice"),
        (lambda r: r["item"][1].pop("linkId"), "no linkId"),
        (lambda r: r["item"][1]["answer"].append({}), "must have one answer"),
        (lambda r: r["item"][1]["answer"][0].update(valueCoding={"code": "LA1"}), "not offer"),
        (lambda r: r["item"][1].update(answer=[{"valueInteger": 1}]), "not offer"),
        (
            lambda r: r["item"][1]["answer"][0]["valueCoding"].update(system="http://x.example"),
            "not offer",
        ),
        (
            lambda r: r["item"][1]["answer"][0]["valueCoding"]["extension"][0].update(
                valueDecimal=4
            ),
            "not offer",
        ),
        (
            lambda r: r["item"][0]["answer"][0].update(
                valueCoding={"system": "http://loinc.org", "code": "LA6270-8"}
            ),
            "Item “q2” was answered, but the other answers leave it out.",
        ),
        (lambda r: r["item"][0].pop("answer"), "leave it out"),
        (lambda r: r.update(item={"linkId": "q1"}), "must be a list"),
    ],
)
def test_answers_from_refuses_and_says_why(change, reason):
    with pytest.raises(NotScorable, match=reason):
        answers_from(sheet(change), AUDIT_C)


def test_answers_from_looks_into_groups_and_past_the_words_between():
    def grouped(resource):
        words = {"linkId": "stem", "text": "Some words"}
        resource["item"] = [words, {"linkId": "g", "item": resource["item"]}]

    assert answers_from(sheet(grouped), AUDIT_C) == {"q1": 2, "q2": 1, "q3": 0}
    assert answers_from(sheet(lambda r: r.pop("questionnaire")), AUDIT_C)["q1"] == 2


RESOURCES = [
    questionnaire_response(
        answered(each, {item.id: max(item.values) for item in items_to_ask(each, {})})
    )
    for each in catalogue.all_definitions()
]


@given(st.integers(0, len(RESOURCES) - 1), DAMAGE, JSON)
def test_no_answers_crash_the_import(number, damage, anything):
    definition = catalogue.all_definitions()[number]
    for resource in (anything, damaged(RESOURCES[number], damage)):
        with suppress(NotScorable):
            score(definition, answers_from(resource, definition))
