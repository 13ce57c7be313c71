"""System checks: what holds for the project as a whole."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.contrib.postgres.search import SearchVectorField
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import FieldDoesNotExist
from django.core.management import get_commands
from django.db import models
from django.utils.module_loading import import_string

from accounts.models import User
from supportgroups.lib import lifetimes
from supportgroups.lib.encrypted_fields import encrypted_fields
from supportgroups.lib.lifetimes import Keep
from supportgroups.readable import readable_fields

OUR_APPS = (
    "accounts",
    "audit",
    "groups",
    "instruments",
    "safeguarding",
    "screening",
    "support_sessions",
    "outcomes",
    "oversight",
    "outreach",
)


def _holds_people(model: type[models.Model]) -> bool:
    """Whether a table of somebody else's app holds something about a person."""
    return any(field.related_model is User for field in model._meta.concrete_fields)


def models_to_register() -> dict[str, type[models.Model]]:
    """Every table of ours, and those of libraries that hold something about a person."""
    return {
        model._meta.label: model
        for model in apps.get_models()
        if model._meta.app_label in OUR_APPS or _holds_people(model)
    }


@register()
def every_field_has_a_lifetime(**kwargs: Any) -> Iterable[CheckMessage]:
    """Each stored field stands in the retention register with its purpose."""
    register_ = lifetimes.register()
    found = models_to_register()
    for label in register_.keys() - found.keys():
        yield Error(f"{label} stands in data-retention.yaml and is no model.", id="retention.E001")
    for label, model in found.items():
        entry = register_.get(label, {})
        if not {"purpose", "readers", "lifetime", "keep", "fields"} <= entry.keys():
            yield Error(
                f"{label} needs purpose, readers, lifetime, keep and fields in "
                "docs/data-retention.yaml.",
                obj=model,
                id="retention.E002",
            )
            continue
        stored = {
            field.name
            for field in (*model._meta.concrete_fields, *model._meta.many_to_many)
            if not field.auto_created
        }
        for name in sorted(stored ^ entry["fields"].keys()):
            problem = "is missing in" if name in stored else "is no field but stands in"
            yield Error(
                f"{label}.{name} {problem} docs/data-retention.yaml.",
                obj=model,
                id="retention.E003",
            )


@register()
def every_lifetime_is_kept(**kwargs: Any) -> Iterable[CheckMessage]:
    """What the register says about the end of each row is something that really happens."""
    for label, model in models_to_register().items():
        entry = lifetimes.register().get(label, {})
        try:
            keeps = lifetimes.keeps(label)
        except (TypeError, ValueError) as wrong:
            yield Error(f"keep of {label} cannot be read: {wrong}", obj=model, id="retention.E004")
            continue
        told = [str(entry.get("lifetime", "")), str(entry.get("to_you", {}).get("how_long", ""))]
        for problem in _problems(model, [words for words in told if words], keeps):
            yield Error(f"keep of {label}: {problem}", obj=model, id="retention.E005")


def _problems(model: type[models.Model], words: list[str], keeps: list[Keep]) -> Iterator[str]:
    said = [" ".join(each.lower().split()) for each in words]
    raw = lifetimes.register().get(model._meta.label, {}).get("keep", [])
    for line in raw if isinstance(raw, list) else [raw]:
        for span in (line.get("for"), line.get("at_most")):
            if span and not all(re.search(rf"(?<!\w){re.escape(span)}\b", each) for each in said):
                yield f"the lifetime in words does not say {span!r}."
    for keep in keeps:
        if not (keep.is_clock or keep.command or keep.goes_with or keep.until):
            yield "neither a clock, nor a command, nor another row, nor anybody ends it."
        if keep.is_clock and not keep.since:
            yield "it does not say since when the time counts."
        for path in (keep.since, *keep.clears):
            if path and not _is_field(model, path):
                yield f"there is no field {path}."
        for name in (keep.rule, keep.then):
            if name and not _can_be_called(name):
                yield f"there is no function {name}."
        if keep.says and not _is_field(*_split(keep.says)):
            yield f"there is no field {keep.says}."
        if keep.command and keep.command not in get_commands():
            yield f"there is no command {keep.command}."
        if keep.goes_with and not _goes_with(model, keep.goes_with):
            yield f"the database would not take it along with {keep.goes_with}."


def _split(path: str) -> tuple[type[models.Model], str]:
    label, _, name = path.rpartition(".")
    return apps.get_model(label), name


def _is_field(model: Any, path: str) -> bool:
    try:
        for name in path.split("__"):
            model = model._meta.get_field(name).related_model
    except (AttributeError, FieldDoesNotExist):
        return False
    return True


def _can_be_called(name: str) -> bool:
    try:
        return callable(import_string(name))
    except ImportError:
        return False


def _goes_with(model: type[models.Model], label: str) -> bool:
    """Whether deleting a row of that table deletes these, itself or over others."""
    above = {
        field.related_model
        for field in model._meta.concrete_fields
        if field.remote_field is not None and field.remote_field.on_delete is models.CASCADE
    } - {model}
    return any(
        parent._meta.label == label or _goes_with(parent, label)
        for parent in above
        if isinstance(parent, type)
    )


_WORDS = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.BinaryField,
    SearchVectorField,
)


def _texts(model: type[models.Model]) -> Iterator[str]:
    """Fields that can hold words: not numbers, times, relations or codes to choose from."""
    for field in model._meta.concrete_fields:
        inner = getattr(field, "base_field", field)
        if isinstance(inner, _WORDS) and not inner.choices and not field.remote_field:
            yield field.name


@register()
def every_text_is_encrypted_or_named(**kwargs: Any) -> Iterable[CheckMessage]:
    """A field that can hold somebody's words is encrypted, or says why it stays readable."""
    named = readable_fields()
    found = set()
    for label, model in models_to_register().items():
        if model._meta.app_label not in OUR_APPS:
            continue
        encrypted = {field.name for field in encrypted_fields(model)}
        found |= {f"{label}.{name}" for name in _texts(model) if name not in encrypted}
    for name in sorted(found - named.keys()):
        yield Error(
            f"{name} can hold words: use an encrypted field, or name it in"
            " supportgroups/readable.py and say why it may be read.",
            id="encryption.E001",
        )
    for name in sorted(named.keys() - found):
        yield Error(
            f"{name} stands in supportgroups/readable.py and is no readable text.",
            id="encryption.E002",
        )
