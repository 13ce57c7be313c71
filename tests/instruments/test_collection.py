from datetime import timedelta

import pytest
from django.utils import timezone

from instruments import catalogue
from instruments.actions import load_definitions
from instruments.collection import LICENCES, State, collection_of, entry_of, shelves_of
from instruments.models import TermsAcceptance
from tests import factories


def test_every_shipped_licence_is_said_in_plain_words():
    assert {each.licence.id for each in catalogue.all_definitions()} == LICENCES.keys()


@pytest.fixture
def ours(db):
    load_definitions()
    return factories.organisation()


def state(organisation, code):
    return entry_of(organisation, code).state


def test_collection_holds_everything_once_in_its_state(ours, django_assert_num_queries):
    factories.own_instrument(ours)
    factories.licence(ours, "who-5")
    with django_assert_num_queries(3):
        entries = collection_of(ours)
    states = {entry.code: entry.state for entry in entries}
    assert len(states) == len(entries) == 15 + 20
    assert states["phq-9"] is State.READY
    assert states["ucla-3"] is State.TERMS
    assert states["pss-10"] is State.READY
    assert states["who-5"] is State.WORDS
    assert states["mspss"] is State.LICENCE
    titles = [entry.title.casefold() for entry in entries]
    assert titles == sorted(titles)
    for entry in entries:
        assert entry_of(ours, entry.code) == entry
    shelves = dict(shelves_of(entries))
    assert {entry.code for entry in shelves["waiting"]} == {"dass-21", "ucla-3", "who-5"}
    assert {"asq", "pss-10"} <= {entry.code for entry in shelves["ready"]}
    assert "mspss" in {entry.code for entry in shelves["closed"]}


def test_nobody_elses_words_and_records_are_in_it(ours):
    theirs = factories.organisation()
    factories.own_instrument(theirs)
    TermsAcceptance.objects.create(
        organisation=theirs, code="ucla-3", terms=catalogue.get("ucla-3").licence.terms
    )
    entry = entry_of(ours, "pss-10")
    assert (entry.state, entry.instrument, entry.licence) == (State.LICENCE, None, None)
    assert state(ours, "ucla-3") is State.TERMS
    assert state(theirs, "ucla-3") is State.READY
    assert entry_of(ours, "nothing") is None


def test_state_of_a_licence(ours):
    today = timezone.localdate()
    licence = factories.licence(ours, granted_on=today + timedelta(days=1))
    assert state(ours, "pss-10") is State.NOT_YET
    licence.granted_on, licence.valid_until = today - timedelta(days=9), today - timedelta(days=1)
    licence.save()
    assert state(ours, "pss-10") is State.RAN_OUT
    factories.own_instrument(ours)
    assert state(ours, "pss-10") is State.RAN_OUT
    licence.valid_until = today + timedelta(days=42)
    licence.save()
    assert entry_of(ours, "pss-10").tag == (f"Until {licence.valid_until:%-d %B}", "warn")
    licence.valid_until = today + timedelta(days=43)
    licence.save()
    assert entry_of(ours, "pss-10").tag == ("Ready", "ok")


@pytest.mark.parametrize(
    ("code", "length", "tag"),
    [
        ("phq-9", "9 questions, and up to 1 more after some answers", "Ready"),
        ("ons-loneliness", "1 question", "Ready"),
        ("asq", "4 questions, and up to 1 more after some answers", "Asked by staff only"),
        ("ucla-3", "3 questions", "Terms to accept"),
        ("mspss", "12 questions", "Licence needed"),
    ],
)
def test_entries_speak_plainly(ours, code, length, tag):
    entry = entry_of(ours, code)
    assert entry.length == length
    assert entry.tag[0] == tag
    assert entry.licence_in_words.endswith(".")
