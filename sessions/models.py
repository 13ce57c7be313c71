"""Scheduled sessions, who came, what was said, and who is reminded."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import UUID7
from django.utils import timezone

from accounts.models import User
from groups.models import Membership, SupportGroup
from sessions import schedule

#: The room opens as a waiting area this long before the session's start.
OPENS_BEFORE = timedelta(minutes=10)


class Series(models.Model):
    """A group's rhythm: a recurrence rule (RFC 5545) on a wall clock in the group's zone."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="series")
    #: For example "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU".
    rrule = models.CharField(max_length=200)
    starts_on = models.DateField()
    #: Wall clock in `time_zone`: 18:30 stays 18:30 over daylight saving.
    starts_at_time = models.TimeField()
    minutes = models.PositiveSmallIntegerField(default=90)
    time_zone = models.CharField(max_length=60)
    #: Sessions are made this many days ahead.
    horizon_days = models.PositiveSmallIntegerField(default=60)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["group"],
                condition=Q(ended_at__isnull=True),
                name="sessions_series_one_current",
            ),
            models.CheckConstraint(
                name="sessions_series_minutes_possible",
                condition=Q(minutes__gte=15) & Q(minutes__lte=360),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rrule} of {self.group}"

    def rhythm(self) -> str:
        """How often it meets, in words, for example "Every 2 weeks"."""
        return schedule.rhythm(self.rrule)

    def weekday(self) -> str:
        """The weekday it meets on, for example "Tuesday"."""
        return schedule.weekday(self.rrule, self.starts_on)


class AgendaTemplateItem(models.Model):
    """One part of the shape that every session of a group has."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, related_name="agenda_template"
    )
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    minutes = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "position"], name="sessions_agendatemplateitem_position_once"
            )
        ]

    def __str__(self) -> str:
        return self.title


class SupportSessionQuerySet(models.QuerySet["SupportSession"]):
    def coming(self, at: datetime | None = None) -> Self:
        """Scheduled or live, not over, soonest first."""
        return self.filter(
            status__in=[SupportSession.Status.SCHEDULED, SupportSession.Status.LIVE],
            ends_at__gt=at or timezone.now(),
        ).order_by("starts_at")

    def held(self) -> Self:
        """Sessions that took place."""
        return self.filter(status=SupportSession.Status.ENDED)


class SupportSession(models.Model):
    """One meeting of a group."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        LIVE = "live", "In session"
        ENDED = "ended", "Ended"
        CANCELLED = "cancelled", "Cancelled"

    MOVES = {
        Status.SCHEDULED: {Status.LIVE, Status.CANCELLED},
        Status.LIVE: {Status.ENDED},
        Status.ENDED: set(),
        Status.CANCELLED: set(),
    }

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(
        SupportGroup, on_delete=models.PROTECT, related_name="support_sessions"
    )
    series = models.ForeignKey(
        Series, on_delete=models.PROTECT, null=True, blank=True, related_name="support_sessions"
    )
    #: The moment the rule gave. A session that is moved keeps it, and so its identity.
    recurrence_id = models.DateTimeField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.SCHEDULED)
    began_at = models.DateTimeField(null=True, blank=True)
    began_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: The number of the newest message: raised and used in one statement, so there is no gap.
    message_count = models.PositiveIntegerField(default=0)
    #: Raised with every change of the room's state; an action on an older one is refused.
    version = models.PositiveIntegerField(default=0)

    objects = SupportSessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "recurrence_id"], name="sessions_supportsession_once"
            ),
            models.CheckConstraint(
                name="sessions_supportsession_status_known",
                condition=Q(status__in=["scheduled", "live", "ended", "cancelled"]),
            ),
            models.CheckConstraint(
                name="sessions_supportsession_ends_after_start",
                condition=Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="sessions_supportsession_ended_dated",
                condition=~Q(status="ended") | Q(ended_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["group"],
                condition=Q(status="live"),
                name="sessions_supportsession_one_live",
            ),
        ]
        indexes = [
            models.Index(fields=["group", "starts_at"], name="sessions_supportsession_group"),
            models.Index(
                fields=["starts_at"],
                condition=Q(status__in=["scheduled", "live"]),
                name="sessions_supportsession_coming",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group} on {self.starts_at:%d %b %Y}"

    @property
    def opens_at(self) -> datetime:
        return self.starts_at - OPENS_BEFORE

    def current_item(self) -> "AgendaItem | None":
        """The part that runs now, while the session is live."""
        return self.agenda.filter(began_at__isnull=False, ended_at__isnull=True).first()


class AgendaItem(models.Model):
    """One part of one session, with the minutes planned for it."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="agenda"
    )
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    minutes = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "position"], name="sessions_agendaitem_position_once"
            ),
            models.UniqueConstraint(
                fields=["support_session"],
                condition=Q(began_at__isnull=False, ended_at__isnull=True),
                name="sessions_agendaitem_one_current",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Attendance(models.Model):
    """Whether one member came to one session. Made by presence in the room."""

    class Status(models.TextChoices):
        EXPECTED = "expected", "Expected"
        ATTENDED = "attended", "Came"
        LATE = "late", "Came late"
        LEFT_EARLY = "left_early", "Left early"
        EXCUSED = "excused", "Excused"
        NO_SHOW = "no_show", "Did not come"

    CAME = (Status.ATTENDED, Status.LATE, Status.LEFT_EARLY)

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="attendances"
    )
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="attendances")
    status = models.CharField(max_length=10, choices=Status, default=Status.EXPECTED)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "membership"], name="sessions_attendance_once"
            ),
            models.CheckConstraint(
                name="sessions_attendance_status_known",
                condition=Q(
                    status__in=[
                        "expected",
                        "attended",
                        "late",
                        "left_early",
                        "excused",
                        "no_show",
                    ]
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["membership", "support_session", "status"],
                name="sessions_attendance_course",
            )
        ]

    def __str__(self) -> str:
        return self.get_status_display()


class Entry(models.Model):
    """One entry of one member or facilitator into one room: the privacy reminder accepted."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="entries"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="entries")
    accepted_at = models.DateTimeField(default=timezone.now)
    left_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "user"],
                condition=Q(left_at__isnull=True),
                name="sessions_entry_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} in the room"


class Message(models.Model):
    """Something said to everybody in the room. Numbered without a gap within its session."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="messages"
    )
    sequence = models.PositiveIntegerField()
    #: Made by the sender's browser: sending again makes no second copy.
    client_id = models.UUIDField()
    sender = models.ForeignKey(User, on_delete=models.CASCADE, related_name="messages")
    is_from_facilitator = models.BooleanField(default=False)
    body = models.TextField()
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "sequence"], name="sessions_message_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["support_session", "sender", "client_id"], name="sessions_message_sent_once"
            ),
        ]

    def __str__(self) -> str:
        return f"Message {self.sequence}"


class Reminder(models.Model):
    """That one person is reminded of one session. Claimed first, then sent, then marked."""

    class Kind(models.TextChoices):
        DAY_BEFORE = "day_before", "A day before"
        HOUR_BEFORE = "hour_before", "An hour before"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="reminders"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=12, choices=Kind)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    #: Tries so far; a mail server that refuses an address is not asked for ever.
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "user", "kind"], name="sessions_reminder_once"
            ),
            models.CheckConstraint(
                name="sessions_reminder_kind_known",
                condition=Q(kind__in=["day_before", "hour_before"]),
            ),
        ]
        indexes = [
            models.Index(
                fields=["claimed_at"],
                condition=Q(sent_at__isnull=True),
                name="sessions_reminder_unsent",
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
