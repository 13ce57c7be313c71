"""Of which three questionnaires the question of support, stress and mood is asked."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms

from outcomes.analysis_rules import suggested
from outcomes.change_queries import Measure


class AnalysisForm(forms.Form):
    """Three different measures, best in the order in which they were asked."""

    x = forms.ChoiceField(label="Support, or the lack of it")
    m = forms.ChoiceField(label="Stress or worry, asked after it")
    y = forms.ChoiceField(label="How people feel, asked last")

    def __init__(self, *args: Any, measures: Sequence[Measure], **kwargs: Any) -> None:
        kwargs["initial"] = dict(zip("xmy", suggested(measures), strict=False))
        super().__init__(*args, **kwargs)
        choices = [(each.key, f"{each.name} ({each.short})") for each in measures]
        for name in "xmy":
            cast(forms.ChoiceField, self.fields[name]).choices = choices

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        if chosen.get("m") and chosen.get("m") == chosen.get("x"):
            self.add_error("m", "Choose another questionnaire than for support.")
        if chosen.get("y") and chosen.get("y") in (chosen.get("x"), chosen.get("m")):
            self.add_error("y", "Choose a questionnaire that is not chosen above.")
        return chosen
