import pytest
from django.db import IntegrityError, transaction

from instruments import catalogue
from instruments.actions import load_definitions
from instruments.models import Instrument

pytestmark = pytest.mark.django_db


def make(**fields):
    values = {"code": "mood", "version": "1", "language": "en", "title": "Mood", "definition": {}}
    return Instrument.objects.create(**values | fields)


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
