"""What a coordinator writes about help lines."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django import forms

from accounts.models import Organisation
from safeguarding import help_line_rules
from supportgroups.lib.refusals import Refused


def _checked(check: Callable[..., None], value: Any, *more: Any) -> Any:
    try:
        check(value, *more)
    except Refused as no:
        raise forms.ValidationError(no.message) from no
    return value


class LineForm(forms.Form):
    """One service: whom to call, text or visit."""

    name = forms.CharField(
        label="Name",
        help_text="As people know it, for example “Samaritans”.",
        max_length=80,
        error_messages={"required": "Write the name of the service."},
    )
    call = forms.CharField(
        label="Number to call",
        help_text="For example 116 123.",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    text = forms.CharField(
        label="Text to send",
        help_text="For example SHOUT to 85258.",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    url = forms.URLField(
        label="Link",
        help_text="It begins with https://",
        max_length=500,
        required=False,
        error_messages={"invalid": "Write a link such as https://…"},
    )
    hours = forms.CharField(
        label="When somebody answers",
        help_text="For example “Day and night” or “Monday to Friday, 9am to 9pm”.",
        max_length=80,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("call", "text", "url"):
            self.fields[name].needed_for = "one of three"  # type: ignore[attr-defined]

    def clean_call(self) -> str:
        call: str = self.cleaned_data["call"]
        return str(_checked(help_line_rules.check_number, call)) if call else ""

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        return str(_checked(help_line_rules.check_text, text)) if text else ""

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if url and not url.startswith("https://"):
            raise forms.ValidationError("Choose a link that begins with https://")
        return url

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        ways = ("call", "text", "url")
        if not any(data.get(way) or way in self.errors for way in ways):
            self.add_error("call", "Write a number to call, a text to send or a link.")
        return data


class ConfirmLinesForm(forms.Form):
    """That each line was tried today."""

    emergency = forms.CharField(
        label="Emergency number",
        help_text="For when a life is at risk, for example 999.",
        max_length=20,
        widget=forms.TextInput(attrs={"class": "input--short"}),
        error_messages={"required": "Write the emergency number."},
    )
    review_until = forms.DateField(
        label="Try them again by",
        help_text="Numbers change. Half a year is a good choice.",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        error_messages={
            "required": "Choose a day.",
            "invalid": "This date does not exist. Write it like 2027-03-29.",
        },
    )
    tried = forms.BooleanField(
        label="I have tried each number and link today, and they are right",
        error_messages={"required": "Try each number and link first, then tick the box."},
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisation = organisation

    def clean_emergency(self) -> str:
        return str(_checked(help_line_rules.check_number, self.cleaned_data["emergency"]))

    def clean_review_until(self) -> date:
        day: date = self.cleaned_data["review_until"]
        _checked(help_line_rules.check_review_until, day, self.organisation)
        return day
