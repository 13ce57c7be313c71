"""FHIR R4 out and in, judged by the models of `fhir.resources`.

Its R4B package is what it has of the fourth release: of the resources used here (Questionnaire,
QuestionnaireResponse, Observation, Bundle, Patient), R4 and R4B have the same elements.
"""

import copy
import json
from contextlib import suppress

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from hypothesis import given
from hypothesis import strategies as st

from instruments import blanks, catalogue
from instruments.content import content_of
from instruments.fhir import (
    CANONICAL,
    ORDINAL_VALUE,
    NotScorable,
    canonical,
    definition_from,
    questionnaire,
    questions_from,
)
from instruments.schema import parse

ALL = catalogue.all_definitions()
PHQ_9, AUDIT_C, CORE_10 = (catalogue.get(code) for code in ("phq-9", "audit-c", "core-10"))


def there_and_back(definition):
    return definition_from(json.loads(json.dumps(questionnaire(definition))))


def changed(definition, change):
    resource = json.loads(json.dumps(questionnaire(definition)))
    change(resource)
    return resource


def item(resource, link_id):
    return next(each for each in resource["item"] if each["linkId"] == link_id)


@pytest.mark.parametrize(
    "definition",
    [*ALL, *(blank.definition for blank in blanks.all_blanks())],
    ids=lambda each: f"{each.code} {each.version}",
)
def test_a_questionnaire_is_valid_and_comes_back_as_it_was(definition):
    resource = questionnaire(definition)
    Questionnaire.model_validate_json(json.dumps(resource))
    assert there_and_back(definition) == definition
    assert definition.licence.notice in resource["copyright"]
    assert f"{resource['url']}|{resource['version']}" == canonical(definition)
    asked = [each["linkId"] for each in resource["item"] if each["type"] != "display"]
    assert asked == [each.id for each in definition.all_items]


def test_the_content_of_a_definition_reads_to_the_same():
    for definition in ALL:
        assert parse(json.loads(json.dumps(content_of(definition)))) == definition


def test_questionnaire_has_codes_ordinals_and_conditions():
    resource = questionnaire(AUDIT_C)
    assert resource["code"] == [{"system": "http://loinc.org", "code": "72109-2"}]
    often, much, _ = resource["item"]
    assert often["code"] == [{"system": "http://loinc.org", "code": "68518-0"}]
    answers = [option["valueCoding"] for option in often["answerOption"]]
    assert [each["code"] for each in answers][:2] == ["LA6270-8", "LA18926-8"]
    assert [each["extension"][0]["valueDecimal"] for each in answers] == [0, 1, 2, 3, 4]
    assert {each["extension"][0]["url"] for each in answers} == {ORDINAL_VALUE}
    assert much["enableBehavior"] == "any"
    assert [each["answerCoding"]["code"] for each in much["enableWhen"]] == [
        *("LA18926-8", "LA18927-6", "LA18928-4", "LA18929-2")
    ]


def test_a_questionnaire_of_an_organisation_has_a_name_of_its_own():
    own = questionnaire(PHQ_9, owner="northgate")
    assert own["url"] == f"{CANONICAL}/Questionnaire/northgate.phq-9"
    Questionnaire.model_validate_json(json.dumps(own))


def test_a_condition_on_every_one_of_several_items_comes_back():
    content = content_of(catalogue.get("asq"))
    for values in ([1], [1, 9]):
        content["items"][4]["show_if"] = {"items": ["q1", "q2"], "values": values, "every": True}
        definition = parse(content)
        Questionnaire.model_validate_json(json.dumps(questionnaire(definition)))
        assert there_and_back(definition) == definition


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(resourceType="Patient"), "no FHIR Questionnaire"),
        (lambda r: r.pop("item"), "asks nothing"),
        (lambda r: r.update(item={}), "must be a list"),
        (lambda r: r["item"][1].update(type="integer"), "Only “choice” can be scored"),
        (lambda r: r["item"][1].update(type="open-choice"), "free text"),
        (lambda r: r["item"][1].update(repeats=True), "several answers"),
        (lambda r: r["item"][1].pop("linkId"), "has no linkId"),
        (lambda r: r["item"][1].update(linkId="q2"), "Two items have the linkId “q2”"),
        (lambda r: r["item"][1].pop("text"), "has no text"),
        (lambda r: r["item"][1].update(item=[{}]), "items of its own"),
        (lambda r: r["item"][1].pop("answerOption"), "no answers to choose from"),
        (
            lambda r: (r["item"][1].pop("answerOption"), r["item"][1].update(answerValueSet="x")),
            "names its answers elsewhere",
        ),
        (
            lambda r: [
                r["item"][1]["answerOption"][0].pop("extension"),
                r["item"][1]["answerOption"][0]["valueCoding"].pop("extension"),
            ],
            "answer 1, does not say what it counts: its ordinalValue is missing",
        ),
        (
            lambda r: r["item"][1]["answerOption"][0]["extension"][0].update(valueDecimal=7),
            "two ordinal values",
        ),
        (
            lambda r: [
                place["extension"][0].update(valueDecimal=0.5)
                for place in (
                    r["item"][1]["answerOption"][0],
                    r["item"][1]["answerOption"][0]["valueCoding"],
                )
            ],
            "Only whole numbers",
        ),
        (
            lambda r: r["item"][1]["answerOption"][0].update(valueString="No", valueCoding=None),
            "no “valueCoding”",
        ),
        (
            lambda r: r["item"][1]["answerOption"][1]["valueCoding"].update(code="LA6568-5"),
            "two answers with the same code",
        ),
        (lambda r: r.pop("extension"), "does not say how it is scored"),
        (lambda r: r["extension"][0].update(valueString="{"), "cannot be read"),
        (lambda r: r["item"][1].pop("extension"), "does not say whether it counts"),
        (lambda r: r.pop("copyright"), "must hold the licence notice"),
        (lambda r: r.pop("title"), "has no title"),
        (lambda r: r.pop("identifier"), "has no identifier"),
        (lambda r: r.pop("code"), "LOINC panel"),
        (lambda r: r["item"][-1].pop("enableWhen"), "“enableWhen” and the scoring differ"),
        (lambda r: r["item"].pop(3), r"range is \[0, 27\]"),
        (
            lambda r: r["item"].append({"linkId": "x", "type": "display", "text": "Well done."}),
            "words between the questions",
        ),
    ],
)
def test_definition_from_refuses_and_says_why(change, reason):
    with pytest.raises(NotScorable, match=reason):
        definition_from(changed(PHQ_9, change))


def test_definition_from_names_every_mistake():
    def change(resource):
        item(resource, "q1").update(type="string")
        item(resource, "q2").pop("text")

    with pytest.raises(NotScorable) as refusal:
        definition_from(changed(PHQ_9, change))
    assert len(refusal.value.reasons) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["item"][1]["enableWhen"][0].update(question="q9"), "not known here"),
        (lambda r: r["item"][1]["enableWhen"][0].update(operator=">"), "not known here"),
        (
            lambda r: r["item"][1]["enableWhen"][0]["answerCoding"].update(code="LA1"),
            "not offered",
        ),
        (lambda r: r["item"][1].pop("enableBehavior"), "whether all its conditions"),
        (lambda r: r["item"][1].update(enableBehavior="all"), "cannot be kept"),
    ],
)
def test_definition_from_refuses_conditions_that_it_cannot_hold(change, reason):
    with pytest.raises(NotScorable, match=reason):
        definition_from(changed(AUDIT_C, change))


def test_groups_are_taken_apart():
    def change(resource):
        resource["item"] = [
            {"linkId": "g", "type": "group", "text": PHQ_9.stem, "item": resource["item"][1:]}
        ]

    assert definition_from(changed(PHQ_9, change)) == PHQ_9


@pytest.mark.parametrize(
    "change",
    [
        lambda r: item(r, "q1").update(text="I have felt tense"),
        lambda r: r["item"].insert(1, r["item"].pop(2)),
        lambda r: r["item"].pop(),
        lambda r: r["item"].pop(0),
        lambda r: item(r, "q2")["extension"][0]["extension"].pop(),
        lambda r: r["identifier"][0].update(value="our-ten"),
        lambda r: [r["identifier"][0].update(value="ours"), r.update(title="Our ten")],
        lambda r: [
            r["identifier"][0].update(value="ours"),
            r.update(title="Ours", item=r["item"][:2]),
        ],
    ],
    ids=["reworded", "reordered", "shortened", "no stem", "counted", "renamed", "hidden", "stub"],
)
def test_definition_from_refuses_a_changed_core_10(change):
    resource = changed(CORE_10, change)
    scoring = json.loads(resource["extension"][0]["valueString"])
    asked = [each for each in resource["item"] if each["type"] == "choice"]
    most = 4 * len(asked)
    if most < 40:
        # As if its author had seen to the sums as well.
        ids = [each["linkId"] for each in asked]
        scoring |= {"bands": [], "cutoffs": []}
        scoring["scoring"]["range"] = [0, most]
        scoring["risk_rules"] = [r for r in scoring["risk_rules"] if r["item"] in ids]
        if len(asked) < 2:
            scoring["scoring"]["missing"] |= {"rule": "none_allowed"}
            scoring["scoring"]["missing"].pop("max_missing")
    resource["extension"][0]["valueString"] = json.dumps(scoring)
    with pytest.raises(NotScorable, match="reword, shorten or reorder"):
        definition_from(resource)


def test_questions_from_reads_a_questionnaire_without_scoring():
    resource = changed(PHQ_9, lambda r: r.pop("extension"))
    stem, questions = questions_from(resource)
    assert stem == PHQ_9.stem
    assert [each.text for each in questions] == [each.text for each in PHQ_9.all_items]


# Anything ----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value, way=()):
    """Every place in a resource, to put something else there."""
    yield way
    parts = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    for key, inner in parts:
        yield from places(inner, (*way, key))


SHIPPED = [json.loads(json.dumps(questionnaire(definition))) for definition in ALL]
#: Which place (counted round and round) holds what instead.
DAMAGE = st.lists(st.tuples(st.integers(0, 9999), JSON), min_size=1, max_size=3)


def damaged(resource, damage):
    resource = copy.deepcopy(resource)
    for number, value in damage:
        ways = [way for way in places(resource) if way]
        *way, last = ways[number % len(ways)]
        inner = resource
        for step in way:
            inner = inner[step]
        inner[last] = value
    return resource


@given(JSON)
def test_nothing_crashes_the_import(resource):
    with pytest.raises(NotScorable):
        definition_from(resource)


@given(st.integers(0, len(SHIPPED) - 1), DAMAGE)
def test_no_damaged_resource_crashes_the_import(number, damage):
    with suppress(NotScorable):
        definition = definition_from(damaged(SHIPPED[number], damage))
        assert parse(content_of(definition)) == definition


@given(st.integers(0, len(SHIPPED) - 1), DAMAGE)
def test_no_damaged_scoring_crashes_the_import(number, damage):
    resource = copy.deepcopy(SHIPPED[number])
    scoring = json.loads(resource["extension"][0]["valueString"])
    resource["extension"][0]["valueString"] = json.dumps(damaged(scoring, damage))
    with suppress(NotScorable):
        definition_from(resource)
