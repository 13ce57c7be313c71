"""What a group asks somebody who would like to join, what they answer, and what was decided."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import UUID7
from django.utils import timezone

from accounts.models import User
from groups.models import Membership, SupportGroup


class ScreeningForm(models.Model):
    """One version of a group's questions. An old application keeps the version it was asked."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, related_name="screening_forms"
    )
    version = models.PositiveSmallIntegerField()
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "version"], name="screening_screeningform_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"Questions of {self.group}, version {self.version}"


class Question(models.Model):
    """One page of the form."""

    class Kind(models.TextChoices):
        YES_NO = "yes_no", "Yes or no"
        ONE_OF = "one_of", "One of several"
        SCALE = "scale", "A scale"
        TEXT = "text", "In their own words"

    class Proposal(models.TextChoices):
        """What an answer suggests. Rules propose; a person decides."""

        READY = "ready", "Ready to join"
        TALK_FIRST = "talk_first", "Talk first"
        REFER = "refer", "Something else may suit better"
        URGENT = "urgent", "Needs support today"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    form = models.ForeignKey(ScreeningForm, on_delete=models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    text = models.CharField(max_length=300)
    #: Why it is asked, shown under the question.
    why = models.CharField(max_length=300, blank=True)
    #: For `one_of` and `scale`: [{"value": "…", "label": "…"}], in order.
    options = models.JSONField(default=list, blank=True)
    #: Answer value -> `Proposal`, for example {"yes": "urgent"}. Others propose `ready`.
    proposals = models.JSONField(default=dict, blank=True)
    #: Whether "I would rather not say" is offered.
    is_sensitive = models.BooleanField(default=False)
    #: Applying stops kindly unless this is answered with yes ("a group is not psychotherapy").
    is_acknowledgement = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["form", "position"], name="screening_question_position_once"
            ),
            models.CheckConstraint(
                name="screening_question_kind_known",
                condition=Q(kind__in=["yes_no", "one_of", "scale", "text"]),
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def choices(self) -> list[tuple[str, str]]:
        """Value and label of every answer to choose from; empty for a text question."""
        if self.kind == self.Kind.YES_NO:
            return [("yes", "Yes"), ("no", "No")]
        return [(option["value"], option["label"]) for option in self.options]

    def label_of(self, value: str | None) -> str:
        """How an answer reads to a person."""
        if value is None:
            return "Rather not say"
        return dict(self.choices()).get(value, value)


class ApplicationQuerySet(models.QuerySet["Application"]):
    def waiting(self) -> Self:
        """Submitted, and a person still has to decide."""
        return self.filter(status__in=[Application.Status.SUBMITTED, Application.Status.TALK_FIRST])

    def most_urgent_first(self) -> Self:
        """Who may need support today first, then by the promised time."""
        urgent = models.Case(models.When(proposal=Question.Proposal.URGENT, then=0), default=1)
        return self.order_by(urgent, "answer_by")

    def on_waiting_list(self) -> Self:
        """Accepted, but no place was free; who waits longest first."""
        return self.filter(membership__status=Membership.Status.WAITLISTED).order_by(
            "membership__waitlisted_at"
        )


class Application(models.Model):
    """One person's answers to one group's questions, and what became of it."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Not sent yet"
        SUBMITTED = "submitted", "Waiting for an answer"
        TALK_FIRST = "talk_first", "Invited to talk first"
        ACCEPTED = "accepted", "Accepted"
        REFERRED = "referred", "Something else suggested"
        WITHDRAWN = "withdrawn", "Taken back"

    MOVES = {
        Status.DRAFT: {Status.SUBMITTED, Status.WITHDRAWN},
        Status.SUBMITTED: {
            Status.TALK_FIRST,
            Status.ACCEPTED,
            Status.REFERRED,
            Status.WITHDRAWN,
        },
        Status.TALK_FIRST: {Status.ACCEPTED, Status.REFERRED, Status.WITHDRAWN},
        Status.ACCEPTED: set(),
        Status.REFERRED: set(),
        Status.WITHDRAWN: set(),
    }

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    form = models.ForeignKey(ScreeningForm, on_delete=models.PROTECT, related_name="applications")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="applications")
    #: Made when the application is sent.
    membership = models.OneToOneField(
        Membership, on_delete=models.CASCADE, null=True, blank=True, related_name="application"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    #: What the rules made of the answers when it was sent.
    proposal = models.CharField(max_length=10, choices=Question.Proposal, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    #: By when the person was promised an answer.
    answer_by = models.DateTimeField(null=True, blank=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["submitted_at"]
        constraints = [
            models.CheckConstraint(
                name="screening_application_status_known",
                condition=Q(
                    status__in=[
                        "draft",
                        "submitted",
                        "talk_first",
                        "accepted",
                        "referred",
                        "withdrawn",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="screening_application_proposal_known",
                condition=Q(proposal__in=["", "ready", "talk_first", "refer", "urgent"]),
            ),
            models.CheckConstraint(
                name="screening_application_sent_has_membership",
                condition=Q(status__in=["draft", "withdrawn"])
                | Q(membership__isnull=False, submitted_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["form", "user"],
                condition=Q(status="draft"),
                name="screening_application_one_draft",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} to {self.form.group}"

    @property
    def group(self) -> SupportGroup:
        return self.form.group


class Answer(models.Model):
    """What one person answered to one question. `value` is None for "rather not say"."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    value = models.TextField(null=True, blank=True)  # noqa: DJ001 - None is "rather not say"
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "question"], name="screening_answer_once"
            )
        ]

    def __str__(self) -> str:
        return f"Answer to question {self.question_id}"


class Decision(models.Model):
    """What a person (or, in a drop-in group, the rules alone) decided about an application."""

    class Outcome(models.TextChoices):
        ACCEPT = "accept", "Accept"
        TALK_FIRST = "talk_first", "Ask for a talk first"
        REFER = "refer", "Suggest something else"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="decisions")
    outcome = models.CharField(max_length=10, choices=Outcome)
    #: What the applicant reads on the site; never in a mail.
    message = models.TextField(blank=True)
    #: For staff only.
    reason = models.TextField(blank=True)
    decided_at = models.DateTimeField(default=timezone.now)
    #: Empty when the answers alone admitted somebody.
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the applicant's mail went out; empty means that it still has to.
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["decided_at"]
        constraints = [
            models.CheckConstraint(
                name="screening_decision_outcome_known",
                condition=Q(outcome__in=["accept", "talk_first", "refer"]),
            )
        ]

    def __str__(self) -> str:
        return self.get_outcome_display()
