"""Scheduled sessions, who came, what was said, and who is reminded."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Self
from uuid import UUID

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, OuterRef, Q
from django.db.models.functions import UUID7, Lower
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation, User
from groups.models import Membership, SupportGroup
from safeguarding.models import Resource
from sessions import schedule
from supportgroups.lib.encrypted_fields import EncryptedTextField
from supportgroups.lib.ids import uuid7

#: The room opens as a waiting area this long before the session's start.
OPENS_BEFORE = timedelta(minutes=10)


class SeriesQuerySet(models.QuerySet["Series"]):
    def current(self) -> Self:
        """Rhythms that hold now."""
        return self.filter(ended_at__isnull=True)

    def with_days_off(self) -> Self:
        """Add `days_off`: the days on which the group does not meet."""
        days = DayOff.objects.filter(
            Q(group=OuterRef("group")) | Q(group__isnull=True),
            organisation=OuterRef("group__organisation"),
        )
        return self.annotate(days_off=ArraySubquery(days.order_by("day").values("day")))


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

    #: Only there when the queryset's `with_days_off()` was asked for.
    days_off: list[date]

    objects = SeriesQuerySet.as_manager()

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
                condition=Q(minutes__gte=15) & Q(minutes__lte=1440),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rrule} of {self.group}"

    def rhythm(self) -> str:
        """How often it meets, in words, for example "Every 2 weeks"."""
        return schedule.rhythm(self.rrule)

    def is_same_rhythm(self, other: "Series") -> bool:
        """Whether both meet at the same times."""
        told = ("rrule", "starts_on", "starts_at_time", "minutes", "time_zone")
        return all(getattr(self, name) == getattr(other, name) for name in told)

    def words(self) -> str:
        """The whole rule in words, for example "Every 2 weeks on Tuesday"."""
        return schedule.describe(self.rrule, self.starts_on)

    def weekday(self) -> str:
        """The weekday it meets on, for example "Tuesday"."""
        return schedule.weekday(self.rrule, self.starts_on)


class AgendaKind(models.TextChoices):
    """What a part of a session is for."""

    OPENING = "opening", "Opening"
    CHECK_IN = "check_in", "Check-in round"
    TOPIC = "topic", "Guided topic"
    DISCUSSION = "discussion", "Open discussion"
    BREAK = "break", "Break"
    CLOSING = "closing", "Closing"
    OTHER = "other", "Something else"


_AGENDA_KINDS = ["opening", "check_in", "topic", "discussion", "break", "closing", "other"]


class AgendaTemplateItem(models.Model):
    """One part of the shape that every session of a group has."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, related_name="agenda_template"
    )
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=AgendaKind, default=AgendaKind.OTHER)
    title = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    minutes = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "position"], name="sessions_agendatemplateitem_position_once"
            ),
            models.CheckConstraint(
                name="sessions_agendatemplateitem_kind_known",
                condition=Q(kind__in=_AGENDA_KINDS),
            ),
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

    class CancelledFor(models.TextChoices):
        """Why a session is off. What was cancelled with a group or a day comes back with it."""

        BY_HAND = "by_hand", "Cancelled"
        DAY_OFF = "day_off", "A day off"
        GROUP_PAUSED = "paused", "The group pauses"
        GROUP_CLOSED = "closed", "The group has closed"
        RHYTHM_CHANGED = "rhythm", "The group meets at other times now"

    class Floor(models.TextChoices):
        """How people take turns at the moment."""

        OPEN_CHAT = "open_chat", "Open chat"
        ROUND = "round", "Round"
        OPEN_FLOOR = "open_floor", "Open floor"

    MOVES = {
        Status.SCHEDULED: {Status.LIVE, Status.CANCELLED},
        Status.LIVE: {Status.ENDED},
        Status.ENDED: set(),
        Status.CANCELLED: {Status.SCHEDULED},
    }
    #: How people take turns -> what may follow. A round is followed by another one only when it
    #: was closed.
    FLOOR_MOVES = {
        Floor.OPEN_CHAT: {Floor.ROUND, Floor.OPEN_FLOOR},
        Floor.ROUND: {Floor.OPEN_CHAT, Floor.OPEN_FLOOR},
        Floor.OPEN_FLOOR: {Floor.OPEN_CHAT, Floor.ROUND},
    }
    #: Fields that only ever go up, each in the statement that uses the number.
    COUNTERS = ("message_count", "change_count", "line_count")

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
    cancelled_for = models.CharField(max_length=8, choices=CancelledFor, blank=True)
    #: What is different this time, or why it is off: members read it.
    note = models.CharField(max_length=300, blank=True)
    #: Raised with each move, cancellation and return, as calendars expect (RFC 5545, SEQUENCE).
    calendar_sequence = models.PositiveIntegerField(default=0)
    #: When somebody made the plan this session's own. Until then it follows the group's.
    planned_at = models.DateTimeField(null=True, blank=True)
    planned_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
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
    #: When its messages expire, as the group said when it ended: a longer time that the
    #: group chooses later is no longer time for these.
    messages_expire_at = models.DateTimeField(null=True, blank=True)
    floor = models.CharField(max_length=10, choices=Floor, default=Floor.OPEN_CHAT)
    #: Closed or opened by hand; with neither, the group's rule says when late comers knock.
    door_closed_at = models.DateTimeField(null=True, blank=True)
    door_closed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    door_opened_at = models.DateTimeField(null=True, blank=True)
    door_opened_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: Raised with every change of a message that was said, which keeps it as its `revision`.
    change_count = models.PositiveIntegerField(default=0, db_default=0)
    #: The number of the newest message of the facilitators' own line.
    line_count = models.PositiveIntegerField(default=0, db_default=0)
    #: Of people whose accounts are closed: how many came, and how many were expected. Without whom.
    gone_came = models.PositiveSmallIntegerField(default=0, db_default=0)
    gone_expected = models.PositiveSmallIntegerField(default=0, db_default=0)

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
                name="sessions_supportsession_cancelled_for_known",
                condition=~Q(status="cancelled") & Q(cancelled_for="")
                | Q(
                    status="cancelled",
                    cancelled_for__in=["by_hand", "day_off", "paused", "closed", "rhythm"],
                ),
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
            models.CheckConstraint(
                name="sessions_supportsession_floor_known",
                condition=Q(floor__in=["open_chat", "round", "open_floor"]),
            ),
            models.CheckConstraint(
                name="sessions_supportsession_turns_while_live",
                condition=Q(floor="open_chat") | Q(status="live"),
            ),
            models.CheckConstraint(
                name="sessions_supportsession_door_one_way",
                condition=Q(door_closed_at__isnull=True) | Q(door_opened_at__isnull=True),
            ),
            models.CheckConstraint(
                name="sessions_supportsession_gone_when_held",
                condition=Q(gone_expected=0, gone_came=0) | Q(status="ended"),
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

    @property
    def is_moved(self) -> bool:
        """Whether this one alone is at another time than its rhythm gave."""
        return self.series_id is not None and self.starts_at != self.recurrence_id

    def current_item(self) -> "AgendaItem | None":
        """The part that runs now, while the session is live."""
        return self.agenda.filter(began_at__isnull=False, ended_at__isnull=True).first()


class DayOff(models.Model):
    """A day on which an organisation, or one of its groups, does not meet: a holiday."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="days_off"
    )
    #: Empty: for all groups of the organisation.
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="days_off"
    )
    #: On the wall calendar of the group's own zone.
    day = models.DateField()
    name = models.CharField(max_length=80)

    class Meta:
        verbose_name_plural = "days off"
        ordering = ["day"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "group", "day"],
                nulls_distinct=False,
                name="sessions_dayoff_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.day}"


class Booking(models.Model):
    """That a session holds a facilitator, or a room, for its time. The database refuses a second.

    Made with the session, moved with it, deleted when it is cancelled. A session whose facilitator
    or room was taken when the clock made it has no such booking: staff see that something is
    missing.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="bookings"
    )
    facilitator = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="bookings"
    )
    #: Of the room that `room` names; the same name elsewhere is another room.
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="bookings"
    )
    room = models.CharField(max_length=80, blank=True)
    #: From the start to the end of the session, the end not included.
    period = DateTimeRangeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sessions_booking_one_thing",
                condition=Q(facilitator__isnull=False, room="")
                | (Q(facilitator__isnull=True) & ~Q(room="")),
            ),
            ExclusionConstraint(
                name="sessions_booking_facilitator_once",
                expressions=[
                    ("facilitator", RangeOperators.EQUAL),
                    ("period", RangeOperators.OVERLAPS),
                ],
                condition=Q(facilitator__isnull=False),
            ),
            ExclusionConstraint(
                name="sessions_booking_room_once",
                expressions=[
                    ("organisation", RangeOperators.EQUAL),
                    (Lower("room"), RangeOperators.EQUAL),
                    ("period", RangeOperators.OVERLAPS),
                ],
                condition=~Q(room=""),
            ),
            models.UniqueConstraint(
                fields=["support_session", "facilitator"],
                nulls_distinct=False,
                name="sessions_booking_each_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room or self.facilitator} for {self.support_session_id}"


class CoverQuerySet(models.QuerySet["Cover"]):
    def open(self) -> Self:
        """Nobody has taken over yet."""
        return self.filter(taken_at__isnull=True, withdrawn_at__isnull=True)

    def taken(self) -> Self:
        """Somebody leads in the facilitator's place."""
        return self.filter(taken_at__isnull=False, withdrawn_at__isnull=True)


class Cover(models.Model):
    """That a facilitator cannot come to one session, and who leads in their place."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="covers"
    )
    facilitator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="covers_asked")
    #: What whoever takes over should know. Never why: nobody has to say.
    note = EncryptedTextField(max_length=300, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    taken_by = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="covers_taken"
    )
    taken_at = models.DateTimeField(null=True, blank=True)
    #: How often it was given back: each time people are asked again.
    given_back = models.PositiveSmallIntegerField(default=0)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = CoverQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "facilitator"],
                condition=Q(withdrawn_at__isnull=True),
                name="sessions_cover_once",
            ),
            models.UniqueConstraint(
                fields=["support_session", "taken_by"],
                condition=Q(withdrawn_at__isnull=True),
                name="sessions_cover_one_each",
            ),
            models.CheckConstraint(
                name="sessions_cover_taken_dated",
                condition=Q(taken_by__isnull=True, taken_at__isnull=True)
                | Q(taken_by__isnull=False, taken_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sessions_cover_by_somebody_else",
                condition=Q(taken_by__isnull=True) | ~Q(taken_by=F("facilitator")),
            ),
        ]

    def __str__(self) -> str:
        return f"Cover for {self.facilitator}"

    @property
    def is_open(self) -> bool:
        """Whether somebody is still looked for."""
        return self.taken_at is None and self.withdrawn_at is None

    @property
    def is_taken(self) -> bool:
        """Whether somebody leads in the facilitator's place."""
        return self.taken_at is not None and self.withdrawn_at is None


class AgendaItem(models.Model):
    """One part of one session, with the minutes planned for it."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="agenda"
    )
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=AgendaKind, default=AgendaKind.OTHER)
    title = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    minutes = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Seconds it ran before the room left it and came back.
    spent_seconds = models.PositiveIntegerField(default=0)

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
            models.CheckConstraint(
                name="sessions_agendaitem_kind_known", condition=Q(kind__in=_AGENDA_KINDS)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def counts_from(self) -> datetime | None:
        """When it would have begun, had it run in one go."""
        return self.began_at and self.began_at - timedelta(seconds=self.spent_seconds)


class Attendance(models.Model):
    """Whether one member comes to one session: what they said before, what presence shows after."""

    class Answer(models.TextChoices):
        """What a member says beforehand. Who cannot come is excused."""

        COMING = "coming", "I am coming"
        CANNOT = "cannot", "I cannot come"
        UNSURE = "unsure", "I am not sure"

    class Status(models.TextChoices):
        EXPECTED = "expected", "Expected"
        ATTENDED = "attended", "Came"
        LATE = "late", "Came late"
        LEFT_EARLY = "left_early", "Left early"
        EXCUSED = "excused", "Excused"
        NO_SHOW = "no_show", "Did not come"

    class CameBy(models.TextChoices):
        ONLINE = "online", "Online"
        IN_PERSON = "in_person", "In person"

    CAME = (Status.ATTENDED, Status.LATE, Status.LEFT_EARLY)

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="attendances"
    )
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="attendances")
    status = models.CharField(max_length=10, choices=Status, default=Status.EXPECTED)
    answer = models.CharField(max_length=6, choices=Answer, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    #: What presence said, once somebody who leads corrected it; else empty.
    status_by_presence = models.CharField(max_length=10, choices=Status, blank=True)
    corrected_at = models.DateTimeField(null=True, blank=True)
    corrected_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    came_by = models.CharField(max_length=9, choices=CameBy, blank=True)
    #: Counted when the session ends: what is left when its messages are deleted.
    said_count = models.PositiveIntegerField(default=0)
    spoke_seconds = models.PositiveIntegerField(default=0)
    #: A facilitator asked the room to welcome somebody who is here for the first time.
    introduced_at = models.DateTimeField(null=True, blank=True)
    introduced_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sessions_attendance_came_by_known",
                condition=Q(came_by__in=["", "online", "in_person"]),
            ),
            models.UniqueConstraint(
                fields=["support_session", "membership"], name="sessions_attendance_once"
            ),
            models.CheckConstraint(
                name="sessions_attendance_corrected_keeps_presence",
                condition=Q(corrected_at__isnull=True, status_by_presence="")
                | Q(
                    corrected_at__isnull=False,
                    status_by_presence__in=[
                        "attended",
                        "late",
                        "left_early",
                        "excused",
                        "no_show",
                    ],
                ),
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
            models.CheckConstraint(
                name="sessions_attendance_answer_known",
                condition=Q(answer="", answered_at__isnull=True)
                | Q(answer__in=["coming", "cannot", "unsure"], answered_at__isnull=False),
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
    #: Somebody asked for support for this person: they alone see help lines until they close them.
    help_offered_at = models.DateTimeField(null=True, blank=True)
    help_closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sessions_entry_help_offered_first",
                condition=Q(help_closed_at__isnull=True) | Q(help_offered_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["support_session", "user"],
                condition=Q(left_at__isnull=True),
                name="sessions_entry_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in the room"


class Turn(models.Model):
    """One person's turn to speak: their place in a round, or a hand they raised.

    Everything that can happen to a turn stands in `MOVES`; `sessions/floor_actions.py` makes the
    moves, one at a time, under the lock of the session's row.
    """

    class Kind(models.TextChoices):
        ROUND = "round", "In a round"
        HAND = "hand", "A raised hand"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SPEAKING = "speaking", "Speaking"
        DONE = "done", "Has spoken"
        PASSED = "passed", "Passed"
        SKIPPED = "skipped", "Skipped"
        LOWERED = "lowered", "Hand lowered"

    #: kind -> state -> what may follow. Whoever passed or was skipped may come back in the round.
    MOVES = {
        Kind.ROUND: {
            Status.WAITING: {Status.SPEAKING, Status.PASSED, Status.SKIPPED},
            Status.SPEAKING: {Status.DONE, Status.PASSED, Status.SKIPPED},
            Status.PASSED: {Status.WAITING},
            Status.SKIPPED: {Status.WAITING},
            Status.DONE: set(),
            Status.LOWERED: set(),
        },
        Kind.HAND: {
            Status.WAITING: {Status.SPEAKING, Status.LOWERED},
            Status.SPEAKING: {Status.DONE, Status.LOWERED},
            Status.DONE: set(),
            Status.LOWERED: set(),
            Status.PASSED: set(),
            Status.SKIPPED: set(),
        },
    }
    #: States of a turn that is not over.
    OPEN = (Status.WAITING, Status.SPEAKING)

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="turns"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="turns")
    kind = models.CharField(max_length=5, choices=Kind)
    #: Which round of the session; 0 for a hand.
    round = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position", "asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["support_session"],
                condition=Q(status="speaking"),
                name="sessions_turn_one_speaks",
            ),
            models.UniqueConstraint(
                fields=["support_session", "user"],
                condition=Q(kind="hand", status="waiting"),
                name="sessions_turn_one_hand",
            ),
            models.UniqueConstraint(
                fields=["support_session", "user", "round"],
                condition=Q(kind="round"),
                name="sessions_turn_once_a_round",
            ),
            models.CheckConstraint(
                name="sessions_turn_kind_known",
                condition=Q(kind="round", round__gte=1) | Q(kind="hand", round=0),
            ),
            models.CheckConstraint(
                name="sessions_turn_status_known",
                condition=Q(status__in=["waiting", "speaking", "done"])
                | Q(kind="round", status__in=["passed", "skipped"])
                | Q(kind="hand", status="lowered"),
            ),
            models.CheckConstraint(
                name="sessions_turn_dated",
                condition=Q(status="waiting", began_at__isnull=True, ended_at__isnull=True)
                | Q(status="speaking", began_at__isnull=False, ended_at__isnull=True)
                | Q(status="done", began_at__isnull=False, ended_at__isnull=False)
                | Q(status__in=["passed", "skipped", "lowered"], ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_status_display()}"


class Knock(models.Model):
    """That a late comer asked to be let in while the door was closed, and the answer."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="knocks"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="knocks")
    asked_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: Empty while nobody has answered.
    is_let_in = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["support_session", "user"], name="sessions_knock_once"),
            models.CheckConstraint(
                name="sessions_knock_answer_dated",
                condition=Q(is_let_in__isnull=True, answered_at__isnull=True)
                | Q(is_let_in__isnull=False, answered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} at the door"


class MessageQuerySet(models.QuerySet["Message"]):
    def by_name(self) -> Self:
        """Those whose sender may be counted or shown: never the ones that were asked without a
        name."""
        return self.filter(is_anonymous=False)


class Message(models.Model):
    """Something said to everybody in the room. Numbered without a gap within its session."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="messages"
    )
    sequence = models.PositiveIntegerField()
    #: Made by the sender's browser: sending again makes no second copy.
    client_id = models.UUIDField()
    #: Empty once the account of whoever said it was closed; its words went at the same time.
    sender = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="messages")
    is_from_facilitator = models.BooleanField(default=False)
    #: Asked without a name: nobody is told who sent it, facilitators neither. The sender is kept to
    #: stop abuse and for their own page; show a message through `live.said()`.
    is_anonymous = models.BooleanField(default=False, db_default=False)
    #: Empty once it was deleted.
    body = EncryptedTextField(blank=True)
    reply_to = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replies"
    )
    sent_at = models.DateTimeField()
    #: Hidden from everybody in the room, by the intervention that runs; reviewers can read it.
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    edited_at = models.DateTimeField(null=True, blank=True)
    #: By its sender.
    deleted_at = models.DateTimeField(null=True, blank=True)
    #: The session's `change_count` when this last changed; 0 as long as it is as it was said.
    revision = models.PositiveIntegerField(default=0, db_default=0)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.CheckConstraint(
                name="sessions_message_hidden_dated",
                condition=Q(hidden_at__isnull=False) | Q(hidden_by__isnull=True),
            ),
            models.UniqueConstraint(
                fields=["support_session", "sequence"], name="sessions_message_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["support_session", "sender", "client_id"], name="sessions_message_sent_once"
            ),
            models.CheckConstraint(
                name="sessions_message_deleted_is_empty",
                condition=Q(deleted_at__isnull=True) | Q(body=""),
            ),
            models.CheckConstraint(
                name="sessions_message_of_nobody_is_deleted",
                condition=Q(sender__isnull=False) | Q(deleted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sessions_message_anonymous_gives_no_hint",
                condition=Q(is_anonymous=False)
                | Q(is_from_facilitator=False, reply_to__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["support_session", "revision"],
                condition=Q(revision__gt=0),
                name="sessions_message_changed",
            )
        ]

    def __str__(self) -> str:
        return f"Message {self.sequence}"

    def get_absolute_url(self) -> str:
        """The page with what can be done about it."""
        return f"{_messages_address(self.support_session_id)}{self.sequence}/"


@lru_cache(maxsize=1024)
def _messages_address(session_id: UUID) -> str:
    """Asked once a session: each message is rendered while people wait for it."""
    return reverse("sessions:messages", args=[session_id])


class MessageVersion(models.Model):
    """What a message said before it was edited or deleted: for moderation, not for the room."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="versions")
    body = EncryptedTextField()
    replaced_at = models.DateTimeField()

    class Meta:
        ordering = ["replaced_at"]

    def __str__(self) -> str:
        return f"Earlier words of {self.message_id}"


class Reaction(models.Model):
    """One person's quiet answer to a message. Others see how many there are, not whose."""

    class Kind(models.TextChoices):
        WITH_YOU = "with_you", "With you"
        THANK_YOU = "thank_you", "Thank you"
        ME_TOO = "me_too", "Me too"
        STRENGTH = "strength", "Strength to you"
        WELL_DONE = "well_done", "Well done"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reactions")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="reactions")
    kind = models.CharField(max_length=10, choices=Kind)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "user", "kind"], name="sessions_reaction_once"
            ),
            models.CheckConstraint(
                name="sessions_reaction_kind_known",
                condition=Q(kind__in=["with_you", "thank_you", "me_too", "strength", "well_done"]),
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class LineMessage(models.Model):
    """Something said among those who lead a session. Members never see it."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="line_messages"
    )
    sequence = models.PositiveIntegerField()
    #: Made by the sender's browser: sending again makes no second copy.
    client_id = models.UUIDField()
    sender = models.ForeignKey(User, on_delete=models.CASCADE, related_name="line_messages")
    body = EncryptedTextField()
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "sequence"], name="sessions_linemessage_sequence_once"
            ),
            models.UniqueConstraint(
                fields=["support_session", "sender", "client_id"],
                name="sessions_linemessage_sent_once",
            ),
        ]

    def __str__(self) -> str:
        return f"Line message {self.sequence}"


class Reminder(models.Model):
    """That one person is told of one session: a reminder, news of it, or a note when it has ended.

    Claimed first, then sent, then marked.
    """

    class Kind(models.TextChoices):
        DAY_BEFORE = "day_before", "A day before"
        HOUR_BEFORE = "hour_before", "An hour before"
        MOVED = "moved", "It was moved"
        CANCELLED = "cancelled", "It is off"
        RESTORED = "restored", "It is on again"
        CLOSING = "closing", "Afterwards"
        COVER_ASKED = "cover_asked", "Somebody is needed to lead it"
        COVER_NEWS = "cover_news", "Who leads it has changed"
        MISSED = "missed", "The second one missed in a row"

    #: News of when a session is. Sent at once, whatever hours are quiet.
    NEWS = (Kind.MOVED, Kind.CANCELLED, Kind.RESTORED)
    #: News of who leads it, for those who may.
    OF_COVERS = (Kind.COVER_ASKED, Kind.COVER_NEWS)

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="reminders"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=12, choices=Kind)
    #: The session's, when this was news: moved twice, it is told twice. Of covers: the how many
    #: time it is asked or answered.
    calendar_sequence = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    #: Tries so far; a mail server that refuses an address is not asked for ever.
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "user", "kind", "calendar_sequence"],
                name="sessions_reminder_once",
            ),
            models.CheckConstraint(
                name="sessions_reminder_kind_known",
                condition=Q(
                    kind__in=[
                        "day_before",
                        "hour_before",
                        "moved",
                        "cancelled",
                        "restored",
                        "closing",
                        "cover_asked",
                        "cover_news",
                        "missed",
                    ]
                ),
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


class CalendarFeed(models.Model):
    """A person's secret calendar address: of all their sessions, or of one group they staff.

    The address holds this row's key, signed together with `nonce`: a new nonce ends the old
    address, and the table alone gives none away.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="calendar_feeds")
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="calendar_feeds"
    )
    #: Whether titles name the group. Without it they reveal nothing.
    shows_names = models.BooleanField(default=False)
    nonce = models.CharField(max_length=32)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "group"], nulls_distinct=False, name="sessions_calendarfeed_once"
            )
        ]

    def __str__(self) -> str:
        return f"Calendar of {self.user}"


class Reason(models.TextChoices):
    """Why somebody reports or steps in. A code, so that the trail can hold it."""

    HURTS = "hurts", "It hurts or threatens somebody"
    PRIVATE = "private", "It shows private details of somebody"
    RULES = "rules", "It goes against the ground rules"
    CLAIM = "claim", "It says something that is not so"
    STRANGER = "stranger", "Somebody is here who does not belong here"
    QUIET = "quiet", "The group needs to be among itself"
    OTHER = "other", "Something else"


_REASONS = ["hurts", "private", "rules", "claim", "stranger", "quiet", "other"]


class InterventionQuerySet(models.QuerySet["Intervention"]):
    def running(self) -> Self:
        """Not undone."""
        return self.filter(ended_at__isnull=True)

    def of_kind(self, *kinds: str) -> Self:
        return self.filter(kind__in=kinds)

    def to_review(self) -> Self:
        """Nobody has judged it yet."""
        return self.filter(reviewed_at__isnull=True)


class Intervention(models.Model):
    """What a facilitator did to keep a session safe: it has a reason, can be undone, is reviewed.

    `sessions/safe_rules.py` says what each kind means for whom.
    """

    class Kind(models.TextChoices):
        HIDE = "hide", "Message hidden"
        REDIRECT = "redirect", "Better source shown"
        MUTE = "mute", "Asked to listen only"
        REMOVE = "remove", "Removed from the session"
        LOCK = "lock", "Door locked"

    #: They are about one message; the others about a person, or the whole room.
    OF_A_MESSAGE = (Kind.HIDE, Kind.REDIRECT)
    OF_A_PERSON = (Kind.MUTE, Kind.REMOVE)

    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed", "It was right"
        WITHDRAWN = "withdrawn", "It was not needed"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="interventions"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    #: Whom it is about; whoever wrote the message, where it is about one.
    about = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="interventions"
    )
    #: Deleted with its message: what is left then is the event in the trail.
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, null=True, blank=True, related_name="interventions"
    )
    #: The part of the message that is not so.
    claim = EncryptedTextField(max_length=300, blank=True)
    resource = models.ForeignKey(
        Resource, on_delete=models.PROTECT, null=True, blank=True, related_name="interventions"
    )
    reason = models.CharField(max_length=8, choices=Reason)
    words = EncryptedTextField(max_length=500, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="interventions_made"
    )
    #: When the overseer of a peer-led group was told by mail that it waits for them.
    told_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    review_note = EncryptedTextField(max_length=1000, blank=True)

    objects = InterventionQuerySet.as_manager()

    class Meta:
        ordering = ["made_at"]
        constraints = [
            models.CheckConstraint(
                name="sessions_intervention_reason_known", condition=Q(reason__in=_REASONS)
            ),
            models.CheckConstraint(
                name="sessions_intervention_reason_in_words",
                condition=~Q(reason="other") | ~Q(words=""),
            ),
            models.CheckConstraint(
                name="sessions_intervention_about_what",
                condition=Q(kind="hide", message__isnull=False, about__isnull=False)
                | Q(kind="redirect", message__isnull=False, about__isnull=False)
                | Q(kind__in=["mute", "remove"], about__isnull=False)
                | Q(kind="lock", message__isnull=True, about__isnull=True),
            ),
            models.CheckConstraint(
                name="sessions_intervention_redirect_leads_somewhere",
                condition=(Q(kind="redirect", resource__isnull=False) & ~Q(claim=""))
                | (~Q(kind="redirect") & Q(resource__isnull=True, claim="")),
            ),
            models.CheckConstraint(
                name="sessions_intervention_not_oneself",
                condition=Q(about__isnull=True) | Q(made_by__isnull=True) | ~Q(about=F("made_by")),
            ),
            models.CheckConstraint(
                name="sessions_intervention_ended_dated",
                condition=Q(ended_at__isnull=False) | Q(ended_by__isnull=True),
            ),
            models.CheckConstraint(
                name="sessions_intervention_verdict_known",
                condition=Q(verdict="", reviewed_at__isnull=True, reviewed_by__isnull=True)
                | Q(verdict__in=["confirmed", "withdrawn"], reviewed_at__isnull=False)
                & ~Q(review_note=""),
            ),
            # Nobody is the judge of what they did, nor of what was done to them.
            models.CheckConstraint(
                name="sessions_intervention_reviewed_by_another",
                condition=Q(reviewed_by__isnull=True)
                | (
                    (Q(made_by__isnull=True) | ~Q(reviewed_by=F("made_by")))
                    & (Q(about__isnull=True) | ~Q(reviewed_by=F("about")))
                ),
            ),
            models.UniqueConstraint(
                fields=["message", "kind"],
                condition=Q(ended_at__isnull=True, kind__in=["hide", "redirect"]),
                name="sessions_intervention_once_a_message",
            ),
            models.UniqueConstraint(
                fields=["support_session", "about", "kind"],
                condition=Q(ended_at__isnull=True, kind__in=["mute", "remove", "lock"]),
                nulls_distinct=False,
                name="sessions_intervention_once_a_person",
            ),
        ]
        indexes = [
            models.Index(
                fields=["support_session"],
                condition=Q(reviewed_at__isnull=True),
                name="sessions_intervention_open",
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class ReportQuerySet(models.QuerySet["Report"]):
    def open(self) -> Self:
        """Nobody has looked at it yet."""
        return self.filter(handled_at__isnull=True)


class Report(models.Model):
    """That somebody asks for a look at a message. Others in the room never learn of it."""

    class Outcome(models.TextChoices):
        ACTED = "acted", "Something was done"
        NOTHING = "nothing", "Nothing had to be done"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="reports")
    reporter = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="reports_made"
    )
    reason = models.CharField(max_length=8, choices=Reason)
    detail = EncryptedTextField(max_length=1000, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    #: When reviewers were told by mail that a facilitator's message was reported.
    told_at = models.DateTimeField(null=True, blank=True)
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True)
    note = EncryptedTextField(max_length=1000, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "reporter"], name="sessions_report_once_a_person"
            ),
            models.CheckConstraint(
                name="sessions_report_reason_known", condition=Q(reason__in=_REASONS)
            ),
            models.CheckConstraint(
                name="sessions_report_reason_in_words",
                condition=~Q(reason="other") | ~Q(detail=""),
            ),
            models.CheckConstraint(
                name="sessions_report_outcome_known",
                condition=Q(outcome="", handled_at__isnull=True, handled_by__isnull=True)
                | Q(outcome__in=["acted", "nothing"], handled_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["message"],
                condition=Q(handled_at__isnull=True),
                name="sessions_report_open",
            )
        ]

    def __str__(self) -> str:
        return f"Report of message {self.message_id}"


class HintQuerySet(models.QuerySet["Hint"]):
    def open(self) -> Self:
        """No facilitator has answered it."""
        return self.filter(settled_at__isnull=True)


class Hint(models.Model):
    """That a word list noticed something in a message. It is often wrong, and does nothing."""

    class Outcome(models.TextChoices):
        DISMISSED = "dismissed", "Nothing to do"
        CONCERN = "concern", "A concern was opened"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="hint")
    #: Of the list in `safeguarding/risk_words.yaml`, for example "en 1".
    list_version = models.CharField(max_length=20)
    noticed_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)

    objects = HintQuerySet.as_manager()

    class Meta:
        ordering = ["noticed_at"]
        constraints = [
            models.CheckConstraint(
                name="sessions_hint_outcome_known",
                condition=Q(outcome="", settled_at__isnull=True, settled_by__isnull=True)
                | Q(outcome__in=["dismissed", "concern"], settled_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"Hint on message {self.message_id}"


# Afterwards ---------------------------------------------------------------------------------------


class Pulse(models.Model):
    """How one person felt in one session. Nobody else reads a single one: only many together."""

    class Heard(models.IntegerChoices):
        NOT = 1, "Not at all"
        LITTLE = 2, "A little"
        PARTLY = 3, "Partly"
        MOSTLY = 4, "Mostly"
        FULLY = 5, "Fully"

    class Safe(models.IntegerChoices):
        NOT = 1, "Not safe at all"
        HARDLY = 2, "Not really safe"
        PARTLY = 3, "Partly safe"
        MOSTLY = 4, "Mostly safe"
        FULLY = 5, "Safe"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="pulses"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="pulses")
    #: Empty means "I would rather not say".
    felt_heard = models.PositiveSmallIntegerField(choices=Heard, null=True, blank=True)
    felt_safe = models.PositiveSmallIntegerField(choices=Safe, null=True, blank=True)
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["support_session", "user"], name="sessions_pulse_once"),
            models.CheckConstraint(
                name="sessions_pulse_felt_heard_known",
                condition=Q(felt_heard__isnull=True) | Q(felt_heard__gte=1, felt_heard__lte=5),
            ),
            models.CheckConstraint(
                name="sessions_pulse_felt_safe_known",
                condition=Q(felt_safe__isnull=True) | Q(felt_safe__gte=1, felt_safe__lte=5),
            ),
        ]

    def __str__(self) -> str:
        return f"Pulse after {self.support_session_id}"


class Debrief(models.Model):
    """What one facilitator writes about one session, for those who lead and oversee the group.

    A draft until `written_at`: its author alone reads it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="debriefs"
    )
    #: Empty once their account was closed: what they wrote about the group is the group's.
    author = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="debriefs")
    how_it_went = EncryptedTextField(blank=True)
    concerns = EncryptedTextField(blank=True)
    #: Raised each time it is saved, with the window that saved it: what was typed in another window
    #: is never written over.
    revision = models.PositiveIntegerField(default=0)
    saved_from = models.UUIDField(null=True, blank=True)
    saved_at = models.DateTimeField(default=timezone.now)
    written_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["support_session", "author"], name="sessions_debrief_once"
            ),
            models.CheckConstraint(
                name="sessions_debrief_written_says_something",
                condition=Q(written_at__isnull=True) | ~Q(how_it_went="", concerns=""),
            ),
            models.CheckConstraint(
                name="sessions_debrief_draft_has_author",
                condition=Q(written_at__isnull=False) | Q(author__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Debrief of {self.support_session_id}"


class FollowUp(models.Model):
    """Something that somebody does after a session, by a day."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    support_session = models.ForeignKey(
        SupportSession, on_delete=models.CASCADE, related_name="follow_ups"
    )
    what = EncryptedTextField(max_length=200)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="follow_ups")
    due_on = models.DateField()
    noted_at = models.DateTimeField(default=timezone.now)
    noted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["due_on", "noted_at"]
        indexes = [
            models.Index(
                fields=["owner", "due_on"],
                condition=Q(done_at__isnull=True),
                name="sessions_followup_open",
            )
        ]

    def __str__(self) -> str:
        return self.what

    @property
    def is_overdue(self) -> bool:
        """Whether its day is over on the reader's calendar."""
        return self.done_at is None and self.due_on < timezone.localdate()
