"""Support groups, who leads them, who belongs to them, and what everybody signed."""

from datetime import datetime
from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import UUID7, Coalesce
from django.utils import timezone

from accounts.models import Organisation, User
from supportgroups.lib.encrypted_fields import EncryptedTextField
from supportgroups.lib.ids import uuid7


class Topic(models.Model):
    """What a group is about: a focus that people search for."""

    class Kind(models.TextChoices):
        CONDITION = "condition", "A condition"
        IDENTITY = "identity", "A shared identity"
        WELLBEING = "wellbeing", "Wellbeing"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    name = models.CharField(max_length=60, unique=True)
    slug = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="groups_topic_kind_known",
                condition=Q(kind__in=["condition", "identity", "wellbeing"]),
            )
        ]

    def __str__(self) -> str:
        return self.name


def _members_in(*statuses: str, **more: object) -> Coalesce:
    """How many memberships of a group are in these states, as a subquery: joins stay out of it."""
    counted = (
        Membership.objects.filter(group=OuterRef("pk"), status__in=statuses, **more)
        .order_by()
        .values("group")
        .annotate(number=models.Count("*"))
        .values("number")
    )
    return Coalesce(models.Subquery(counted), 0)


class SupportGroupQuerySet(models.QuerySet["SupportGroup"]):
    def listed(self) -> Self:
        """Groups that anybody may find."""
        return self.filter(lifecycle=SupportGroup.Lifecycle.LISTED)

    def with_seats_taken(self) -> Self:
        """Add `seats_taken`: people who were accepted and have not left."""
        return self.annotate(seats_taken=_members_in(*Membership.HOLDS_A_SEAT))

    def with_people_waiting(self) -> Self:
        """Add `people_waiting`: how long the waiting list is, without closed accounts."""
        waiting = _members_in(Membership.Status.WAITLISTED, user__is_active=True)
        return self.annotate(people_waiting=waiting)

    def with_next_session(self, at: datetime | None = None) -> Self:
        """Add `next_starts_at` of the session that comes next, or runs now; None without one."""
        return self.annotate(
            coming_session=models.FilteredRelation(
                "support_sessions",
                condition=Q(
                    support_sessions__status__in=["scheduled", "live"],
                    support_sessions__ends_at__gt=at or timezone.now(),
                ),
            ),
            next_starts_at=models.Min("coming_session__starts_at"),
        )

    def with_facilitators_counted(self) -> Self:
        """Add `facilitators_counted`: how many people lead it."""
        counted = (
            FacilitatorAssignment.objects.filter(group=OuterRef("pk"))
            .order_by()
            .values("group")
            .annotate(number=models.Count("*"))
            .values("number")
        )
        return self.annotate(facilitators_counted=Coalesce(models.Subquery(counted), 0))


class SupportGroup(models.Model):
    """A circle of people who meet on a rhythm, led by facilitators of one organisation."""

    class Facilitation(models.TextChoices):
        PEER_LED = "peer_led", "Peer-led"
        PROFESSIONALLY_LED = "professionally_led", "Professionally led"

    class Format(models.TextChoices):
        ONLINE = "online", "Online"
        IN_PERSON = "in_person", "In person"
        HYBRID = "hybrid", "Online or in person"

    class Attendance(models.TextChoices):
        OPEN = "open", "Open: come when you can"
        CLOSED = "closed", "Closed: the same people each time"

    class MeetingFormat(models.TextChoices):
        OPEN_DISCUSSION = "open_discussion", "Open discussion"
        GUIDED_TOPICS = "guided_topics", "Guided topics"
        MIXED = "mixed", "Guided topic, then open discussion"

    class Admission(models.TextChoices):
        DROP_IN = "drop_in", "Answers to a few questions admit at once"
        SCREENED = "screened", "A person reads each application and decides"

    class Lifecycle(models.TextChoices):
        DRAFT = "draft", "Draft"
        LISTED = "listed", "Listed"
        PAUSED = "paused", "Paused"
        CLOSED = "closed", "Closed"

    class Accessibility(models.TextChoices):
        """What a place or a room offers; people filter by it."""

        STEP_FREE = "step_free", "Step-free way in"
        ACCESSIBLE_TOILET = "accessible_toilet", "Accessible toilet"
        HEARING_LOOP = "hearing_loop", "Hearing loop"
        SIGN_LANGUAGE = "sign_language", "Sign language"
        CAPTIONS = "captions", "Captions"
        TEXT_ONLY = "text_only", "Text only, no camera or voice"
        QUIET_SPACE = "quiet_space", "A quiet space to step out to"
        PUBLIC_TRANSPORT = "public_transport", "Near public transport"
        PARKING = "parking", "Accessible parking"
        CHILDCARE = "childcare", "Children can come along"

    #: lifecycle -> the states that may follow it. A draft pauses when its feed loses it, and comes
    #: back as a draft.
    LIFECYCLE_MOVES = {
        Lifecycle.DRAFT: {Lifecycle.LISTED, Lifecycle.PAUSED, Lifecycle.CLOSED},
        Lifecycle.LISTED: {Lifecycle.PAUSED, Lifecycle.CLOSED},
        Lifecycle.PAUSED: {Lifecycle.LISTED, Lifecycle.DRAFT, Lifecycle.CLOSED},
        Lifecycle.CLOSED: set(),
    }

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="support_groups"
    )
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    purpose = models.CharField(max_length=300, blank=True)
    who_it_is_for = models.TextField(blank=True)
    what_to_expect = models.TextField(blank=True)
    #: One rule a line, "Rule. Why it helps."
    ground_rules = models.TextField(blank=True)
    topics = models.ManyToManyField(Topic, related_name="support_groups")
    facilitation = models.CharField(max_length=20, choices=Facilitation)
    format = models.CharField(max_length=10, choices=Format)
    attendance = models.CharField(max_length=8, choices=Attendance, default=Attendance.OPEN)
    meeting_format = models.CharField(
        max_length=20, choices=MeetingFormat, default=MeetingFormat.MIXED
    )
    admission = models.CharField(max_length=10, choices=Admission)
    capacity = models.PositiveSmallIntegerField(default=12)
    minimum = models.PositiveSmallIntegerField(default=4)
    language = models.CharField(max_length=10, default="en")
    #: Sessions of a closed group's planned course; empty without an end.
    course_sessions = models.PositiveSmallIntegerField(null=True, blank=True)
    #: Whether a member may invite one family member or partner.
    allows_companions = models.BooleanField(default=False)
    accessibility = models.TextField(blank=True)
    accessibility_features = ArrayField(
        models.CharField(max_length=20, choices=Accessibility), default=list, blank=True
    )
    #: The part of the place that anybody may know, for example "Leeds LS6, step-free".
    place = models.CharField(max_length=120, blank=True)
    #: The exact address: members in good standing only.
    address = models.TextField(blank=True)
    #: The room or hall. Two groups of one organisation are never in the same one at once.
    room = models.CharField(max_length=80, blank=True)
    #: Degrees of the venue, kept to two decimals (about a kilometre): distances must not give the
    #: address away.
    latitude = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    longitude = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    #: Where it meets online when that is not our own room: members in good standing only.
    online_link = models.URLField(max_length=500, blank=True)
    #: How to get in, for example a telephone number or the bell to ring: as `online_link`.
    joining_details = models.TextField(blank=True)
    time_zone = models.CharField(max_length=60, default="Europe/London")
    overseer = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="overseen_groups"
    )
    lifecycle = models.CharField(max_length=8, choices=Lifecycle, default=Lifecycle.DRAFT)
    lifecycle_changed_at = models.DateTimeField(null=True, blank=True)
    #: What members are told while it is paused or closed.
    lifecycle_message = models.TextField(blank=True)
    #: It came from a feed (outreach): the network that publishes the feed leads it.
    is_from_feed = models.BooleanField(default=False)
    #: Whether members may ask the room something without their name.
    allows_anonymous_questions = models.BooleanField(default=False, db_default=False)
    #: Days that messages of a session are kept after its end.
    keeps_messages_days = models.PositiveSmallIntegerField(default=30)
    #: Who comes later than this after the start of a session counts as late.
    late_after_minutes = models.PositiveSmallIntegerField(default=10)
    #: Who leaves earlier than this before its end counts as having left early.
    early_before_minutes = models.PositiveSmallIntegerField(default=15)
    #: About how long one person speaks at a time; empty without a measure.
    turn_minutes = models.PositiveSmallIntegerField(null=True, blank=True, default=3)
    #: So long after a session has begun late comers knock; empty: they walk in.
    door_closes_after_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    #: Only there when the queryset's `with_…()` of the same name was asked for.
    seats_taken: int
    people_waiting: int
    facilitators_counted: int
    next_starts_at: datetime | None

    objects = SupportGroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="groups_supportgroup_facilitation_known",
                condition=Q(facilitation__in=["peer_led", "professionally_led"]),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_format_known",
                condition=Q(format__in=["online", "in_person", "hybrid"]),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_attendance_known",
                condition=Q(attendance__in=["open", "closed"]),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_meeting_format_known",
                condition=Q(meeting_format__in=["open_discussion", "guided_topics", "mixed"]),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_admission_known",
                condition=Q(admission__in=["drop_in", "screened"]),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_lifecycle_known",
                condition=Q(lifecycle__in=["draft", "listed", "paused", "closed"]),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_capacity_possible",
                condition=Q(minimum__gte=2) & Q(capacity__gte=F("minimum")),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_listed_peer_led_overseen",
                condition=~Q(facilitation="peer_led")
                | ~Q(lifecycle="listed")
                | Q(overseer__isnull=False),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_professionally_led_screened",
                condition=~Q(facilitation="professionally_led") | Q(admission="screened"),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_coordinates_possible",
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__gte=-90,
                    latitude__lte=90,
                    longitude__gte=-180,
                    longitude__lte=180,
                ),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_accessibility_features_known",
                condition=Q(
                    accessibility_features__contained_by=[
                        "step_free",
                        "accessible_toilet",
                        "hearing_loop",
                        "sign_language",
                        "captions",
                        "text_only",
                        "quiet_space",
                        "public_transport",
                        "parking",
                        "childcare",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_keeps_messages_possible",
                condition=Q(keeps_messages_days__gte=1, keeps_messages_days__lte=365),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_thresholds_possible",
                condition=Q(late_after_minutes__lte=120, early_before_minutes__lte=120),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_turn_minutes_possible",
                condition=Q(turn_minutes__isnull=True)
                | Q(turn_minutes__gte=1, turn_minutes__lte=30),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_door_possible",
                condition=Q(door_closes_after_minutes__isnull=True)
                | Q(door_closes_after_minutes__lte=240),
            ),
            models.CheckConstraint(
                name="groups_supportgroup_course_is_closed",
                condition=Q(course_sessions__isnull=True)
                | Q(attendance="closed", course_sessions__gte=1, course_sessions__lte=200),
            ),
        ]
        indexes = [models.Index(fields=["lifecycle", "name"], name="groups_supportgroup_listing")]

    def __str__(self) -> str:
        return self.name

    @property
    def seats_for_somebody_new(self) -> int:
        """Places left when everybody on the waiting list has got one.

        Needs `with_seats_taken()` and `with_people_waiting()`.
        """
        return max(0, self.capacity - self.seats_taken - self.people_waiting)

    def ground_rule_list(self) -> list[tuple[str, str]]:
        """Each ground rule with the sentence that says why."""
        rules = []
        for line in self.ground_rules.splitlines():
            rule, _, why = line.strip().partition(". ")
            if rule:
                rules.append((rule.rstrip("."), why))
        return rules

    def current_series(self) -> Any | None:
        """The rhythm that holds now. Sessions stand above groups, so only the relation is known."""
        return next((s for s in self.series.all() if s.ended_at is None), None)

    def meets_at_a_place(self) -> bool:
        """Whether times are the place's and not the reader's."""
        return self.format == self.Format.IN_PERSON

    def current_agreement(self) -> "Agreement | None":
        """The newest published version, which members must have signed."""
        return self.agreements.order_by("-version").first()


class SearchEntry(models.Model):
    """What the directory searches of one group. Triggers in the database keep it (migration 0003).

    Written with every change of the group, its topics, or a topic's name; never by our code.
    """

    group = models.OneToOneField(
        SupportGroup, on_delete=models.CASCADE, primary_key=True, related_name="search_entry"
    )
    #: Word forms, weighted: name A, topics B, purpose and who it is for C, place D.
    document = SearchVectorField()
    #: The same words without accents, in lower case, for typing mistakes.
    words = models.TextField()

    class Meta:
        verbose_name_plural = "search entries"
        indexes = [
            GinIndex(fields=["document"], name="groups_searchentry_document"),
            GinIndex(fields=["words"], opclasses=["gin_trgm_ops"], name="groups_searchentry_words"),
        ]

    def __str__(self) -> str:
        return f"Words of {self.group_id}"


class FacilitatorAssignment(models.Model):
    """That a person leads a group, alone or as the second."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, related_name="facilitator_assignments"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="facilitator_assignments")
    is_lead = models.BooleanField(default=True)
    #: What visitors read, for example "Has lived with low mood; leads since 2024".
    introduction = models.CharField(max_length=200, blank=True)
    began_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-is_lead", "began_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "user"], name="groups_facilitatorassignment_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} leads {self.group}"

    @property
    def figure_seed(self) -> str:
        """Their drawn figure is the same all over the group, and another one elsewhere."""
        return f"{self.group_id}:{self.user_id}"


class Agreement(models.Model):
    """One version of the text on confidentiality and conduct. A published one never changes."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="agreements")
    version = models.PositiveSmallIntegerField()
    text = models.TextField()
    #: In staff's own words, shown above the differences when members sign again.
    what_changed = models.CharField(max_length=300, blank=True)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "version"], name="groups_agreement_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"Version {self.version} for {self.group}"

    def clauses(self) -> list[tuple[str, str]]:
        """Heading and sentence of each clause; clauses are lines of "Heading. Sentence."."""
        parted = (line.strip().partition(". ") for line in self.text.splitlines() if line.strip())
        return [(heading, text) for heading, _, text in parted]


class MembershipQuerySet(models.QuerySet["Membership"]):
    def open(self) -> Self:
        """Episodes that have not ended."""
        return self.filter(status__in=Membership.OPEN)

    def active(self) -> Self:
        return self.filter(status=Membership.Status.ACTIVE, user__is_active=True)

    def signed_current_agreement(self) -> Self:
        newer = Agreement.objects.filter(
            group=OuterRef("agreement__group"), version__gt=OuterRef("agreement__version")
        )
        current = Signature.objects.filter(membership=OuterRef("pk")).filter(~Exists(newer))
        return self.filter(Exists(current))

    def in_good_standing(self) -> Self:
        """The rule behind every door of a group: active, and signed the current agreement."""
        return self.active().signed_current_agreement()


class Membership(models.Model):
    """One episode of one person in one group, from applying to leaving.

    A person who comes back after leaving begins a new episode.
    """

    class Status(models.TextChoices):
        APPLIED = "applied", "Applied"
        WAITLISTED = "waitlisted", "On the waiting list"
        OFFERED = "offered", "Offered a place"
        ACCEPTED = "accepted", "Accepted, agreement to sign"
        ACTIVE = "active", "Member"
        REFERRED = "referred", "Referred elsewhere"
        WITHDRAWN = "withdrawn", "Left"
        REMOVED = "removed", "Removed"
        COMPLETED = "completed", "Completed the course"

    #: status -> the states that may follow it. `docs/architecture.md` draws this table.
    MOVES = {
        Status.APPLIED: {Status.WAITLISTED, Status.ACCEPTED, Status.REFERRED, Status.WITHDRAWN},
        Status.WAITLISTED: {Status.OFFERED, Status.REFERRED, Status.WITHDRAWN},
        # An offer that runs out passes on to the next person.
        Status.OFFERED: {Status.ACCEPTED, Status.WAITLISTED, Status.WITHDRAWN},
        Status.ACCEPTED: {Status.ACTIVE, Status.WITHDRAWN, Status.REMOVED},
        Status.ACTIVE: {Status.WITHDRAWN, Status.REMOVED, Status.COMPLETED},
        Status.REFERRED: set(),
        Status.WITHDRAWN: set(),
        Status.REMOVED: set(),
        Status.COMPLETED: set(),
    }
    OPEN = (
        Status.APPLIED,
        Status.WAITLISTED,
        Status.OFFERED,
        Status.ACCEPTED,
        Status.ACTIVE,
    )
    #: What capacity counts: an offered place is kept until the offer runs out.
    HOLDS_A_SEAT = (Status.OFFERED, Status.ACCEPTED, Status.ACTIVE)
    #: Who may sign the agreement.
    HAS_A_PLACE = (Status.ACCEPTED, Status.ACTIVE)

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    group = models.ForeignKey(SupportGroup, on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    status = models.CharField(max_length=10, choices=Status, default=Status.APPLIED)
    applied_at = models.DateTimeField(default=timezone.now)
    #: The place in the queue: who waits longest comes first. Set anew when an offer runs out.
    waitlisted_at = models.DateTimeField(null=True, blank=True)
    offered_at = models.DateTimeField(null=True, blank=True)
    offer_expires_at = models.DateTimeField(null=True, blank=True)
    #: Offers in a row that ran out unanswered.
    offers_missed = models.PositiveSmallIntegerField(default=0)
    #: The member who invited this person, in a group that welcomes somebody close.
    companion_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="companions"
    )
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    activated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    end_reason = EncryptedTextField(max_length=300, blank=True)
    #: When it lost its name: `user` is an account that nobody has, and the row only counts.
    unnamed_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="groups_membership_status_known",
                condition=Q(
                    status__in=[
                        "applied",
                        "waitlisted",
                        "offered",
                        "accepted",
                        "active",
                        "referred",
                        "withdrawn",
                        "removed",
                        "completed",
                    ]
                ),
            ),
            models.UniqueConstraint(
                fields=["group", "user"],
                condition=Q(status__in=["applied", "waitlisted", "offered", "accepted", "active"]),
                name="groups_membership_one_open_episode",
            ),
            models.UniqueConstraint(
                fields=["companion_of"],
                condition=Q(status__in=["applied", "waitlisted", "offered", "accepted", "active"]),
                name="groups_membership_one_companion",
            ),
            models.CheckConstraint(
                name="groups_membership_offer_expires",
                condition=~Q(status="offered")
                | Q(offered_at__isnull=False, offer_expires_at__isnull=False),
            ),
            models.CheckConstraint(
                name="groups_membership_end_dated",
                condition=Q(
                    status__in=["applied", "waitlisted", "offered", "accepted", "active"],
                    ended_at__isnull=True,
                )
                | Q(
                    status__in=["referred", "withdrawn", "removed", "completed"],
                    ended_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="groups_membership_unnamed_when_ended",
                condition=Q(unnamed_at__isnull=True)
                | Q(ended_at__isnull=False, unnamed_at__gte=F("ended_at"), end_reason=""),
            ),
            models.CheckConstraint(
                name="groups_membership_active_dated",
                condition=~Q(status="active") | Q(activated_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["group", "status"], name="groups_membership_group_status"),
            models.Index(
                fields=["offer_expires_at"],
                condition=Q(status="offered"),
                name="groups_membership_offered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.group}"

    @property
    def figure_seed(self) -> str:
        """Their drawn figure is the same all over the group, and another one elsewhere."""
        return f"{self.group_id}:{self.user_id}"


class Signature(models.Model):
    """That a member signed one version of the group's agreement."""

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="signatures")
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="signatures")
    signed_name = EncryptedTextField(max_length=40)
    signed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "agreement"], name="groups_signature_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.signed_name} signed version {self.agreement.version}"


class CompanionInvitation(models.Model):
    """That a member invites one family member or partner to apply. The link's token is signed."""

    class Relation(models.TextChoices):
        PARTNER = "partner", "Partner"
        FAMILY = "family", "Family member"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, related_name="companion_invitations"
    )
    relation = models.CharField(max_length=8, choices=Relation)
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="groups_companioninvitation_relation_known",
                condition=Q(relation__in=["partner", "family"]),
            ),
            models.UniqueConstraint(
                fields=["membership"],
                condition=Q(withdrawn_at__isnull=True, used_at__isnull=True),
                name="groups_companioninvitation_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_relation_display()} of {self.membership_id}"


class Appeal(models.Model):
    """That somebody who was removed asks another coordinator to look at it again."""

    class Outcome(models.TextChoices):
        UPHELD = "upheld", "The removal stands"
        OVERTURNED = "overturned", "The person may come back"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    membership = models.OneToOneField(Membership, on_delete=models.CASCADE, related_name="appeal")
    words = EncryptedTextField(blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    #: By when the person was promised an answer.
    answer_by = models.DateTimeField()
    #: Copied from the membership, so that the database can hold who decides.
    removed_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    #: What the person reads.
    message = EncryptedTextField(blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="groups_appeal_outcome_known",
                condition=Q(outcome="", decided_at__isnull=True)
                | Q(outcome__in=["upheld", "overturned"], decided_at__isnull=False),
            ),
            models.CheckConstraint(
                name="groups_appeal_decided_by_another",
                condition=Q(decided_by__isnull=True)
                | Q(removed_by__isnull=True)
                | ~Q(decided_by=F("removed_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"Appeal of {self.membership_id}"


class Notice(models.Model):
    """News about a group that one person is told by mail. The mail says only that there is news."""

    class Kind(models.TextChoices):
        OFFERED = "offered", "A place is free"
        OFFER_EXPIRED = "expired", "An offer ran out"
        REMOVED = "removed", "The membership was ended"
        APPEAL_ASKED = "appealed", "Somebody asks to look again"
        APPEAL_DECIDED = "decided", "The second look has a result"
        PAUSED = "paused", "The group pauses"
        RESUMED = "resumed", "The group goes on"
        CLOSED = "closed", "The group has closed"
        AGREEMENT = "agreement", "The agreement changed"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=10, choices=Kind)
    made_at = models.DateTimeField(default=timezone.now)
    #: When the mail went out; empty means that it still has to.
    told_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="groups_notice_kind_known",
                condition=Q(
                    kind__in=[
                        "offered",
                        "expired",
                        "removed",
                        "appealed",
                        "decided",
                        "paused",
                        "resumed",
                        "closed",
                        "agreement",
                    ]
                ),
            )
        ]
        indexes = [
            models.Index(
                fields=["made_at"], condition=Q(told_at__isnull=True), name="groups_notice_untold"
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
