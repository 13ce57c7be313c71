"""How forms are drawn: the product's own markup, for our forms and those of packages."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.renderers import BaseRenderer, DjangoTemplates
from django.forms.utils import flatatt
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

#: Widgets that differ only in their type share one template.
_INPUTS = frozenset(
    f"django/forms/widgets/{name}.html"
    for name in ("color date datetime email input number password search tel text time url".split())
)


class Renderer(DjangoTemplates):
    """Looks in `templates/forms/` first, then among Django's own form templates.

    `{{ form.name.as_field_group }}` gives label, hint, error and control from
    `components/field.html`; `{{ form }}` gives all fields.
    """

    form_template_name = "forms/form.html"
    field_template_name = "components/field.html"

    def get_template(self, template_name: str) -> Any:
        ours = template_name
        if template_name in _INPUTS:
            ours = "forms/widgets/input.html"
        elif template_name.startswith("django/forms/"):
            ours = template_name.removeprefix("django/")
        try:
            return get_template(ours)
        except TemplateDoesNotExist:
            return super().get_template(template_name)


class AnswerChoices(forms.RadioSelect):
    """One answer as big rows. Values in `apart` stand after an "or"; `hints` explain a value.

    Use it with `choices` that end with "I would rather not say" on sensitive questions.
    """

    def __init__(
        self,
        attrs: dict[str, Any] | None = None,
        choices: Any = (),
        *,
        apart: frozenset[str] = frozenset(),
        hints: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(attrs, choices)
        self.apart = apart
        self.hints = dict(hints or {})

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        option["apart"] = str(value) in self.apart
        option["hint"] = self.hints.get(str(value), "")
        return option


class QuickSelect(forms.Select):
    """A select of perhaps a thousand choices: Django renders a template for each of them."""

    def render(
        self,
        name: str,
        value: Any,
        attrs: Mapping[str, Any] | None = None,
        renderer: BaseRenderer | None = None,
    ) -> SafeString:
        chosen = "" if value is None else str(value)
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (key, SafeString(" selected") if str(key) == chosen else "", label)
                for key, label in self.choices
            ),
        )
        given = flatatt(self.build_attrs(self.attrs, dict(attrs or {})))
        return format_html('<select name="{}" class="input"{}>{}</select>', name, given, options)
