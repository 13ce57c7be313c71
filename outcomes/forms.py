"""Input of the survey pages and of the overview's filters."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, cast
from urllib.parse import urlencode

from django import forms

from groups.models import SupportGroup
from instruments.schema import Item
from outcomes.scopes import Scope, periods_until
from outcomes.staying import COMPARISONS
from supportgroups.lib.forms import AnswerChoices, QuickSelect

#: The value of "I would rather not say" in the form; stored as None.
NOT_SAID = "not-said"


class AnswerForm(forms.Form):
    """One question of a questionnaire, with its exact wording."""

    answer = forms.ChoiceField(
        widget=AnswerChoices(apart=frozenset({NOT_SAID})),
        error_messages={
            "required": "Choose an answer, or “I would rather not say”.",
            "invalid_choice": "Choose one of the answers below.",
        },
    )

    def __init__(self, *args: Any, item: Item, answers: dict[str, int | None], **kwargs: Any):
        if item.id in answers:
            value = answers[item.id]
            kwargs["initial"] = {"answer": NOT_SAID if value is None else str(value)}
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["answer"])
        field.label = item.text
        field.choices = [
            *((str(option.value), option.label) for option in item.options),
            (NOT_SAID, "I would rather not say"),
        ]

    @property
    def value(self) -> int | None:
        """The answer of a valid form; None is "rather not say"."""
        chosen = self.cleaned_data["answer"]
        return None if chosen == NOT_SAID else int(chosen)


class ScopeForm(forms.Form):
    """Which people the figures are about. Anything unknown means everybody."""

    group = forms.ChoiceField(label="Group", required=False, widget=QuickSelect)
    facilitation = forms.ChoiceField(
        label="Led by",
        required=False,
        choices=[("", "Peers or professionals"), *SupportGroup.Facilitation.choices],
    )
    format = forms.ChoiceField(
        label="Meets", required=False, choices=[("", "Anywhere"), *SupportGroup.Format.choices]
    )
    topic = forms.ChoiceField(label="About", required=False)
    period = forms.ChoiceField(label="Began", required=False)

    def __init__(
        self,
        *args: Any,
        groups: Sequence[SupportGroup],
        topics: Sequence[tuple[str, str]],
        today: date,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self._groups = {group.slug: group.pk for group in groups}
        self._offer("group", "All groups", ((group.slug, group.name) for group in groups))
        self._offer("topic", "Anything", topics)
        self._offer("period", "At any time", ((p.key, p.words) for p in periods_until(today)))

    def _offer(self, name: str, all_of_them: str, choices: Iterable[tuple[str, str]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = [("", all_of_them), *choices]

    @property
    def chosen(self) -> dict[str, str]:
        """What narrows the figures; whatever is not one of the choices does not."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def scope(self) -> Scope:
        chosen = self.chosen
        group_id = self._groups.get(chosen.pop("group", ""))
        return Scope(group_id, **chosen)

    @property
    def query(self) -> str:
        """The filters as they stand in an address, for links that keep them."""
        return urlencode(self.chosen)

    @property
    def about(self) -> str:
        """Which people, in words."""
        words = [
            f"{self.fields[name].label}: {dict(cast(Any, self.fields[name]).choices)[value]}"
            for name, value in self.chosen.items()
        ]
        return ". ".join(words) or "All groups, at any time"


class CompareForm(forms.Form):
    """By what curves are compared. Anything unknown compares nothing."""

    compare = forms.ChoiceField(
        label="Compare", required=False, choices=[("", "Nothing"), *COMPARISONS.items()]
    )

    @property
    def chosen(self) -> str:
        self.is_valid()
        return self.cleaned_data.get("compare", "")
