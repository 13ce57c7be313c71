"""What the style guide says and a machine can hold."""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Model
from django.template.loader import get_template
from django.urls import URLPattern, URLResolver, get_resolver

from supportgroups.checks import OUR_APPS

ROOT = Path(settings.BASE_DIR)
PACKAGES = {
    "accounts": "accounts",
    "audit": "audit",
    "groups": "groups",
    "instruments": "instruments",
    "safeguarding": "safeguarding",
    "screening": "screening",
    "sessions": "sessions",
    "outcomes": "outcomes",
    "oversight": "oversight",
    "outreach": "outreach",
    "pages": "supportgroups",
    "my_data": "supportgroups",
    "closing": "supportgroups",
}

#: Head of a file that people download: it has to need no other.
KEPT_WHOLE = {"my_data/copy_head.html"}


#: Verbs that only the clock uses: nobody does them, so they do not ask who.
THE_CLOCK_ALONE = (
    "claim_",
    "expire_offers",
    "mark_",
    "offer_places",
    "put_off_",
    "release_",
    "renew_secrets",
    "make_due_",
    "make_surveys_",
    "open_account",
    "stay_in_room",
    "tell",
)


def every_url(
    resolver: URLResolver | None = None, namespace: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Name with namespace, and pattern, of every address."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from every_url(pattern, inner)
        else:
            yield f"{namespace}{pattern.name}", pattern


def _is_of_allauth(pattern: URLPattern) -> bool:
    return pattern.callback.__module__.startswith("allauth")


def our_urls() -> list[tuple[str, URLPattern]]:
    return [(name, pattern) for name, pattern in every_url() if not _is_of_allauth(pattern)]


def urls_of_allauth() -> list[tuple[str, URLPattern]]:
    return [(name, pattern) for name, pattern in every_url() if _is_of_allauth(pattern)]


def our_models() -> list[type[Model]]:
    return [model for label in OUR_APPS for model in apps.get_app_config(label).get_models()]


def python_files() -> list[Path]:
    return [
        path
        for package in sorted({*PACKAGES.values(), "supportgroups"})
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


@pytest.mark.parametrize(
    ("name", "pattern"), [pytest.param(name, found, id=name) for name, found in our_urls()]
)
def test_names_mirror(name: str, pattern: URLPattern) -> None:
    """URL `groups:group_detail` is the function `group_detail` of `groups/views.py`."""
    view = inspect.unwrap(pattern.callback)
    assert inspect.isfunction(view), "views are functions"
    assert pattern.name, "every address has a name"
    if ":" in name:
        namespace, _, own_name = name.rpartition(":")
        assert view.__name__ == own_name
        assert view.__module__.split(".")[0] == PACKAGES[namespace]


@pytest.mark.parametrize(
    ("name", "pattern"), [pytest.param(name, found, id=name) for name, found in our_urls()]
)
def test_views_are_short(name: str, pattern: URLPattern) -> None:
    """A longer view means that a rule or an action is missing."""
    source, _ = inspect.getsourcelines(inspect.unwrap(pattern.callback))
    code = [line for line in source if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert len(code) <= 40


def test_no_drawers_for_everything() -> None:
    forbidden = {"utils.py", "helpers.py", "services.py", "signals.py", "misc.py", "common.py"}
    assert [path for path in python_files() if path.name in forbidden] == []


def test_no_work_in_save() -> None:
    overriding = [model for model in our_models() if "save" in model.__dict__]
    assert overriding == []


#: What the modules of actions of one app share: parts of actions, and no actions.
PARTS_OF_ACTIONS = {
    *("changed", "copy_agenda", "locked", "locked_group", "go", "touch"),
    *("settle_second_factors", "step_of", "use_code"),
}


@pytest.mark.parametrize(
    "path",
    [path for path in python_files() if path.name.endswith("actions.py")],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_actions_are_verbs_with_by(path: Path) -> None:
    """Public actions take keywords only, and say who."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if node.name in PARTS_OF_ACTIONS:
                continue
            assert not node.args.args, f"{node.name} takes keywords only"
            if not node.name.startswith(THE_CLOCK_ALONE):
                assert "by" in {argument.arg for argument in node.args.kwonlyargs}, node.name
            assert ast.get_docstring(node), f"{node.name} says what it does"


@pytest.mark.parametrize(
    "path",
    [path for path in python_files() if path.name.endswith("rules.py")],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_rules_never_write(path: Path) -> None:
    writes = re.compile(r"\.(save|create|update|delete|bulk_create|get_or_create)\(")
    assert writes.findall(path.read_text()) == []


@pytest.mark.parametrize("layer", ["views", "periodic", "forms", "actions", "emails", "rules"])
def test_modules_about_one_thing_stand_in_their_layer(layer: str) -> None:
    """import-linter holds only the modules that its contract names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    inside = next(each for each in contracts["contracts"] if "containers" in each)
    named = next(names for names in inside["layers"] if f"({layer})" in names)
    found = {
        path.stem
        for path in python_files()
        if path.match(f"*_{layer}.py") and path.parent.name in PACKAGES
    }
    assert {name for name in found if f"({name})" not in named} == set()


def test_times_are_participles() -> None:
    """Moments end in `_at` (or are promises, `_by`), and nothing else does."""
    for model in our_models():
        for field in model._meta.concrete_fields:
            if field.get_internal_type() == "DateTimeField" and field.name not in {
                "recurrence_id",
                "last_login",
            }:
                assert field.name.endswith(("_at", "_by")), f"{model.__name__}.{field.name}"


def test_every_choice_is_held_by_the_database() -> None:
    for model in our_models():
        checks = " ".join(str(constraint.deconstruct()) for constraint in model._meta.constraints)
        for field in model._meta.concrete_fields:
            if field.choices:
                assert f"'{field.name}" in checks, f"{model.__name__}.{field.name}"


def test_every_constraint_has_a_test_that_it_refuses() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    names = {c.name for model in our_models() for c in model._meta.constraints}
    assert sorted(name for name in names if name not in tests) == []


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_compile_and_hold_nothing_inline(path: Path) -> None:
    get_template(str(path.relative_to(ROOT / "templates")))
    text = re.sub(r"{%.*?%}", "", path.read_text())
    assert not re.search(r"<[^>]+\sstyle=", text), "no inline style"
    assert not re.search(r"<[^>]+\son[a-z]+=", text), "no inline handler"
    if str(path.relative_to(ROOT / "templates")) not in KEPT_WHOLE:
        assert not re.search(r"<style\b", text), "no style element"
    for script in re.findall(r"<script\b[^>]*>", text):
        is_data = re.search(r'type="application/(ld\+)?json"', script)
        assert "src=" in script or is_data, script


def test_nothing_unfinished() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX|[Ll]orem ipsum)\b")
    places = [*python_files(), *templates(), *(ROOT / "static").rglob("*.js")]
    assert [path for path in places if unfinished.search(path.read_text())] == []
