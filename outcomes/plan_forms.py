"""Input of the pages on which a coordinator decides what a group asks."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms

from instruments.models import Instrument
from outcomes.models import SurveyPlan
from outcomes.rules import minutes_in_words
from supportgroups.lib.forms import AnswerChoices

NONE, SESSIONS, WEEKS = "none", "sessions", "weeks"

_BASELINE = {
    "on_joining": (
        "When somebody joins",
        "We suggest this: what comes later is compared with how it was before the first session.",
    ),
    "first_session": (
        "After their first session",
        "For groups where many sign up and never come.",
    ),
    "none": ("Not at all", "Then no change can be shown."),
}
_RHYTHM = {
    SESSIONS: (
        "After every so many sessions they came to",
        "We suggest every 4: often enough to see a change, seldom enough not to tire anybody.",
    ),
    WEEKS: ("Every so many weeks", "For groups that meet seldom or irregularly."),
    NONE: ("Not in between", ""),
}
_REMINDERS = {
    "0": ("None", ""),
    "1": ("One, half-way through", "We suggest this. Most answers come after the first mail."),
    "2": ("Two, after a third and two thirds", "They are never sent after an answer."),
}


def _one_of(label: str, answers: dict[str, tuple[str, str]], required: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        choices=[(value, words) for value, (words, _) in answers.items()],
        widget=AnswerChoices(hints={value: hint for value, (_, hint) in answers.items()}),
        error_messages={"required": required},
    )


def _number(label: str, help_text: str, least: int, most: int, usual: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=least,
        max_value=most,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "invalid": f"Type a number, such as {usual}.",
            "min_value": f"Type {least} or more.",
            "max_value": f"Type {most} or fewer.",
        },
    )


class PlanForm(forms.Form):
    """When one questionnaire is asked."""

    baseline = _one_of(
        "When is it asked for the first time?", _BASELINE, "Choose when it is asked first."
    )
    rhythm = _one_of("And in between?", _RHYTHM, "Choose whether it is asked in between.")
    every = _number("Every how many?", "A number of sessions or of weeks.", 1, 52, 4)
    at_end = forms.BooleanField(
        label="When a membership or the course ends",
        required=False,
        help_text="Whoever leaves by themselves is asked only if they agreed to it before.",
    )
    after_end = forms.TypedMultipleChoiceField(
        label="And once more, after the end",
        coerce=int,
        choices=[(4, "4 weeks after"), (12, "12 weeks after")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Only later shows whether something lasts.",
    )
    window_days = _number(
        "Days to answer",
        "Each time it stays open for so long. We suggest 7: people have weeks of all kinds.",
        2,
        60,
        7,
    )
    reminders = _one_of("Reminders", _REMINDERS, "Choose whether anybody is reminded.")

    #: What a new plan begins with.
    USUAL = {
        "baseline": "on_joining",
        "rhythm": SESSIONS,
        "every": 4,
        "at_end": True,
        "after_end": [12],
        "window_days": 7,
        "reminders": "1",
    }

    def __init__(self, *args: Any, plan: SurveyPlan | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _as_it_is(plan) if plan else self.USUAL
        super().__init__(*args, **kwargs)
        self.fields["every"].needed_for = "sessions or weeks"  # type: ignore[attr-defined]
        self.fields["window_days"].needed_for = "7, unless you say otherwise"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = cast(dict[str, Any], super().clean())
        rhythm = data.get("rhythm")
        if rhythm in (SESSIONS, WEEKS) and data.get("every") is None and "every" not in self.errors:
            self.add_error("every", "Type how many sessions or weeks lie in between.")
        data["window_days"] = data.get("window_days") or self.USUAL["window_days"]
        asks = data.get("baseline") != "none" or rhythm in (SESSIONS, WEEKS) or data.get("at_end")
        if rhythm and not asks and not data.get("after_end"):
            self.add_error("baseline", "Choose at least one moment at which it is asked.")
        if not self.errors and data["window_days"] <= int(data["reminders"]):
            self.add_error("window_days", "Two reminders need at least 3 days.")
        return data

    def terms(self) -> dict[str, Any]:
        """What the plan is to say; call it after `is_valid()` said yes."""
        data = self.cleaned_data
        return {
            "baseline": "" if data["baseline"] == "none" else data["baseline"],
            "every_sessions": data["every"] if data["rhythm"] == SESSIONS else None,
            "every_weeks": data["every"] if data["rhythm"] == WEEKS else None,
            "at_end": data["at_end"],
            "after_end_weeks": sorted(data["after_end"]),
            "window_days": data["window_days"],
            "reminders": int(data["reminders"]),
        }


def _as_it_is(plan: SurveyPlan) -> dict[str, Any]:
    rhythm = SESSIONS if plan.every_sessions else WEEKS if plan.every_weeks else NONE
    return {
        "baseline": plan.baseline or "none",
        "rhythm": rhythm,
        "every": plan.every_sessions or plan.every_weeks,
        "at_end": plan.at_end,
        "after_end": plan.after_end_weeks,
        "window_days": plan.window_days,
        "reminders": str(plan.reminders),
    }


class NewPlanForm(PlanForm):
    """Which questionnaire, and when."""

    instrument = forms.ChoiceField(
        label="Which questions?",
        widget=AnswerChoices(),
        error_messages={"required": "Choose one questionnaire."},
    )
    field_order = ["instrument"]

    def __init__(self, *args: Any, instruments: Sequence[Instrument], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instruments = {str(each.pk): each for each in instruments}
        field = cast(forms.ChoiceField, self.fields["instrument"])
        field.choices = [(key, each.title) for key, each in self.instruments.items()]
        cast(AnswerChoices, field.widget).hints = {
            key: _about(each) for key, each in self.instruments.items()
        }

    def instrument_chosen(self) -> Instrument:
        """Call it after `is_valid()` said yes."""
        return self.instruments[self.cleaned_data["instrument"]]


def _about(instrument: Instrument) -> str:
    definition = instrument.parsed()
    number = len(definition.all_items)
    questions = "1 question" if number == 1 else f"{number} questions"
    about = f"{definition.measures.capitalize()}. {questions}, {minutes_in_words(number)}."
    if any(rule.show_help for rule in definition.risk_rules):
        about += " Some answers are a task for a person on the same day."
    return f"{about} {definition.advice}".strip()
