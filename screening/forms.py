"""What applicants answer, and what staff write when they decide."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from django import forms
from django.forms.utils import from_current_timezone
from django.utils import timezone

from groups.models import SupportGroup
from instruments.models import Instrument
from instruments.schema import Definition, Item
from instruments.scoring import items_to_ask
from screening.models import Answer, Application, Appointment, AppointmentTime, Decision, Question
from screening.rules import MOST_TIMES, check_may_send, check_times
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words

#: The value of "I would rather not say"; no option can have it, as options are plain words.
NOT_SAID = "-"
#: The value of "None of these times"; times are named by their keys.
NONE_SUITS = "none"
TEXT_LIMIT = 1000

Kind = Question.Kind


class AnswerForm(forms.Form):
    """One question. `cleaned_data["value"]` is None for "I would rather not say"."""

    def __init__(
        self,
        data: Any = None,
        *,
        question: Question,
        saved: Answer | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(data, prefix=prefix)
        self.question = question
        if question.kind == Kind.INSTRUMENT:
            self._ask_items()
            if saved is not None and saved.value is not None:
                sheet = question.sheet(saved.value)
                self.initial = dict(self.initial) | {
                    f"item_{item}": NOT_SAID if value is None else str(value)
                    for item, value in sheet.items()
                }
            return
        self.fields["value"] = self._field(data)
        self.fields["value"].label = question.text
        self.fields["value"].help_text = question.why
        if question.kind == Kind.TEXT:
            self.fields["value"].help_text += f" Up to {TEXT_LIMIT:,} characters."
        if saved is not None:
            self.initial["value"] = self._said_before(saved.value)

    def _field(self, data: Any) -> forms.Field:
        if self.question.kind == Kind.TEXT:
            return self._in_own_words(data)
        if self.question.kind == Kind.SOME_OF:
            return self._some_of(data)
        return self._one_of()

    def _said_before(self, value: str | None) -> Any:
        if self.question.kind == Kind.TEXT:
            return value or ""
        if self.question.kind == Kind.SOME_OF:
            return self.question.chosen(value) if value else []
        return NOT_SAID if value is None else value

    def _leaves_out(self, data: Any) -> bool:
        return self.question.is_sensitive and bool(data) and "not_said" in data

    def _in_own_words(self, data: Any) -> forms.CharField:
        return forms.CharField(
            required=not self._leaves_out(data),
            max_length=TEXT_LIMIT,
            widget=forms.Textarea(attrs={"rows": 6}),
            error_messages={
                "required": "Write a few words, or choose to answer later.",
                "max_length": f"Use up to {TEXT_LIMIT:,} characters.",
            },
        )

    def _some_of(self, data: Any) -> forms.MultipleChoiceField:
        return forms.MultipleChoiceField(
            required=not self._leaves_out(data),
            choices=self.question.choices(),
            widget=forms.CheckboxSelectMultiple,
            error_messages={
                "required": "Choose one answer or more, or choose to answer later.",
                "invalid_choice": "Choose among the answers.",
            },
        )

    def _one_of(self) -> forms.ChoiceField:
        choices = self.question.choices()
        if self.question.is_sensitive:
            choices.append((NOT_SAID, "I would rather not say"))
        return forms.ChoiceField(
            choices=choices,
            widget=AnswerChoices(apart=frozenset({NOT_SAID})),
            error_messages={
                "required": "Choose one answer, or choose to answer later.",
                "invalid_choice": "Choose one of the answers.",
            },
        )

    def _ask_items(self) -> None:
        """All items of a questionnaire in their exact words; extra ones may stay empty."""
        definition = self._definition()
        for number, item in enumerate(definition.all_items, start=1):
            self.fields[f"item_{item.id}"] = forms.ChoiceField(
                label=f"{number}. {item.text}",
                help_text=_when_needed(definition, item),
                required=item.condition is None and item not in definition.extra_items,
                choices=[
                    *((str(option.value), option.label) for option in item.options),
                    (NOT_SAID, "I would rather not say"),
                ],
                widget=AnswerChoices(apart=frozenset({NOT_SAID})),
                error_messages={
                    "required": _choose(number),
                    "invalid_choice": f"Choose one of the answers to number {number}.",
                },
            )

    def _definition(self) -> Definition:
        # The constraint screening_question_instrument_named says that there is one.
        return cast(Instrument, self.question.instrument).parsed()

    def _sheet(self, cleaned: dict[str, Any]) -> dict[str, int | None]:
        """The answers, and an error at each item that these answers make necessary."""
        given = {name.removeprefix("item_"): value for name, value in cleaned.items() if value}
        sheet = {i: None if value == NOT_SAID else int(value) for i, value in given.items()}
        definition = self._definition()
        numbers = {item.id: number for number, item in enumerate(definition.all_items, start=1)}
        for item in items_to_ask(definition, sheet):
            name = f"item_{item.id}"
            if item.condition and item.scored and item.id not in sheet and name not in self.errors:
                self.add_error(name, _choose(numbers[item.id]))
        return sheet

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.question.kind == Kind.INSTRUMENT:
            return {"value": json.dumps(self._sheet(cleaned))}
        if "not_said" in self.data or cleaned.get("value") == NOT_SAID:
            cleaned["value"] = None
        elif self.question.kind == Kind.SOME_OF and "value" in cleaned:
            cleaned["value"] = json.dumps(cleaned["value"])
        return cleaned


def _choose(number: int) -> str:
    return f"Choose an answer to number {number}, or say “rather not”."


def _when_needed(definition: Definition, item: Item) -> str:
    """For an item that depends on answers before it, which ones."""
    if item.condition is None:
        return ""
    numbers = {asked.id: number for number, asked in enumerate(definition.all_items, start=1)}
    first = definition.item(item.condition.items[0])
    labels = [f"“{first.label_of(value)}”" for value in sorted(item.condition.values)]
    asked = [str(numbers[name]) for name in item.condition.items]
    return f"Needed only after {' or '.join(labels)} to number {' or '.join(asked)}."


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


class AnotherLookForm(forms.Form):
    """Asking once more. Words are welcome and not needed."""

    words = forms.CharField(
        label="What should we know?",
        help_text=f"Only if you like. Up to {TEXT_LIMIT:,} characters.",
        required=False,
        max_length=TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"max_length": f"Use up to {TEXT_LIMIT:,} characters."},
    )


class PickTimeForm(forms.Form):
    """One of the times offered, or none and when would suit."""

    time = forms.ChoiceField(
        label="When can you talk?",
        widget=AnswerChoices(apart=frozenset({NONE_SUITS})),
        error_messages={
            "required": "Choose a time, or say that none suits you.",
            "invalid_choice": "Choose one of the times.",
        },
    )
    words = forms.CharField(
        label="If none suits you: when would?",
        help_text="For example “Weekdays after 5pm”. Up to 300 characters.",
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Use up to 300 characters."},
    )

    def __init__(self, data: Any = None, *, appointment: Appointment, at: datetime) -> None:
        super().__init__(data)
        coming = [time for time in appointment.times.all() if time.starts_at > at]
        self.times = {str(time.pk): time for time in coming}
        field = cast(forms.ChoiceField, self.fields["time"])
        field.choices = [
            *((key, time_words(time.starts_at)) for key, time in self.times.items()),
            (NONE_SUITS, "None of these suits me"),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("time") == NONE_SUITS and not cleaned.get("words"):
            self.add_error("words", "Say when you have time, so that we can offer something.")
        return cleaned

    @property
    def picked(self) -> AppointmentTime | None:
        """The chosen time of a valid form; None when none suits."""
        return self.times.get(self.cleaned_data["time"])


class DeclineTalkForm(forms.Form):
    """That an agreed time suits no longer."""

    words = forms.CharField(
        label="When would suit you?",
        help_text="For example “Weekdays after 5pm”. Up to 300 characters.",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Say when you have time, so that we can offer something.",
            "max_length": "Use up to 300 characters.",
        },
    )


# Staff --------------------------------------------------------------------------------------------


def _message() -> forms.CharField:
    return forms.CharField(
        label="What they will read",
        help_text="Shown on their page only, never in an e-mail. Up to 2,000 characters.",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 8}),
        error_messages={"required": "Write some words for the person."},
    )


def _seen() -> forms.IntegerField:
    """How many decisions the page showed: whoever decides meanwhile is not overruled unseen."""
    return forms.IntegerField(required=False, widget=forms.HiddenInput)


class TimesFields(forms.Form):
    """One to five times for a talk, typed on the writer's own clock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, MOST_TIMES + 1):
            self.fields[f"day_{number}"] = forms.DateField(
                label=f"Date {number}",
                required=number == 1,
                widget=forms.DateInput(attrs={"type": "date"}),
                error_messages={
                    "required": "Offer at least one date.",
                    "invalid": f"Enter date {number} as in 2026-11-24.",
                },
            )
            self.fields[f"clock_{number}"] = forms.TimeField(
                label=f"Time {number}",
                required=number == 1,
                widget=forms.TimeInput(attrs={"type": "time"}),
                error_messages={
                    "required": "Offer at least one time.",
                    "invalid": f"Enter time {number} as in 18:30.",
                },
            )
        self.fields["minutes"] = forms.IntegerField(
            label="How many minutes",
            min_value=5,
            max_value=120,
            initial=15,
            error_messages={
                "required": "Say how long the talk is, in minutes.",
                "invalid": "Enter the minutes as a number.",
                "min_value": "A talk takes at least 5 minutes.",
                "max_value": "A talk takes at most 120 minutes.",
            },
        )
        self.fields["how"] = forms.CharField(
            label="How you talk",
            help_text="For example “By telephone. Please ring me at 020 7946 0018.”",
            max_length=200,
            error_messages={
                "required": "Say how you talk and who rings whom.",
                "max_length": "Use up to 200 characters.",
            },
        )

    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Date and time beside each other, for the page."""
        numbers = range(1, MOST_TIMES + 1)
        return [(self[f"day_{number}"], self[f"clock_{number}"]) for number in numbers]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        times = []
        for number in range(1, MOST_TIMES + 1):
            day, clock = cleaned.pop(f"day_{number}", None), cleaned.pop(f"clock_{number}", None)
            if (day is None) != (clock is None):
                missing = f"clock_{number}" if clock is None else f"day_{number}"
                if missing not in self.errors:
                    self.add_error(missing, f"Fill in both date and time {number}.")
            elif day is not None and clock is not None:
                try:
                    times.append(from_current_timezone(datetime.combine(day, clock)))
                except forms.ValidationError:
                    self.add_error(
                        f"clock_{number}",
                        "The clocks change then, so this time is not clear. Choose another.",
                    )
        if not self.errors:
            try:
                cleaned["times"] = check_times(times, timezone.now())
            except Refused as refused:
                self.add_error("day_1", refused.message)
        return cleaned


class DecisionForm(forms.Form):
    """One decision: what the applicant reads, and why, for staff only."""

    seen = _seen()
    message = _message()
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


class TalkFirstForm(TimesFields, DecisionForm):
    """A talk first: the words, the times, and why."""


class OtherTimesForm(TimesFields):
    """Other times for a talk that was asked for already."""

    seen = _seen()
    message = _message()


class ReferForm(DecisionForm):
    """Something else: groups of ours, help elsewhere, the words, and why."""

    groups = forms.ModelMultipleChoiceField(
        label="Groups that may suit better",
        queryset=SupportGroup.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "One of these groups is not listed any more."},
    )
    resources = forms.CharField(
        label="Help elsewhere",
        help_text="One a line: its name, what it helps with, and its address or number.",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"max_length": "Use up to 2,000 characters."},
    )

    def __init__(self, *args: Any, groups: Iterable[SupportGroup], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = list(groups)
        field = cast("forms.ModelMultipleChoiceField[SupportGroup]", self.fields["groups"])
        field.queryset = SupportGroup.objects.filter(pk__in=[group.pk for group in offered])
        field.choices = [(group.pk, _with_places(group)) for group in offered]
        if not offered:
            del self.fields["groups"]


def _with_places(group: SupportGroup) -> str:
    places = group.seats_for_somebody_new
    left = "full" if not places else f"{places} place{'s' if places != 1 else ''} left"
    return f"{group.name} ({group.get_format_display()}, {left})"


class NoteForm(forms.Form):
    """A note for those who decide."""

    body = forms.CharField(
        label="Add a note",
        help_text="Only those who decide on this request read it. Up to 1,000 characters.",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "required": "Write the note first.",
            "max_length": "Use up to 1,000 characters.",
        },
    )
