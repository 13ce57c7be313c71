"""Surveys: which a group asks and when, who was invited, and what they answered."""

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import UUID7
from django.utils import timezone

from groups.models import Membership, SupportGroup
from instruments.models import Instrument
from sessions.models import SupportSession


class SurveyPlan(models.Model):
    """That a group asks its members one instrument after every n sessions they came to."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="survey_plans")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="plans")
    #: Asked after the 1st session a member came to, and after every n-th one since.
    every_sessions = models.PositiveSmallIntegerField(default=4)
    #: Days until an invitation is no longer open.
    window_days = models.PositiveSmallIntegerField(default=7)
    #: The order in which several instruments are asked.
    position = models.PositiveSmallIntegerField(default=1)
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "instrument"],
                condition=Q(ended_at__isnull=True),
                name="outcomes_surveyplan_once",
            ),
            models.CheckConstraint(
                name="outcomes_surveyplan_every_sessions", condition=Q(every_sessions__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} in {self.group}"


class SurveyInvitationQuerySet(models.QuerySet["SurveyInvitation"]):
    def open(self, at: object = None) -> Self:
        """Due, not closed, and not answered yet."""
        at = at or timezone.now()
        return self.filter(due_at__lte=at, closes_at__gt=at).filter(
            Q(response__isnull=True) | Q(response__submitted_at__isnull=True)
        )


class SurveyInvitation(models.Model):
    """That one member is asked one instrument, for the n-th time (wave 0 is the baseline)."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    plan = models.ForeignKey(SurveyPlan, on_delete=models.PROTECT, related_name="invitations")
    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, related_name="survey_invitations"
    )
    wave = models.PositiveSmallIntegerField()
    support_session = models.ForeignKey(
        SupportSession,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="survey_invitations",
    )
    due_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = SurveyInvitationQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "plan__position"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "membership", "wave"], name="outcomes_surveyinvitation_once"
            ),
            models.UniqueConstraint(
                fields=["plan", "membership", "support_session"],
                name="outcomes_surveyinvitation_once_a_session",
            ),
            models.CheckConstraint(
                name="outcomes_surveyinvitation_closes_after_due",
                condition=Q(closes_at__gt=F("due_at")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(sent_at__isnull=True),
                name="outcomes_surveyinvitation_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan.instrument}, wave {self.wave}"


class Response(models.Model):
    """One person's answers to one invitation. The database lets nothing change once submitted."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    invitation = models.OneToOneField(
        SurveyInvitation, on_delete=models.CASCADE, related_name="response"
    )
    #: The exact wording that was answered; scored with this version.
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="responses")
    #: Item id -> value, or null for "rather not say".
    answers = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    #: Empty when too many answers are missing to score.
    score = models.DecimalField(max_digits=7, decimal_places=2, null=True, blank=True)
    band = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="outcomes_response_scored_when_submitted",
                condition=Q(score__isnull=True) | Q(submitted_at__isnull=False),
            )
        ]
        indexes = [
            models.Index(
                fields=["instrument", "submitted_at"],
                condition=Q(submitted_at__isnull=False),
                name="outcomes_response_submitted",
            )
        ]

    def __str__(self) -> str:
        return f"Response to {self.invitation_id}"
