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
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type}"
