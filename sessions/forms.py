"""What people type into the room's forms."""

from typing import Any

from django import forms

from sessions import rules
from supportgroups.lib.refusals import Refused


class MessageForm(forms.Form):
    """One message, without script. The page makes the id, so sending twice is one message."""

    client_id = forms.UUIDField(widget=forms.HiddenInput)
    reply_to = forms.IntegerField(
        widget=forms.HiddenInput, min_value=1, max_value=rules.LARGEST_NUMBER, required=False
    )
    body = forms.CharField(
        label="Message to everyone",
        strip=False,
        error_messages={"required": "Write something first."},
        widget=forms.Textarea(
            attrs={
                "rows": 1,
                "maxlength": rules.LONGEST_MESSAGE,
                "placeholder": "Message everyone",
                "enterkeyhint": "send",
            }
        ),
    )

    def clean_body(self) -> str:
        try:
            return rules.message_body(self.cleaned_data["body"])
        except Refused as no:
            raise forms.ValidationError(no.message) from no


class VersionForm(forms.Form):
    """A facilitator's button: which state of the room it was pressed in."""

    version = forms.IntegerField(min_value=0)


class ConcernForm(forms.Form):
    """Somebody needs more support. `people` are pairs of a token and a name."""

    occasion = forms.UUIDField(widget=forms.HiddenInput)
    about = forms.ChoiceField(
        label="Who is it about?",
        error_messages={
            "required": "Choose who it is about.",
            "invalid_choice": "Choose a person.",
        },
    )
    detail = forms.CharField(
        label="What did you notice?",
        help_text="A sentence is enough. Only the person on call and the coordinators can read it.",
        max_length=2000,
        error_messages={"required": "Write a sentence, so that somebody knows how to help."},
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    shows_help = forms.BooleanField(
        label="If it is about somebody else: show them help lines now",
        help_text="On their own screen, for where they are. It does not say why, nor by whom.",
        required=False,
        initial=True,
    )

    def __init__(
        self, data: Any = None, *, people: list[tuple[str, str]], initial: dict[str, Any]
    ) -> None:
        super().__init__(data, auto_id="concern_%s", initial=initial)
        self.fields["about"].choices = [("", "Choose a person"), *people]  # type: ignore[attr-defined]
