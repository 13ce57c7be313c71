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


LICENCE = {"code": "mood", "owner": "Dr A", "scope": "Our groups", "evidence": "Letter 7"}


@pytest.mark.parametrize(
    ("model", "fields", "constraint"),
    [
        (TermsAcceptance, {"code": "mood", "terms": ""}, "termsacceptance_says_what"),
        (Licence, LICENCE | {"owner": ""}, "licence_complete"),
        (Licence, LICENCE | {"scope": ""}, "licence_complete"),
        (Licence, LICENCE | {"evidence": ""}, "licence_complete"),
        (Licence, LICENCE | {"valid_until": date(2025, 12, 31)}, "licence_until_after_granted"),
    ],
)
def test_a_record_is_whole(model, fields, constraint):
    if model is Licence:
        fields = {"granted_on": date(2026, 1, 1)} | fields
    with refused(f"instruments_{constraint}"), transaction.atomic():
        model.objects.create(organisation=factories.organisation(), **fields)


def test_one_record_at_a_time_holds_and_an_end_says_when():
    organisation, person = factories.organisation(), factories.user()
    terms = {"organisation": organisation, "code": "mood", "terms": "Be kind."}
    licence = {"organisation": organisation, "granted_on": date(2026, 1, 1), **LICENCE}
    for model, fields, name, ended in (
        (TermsAcceptance, terms, "termsacceptance", "withdrawn"),
        (Licence, licence, "licence", "ended"),
    ):
        model.objects.create(**fields, **{f"{ended}_at": timezone.now()})
        model.objects.create(**fields)
        with refused(f"instruments_{name}_one_"), transaction.atomic():
            model.objects.create(**fields)
        with refused(f"instruments_{name}_{ended}_by_somebody"), transaction.atomic():
            model.objects.update(**{f"{ended}_at": None, f"{ended}_by": person})
