"""What people type into the conversation beside messages to everybody."""

from typing import Any

from django import forms

from sessions import rules
from sessions.forms import MessageForm


class _WordsForm(MessageForm):
    """Other words than those to everybody: with ids of their own, and nothing to answer to."""

    words = ""
    placeholder = ""

    def __init__(self, data: Any = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, auto_id=f"{self.words}_%s", initial=initial)
        del self.fields["reply_to"]
        self.fields["body"].widget.attrs |= {"placeholder": self.placeholder, "rows": 2}


class QuestionForm(_WordsForm):
    """A question to the group without one's name."""

    words, placeholder = "question", "What would you like to ask?"


class LineForm(_WordsForm):
    """A message on the facilitators' own line."""

    words, placeholder = "line", "To those who lead"


class EditForm(forms.Form):
    """A message in other words."""

    body = forms.CharField(
        label="Your message",
        strip=False,
        error_messages={"required": "Write something, or delete the message."},
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": rules.LONGEST_MESSAGE}),
    )

    clean_body = MessageForm.clean_body
