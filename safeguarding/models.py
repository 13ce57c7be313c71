"""Concerns: that a person may need more support than a group gives. And sources worth trusting."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import UUID7, Lower
from django.utils import timezone

from accounts.models import Organisation, User


class ConcernQuerySet(models.QuerySet["Concern"]):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def most_urgent_first(self) -> Self:
        """Who waits longest beyond, or is nearest to, the promised time comes first."""
        return self.order_by("respond_by")


class Concern(models.Model):
    """A task for a named person: look at this, and be in touch by `respond_by`."""

    class Source(models.TextChoices):
        SCREENING = "screening", "An answer when asking to join"
        SURVEY = "survey", "An answer in a check-in"
        LIVE = "live", "Somebody in a live session"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="concerns"
    )
    about = models.ForeignKey(User, on_delete=models.CASCADE, related_name="concerns")
    source = models.CharField(max_length=10, choices=Source)
    #: What opened it, unique per occasion, for example "answer:<id>": a repeat opens no second.
    occasion = models.CharField(max_length=120, unique=True)
    #: For the person who looks at it; never in mails or logs.
    detail = models.TextField()
    assigned_to = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="assigned_concerns"
    )
    opened_at = models.DateTimeField(default=timezone.now)
    opened_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    respond_by = models.DateTimeField()
    #: When the named person's mail went out; empty means that it still has to.
    told_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closing_note = models.TextField(blank=True)

    objects = ConcernQuerySet.as_manager()

    class Meta:
        ordering = ["opened_at"]
        constraints = [
            models.CheckConstraint(
                name="safeguarding_concern_source_known",
                condition=Q(source__in=["screening", "survey", "live"]),
            ),
            models.CheckConstraint(
                name="safeguarding_concern_closed_with_note",
                condition=Q(closed_at__isnull=True) | ~Q(closing_note=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["organisation", "respond_by"],
                condition=Q(closed_at__isnull=True),
                name="safeguarding_concern_open",
            )
        ]

    def __str__(self) -> str:
        return f"Concern from {self.get_source_display()}"

    @property
    def was_answered_in_time(self) -> bool | None:
        """Whether somebody was on it by the promised time; None while nobody has answered."""
        if self.acknowledged_at is None:
            return None
        return self.acknowledged_at <= self.respond_by


class ResourceQuerySet(models.QuerySet["Resource"]):
    def kept(self) -> Self:
        """Not taken out of the library."""
        return self.filter(retired_at__isnull=True)

    def vetted(self, on: date | None = None) -> Self:
        """Kept, and the review still holds: only these can be shown to a group anew."""
        return self.kept().filter(review_until__gte=on or timezone.localdate())

    def overdue(self, on: date | None = None) -> Self:
        """Kept, and somebody has to read it again."""
        return self.kept().filter(review_until__lt=on or timezone.localdate())


class Resource(models.Model):
    """A vetted source in an organisation's library: what to show instead of a wrong claim."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="resources"
    )
    title = models.CharField(max_length=120)
    #: What it says, in words for a room full of people.
    summary = models.CharField(max_length=400)
    #: Who publishes it, for example "NHS".
    source = models.CharField(max_length=120)
    url = models.URLField(max_length=500)
    reviewed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reviewed_on = models.DateField()
    #: The last day on which it can be shown to a group anew.
    review_until = models.DateField()
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["title"]
        constraints = [
            models.CheckConstraint(
                name="safeguarding_resource_reviewed_ahead",
                condition=Q(review_until__gt=F("reviewed_on")),
            ),
            models.CheckConstraint(
                name="safeguarding_resource_link_is_safe", condition=Q(url__startswith="https://")
            ),
            models.CheckConstraint(
                name="safeguarding_resource_retired_dated",
                condition=Q(retired_at__isnull=False) | Q(retired_by__isnull=True),
            ),
            models.UniqueConstraint(
                "organisation",
                Lower("title"),
                condition=Q(retired_at__isnull=True),
                name="safeguarding_resource_title_once",
                violation_error_message="The library has a source of this title already.",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_overdue(self) -> bool:
        return self.review_until < timezone.localdate()
