"""What somebody looks for in the trail, and why they open emergency access."""

from datetime import date, datetime, timedelta
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from groups.models import SupportGroup
from oversight import words

#: The trail of this many days shows when nobody chose others.
DAYS_AT_FIRST = 30


class TrailForm(forms.Form):
    """Filters of the trail; each may be left out."""

    name = forms.CharField(
        label="Person",
        required=False,
        max_length=40,
        help_text="Their name, or a part of it: what they did, and what is about them.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    kind = forms.ChoiceField(
        label="What",
        required=False,
        choices=[
            ("", "Everything"),
            *((kind.code, kind.label) for kind in words.KINDS if not kind.is_private),
        ],
    )
    group = forms.ModelChoiceField(
        label="Group",
        required=False,
        queryset=SupportGroup.objects.none(),
        to_field_name="slug",
        empty_label="Everything",
        error_messages={"invalid_choice": "Choose a group of the list."},
    )
    since = forms.DateField(
        label="From",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Choose a day such as 31/12/2027."},
    )
    until = forms.DateField(
        label="To",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Choose a day such as 31/12/2027."},
    )

    def __init__(self, data: Any, *, groups: QuerySet[SupportGroup]) -> None:
        given = data.copy()
        if "since" not in given:
            first = timezone.localdate() - timedelta(days=DAYS_AT_FIRST)
            given["since"] = first.isoformat()
        super().__init__(given)
        cast(forms.ModelChoiceField, self.fields["group"]).queryset = groups

    def chosen(self) -> dict[str, Any]:
        """What to narrow the trail by. A field with a mistake narrows nothing."""
        self.full_clean()
        kept = self.cleaned_data
        until = kept.get("until")
        return {
            "name": kept.get("name", ""),
            "kind": kept.get("kind", ""),
            "group": kept.get("group"),
            "since": _begin_of(kept.get("since")),
            "until": _begin_of(until + timedelta(days=1)) if until else None,
        }


def _begin_of(day: date | None) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day, datetime.min.time(), timezone.get_current_timezone())


class FindPersonForm(forms.Form):
    """Whom it is about."""

    name = forms.CharField(
        label="Name of the person",
        max_length=40,
        min_length=2,
        help_text="As it is shown in the group. Two letters or more.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Write the name.",
            "min_length": "Write two letters or more.",
        },
    )


class EmergencyForm(forms.Form):
    """Why it has to be now."""

    reason = forms.CharField(
        label="Why you need to see this now",
        max_length=500,
        strip=True,
        help_text="Coordinators read this at once, the person afterwards. Up to 500 characters.",
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": 500}),
        error_messages={"required": "Write why. Others need to understand it."},
    )
