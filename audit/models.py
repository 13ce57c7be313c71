"""The trail: who did what to what, when, from where. Rows are only ever added."""

from django.db import models
from django.db.models.functions import UUID7, Now


class Event(models.Model):
    """One thing that somebody, or the clock, did.

    People and things are named by id without a foreign key: removing an account must neither
    change nor remove what happened. `data` holds states and reasons' codes, never health data.
    The database refuses UPDATE, DELETE and TRUNCATE (migration 0002).
    """

    class Origin(models.TextChoices):
        WEB = "web", "a page"
        SOCKET = "socket", "the live room"
        CLOCK = "clock", "the clock"
        COMMAND = "command", "a command"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    recorded_at = models.DateTimeField(db_default=Now(), editable=False)
    occurred_at = models.DateTimeField()
    verb = models.CharField(max_length=60)
    actor_id = models.UUIDField(null=True)
    organisation_id = models.UUIDField(null=True)
    object_type = models.CharField(max_length=60)
    object_id = models.UUIDField()
    origin = models.CharField(max_length=10, choices=Origin)
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="audit_event_origin_known",
                condition=models.Q(origin__in=["web", "socket", "clock", "command"]),
            )
        ]
        indexes = [
            models.Index(fields=["object_id", "occurred_at"], name="audit_event_object"),
            models.Index(
                fields=["organisation_id", "occurred_at"], name="audit_event_organisation"
            ),
            # What somebody did, for them alone. What the clock did is most of the trail.
            models.Index(
                fields=["actor_id", "occurred_at"],
                condition=models.Q(actor_id__isnull=False),
                name="audit_event_actor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type}"


class Seal(models.Model):
    """One link of the chain over all events: its hash covers the event and the hash before it.

    Made by the clock (`audit/chain.py`). The event is named without a foreign key, so that the
    seal of an event that somebody removed stays and tells of it. Never changed, as events.
    """

    #: Counts from 1 without a gap.
    number = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField()
    hash = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event_id"], name="audit_seal_once_an_event"),
            models.CheckConstraint(
                name="audit_seal_numbers_from_one", condition=models.Q(number__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"Seal {self.number}"


class Anchor(models.Model):
    """Where the chain begins since its oldest events were deleted: the seal before its first one.

    There is one at most. Made by the tables' owner alone (`manage.py purge_trail`).
    """

    number = models.BigIntegerField(primary_key=True)
    hash = models.BinaryField(max_length=32)
    cut_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="audit_anchor_numbers_from_one", condition=models.Q(number__gte=1)
            )
        ]

    def __str__(self) -> str:
        return f"Anchor {self.number}"


class TrailCheck(models.Model):
    """What one verification of the chain found. A later one sees when the end was cut off."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    checked_at = models.DateTimeField()
    #: The newest seal at that moment; 0 and empty when there was none.
    head_number = models.BigIntegerField()
    head_hash = models.BinaryField(max_length=32)
    #: Sentences that name numbers, events and times. Empty when the chain is whole.
    found = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="audit_trailcheck_head_not_negative",
                condition=models.Q(head_number__gte=0),
            )
        ]

    def __str__(self) -> str:
        return f"Check of {self.head_number} events"

    @property
    def is_whole(self) -> bool:
        return not self.found
