"""What a coordinator writes about a vetted source."""

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from safeguarding import library_rules
from safeguarding.models import Resource
from supportgroups.lib.refusals import Refused


class ResourceForm(forms.ModelForm):
    """A source that facilitators can show instead of a wrong claim."""

    class Meta:
        model = Resource
        fields = ("title", "summary", "source", "url", "review_until")
        labels = {
            "title": "Title",
            "summary": "What it says",
            "source": "Who publishes it",
            "url": "Link",
            "review_until": "Trust it until",
        }
        help_texts = {
            "title": "As members will read it, for example “Coming off antidepressants”.",
            "summary": "One or two calm sentences. Up to 400 characters.",
            "source": "For example “NHS”.",
            "url": "It begins with https://",
            "review_until": "Later somebody has to read it again. Half a year is a good choice.",
        }
        widgets = {
            "summary": forms.Textarea(attrs={"rows": 3, "maxlength": 400}),
            "review_until": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        error_messages = {
            "title": {"required": "Write a title."},
            "summary": {"required": "Write what it says."},
            "source": {"required": "Write who publishes it."},
            "url": {"required": "Write the link.", "invalid": "Write a link such as https://…"},
            "review_until": {
                "required": "Choose a day.",
                "invalid": "Choose a day such as 31/12/2027.",
            },
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.review_until is None or self.instance.is_overdue:
            holds = timezone.localdate() + library_rules.REVIEW_HOLDS
            self.initial["review_until"] = holds

    def clean_title(self) -> str:
        title = str(self.cleaned_data["title"])
        kept = None if self.instance._state.adding else self.instance
        try:
            library_rules.check_title_is_free(title, self.instance.organisation, besides=kept)
        except Refused as no:
            raise forms.ValidationError(no.message) from no
        return title

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        if not url.startswith("https://"):
            raise forms.ValidationError("Choose a link that begins with https://")
        return str(url)

    def clean_review_until(self) -> date:
        day: date = self.cleaned_data["review_until"]
        try:
            library_rules.check_review_until(day, today=timezone.localdate())
        except Refused as no:
            raise forms.ValidationError(no.message) from no
        return day
