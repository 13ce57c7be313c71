"""What the file of a person holds: all of them, and nobody else."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

from supportgroups import privacy
from tests import everything

SHEETS = list(privacy.sheets())
BY_MODEL: dict[str, set[str]] = {}
for _sheet in SHEETS:
    BY_MODEL.setdefault(_sheet.model, set()).update(
        *(column.fields for column in _sheet.columns), _sheet.left_out, _sheet.whose
    )
ABOUT_PEOPLE = {sheet.model for sheet in SHEETS if sheet.is_about_people}
LEFT_OUT = privacy.LEFT_OUT | {
    key: why for room in privacy.ROOMS for key, why in room.LEFT_OUT.items()
}


def stored(model: type[Model]) -> Iterator[Any]:
    for field in (*model._meta.concrete_fields, *model._meta.many_to_many):
        if not field.primary_key and not field.auto_created:
            yield field


def leading_to_people() -> Iterator[tuple[str, str]]:
    """Each relation to a person, or to a row that is about one."""
    for model in apps.get_models():
        for field in stored(model):
            target = field.related_model._meta.label if field.is_relation else ""
            if target == "accounts.User" or target in ABOUT_PEOPLE:
                yield model._meta.label, field.name


def test_whatever_leads_to_a_person_is_in_the_file_or_has_a_reason():
    missing = [
        f"{model}.{field}"
        for model, field in leading_to_people()
        if field not in BY_MODEL.get(model, set())
        and model not in ABOUT_PEOPLE
        and model not in LEFT_OUT
        and f"{model}.{field}" not in LEFT_OUT
    ]
    assert not missing, "These lead to a person: give each a sheet in a privacy.py, or a reason."


def test_each_field_of_a_sheet_is_a_column_or_left_out_for_a_reason():
    missing = [
        f"{label}.{field.name}"
        for label in ABOUT_PEOPLE
        for field in stored(apps.get_model(label))
        if field.name not in BY_MODEL[label] and not _has_a_sheet_itself(field)
    ]
    assert not missing, "Make each a column of its sheet, or leave it out with a reason."


def _has_a_sheet_itself(field: Any) -> bool:
    """Whether it leads to rows that stand in the file themselves."""
    return field.is_relation and field.related_model._meta.label in ABOUT_PEOPLE - {"accounts.User"}


def test_reasons_name_what_is_there():
    for key in LEFT_OUT:
        label, _, field = key.rpartition(".") if key.count(".") == 2 else (key, "", "")
        names = {each.name for each in stored(apps.get_model(label))}
        assert not field or field in names, key
    for sheet in SHEETS:
        names = {each.name for each in stored(apps.get_model(sheet.model))}
        assert not set(sheet.left_out) - names, sheet.name


def test_sheets_have_names_of_their_own():
    names = [sheet.name for sheet in SHEETS]
    assert len(names) == len(set(names))


def test_the_file_of_somebody_new_holds_their_account(outsider):
    found = privacy.export(outsider.user)
    assert found.keys() == {sheet.name for sheet in SHEETS}
    assert found["account"][0]["email"] == outsider.user.email
    assert not any(rows for name, rows in found.items() if name not in NEW)


#: What there is of somebody who has just signed up.
NEW = {"account", "email_addresses", "own_actions", "sign_ins"}


def test_whoever_has_done_everything_finds_all_of_it(db):
    found = privacy.export(everything.make())
    assert {name for name, rows in found.items() if not rows} <= LOOKED_AT_ELSEWHERE


#: What the person of `tests/everything.py` has not: events, and rows that need more than a person.
LOOKED_AT_ELSEWHERE = {
    "own_actions",
    "readings",
    "emergency_accesses",
    "second_steps",
    "concern_additions",
}
