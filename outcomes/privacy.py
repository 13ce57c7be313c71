"""What this room holds about a person."""

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from outcomes.counting_actions import let_go
from outcomes.models import Disclosure, DisclosureFile, Response, SurveyInvitation
from supportgroups.lib import portable
from supportgroups.lib.erasing import erasing
from supportgroups.lib.portable import (
    A_KEY,
    INNER,
    SOMEBODY_ELSE,
    Link,
    Part,
    Sheet,
    choice,
    day,
    listed,
    moment,
    number,
    said,
    words,
    yes_no,
)

_PROGRESS = Link("outcomes:progress", "Your check-ins")
_SUMMARIES = Link("outcomes:disclosure_list", "Summaries for your clinician")


def _said(response: Response) -> Iterator[tuple[str, str]]:
    """Each question that was answered, and the answer, in words."""
    for item in response.instrument.parsed().all_items:
        if item.id in response.answers:
            given = response.answers[item.id]
            yield item.text, "Rather not say" if given is None else item.label_of(given)


def _band(response: Response) -> str:
    """Some names of ranges are for people with somebody beside them."""
    return response.band if response.instrument.parsed().shows_bands else ""


def _scales(response: Response) -> Iterator[tuple[str, str]]:
    """The score of each part that has one."""
    for scale in response.instrument.parsed().scales:
        total = response.scales.get(scale.id, {}).get("total")
        if total is not None:
            yield scale.title, str(total)


def _terms(disclosure: Disclosure) -> list[str]:
    """What was signed, line by line."""
    return [f"{name}: {words}" for name, words in disclosure.terms]


SHEETS = (
    Sheet(
        "check_ins",
        "What you answered in check-ins",
        Part.ANSWERS,
        "outcomes.Response",
        lambda user: (
            Response.objects.filter(invitation__membership__user=user)
            .select_related("instrument", "invitation__membership__group")
            .order_by("started_at", "pk")
        ),
        (
            words("questionnaire", "Questionnaire", "instrument.title"),
            words("version", "Version", "instrument.version"),
            words("group", "Asked by", "invitation.membership.group.name"),
            moment("started_at", "Begun"),
            moment("saved_at", "Last answer"),
            moment("submitted_at", "Sent"),
            choice("way", "How"),
            day("answered_on", "Day on the paper"),
            said("answers", "Answers", _said, "answers"),
            number("score", "Score"),
            words("band", "What the score is called", _band, "band"),
            said("parts", "Scores of its parts", _scales, "scales"),
            yes_no(
                "is_shared",
                "Shared from another of your groups",
                lambda row: row.shared_from_id is not None,
                "shared_from",
            ),
        ),
        left_out={"entered_by": SOMEBODY_ELSE},
        change="What you sent stays as it is. You can delete it.",
        links=(_PROGRESS,),
    ),
    Sheet(
        "check_ins_asked",
        "When you were asked for a check-in",
        Part.ANSWERS,
        "outcomes.SurveyInvitation",
        lambda user: (
            SurveyInvitation.objects.filter(membership__user=user)
            .select_related("plan__instrument", "membership__group")
            .order_by("due_at", "pk")
        ),
        (
            words("questionnaire", "Questionnaire", "plan.instrument.title"),
            words("group", "Asked by", "membership.group.name"),
            choice("occasion", "Occasion"),
            number("wave", "How many before"),
            moment("arose_at", "The occasion"),
            moment("due_at", "Open from"),
            moment("closes_at", "Open until"),
            moment("sent_at", "Mail sent"),
            number("reminders_sent", "Mails after that"),
            moment("stopped_at", "Stopped"),
        ),
        left_out={
            "support_session": INNER,
            "next_mail_at": INNER,
            "claimed_at": INNER,
            "attempts": INNER,
            "paper_code": A_KEY,
        },
        change="It goes with your check-ins.",
        links=(_PROGRESS,),
    ),
    Sheet(
        "summaries",
        "Summaries for your clinician",
        Part.AGREED,
        "outcomes.Disclosure",
        lambda user: (
            Disclosure.objects.filter(user=user)
            .order_by("begun_at", "pk")
            .prefetch_related("responses")
        ),
        (
            words("person_name", "Name the clinician knows you by"),
            words("recipient_name", "For whom"),
            words("recipient_organisation", "Where they work"),
            words("purpose", "Why"),
            listed("questionnaires", "Questionnaires", lambda row: row.instruments, "instruments"),
            day("since", "Since"),
            yes_no("with_answers", "With single answers"),
            yes_no("with_attendance", "With the number of sessions"),
            number(
                "check_ins", "Check-ins in it", lambda row: len(row.responses.all()), "responses"
            ),
            day("ends_on", "Holds until"),
            moment("begun_at", "Begun"),
            number("version", "Number of the wording"),
            listed("terms", "What you signed", _terms, "terms"),
            words("signature", "Signed with"),
            moment("signed_at", "Signed"),
            moment("made_at", "Made"),
            moment("ended_at", "Ended"),
            choice("ended_why", "Why it ended"),
        ),
        left_out={"claimed_at": INNER, "attempts": INNER},
        change="You can take it back at any time.",
        links=(_SUMMARIES,),
        whose=("user",),
    ),
    Sheet(
        "summary_files",
        "Files of summaries",
        Part.AGREED,
        "outcomes.DisclosureFile",
        lambda user: (
            DisclosureFile.objects.filter(disclosure__user=user)
            .defer("content")
            .order_by("made_at", "pk")
        ),
        (choice("kind", "Kind"), moment("made_at", "Made")),
        left_out={
            "disclosure": INNER,
            "content": "To be had where the summary is; holds what stands here.",
        },
        change="You can download it, or take it back.",
        links=(_SUMMARIES,),
    ),
)

_IN_THE_TRAIL = "That somebody did it stands in what they did."
LEFT_OUT = {
    "outcomes.Presence": "Sums of their attendance, which is there.",
    "outcomes.Stay": "Sums of their attendance, which is there.",
    "outcomes.Programme.made_by": _IN_THE_TRAIL,
    "outcomes.Programme.ended_by": _IN_THE_TRAIL,
    "outcomes.FunderReport.made_by": _IN_THE_TRAIL,
    "outcomes.FunderReport.deleted_by": _IN_THE_TRAIL,
    "outcomes.Analysis.asked_by": _IN_THE_TRAIL,
}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user)


# Erased -------------------------------------------------------------------------------------------


def erase(user: User) -> None:
    """Check-ins with all answers and scores, and summaries for clinicians.

    What attendance added up to stays in figures without whom (`counting_actions.let_go`). Answers
    of others that they typed in from paper stay what they are, and name nobody.
    """
    let_go(by=user)
    user.disclosures.all().delete()
    with erasing(user.pk):
        SurveyInvitation.objects.filter(membership__user=user).delete()
