"""What members, and the staff of a group, type about belonging to it."""

from django import forms


class OfferForm(forms.Form):
    """The answer to an offered place: the name of the button."""

    TAKE, NOT_NOW = "take", "not_now"

    answer = forms.ChoiceField(choices=[(TAKE, "Take the place"), (NOT_NOW, "Not now")])
