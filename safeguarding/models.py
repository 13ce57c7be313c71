"""Concerns: that a person may need more support than a group gives. And sources worth trusting."""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import UUID7, Lower
from django.utils import timezone

from accounts.models import Organisation, User
from safeguarding.office_hours import OfficeHours, moment_after
from supportgroups.lib.encrypted_fields import EncryptedTextField
from supportgroups.lib.ids import uuid7

# Who is on call ----------------------------------------------------------------------------------


class OnCallPlan(models.Model):
    """How soon an organisation answers, when the next person is asked, and when it is at work.

    An organisation without a row has the defaults. Who is on call, and in which order, are
    `StaffRole.on_call_position`.
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="on_call_plan"
    )
    #: The promise to the person: somebody is in touch within this time.
    answers_within_minutes = models.PositiveSmallIntegerField(default=240)
    #: Whoever has not confirmed by then is joined by the next on the list.
    escalates_after_minutes = models.PositiveSmallIntegerField(default=120)
    #: Both times run within these hours only. Empty: at any time of day.
    opens_at = models.TimeField(null=True, blank=True)
    closes_at = models.TimeField(null=True, blank=True)
    #: Monday is 0.
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="safeguarding_oncallplan_asks_before_the_promise",
                condition=Q(escalates_after_minutes__gte=5)
                & Q(answers_within_minutes__gte=F("escalates_after_minutes"))
                & Q(answers_within_minutes__lte=2880),
            ),
            models.CheckConstraint(
                name="safeguarding_oncallplan_hours_whole",
                condition=Q(opens_at__isnull=True, closes_at__isnull=True, weekdays__len=0)
                | Q(
                    opens_at__isnull=False,
                    closes_at__gt=F("opens_at"),
                    weekdays__len__gte=1,
                    weekdays__contained_by=list(range(7)),
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"On call at {self.organisation}"

    @property
    def hours(self) -> OfficeHours | None:
        """When the organisation is at work; None when it answers at any time of day."""
        if self.opens_at is None or self.closes_at is None:
            return None
        zone = ZoneInfo(self.organisation.time_zone)
        return OfficeHours(self.opens_at, self.closes_at, frozenset(self.weekdays), zone)

    @property
    def hours_in_words(self) -> str:
        """For example "Monday to Friday, 9am to 5pm"; empty when there are none."""
        return self.hours.in_words() if self.hours else ""

    def respond_by(self, opened_at: datetime) -> datetime:
        """When somebody must have been in touch."""
        return moment_after(opened_at, timedelta(minutes=self.answers_within_minutes), self.hours)

    def escalates_at(self, asked_at: datetime) -> datetime:
        """When the next person is asked, unless somebody has confirmed."""
        return moment_after(asked_at, timedelta(minutes=self.escalates_after_minutes), self.hours)

    def is_at_work(self, at: datetime) -> bool:
        return self.hours is None or self.hours.are_open(at)


class AwayQuerySet(models.QuerySet["Away"]):
    def on(self, day: date) -> Self:
        return self.filter(until__gte=day)


class Away(models.Model):
    """That somebody is not on call in an organisation until the end of a day."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="away")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="away")
    #: The last day, in the organisation's zone.
    until = models.DateField()
    noted_at = models.DateTimeField(default=timezone.now)
    noted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = AwayQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "away"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "person"], name="safeguarding_away_once"
            )
        ]

    def __str__(self) -> str:
        return f"Away until {self.until}"


# Concerns ----------------------------------------------------------------------------------------


class Stage(StrEnum):
    """Where a concern stands, for telling everybody the truth about it."""

    #: Nobody is on call, so nobody is named.
    NOBODY = "nobody"
    #: Somebody is named, and their mail has not gone out yet.
    NAMED = "named"
    #: Their mail went out.
    TOLD = "told"
    #: Everybody on call was asked, because nobody had confirmed.
    EVERYBODY = "everybody"
    #: Somebody has confirmed.
    ON_IT = "on_it"
    CLOSED = "closed"


class ConcernQuerySet(models.QuerySet["Concern"]):
    def open(self) -> Self:
        return self.filter(closed_at__isnull=True)

    def waiting(self) -> Self:
        """Open, and nobody is on it: not yet, or not any more."""
        return self.open().filter(Q(acknowledged_at__isnull=True) | Q(asked_again_at__isnull=False))

    def to_ask_next(self, at: datetime) -> Self:
        """Nobody is named, or nobody has confirmed in time."""
        over = Q(pk__in=Concern.objects.waiting().filter(escalates_at__lte=at).values("pk"))
        gone = Q(assigned_to__isnull=True) | Q(assigned_to__is_active=False)
        return self.open().filter(over | gone)

    def most_urgent_first(self) -> Self:
        """Who waits longest beyond, or is nearest to, the promised time comes first."""
        return self.order_by("respond_by")


class Concern(models.Model):
    """A task for a named person: look at this, and be in touch by `respond_by`."""

    class Source(models.TextChoices):
        SCREENING = "screening", "An answer when asking to join"
        SURVEY = "survey", "An answer in a check-in"
        LIVE = "live", "Somebody in a live session"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="concerns"
    )
    about = models.ForeignKey(User, on_delete=models.CASCADE, related_name="concerns")
    source = models.CharField(max_length=10, choices=Source)
    #: What opened it, unique per occasion, for example "answer:<id>": a repeat opens no second.
    occasion = models.CharField(max_length=120, unique=True)
    #: For the person who looks at it; never in mails or logs.
    detail = EncryptedTextField()
    assigned_to = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="assigned_concerns"
    )
    opened_at = models.DateTimeField(default=timezone.now)
    opened_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    respond_by = models.DateTimeField()
    #: How many times somebody was asked: the first person, the next, everybody.
    turn = models.PositiveSmallIntegerField(default=0)
    #: When the next person is asked, unless somebody is on it by then.
    escalates_at = models.DateTimeField(null=True, blank=True)
    #: When everybody on call was asked at once, because nobody had confirmed.
    everybody_asked_at = models.DateTimeField(null=True, blank=True)
    #: When the named person's mail went out; empty means that it still has to.
    told_at = models.DateTimeField(null=True, blank=True)
    #: The first answer. Whoever is on it now is `assigned_to`.
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: Somebody has to confirm anew: it was handed over, or more was said. Empty once they have.
    asked_again_at = models.DateTimeField(null=True, blank=True)
    asked_again_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    closing_note = EncryptedTextField(blank=True)

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
    def is_waiting(self) -> bool:
        """Open, and nobody is on it. `waiting()` says the same of many."""
        return self.closed_at is None and (
            self.acknowledged_at is None or self.asked_again_at is not None
        )

    @property
    def is_late(self) -> bool:
        """Nobody is on it, and the promised time is over."""
        return self.is_waiting and self.respond_by < timezone.now()

    @property
    def is_promised(self) -> bool:
        """The promised time is still to come."""
        return self.respond_by > timezone.now()

    @property
    def stage(self) -> Stage:
        """Where it stands at this moment."""
        if self.closed_at is not None:
            return Stage.CLOSED
        if self.assigned_to_id is None:
            return Stage.NOBODY
        if not self.is_waiting:
            return Stage.ON_IT
        if self.everybody_asked_at is not None:
            return Stage.EVERYBODY
        return Stage.TOLD if self.told_at is not None else Stage.NAMED

    @property
    def was_answered_in_time(self) -> bool | None:
        """Whether somebody was on it by the promised time; None while nobody has answered."""
        if self.acknowledged_at is None:
            return None
        return self.acknowledged_at <= self.respond_by


class AlertQuerySet(models.QuerySet["Alert"]):
    def to_send(self) -> Self:
        """Not sent, and still of use: nobody is on it. Whoever was asked before it was handed over
        needs no mail any more."""
        waiting = Concern.objects.waiting().values("pk")
        asked_since = Q(concern__asked_again_at__isnull=True) | Q(
            made_at__gte=F("concern__asked_again_at")
        )
        return self.filter(asked_since, sent_at__isnull=True, concern__in=waiting)

    def due(self, at: datetime) -> Self:
        return self.to_send().filter(next_try_at__lte=at)

    def failing(self) -> Self:
        """Tried in vain, and still to be sent."""
        return self.to_send().filter(attempts__gte=1)


class Alert(models.Model):
    """That one person is asked to look after one concern, by mail. Tried until it is sent."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    concern = models.ForeignKey(Concern, on_delete=models.CASCADE, related_name="alerts")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="concern_alerts")
    #: The concern's turn that made it.
    turn = models.PositiveSmallIntegerField()
    made_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: When the clock tries it, unless it was sent by then.
    next_try_at = models.DateTimeField()

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["made_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["concern", "person", "turn"], name="safeguarding_alert_once_a_turn"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(sent_at__isnull=True),
                name="safeguarding_alert_unsent",
            )
        ]

    def __str__(self) -> str:
        return f"Alert of turn {self.turn}"

    @property
    def has_failed(self) -> bool:
        return self.sent_at is None and self.attempts > 0


class StepTaken(models.Model):
    """One line of a concern's log: what somebody did, or what else was said."""

    class Kind(models.TextChoices):
        REACHED = "reached", "Talked with them"
        NOT_REACHED = "not_reached", "Could not reach them"
        LEFT_WORD = "left_word", "Left a message"
        EMERGENCY = "emergency", "Asked the emergency services"
        TOLD_OTHERS = "told_others", "Talked with somebody close to them, or their clinician"
        OTHER = "other", "Something else"
        #: Written by the verbs, never chosen.
        ON_IT = "on_it", "Is on it"
        HANDED_OVER = "handed_over", "Handed it over"
        SAID_MORE = "said_more", "More was said"

    #: What somebody can choose.
    DONE = (
        Kind.REACHED,
        Kind.NOT_REACHED,
        Kind.LEFT_WORD,
        Kind.EMERGENCY,
        Kind.TOLD_OTHERS,
        Kind.OTHER,
    )

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    concern = models.ForeignKey(Concern, on_delete=models.CASCADE, related_name="steps_taken")
    kind = models.CharField(max_length=12, choices=Kind)
    note = EncryptedTextField(blank=True)
    taken_at = models.DateTimeField(default=timezone.now)
    taken_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    handed_to = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "steps taken"
        ordering = ["taken_at", "id"]
        constraints = [
            models.CheckConstraint(
                name="safeguarding_steptaken_kind_known",
                condition=Q(
                    kind__in=[
                        "reached",
                        "not_reached",
                        "left_word",
                        "emergency",
                        "told_others",
                        "other",
                        "on_it",
                        "handed_over",
                        "said_more",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="safeguarding_steptaken_says_something",
                condition=~Q(kind__in=["other", "said_more"]) | ~Q(note=""),
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Hold(models.Model):
    """That a concern's words outlive the account of whom it is about, because an organisation owes
    them to somebody: a court, an inquiry. Placed with a reason and a last day by a coordinator, and
    told to the person before they close their account.

    Until then it is a mark on the concern. Afterwards it holds the name and the words.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="holds")
    concern = models.OneToOneField(
        Concern, on_delete=models.SET_NULL, null=True, related_name="hold"
    )
    reason = EncryptedTextField(max_length=300)
    #: The last day; the night after, it is deleted.
    until = models.DateField()
    placed_at = models.DateTimeField(default=timezone.now)
    placed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    kept_at = models.DateTimeField(null=True, blank=True)
    name = EncryptedTextField(blank=True)
    record = EncryptedTextField(blank=True)

    class Meta:
        ordering = ["-kept_at", "-placed_at"]
        constraints = [
            models.CheckConstraint(name="safeguarding_hold_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="safeguarding_hold_kept_whole",
                condition=Q(kept_at__isnull=True, name="", record="")
                | Q(kept_at__isnull=False) & ~Q(name="") & ~Q(record=""),
            ),
        ]

    def __str__(self) -> str:
        return f"Hold until {self.until}"


# Help lines --------------------------------------------------------------------------------------


class CountryLines(models.Model):
    """The help lines of one country as one organisation keeps them, in place of the shipped ones.

    Made when a coordinator first changes or confirms them.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="country_lines"
    )
    country = models.CharField(max_length=2)
    emergency = models.CharField(max_length=20)
    #: Empty until somebody has tried every number.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: The last day on which the confirmation holds.
    review_until = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "country lines"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "country"], name="safeguarding_countrylines_once"
            ),
            models.CheckConstraint(
                name="safeguarding_countrylines_confirmed_until",
                condition=Q(confirmed_at__isnull=True, review_until__isnull=True)
                | Q(confirmed_at__isnull=False, review_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Help lines of {self.country}"

    def holds_on(self, day: date) -> bool:
        """Somebody has confirmed them, and the review is not over."""
        return self.review_until is not None and self.review_until >= day


class CountryLine(models.Model):
    """One service: whom to call, text or visit."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    lines = models.ForeignKey(CountryLines, on_delete=models.CASCADE, related_name="lines")
    #: Its place, which is never given to another one.
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=80)
    #: What a person dials, for example "116 123".
    call = models.CharField(max_length=60, blank=True)
    #: What a person sends, for example "SHOUT to 85258".
    text = models.CharField(max_length=60, blank=True)
    #: For example "Day and night".
    hours = models.CharField(max_length=80, blank=True)
    url = models.URLField(max_length=500, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["lines", "position"], name="safeguarding_countryline_place"
            ),
            models.UniqueConstraint("lines", Lower("name"), name="safeguarding_countryline_once"),
            models.CheckConstraint(
                name="safeguarding_countryline_reached_somehow",
                condition=~Q(call="", text="", url=""),
            ),
            models.CheckConstraint(
                name="safeguarding_countryline_link_is_safe",
                condition=Q(url="") | Q(url__startswith="https://"),
            ),
        ]

    def __str__(self) -> str:
        return self.name


# The library -------------------------------------------------------------------------------------


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
