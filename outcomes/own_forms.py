"""Input of the pages about one's own answers."""

from django import forms


class DeleteAllForm(forms.Form):
    """A tick, because nothing brings answers back."""

    understood = forms.BooleanField(
        label="I know that this cannot be undone",
        error_messages={"required": "Tick the box if you want to delete all your check-ins."},
    )
