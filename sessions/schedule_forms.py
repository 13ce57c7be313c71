"""What coordinators and facilitators type about when a group meets; and calendar feeds."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from accounts.models import User
from groups.models import SupportGroup
from sessions import rules, schedule_rules
from sessions.defaults import MINUTES, Part
from sessions.models import AgendaKind, Series, SupportSession
from sessions.schedule import Occurrence, RuleError, choices_of, day_of, rrule_of, to_utc
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words, zone_words

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


def _ahead(day: date, time_zone: str) -> date:
    """The day that was typed, unless it is over or too far away."""
    try:
        schedule_rules.check_day_ahead(day, time_zone, at=timezone.now())
    except Refused as no:
        raise forms.ValidationError(no.message) from no
    return day


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
    ends_on = date_field(
        "Last date", required=False, help_text="Leave it empty for a group that goes on."
    )

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
        for name in ("interval", "nth", "weekday", "months", "rrule"):
            # Asked for only in its own way to choose a rhythm, and there not optional.
            self.fields[name].widget.is_required = True
        self.group, self.by, self.current, self.coming = group, by, current, coming
        self.series: Series | None = None
        self.from_session: SupportSession | None = None
        zone = zone_words(group.time_zone)
        self.fields["starts_at_time"].help_text = f"{zone} time, the group’s own zone."
        if group.attendance == SupportGroup.Attendance.CLOSED:
            self.fields["sessions"] = self._sessions_field()
            if not self.initial.get("ends_on"):
                del self.fields["ends_on"]  # a course ends with its number of sessions
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
        if choices is None or choices.pattern == "monthly_day":
            return initial | {"pattern": ScheduleForm.RULE}
        initial["ends_on"] = choices.until
        if first is not None and choices.count:
            initial["sessions"] = schedule_rules.taken_along(current, begin=first.starts_at).count()
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
        return _ahead(day, self.group.time_zone)

    def clean_ends_on(self) -> date | None:
        day: date | None = self.cleaned_data["ends_on"]
        first = self.cleaned_data.get("starts_on")
        if day is not None and first is not None and day < first:
            raise forms.ValidationError("Choose a last date that is not before the first one.")
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
            schedule_rules.check_rhythm(
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
            self._check_nobody_is_taken(self.series)
        return given

    def _check_nobody_is_taken(self, series: Series) -> None:
        """Facilitators and the room are free then: the database would refuse otherwise."""
        if self.is_as_it_was():
            return
        found = schedule_rules.clashes_of_rhythm(
            group=self.group,
            rrule=series.rrule,
            starts_on=series.starts_on,
            starts_at_time=series.starts_at_time,
            minutes=series.minutes,
            by=self.by,
            from_session=self.from_session,
        )
        if found:
            self.add_error(
                "starts_at_time",
                f"{found[0]} Choose another time, or change who leads the group.",
            )

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
        count, until = given.get("sessions"), given.get("ends_on")
        if given["pattern"] == self.WEEKLY:
            days = given["weekdays"] or [WEEKDAYS[given["starts_on"].weekday()][0]]
            self._begin_on(days)
            return rrule_of(
                pattern="weekly",
                interval=given["interval"] or 2,
                weekdays=days,
                count=count,
                until=until,
            )
        if given["pattern"] == self.MONTHLY:
            return rrule_of(
                pattern="monthly_weekday",
                interval=given["months"] or 1,
                weekdays=[given["weekday"] or WEEKDAYS[given["starts_on"].weekday()][0]],
                nth=given["nth"] or 1,
                count=count,
                until=until,
            )
        rule = given["rrule"].strip().upper().removeprefix("RRULE:").rstrip(";")
        if rule and "COUNT=" not in rule and "UNTIL=" not in rule:
            rule += f";COUNT={count}" if count else ""
            rule += f";UNTIL={until:%Y%m%d}" if until else ""
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


# What a session is like ---------------------------------------------------------------------------

#: More parts than these nobody keeps in mind.
MOST_PARTS = 12


class PartsForm(forms.Form):
    """The parts of a session, in order.

    Buttons beside the parts move, add and remove without saving: `rearranged` gives the form after
    such a button. `parts()` are the fields of each part for the template.
    """

    #: What the form holds beside the parts.
    BESIDE: tuple[str, ...] = ()

    count = forms.IntegerField(
        min_value=0, max_value=MOST_PARTS, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, data: Any = None, *, count: int, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.number = count
        for n in range(1, count + 1):
            self.fields[f"kind_{n}"] = forms.ChoiceField(
                label=f"Kind of part {n}", choices=AgendaKind.choices, required=False
            )
            self.fields[f"kind_{n}"].widget.is_required = True
            self.fields[f"title_{n}"] = forms.CharField(
                label=f"Part {n}",
                max_length=80,
                required=False,
            )
            self.fields[f"title_{n}"].widget.is_required = True
            self.fields[f"note_{n}"] = forms.CharField(
                label=f"What happens in part {n}", max_length=200, required=False
            )
            self.fields[f"minutes_{n}"] = forms.IntegerField(
                label=f"Minutes of part {n}",
                min_value=1,
                max_value=rules.LONGEST_PART_MINUTES,
                required=False,
                widget=forms.NumberInput(attrs={"class": "input--short"}),
                error_messages={
                    "invalid": f"Write the minutes of part {n} as a number.",
                    "min_value": f"Part {n} takes a minute or more.",
                    "max_value": f"Part {n} takes at most {rules.LONGEST_PART_MINUTES} minutes.",
                },
            )
            self.fields[f"minutes_{n}"].widget.is_required = True

    @classmethod
    def showing(cls, parts: Sequence[Any], **beside: str) -> Self:
        """The form with these parts in it; each has title, note, minutes and kind."""
        initial: dict[str, Any] = {**beside, "count": len(parts)}
        for n, part in enumerate(parts, start=1):
            initial |= {f"title_{n}": part.title, f"note_{n}": part.note}
            initial |= {f"minutes_{n}": part.minutes, f"kind_{n}": part.kind}
        return cls(count=len(parts), initial=initial)

    @classmethod
    def typed(cls, data: Any) -> Self:
        """The form with what was typed."""
        count = str(data.get("count", ""))
        return cls(data, count=min(int(count), MOST_PARTS) if count.isdecimal() else 0)

    @classmethod
    def rearranged(cls, data: Any, do: str, *, usual: Sequence[Any] | None) -> Self:
        """The form after a button: add, usual, up-n, down-n or remove-n. What was typed stays."""
        form = cls.typed(data)
        names = ("title", "note", "minutes", "kind")
        parts: list[Any] = [
            Part(*(data.get(f"{name}_{n}", "") for name in names))
            for n in range(1, form.number + 1)
        ]
        verb, _, position = do.partition("-")
        at = int(position) - 1 if position.isdecimal() else -1
        if verb == "usual" and usual is not None:
            parts = list(usual)
        elif verb == "add" and len(parts) < MOST_PARTS:
            parts.append(Part("", "", 10))
        elif verb == "remove" and 0 <= at < len(parts):
            del parts[at]
        elif verb == "up" and 0 < at < len(parts):
            parts[at - 1 : at + 1] = [parts[at], parts[at - 1]]
        elif verb == "down" and 0 <= at < len(parts) - 1:
            parts[at : at + 2] = [parts[at + 1], parts[at]]
        return cls.showing(parts, **{name: data.get(name, "") for name in cls.BESIDE})

    def parts(self) -> list[dict[str, Any]]:
        """Number and fields of each part."""
        names = ("kind", "title", "note", "minutes")
        return [
            {"n": n, **{name: self[f"{name}_{n}"] for name in names}}
            for n in range(1, self.number + 1)
        ]

    def total(self) -> int:
        """Minutes of all parts, as far as they are numbers."""
        typed = (str(self[f"minutes_{n}"].value() or "") for n in range(1, self.number + 1))
        return sum(int(words) for words in typed if words.isdecimal() and len(words) < 5)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        kept = 0
        for n in range(1, self.number + 1):
            title, minutes = given.get(f"title_{n}"), given.get(f"minutes_{n}")
            if not title and not minutes and not given.get(f"note_{n}"):
                continue
            kept += 1
            if not title:
                self.add_error(f"title_{n}", f"Write what part {n} is called.")
            if minutes is None and f"minutes_{n}" not in self.errors:
                self.add_error(f"minutes_{n}", f"Write how many minutes part {n} takes.")
        if not kept and not self.errors:
            raise forms.ValidationError("Add one part or more.")
        return given

    def agenda(self) -> list[tuple[str, int, str, str]]:
        """Title, minutes, note and kind of each part that is not empty, after `is_valid()`."""
        given = self.cleaned_data
        return [
            (
                given[f"title_{n}"],
                given[f"minutes_{n}"],
                given[f"note_{n}"],
                given[f"kind_{n}"] or AgendaKind.OTHER,
            )
            for n in range(1, self.number + 1)
            if given[f"title_{n}"]
        ]


class AgendaForm(PartsForm):
    """What every session of a group is like: its parts, and how the group talks."""

    BESIDE = ("meeting_format",)

    meeting_format = forms.ChoiceField(
        label="How does the group talk?",
        choices=SupportGroup.MeetingFormat.choices,
        widget=AnswerChoices(
            hints={
                SupportGroup.MeetingFormat.OPEN_DISCUSSION: "People bring what is on their mind.",
                SupportGroup.MeetingFormat.GUIDED_TOPICS: "Each session has a topic that was "
                "chosen before.",
                SupportGroup.MeetingFormat.MIXED: "A topic to begin with, then room for "
                "everything else. Suits most groups.",
            }
        ),
    )


# Who leads ----------------------------------------------------------------------------------------


class PersonChoice(forms.ModelChoiceField):
    """One of the organisation's people, by the name that others see."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.public_name)


class FacilitatorForm(forms.Form):
    """Somebody who leads the group, or how they do it."""

    LEAD, SECOND = "lead", "second"

    user = PersonChoice(
        User.objects.none(),
        label="Who",
        empty_label="Choose a person",
        error_messages={
            "required": "Choose a person.",
            "invalid_choice": "This person cannot lead the group. Choose another one.",
        },
    )
    role = forms.ChoiceField(
        label="How",
        choices=[(LEAD, "Leads the group"), (SECOND, "Co-facilitator")],
        widget=AnswerChoices(
            hints={
                LEAD: "Opens the sessions and answers applications. There is one lead.",
                SECOND: "Helps in the room, and leads when the lead cannot come.",
            }
        ),
    )
    introduction = forms.CharField(
        label="In a few words",
        max_length=200,
        required=False,
        help_text="Visitors read it, for example “Has lived with low mood; leads since 2024”.",
    )

    def __init__(self, *args: Any, group: SupportGroup, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].queryset = schedule_rules.may_lead(group)  # type: ignore[attr-defined]


# One session --------------------------------------------------------------------------------------


def note_field(label: str, help_text: str) -> forms.CharField:
    """Words that members read beside a date."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 300}),
        error_messages={"max_length": "Use up to 300 characters."},
    )


class SessionForm(forms.Form):
    """A form about one session. `do` says which one it is on the page of all of them."""

    do = ""

    def __init__(
        self, *args: Any, support_session: SupportSession, may_all: bool = False, **kwargs: Any
    ) -> None:
        """`may_all`: whether the person may change all that follow as well."""
        self.support_session = support_session
        group = support_session.group
        self.zone = ZoneInfo(group.time_zone)
        start = support_session.starts_at.astimezone(self.zone)
        length = support_session.ends_at - support_session.starts_at
        kwargs["initial"] = {
            "scope": "one",
            "day": start.date(),
            "starts_at_time": start.time(),
            "minutes": length // timedelta(minutes=1),
            "note": support_session.note,
        }
        kwargs["auto_id"] = f"{self.do}_%s"
        super().__init__(*args, **kwargs)
        if not may_all and "scope" in self.fields:
            del self.fields["scope"]

    def is_for_all(self) -> bool:
        """Whether this session and all that follow are meant; may be asked before `is_valid()`."""
        return self["scope"].value() == "following" if "scope" in self.fields else False


class MoveForm(SessionForm):
    """Another day or time. After `is_valid()`: `starts_at` and `ends_at`, and whether only this
    one moves."""

    do = "move"

    scope = forms.ChoiceField(
        label="Which sessions move?",
        choices=[("one", "Only this one"), ("following", "This one and all following")],
        widget=AnswerChoices(hints={"following": "The next page asks for the new rhythm."}),
    )
    day = date_field("New date")
    starts_at_time = time_field("New start")
    minutes = minutes_field()
    note = note_field("What members read", "For example “Only this time: room 4”.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = zone_words(self.zone)
        self.fields["starts_at_time"].help_text = f"{words} time, the group’s own zone."

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        return _ahead(day, self.zone.key)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        wall = datetime.combine(given["day"], given["starts_at_time"])
        starts_at, self.shifted = to_utc(wall, self.zone)
        ends_at = starts_at + timedelta(minutes=given["minutes"])
        try:
            schedule_rules.check_times(starts_at, ends_at, at=timezone.now())
        except Refused as no:
            self.add_error("day", no.message)
        given |= {"starts_at": starts_at, "ends_at": ends_at}
        return given


class NoteForm(SessionForm):
    """What is different this time."""

    do = "note"

    note = note_field(
        "What members read beside the date", "For example “Only this time: room 4”. Empty for none."
    )


class CancelForm(SessionForm):
    """Call one session off, or it and all that follow."""

    do = "cancel"

    scope = forms.ChoiceField(
        label="Which sessions are off?",
        choices=[("one", "Only this one"), ("following", "This one and all following")],
        widget=AnswerChoices(hints={"following": "The rhythm ends. Earlier dates stay."}),
    )
    note = note_field("What members read", "For example “Marigold is ill. We meet again in May”.")


class RestoreForm(SessionForm):
    """Put a session on again that was called off."""

    do = "restore"


class ExtraSessionForm(forms.Form):
    """One more session, beside the rhythm."""

    day = date_field("Date")
    starts_at_time = time_field("Start")
    minutes = minutes_field(initial=MINUTES)

    def __init__(self, *args: Any, group: SupportGroup, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group, self.by = group, by
        self.zone = ZoneInfo(group.time_zone)
        words = zone_words(self.zone)
        self.fields["starts_at_time"].help_text = f"{words} time, the group’s own zone."

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        return _ahead(day, self.zone.key)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        starts_at, _ = to_utc(datetime.combine(given["day"], given["starts_at_time"]), self.zone)
        ends_at = starts_at + timedelta(minutes=given["minutes"])
        try:
            schedule_rules.check_times(starts_at, ends_at, at=timezone.now())
        except Refused as no:
            self.add_error("day", no.message)
        else:
            self._check_nobody_is_taken(starts_at, ends_at)
        return {"starts_at": starts_at, "ends_at": ends_at}

    def _check_nobody_is_taken(self, starts_at: datetime, ends_at: datetime) -> None:
        """Facilitators and the room are free then; the group's own sessions are asked for later."""
        found = schedule_rules.clashes(
            group=self.group,
            times=[Occurrence(starts_at, ends_at, shifted=False)],
            by=self.by,
            besides=schedule_rules.coming_of(self.group, at=timezone.now()),
        )
        if found:
            self.add_error("starts_at_time", f"{found[0]} Choose another time.")


# Days off -----------------------------------------------------------------------------------------


class DaysOffForm(forms.Form):
    """For whom a day is off: everybody of the organisation, or one group."""

    group = forms.ModelChoiceField(
        SupportGroup.objects.none(),
        label="For which groups",
        to_field_name="slug",
        required=False,
        empty_label="All groups",
        error_messages={"invalid_choice": "Choose one of the groups."},
    )

    def __init__(
        self, *args: Any, groups: Any, for_all: bool, time_zone: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.time_zone = time_zone
        field: Any = self.fields["group"]
        field.queryset = groups
        # Not "optional": the empty choice is a choice, all groups.
        field.widget.is_required = True
        if not for_all:
            field.required, field.empty_label = True, "Choose a group"
            field.error_messages["required"] = "Choose a group."


class DayOffForm(DaysOffForm):
    """One day off by hand."""

    do = "day"

    day = date_field("Date")
    name = forms.CharField(
        label="What it is called",
        max_length=80,
        help_text="Members read it, for example “Summer break”.",
        error_messages={"required": "Write what the day is called."},
    )
    field_order = ("day", "name", "group")

    def clean_day(self) -> date:
        day: date = self.cleaned_data["day"]
        return _ahead(day, self.time_zone)


class HolidaysForm(DaysOffForm):
    """Days off from the list of public holidays."""

    do = "holidays"

    days = forms.MultipleChoiceField(
        label="Days on which the groups do not meet",
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Tick one day or more.",
            "invalid_choice": "This list is older than today. Tick the days again.",
        },
    )
    field_order = ("days", "group")

    def __init__(self, *args: Any, offered: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].choices = offered  # type: ignore[attr-defined]
