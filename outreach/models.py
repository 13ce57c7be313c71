"""Feeds that bring groups in, and each run of reading one."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import UUID7
from django.utils import timezone

from accounts.models import Organisation, User
from groups.models import SupportGroup


class Feed(models.Model):
    """A list of groups that somebody else keeps. Reading it again updates what came from it."""

    class Format(models.TextChoices):
        MEETING_GUIDE = "meeting-guide", "Meeting Guide (JSON)"
        CSV = "csv", "Table (CSV)"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="feeds")
    #: Tells several feeds of one organisation apart; reading under the same name updates.
    name = models.CharField(max_length=80)
    format = models.CharField(max_length=13, choices=Format)
    #: The professional who oversees its peer-led groups. Without one they come in as drafts.
    overseer = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="outreach_feed_once"),
            models.CheckConstraint(
                name="outreach_feed_format_known",
                condition=Q(format__in=["meeting-guide", "csv"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FeedEntry(models.Model):
    """Which group came from which entry of a feed."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="entries")
    #: What names the entry in the feed: its slug, with a number when the feed uses one twice.
    key = models.CharField(max_length=200)
    group = models.OneToOneField(SupportGroup, on_delete=models.CASCADE, related_name="feed_entry")
    #: Of what was read: an entry with the same one is unchanged.
    fingerprint = models.CharField(max_length=64)
    #: The group's lifecycle before the feed lost it; empty while it is there.
    paused_from = models.CharField(max_length=8, blank=True)
    last_seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "feed entries"
        constraints = [
            models.UniqueConstraint(fields=["feed", "key"], name="outreach_feedentry_once")
        ]

    def __str__(self) -> str:
        return self.key


class Import(models.Model):
    """One reading of a feed: first a dry run that shows each row, then, if wanted, one change."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be read"
        READING = "reading", "Being read"
        READY = "ready", "Read: nothing has changed yet"
        APPLYING = "applying", "Being taken over"
        DONE = "done", "Taken over"
        FAILED = "failed", "Not readable"
        DROPPED = "dropped", "Dropped"

    MOVES = {
        State.WAITING: {State.READING, State.FAILED, State.DROPPED},
        State.READING: {State.READY, State.FAILED, State.DROPPED},
        State.READY: {State.APPLYING, State.DROPPED},
        # A killed or refused run changes nothing and can be tried again.
        State.APPLYING: {State.DONE, State.READY},
        State.DONE: set(),
        State.FAILED: set(),
        State.DROPPED: set(),
    }

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="imports")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    file_name = models.CharField(max_length=200, blank=True)
    #: The file itself, until the run is over: worker and web may be different machines.
    content = models.BinaryField(null=True, blank=True)
    #: Rows read or taken over so far, and of how many.
    progress = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    #: In words, when it could not be read.
    problem = models.TextField(blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the worker last wrote progress: one that stopped is taken up again.
    touched_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(
                name="outreach_import_state_known",
                condition=Q(
                    state__in=[
                        "waiting",
                        "reading",
                        "ready",
                        "applying",
                        "done",
                        "failed",
                        "dropped",
                    ]
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.feed}, {self.made_at:%d %b %Y %H:%M}"


class ImportRow(models.Model):
    """What becomes of one entry of the file, or of one group that the file no longer has."""

    class Outcome(models.TextChoices):
        NEW = "new", "New"
        CHANGED = "changed", "Changed"
        UNCHANGED = "unchanged", "Unchanged"
        PAUSED = "paused", "Paused"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    run = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows")
    #: Counted from 1 in the file; rows of lost groups follow.
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=9, choices=Outcome)
    #: Why it was refused, or what differs.
    reason = models.CharField(max_length=500, blank=True)
    #: What was left out of public text, or guessed: each a sentence.
    flags = models.JSONField(default=list, blank=True)
    #: The entry in our own terms (`outreach.entries.Entry`); empty when refused.
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="outreach_importrow_once"),
            models.CheckConstraint(
                name="outreach_importrow_outcome_known",
                condition=Q(
                    outcome__in=["new", "changed", "unchanged", "paused", "refused"],
                ),
            ),
        ]
        indexes = [models.Index(fields=["run", "outcome"], name="outreach_importrow_outcome")]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_outcome_display()}"
