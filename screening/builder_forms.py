"""What coordinators write when they choose a group's questions."""

from itertools import chain, count
from typing import Any, cast

from django import forms
from django.utils.text import slugify

from accounts.models import Organisation
from screening import defaults
from screening.models import Question
from screening.rules import instruments_to_ask, to_suggest

Kind = Question.Kind
MOST_OPTIONS, OPTION_LIMIT = 12, 120

#: What each kind is good for, in the words of the page that offers them.
KINDS = (
    (Kind.YES_NO, "Yes or no", "One clear thing, such as whether somebody can come on Tuesdays."),
    (Kind.ONE_OF, "One of several", "People choose the answer that fits best."),
    (Kind.SOME_OF, "Any of several", "People choose as many answers as fit."),
    (Kind.SCALE, "A scale", "Steps in order, from little to much or from well to badly."),
    (Kind.TEXT, "In their own words", "A few lines. A person reads them; no rule does."),
    (Kind.INSTRUMENT, "A questionnaire", "A known set of questions with a score."),
)


class BeginForm(forms.Form):
    """What a group's first questions are made of."""

    LONG, BRIEF, EMPTY = "long", "brief", "empty"
    begin = forms.ChoiceField(
        label="Begin with",
        choices=[
            (LONG, "Our questions for a group where a person reads each request (9 questions)"),
            (BRIEF, "Our brief questions for a group that people join at once (5 questions)"),
            (EMPTY, "Only the question that every group asks, and your own"),
        ],
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose what to begin with.",
            "invalid_choice": "Choose one of the three.",
        },
    )

    def questions(self) -> list[dict[str, Any]]:
        """Fields of the chosen questions."""
        chosen = self.cleaned_data["begin"]
        if chosen == self.LONG:
            return defaults.default_questions()
        if chosen == self.BRIEF:
            return defaults.brief_questions()
        return [{**defaults.acknowledgement(), "position": 1}]


class QuestionForm(forms.Form):
    """The words of one question, and its answers."""

    text = forms.CharField(
        label="The question",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={
            "required": "Write the question.",
            "max_length": "Use up to 300 characters.",
        },
    )
    why = forms.CharField(
        label="Why you ask",
        help_text="Shown under the question. People answer what they understand.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={
            "required": "Say why you ask. If there is no reason, leave the question out.",
            "max_length": "Use up to 300 characters.",
        },
    )
    instrument = forms.ChoiceField(
        label="Which questionnaire",
        help_text="All of its questions stand on one page, in their exact words.",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose a questionnaire.",
            "invalid_choice": "Choose one of the questionnaires.",
        },
    )
    options = forms.CharField(
        label="Answers to choose from",
        help_text=f"One a line, in their order. Two to {MOST_OPTIONS}.",
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": "Write the answers, one a line."},
    )
    is_sensitive = forms.BooleanField(
        label="This is personal: offer “I would rather not say”", required=False
    )

    def __init__(
        self,
        data: Any = None,
        *,
        kind: str,
        organisation: Organisation,
        question: Question | None = None,
    ) -> None:
        super().__init__(data)
        self.kind, self.question = Kind(kind), question
        if self.kind == Kind.INSTRUMENT:
            self.instruments = {str(one.pk): one for one in instruments_to_ask(organisation)}
            if question is not None and question.instrument is not None:
                self.instruments.setdefault(str(question.instrument.pk), question.instrument)
            field = cast(forms.ChoiceField, self.fields["instrument"])
            field.choices = [
                (key, f"{one.title}. {one.parsed().advice}".removesuffix(". "))
                for key, one in self.instruments.items()
            ]
            self.initial["text"] = "Some questions about how you have been"
            # Each of its questions offers "I would rather not say" by itself.
            del self.fields["is_sensitive"]
        else:
            del self.fields["instrument"]
        if self.kind not in (Kind.ONE_OF, Kind.SOME_OF, Kind.SCALE):
            del self.fields["options"]
        if question is not None:
            self._show(question)

    def _show(self, question: Question) -> None:
        self.initial = dict(self.initial) | {
            "text": question.text,
            "why": question.why,
            "is_sensitive": question.is_sensitive,
            "instrument": str(question.instrument_id or ""),
            "options": "\n".join(label for _, label in question.choices()),
        }
        if question.is_acknowledgement:
            # Its words are the promise itself, and everybody answers it.
            del self.fields["text"], self.fields["is_sensitive"]

    def clean_options(self) -> list[dict[str, str]]:
        """The lines as options. An answer that was there keeps its key, and what it suggests."""
        lines = [" ".join(line.split()) for line in self.cleaned_data["options"].splitlines()]
        labels = [line for line in lines if line]
        if not 2 <= len(labels) <= MOST_OPTIONS:
            raise forms.ValidationError(f"Write two to {MOST_OPTIONS} answers, one a line.")
        if len({label.lower() for label in labels}) < len(labels):
            raise forms.ValidationError("Two answers are the same. Each needs its own words.")
        if any(len(label) > OPTION_LIMIT for label in labels):
            raise forms.ValidationError(f"Keep each answer to {OPTION_LIMIT} characters.")
        return _keyed(labels, self.question.options if self.question else [])

    def fields_of_question(self) -> dict[str, Any]:
        """What to store of a valid form."""
        fields: dict[str, Any] = {**self.cleaned_data, "kind": self.kind}
        if "instrument" in fields:
            fields["instrument"] = self.instruments[fields["instrument"]]
        return fields


def _keyed(labels: list[str], before: list[dict[str, str]]) -> list[dict[str, str]]:
    """Options with keys: by the same words, else by the same place, else made from the words."""
    known = {option["label"]: option["value"] for option in before}
    keys: list[str | None] = [known.get(label) for label in labels]
    if len(labels) == len(before):
        for place, option in enumerate(before):
            if keys[place] is None and option["value"] not in keys:
                keys[place] = option["value"]
    taken = {key for key in keys if key}
    options = []
    for label, kept in zip(labels, keys, strict=True):
        key = kept or _new_key(label, taken)
        taken.add(key)
        options.append({"value": key, "label": label})
    return options


def _new_key(label: str, taken: set[str]) -> str:
    made = slugify(label)[:40].strip("-") or "answer"
    numbered = (f"{made}-{number}" for number in count(2))
    return next(key for key in chain([made], numbered) if key not in taken)


class ProposalsForm(forms.Form):
    """What each answer suggests. There is no "refuse": answers suggest, a person decides."""

    def __init__(self, data: Any = None, *, question: Question) -> None:
        super().__init__(data)
        self.values = {
            f"answer_{place}": value for place, (value, _) in enumerate(to_suggest(question))
        }
        for name, (value, label) in zip(self.values, to_suggest(question), strict=True):
            self.fields[name] = forms.ChoiceField(
                label=label,
                choices=Question.Proposal.choices,
                initial=question.proposals.get(value, Question.Proposal.READY),
                error_messages={"invalid_choice": "Choose one of the suggestions."},
            )

    def proposals(self) -> dict[str, str]:
        """What to store of a valid form: everything but the usual "ready"."""
        return {
            self.values[name]: proposal
            for name, proposal in self.cleaned_data.items()
            if proposal != Question.Proposal.READY
        }
