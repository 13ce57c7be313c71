"""What people write to report a message, step in, answer a hint, and judge."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet

from safeguarding.models import Resource
from sessions import safe_rules
from sessions.models import Intervention, Message, Reason, Report
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused


def _reasons(codes: Iterable[str]) -> list[tuple[str, str]]:
    return [(code, Reason(code).label) for code in codes]


class ReasonForm(forms.Form):
    """Why: one of a few reasons, and words where none of them fits."""

    reason = forms.ChoiceField(
        label="Why?",
        widget=AnswerChoices,
        error_messages={"required": "Choose a reason.", "invalid_choice": "Choose a reason."},
    )
    words = forms.CharField(
        label="In your words",
        help_text="You can leave this empty, unless it is something else.",
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 500}),
    )

    def __init__(self, data: Any = None, *, reasons: Iterable[str], words_label: str = "") -> None:
        super().__init__(data)
        self.fields["reason"].choices = _reasons(reasons)  # type: ignore[attr-defined]
        if words_label:
            self.fields["words"].label = words_label

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("reason") == Reason.OTHER and not data.get("words"):
            self.add_error("words", "Write in a few words what it is.")
        return data


def step_form(kind: str, data: Any = None) -> ReasonForm:
    """The form of one kind of step."""
    return ReasonForm(data, reasons=safe_rules.REASONS[Intervention.Kind(kind)])


def report_form(data: Any = None) -> ReasonForm:
    """The form of a report."""
    return ReasonForm(data, reasons=safe_rules.REPORT_REASONS, words_label="What should we know?")


class _SourceChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.title} ({obj.source})"


class RedirectForm(forms.Form):
    """Which words are not so, and which source says better."""

    claim = forms.CharField(
        label="Which words are not so?",
        help_text="Leave only the claim and delete the rest. Only staff see what you marked.",
        max_length=300,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": 300}),
        error_messages={
            "required": "Leave the words of the claim.",
            "max_length": "Leave only the claim: at most 300 characters.",
        },
    )
    resource = _SourceChoice(
        label="Which source says better?",
        queryset=Resource.objects.none(),
        empty_label=None,
        widget=AnswerChoices,
        error_messages={
            "required": "Choose a source.",
            "invalid_choice": "This source is not ready to show. Choose another one.",
        },
    )

    def __init__(
        self, data: Any = None, *, message: Message, resources: QuerySet[Resource]
    ) -> None:
        super().__init__(data, initial={"claim": message.body[:300]})
        self.message = message
        self.fields["resource"].queryset = resources  # type: ignore[attr-defined]
        self.fields["resource"].widget.hints = {str(each.pk): each.summary for each in resources}

    def clean_claim(self) -> str:
        try:
            return safe_rules.claim_in(self.message, self.cleaned_data["claim"])
        except Refused as no:
            raise forms.ValidationError(no.message) from no


class HintConcernForm(forms.Form):
    """What the person on call reads, decided by a facilitator."""

    detail = forms.CharField(
        label="What should the person on call know?",
        help_text="Only they and the coordinators can read it. Change the words as you like.",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Write a sentence, so that somebody knows how to help."},
    )
    shows_help = forms.BooleanField(
        label="Show them help lines now, on their own screen",
        help_text="Nobody else sees it, and it does not say why.",
        required=False,
        initial=True,
    )


class VerdictForm(forms.Form):
    """Whether a step was right."""

    verdict = forms.ChoiceField(
        label="Was it right?",
        choices=Intervention.Verdict.choices,
        widget=AnswerChoices,
        error_messages={"required": "Choose one."},
    )
    note = forms.CharField(
        label="Why?",
        help_text="Facilitators of the group and coordinators can learn from it.",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": 1000}),
        error_messages={"required": "Write a sentence, so that others can follow it."},
    )


class HandleForm(forms.Form):
    """What came of a report."""

    outcome = forms.ChoiceField(
        label="What came of it?",
        choices=Report.Outcome.choices,
        widget=AnswerChoices,
        error_messages={"required": "Choose one."},
    )
    note = forms.CharField(
        label="What did you do?",
        help_text="Only reviewers can read it.",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": 1000}),
        error_messages={"required": "Write a sentence, so that others can follow it."},
    )
