"""What this room holds about a person."""

from typing import Any

from django.utils import timezone

from accounts.models import User
from screening.models import Answer, Application, Appointment, AppointmentTime, Decision
from supportgroups.lib import portable
from supportgroups.lib.portable import (
    INNER,
    SOMEBODY_ELSE,
    STAFF_WORDS,
    Link,
    Part,
    Sheet,
    choice,
    listed,
    moment,
    number,
    words,
    yes_no,
)

_HOME = Link("outcomes:participant_home", "Your requests to join")

SHEETS = (
    Sheet(
        "requests_to_join",
        "Your requests to join",
        Part.ANSWERS,
        "screening.Application",
        lambda user: (
            Application.objects.filter(user=user)
            .select_related("form__group__organisation")
            .order_by("started_at", "pk")
        ),
        (
            words("group", "Group", "form.group.name"),
            words("organisation", "Organisation", "form.group.organisation.name"),
            choice("status", "Where it stands"),
            choice("proposal", "What your answers proposed to whoever decides"),
            moment("started_at", "Begun"),
            moment("submitted_at", "Sent"),
            moment("answer_by", "Answer promised by"),
            moment("another_look_asked_at", "You asked for another look"),
            words("another_look_words", "What you wrote then"),
            yes_no(
                "was_invited",
                "A member invited you",
                lambda row: row.companion_invitation_id is not None,
                "companion_invitation",
            ),
        ),
        left_out={"membership": INNER},
        change="You can take back a request that nobody has decided.",
        links=(_HOME,),
        whose=("user",),
    ),
    Sheet(
        "answers_to_join",
        "What you answered when you asked to join",
        Part.ANSWERS,
        "screening.Answer",
        lambda user: (
            Answer.objects.filter(application__user=user)
            .select_related("application__form__group", "question__instrument")
            .order_by("application__started_at", "question__position", "pk")
        ),
        (
            words("group", "Group", "application.form.group.name"),
            words("question", "Question", "question.text"),
            words("answer", "Your answer", lambda row: row.question.label_of(row.value), "value"),
            moment("answered_at", "Answered"),
        ),
        change="You can change answers until you send them. After that, ask the group’s staff.",
        links=(_HOME,),
    ),
    Sheet(
        "decisions",
        "What was decided",
        Part.ANSWERS,
        "screening.Decision",
        lambda user: (
            Decision.objects.filter(application__user=user)
            .select_related("application__form__group")
            .prefetch_related("suggested_groups")
            .order_by("decided_at", "pk")
        ),
        (
            words("group", "Group", "application.form.group.name"),
            choice("outcome", "Decision"),
            words("message", "What you were told"),
            words("resources", "Help elsewhere"),
            listed(
                "suggested_groups",
                "Groups that may suit better",
                lambda row: [group.name for group in row.suggested_groups.all()],
                "suggested_groups",
            ),
            moment("decided_at", "Decided"),
            yes_no(
                "by_rules",
                "Your answers alone decided",
                lambda row: row.decided_by_id is None,
                "decided_by",
            ),
        ),
        left_out={"reason": STAFF_WORDS, "told_at": INNER, "attempts": INNER},
        change="You can ask once for another look when something else was suggested.",
        links=(_HOME,),
    ),
    Sheet(
        "talks",
        "Talks before joining",
        Part.ANSWERS,
        "screening.Appointment",
        lambda user: (
            Appointment.objects.filter(application__user=user)
            .select_related("application__form__group")
            .order_by("offered_at", "pk")
        ),
        (
            words("group", "Group", "application.form.group.name"),
            number("minutes", "Minutes"),
            words("how", "How you meet"),
            moment("offered_at", "Offered"),
            moment("withdrawn_at", "Taken back"),
            moment("declined_at", "You said no time suits"),
            words("declined_words", "What you wrote then"),
        ),
        left_out={
            "offered_by": SOMEBODY_ELSE,
            "staff_told_at": INNER,
            "staff_attempts": INNER,
        },
        change="You can say that no time suits.",
        links=(_HOME,),
    ),
    Sheet(
        "talk_times",
        "Times offered for a talk",
        Part.ANSWERS,
        "screening.AppointmentTime",
        lambda user: (
            AppointmentTime.objects.filter(appointment__application__user=user)
            .select_related("appointment__application__form__group")
            .order_by("starts_at", "pk")
        ),
        (
            words("group", "Group", "appointment.application.form.group.name"),
            moment("starts_at", "Time"),
            moment("picked_at", "You picked it"),
        ),
        change="It goes with your request.",
        kept_as="screening.Appointment",
    ),
)

LEFT_OUT = {
    "screening.Note": "What those who decide write for one another about somebody else.",
}


def export(user: User) -> dict[str, Any]:
    """Everything this room holds about the person, and nothing about anybody else."""
    return portable.export(SHEETS, user)


# Erased -------------------------------------------------------------------------------------------


def erase(user: User) -> None:
    """Requests to join with all answers, decisions, notes and talks. A talk that the person offered
    to somebody else is taken back. What they decided and noted about others names nobody."""
    user.applications.all().delete()
    Appointment.objects.open().filter(offered_by=user).update(withdrawn_at=timezone.now())
