import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from instruments import catalogue, rules
from instruments.actions import load_definitions
from instruments.fhir import SCORING, questionnaire
from instruments.forms import LARGEST_KB
from instruments.models import Instrument
from tests import factories

pytestmark = pytest.mark.django_db

PHQ_9, GAD_7 = catalogue.get("phq-9"), catalogue.get("gad-7")


@pytest.fixture(autouse=True)
def loaded(db):
    load_definitions()


def url(name, organisation, *args):
    return reverse(f"instruments:questionnaire_{name}", args=[organisation.slug, *args])


def text(response):
    return response.content.decode()


def test_questionnaire_list_says_what_each_waits_for(coordinator, organisation, group):
    page = text(coordinator.client.get(url("list", organisation)))
    for words in (
        "Patient Health Questionnaire-9 (PHQ-9)",
        "Measures depressive symptoms. 9 questions, and up to 1 more after some answers. "
        "Free to use. No permission is needed.",
        "Terms to accept",
        "Asked by staff only",
        "Perceived Stress Scale (PSS-10)",
        "Its words belong to Sheldon Cohen.",
    ):
        assert words in page
    assert url("list", organisation) in text(coordinator.client.get(reverse("groups:group_list")))


def test_questionnaire_list_and_detail_ask_little(
    coordinator, organisation, django_assert_max_num_queries
):
    for address in (url("list", organisation), url("detail", organisation, "phq-9")):
        coordinator.client.get(address)
        with django_assert_max_num_queries(14):
            coordinator.client.get(address)


@pytest.mark.parametrize("definition", catalogue.all_definitions(), ids=lambda each: each.code)
def test_questionnaire_detail_shows_exact_words_and_sources(coordinator, organisation, definition):
    page = text(coordinator.client.get(url("detail", organisation, definition.code)))
    for item in definition.all_items:
        assert escape(item.text) in page
    assert escape(definition.licence.notice) in page
    for scale in (definition, *definition.scales):
        for cutoff in scale.cutoffs:
            assert escape(cutoff.source) in page
    if definition.loinc:
        assert definition.loinc.panel in page


def test_questionnaire_detail_promises_nothing_where_a_person_asks(coordinator, organisation):
    page = text(coordinator.client.get(url("detail", organisation, "asq")))
    assert "Nobody is told by the software." in page
    for promise in ("sees help in their country", "I would rather not say", "As people see it"):
        assert promise not in page
        assert promise in text(coordinator.client.get(url("detail", organisation, "phq-9")))


def test_questionnaire_detail_of_a_blank_has_no_words(coordinator, organisation):
    page = text(coordinator.client.get(url("detail", organisation, "pss-10")))
    assert "Record your licence first" in page
    assert "Each has 5 answers, with the values 0 to 4." in page
    assert "Questions 4, 5, 7 and 8 count from the other end." in page
    assert "10 questions, in the order of the official form" in page
    assert "Question 1<" not in page
    assert url("fhir", organisation, "pss-10") not in page
    assert coordinator.client.get(url("detail", organisation, "nothing")).status_code == 404


def test_terms_are_shown_accepted_and_withdrawn(coordinator, organisation):
    detail = url("detail", organisation, "dass-21")
    terms = catalogue.get("dass-21").licence.terms
    assert escape(terms) in text(coordinator.client.get(detail))
    accept = url("accept", organisation, "dass-21")
    page = text(coordinator.client.post(accept, {"terms": terms}))
    assert "Tick this box if you may accept the terms." in page
    coordinator.client.post(accept, {"terms": "Others.", "is_authorised": "on"})
    assert not organisation.terms_acceptances.exists()
    said = coordinator.client.post(accept, {"terms": terms, "is_authorised": "on"}, follow=True)
    assert "can be asked from now on" in text(said)
    assert "Coordinator accepted on" in text(said)
    assert rules.usable_by(organisation).filter(code="dass-21").exists()
    coordinator.client.post(url("withdraw", organisation, "dass-21"))
    assert not rules.usable_by(organisation).filter(code="dass-21").exists()


LICENCE = {
    "owner": "Dr Cohen",
    "granted_on": "2026-01-01",
    "valid_until": "",
    "scope": "Our groups",
    "evidence": "Letter 12",
}


def test_a_licence_is_recorded_and_taken_back(coordinator, organisation):
    address = url("licence", organisation, "pss-10")
    page = text(coordinator.client.post(address, {**LICENCE, "evidence": ""}))
    assert "Write where the proof can be found." in page
    assert "Dr Cohen" in page
    page = text(coordinator.client.post(address, {**LICENCE, "valid_until": "2025-12-31"}))
    assert "Choose a day that is not before the first one." in page
    response = coordinator.client.post(address, LICENCE)
    assert response.url == url("words", organisation, "pss-10")
    licence = organisation.licences.get()
    assert (licence.code, licence.recorded_by) == ("pss-10", coordinator.user)
    page = text(coordinator.client.get(url("detail", organisation, "pss-10")))
    assert "Letter 12" in page
    assert "Enter the wording" in page
    coordinator.client.post(url("end", organisation, "pss-10"))
    assert not organisation.licences.on_record().exists()


def words_of(code="pss-10", **changes):
    words = factories.words(code)
    found = {f"text_{n}": each for n, each in enumerate(words.texts, start=1)}
    found |= {f"label_1_{value}": f"So often: {value}" for value in range(5)}
    return {"notice": "© Dr Cohen", "stem": "", **found, **changes}


def test_words_are_entered_and_corrected(coordinator, organisation):
    address = url("words", organisation, "pss-10")
    assert coordinator.client.get(address).url == url("licence", organisation, "pss-10")
    factories.licence(organisation)
    page = text(coordinator.client.post(address, words_of(text_3="", label_1_2="")))
    assert "Write question 3." in page
    assert "Write the answer with the value 2." in page
    assert "How often was it 4?" in page
    assert coordinator.client.post(address, words_of()).url == url("detail", organisation, "pss-10")
    page = text(coordinator.client.get(address))
    assert "Saving makes version 2." in page
    assert "How often was it 3?" in page
    page = text(coordinator.client.post(address, words_of()))
    assert "Nothing differs from the wording that you have." in page
    coordinator.client.post(address, words_of(text_3="How often was it three?"))
    newest = rules.usable_by(organisation).get(code="pss-10")
    assert newest.version == "2"
    assert newest.parsed().item("q3").text == "How often was it three?"
    assert coordinator.client.get(url("words", organisation, "phq-9")).status_code == 404


def as_fhir(organisation, **fields):
    return questionnaire(factories.own_instrument(organisation, **fields).parsed())


def test_words_are_read_from_fhir_and_compared_first(coordinator, organisation):
    resource = as_fhir(factories.organisation())
    del resource["extension"]
    factories.licence(organisation)
    address = url("words", organisation, "pss-10")
    page = text(coordinator.client.post(address, {"read": "1", "text": json.dumps(resource)}))
    assert "Compare them with your form" in page
    assert 'value="How often was it 7?"' in page
    assert 'value="So often: 4"' in page
    assert not Instrument.objects.filter(organisation=organisation).exists()
    resource["item"] = resource["item"][:-1]
    page = text(coordinator.client.post(address, {"read": "1", "text": json.dumps(resource)}))
    assert "It has 9 questions. Perceived Stress Scale (PSS-10) has 10." in page


def test_words_from_fhir_must_fit_the_scoring(coordinator, organisation):
    resource = as_fhir(factories.organisation())
    answers = resource["item"][1]["answerOption"]
    for place in (answers[4], answers[4]["valueCoding"]):
        place["extension"][0]["valueDecimal"] = 7
    answers[0]["valueCoding"]["display"] = "Hardly ever"
    factories.licence(organisation)
    address = url("words", organisation, "pss-10")
    page = text(coordinator.client.post(address, {"read": "1", "text": json.dumps(resource)}))
    assert "The answers to question 2 must count 0, 1, 2, 3, 4." in page
    assert "Question 2 words its answers unlike question 1." in page


def our_own(**changes):
    resource = json.loads(json.dumps(questionnaire(GAD_7)))
    resource["identifier"][0]["value"] = "our-own"
    return resource | {"title": "Our own"} | changes


def test_a_questionnaire_is_read_shown_and_kept(coordinator, organisation):
    address = url("import", organisation)
    file = SimpleUploadedFile("our.json", json.dumps(our_own()).encode(), "application/json")
    page = text(coordinator.client.post(address, {"file": file}))
    assert "Nothing is kept yet." in page
    assert "Feeling nervous, anxious or on edge" in page
    assert not Instrument.objects.filter(organisation=organisation).exists()
    kept = coordinator.client.post(address, {"keep": "1", "text": json.dumps(our_own())})
    assert kept.url == url("detail", organisation, "our-own")
    page = text(coordinator.client.get(kept.url))
    assert "Record your licence first" in page
    assert not rules.usable_by(organisation).filter(code="our-own").exists()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Choose a file, or paste the Questionnaire."),
        ({"text": "{"}, "This is no JSON."),
        ({"text": "[" * 100_000}, "This is no JSON."),
        ({"text": json.dumps({"resourceType": "\ud800"})}, "This is no JSON."),
        ({"text": "x" * (LARGEST_KB * 1024 + 1)}, "It is too large."),
        ({"text": "[]"}, "This is no FHIR Questionnaire"),
        ({"text": json.dumps(questionnaire(PHQ_9))}, "comes with the software. There is nothing"),
        ({"text": json.dumps(our_own(extension=[]))}, f"The extension {SCORING} is missing."),
    ],
)
def test_an_import_says_what_is_wrong(coordinator, organisation, sent, words):
    page = text(coordinator.client.post(url("import", organisation), sent))
    assert escape(words) in page
    if len(sent.get("text", "")) < 1000:
        assert escape(sent.get("text", "")) in page


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b" " * (LARGEST_KB * 1024 + 1)])
def test_an_import_refuses_other_files(coordinator, organisation, content):
    file = SimpleUploadedFile("our.json", content)
    page = text(coordinator.client.post(url("import", organisation), {"file": file}))
    assert "There is a problem" in page


def test_an_import_names_every_reason(coordinator, organisation):
    resource = our_own()
    resource["item"][1]["type"] = "integer"
    resource["item"][2]["type"] = "open-choice"
    page = text(
        coordinator.client.post(url("import", organisation), {"text": json.dumps(resource)})
    )
    assert "What is wrong with it" in page
    assert "Only “choice” can be scored." in page
    assert "takes free text" in page


def test_questionnaire_fhir_downloads_what_may_leave(coordinator, organisation):
    response = coordinator.client.get(url("fhir", organisation, "phq-9"))
    assert response["Content-Type"] == "application/fhir+json"
    assert response["Content-Disposition"] == 'attachment; filename="phq-9-1.json"'
    assert json.loads(response.content) == json.loads(json.dumps(questionnaire(PHQ_9)))
    for code in ("pss-10", "dass-21"):
        assert coordinator.client.get(url("fhir", organisation, code)).status_code == 404
    factories.own_instrument(organisation)
    own = json.loads(coordinator.client.get(url("fhir", organisation, "pss-10")).content)
    assert own["url"].endswith(f"/{organisation.slug}.pss-10")


def test_nobody_else_sees_an_own_wording(other_coordinator, organisation):
    factories.own_instrument(organisation)
    theirs = other_coordinator.user.staff_roles.get().organisation
    page = text(other_coordinator.client.get(url("detail", theirs, "pss-10")))
    assert "How often was it" not in page
    assert other_coordinator.client.get(url("fhir", theirs, "pss-10")).status_code == 404
    assert other_coordinator.client.get(url("detail", organisation, "pss-10")).status_code == 404


def test_a_licence_that_ran_out_is_said(coordinator, organisation):
    factories.own_instrument(organisation)
    ended = timezone.localdate() - timedelta(days=1)
    organisation.licences.update(valid_until=ended)
    page = text(coordinator.client.get(url("detail", organisation, "pss-10")))
    assert "Your licence has run out" in page
