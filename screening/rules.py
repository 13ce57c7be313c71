"""What answers suggest, and who may read and decide. Asks, never writes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet

from accounts.rules import Viewer
from groups.models import SupportGroup
from groups.rules import groups_staffed_by
from screening.models import Answer, Application, Question
from supportgroups.lib.refusals import Refused

#: From the mildest to the one that outweighs all others.
_WEIGHT = [
    Question.Proposal.READY,
    Question.Proposal.TALK_FIRST,
    Question.Proposal.REFER,
    Question.Proposal.URGENT,
]


def proposal_of(question: Question, value: str | None) -> Question.Proposal:
    """What one answer suggests. Not saying suggests nothing: nobody is judged for silence."""
    if value is None:
        return Question.Proposal.READY
    return Question.Proposal(question.proposals.get(value, Question.Proposal.READY))


def readiness(answers: Iterable[Answer]) -> Question.Proposal:
    """The weightiest suggestion of all answers together."""
    proposals = [proposal_of(answer.question, answer.value) for answer in answers]
    return max(proposals, key=_WEIGHT.index, default=Question.Proposal.READY)


def admits_at_once(group: SupportGroup, proposal: str) -> bool:
    """Whether the rules alone accept: a drop-in group, and nothing a person should hear first.

    Whoever may need more than a group is heard by a person before joining, and is never turned
    away by a rule.
    """
    return group.admission == SupportGroup.Admission.DROP_IN and proposal == Question.Proposal.READY


def answer_by(group: SupportGroup, submitted_at: datetime) -> datetime:
    """By when the organisation promises an answer."""
    return submitted_at + timedelta(hours=group.organisation.answers_within_hours)


def applications_of(user: Viewer) -> QuerySet[Application]:
    """A person's own applications."""
    if not user.is_authenticated:
        return Application.objects.none()
    return Application.objects.filter(user=user).select_related("form__group__organisation")


def applications_decided_by(user: Viewer) -> QuerySet[Application]:
    """Sent applications that this person reads and decides on; never one's own."""
    if not user.is_authenticated:
        return Application.objects.none()
    return (
        Application.objects.exclude(status=Application.Status.DRAFT)
        .filter(form__group__in=groups_staffed_by(user), membership__isnull=False)
        .exclude(user=user)
        .select_related("form__group__organisation", "user", "membership")
    )


def check_may_decide(user: Viewer, application: Application) -> Application:
    """The application, if this person decides on it, else `Refused`."""
    found = applications_decided_by(user).filter(pk=application.pk).first()
    if found is None:
        raise Refused(
            "not_decider", "Only this group's facilitators and coordinators can see answers."
        )
    return found


def check_move(application: Application, status: str) -> None:
    """Raise `Refused` unless the table of moves allows this change of state."""
    if status not in Application.MOVES[Application.Status(application.status)]:
        raise Refused(
            "state_changed",
            f"This was decided already: {application.get_status_display().lower()}.",
        )


def unanswered(application: Application) -> QuerySet[Question]:
    """Questions that still wait for an answer, in order."""
    return application.form.questions.exclude(
        pk__in=application.answers.values("question")
    ).order_by("position")
