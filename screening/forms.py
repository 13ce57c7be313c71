"""What applicants answer, and what staff write when they decide."""

from typing import Any

from django import forms

from screening.models import Answer, Application, Decision, Question
from screening.rules import check_may_send
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused

#: The value of "I would rather not say"; no option can have it, as options are plain words.
NOT_SAID = "-"
TEXT_LIMIT = 1000


class AnswerForm(forms.Form):
    """One question. `cleaned_data["value"]` is None for "I would rather not say"."""

    def __init__(
        self, data: Any = None, *, question: Question, saved: Answer | None = None
    ) -> None:
        super().__init__(data)
        if question.kind == Question.Kind.TEXT:
            self.fields["value"] = self._in_own_words(question, data)
        else:
            self.fields["value"] = self._one_of(question)
        self.fields["value"].label = question.text
        self.fields["value"].help_text = question.why
        if question.kind == Question.Kind.TEXT:
            self.fields["value"].help_text += f" Up to {TEXT_LIMIT:,} characters."
        if saved is not None:
            in_words = question.kind == Question.Kind.TEXT
            self.initial["value"] = (
                saved.value if saved.value is not None else "" if in_words else NOT_SAID
            )

    @staticmethod
    def _in_own_words(question: Question, data: Any) -> forms.CharField:
        not_said = question.is_sensitive and bool(data) and "not_said" in data
        return forms.CharField(
            required=not not_said,
            max_length=TEXT_LIMIT,
            widget=forms.Textarea(attrs={"rows": 6}),
            error_messages={
                "required": "Write a few words, or choose to answer later.",
                "max_length": f"Use up to {TEXT_LIMIT:,} characters.",
            },
        )

    @staticmethod
    def _one_of(question: Question) -> forms.ChoiceField:
        choices = question.choices()
        if question.is_sensitive:
            choices.append((NOT_SAID, "I would rather not say"))
        return forms.ChoiceField(
            choices=choices,
            widget=AnswerChoices(apart=frozenset({NOT_SAID})),
            error_messages={
                "required": "Choose one answer, or choose to answer later.",
                "invalid_choice": "Choose one of the answers.",
            },
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "not_said" in self.data or cleaned.get("value") == NOT_SAID:
            cleaned["value"] = None
        return cleaned


class SendForm(forms.Form):
    """The last step. It holds nothing; the rule says what is still missing."""

    def __init__(self, data: Any = None, *, application: Application) -> None:
        super().__init__(data)
        self.application = application

    def clean(self) -> dict[str, Any]:
        try:
            check_may_send(self.application)
        except Refused as refused:
            raise forms.ValidationError(refused.message) from None
        return super().clean() or {}


class DecisionForm(forms.Form):
    """One decision: what the applicant reads, and why, for staff only."""

    message = forms.CharField(
        label="What they will read",
        help_text="Shown on their page only, never in an e-mail. Up to 2,000 characters.",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 8}),
        error_messages={"required": "Write some words for the person."},
    )
    reason = forms.CharField(
        label="Why, for staff only",
        help_text="They do not see this. Up to 300 characters.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why, so that others can follow the decision."},
    )

    def __init__(self, *args: Any, outcome: Decision.Outcome, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if outcome == Decision.Outcome.ACCEPT:
            self.fields["reason"].required = False
