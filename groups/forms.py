"""What visitors and members type into a group's pages."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import format_html

from accounts import places
from groups import finder
from groups.models import Agreement, Membership


class DirectoryForm(forms.Form):
    """The search. It stands in the address, so whatever makes no sense there is left out."""

    q = forms.CharField(label="What would you like to talk about?", max_length=100, required=False)
    format = forms.MultipleChoiceField(choices=finder.FORMATS, required=False)
    part = forms.MultipleChoiceField(choices=finder.PARTS_OF_DAY, required=False)
    lead = forms.MultipleChoiceField(choices=finder.LEADS, required=False)
    places = forms.MultipleChoiceField(choices=finder.PLACES, required=False)
    topic = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, topics: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["topic"].choices = topics  # type: ignore[attr-defined]

    def choice(self) -> finder.Choice:
        """What is searched for; call it after `is_valid()`, whatever that said."""
        names = ("format", "part", "lead", "places", "topic")
        chosen = {name: self.cleaned_data.get(name, []) for name in names}
        return finder.Choice(words=self.cleaned_data.get("q", ""), chosen=chosen)


class TimeZoneForm(forms.Form):
    """Which clock a visitor reads."""

    time_zone = forms.ChoiceField(
        label="Time zone",
        help_text="Online sessions are shown in this zone.",
        choices=places.time_zones,
        error_messages={"required": "Choose a time zone.", "invalid_choice": "Choose a time zone."},
    )


class AgreementForm(forms.Form):
    """A signature: the name that others see, typed by hand, and a yes."""

    agrees = forms.BooleanField(
        label="I have read this agreement and I will keep to it",
        error_messages={"required": "Tick the box to agree. You can also decide later."},
    )
    signed_name = forms.CharField(
        label="Your display name",
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Type your display name to sign."},
    )
    #: What was read. The page itself writes it, so that after an error it names the newest.
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, membership: Membership, agreement: Agreement, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.membership, self.agreement = membership, agreement
        self.fields["signed_name"].help_text = format_html(
            "Type it as others see it: <b>{}</b>", membership.user.public_name
        )

    def clean_signed_name(self) -> str:
        name = " ".join(self.cleaned_data["signed_name"].split())
        if name.casefold() != self.membership.user.public_name.casefold():
            raise forms.ValidationError(
                f"Type the name that others see: {self.membership.user.public_name}"
            )
        return name

    def clean_version(self) -> int:
        version: int = self.cleaned_data["version"]
        if version != self.agreement.version:
            raise forms.ValidationError(
                "This agreement was updated while you were reading. Please read the new version."
            )
        return version


class LeaveForm(forms.Form):
    """Why somebody leaves, if they like to say."""

    reason = forms.CharField(
        label="Why are you leaving?",
        help_text="Only this group’s staff can read it. Up to 300 characters.",
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Use up to 300 characters."},
    )
