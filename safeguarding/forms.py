"""What somebody writes who looks after a concern."""

from typing import Any, cast

from django import forms

from accounts.models import User
from safeguarding.models import StepTaken
from supportgroups.lib.forms import AnswerChoices

_LONGEST = 2000


class StepForm(forms.Form):
    """One thing that was done."""

    kind = forms.ChoiceField(
        label="What did you do?",
        choices=[(kind.value, kind.label) for kind in StepTaken.DONE],
        widget=AnswerChoices,
        error_messages={"required": "Choose what you did."},
    )
    result = forms.CharField(
        label="What came of it",
        help_text="Only people who look after concerns can read it. Up to 2,000 characters.",
        required=False,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Use up to 2,000 characters."},
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("kind") == StepTaken.Kind.OTHER and not data.get("result"):
            self.add_error("result", "Write what you did, so that others can follow it.")
        return data


class PersonChoice(forms.ModelChoiceField):
    """People by the name that others see."""

    def label_from_instance(self, obj: User) -> str:
        return obj.public_name


class HandOverForm(forms.Form):
    """To whom, and what they should know."""

    to = PersonChoice(
        label="Hand it over to",
        queryset=User.objects.none(),
        empty_label="Choose a person",
        error_messages={
            "required": "Choose who looks after it from now on.",
            "invalid_choice": "This person cannot take it over now. Choose another.",
        },
    )
    why = forms.CharField(
        label="What they should know",
        help_text="It stands in the log, never in the e-mail. Up to 2,000 characters.",
        required=False,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Use up to 2,000 characters."},
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(PersonChoice, self.fields["to"]).queryset = people


class CloseForm(forms.Form):
    """The end of a task: what was done."""

    note = forms.CharField(
        label="How did it end?",
        help_text="Only people who look after concerns can read it. Up to 2,000 characters.",
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Write how it ended, so that others can follow it."},
    )
