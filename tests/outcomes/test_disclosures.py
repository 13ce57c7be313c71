"""A summary for one's own clinician: chosen, looked at, signed, made, handed over, taken back."""

import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from fhir.resources.R4B.bundle import Bundle
from pypdf import PdfReader

from audit.models import Event
from outcomes import (
    disclosure_actions,
    disclosure_making,
    disclosure_periodic,
    disclosure_rules,
    summaries,
    tasks,
)
from outcomes.models import Disclosure, DisclosureFile
from supportgroups import retention
from supportgroups.lib.pdf import NotMade
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.outcomes.test_own import phq_9, sent

pytestmark = pytest.mark.django_db

CHOSEN = {
    "instruments": ["phq-9"],
    "since": "all",
    "with_answers": "no",
    "recipient_name": "Dr Ada Moss",
    "recipient_organisation": "Elm Street Practice",
    "person_name": "Sam Rivers",
    "purpose": "To help with my care",
    "ends_after": "90",
}


@pytest.fixture
def membership(member, group):
    return group.memberships.get(user=member.user)


@pytest.fixture
def answered(membership):
    """Three check-ins of one questionnaire, the second without a score, and one of another."""
    made = sent(membership, phq_9(18), None, phq_9(9))
    sent(membership, 1, code="gad-2")
    return made


@pytest.fixture
def draft(member, answered):
    return factories.disclosure(user=member.user)


def sign(disclosure, **fields):
    fingerprint = summaries.summary_of(disclosure).fingerprint
    fields = {"signature": "Sam Rivers", "fingerprint": fingerprint, "by": disclosure.user} | fields
    return disclosure_actions.sign_disclosure(disclosure=disclosure, **fields)


def at(name, *args):
    return reverse(f"outcomes:{name}", args=args)


def words_of(document):
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages)
    return " ".join(text.split())


# Choosing, looking, signing -----------------------------------------------------------------------


def test_choose_look_and_sign(member, answered, django_capture_on_commit_callbacks):
    response = member.client.post(at("disclosure_begin"), CHOSEN)
    disclosure = Disclosure.objects.get()
    assert response.url == at("disclosure_sign", disclosure.pk)
    assert disclosure.ends_on == timezone.localdate() + timedelta(days=90)
    page = member.client.get(response.url).content.decode()
    for words in (
        "25 August 2026",
        "Moderately severe",
        "3 check-ins about low mood (PHQ-9), from 25 August 2026 to 25 October 2026.",
        "Dr Ada Moss, Elm Street Practice",
        "I can take this back at any time",
        "Harbour Network, by making this summary for me",
    ):
        assert words in page, words
    assert "GAD-2" not in page
    unsigned = member.client.post(response.url, {"signature": " "}).content.decode()
    assert "<title>Error:" in unsigned
    shown = summaries.summary_of(disclosure).fingerprint
    with django_capture_on_commit_callbacks() as callbacks:
        signed = member.client.post(response.url, {"signature": "Sam Rivers", "fingerprint": shown})
    assert signed.url == at("disclosure_detail", disclosure.pk)
    assert len(callbacks) == 1
    disclosure.refresh_from_db()
    assert (disclosure.signature, disclosure.version) == ("Sam Rivers", 1)
    assert set(disclosure.responses.all()) == set(answered)
    assert ["To whom", "Dr Ada Moss, Elm Street Practice"] in disclosure.terms
    event = Event.objects.get(verb="disclosure.signed")
    assert event.data == {"version": 1}
    page = member.client.get(signed.url).content.decode()
    assert "It will be made in a moment" in page
    assert 'hx-trigger="every 2s"' in page
    assert "Look again" in page


def test_the_form_keeps_what_was_typed_and_says_what_is_missing(member, answered):
    page = member.client.post(
        at("disclosure_begin"), CHOSEN | {"instruments": [], "recipient_organisation": ""}
    ).content.decode()
    assert "<title>Error:" in page
    assert "Choose at least one thing to put in." in page
    assert "Enter where your clinician works." in page
    assert "Dr Ada Moss" in page
    assert not Disclosure.objects.exists()


def test_the_form_without_anything_to_put_in(outsider):
    page = outsider.client.get(at("disclosure_begin")).content.decode()
    assert "There is nothing to put in yet" in page


def test_change_before_signing_and_never_after(member, draft):
    page = member.client.get(at("disclosure_change", draft.pk)).content.decode()
    assert "Elm Street Practice" in page
    member.client.post(at("disclosure_change", draft.pk), CHOSEN | {"purpose": "A new start"})
    draft.refresh_from_db()
    assert draft.purpose == "A new start"
    sign(draft)
    assert member.client.post(at("disclosure_change", draft.pk), CHOSEN).status_code == 403


def test_only_what_was_shown_is_signed(draft, membership, answered):
    shown = summaries.summary_of(draft).fingerprint
    plan = answered[0].invitation.plan
    factories.response(
        factories.invitation(plan, membership, wave=9), submitted_at=timezone.now(), score=3
    )
    with pytest.raises(Refused, match="has changed"):
        sign(draft, fingerprint=shown)
    sign(draft)
    sign(draft, signature="Somebody else")
    draft.refresh_from_db()
    assert draft.signature == "Sam Rivers", "signing twice is signing once"


def test_nothing_cannot_be_signed_nor_somebody_elses(draft, coordinator):
    with pytest.raises(Refused):
        sign(draft, by=coordinator.user)
    Disclosure.objects.update(since=timezone.localdate() + timedelta(days=1))
    draft.refresh_from_db()
    with pytest.raises(Refused, match="nothing in this summary"):
        sign(draft)


def test_a_draft_goes_after_a_day(draft):
    retention.purge()
    assert Disclosure.objects.exists()

    retention.purge(at=timezone.now() + timedelta(hours=25))
    assert not Disclosure.objects.exists()


# The files ----------------------------------------------------------------------------------------


def test_the_files_say_what_is_stored_and_nothing_else(member, draft, membership, group):
    held = factories.support_session(
        group, status="ended", starts_at=datetime(2026, 9, 1, 18, tzinfo=UTC)
    )
    factories.attendance(held, membership, status="attended")
    Disclosure.objects.update(with_attendance=True, with_answers=True)
    draft.refresh_from_db()
    sign(draft)
    tasks.make_summary(str(draft.pk))
    draft.refresh_from_db()
    assert draft.made_at
    files = {file.kind: file.content for file in draft.files.all()}
    said = words_of(files["pdf"])
    for words in (
        "Summary of check-ins",
        "Sam Rivers",
        "Dr Ada Moss, Elm Street Practice",
        "25 August 2026 18 Moderately severe",
        "25 September 2026 No score",
        "25 October 2026 9 Mild",
        "A change of 6 points or more is unlikely to be measurement error",
        "1 of 1",
        "Evening circle",
        "Little interest or pleasure in doing things Nearly every day",
        "Signature Sam Rivers",
        "I can take this back at any time",
        disclosure_rules.NOTICE,
    ):
        assert words in said, words
    assert "GAD-2" not in said
    for private in (member.user.email, member.user.display_name):
        assert private not in said
        assert private.encode() not in files["fhir"]
    assert PdfReader(io.BytesIO(files["pdf"])).root_object["/MarkInfo"]["/Marked"]
    bundle = Bundle.model_validate_json(files["fhir"])
    found = [(each.resource.get_resource_type(), each.resource) for each in bundle.entry]
    kinds = [kind for kind, _ in found]
    assert kinds[:2] == ["Patient", "Consent"]
    assert kinds.count("QuestionnaireResponse") == 3
    observations = [each for kind, each in found if kind == "Observation"]
    scores = [each.valueQuantity.value for each in observations if each.valueQuantity]
    assert sorted(scores) == [9, 18]
    assert [each.valueRatio.numerator.value for each in observations if each.valueRatio] == [1]
    consent = found[1][1]
    told = {each.reference.reference for each in consent.provision.data}
    assert told == {
        f"{kind}/{each.id}"
        for kind, each in found
        if kind in ("QuestionnaireResponse", "Observation")
    }
    assert "I can take this back" in consent.text.div


def test_a_document_of_parts_of_what_has_no_score_and_of_sessions(member, membership, group):
    sent(membership, 3, 8, code="ons4")
    sent(membership, 0, code="asq")
    factories.attendance(factories.support_session(group, status="ended"), membership)
    draft = factories.disclosure(
        user=member.user, instruments=["ons4", "asq"], with_attendance=True, with_answers=True
    )
    said = words_of(disclosure_making.document_of(summaries.summary_of(draft)))
    for words in ("25 September 2026 8 8 8 8", "Life satisfaction", "Ask Suicide-Screening"):
        assert words in said, words
    bare = factories.disclosure(user=member.user, instruments=[], with_attendance=True)
    assert "Sessions of support groups" in words_of(
        disclosure_making.document_of(summaries.summary_of(bare))
    )


def test_without_answers_none_stands_in_the_files(draft):
    sign(draft)
    tasks.make_summary(str(draft.pk))
    files = {file.kind: file.content for file in draft.files.all()}
    for words in ("Nearly every day", "Little interest", "Evening circle"):
        assert words not in words_of(files["pdf"])
        assert words.encode() not in files["fhir"]
    found = json.loads(files["fhir"])
    kinds = {entry["resource"]["resourceType"] for entry in found["entry"]}
    assert kinds == {"Patient", "Consent", "Observation"}
    assert b"QuestionnaireResponse" not in files["fhir"]


def test_which_question_was_left_out_is_an_answer_too(member, membership):
    values = {**phq_9(9), "q9": None}
    sent(membership, values)
    draft = factories.disclosure(user=member.user)
    found = json.loads(summaries.bundle(summaries.summary_of(draft), at=timezone.now()))
    text = json.dumps(found)
    assert "Estimated from the answered items." in text
    assert "q9" not in text


def test_a_task_that_comes_twice_makes_it_once(draft, monkeypatch):
    monkeypatch.setattr(disclosure_making, "document_of", lambda summary: b"%PDF")
    sign(draft)
    tasks.make_summary(str(draft.pk))
    made_at = Disclosure.objects.get().made_at
    tasks.make_summary(str(draft.pk))
    assert (Disclosure.objects.get().made_at, DisclosureFile.objects.count()) == (made_at, 2)
    assert Event.objects.filter(verb="disclosure.made").count() == 1


def test_a_killed_worker_is_followed_and_a_failing_one_ends(draft, monkeypatch):
    sign(draft)
    now = timezone.now()
    Disclosure.objects.update(claimed_at=now, attempts=1)
    assert not disclosure_rules.disclosures_to_make(at=now)
    later = now + disclosure_rules.CLAIM_LASTS + timedelta(seconds=1)
    assert disclosure_rules.disclosures_to_make(at=later).get() == draft

    def fails(summary):
        raise NotMade("no")

    monkeypatch.setattr(disclosure_making, "document_of", fails)
    for attempt in range(2, 7):
        disclosure_making.make(draft.pk, at=now + attempt * timedelta(minutes=4))
    found = Disclosure.objects.get()
    assert found.attempts == disclosure_rules.MOST_ATTEMPTS
    assert disclosure_rules.is_given_up(found)
    assert not DisclosureFile.objects.exists()


def test_what_was_taken_back_meanwhile_gets_no_files(draft, monkeypatch):
    sign(draft)

    def taken_back(summary):
        disclosure_actions.revoke_disclosure(disclosure=draft, by=draft.user)
        return b"%PDF"

    monkeypatch.setattr(disclosure_making, "document_of", taken_back)
    disclosure_making.make(draft.pk)
    assert not DisclosureFile.objects.exists()


# Handing over and ending --------------------------------------------------------------------------


@pytest.fixture
def made(member):
    return factories.signed_disclosure(user=member.user)


def test_download_is_named_neutrally_kept_nowhere_and_in_the_trail(member, made):
    response = member.client.get(at("disclosure_pdf", made.pk))
    assert response["Content-Type"] == "application/pdf"
    assert "no-store" in response["Cache-Control"]
    name = f"summary-{timezone.localdate()}.pdf"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    event = Event.objects.get(verb="disclosure.downloaded")
    assert (event.object_id, event.data) == (made.pk, {"kind": "pdf"})
    assert mail.outbox == []


def test_taking_back_deletes_the_files_at_once(member, made):
    page = member.client.get(at("disclosure_revoke", made.pk)).content.decode()
    assert "What you handed over cannot be called back" in page
    assert member.client.post(at("disclosure_revoke", made.pk)).url == at("disclosure_list")
    assert not DisclosureFile.objects.exists()
    assert member.client.get(at("disclosure_pdf", made.pk)).status_code == 403
    page = member.client.get(at("disclosure_detail", made.pk)).content.decode()
    assert "You took it back" in page
    assert "Dr Ada Moss, as signed" in page, "what was signed stays as it read"
    assert "Dr Ada Moss" in member.client.get(at("disclosure_list")).content.decode()
    ended_at = Disclosure.objects.get().ended_at
    disclosure_actions.revoke_disclosure(disclosure=made, by=member.user)
    assert Disclosure.objects.get().ended_at == ended_at


def test_its_last_day_ends_where_its_person_is(member):
    member.user.time_zone = "Pacific/Auckland"
    member.user.save()
    found = factories.signed_disclosure(user=member.user, ends_on=date(2026, 11, 28))
    in_auckland = datetime(2026, 11, 28, 10, 59, tzinfo=UTC)
    assert disclosure_rules.holds(found, at=in_auckland)
    assert disclosure_actions.end_expired(by=None, at=in_auckland) == 0
    over = in_auckland + timedelta(minutes=1)
    assert not disclosure_rules.holds(found, at=over), "no file is given from that moment"
    with pytest.raises(Refused):
        disclosure_rules.check_may_download(member.user, found, "pdf", at=over)
    assert disclosure_actions.end_expired(by=None, at=over) == 1
    assert not DisclosureFile.objects.exists()
    assert Disclosure.objects.get().ended_why == "expired"


def test_the_clock_takes_up_and_ends(draft, monkeypatch):
    sign(draft)
    asked = []
    monkeypatch.setattr(tasks.make_summary, "delay", asked.append)
    disclosure_periodic.take_up_summaries()
    assert asked == [str(draft.pk)]
    disclosure_periodic.end_summaries()
    assert Disclosure.objects.standing().exists()
