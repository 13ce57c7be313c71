import hashlib

import pytest

from instruments import catalogue
from instruments.schema import InvalidDefinition

PFIZER = (
    "Copyright (c) Pfizer Inc. All rights reserved. Developed by Drs. Robert L. Spitzer, "
    "Janet B.W. Williams, Kurt Kroenke and colleagues, with an educational grant from Pfizer Inc. "
    "No permission required to reproduce, translate, display or distribute."
)
FREQUENCY = ["Not at all", "Several days", "More than half the days", "Nearly every day"]


def fingerprint(definition):
    texts = "\n".join(item.text for item in definition.all_items)
    return hashlib.sha256(texts.encode()).hexdigest()


def codes(definition):
    return [item.loinc for item in definition.all_items]


def test_wording_of_the_phq_9_is_exact():
    phq_9 = catalogue.get("phq-9", version="1")
    assert phq_9.title == "Patient Health Questionnaire-9 (PHQ-9)"
    assert phq_9.stem == (
        "Over the last 2 weeks, how often have you been bothered by any of the following problems?"
    )
    assert phq_9.items[0].text == "Little interest or pleasure in doing things"
    assert phq_9.items[-1].text == (
        "Thoughts that you would be better off dead, or of hurting yourself in some way"
    )
    assert fingerprint(phq_9) == "b54ff4a862f7c0b78d8024ac1b5a521ce5f61bfc50c3a88fc102b134b67bc301"
    assert all([o.label for o in item.options] == FREQUENCY for item in phq_9.items)
    assert [o.label for o in phq_9.item("difficulty").options] == [
        "Not difficult at all",
        "Somewhat difficult",
        "Very difficult",
        "Extremely difficult",
    ]
    assert phq_9.licence.notice == PFIZER


def test_wording_of_the_gad_7_is_exact():
    gad_7 = catalogue.get("gad-7", version="1")
    assert gad_7.title == "Generalized Anxiety Disorder-7 (GAD-7)"
    assert gad_7.stem == (
        "Over the last 2 weeks, how often have you been bothered by the following problems?"
    )
    assert gad_7.items[0].text == "Feeling nervous, anxious or on edge"
    assert gad_7.items[-1].text == "Feeling afraid as if something awful might happen"
    assert fingerprint(gad_7) == "877a5a9154b20504f8de9f0dbbc604052212943355ea2a7243a24e27f828e163"
    # "Not at all sure" is the usual error of reproduction.
    assert all([o.label for o in item.options] == FREQUENCY for item in gad_7.items)
    assert gad_7.licence.notice == PFIZER


def test_codes_are_those_of_loinc():
    phq_9, gad_7 = catalogue.get("phq-9"), catalogue.get("gad-7")
    assert codes(phq_9) == [
        *["44250-9", "44255-8", "44259-0", "44254-1", "44251-7"],
        *["44258-2", "44252-5", "44253-3", "44260-8", "69722-7"],
    ]
    assert codes(gad_7) == [
        *["69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"]
    ]
    assert (phq_9.loinc.panel, phq_9.loinc.total) == ("44249-1", "44261-6")
    assert (gad_7.loinc.panel, gad_7.loinc.total) == ("69737-5", "70274-6")
    answers = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]
    for definition in (phq_9, gad_7):
        assert definition.loinc.notice.startswith("This material contains content from LOINC")
        for item in definition.items:
            assert [option.loinc for option in item.options] == answers


#: The first half of the fingerprint of each wording, compared with its source when it was added.
WORDINGS = {
    "asq": "37849019103884bd",
    "audit-c": "49221006ef9f67c7",
    "core-10": "e8c2861f63eab1f5",
    "dass-21": "c675a2004e000f02",
    "gad-2": "577c0b894d367bbe",
    "gad-7": "e41c26b620ac7060",
    "ons-loneliness": "c13d86afcb01176d",
    "ons4": "100c57492e82abdc",
    "pc-ptsd-5": "46728812fa7a5889",
    "pcl-5": "3d972638bbf0517e",
    "phq-2": "140f3771f76f0b81",
    "phq-4": "82b91b5c097697df",
    "phq-8": "1aae1f8cb6759baf",
    "phq-9": "3b1a2815edc03f50",
    "ucla-3": "7d037ba166db2fa8",
}

#: Asked only where their terms were accepted.
CONDITIONAL = {"dass-21", "ucla-3"}


def test_no_wording_changes():
    assert {d.code: d.wording()[:16] for d in catalogue.all_definitions()} == WORDINGS


def test_the_conditional_ones_state_their_terms():
    assert {d.code for d in catalogue.all_definitions() if d.licence.terms} == CONDITIONAL
    dass = catalogue.get("dass-21")
    assert "not sold for profit" in dass.licence.terms
    assert "psy.unsw.edu.au/groups/dass" in dass.licence.notice
    assert not dass.shows_bands


def test_items_that_instruments_share_have_one_code():
    texts = {}
    for definition in catalogue.all_definitions():
        for item in definition.all_items:
            if item.loinc:
                assert texts.setdefault(item.text, item.loinc) == item.loinc


def test_all_definitions_come_in_order():
    found = [(d.code, d.version) for d in catalogue.all_definitions()]
    assert found == sorted(found)
    assert ("phq-9", "1") in found


def test_get_refuses_what_is_not_shipped():
    with pytest.raises(catalogue.UnknownInstrument):
        catalogue.get("phq-9", version="99")
    with pytest.raises(catalogue.UnknownInstrument):
        catalogue.get("phq-9", language="tlh")


def test_get_gives_the_newest_version(tmp_path, monkeypatch):
    text = (catalogue.DIRECTORY / "gad-7.yaml").read_text()
    for version in ("1", "9", "10"):
        name = tmp_path / f"gad-7.v{version}.yaml"
        name.write_text(text.replace('version: "1"', f'version: "{version}"'))
    monkeypatch.setattr(catalogue, "DIRECTORY", tmp_path)
    assert catalogue.get("gad-7").version == "10"
    assert catalogue.get("gad-7", version="9").version == "9"


def test_two_files_with_one_version_are_refused(tmp_path, monkeypatch):
    text = (catalogue.DIRECTORY / "gad-7.yaml").read_text()
    for name in ("gad-7.yaml", "gad-7-copy.yaml"):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(catalogue, "DIRECTORY", tmp_path)
    with pytest.raises(InvalidDefinition, match="another file"):
        catalogue.all_definitions()
