"""People, organisations, and who works for which."""

from typing import Any, Self
from unicodedata import normalize

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import UUID7, Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new person. Without a password they sign in by code."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """An operator of the installation: no more access to groups than anybody else."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Others in a group see `display_name` and nothing else."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    email = models.EmailField("e-mail address")
    display_name = models.CharField(max_length=40, blank=True)
    time_zone = models.CharField(max_length=60, default="Europe/London")
    country = models.CharField(max_length=2, default="GB")
    language = models.CharField(max_length=10, default="en-gb")
    reminds_day_before = models.BooleanField(default=True)
    reminds_hour_before = models.BooleanField(default=True)
    #: How long before a session the two reminders are due.
    day_before_minutes = models.PositiveSmallIntegerField(default=24 * 60)
    hour_before_minutes = models.PositiveSmallIntegerField(default=60)
    #: On the person's own clock, over midnight or not. No reminder is sent within them.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    #: Without it no mail about sessions names a group.
    mails_name_groups = models.BooleanField(default=False)
    #: Whether mails about sessions carry an entry for the calendar.
    mails_carry_entries = models.BooleanField(default=True)
    #: Whether a kind word comes after two sessions missed in a row.
    mails_after_missed = models.BooleanField(default=True)
    #: Whether a note comes after each session they were at.
    mails_after_session = models.BooleanField(default=True)
    #: Whether a mail comes when questions wait for answers.
    mails_with_questions = models.BooleanField(default=True, db_default=True)
    #: Opens the links that stop mails. A new one ends the links of all mails so far.
    mails_key = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    #: When a mail said that the account goes because nobody uses it. Over with the next sign-in.
    unused_told_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(default=timezone.now)
    #: By when somebody whose role asks for a second factor, and who has none, has to add one.
    second_factor_due_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="accounts_user_email_unique",
                violation_error_message="There is an account with this address already.",
            ),
            models.CheckConstraint(
                name="accounts_user_quiet_hours_whole",
                condition=models.Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False)
                & ~models.Q(quiet_from=models.F("quiet_until")),
            ),
            models.CheckConstraint(
                name="accounts_user_reminders_apart",
                condition=models.Q(day_before_minutes__gte=360, day_before_minutes__lte=4320)
                & models.Q(hour_before_minutes__gte=15, hour_before_minutes__lte=180),
            ),
        ]

    def __str__(self) -> str:
        return self.public_name

    @property
    def public_name(self) -> str:
        """The name that others may see, also before one was chosen."""
        return self.display_name or "Someone new"

    @property
    def second_factor_is_overdue(self) -> bool:
        """Whether staff's pages are closed until they add a second factor."""
        due_at = self.second_factor_due_at
        return due_at is not None and due_at <= timezone.now()

    def get_username(self) -> str:
        return self.email

    def set_password(self, raw_password: str | None) -> None:
        """Keep it as the same letters, however a keyboard composes them."""
        super().set_password(raw_password and normalize("NFKC", raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is theirs, however a keyboard composes its letters."""
        return super().check_password(raw_password and normalize("NFKC", raw_password))


class Organisation(models.Model):
    """A charity, clinic or network that runs groups. Its coordinators see no other's."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    country = models.CharField(max_length=2, default="GB")
    time_zone = models.CharField(max_length=60, default="Europe/London")
    #: How soon a person in the organisation answers an application, in hours.
    answers_within_hours = models.PositiveSmallIntegerField(default=48)
    #: Counts below this are hidden inside the organisation.
    smallest_cell = models.PositiveSmallIntegerField(default=5)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="accounts_organisation_smallest_cell", condition=models.Q(smallest_cell__gte=5)
            )
        ]

    def __str__(self) -> str:
        return self.name


class StaffRoleQuerySet(models.QuerySet["StaffRole"]):
    def coordinators(self) -> Self:
        return self.filter(role=StaffRole.Role.COORDINATOR)

    def facilitators(self) -> Self:
        return self.filter(role=StaffRole.Role.FACILITATOR)

    def may_lead(self) -> Self:
        """Roles whose people can lead groups."""
        return self.filter(role__in=[StaffRole.Role.FACILITATOR, StaffRole.Role.COORDINATOR])

    def not_signed_in(self) -> Self:
        """Of people who were asked and have not signed in since."""
        return self.filter(
            models.Q(user__last_login__isnull=True)
            | models.Q(user__last_login__lt=models.F("asked_at")),
            asked_at__isnull=False,
        )

    def agreed(self) -> Self:
        """Of people who signed in since they were asked: others have agreed to nothing yet."""
        return self.exclude(pk__in=StaffRole.objects.not_signed_in().values("pk"))


class StaffRole(models.Model):
    """What a person does in an organisation, and what visitors may know of their preparation."""

    class Role(models.TextChoices):
        COORDINATOR = "coordinator", "Coordinator"
        SUPERVISOR = "supervisor", "Supervisor"
        FACILITATOR = "facilitator", "Facilitator"

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="staff_roles")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="staff_roles"
    )
    role = models.CharField(max_length=12, choices=Role)
    #: Shown on the group's page, for example "Leading groups (24 hours), suicide awareness".
    training = models.CharField(max_length=200, blank=True)
    checked_on = models.DateField(null=True, blank=True)
    supervision = models.CharField(max_length=200, blank=True)
    #: Who is told first when somebody needs more support: 1 is first, empty is not on call.
    on_call_position = models.PositiveSmallIntegerField(null=True, blank=True)
    #: When a coordinator asked the person; empty if whoever runs the site gave the role.
    asked_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = StaffRoleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="accounts_staffrole_role_known",
                condition=models.Q(role__in=["coordinator", "supervisor", "facilitator"]),
            ),
            models.UniqueConstraint(
                fields=["user", "organisation", "role"], name="accounts_staffrole_once"
            ),
            models.UniqueConstraint(
                fields=["organisation", "on_call_position"],
                condition=models.Q(on_call_position__isnull=False),
                name="accounts_staffrole_on_call_once",
            ),
            models.CheckConstraint(
                name="accounts_staffrole_told_after_asked",
                condition=models.Q(told_at__isnull=True) | models.Q(asked_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} at {self.organisation}"

    @property
    def figure_seed(self) -> str:
        """Their drawn figure is the same all over the organisation, and another one elsewhere."""
        return f"{self.organisation_id}:{self.user_id}"

    @property
    def has_signed_in(self) -> bool:
        """Whether the person has come since they were asked. `not_signed_in()` is the opposite."""
        if self.asked_at is None:
            return True
        return self.user.last_login is not None and self.user.last_login >= self.asked_at


class ConsentQuerySet(models.QuerySet["Consent"]):
    def standing(self) -> Self:
        """Given and not withdrawn."""
        return self.filter(given_at__isnull=False, withdrawn_at__isnull=True)


class Consent(models.Model):
    """What a person agreed to, or said no to, in which wording.

    The database lets nothing change but the moment of withdrawal, once. Agreeing again is a new
    row. Only the erasing of the person's own data removes rows (`supportgroups.lib.erasing`).
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents")
    #: Empty where it is about all of the site.
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="consents"
    )
    #: A key of `accounts.consents.PURPOSES`.
    purpose = models.CharField(max_length=40)
    #: Of the purpose's wording.
    version = models.PositiveSmallIntegerField()
    #: Empty where somebody said no to what holds for everybody who says nothing.
    given_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "purpose", "organisation"],
                condition=models.Q(withdrawn_at__isnull=True),
                nulls_distinct=False,
                name="accounts_consent_stands_once",
            ),
            models.CheckConstraint(
                name="accounts_consent_purpose_known",
                condition=models.Q(
                    purpose__in=[
                        "ask_after_leaving",
                        "count_my_answers",
                        "share_answers_between_groups",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="accounts_consent_says_something",
                condition=models.Q(given_at__isnull=False) | models.Q(withdrawn_at__isnull=False),
            ),
            models.CheckConstraint(
                name="accounts_consent_withdrawn_after_given",
                condition=models.Q(withdrawn_at__gte=models.F("given_at"))
                | models.Q(withdrawn_at__isnull=True)
                | models.Q(given_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}, version {self.version}"


class DataExport(models.Model):
    """A person's copy of everything held about them: made in the worker, there for two days.

    One row a person: a new copy takes the place of the old one.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="data_export")
    #: Part of its address: a new copy has another one.
    nonce = models.CharField(max_length=32)
    asked_at = models.DateTimeField(default=timezone.now)
    #: A worker makes it. One that was killed leaves a claim that runs out.
    claimed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    #: A ZIP file, encrypted and bound to this row.
    content = models.BinaryField(null=True, blank=True)
    #: Bytes of the ZIP file.
    size = models.PositiveIntegerField(default=0)
    #: When the mail that it is ready went out.
    told_at = models.DateTimeField(null=True, blank=True)
    told_attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="accounts_dataexport_made_whole",
                condition=models.Q(
                    made_at__isnull=True, expires_at__isnull=True, content__isnull=True
                )
                | models.Q(
                    made_at__isnull=False,
                    expires_at__gt=models.F("made_at"),
                    content__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"Copy of {self.asked_at:%Y-%m-%d}"


class BrowserSessionQuerySet(models.QuerySet["BrowserSession"]):
    def running(self) -> Self:
        """Not run out."""
        return self.filter(expires_at__gt=timezone.now())


class BrowserSession(models.Model):
    """What the site remembers of one browser. With a person in it, it is a sign-in.

    `accounts/browser_sessions.py` reads and writes it. Renewing its key leaves the row, so that
    open rooms, which know it by `id`, go on.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    #: SHA-256 of the key in the browser's cookie: who reads this table can sign in as nobody.
    key_digest = models.CharField(max_length=64, unique=True)
    data = models.TextField()
    #: When nobody may use it any more, unless it is used before: never later than its limits say.
    expires_at = models.DateTimeField(db_index=True)
    #: Empty for a visitor.
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="browser_sessions"
    )
    #: When the person signed in, or the visitor came.
    began_at = models.DateTimeField()
    #: Within a minute.
    used_at = models.DateTimeField()
    #: In words, for example "Firefox on Android". Neither address nor place is kept.
    device = models.CharField(max_length=60, blank=True)
    #: The person said that others use the device too.
    is_shared = models.BooleanField(default=False)
    #: Somebody who works for an organisation: shorter limits.
    is_of_staff = models.BooleanField(default=False)
    #: The person's rights changed: the next request gets another key.
    is_to_renew = models.BooleanField(default=False)
    #: The person does not know yet that a new device signed in.
    is_to_tell = models.BooleanField(default=False)

    objects = BrowserSessionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="accounts_browsersession_tells_somebody",
                condition=models.Q(is_to_tell=False) | models.Q(user__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.device or "A browser"
