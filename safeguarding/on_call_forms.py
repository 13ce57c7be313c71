"""What a coordinator says about who is on call."""

from datetime import date
from typing import Any, cast

from django import forms
from django.utils import timezone

from accounts.models import Organisation, StaffRole
from safeguarding import on_call_rules
from safeguarding.forms import PersonChoice
from safeguarding.models import OnCallPlan
from safeguarding.office_hours import WEEKDAYS
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused

_ANSWERS = [
    (60, "1 hour"),
    (120, "2 hours"),
    (240, "4 hours"),
    (480, "8 hours"),
    (1440, "24 hours"),
    (2880, "48 hours"),
]
_ESCALATES = [
    (15, "15 minutes"),
    (30, "30 minutes"),
    (60, "1 hour"),
    (120, "2 hours"),
    (240, "4 hours"),
    (480, "8 hours"),
]


def _with(value: int, choices: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The choices, and what is set at the moment where it is another."""
    known = value in dict(choices)
    return choices if known else sorted([*choices, (value, f"{value} minutes")])


class TimesForm(forms.Form):
    """How soon an organisation answers, and when it is at work."""

    answers_within_minutes = forms.TypedChoiceField(
        label="Somebody is in touch within",
        help_text="People who may need support read this as a promise.",
        coerce=int,
    )
    escalates_after_minutes = forms.TypedChoiceField(
        label="Ask the next person after",
        help_text="When nobody has chosen “I am on it” by then. 2 hours is a good choice.",
        coerce=int,
    )
    keeps_hours = forms.TypedChoiceField(
        label="When are people on call at work?",
        choices=[("no", "At any time of day"), ("yes", "Only within some hours")],
        coerce=lambda value: value == "yes",
        widget=AnswerChoices(
            hints={"yes": "Both times stand still outside these hours, and people read so."}
        ),
        error_messages={"required": "Choose when people are at work."},
    )
    weekdays = forms.TypedMultipleChoiceField(
        label="Days",
        choices=[(number, name) for number, name in enumerate(WEEKDAYS)],
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    opens_at = forms.TimeField(
        label="From",
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "input--short"}),
        error_messages={"invalid": "Write a time such as 09:00."},
    )
    closes_at = forms.TimeField(
        label="Until",
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "input--short"}),
        error_messages={"invalid": "Write a time such as 17:00."},
    )

    def __init__(self, data: Any = None, *, plan: OnCallPlan) -> None:
        names = ("answers_within_minutes", "escalates_after_minutes", "opens_at", "closes_at")
        initial = {name: getattr(plan, name) for name in names}
        initial["keeps_hours"] = "yes" if plan.hours else "no"
        initial["weekdays"] = plan.weekdays or [0, 1, 2, 3, 4]
        super().__init__(data, initial=initial)
        for name, choices in (
            ("answers_within_minutes", _ANSWERS),
            ("escalates_after_minutes", _ESCALATES),
        ):
            field = cast(forms.ChoiceField, self.fields[name])
            field.choices = _with(getattr(plan, name), choices)
        for name in ("weekdays", "opens_at", "closes_at"):
            self.fields[name].needed_for = "if within hours"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        answers, escalates = (
            data.get("answers_within_minutes"),
            data.get("escalates_after_minutes"),
        )
        if answers and escalates and escalates > answers:
            self.add_error(
                "escalates_after_minutes",
                "Ask the next person before the promised time is over.",
            )
        if not data.get("keeps_hours"):
            return data | {"weekdays": [], "opens_at": None, "closes_at": None}
        for name, words in (
            ("weekdays", "Choose the days."),
            ("opens_at", "Write when you begin, for example 09:00."),
            ("closes_at", "Write when you end, for example 17:00."),
        ):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, words)
        opens, closes = data.get("opens_at"), data.get("closes_at")
        if opens and closes and closes <= opens:
            self.add_error("closes_at", "Write a time that is later on the same day.")
        return data

    def times(self) -> dict[str, Any]:
        """What `set_times` takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "keeps_hours"}


class PlaceForm(forms.Form):
    """Where somebody stands on the list."""

    staff_role = forms.ModelChoiceField(queryset=StaffRole.objects.none())
    move = forms.ChoiceField(choices=[(move, move) for move in ("up", "down", "off", "last")])

    def __init__(self, data: Any = None, *, organisation: Organisation) -> None:
        super().__init__(data)
        roles = organisation.staff_roles.select_related("user", "organisation")
        cast(forms.ModelChoiceField, self.fields["staff_role"]).queryset = roles


class AwayForm(forms.Form):
    """Who is away, and until when."""

    person = PersonChoice(
        label="Who",
        queryset=StaffRole.objects.none(),
        empty_label="Choose a person",
        error_messages={
            "required": "Choose who is away.",
            "invalid_choice": "Choose somebody from the list.",
        },
    )
    until = forms.DateField(
        label="Last day away",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        error_messages={
            "required": "Choose the last day.",
            "invalid": "This date does not exist. Write it like 2027-03-29.",
        },
    )

    def __init__(self, data: Any = None, *, organisation: Organisation, people: Any) -> None:
        super().__init__(data)
        self.organisation = organisation
        cast(PersonChoice, self.fields["person"]).queryset = people

    def clean_until(self) -> date:
        day: date = self.cleaned_data["until"]
        try:
            on_call_rules.check_day_to_come(day, self.organisation, at=timezone.now())
        except Refused as no:
            raise forms.ValidationError(no.message) from no
        return day
