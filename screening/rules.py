"""What answers suggest, and who may read and decide. Asks, never writes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from accounts.models import User
from accounts.rules import Viewer, organisations_coordinated_by
from groups.models import Membership, SupportGroup
from groups.rules import groups_led_by, groups_staffed_by
from safeguarding.models import Concern
from screening.models import Answer, Application, ApplicationQuerySet, Question
from supportgroups.lib.refusals import Refused

#: How long answers are kept after the decision, and drafts after their last answer.
ANSWERS_KEPT, DRAFTS_KEPT = timedelta(days=90), timedelta(days=30)
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


def admits_at_once(group: SupportGroup, proposal: str, *, user: User) -> bool:
    """Whether the rules alone accept: a drop-in group, and nothing a person should hear first.

    Whoever may need more than a group is heard by a person before joining, and is never turned
    away by a rule. A person also decides while a concern about them is open, even if they have
    changed the answer that opened it, and when staff once ended their membership here.
    """
    if group.admission != SupportGroup.Admission.DROP_IN or proposal != Question.Proposal.READY:
        return False
    concerns = Concern.objects.open().filter(about=user, organisation=group.organisation_id)
    removals = group.memberships.filter(user=user, status=Membership.Status.REMOVED)
    return not concerns.exists() and not removals.exists()


def answer_by(group: SupportGroup, submitted_at: datetime) -> datetime:
    """By when the organisation promises an answer."""
    return submitted_at + timedelta(hours=group.organisation.answers_within_hours)


def applications_of(user: Viewer) -> QuerySet[Application]:
    """A person's own applications."""
    if not user.is_authenticated:
        return Application.objects.none()
    return Application.objects.filter(user=user).select_related("form__group__organisation")


def applications_decided_by(user: Viewer) -> ApplicationQuerySet:
    """Sent applications that this person reads and decides on; never one's own.

    What was taken back is nobody's to read any more.
    """
    if not user.is_authenticated:
        return Application.objects.none()
    return (
        Application.objects.exclude(
            status__in=[Application.Status.DRAFT, Application.Status.WITHDRAWN]
        )
        .filter(form__group__in=groups_staffed_by(user), membership__isnull=False)
        .exclude(user=user)
        .select_related("form__group__organisation", "user", "membership")
    )


def check_may_see_queue(user: Viewer) -> None:
    """Raise `Refused` for whoever neither leads a group nor coordinates an organisation."""
    if not (groups_led_by(user).exists() or organisations_coordinated_by(user).exists()):
        raise Refused(
            "not_staff",
            "Requests to join are read by facilitators and coordinators.",
            next_step=("Find a group", reverse("groups:directory")),
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


def check_may_send(application: Application) -> None:
    """Raise `Refused` while something that sending needs is missing."""
    if unanswered(application).exists():
        raise Refused("unanswered", "Some questions still wait for an answer.")
    if not acknowledged(application):
        raise Refused(
            "not_acknowledged",
            "To join, please confirm that you know what a support group can and cannot do.",
        )
    if not application.user.display_name:
        raise Refused("no_name", "Choose the name that others will see.")


def acknowledged(application: Application) -> bool:
    """Whether everything that must be confirmed was answered with yes."""
    return (
        not application.answers.filter(question__is_acknowledgement=True)
        .exclude(value="yes")
        .exists()
    )


def occasion(application: Application, question: Question) -> str:
    """What names the concern that an answer opens: one per question, however often it changes."""
    return f"screening:{application.pk}:{question.pk}"


def concern_from(application: Application, question: Question) -> Concern | None:
    """The task that this answer opened, for telling the person the truth about it."""
    found = Concern.objects.filter(occasion=occasion(application, question))
    return found.select_related("assigned_to", "organisation").first()


def answers_expired(at: datetime) -> QuerySet[Answer]:
    """Answers that nobody needs any more: decided long ago, or taken back (data-retention.yaml)."""
    over = [Application.Status.ACCEPTED, Application.Status.REFERRED]
    recently = Application.objects.filter(
        Q(decisions__decided_at__gte=at - ANSWERS_KEPT) | Q(submitted_at__gte=at - ANSWERS_KEPT)
    )
    decided_long_ago = Q(application__status__in=over, answered_at__lt=at - ANSWERS_KEPT) & ~Q(
        application__in=recently
    )
    taken_back = Q(application__status=Application.Status.WITHDRAWN)
    return Answer.objects.filter(decided_long_ago | taken_back)


def drafts_expired(at: datetime) -> QuerySet[Application]:
    """Requests that were begun, never sent, and not touched for long."""
    touched = Answer.objects.filter(application=OuterRef("pk"), answered_at__gte=at - DRAFTS_KEPT)
    return Application.objects.filter(
        ~Exists(touched), status=Application.Status.DRAFT, started_at__lt=at - DRAFTS_KEPT
    )


def concerns_from(application: Application) -> QuerySet[Concern]:
    """All tasks that answers of this application opened."""
    return Concern.objects.filter(
        occasion__startswith=f"screening:{application.pk}:"
    ).select_related("assigned_to")


def check_waits_for_place(application: Application) -> Membership:
    """The membership on the waiting list that this application led to, or `Refused`."""
    membership = application.membership
    if membership is None or membership.status != Membership.Status.WAITLISTED:
        raise Refused("not_waiting", "This person is not on the waiting list any more.")
    return membership
