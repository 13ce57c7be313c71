from datetime import date

import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from instruments import actions, blanks, catalogue, rules
from instruments.content import content_of
from instruments.models import Instrument
from instruments.schema import parse
from supportgroups.lib.refusals import Refused
from tests import factories

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


# Of an organisation -------------------------------------------------------------------------------


@pytest.fixture
def ours():
    actions.load_definitions()
    return factories.organisation()


@pytest.fixture
def coordinator(ours):
    return factories.staff_role(organisation=ours).user


@pytest.fixture
def facilitator(ours):
    return factories.staff_role(organisation=ours, role="facilitator").user


UCLA = catalogue.get("ucla-3")


def accept(ours, by, **fields):
    instrument = Instrument.objects.newest("ucla-3")
    values = {"instrument": instrument, "terms": UCLA.licence.terms} | fields
    return actions.accept_terms(organisation=ours, by=by, **values)


def record_licence(ours, by, **fields):
    values = {
        "code": "pss-10",
        "owner": "Dr Cohen",
        "granted_on": date(2026, 1, 1),
        "valid_until": None,
        "scope": "Our groups",
        "evidence": "Letter 12",
    }
    return actions.record_licence(organisation=ours, by=by, **values | fields)


def enter_words(ours, by, code="pss-10", notice="© Dr Cohen", **changes):
    return actions.enter_words(
        organisation=ours,
        blank=blanks.get(code),
        words=factories.words(code, **changes),
        notice=notice,
        by=by,
    )


def usable(organisation):
    return {each.code for each in rules.usable_by(organisation)}


def verbs(organisation):
    events = Event.objects.filter(organisation_id=organisation.pk).order_by("id")
    return [event.verb.removeprefix("instrument.") for event in events]


def test_accept_terms_and_withdraw_them(ours, coordinator):
    assert "ucla-3" not in usable(ours)
    accepted = accept(ours, coordinator)
    assert accept(ours, coordinator) == accepted
    assert "ucla-3" in usable(ours)
    assert (accepted.terms, accepted.accepted_by) == (UCLA.licence.terms, coordinator)
    for _ in range(2):
        actions.withdraw_terms(organisation=ours, code="ucla-3", by=coordinator)
    assert "ucla-3" not in usable(ours)
    accepted.refresh_from_db()
    assert accepted.withdrawn_by == coordinator
    accept(ours, coordinator)
    assert verbs(ours) == ["terms_accepted", "terms_withdrawn", "terms_accepted"]


def test_accept_terms_takes_only_those_that_were_read(ours, coordinator):
    for fields, reason in (
        ({"terms": "Something else."}, "other_terms"),
        ({"instrument": Instrument.objects.newest("phq-9"), "terms": ""}, "no_terms"),
    ):
        with pytest.raises(Refused) as refusal:
            accept(ours, coordinator, **fields)
        assert refusal.value.reason == reason


def test_other_terms_of_a_later_version_are_accepted_anew(ours, coordinator):
    accept(ours, coordinator)
    first = Instrument.objects.newest("ucla-3")
    second = Instrument.objects.create(
        code="ucla-3", version="2", language="en", title="UCLA", definition={}, terms="Pay us."
    )
    assert rules.usable_by(ours).get(code="ucla-3") == first
    accept(ours, coordinator, instrument=second, terms="Pay us.")
    assert rules.usable_by(ours).get(code="ucla-3") == second
    assert ours.terms_acceptances.in_force().get().terms == "Pay us."


def test_a_licence_then_words_then_it_can_be_asked(ours, coordinator):
    with pytest.raises(Refused) as refusal:
        enter_words(ours, coordinator)
    assert refusal.value.reason == "licence"
    record_licence(ours, coordinator)
    assert "pss-10" not in usable(ours)
    own = enter_words(ours, coordinator)
    assert "pss-10" in usable(ours)
    assert own.organisation == ours
    assert own.licence == "© Dr Cohen"
    assert own.source == "Licence of Dr Cohen of 1 January 2026."
    assert own.parsed().scoring == blanks.get("pss-10").definition.scoring
    assert verbs(ours) == ["licence_recorded", "words_entered"]


def test_a_correction_is_a_new_version(ours, coordinator):
    record_licence(ours, coordinator)
    first = enter_words(ours, coordinator)
    with pytest.raises(Refused) as refusal:
        enter_words(ours, coordinator)
    assert refusal.value.reason == "unchanged"
    second = enter_words(ours, coordinator, stem="In the last month")
    assert (first.version, second.version) == ("1", "2")
    assert rules.usable_by(ours).get(code="pss-10") == second
    # What was answered keeps the words that it answered, and may still be asked where it is.
    assert rules.may_use(ours, first)


def test_a_licence_follows_another_and_ends(ours, coordinator):
    first = record_licence(ours, coordinator, valid_until=date(2026, 1, 31))
    own = factories.own_instrument(ours)  # entered while the licence was valid
    assert "pss-10" not in usable(ours)
    second = record_licence(ours, coordinator)
    first.refresh_from_db()
    assert first.ended_by == coordinator
    assert "pss-10" in usable(ours)
    for _ in range(2):
        actions.end_licence(organisation=ours, code="pss-10", by=coordinator)
    assert not rules.may_use(ours, own)
    second.refresh_from_db()
    assert second.ended_by == coordinator
    assert verbs(ours) == ["licence_recorded", "licence_recorded", "licence_ended"]


def test_a_licence_is_only_for_what_needs_one(ours, coordinator):
    for code in ("phq-9", "nothing"):
        with pytest.raises(Refused) as refusal:
            record_licence(ours, coordinator, code=code)
        assert refusal.value.reason == "no_licence_needed"


def test_words_of_the_core_10_are_refused(ours, coordinator):
    record_licence(ours, coordinator, code="tfi-8")
    core_10 = [item.text.upper() for item in catalogue.get("core-10").items]
    texts = core_10[:3] + ["Something else"] * 5
    with pytest.raises(Refused, match="reword, shorten or reorder"):
        enter_words(ours, coordinator, code="tfi-8", texts=texts)


def imported(code="our-own", title="Our own", **changes):
    content = content_of(catalogue.get("gad-7")) | {"code": code, "title": title} | changes
    return parse(content)


def test_import_definition_makes_versions_that_wait_for_a_licence(ours, coordinator):
    def keep(**changes):
        return actions.import_definition(
            organisation=ours, definition=imported(**changes), by=coordinator
        )

    first = keep(version="7")
    assert (first.organisation, first.version) == (ours, "1")
    assert "our-own" not in usable(ours)
    record_licence(ours, coordinator, code="our-own")
    assert rules.usable_by(ours).get(code="our-own") == first
    assert "our-own" not in usable(factories.organisation())
    with pytest.raises(Refused):
        keep()
    assert keep(title="Our own, mended").version == "2"
    assert verbs(ours) == ["imported", "licence_recorded", "imported"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [("phq-9", "shipped"), ("pss-10", "blank"), ("import", "name")],
)
def test_import_definition_keeps_names_apart(ours, coordinator, code, reason):
    with pytest.raises(Refused) as refusal:
        actions.import_definition(organisation=ours, definition=imported(code=code), by=coordinator)
    assert refusal.value.reason == reason


def test_only_coordinators_of_the_organisation_do_any_of_this(ours, facilitator):
    stranger = factories.staff_role().user
    for person in (facilitator, stranger):
        for do in (
            lambda: accept(ours, person),  # noqa: B023
            lambda: actions.withdraw_terms(organisation=ours, code="ucla-3", by=person),  # noqa: B023
            lambda: record_licence(ours, person),  # noqa: B023
            lambda: actions.end_licence(organisation=ours, code="pss-10", by=person),  # noqa: B023
            lambda: enter_words(ours, person),  # noqa: B023
            lambda: actions.import_definition(
                organisation=ours,
                definition=imported(),
                by=person,  # noqa: B023
            ),
        ):
            with pytest.raises(Refused) as refusal:
                do()
            assert refusal.value.reason == "not_coordinator"
