"""What this room holds about a person."""

from typing import Any

from django.db.models import F, Q, QuerySet

from accounts.models import Organisation, User
from audit.trail import record
from safeguarding import hold_actions
from safeguarding.models import Alert, Away, Concern, StepTaken
from supportgroups.lib import portable
from supportgroups.lib.portable import (
    INNER,
    SOMEBODY_ELSE,
    STAFF_WORDS,
    Part,
    Sheet,
    choice,
    day,
    moment,
    words,
    yes_no,
)


def _own_words(concern: Concern) -> str:
    """The person's answer, or what they asked for. What staff wrote about them stays with staff,
    who may name others or say what somebody beside the person must not read."""
    from_answers = concern.source in (Concern.Source.SCREENING, Concern.Source.SURVEY)
    return concern.detail if from_answers or concern.opened_by_id == concern.about_id else ""


SHEETS = (
    Sheet(
        "concerns",
        "When somebody was asked to look after you",
        Part.SAFETY,
        "safeguarding.Concern",
        lambda user: (
            Concern.objects.filter(about=user)
            .select_related("organisation")
            .order_by("opened_at", "pk")
        ),
        (
            words("organisation", "Organisation", "organisation.name"),
            choice("source", "How it began"),
            moment("opened_at", "Began"),
            yes_no(
                "by_yourself",
                "You began it",
                lambda row: row.opened_by_id == row.about_id,
                "opened_by",
                "about",
            ),
            words("detail", "What you answered or wrote", _own_words, "detail"),
            moment("respond_by", "Answer promised by"),
            moment("acknowledged_at", "Somebody confirmed"),
            moment("closed_at", "Closed"),
        ),
        left_out={
            "occasion": INNER,
            "turn": INNER,
            "escalates_at": INNER,
            "everybody_asked_at": INNER,
            "told_at": INNER,
            "asked_again_at": INNER,
            "assigned_to": SOMEBODY_ELSE,
            "acknowledged_by": SOMEBODY_ELSE,
            "asked_again_by": SOMEBODY_ELSE,
            "closed_by": SOMEBODY_ELSE,
            "closing_note": STAFF_WORDS,
        },
        change="Ask the organisation to correct it. What staff wrote is not in the file.",
    ),
    Sheet(
        "concern_additions",
        "What you said after that",
        Part.SAFETY,
        "safeguarding.StepTaken",
        lambda user: (
            StepTaken.objects.filter(concern__about=user, taken_by=user)
            .select_related("concern__organisation")
            .order_by("taken_at", "pk")
        ),
        (
            words("organisation", "Organisation", "concern.organisation.name"),
            words("note", "What you answered or wrote"),
            moment("taken_at", "When"),
        ),
        left_out={
            "kind": INNER,
            "taken_by": "It is the person themselves.",
            "handed_to": SOMEBODY_ELSE,
        },
        change="Ask the organisation to correct it.",
    ),
    Sheet(
        "alerts",
        "When you were asked to look after somebody",
        Part.WORK,
        "safeguarding.Alert",
        lambda user: (
            Alert.objects.filter(person=user)
            .exclude(concern__about=F("person"))
            .select_related("concern__organisation")
            .order_by("made_at", "pk")
        ),
        (
            words("organisation", "Organisation", "concern.organisation.name"),
            moment("made_at", "Asked"),
            moment("sent_at", "Mail sent"),
        ),
        left_out={"turn": INNER, "attempts": INNER, "next_try_at": INNER},
        change="It goes with what it is about.",
        whose=("person",),
    ),
    Sheet(
        "days_away",
        "Days you are not on call",
        Part.WORK,
        "safeguarding.Away",
        lambda user: (
            Away.objects.filter(person=user).select_related("organisation").order_by("until", "pk")
        ),
        (
            words("organisation", "Organisation", "organisation.name"),
            day("until", "Last day"),
            moment("noted_at", "Noted"),
        ),
        left_out={"noted_by": SOMEBODY_ELSE},
        change="Change it where you see who is on call.",
        whose=("person",),
    ),
)

_IN_THE_TRAIL = "That somebody did it stands in what they did."
LEFT_OUT = {
    "safeguarding.Hold": "The page that closes an account says whose, why and until when.",
    "safeguarding.CountryLines.confirmed_by": _IN_THE_TRAIL,
    "safeguarding.Resource.reviewed_by": _IN_THE_TRAIL,
    "safeguarding.Resource.retired_by": _IN_THE_TRAIL,
}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user)


# Before -------------------------------------------------------------------------------------------


def waiting_to_be_in_touch(user: User) -> QuerySet[Organisation]:
    """Organisations that look after an open concern which the person's own answers opened.

    Of one that staff opened in a session the person may not know.
    """
    known = Q(source__in=[Concern.Source.SCREENING, Concern.Source.SURVEY]) | Q(opened_by=user)
    concerns = Concern.objects.open().filter(known, about=user)
    return Organisation.objects.filter(pk__in=concerns.values("organisation")).order_by("name")


# Erased -------------------------------------------------------------------------------------------


def erase(user: User) -> None:
    """Concerns about the person, with all steps and alerts; that they were asked or away. What a
    standing hold asks for is kept in it, encrypted, until its last day.

    Concerns about others that they looked after are asked on by the clock. What they noted there
    belongs to those concerns.
    """
    for concern in Concern.objects.filter(about=user).order_by("pk"):
        hold_actions.keep_words(concern=concern, by=user)
        record(
            "concern.erased",
            by=user,
            on=concern,
            organisation=concern.organisation_id,
            was_open=concern.closed_at is None,
        )
        concern.delete()
    user.concern_alerts.all().delete()
    user.away.all().delete()
