"""Surveys: which a group asks and when, who was invited, and what they answered."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import UUID7, Lower
from django.utils import timezone

from accounts.models import Organisation, User
from groups.models import Membership, SupportGroup
from instruments.models import Instrument
from sessions.models import SupportSession
from supportgroups.lib.encrypted_fields import (
    EncryptedBinaryField,
    EncryptedJSONField,
    EncryptedTextField,
)
from supportgroups.lib.ids import uuid7


class SurveyPlan(models.Model):
    """That a group asks its members one instrument, and on which occasions.

    A change holds for what happens from then on (`changed_at`); what was asked stays as it was.
    """

    class Baseline(models.TextChoices):
        """When somebody answers for the first time, which later answers are compared with."""

        NONE = "", "Never"
        ON_JOINING = "on_joining", "When somebody joins"
        FIRST_SESSION = "first_session", "After their first session"

    MOST_REMINDERS = 2
    #: Weeks after the end in which somebody may be asked once more.
    FOLLOW_UPS = (4, 12)

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="survey_plans")
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="plans")
    baseline = models.CharField(
        max_length=14, choices=Baseline, default=Baseline.FIRST_SESSION, blank=True
    )
    #: After every n-th session that a member came to, counted from the first answer; or empty.
    every_sessions = models.PositiveSmallIntegerField(null=True, blank=True)
    #: Every n weeks, counted from the first answer's occasion; or empty. Never both rhythms.
    every_weeks = models.PositiveSmallIntegerField(null=True, blank=True)
    #: When the membership, or the course of a closed group, ends.
    at_end = models.BooleanField(default=False, db_default=False)
    #: So many weeks after that end: none, some or all of `FOLLOW_UPS`.
    after_end_weeks = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    #: Days until an invitation is no longer open.
    window_days = models.PositiveSmallIntegerField(default=7)
    #: Mails after the first one, spread over the window, while nobody has answered.
    reminders = models.PositiveSmallIntegerField(default=1, db_default=1)
    #: The order in which several instruments are asked.
    position = models.PositiveSmallIntegerField(default=1)
    began_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(null=True, blank=True)
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
                name="outcomes_surveyplan_baseline_known",
                condition=Q(baseline__in=["", "on_joining", "first_session"]),
            ),
            models.CheckConstraint(
                name="outcomes_surveyplan_one_rhythm",
                condition=Q(every_sessions__isnull=True, every_weeks__isnull=True)
                | Q(every_sessions__gte=1, every_weeks__isnull=True)
                | Q(every_sessions__isnull=True, every_weeks__gte=1),
            ),
            models.CheckConstraint(
                name="outcomes_surveyplan_follow_ups_known",
                condition=Q(after_end_weeks__contained_by=[4, 12]),
            ),
            models.CheckConstraint(
                name="outcomes_surveyplan_asks_something",
                condition=~Q(baseline="")
                | Q(every_sessions__isnull=False)
                | Q(every_weeks__isnull=False)
                | Q(at_end=True)
                | ~Q(after_end_weeks=[]),
            ),
            # A day lies between two mails about the same questions.
            models.CheckConstraint(
                name="outcomes_surveyplan_reminders_fit",
                condition=Q(reminders__lte=2, window_days__lte=60, window_days__gt=F("reminders")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} in {self.group}"


class SurveyInvitationQuerySet(models.QuerySet["SurveyInvitation"]):
    def open(self, at: object = None) -> Self:
        """Due, not closed or stopped, and not answered yet."""
        at = at or timezone.now()
        return self.filter(due_at__lte=at, closes_at__gt=at, stopped_at__isnull=True).filter(
            Q(response__isnull=True) | Q(response__submitted_at__isnull=True)
        )


class SurveyInvitation(models.Model):
    """That one member is asked one instrument, for the n-th time (wave 0 is the baseline).

    Waves of one member and instrument rise with time; a skipped one leaves a gap.
    """

    class Occasion(models.TextChoices):
        BASELINE = "baseline", "The first time"
        REGULAR = "regular", "In between"
        END = "end", "At the end"
        FOLLOW_UP_4 = "follow_up_4", "4 weeks after the end"
        FOLLOW_UP_12 = "follow_up_12", "12 weeks after the end"

    #: What is asked once the membership may have ended.
    AFTERWARDS = (Occasion.END, Occasion.FOLLOW_UP_4, Occasion.FOLLOW_UP_12)

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    plan = models.ForeignKey(SurveyPlan, on_delete=models.PROTECT, related_name="invitations")
    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, related_name="survey_invitations"
    )
    occasion = models.CharField(max_length=12, choices=Occasion)
    wave = models.PositiveSmallIntegerField()
    support_session = models.ForeignKey(
        SupportSession,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="survey_invitations",
    )
    #: When the occasion came. It is due later where the same questions were asked days before.
    arose_at = models.DateTimeField()
    due_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    #: When the plan was ended before anybody had begun to answer.
    stopped_at = models.DateTimeField(null=True, blank=True)
    #: When the first mail, or the next reminder, is due; empty when none is to come.
    next_mail_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    #: The first mail; `reminders_sent` counts those after it.
    sent_at = models.DateTimeField(null=True, blank=True)
    reminders_sent = models.PositiveSmallIntegerField(default=0, db_default=0)
    #: Tries of the mail that comes next.
    attempts = models.PositiveSmallIntegerField(default=0)
    #: What stands on a printed sheet instead of a name; empty until one is printed.
    paper_code = models.CharField(max_length=8, null=True, blank=True, unique=True)

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
            # Two workers, or one twice, never ask for the same occasion.
            models.UniqueConstraint(
                fields=["plan", "membership", "arose_at"],
                name="outcomes_surveyinvitation_once_a_moment",
            ),
            models.UniqueConstraint(
                fields=["plan", "membership", "occasion"],
                condition=~Q(occasion="regular"),
                name="outcomes_surveyinvitation_once_an_occasion",
            ),
            models.CheckConstraint(
                name="outcomes_surveyinvitation_occasion_known",
                condition=Q(
                    occasion__in=["baseline", "regular", "end", "follow_up_4", "follow_up_12"]
                ),
            ),
            models.CheckConstraint(
                name="outcomes_surveyinvitation_baseline_is_wave_0",
                condition=Q(occasion="baseline", wave=0) | ~Q(occasion="baseline") & Q(wave__gte=1),
            ),
            models.CheckConstraint(
                name="outcomes_surveyinvitation_closes_after_due",
                condition=Q(closes_at__gt=F("due_at"), due_at__gte=F("arose_at")),
            ),
            models.CheckConstraint(
                name="outcomes_surveyinvitation_reminders_possible",
                condition=Q(reminders_sent=0) | Q(reminders_sent__lte=2, sent_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_mail_at"],
                condition=Q(next_mail_at__isnull=False),
                name="outcomes_surveyinvitation_mail",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan.instrument}, wave {self.wave}"


class Response(models.Model):
    """One person's answers to one invitation. The database lets nothing change once submitted."""

    class Way(models.TextChoices):
        ONLINE = "online", "Online"
        PAPER = "paper", "On paper, typed in by staff"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    invitation = models.OneToOneField(
        SurveyInvitation, on_delete=models.CASCADE, related_name="response"
    )
    #: The exact wording that was answered; scored with this version.
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="responses")
    #: Item id -> value, or null for "rather not say".
    answers = EncryptedJSONField(default=dict, bound_by="shared_from_id")
    started_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    #: Empty when too many answers are missing to score.
    score = models.DecimalField(max_digits=7, decimal_places=2, null=True, blank=True)
    band = models.CharField(max_length=40, blank=True)
    #: Scale id -> {"total": …, "band": …}, of an instrument that has scales.
    scales = models.JSONField(default=dict, blank=True)
    way = models.CharField(max_length=6, choices=Way, default=Way.ONLINE, db_default=Way.ONLINE)
    #: Who typed a paper sheet in; empties when their account is deleted.
    entered_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: The day that stands on the paper sheet.
    answered_on = models.DateField(null=True, blank=True)
    #: The same person's answers to another group's invitation, which count for this one too.
    shared_from = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="shared_to"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="outcomes_response_scored_when_submitted",
                condition=Q(score__isnull=True, scales={}) | Q(submitted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="outcomes_response_way_known", condition=Q(way__in=["online", "paper"])
            ),
            models.CheckConstraint(
                name="outcomes_response_paper_dated",
                condition=Q(way="paper", answered_on__isnull=False)
                | ~Q(way="paper") & Q(answered_on__isnull=True, entered_by__isnull=True),
            ),
            models.CheckConstraint(
                name="outcomes_response_shared_when_submitted",
                condition=Q(shared_from__isnull=True) | Q(submitted_at__isnull=False),
            ),
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


class DisclosureQuerySet(models.QuerySet["Disclosure"]):
    def signed(self) -> Self:
        return self.filter(signed_at__isnull=False)

    def standing(self) -> Self:
        """Signed, and neither taken back nor over."""
        return self.filter(signed_at__isnull=False, ended_at__isnull=True)


class Disclosure(models.Model):
    """A person's consent to a summary of their check-ins for their own clinician.

    It has the elements that 42 CFR 2.31 asks for. The person hands the summary over; the site sends
    nothing. Once signed, the database lets nothing change but that it was made and that it ended.
    """

    class Ended(models.TextChoices):
        REVOKED = "revoked", "You took it back"
        EXPIRED = "expired", "Its time was over"
        ERASED = "erased", "You deleted answers that were in it"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    #: Whose information, and the name under which the clinician knows them.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="disclosures")
    person_name = EncryptedTextField(max_length=80)
    #: To whom.
    recipient_name = EncryptedTextField(max_length=80)
    recipient_organisation = EncryptedTextField(max_length=120)
    #: Why.
    purpose = EncryptedTextField(max_length=200)
    #: What exactly: codes of questionnaires, since when, and whether with the rest.
    instruments = ArrayField(models.SlugField(max_length=40))
    since = models.DateField(null=True, blank=True)
    with_answers = models.BooleanField(default=False)
    with_attendance = models.BooleanField(default=False)
    responses = models.ManyToManyField(Response, related_name="disclosures", blank=True)
    #: The last day on which it holds.
    ends_on = models.DateField()
    begun_at = models.DateTimeField(default=timezone.now)
    #: Which words were signed (`disclosure_rules.TERMS`), and how they read: [name, words] each.
    version = models.PositiveSmallIntegerField(null=True, blank=True)
    terms = EncryptedJSONField(default=list, blank=True)
    signature = EncryptedTextField(max_length=80, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=7, choices=Ended, blank=True)

    objects = DisclosureQuerySet.as_manager()

    class Meta:
        ordering = ["-begun_at"]
        constraints = [
            models.CheckConstraint(
                name="outcomes_disclosure_signed_whole",
                condition=Q(signed_at__isnull=True, signature="", version__isnull=True)
                | Q(signed_at__isnull=False, version__isnull=False) & ~Q(signature=""),
            ),
            models.CheckConstraint(
                name="outcomes_disclosure_made_when_signed",
                condition=Q(made_at__isnull=True) | Q(signed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="outcomes_disclosure_ended_why",
                condition=Q(ended_at__isnull=True, ended_why="")
                | Q(
                    ended_at__isnull=False,
                    signed_at__isnull=False,
                    ended_why__in=["revoked", "expired", "erased"],
                ),
            ),
            models.CheckConstraint(
                name="outcomes_disclosure_of_something",
                condition=~Q(instruments=[]) | Q(with_attendance=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["signed_at"],
                condition=Q(made_at__isnull=True, ended_at__isnull=True),
                name="outcomes_disclosure_to_make",
            )
        ]

    def __str__(self) -> str:
        return f"Disclosure {self.pk}"


class DisclosureFile(models.Model):
    """A summary as it was made. Deleted when the consent ends."""

    class Kind(models.TextChoices):
        PDF = "pdf", "PDF"
        FHIR = "fhir", "FHIR bundle"

    id = models.UUIDField(primary_key=True, default=uuid7, db_default=UUID7(), editable=False)
    disclosure = models.ForeignKey(Disclosure, on_delete=models.CASCADE, related_name="files")
    kind = models.CharField(max_length=4, choices=Kind)
    content = EncryptedBinaryField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["disclosure", "kind"], name="outcomes_disclosurefile_once"
            ),
            models.CheckConstraint(
                name="outcomes_disclosurefile_kind_known", condition=Q(kind__in=["pdf", "fhir"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.disclosure_id}"


class Presence(models.Model):
    """What the attendance of one membership adds up to, kept so that figures need no long sums.

    Made from attendance by `counting_actions`, never the other way round. Of somebody whose account
    is closed the sums stay, without whom: figures would shrink by one person otherwise, which tells
    about that person.
    """

    id = models.BigAutoField(primary_key=True)
    membership = models.OneToOneField(
        Membership, on_delete=models.CASCADE, null=True, related_name="presence"
    )
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="+")
    #: First days of months, by the organisation's clock.
    accepted_month = models.DateField()
    came_month = models.DateField(null=True, blank=True)
    first_came_at = models.DateTimeField(null=True, blank=True)
    last_came_at = models.DateTimeField(null=True, blank=True)
    #: Whether a session was held since the person was accepted.
    could_come = models.BooleanField()
    #: Held sessions the person came to; of these, came late or left early.
    came = models.PositiveIntegerField()
    late = models.PositiveIntegerField()
    left_early = models.PositiveIntegerField()
    #: Said beforehand that they could not; and did not come without a word.
    excused = models.PositiveIntegerField()
    missed = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="outcomes_presence_came_dated",
                condition=Q(came=0, came_month=None, first_came_at=None, last_came_at=None)
                | Q(
                    came__gte=1,
                    came_month__isnull=False,
                    first_came_at__isnull=False,
                    last_came_at__gte=F("first_came_at"),
                ),
            )
        ]
        indexes = [models.Index(fields=["group", "came_month"], name="outcomes_presence_group")]

    def __str__(self) -> str:
        return f"Presence of {self.membership_id}"


class Stay(models.Model):
    """One episode of coming (`statistics.episodes`), kept as `Presence` is."""

    class Outcome(models.IntegerChoices):
        CENSORED = 0, "Still comes, as far as is known"
        DROPOUT = 1, "Left, or stopped coming"
        COMPLETION = 2, "Finished the course"

    id = models.BigAutoField(primary_key=True)
    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, null=True, related_name="stays"
    )
    group = models.ForeignKey(SupportGroup, on_delete=models.CASCADE, related_name="+")
    #: 0 is the first; each return after a break has the next number.
    number = models.PositiveSmallIntegerField()
    #: The month of the first session the person came to, for returns too.
    month = models.DateField()
    #: Sessions held since the first one of this episode.
    duration = models.PositiveSmallIntegerField()
    outcome = models.PositiveSmallIntegerField(choices=Outcome)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "number"], name="outcomes_stay_once"),
            models.CheckConstraint(
                name="outcomes_stay_outcome_known", condition=Q(outcome__in=[0, 1, 2])
            ),
        ]
        indexes = [models.Index(fields=["group", "month"], name="outcomes_stay_group")]

    def __str__(self) -> str:
        return f"Stay {self.number} of {self.membership_id}"


class Counted(models.Model):
    """How often an organisation's people were counted; what is remembered bears the number."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="counted"
    )
    version = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return f"Version {self.version}"


class Recount(models.Model):
    """That something changed in a group since its people were counted. The database writes it."""

    id = models.BigAutoField(primary_key=True)
    #: No constraint: a row may outlive its group for a moment.
    group = models.ForeignKey(
        SupportGroup, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    def __str__(self) -> str:
        return f"Recount {self.group_id}"


class ProgrammeQuerySet(models.QuerySet["Programme"]):
    def running(self) -> Self:
        """Not ended: to choose for a report."""
        return self.filter(ended_at__isnull=True)


class Programme(models.Model):
    """A named set of an organisation's groups that somebody pays for or asks about together."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="programmes"
    )
    name = models.CharField(max_length=80)
    groups = models.ManyToManyField(SupportGroup, related_name="programmes")
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = ProgrammeQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "organisation",
                Lower("name"),
                condition=Q(ended_at__isnull=True),
                name="outcomes_programme_name_once",
            )
        ]

    def __str__(self) -> str:
        return self.name


class FunderReportQuerySet(models.QuerySet["FunderReport"]):
    def kept(self) -> Self:
        """Not deleted."""
        return self.filter(deleted_at__isnull=True)

    def told(self) -> Self:
        """Whose numbers somebody may have, deleted since or not."""
        return self.filter(inputs__isnull=False)


class FunderReport(models.Model):
    """What a programme did in a period, for whoever pays for it. Made once by the worker.

    `inputs` are counts and sums, never rows of people; `content` is what they say, and the page and
    the PDF are made of it. A deleted report keeps its inputs, because somebody may have a copy and
    subtract it from a later one.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be made"
        MAKING = "making", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Could not be made"

    MOVES = {
        # Killed halfway, it is taken up again; new words are set anew.
        State.WAITING: {State.MAKING},
        State.MAKING: {State.READY, State.FAILED},
        State.READY: {State.WAITING},
        State.FAILED: {State.WAITING},
    }

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="funder_reports"
    )
    #: Empty for all groups of the organisation.
    programme = models.ForeignKey(
        Programme, on_delete=models.SET_NULL, null=True, blank=True, related_name="reports"
    )
    #: As it was called then.
    programme_name = models.CharField(max_length=80, blank=True)
    #: The groups it was about then; names stand in the inputs.
    group_ids = ArrayField(models.UUIDField())
    #: Of the groups: two programmes with the same groups are one thing to report on.
    scope = models.CharField(max_length=64)
    first_day = models.DateField()
    last_day = models.DateField()
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    #: How many of the steps are done.
    step = models.PositiveSmallIntegerField(default=0)
    #: In the coordinator's own words.
    introduction = models.TextField(blank=True)
    learnt = models.TextField(blank=True)
    inputs = models.JSONField(null=True, blank=True)
    #: SHA-256 of the inputs.
    fingerprint = models.CharField(max_length=64, blank=True)
    #: Version of the way from inputs to content.
    method = models.PositiveSmallIntegerField(default=1)
    content = models.JSONField(null=True, blank=True)
    pdf = models.BinaryField(null=True, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    made_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the worker last wrote how far it is: one that stopped is taken up again.
    touched_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = FunderReportQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "scope", "first_day", "last_day"],
                condition=Q(deleted_at__isnull=True),
                name="outcomes_funderreport_once",
            ),
            models.CheckConstraint(
                name="outcomes_funderreport_state_known",
                condition=Q(state__in=["waiting", "making", "ready", "failed"]),
            ),
            models.CheckConstraint(
                name="outcomes_funderreport_days_in_order",
                condition=Q(last_day__gte=F("first_day")),
            ),
            models.CheckConstraint(
                name="outcomes_funderreport_ready_is_whole",
                condition=~Q(state="ready")
                | Q(deleted_at__isnull=False)
                | Q(
                    inputs__isnull=False,
                    content__isnull=False,
                    pdf__isnull=False,
                    ready_at__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme_name or 'All groups'}, {self.first_day} to {self.last_day}"


class Analysis(models.Model):
    """Whether x goes along with y by way of m: asked once, made by the worker, kept as it was.

    x, m and y are keys of measures ("phq-9", "phq-4:anxiety"). `until` is the month from which on
    answers do not count, so that the same question gives the same figures again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting to be made"
        WORKING = "working", "Being made"
        DONE = "done", "Made"
        FAILED = "failed", "Not possible"

    MOVES = {
        State.WAITING: {State.WORKING},
        State.WORKING: {State.DONE, State.FAILED},
        # Answers that were deleted or withdrawn are in no figure any more.
        State.DONE: {State.WAITING},
        State.FAILED: {State.WAITING},
    }

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="analyses"
    )
    x = models.CharField(max_length=80)
    m = models.CharField(max_length=80)
    y = models.CharField(max_length=80)
    until = models.DateField()
    seed = models.PositiveIntegerField(default=0)
    resamples = models.PositiveIntegerField(default=5000)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    #: Resamples drawn so far.
    progress = models.PositiveIntegerField(default=0)
    #: What the scores were, as a hash: the same one gives the same result.
    fingerprint = models.CharField(max_length=64, blank=True)
    #: Paths, limits, n and how it was made (`outcomes.analysing.Result`).
    result = models.JSONField(default=dict, blank=True)
    #: In words, when it could not be made.
    problem = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: When the worker last wrote, or last saw that the scores are still the same.
    touched_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "x", "m", "y", "until"], name="outcomes_analysis_once"
            ),
            models.CheckConstraint(
                name="outcomes_analysis_of_three",
                condition=~Q(x=F("m")) & ~Q(x=F("y")) & ~Q(m=F("y")),
            ),
            models.CheckConstraint(
                name="outcomes_analysis_state_known",
                condition=Q(state__in=["waiting", "working", "done", "failed"]),
            ),
            models.CheckConstraint(
                name="outcomes_analysis_done_whole",
                condition=~Q(state="done")
                | Q(made_at__isnull=False) & ~Q(fingerprint="") & ~Q(result={}),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.x}, {self.m}, {self.y} until {self.until:%b %Y}"
