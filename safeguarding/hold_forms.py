"""Why a concern's words are kept, and until when."""

from datetime import date
from typing import cast

from django import forms
from django.utils import timezone

from safeguarding import hold_rules
from supportgroups.lib.refusals import Refused


class HoldForm(forms.Form):
    """A reason that the person reads, and a last day."""

    reason = forms.CharField(
        label="Why the words must be kept",
        help_text="The person reads this before they close their account. Up to 300 characters.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Write why you must keep them.",
            "max_length": "Use up to 300 characters.",
        },
    )
    until = forms.DateField(
        label="The last day",
        help_text="Two years at most. The night after, they are deleted.",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        error_messages={"required": "Choose a day.", "invalid": "Enter a day."},
    )

    def clean_until(self) -> date:
        until = cast(date, self.cleaned_data["until"])
        try:
            hold_rules.check_until(until, at=timezone.now())
        except Refused as refused:
            raise forms.ValidationError(refused.message) from None
        return until
