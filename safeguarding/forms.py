"""What somebody writes who has looked after a concern."""

from django import forms


class CloseForm(forms.Form):
    """The end of a task: what was done."""

    note = forms.CharField(
        label="What did you do?",
        help_text="Only people who look after concerns can read it. Up to 2,000 characters.",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": "Write what you did, so that others can follow it."},
    )
