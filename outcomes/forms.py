"""Input of the survey pages and of the overview's filters."""

from typing import Any, cast

from django import forms

from groups.models import SupportGroup
from instruments.schema import Item
from outcomes.figures import Scope
from outcomes.queries import JOINED
from supportgroups.lib.forms import AnswerChoices

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
    """Which people the overview's numbers are about. Anything unknown means everybody."""

    group = forms.ChoiceField(label="Group", required=False)
    joined = forms.ChoiceField(
        label="Joined", required=False, choices=[(key, words) for key, (words, _) in JOINED.items()]
    )

    def __init__(self, *args: Any, groups: list[SupportGroup], **kwargs: Any):
        super().__init__(*args, **kwargs)
        field = cast(forms.ChoiceField, self.fields["group"])
        field.choices = [("", "All groups"), *((group.slug, group.name) for group in groups)]
        self._groups = {group.slug: group.pk for group in groups}

    def scope(self) -> Scope:
        """The scope that was chosen; whatever is not one of the choices means everybody."""
        self.is_valid()
        group, joined = (self.cleaned_data.get(name, "") for name in ("group", "joined"))
        return Scope(self._groups.get(group), joined)
