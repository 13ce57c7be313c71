"""What goes into a summary, and the signature under it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.utils import timezone

from accounts.models import User
from outcomes import disclosure_rules, summaries
from outcomes.own import Attended, OwnCourse
from supportgroups.lib.forms import AnswerChoices

_ALL = "all"
_SINCE = [
    (_ALL, "From the beginning"),
    ("365", "The last 12 months"),
    ("180", "The last 6 months"),
    ("90", "The last 3 months"),
]
_NAME = forms.TextInput(attrs={"autocomplete": "off"})


def _words(words: str) -> str:
    """On one line, without what no page shows."""
    words = " ".join(words.split())
    if not all(letter.isprintable() for letter in words):
        raise forms.ValidationError("Use letters, numbers and spaces.")
    return words


class _Words(forms.CharField):
    def clean(self, value: Any) -> str:
        return _words(super().clean(value))


class DisclosureForm(forms.Form):
    """What exactly, to whom, why and until when."""

    instruments = forms.MultipleChoiceField(
        label="Check-ins",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose among your check-ins."},
    )
    since = forms.ChoiceField(label="How far back", choices=_SINCE)
    with_answers = forms.ChoiceField(
        label="How much of each check-in",
        choices=[("no", "Only the scores"), ("yes", "The scores and every answer")],
        widget=AnswerChoices,
        initial="no",
        error_messages={"required": "Choose how much of each check-in."},
    )
    with_attendance = forms.BooleanField(
        label="Add how often I came to sessions, with the names of my groups", required=False
    )
    recipient_name = _Words(
        label="Your clinician’s name",
        max_length=80,
        widget=_NAME,
        error_messages={"required": "Enter the name of your clinician."},
    )
    recipient_organisation = _Words(
        label="Where they work",
        help_text="For example a practice or a clinic.",
        max_length=120,
        widget=_NAME,
        error_messages={"required": "Enter where your clinician works."},
    )
    person_name = _Words(
        label="Your name as your clinician knows it",
        help_text="It stands on the summary only. Your groups never see it.",
        max_length=80,
        widget=_NAME,
        error_messages={"required": "Enter your name as your clinician knows it."},
    )
    purpose = _Words(
        label="What for",
        max_length=200,
        initial="To help with my care",
        error_messages={"required": "Enter what the summary is for."},
    )
    ends_after = forms.TypedChoiceField(
        label="Until when",
        help_text="Then the files here are deleted. You can end it sooner.",
        choices=disclosure_rules.ENDS_AFTER,
        initial=90,
        coerce=int,
    )

    def __init__(
        self,
        *args: Any,
        person: User,
        courses: Sequence[OwnCourse],
        attended: Sequence[Attended],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._person = person
        field = cast(forms.MultipleChoiceField, self.fields["instruments"])
        field.choices = [
            (
                course.code,
                f"{course.name[0].upper()}{course.name[1:]} ({course.short}): "
                f"{len(course.check_ins)} check-in{'' if len(course.check_ins) == 1 else 's'}",
            )
            for course in courses
        ]
        if not courses:
            for name in ("instruments", "since", "with_answers"):
                del self.fields[name]
        if not attended:
            del self.fields["with_attendance"]

    @property
    def about_what(self) -> list[forms.BoundField]:
        """The fields that say what goes in, as far as there is anything."""
        names = ("instruments", "since", "with_answers", "with_attendance")
        return [self[name] for name in names if name in self.fields]

    @property
    def is_possible(self) -> bool:
        """Whether there is anything to put in."""
        return bool(self.about_what)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.is_possible:
            raise forms.ValidationError(
                "There is nothing to put in yet. It grows with each check-in."
            )
        if not given.get("instruments") and not given.get("with_attendance"):
            name = "instruments" if "instruments" in self.fields else "with_attendance"
            if name not in self.errors:
                self.add_error(name, "Choose at least one thing to put in.")
        return given

    def chosen(self) -> dict[str, Any]:
        """The fields of a `Disclosure`."""
        given = self.cleaned_data
        today = timezone.localdate(timezone=summaries.zone_of(self._person))
        days = given.get("since", _ALL)
        return {
            "instruments": given.get("instruments", []),
            "since": today - timedelta(days=int(days)) if days != _ALL else None,
            "with_answers": given.get("with_answers") == "yes",
            "with_attendance": bool(given.get("with_attendance")),
            "recipient_name": given["recipient_name"],
            "recipient_organisation": given["recipient_organisation"],
            "person_name": given["person_name"],
            "purpose": given["purpose"],
            "ends_on": disclosure_rules.end_of(given["ends_after"], self._person),
        }


class SignForm(forms.Form):
    """A typed name is the signature."""

    fingerprint = forms.CharField(required=False, widget=forms.HiddenInput)
    signature = _Words(
        label="Type your name to sign",
        help_text="It counts as your signature, with today’s date.",
        max_length=80,
        widget=_NAME,
        error_messages={"required": "Type your name to sign."},
    )
