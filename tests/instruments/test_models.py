from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from instruments import catalogue
from instruments.actions import load_definitions
from instruments.models import Instrument, Licence, TermsAcceptance
from tests import factories

pytestmark = pytest.mark.django_db


def make(**fields):
    values = {"code": "mood", "version": "1", "language": "en", "title": "Mood", "definition": {}}
    return Instrument.objects.create(**values | fields)


def refused(constraint):
    return pytest.raises(IntegrityError, match=constraint)


def test_newest_counts_versions():
    for version in ("1", "9", "10"):
        make(version=version)
    make(version="11", language="cy")
    assert Instrument.objects.newest("mood").version == "10"
    assert Instrument.objects.newest("mood", language="cy").version == "11"
    with pytest.raises(Instrument.DoesNotExist, match="not loaded"):
        Instrument.objects.newest("sleep")


def test_parsed_gives_what_is_in_the_row():
    load_definitions()
    assert Instrument.objects.newest("phq-9").parsed() == catalogue.get("phq-9")


def test_one_row_per_version_and_language():
    make()
    make(version="2")
    make(language="cy")
    with (
        pytest.raises(IntegrityError, match="instruments_instrument_version_unique"),
        transaction.atomic(),
    ):
        make()


@pytest.mark.parametrize("version", ["", "0", "1.1", "draft"])
def test_versions_are_counted(version):
    with (
        pytest.raises(IntegrityError, match="instruments_instrument_version_counted"),
        transaction.atomic(),
    ):
        make(version=version)


@pytest.mark.parametrize("change", [{"definition": {"items": []}}, {"title": "Moods"}])
def test_the_database_refuses_to_change_a_version(change):
    make()
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Instrument.objects.update(**change)
    Instrument.objects.update(title="Mood")  # saving the same again harms nothing


def test_an_own_wording_has_versions_of_its_own():
    ours, theirs = factories.organisation(), factories.organisation()
    for organisation in (None, ours, theirs):
        make(organisation=organisation)
    make(organisation=ours, version="2")
    assert Instrument.objects.newest("mood").organisation is None
    with refused("instruments_instrument_version_unique"), transaction.atomic():
        make(organisation=ours)


def test_an_own_wording_has_no_terms():
    with refused("instruments_instrument_own_has_no_terms"), transaction.atomic():
        make(organisation=factories.organisation(), terms="Pay.")


def licence(**fields):
    values = {"owner": "Dr A", "scope": "Our groups", "evidence": "Letter 7"}
    values |= {"code": "mood", "granted_on": date(2026, 1, 1)} | fields
    if "organisation" not in values:
        values["organisation"] = factories.organisation()
    return Licence.objects.create(**values)


def acceptance(**fields):
    values = {"code": "mood", "terms": "Be kind."} | fields
    if "organisation" not in values:
        values["organisation"] = factories.organisation()
    return TermsAcceptance.objects.create(**values)


@pytest.mark.parametrize("empty", ["owner", "scope", "evidence"])
def test_a_licence_is_whole(empty):
    with refused("instruments_licence_complete"), transaction.atomic():
        licence(**{empty: ""})


def test_a_licence_ends_after_it_began():
    with refused("instruments_licence_until_after_granted"), transaction.atomic():
        licence(valid_until=date(2025, 12, 31))


def test_terms_say_something():
    with refused("instruments_termsacceptance_says_what"), transaction.atomic():
        acceptance(terms="")


def test_one_acceptance_is_in_force_and_a_withdrawal_says_when():
    organisation = factories.organisation()
    acceptance(organisation=organisation, withdrawn_at=timezone.now())
    acceptance(organisation=organisation)
    with refused("instruments_termsacceptance_one_in_force"), transaction.atomic():
        acceptance(organisation=organisation)
    with (
        refused("instruments_termsacceptance_withdrawn_by_somebody"),
        transaction.atomic(),
    ):
        acceptance(withdrawn_by=factories.user())


def test_one_licence_is_on_record_and_an_end_says_when():
    organisation = factories.organisation()
    licence(organisation=organisation, ended_at=timezone.now())
    licence(organisation=organisation)
    with refused("instruments_licence_one_on_record"), transaction.atomic():
        licence(organisation=organisation)
    with refused("instruments_licence_ended_by_somebody"), transaction.atomic():
        licence(ended_by=factories.user())
