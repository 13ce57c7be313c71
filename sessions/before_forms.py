"""What people type before a session."""

from django import forms

from sessions.models import Attendance
from sessions.schedule_forms import PartsForm


class AnswerForm(forms.Form):
    """One of three buttons: coming, cannot, unsure."""

    answer = forms.ChoiceField(choices=Attendance.Answer.choices)


class CoverNoteForm(forms.Form):
    """Ask somebody else to lead a session."""

    do = "ask"

    note = forms.CharField(
        label="What whoever takes over should know",
        help_text="For example “The topic is sleep, my notes are in the shared folder”. "
        "You need not say why you cannot come.",
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class PlanForm(PartsForm):
    """The parts of one session, and how it stood when they were read."""

    BESIDE = ("version",)
    #: Whether somebody changed the session since, so that saving again needs its new state.
    is_stale = False

    version = forms.IntegerField(
        min_value=0, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )
