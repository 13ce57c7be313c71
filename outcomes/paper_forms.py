"""Input of the pages for questions on paper."""

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from django import forms

from instruments.schema import Definition
from outcomes import paper_rules
from outcomes.models import SurveyInvitation
from supportgroups.lib.forms import AnswerChoices

#: A question without a cross, in the form; kept as None.
LEFT_OUT = "left-out"


class PrintForm(forms.Form):
    """Whose sheets to print."""

    sheets = forms.MultipleChoiceField(
        label="Whose sheets?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one sheet."},
    )

    def __init__(self, *args: Any, invitations: Sequence[SurveyInvitation], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitations = {str(each.pk): each for each in invitations}
        field = cast(forms.MultipleChoiceField, self.fields["sheets"])
        field.choices = [
            (key, f"{each.membership.user.public_name}: {each.plan.instrument.title}")
            for key, each in self.invitations.items()
        ]

    def chosen(self) -> list[SurveyInvitation]:
        """Call it after `is_valid()` said yes."""
        return [self.invitations[key] for key in self.cleaned_data["sheets"]]


class CodeForm(forms.Form):
    """Which sheet to type in."""

    code = forms.CharField(
        label="Code on the sheet",
        help_text="Six letters and digits, for example 3KM-R4W.",
        max_length=12,
        widget=forms.TextInput(
            attrs={
                "class": "input--short",
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
            }
        ),
        error_messages={
            "required": "Type the code that stands on the sheet.",
            "max_length": "The code has six letters and digits.",
        },
    )


class SheetForm(forms.Form):
    """All questions of one sheet, and the day that stands on it."""

    answered_on = forms.DateField(
        label="Day on the sheet",
        widget=forms.DateInput(attrs={"type": "date", "class": "input--short"}, format="%Y-%m-%d"),
        error_messages={
            "required": "Type the day that stands on the sheet.",
            "invalid": "Type a day, such as 2026-11-28.",
        },
    )

    def __init__(
        self,
        *args: Any,
        definition: Definition,
        days: tuple[date, date],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.definition, self.days = definition, days
        self.fields["answered_on"].help_text = (
            "The first possible day is when the questions came."
            if days[0] != days[1]
            else "It can only be today."
        )
        for number, item in enumerate(definition.all_items, start=1):
            self.fields[item.id] = forms.ChoiceField(
                label=f"{number}. {item.text}",
                help_text=paper_rules.instruction(definition, item),
                choices=[
                    *((str(option.value), option.label) for option in item.options),
                    (LEFT_OUT, "Left out"),
                ],
                widget=AnswerChoices(apart=frozenset({LEFT_OUT})),
                error_messages={
                    "required": f"Choose the answer to question {number}, or “Left out”.",
                    "invalid_choice": "Choose one of the answers.",
                },
            )

    @property
    def questions(self) -> list[Any]:
        """The fields of the questions, in order."""
        return [self[item.id] for item in self.definition.all_items]

    def clean_answered_on(self) -> date:
        day = cast(date, self.cleaned_data["answered_on"])
        first, last = self.days
        if not first <= day <= last:
            raise forms.ValidationError(
                f"Choose a day from {first:%-d %B %Y} to {last:%-d %B %Y}: "
                "then the questions were open."
            )
        return day

    def answers(self) -> dict[str, int | None]:
        """Item id -> value; None is left out. Call it after `is_valid()` said yes."""
        said = {item.id: self.cleaned_data[item.id] for item in self.definition.all_items}
        return {key: None if value == LEFT_OUT else int(value) for key, value in said.items()}
