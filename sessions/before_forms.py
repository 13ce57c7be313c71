"""What people type before a session."""

from django import forms


class CoverNoteForm(forms.Form):
    """Ask somebody else to lead a session."""

    do = "ask"

    note = forms.CharField(
        label="What whoever takes over should know",
        help_text="For example “The topic is sleep, my notes are in the shared folder”. "
        "You need not say why you cannot come.",
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
