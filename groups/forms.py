"""What visitors type into the directory."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf.locale import LANG_INFO

from accounts import places
from groups import finder
from supportgroups.lib.forms import AnswerChoices

_NEAR = re.compile(r"\s*(-?\d{1,3}(?:\.\d+)?)\s*°?\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*°?\s*")
_SLUG = re.compile(r"[-\w]{1,60}")


class _Slugs(forms.MultipleChoiceField):
    """Any topics. The search itself knows which there are; what is no slug is left out."""

    def valid_value(self, value: str) -> bool:
        return bool(_SLUG.fullmatch(value))


class _IfKnown(forms.ChoiceField):
    """One answer of the address; what is not among the choices counts as none."""

    def clean(self, value: Any) -> str:
        return str(value) if value and self.valid_value(value) else ""


class DirectoryForm(forms.Form):
    """The search. It stands in the address, so whatever makes no sense there is left out."""

    q = forms.CharField(label="What would you like to talk about?", max_length=100, required=False)
    format = forms.MultipleChoiceField(choices=finder.LABELS["format"], required=False)
    part = forms.MultipleChoiceField(choices=finder.LABELS["part"], required=False)
    day = forms.MultipleChoiceField(choices=finder.LABELS["day"], required=False)
    lead = forms.MultipleChoiceField(choices=finder.LABELS["lead"], required=False)
    attendance = forms.MultipleChoiceField(choices=finder.LABELS["attendance"], required=False)
    places = forms.MultipleChoiceField(choices=finder.LABELS["places"], required=False)
    access = forms.MultipleChoiceField(choices=finder.LABELS["access"], required=False)
    language = forms.MultipleChoiceField(choices={code: code for code in LANG_INFO}, required=False)
    topic = _Slugs(required=False)
    radius = forms.MultipleChoiceField(choices=finder.LABELS["radius"], required=False)
    near = forms.CharField(
        label="Near",
        help_text="Degrees north and east, for example 53.80, -1.55. We keep about a kilometre.",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text"}),
    )

    def clean_near(self) -> tuple[float, float] | None:
        """Latitude and longitude, as coarse as the groups' own."""
        words = self.cleaned_data["near"]
        if not words:
            return None
        found = _NEAR.fullmatch(words)
        latitude, longitude = (
            (float(number) for number in found.groups()) if found else (0.0, 999.0)
        )
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise forms.ValidationError(
                "Give two numbers in degrees, north first, for example 53.80, -1.55."
            )
        return round(latitude, 2), round(longitude, 2)

    def clean(self) -> None:
        """Only the place is typed here; other values come from old or made-up addresses."""
        for name in self.errors.keys() - {"near"}:
            del self.errors[name]

    def choice(self) -> finder.Choice:
        """What is searched for; call it after `is_valid()`, whatever that said."""
        names = (*finder.LABELS, "language", "topic")
        chosen = {name: self.cleaned_data.get(name, []) for name in names}
        near = self.cleaned_data.get("near")
        # Circles hold each other, so the widest counts; without a middle there is none.
        radii = sorted(chosen["radius"], key=int)[-1:] if near else []
        return finder.Choice(
            words=self.cleaned_data.get("q", ""), chosen={**chosen, "radius": radii}, near=near
        )

    def near_words(self) -> str:
        """What stands in the field: the place as it was understood, or as it was typed."""
        if near := self.cleaned_data.get("near"):
            return f"{near[0]:.2f}, {near[1]:.2f}"
        return str(self.data.get("near", ""))[:60]


_ANY = ("", "I do not mind")


class SuggestForm(forms.Form):
    """A few questions that lead to groups. Each may be left out; the address holds the answers."""

    topic = _IfKnown(
        label="What brings you here?", required=False, help_text="Choose what comes closest."
    )
    format = _IfKnown(
        label="How would you like to meet?",
        choices=[
            ("online", "Online, from where I am"),
            ("in_person", "In person, at a place"),
            _ANY,
        ],
        required=False,
        widget=AnswerChoices(apart=frozenset({""})),
    )
    part = _IfKnown(
        label="When could you come?",
        choices=[
            ("morning", "In the morning"),
            ("afternoon", "In the afternoon"),
            ("evening", "In the evening"),
            _ANY,
        ],
        required=False,
        widget=AnswerChoices(apart=frozenset({""})),
    )
    lead = _IfKnown(
        label="Who should lead it?",
        choices=[
            ("peer_led", "Somebody who has been there and is trained to lead"),
            ("professionally_led", "A professional, such as a counsellor"),
            _ANY,
        ],
        required=False,
        widget=AnswerChoices(apart=frozenset({""})),
    )

    def __init__(
        self, *args: Any, topics: Mapping[str, list[tuple[str, str]]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["topic"].choices = [  # type: ignore[attr-defined]
            ("", "Something else, or not sure"),
            *topics.items(),
        ]

    def choice(self) -> finder.Choice:
        """What is searched for; call it after `is_valid()`, whatever that said."""
        chosen = {name: [value] for name, value in self.cleaned_data.items() if value}
        return finder.Choice(chosen=chosen)


class TimeZoneForm(forms.Form):
    """Which clock a visitor reads."""

    time_zone = forms.ChoiceField(
        label="Time zone",
        help_text="Online sessions are shown in this zone.",
        choices=places.time_zones,
        error_messages={"required": "Choose a time zone.", "invalid_choice": "Choose a time zone."},
    )
