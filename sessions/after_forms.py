"""What people type after a session."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.utils import timezone

from accounts.models import User
from sessions import after_rules
from sessions.models import Attendance, Debrief, FollowUp, Pulse, SupportSession
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.refusals import Refused

#: The value of "I would rather not say"; stored as None.
NOT_SAID = "not-said"
LONGEST_DEBRIEF = 5000


def _question(label: str, choices: type[Pulse.Heard] | type[Pulse.Safe]) -> forms.ChoiceField:
    """One of the two questions, the kindest answer first."""
    answers = [(str(value), words) for value, words in reversed(choices.choices)]
    return forms.ChoiceField(
        label=label,
        choices=[*answers, (NOT_SAID, "I would rather not say")],
        widget=AnswerChoices(apart=frozenset({NOT_SAID})),
        error_messages={
            "required": f"Choose an answer to “{label}”, or “I would rather not say”.",
            "invalid_choice": "Choose one of the answers below.",
        },
    )


class PulseForm(forms.Form):
    """Two questions about one session."""

    felt_heard = _question("Did you feel heard?", Pulse.Heard)
    felt_safe = _question("Did you feel safe?", Pulse.Safe)

    def __init__(self, data: Any = None, *, pulse: Pulse | None = None) -> None:
        initial = {}
        if pulse is not None:
            for name in self.base_fields:
                said = getattr(pulse, name)
                initial[name] = NOT_SAID if said is None else str(said)
        super().__init__(data, initial=initial)

    def answers(self) -> dict[str, Any]:
        """What was said; call it after `is_valid()` said yes."""
        return {
            name: None if said == NOT_SAID else int(said)
            for name, said in self.cleaned_data.items()
        }


class TalkForm(forms.Form):
    """Somebody would like a named person to get in touch."""

    occasion = forms.UUIDField(widget=forms.HiddenInput)
    words = forms.CharField(
        label="What should they know?",
        help_text="A sentence is enough, and you can leave it empty.",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"max_length": "Use up to 2,000 characters."},
    )


class SupportForm(forms.Form):
    """Somebody who was there may need more support: whom, and what was noticed."""

    occasion = forms.UUIDField(widget=forms.HiddenInput)
    about = forms.ModelChoiceField(
        label="Who is it about?",
        queryset=User.objects.none(),
        empty_label="Choose a person",
        error_messages={
            "required": "Choose who it is about.",
            "invalid_choice": "Choose somebody who was there.",
        },
    )
    detail = forms.CharField(
        label="What did you notice?",
        help_text="A sentence is enough. Only the person on call and the coordinators can read it.",
        max_length=2000,
        error_messages={
            "required": "Write a sentence, so that somebody knows how to help.",
            "max_length": "Use up to 2,000 characters.",
        },
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any = None, *, support_session: SupportSession) -> None:
        super().__init__(data, initial={"occasion": uuid4()})
        about: Any = self.fields["about"]
        about.queryset = after_rules.present_at(support_session).order_by("display_name", "pk")
        about.label_from_instance = lambda user: user.public_name


class AttendanceForm(forms.Form):
    """Who came, one choice a person."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(
        self, data: Any = None, *, attendances: Iterable[Attendance], version: int
    ) -> None:
        super().__init__(data, initial={"version": version})
        self.attendances = list(attendances)
        for attendance in self.attendances:
            self.fields[self._name(attendance)] = forms.ChoiceField(
                label=f"Attendance of {attendance.membership.user.public_name}",
                choices=after_rules.CORRECTIONS,
                initial=attendance.status,
                # A person added meanwhile is not in the page that was sent.
                required=False,
                error_messages={"invalid_choice": "Choose one of the answers."},
                widget=forms.Select(attrs={"class": "input--short"}),
            )

    @staticmethod
    def _name(attendance: Attendance) -> str:
        return f"status_{attendance.pk.hex}"

    @property
    def rows(self) -> list[tuple[Attendance, forms.BoundField]]:
        """Each person with their choice, for the page."""
        return [(attendance, self[self._name(attendance)]) for attendance in self.attendances]

    def statuses(self, *, undo: str = "") -> dict[UUID, str]:
        """What was chosen, or what presence said about the one person whose correction is undone.

        Call it after `is_valid()` said yes.
        """
        if undo:
            return {
                attendance.pk: attendance.status_by_presence
                for attendance in self.attendances
                if attendance.status_by_presence and str(attendance.pk) == undo
            }
        return {
            attendance.pk: said
            for attendance in self.attendances
            if (said := self.cleaned_data[self._name(attendance)])
        }


def _long(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=False,
        max_length=LONGEST_DEBRIEF,
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"max_length": f"Use up to {LONGEST_DEBRIEF:,} characters."},
    )


class FollowUpForm(forms.Form):
    """Something that somebody does, by a day."""

    what = forms.CharField(
        label="What is to be done?",
        max_length=200,
        error_messages={
            "required": "Write what is to be done.",
            "max_length": "Use up to 200 characters.",
        },
    )
    owner = forms.ModelChoiceField(
        label="Who does it?",
        queryset=User.objects.none(),
        empty_label="Choose a person",
        error_messages={
            "required": "Choose who does it.",
            "invalid_choice": "Choose somebody who leads or oversees the group.",
        },
    )
    due_on = forms.DateField(
        label="By when?",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={
            "required": "Choose a day.",
            "invalid": "Type a day, for example 2026-03-31.",
        },
    )

    def __init__(
        self,
        data: Any = None,
        *,
        support_session: SupportSession,
        follow_up: FollowUp | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        given = dict(initial or {})
        if follow_up is not None:
            given |= {
                "what": follow_up.what,
                "owner": follow_up.owner_id,
                "due_on": follow_up.due_on,
            }
        super().__init__(data, initial=given)
        owner: Any = self.fields["owner"]
        owner.queryset = after_rules.may_own_follow_up(support_session)
        owner.label_from_instance = lambda user: user.public_name

    def clean_due_on(self) -> date:
        due_on: date = self.cleaned_data["due_on"]
        try:
            after_rules.check_due_on(due_on, at=timezone.now())
        except Refused as no:
            raise forms.ValidationError(no.message) from no
        return due_on

    def follow_up(self) -> dict[str, Any]:
        """What was typed; call it after `is_valid()` said yes."""
        return {name: self.cleaned_data[name] for name in ("what", "owner", "due_on")}


class DebriefForm(FollowUpForm):
    """What a facilitator writes, with room for one follow-up: nothing typed is ever lost.

    The follow-up is taken when something is written there, whichever button was pressed.
    """

    #: Which page this is, and which state of the debrief it showed.
    window = forms.UUIDField(widget=forms.HiddenInput)
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    how_it_went = _long("How did it go?", "What worked, what did not, how the circle was.")
    concerns = _long(
        "What concerns you?",
        "About the group, not about somebody’s health. When a person may need more support, the "
        "link below tells a named person instead.",
    )
    field_order = ["how_it_went", "concerns", "what", "owner", "due_on"]

    def __init__(
        self, data: Any = None, *, support_session: SupportSession, debrief: Debrief | None
    ) -> None:
        given: dict[str, Any] = {"window": uuid4(), "revision": 0}
        if debrief is not None:
            names = ("how_it_went", "concerns", "revision")
            given |= {name: getattr(debrief, name) for name in names}
        super().__init__(data, support_session=support_session, initial=given)
        self.has_follow_up = bool(
            data and (data.get("do") == "follow_up" or (data.get("what") or "").strip())
        )
        if not self.has_follow_up:
            for name in ("what", "owner", "due_on"):
                self.fields[name].required = False

    def clean_due_on(self) -> Any:
        return super().clean_due_on() if self.cleaned_data["due_on"] else None

    def words(self) -> dict[str, Any]:
        """The debrief itself; call it after `is_valid()` said yes."""
        names = ("how_it_went", "concerns", "window", "revision")
        return {name: self.cleaned_data[name] for name in names}
