"""What a coordinator types about the organisation's people."""

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import DisplayName
from accounts.models import StaffRole
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused

#: Which field a refusal is about.
_ABOUT = {
    "has_role": "role",
    "last_coordinator": "role",
    "leads_groups": "role",
    "on_call_taken": "on_call_position",
}


def _line(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=200,
        required=False,
        error_messages={"max_length": "Use up to 200 characters."},
    )


class StaffForm(forms.Form):
    """What somebody does, and what visitors may know of their preparation."""

    role = forms.ChoiceField(
        label="What they do",
        choices=[
            (role.value, role.label)
            for role in (
                StaffRole.Role.FACILITATOR,
                StaffRole.Role.SUPERVISOR,
                StaffRole.Role.COORDINATOR,
            )
        ],
        widget=AnswerChoices(
            hints={
                StaffRole.Role.FACILITATOR: "Leads groups that you name, and answers who asks to "
                "join them.",
                StaffRole.Role.SUPERVISOR: "Stands behind facilitators, and oversees peer-led "
                "groups.",
                StaffRole.Role.COORDINATOR: "Sets up and runs all groups, sees members, concerns "
                "and numbers, and adds people here.",
            }
        ),
        error_messages={"required": "Choose what this person does."},
    )
    training = _line("Training", "For example “Leading groups (24 hours), suicide awareness”.")
    checked_on = forms.DateField(
        label="Background checked on",
        help_text="The day of the last check that you have seen.",
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        error_messages={"invalid": "This date does not exist. Write it like 2027-03-29."},
    )
    supervision = _line("Supervision", "For example “Every month, with a psychologist”.")
    on_call_position = forms.IntegerField(
        label="Place on the on-call list",
        help_text="Number 1 is told first when somebody needs more support. Each number is for one "
        "person. Leave it empty for people who are not on call.",
        min_value=1,
        max_value=99,
        required=False,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "invalid": "Write a number, for example 2, or leave it empty.",
            "min_value": "The first number is 1.",
            "max_value": "The last number is 99.",
        },
    )

    def clean_checked_on(self) -> date | None:
        day: date | None = self.cleaned_data["checked_on"]
        if day is not None and day > timezone.localdate():
            raise forms.ValidationError("This day is still to come. Write the day of the check.")
        return day

    def add_refusal(self, no: Refused) -> None:
        """Show why an action said no beside the field that it is about."""
        field = _ABOUT.get(no.reason)
        self.add_error(field if field in self.fields else None, no.message)


class StaffAddForm(StaffForm):
    """The same, and who it is."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Write the address that the person signs in with.",
            "invalid": "Write an address like name@example.org.",
        },
    )
    display_name = DisplayName(
        label="Name that others see",
        help_text="A first name is enough. They can change it. "
        "Somebody who has an account here keeps the name they chose.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ["email", "display_name"]


def details(staff_role: StaffRole) -> dict[str, Any]:
    """What the form shows of a role that is there."""
    return {name: getattr(staff_role, name) for name in StaffForm.base_fields}
