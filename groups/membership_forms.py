"""What members, and the staff of a group, type about belonging to it."""

from typing import Any

from django import forms
from django.utils.html import format_html

from groups.models import Agreement, Appeal, CompanionInvitation, Membership
from supportgroups.lib.forms import AnswerChoices


class OfferForm(forms.Form):
    """The answer to an offered place: the name of the button."""

    TAKE, NOT_NOW = "take", "not_now"

    answer = forms.ChoiceField(choices=[(TAKE, "Take the place"), (NOT_NOW, "Not now")])


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


class RemovalForm(forms.Form):
    """Why staff end a membership. The person reads it."""

    reason = forms.CharField(
        label="Why do you remove them?",
        help_text=(
            "They read these words, and so can this group’s staff. Say what happened, "
            "without naming others. Up to 300 characters."
        ),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={
            "required": "Write why. They read it, and may ask somebody else to look again.",
            "max_length": "Use up to 300 characters.",
        },
    )


class AppealForm(forms.Form):
    """What somebody who was removed wants whoever looks again to know."""

    words = forms.CharField(
        label="What should they know?",
        help_text="Only who decides about it can read it. Up to 2,000 characters.",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"max_length": "Use up to 2,000 characters."},
    )


class AppealDecisionForm(forms.Form):
    """The result of the second look, with words to the person."""

    outcome = forms.ChoiceField(
        label="What do you decide?",
        choices=Appeal.Outcome,
        widget=AnswerChoices(
            hints={
                Appeal.Outcome.UPHELD: "They may ask to join again. A person decides then.",
                Appeal.Outcome.OVERTURNED: (
                    "They get a free place at once, or are first on the waiting list. "
                    "They sign the agreement again."
                ),
            }
        ),
        error_messages={"required": "Choose one of the two."},
    )
    message = forms.CharField(
        label="Your words to them",
        help_text="They read it on the site, never in an e-mail. Up to 2,000 characters.",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={
            "required": "Write a few words about how you came to this.",
            "max_length": "Use up to 2,000 characters.",
        },
    )

    def __init__(self, *args: Any, gives_place: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not gives_place:
            widget: Any = self.fields["outcome"].widget
            widget.hints = {
                Appeal.Outcome.UPHELD: "They read your words.",
                Appeal.Outcome.OVERTURNED: "They read that it was wrong. No place follows.",
            }


class CompanionForm(forms.Form):
    """Who is invited. No name and no address: the member sends the link."""

    relation = forms.ChoiceField(
        label="Who would you like to bring?",
        choices=CompanionInvitation.Relation,
        widget=AnswerChoices(),
        error_messages={"required": "Choose who it is."},
    )
