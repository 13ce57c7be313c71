"""What coordinators type about programmes and reports."""

from datetime import date
from typing import Any, cast

from django import forms
from django.utils.formats import date_format

from accounts.models import Organisation
from groups.models import SupportGroup
from outcomes import report_rules
from outcomes.models import Programme
from outcomes.report_rules import Period
from supportgroups.lib.refusals import Refused

#: Which field a refusal is about.
_ABOUT = {
    "name_taken": "name",
    "no_groups": "groups",
    "order": "last_month",
    "not_over": "last_month",
    "too_long": "first_month",
    "no_programme": "programme",
}
MOST_WORDS = 4000


class _RefusableForm(forms.Form):
    def add_refusal(self, no: Refused) -> None:
        """Show why an action said no beside the field that it is about."""
        field = _ABOUT.get(no.reason)
        self.add_error(field if field in self.fields else None, no.message)


class ProgrammeForm(_RefusableForm):
    """A name, and which groups belong to it."""

    name = forms.CharField(
        label="Name",
        help_text="It stands in reports, for example “Grief and loss, funded by the city”.",
        max_length=80,
        error_messages={
            "required": "Give the programme a name.",
            "max_length": "Use up to 80 characters.",
        },
    )
    groups = forms.ModelMultipleChoiceField(
        label="Groups",
        help_text="A group may belong to several programmes.",
        queryset=SupportGroup.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Choose at least one group.",
            "invalid_choice": "Choose from the groups below.",
            "invalid_pk_value": "Choose from the groups below.",
        },
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any):
        super().__init__(*args, **kwargs)
        field = cast(forms.ModelMultipleChoiceField, self.fields["groups"])
        field.queryset = report_rules.groups_to_report_on(organisation)


def _words(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=MOST_WORDS,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"max_length": f"Use up to {MOST_WORDS} characters."},
    )


class WordsForm(_RefusableForm):
    """The coordinator's own words in a report."""

    introduction = _words(
        "Introduction",
        "What the programme is for. Name nobody, and tell no story by which somebody could be "
        f"recognised. Up to {MOST_WORDS} characters.",
    )
    learnt = _words(
        "What we learnt",
        "What went well, what you change. Name nobody here either. An empty line begins a new "
        "paragraph.",
    )


class ReportForm(WordsForm):
    """On what, and on which months."""

    programme = forms.ModelChoiceField(
        label="Programme",
        queryset=Programme.objects.none(),
        required=False,
        empty_label="All groups",
        error_messages={"invalid_choice": "Choose one of your programmes."},
    )
    first_month = forms.TypedChoiceField(
        label="First month",
        coerce=date.fromisoformat,
        error_messages={
            "required": "Choose the first month.",
            "invalid_choice": "Choose a month from the list.",
        },
    )
    last_month = forms.TypedChoiceField(
        label="Last month",
        coerce=date.fromisoformat,
        error_messages={
            "required": "Choose the last month.",
            "invalid_choice": "Choose a month from the list.",
        },
    )
    field_order = ("programme", "first_month", "last_month", "introduction", "learnt")

    def __init__(self, *args: Any, organisation: Organisation, months: list[date], **kwargs: Any):
        super().__init__(*args, **kwargs)
        field = cast(forms.ModelChoiceField, self.fields["programme"])
        field.queryset = organisation.programmes.running()
        field.widget.is_required = True  # "All groups" is a choice, so nothing is optional here
        choices = [(month.isoformat(), date_format(month, "F Y")) for month in months]
        for name in ("first_month", "last_month"):
            cast(forms.TypedChoiceField, self.fields[name]).choices = choices

    @property
    def period(self) -> Period:
        """The months of a valid form."""
        return Period.of_months(self.cleaned_data["first_month"], self.cleaned_data["last_month"])
