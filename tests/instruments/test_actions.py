import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from instruments import actions, catalogue
from instruments.models import Instrument

pytestmark = pytest.mark.django_db


@pytest.fixture
def definitions(tmp_path, monkeypatch):
    """A folder of definitions that a test may change, with the GAD-7 in it."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    text = (catalogue.DIRECTORY / "gad-7.yaml").read_text()
    (folder / "gad-7.yaml").write_text(text)
    monkeypatch.setattr(catalogue, "DIRECTORY", folder)
    # What was read once is kept, so that a changed file is seen only after a restart.
    monkeypatch.setattr(catalogue, "_load", catalogue._load.__wrapped__)
    return folder


def test_load_definitions_stores_what_is_shipped():
    loaded = actions.load_definitions()
    shipped_rows = [(each.code, each.version) for each in catalogue.all_definitions()]
    assert [(row.code, row.version) for row in loaded] == shipped_rows
    for row in Instrument.objects.all():
        shipped = catalogue.get(row.code, version=row.version)
        assert row.parsed() == shipped
        assert row.title == shipped.title
        assert row.licence == shipped.licence.notice
        assert row.source == shipped.licence.source
        assert Event.objects.filter(verb="instrument.loaded", object_id=row.pk).count() == 1


def test_load_definitions_again_changes_nothing():
    actions.load_definitions()
    before = list(Instrument.objects.values())
    assert actions.load_definitions() == []
    assert list(Instrument.objects.values()) == before
    assert Event.objects.filter(verb="instrument.loaded").count() == len(before)


def test_load_definitions_refuses_a_changed_version(definitions):
    actions.load_definitions()
    file = definitions / "gad-7.yaml"
    file.write_text(file.read_text().replace("Trouble relaxing", "Trouble unwinding"))
    (definitions / "other.yaml").write_text(file.read_text().replace("gad-7", "anxiety"))
    with pytest.raises(actions.PublishedVersionChanged, match=r"gad-7 version 1 \(en\)"):
        actions.load_definitions()
    assert Instrument.objects.get().parsed().items[3].text == "Trouble relaxing"


def test_load_definitions_takes_a_correction_as_a_new_version(definitions):
    actions.load_definitions()
    text = (definitions / "gad-7.yaml").read_text()
    (definitions / "gad-7.v2.yaml").write_text(text.replace('version: "1"', 'version: "2"'))
    (loaded,) = actions.load_definitions()
    assert loaded.version == "2"
    assert Instrument.objects.count() == 2


def test_load_instruments_says_what_it_did(capsys):
    call_command("load_instruments")
    said = capsys.readouterr().out
    assert "Loaded Patient Health Questionnaire-9 (PHQ-9), version 1." in said
    call_command("load_instruments")
    assert capsys.readouterr().out == "Every questionnaire is loaded already.\n"


def test_load_instruments_fails_with_the_reason(definitions):
    actions.load_definitions()
    file = definitions / "gad-7.yaml"
    file.write_text(file.read_text().replace("to: 4", "to: 4 ", 1).replace("minimal", "little"))
    with pytest.raises(CommandError, match="give the correction a new version"):
        call_command("load_instruments")
