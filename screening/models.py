"""What a group asks somebody who would like to join, what they answer, and what was decided."""

import json
from datetime import datetime
from typing import Self, cast

from django.db import models
from django.db.models import Q
from django.db.models.functions import UUID7
from django.utils import timezone

from accounts.models import User
from groups.models import CompanionInvitation, Membership, SupportGroup
from instruments.models import Instrument
from supportgroups.lib.encrypted_fields import EncryptedTextField
from supportgroups.lib.ids import uuid7


class ScreeningFormQuerySet(models.QuerySet["ScreeningForm"]):
    def published(self) -> Self:
        """Versions that people were or are asked, newest first."""
        return self.filter(published_at__isnull=False).order_by("-version")

    def drafts(self) -> Self:
        """Versions that staff work on; nobody is asked them yet."""
        return self.filter(published_at__isnull=True)


class ScreeningForm(models.Model):
    """One version of a group's questions. An old application keeps the version it was asked.

    The one that is not published yet is the draft that staff work on.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, related_name="screening_forms"
    )
    version = models.PositiveSmallIntegerField()
    published_at = models.DateTimeField(null=True, blank=True, default=timezone.now)

    objects = ScreeningFormQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "version"], name="screening_screeningform_version_once"
            ),
            models.UniqueConstraint(
                fields=["group"],
                condition=Q(published_at__isnull=True),
                name="screening_screeningform_one_draft",
            ),
        ]

    def __str__(self) -> str:
        return f"Questions of {self.group}, version {self.version}"


class Question(models.Model):
    """One page of the form."""

    class Kind(models.TextChoices):
        YES_NO = "yes_no", "Yes or no"
        ONE_OF = "one_of", "One of several"
        SOME_OF = "some_of", "Any of several"
        SCALE = "scale", "A scale"
        TEXT = "text", "In their own words"
        INSTRUMENT = "instrument", "A questionnaire"

    class Proposal(models.TextChoices):
        """What an answer suggests. Rules propose; a person decides."""

        READY = "ready", "Ready to join"
        PREPARE = "prepare", "Something to know first"
        TALK_FIRST = "talk_first", "Talk first"
        REFER = "refer", "Something else may suit better"
        URGENT = "urgent", "Needs support today"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    form = models.ForeignKey(ScreeningForm, on_delete=models.CASCADE, related_name="questions")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    #: For `instrument`: which questionnaire is asked, all its items on one page.
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    text = models.CharField(max_length=300)
    #: Why it is asked, shown under the question.
    why = models.CharField(max_length=300, blank=True)
    #: For `one_of`, `some_of` and `scale`: [{"value": "…", "label": "…"}], in order.
    options = models.JSONField(default=list, blank=True)
    #: Answer value -> `Proposal`, for example {"yes": "urgent"}. Others propose `ready`. Of an
    #: instrument the value is the name of a score's band.
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
                condition=Q(
                    kind__in=["yes_no", "one_of", "some_of", "scale", "text", "instrument"]
                ),
            ),
            models.CheckConstraint(
                name="screening_question_instrument_named",
                condition=Q(kind="instrument", instrument__isnull=False)
                | (~Q(kind="instrument") & Q(instrument__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.text

    def choices(self) -> list[tuple[str, str]]:
        """Value and label of every answer to choose from; empty for a text question."""
        if self.kind == self.Kind.YES_NO:
            return [("yes", "Yes"), ("no", "No")]
        return [(option["value"], option["label"]) for option in self.options]

    def chosen(self, value: str) -> list[str]:
        """What a stored answer to `some_of` names, in the order of the options."""
        named = set(json.loads(value))
        return [option for option, _ in self.choices() if option in named]

    def sheet(self, value: str) -> dict[str, int | None]:
        """A stored answer to `instrument`: item -> value, None for "rather not say"."""
        return cast(dict[str, int | None], json.loads(value))

    def lines_of(self, value: str) -> list[tuple[str, str]]:
        """Wording of each item of an instrument, and of the answer to it."""
        if self.instrument is None:
            return []
        sheet = self.sheet(value)
        return [
            (item.text, "Rather not say" if given is None else item.label_of(given))
            for item in self.instrument.parsed().all_items
            if item.id in sheet
            for given in [sheet[item.id]]
        ]

    def label_of(self, value: str | None) -> str:
        """How an answer reads to a person."""
        if value is None:
            return "Rather not say"
        if self.kind == self.Kind.INSTRUMENT:
            return "\n".join(f"{text}: {label}" for text, label in self.lines_of(value))
        labels = dict(self.choices())
        if self.kind == self.Kind.SOME_OF:
            return "\n".join(labels[option] for option in self.chosen(value))
        return labels.get(value, value)


class ApplicationQuerySet(models.QuerySet["Application"]):
    def waiting(self) -> Self:
        """Submitted, and a person still has to decide."""
        return self.filter(status__in=[Application.Status.SUBMITTED, Application.Status.TALK_FIRST])

    def most_urgent_first(self) -> Self:
        """Who may need support today first, then by the promised time."""
        urgent = models.Case(models.When(proposal=Question.Proposal.URGENT, then=0), default=1)
        return self.order_by(urgent, "answer_by")


class Application(models.Model):
    """One person's answers to one group's questions, and what became of it."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Not sent yet"
        SUBMITTED = "submitted", "Waiting for an answer"
        PREPARE = "prepare", "Something to read first"
        TALK_FIRST = "talk_first", "Invited to talk first"
        ACCEPTED = "accepted", "Accepted"
        REFERRED = "referred", "Something else suggested"
        WITHDRAWN = "withdrawn", "Taken back"

    MOVES = {
        Status.DRAFT: {Status.SUBMITTED, Status.WITHDRAWN},
        Status.SUBMITTED: {
            Status.PREPARE,
            Status.TALK_FIRST,
            Status.ACCEPTED,
            Status.REFERRED,
            Status.WITHDRAWN,
        },
        # Who was asked to read something first comes in by saying that they did.
        Status.PREPARE: {
            Status.TALK_FIRST,
            Status.ACCEPTED,
            Status.REFERRED,
            Status.WITHDRAWN,
        },
        Status.TALK_FIRST: {
            Status.PREPARE,
            Status.ACCEPTED,
            Status.REFERRED,
            Status.WITHDRAWN,
        },
        Status.ACCEPTED: set(),
        # Once, the person may ask for another look.
        Status.REFERRED: {Status.SUBMITTED},
        Status.WITHDRAWN: set(),
    }

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
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
    #: When the person asked for another look after something else was suggested, and why.
    another_look_asked_at = models.DateTimeField(null=True, blank=True)
    another_look_words = EncryptedTextField(blank=True)
    #: The invitation of a member that led here.
    companion_invitation = models.ForeignKey(
        CompanionInvitation,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="applications",
    )

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
                        "prepare",
                        "talk_first",
                        "accepted",
                        "referred",
                        "withdrawn",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="screening_application_proposal_known",
                condition=Q(proposal__in=["", "ready", "prepare", "talk_first", "refer", "urgent"]),
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

    @property
    def talk(self) -> "tuple[str, datetime | None]":
        """How far an invitation to talk has come: invited, offered, declined or agreed for when.

        Nothing while no talk is asked for. Looks at all appointments with their times.
        """
        if self.status != self.Status.TALK_FIRST:
            return "", None
        talks = [talk for talk in self.appointments.all() if talk.withdrawn_at is None]
        if not talks:
            return "invited", None
        newest = max(talks, key=lambda talk: talk.offered_at)
        if newest.declined_at is not None:
            return "declined", None
        picked = newest.picked()
        return ("agreed", picked.starts_at) if picked else ("offered", None)


class Answer(models.Model):
    """What one person answered to one question. `value` is None for "rather not say".

    For `some_of` it is a JSON list of values, for `instrument` a JSON object, item -> value.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    value = EncryptedTextField(null=True, blank=True)
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
        PREPARE = "prepare", "Give something to read first"
        TALK_FIRST = "talk_first", "Ask for a talk first"
        REFER = "refer", "Suggest something else"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="decisions")
    outcome = models.CharField(max_length=10, choices=Outcome)
    #: What the applicant reads on the site; never in a mail.
    message = EncryptedTextField(blank=True)
    #: What may suit better: groups of ours, and help elsewhere, one a line.
    suggested_groups = models.ManyToManyField(SupportGroup, related_name="+", blank=True)
    resources = EncryptedTextField(blank=True)
    #: For staff only.
    reason = EncryptedTextField(blank=True)
    decided_at = models.DateTimeField(default=timezone.now)
    #: Empty when the answers alone admitted somebody.
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the applicant's mail went out; empty means that it still has to.
    told_at = models.DateTimeField(null=True, blank=True)
    #: How often that mail was handed to a mail server.
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["decided_at"]
        constraints = [
            models.CheckConstraint(
                name="screening_decision_outcome_known",
                condition=Q(outcome__in=["accept", "prepare", "talk_first", "refer"]),
            )
        ]

    def __str__(self) -> str:
        return self.get_outcome_display()


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def open(self) -> Self:
        """Neither taken back nor declined."""
        return self.filter(withdrawn_at__isnull=True, declined_at__isnull=True)


class Appointment(models.Model):
    """Times offered to an applicant for a talk with one person, of which they pick one."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="appointments"
    )
    minutes = models.PositiveSmallIntegerField(default=15)
    #: How they meet, for example "By telephone" with who rings whom.
    how = EncryptedTextField(max_length=200)
    offered_at = models.DateTimeField(default=timezone.now)
    offered_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    #: When the person said that no time suits them, and when would.
    declined_at = models.DateTimeField(null=True, blank=True)
    declined_words = EncryptedTextField(max_length=300, blank=True)
    #: When whoever offered it was told what the person picked.
    staff_told_at = models.DateTimeField(null=True, blank=True)
    #: How often that mail was handed to a mail server.
    staff_attempts = models.PositiveSmallIntegerField(default=0)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application"],
                condition=Q(withdrawn_at__isnull=True, declined_at__isnull=True),
                name="screening_appointment_one_open",
            ),
            models.CheckConstraint(
                name="screening_appointment_minutes_possible",
                condition=Q(minutes__gte=5) & Q(minutes__lte=120),
            ),
        ]

    def __str__(self) -> str:
        return f"Talk about {self.application_id}"

    def picked(self) -> "AppointmentTime | None":
        """The time that the person chose."""
        return next((time for time in self.times.all() if time.picked_at is not None), None)


class AppointmentTime(models.Model):
    """One of the times offered."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="times")
    starts_at = models.DateTimeField()
    picked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["appointment", "starts_at"], name="screening_appointmenttime_once"
            ),
            models.UniqueConstraint(
                fields=["appointment"],
                condition=Q(picked_at__isnull=False),
                name="screening_appointmenttime_one_picked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%d %b %Y %H:%M}"


class Note(models.Model):
    """What those who decide write for one another. The applicant never sees it."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="notes")
    body = EncryptedTextField()
    written_at = models.DateTimeField(default=timezone.now)
    written_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["written_at"]

    def __str__(self) -> str:
        return f"Note on {self.application_id}"
