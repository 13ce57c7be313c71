"""What coordinators and facilitators type about when a group meets; and calendar feeds."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from groups.models import SupportGroup
from sessions import rules
from sessions.defaults import MINUTES
from sessions.models import Series, SupportSession
from sessions.schedule import RuleError, choices_of, day_of, rrule_of
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words, zone_words

#: A first date farther ahead is more likely a slip of the hand.
FARTHEST_START = timedelta(days=2 * 366)

# Calendar feeds -----------------------------------------------------------------------------------


class CalendarFeedForm(forms.Form):
    """A button beside one calendar: what to do with it, and whose it is (empty: one's own)."""

    MAKE, TITLES, RENEW, DELETE = "make", "titles", "renew", "delete"

    do = forms.ChoiceField(choices=[(do, do) for do in (MAKE, TITLES, RENEW, DELETE)])
    group = forms.ModelChoiceField(
        SupportGroup.objects.none(), to_field_name="slug", required=False
    )
    titles = forms.ChoiceField(
        label="What entries are called",
        choices=[("neutral", "Appointment"), ("names", "The group’s name")],
        required=False,
        widget=AnswerChoices(
            hints={
                "neutral": "Whoever sees your calendar learns nothing.",
                "names": "With the place and what is different this time. "
                "Whoever sees your calendar can read it.",
            }
        ),
    )

    def __init__(self, *args: Any, groups: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].queryset = groups  # type: ignore[attr-defined]


# The rhythm ---------------------------------------------------------------------------------------

WEEKDAYS = [
    ("MO", "Monday"),
    ("TU", "Tuesday"),
    ("WE", "Wednesday"),
    ("TH", "Thursday"),
    ("FR", "Friday"),
    ("SA", "Saturday"),
    ("SU", "Sunday"),
]
NTH = [(1, "First"), (2, "Second"), (3, "Third"), (4, "Fourth"), (-1, "Last")]
EVERY_WEEKS = [(1, "Every week"), *((n, f"Every {n} weeks") for n in (2, 3, 4, 5, 6, 8))]
EVERY_MONTHS = [(1, "Every month"), *((n, f"Every {n} months") for n in (2, 3, 6))]
#: The longest course that a group can plan (`groups_supportgroup_course_is_closed`).
MOST_SESSIONS = 200


def date_field(label: str, **fields: Any) -> forms.DateField:
    """A day, by the browser's own calendar where it has one."""
    return forms.DateField(
        label=label,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "class": "input--short"}),
        error_messages={
            "required": "Write a date, for example 2027-03-29.",
            "invalid": "This date does not exist. Write it like 2027-03-29.",
        },
        **fields,
    )


def time_field(label: str, **fields: Any) -> forms.TimeField:
    """A time of day."""
    return forms.TimeField(
        label=label,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time", "class": "input--short"}),
        error_messages={
            "required": "Write a time, for example 18:30.",
            "invalid": "Write the time like 18:30.",
        },
        **fields,
    )


def minutes_field(**fields: Any) -> forms.IntegerField:
    """The length of a session."""
    return forms.IntegerField(
        label="Length in minutes",
        min_value=15,
        max_value=1440,
        widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
        error_messages={
            "required": "Write how many minutes a session lasts.",
            "invalid": "Write a number of minutes, for example 90.",
            "min_value": "A session lasts 15 minutes or more.",
            "max_value": "A session lasts at most a day.",
        },
        **fields,
    )


class ScheduleForm(forms.Form):
    """When a group meets. After `is_valid()`, `series` is the rhythm, unsaved.

    All ways to choose a rhythm stand on the page; only the fields of the chosen one count.
    """

    WEEKLY, MONTHLY, RULE = "weekly", "monthly", "rule"

    pattern = forms.ChoiceField(
        label="How often does the group meet?",
        choices=[
            (WEEKLY, "Every week, or every few weeks"),
            (MONTHLY, "Once a month, on the same weekday"),
            (RULE, "Another rhythm, by a rule"),
        ],
        widget=AnswerChoices(
            hints={
                WEEKLY: "For example every 2 weeks on Tuesday.",
                MONTHLY: "For example on the first Monday, or on the last one.",
                RULE: "For experts who know calendar rules (RFC 5545).",
            }
        ),
    )
    interval = forms.TypedChoiceField(
        label="How often",
        choices=EVERY_WEEKS,
        coerce=int,
        required=False,
        help_text="Every 2 weeks suits most groups: close enough to remember, with time between.",
    )
    weekdays = forms.MultipleChoiceField(
        label="On which days",
        choices=WEEKDAYS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Tick none to meet on the weekday of the first date.",
    )
    nth = forms.TypedChoiceField(
        label="Which one of the month", choices=NTH, coerce=int, required=False
    )
    weekday = forms.ChoiceField(label="Weekday", choices=WEEKDAYS, required=False)
    months = forms.TypedChoiceField(
        label="How often", choices=EVERY_MONTHS, coerce=int, required=False
    )
    rrule = forms.CharField(
        label="Rule",
        max_length=200,
        required=False,
        help_text="For example FREQ=MONTHLY;BYDAY=1TU,3TU for the first and third Tuesday.",
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false"}),
    )
    starts_on = date_field("First date")
    starts_at_time = time_field("Start")
    minutes = minutes_field(help_text="90 minutes suit most groups.")

    def __init__(
        self,
        *args: Any,
        group: SupportGroup,
        by: User,
        current: Series | None,
        coming: list[SupportSession],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.group, self.by, self.current, self.coming = group, by, current, coming
        self.series: Series | None = None
        self.from_session: SupportSession | None = None
        zone = zone_words(group.time_zone)
        self.fields["starts_at_time"].help_text = f"{zone} time, the group’s own zone."
        if group.attendance == SupportGroup.Attendance.CLOSED:
            self.fields["sessions"] = self._sessions_field()
        if coming:
            self.fields["from_session"] = self._from_field()

    def _sessions_field(self) -> forms.IntegerField:
        return forms.IntegerField(
            label="Number of sessions from then on" if self.coming else "Number of sessions",
            min_value=1,
            max_value=MOST_SESSIONS,
            required=False,
            widget=forms.NumberInput(attrs={"class": "input--short", "inputmode": "numeric"}),
            help_text="A closed course has an end. Days off are left out and do not count.",
            error_messages={
                "min_value": "A course has one session or more.",
                "max_value": f"A course has at most {MOST_SESSIONS} sessions.",
                "invalid": "Write a number, for example 8.",
            },
        )

    def _from_field(self) -> forms.ChoiceField:
        choices = []
        for number, session in enumerate(self.coming):
            words = time_words(session.starts_at, self.group.time_zone)
            left = len(self.coming) - number
            change = "only this session changes" if left == 1 else f"{left} sessions change"
            choices.append((str(session.pk), f"{words} ({change})"))
        return forms.ChoiceField(
            label="From which session on?",
            choices=choices,
            help_text="This one and all after it move to the new dates. Earlier ones stay.",
            error_messages={
                "required": "Choose a session.",
                "invalid_choice": "This session has begun or is over. Choose a later one.",
            },
        )

    @staticmethod
    def initial_of(
        group: SupportGroup,
        current: Series | None,
        coming: list[SupportSession],
        from_session: SupportSession | None,
    ) -> dict[str, Any]:
        """What stands in the form at first: the rhythm that holds, or good defaults."""
        initial: dict[str, Any] = {
            "pattern": ScheduleForm.WEEKLY,
            "interval": 2,
            "nth": 1,
            "weekday": "TU",
            "months": 1,
            "minutes": MINUTES,
            "sessions": group.course_sessions,
        }
        if current is None:
            return initial
        first = from_session or next(iter(coming), None)
        initial |= {
            "starts_on": current.starts_on
            if first is None
            else day_of(first.starts_at, group.time_zone),
            "starts_at_time": current.starts_at_time,
            "minutes": current.minutes,
            "rrule": current.rrule,
            "from_session": str(first.pk) if first else None,
        }
        choices = choices_of(current.rrule, current.starts_on)
        if choices is None or choices.until is not None or choices.pattern == "monthly_day":
            return initial | {"pattern": ScheduleForm.RULE}
        if coming and choices.count:
            initial["sessions"] = len(coming) - (coming.index(first) if first in coming else 0)
        if choices.pattern == "weekly":
            return initial | {"interval": choices.interval, "weekdays": list(choices.weekdays)}
        return initial | {
            "pattern": ScheduleForm.MONTHLY,
            "months": choices.interval,
            "nth": choices.nth,
            "weekday": choices.weekdays[0],
        }

    def clean_starts_on(self) -> date:
        day: date = self.cleaned_data["starts_on"]
        today = day_of(timezone.now(), self.group.time_zone)
        if day < today:
            raise forms.ValidationError("This day is over. Choose today or a later day.")
        if day > today + FARTHEST_START:
            raise forms.ValidationError("This is far away. Choose a day within the next two years.")
        return day

    def clean_from_session(self) -> str:
        chosen: str = self.cleaned_data["from_session"]
        self.from_session = next(s for s in self.coming if str(s.pk) == chosen)
        return chosen

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        self._check_what_stays()
        if self.errors:
            return given
        try:
            rrule = self._rule()
            rules.check_rhythm(
                rrule=rrule,
                starts_on=given["starts_on"],
                starts_at_time=given["starts_at_time"],
                minutes=given["minutes"],
                time_zone=self.group.time_zone,
            )
        except RuleError as error:
            self.add_error(self._rule_field(), str(error))
        except Refused as no:
            self.add_error(self._rule_field(), no.message)
        else:
            self.series = Series(
                group=self.group,
                rrule=rrule,
                starts_on=given["starts_on"],
                starts_at_time=given["starts_at_time"],
                minutes=given["minutes"],
                time_zone=self.group.time_zone,
            )
        return given

    def _check_what_stays(self) -> None:
        """The new rhythm begins after the sessions that stay as they are."""
        day = self.cleaned_data.get("starts_on")
        if self.from_session is None or day is None:
            return
        stay = self.coming[: self.coming.index(self.from_session)]
        if stay and day <= day_of(stay[-1].starts_at, self.group.time_zone):
            words = time_words(stay[-1].starts_at, self.group.time_zone, "date")
            self.add_error(
                "starts_on", f"The session on {words} stays as it is. Choose a day after it."
            )

    def _rule(self) -> str:
        given = self.cleaned_data
        count = given.get("sessions")
        if given["pattern"] == self.WEEKLY:
            days = given["weekdays"] or [WEEKDAYS[given["starts_on"].weekday()][0]]
            self._begin_on(days)
            return rrule_of(
                pattern="weekly", interval=given["interval"] or 2, weekdays=days, count=count
            )
        if given["pattern"] == self.MONTHLY:
            return rrule_of(
                pattern="monthly_weekday",
                interval=given["months"] or 1,
                weekdays=[given["weekday"] or WEEKDAYS[given["starts_on"].weekday()][0]],
                nth=given["nth"] or 1,
                count=count,
            )
        rule = given["rrule"].strip().upper().removeprefix("RRULE:").rstrip(";")
        if count and rule and "COUNT=" not in rule and "UNTIL=" not in rule:
            rule += f";COUNT={count}"
        return rule

    def _begin_on(self, days: list[str]) -> None:
        """Move the first date to the first of these weekdays, so that every second week counts
        from there."""
        starts_on: date = self.cleaned_data["starts_on"]
        week = (starts_on + timedelta(days=ahead) for ahead in range(7))
        self.cleaned_data["starts_on"] = next(d for d in week if WEEKDAYS[d.weekday()][0] in days)

    def _rule_field(self) -> str:
        return {self.WEEKLY: "weekdays", self.MONTHLY: "weekday"}.get(
            self.cleaned_data["pattern"], "rrule"
        )

    def is_as_it_was(self) -> bool:
        """Whether saving would change nothing."""
        held = self.current
        return held is not None and self.series is not None and not self.has_changed()
