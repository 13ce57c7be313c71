"""Every verb that the code writes has words for people, and every thing can be looked up."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from accounts.models import User
from groups.models import Appeal, Membership, SupportGroup
from oversight import things, words
from screening.models import Application
from tests import factories
from tests.test_conventions import PACKAGES

ROOT = Path(settings.BASE_DIR)
VERB = re.compile(r"[a-z_]+\.[a-z_]+")
RECORDERS = {"record", "record_each", "_record", "changed", "_tell_trail", "_tell_of_report"}
#: What an f-string's first part is followed by.
FAMILIES = {
    "membership.": [*Membership.Status],
    "appeal.": [*Appeal.Outcome],
    "group.": [*SupportGroup.Lifecycle],
    "application.": [*Application.Status],
    "screening_form.": [],
    "follow_up.": [],
}
#: These stand where verbs do and are none: drafts are nobody's business.
NEVER = {"application.draft"}
#: Functions of one module that add the first part themselves.
SUFFIXES = {
    ("screening/actions.py", "_record"): "application.",
    ("screening/actions.py", "_record_draft"): "screening_form.",
    ("sessions/after_actions.py", "_record"): "follow_up.",
}


def _calls() -> Iterator[tuple[str, ast.AST]]:
    """What is given to the functions that write events, and what `verb` is set to."""
    for package in sorted({*PACKAGES.values()}):
        for path in sorted((ROOT / package).rglob("*.py")):
            where = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    if name in RECORDERS or (where, name) in SUFFIXES or name == "_switch":
                        for argument in node.args:
                            yield f"{where}:{name}", argument
                elif isinstance(node, ast.Assign):
                    names = {getattr(target, "id", "") for target in node.targets}
                    if "verb" in names:
                        yield f"{where}:verb", node.value


def _verbs() -> Iterator[str]:
    for place, given in _calls():
        where, _, name = place.partition(":")
        for part in ast.walk(given):
            if isinstance(part, ast.JoinedStr):
                first = part.values[0]
                assert isinstance(first, ast.Constant), f"{place}: begins with a word"
                assert first.value in FAMILIES, f"{place}: {first.value} is no known family"
                yield from (f"{first.value}{value}" for value in FAMILIES[first.value])
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                family = SUFFIXES.get((where, name))
                if family and "." not in part.value:
                    yield f"{family}{part.value}"
                elif VERB.fullmatch(part.value):
                    yield part.value


def test_every_verb_has_words() -> None:
    """Add the ones that are named here to `oversight/words.py`."""
    assert {verb for verb in _verbs() if verb not in NEVER} - words.known() == set()


def test_the_search_for_verbs_finds_them() -> None:
    found = set(_verbs())
    assert {
        "application.read",
        "application.times_offered",
        "concern.escalated",
        "floor.opened",
        "follow_up.done",
        "group.paused",
        "membership.removed",
        "report.made",
        "screening_form.question_moved",
    } <= found
    assert len(found) > 100


def test_a_verb_stands_in_one_kind() -> None:
    every = [verb for kind in words.KINDS for verb in kind.words]
    assert len(every) == len(set(every))


@pytest.mark.django_db
def test_every_thing_can_be_looked_up() -> None:
    """The paths to person and group lead to a person and a group."""
    group = factories.group()
    people = User.objects.values("pk")
    for rows in chain(things.rows_about(people), things.rows_in(group)):
        list(rows)
    for label in things.THINGS:
        assert apps.get_model(label)._meta.label == label
