"""System checks: what holds for the project as a whole."""

from collections.abc import Iterable
from typing import Any

import yaml
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

RETENTION_FILE = settings.BASE_DIR / "docs" / "data-retention.yaml"
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


@register()
def every_field_has_a_lifetime(**kwargs: Any) -> Iterable[CheckMessage]:
    """Each stored field stands in the retention register with its purpose."""
    register_ = yaml.safe_load(RETENTION_FILE.read_text())
    models = {
        model._meta.label: model
        for label in OUR_APPS
        for model in apps.get_app_config(label).get_models()
    }
    for label in register_.keys() - models.keys():
        yield Error(f"{label} stands in data-retention.yaml and is no model.", id="retention.E001")
    for label, model in models.items():
        entry = register_.get(label, {})
        if not {"purpose", "readers", "lifetime"} <= entry.keys():
            yield Error(
                f"{label} needs purpose, readers and lifetime in docs/data-retention.yaml.",
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
