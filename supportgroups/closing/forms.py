"""Input of the page that closes an account."""

from django import forms


class CloseAccountForm(forms.Form):
    """A tick, because nothing brings an account back."""

    understood = forms.BooleanField(
        label="I know that this cannot be undone",
        error_messages={"required": "Tick the box if you want to close your account."},
    )
