"""Questionnaires as they were when people answered them."""

from datetime import date
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import UUID7, Cast
from django.utils import timezone

from accounts.models import Organisation
from instruments.schema import Administration, Definition, parse


class InstrumentQuerySet(models.QuerySet["Instrument"]):
    def shipped(self) -> Self:
        """What comes with the software, for everybody."""
        return self.filter(organisation__isnull=True)

    def known_to(self, organisation: Organisation) -> Self:
        """What is shipped, and the organisation's own."""
        return self.filter(Q(organisation__isnull=True) | Q(organisation=organisation))

    def usable_by(self, organisation: Organisation, *, on: date) -> Self:
        """Every version that the organisation may ask on this day."""
        accepted = TermsAcceptance.objects.in_force().filter(
            organisation=organisation, code=OuterRef("code"), terms=OuterRef("terms")
        )
        licensed = Licence.objects.holding(on).filter(
            organisation=organisation, code=OuterRef("code")
        )
        shipped = Q(organisation__isnull=True) & (Q(terms="") | Q(Exists(accepted)))
        return self.filter(shipped | Q(Exists(licensed), organisation=organisation))

    def for_forms(self) -> Self:
        """Without those that only a trained person may ask."""
        return self.exclude(definition__contains={"administration": Administration.BY_A_PERSON})

    def newest_of_each(self) -> Self:
        """The newest version of each code and language among these, by title."""
        each = ("organisation", "code", "language")
        rows = self.annotate(counted=Cast("version", models.BigIntegerField()))
        newest = rows.order_by(*each, "-counted").distinct(*each)
        # Of its own, so that further conditions do not choose another version.
        return self.filter(pk__in=newest.values("pk")).order_by("title")

    def newest(self, code: str, *, language: str = "en") -> "Instrument":
        """The shipped row to use for a new answer sheet. Raises `Instrument.DoesNotExist`."""
        rows: list[Instrument] = list(self.shipped().filter(code=code, language=language))
        if not rows:
            raise Instrument.DoesNotExist(f"{code} in {language} is not loaded.")
        # Versions are counted, so "10" comes after "9".
        return max(rows, key=Instrument.number)


class Instrument(models.Model):
    """One version of one questionnaire in one language.

    The row never changes (the database refuses it): answers point to it, and it says what was asked
    and how it was scored. A correction is a new version.

    One that belongs to an `organisation` is its own wording under a licence that it holds, and
    nobody else's. Shipped ones belong to nobody; those with `terms` wait until they are accepted.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="instruments",
    )
    code = models.SlugField(max_length=40)
    version = models.CharField(max_length=10)
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=120)
    #: The content of the definition file, as `instruments.schema` knows it.
    definition = models.JSONField()
    licence = models.TextField()
    #: What an organisation accepts before it asks this; empty for open ones.
    terms = models.TextField(blank=True, default="")
    source = models.TextField()
    loaded_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = InstrumentQuerySet.as_manager()

    class Meta:
        ordering = ["code", "language", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "code", "version", "language"],
                nulls_distinct=False,
                name="instruments_instrument_version_unique",
            ),
            models.CheckConstraint(
                name="instruments_instrument_version_counted",
                condition=Q(version__regex=r"^[1-9][0-9]*$"),
            ),
            models.CheckConstraint(
                name="instruments_instrument_own_has_no_terms",
                condition=Q(organisation__isnull=True) | Q(terms=""),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def number(self) -> int:
        """The version as a number to compare."""
        return int(self.version)

    def parsed(self) -> Definition:
        """The definition as data to show and to score with."""
        return parse(self.definition, origin=f"{self.code} version {self.version}")


class TermsAcceptanceQuerySet(models.QuerySet["TermsAcceptance"]):
    def in_force(self) -> Self:
        return self.filter(withdrawn_at__isnull=True)


class TermsAcceptance(models.Model):
    """That somebody accepted, for an organisation, the terms of a questionnaire as they read then.

    Other terms in a later version are accepted anew.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="terms_acceptances"
    )
    code = models.SlugField(max_length=40)
    #: The very text that was shown.
    terms = models.TextField()
    accepted_at = models.DateTimeField(default=timezone.now)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = TermsAcceptanceQuerySet.as_manager()

    class Meta:
        ordering = ["accepted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "code"],
                condition=Q(withdrawn_at__isnull=True),
                name="instruments_termsacceptance_one_in_force",
            ),
            models.CheckConstraint(
                name="instruments_termsacceptance_says_what", condition=~Q(terms="")
            ),
            models.CheckConstraint(
                name="instruments_termsacceptance_withdrawn_by_somebody",
                condition=Q(withdrawn_by__isnull=True) | Q(withdrawn_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Terms of {self.code} at {self.organisation}"


class LicenceQuerySet(models.QuerySet["Licence"]):
    def on_record(self) -> Self:
        """The latest word on each; it may have run out."""
        return self.filter(ended_at__isnull=True)

    def holding(self, on: date) -> Self:
        """Those that allow a use on this day."""
        return self.on_record().filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=on), granted_on__lte=on
        )


class Licence(models.Model):
    """What an organisation recorded of the licence that lets it use somebody's questionnaire."""

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="licences"
    )
    #: The instrument's, whatever its version.
    code = models.SlugField(max_length=40)
    #: Who owns the questionnaire and gave the licence.
    owner = models.CharField(max_length=200)
    granted_on = models.DateField()
    #: The last day; empty where there is none.
    valid_until = models.DateField(null=True, blank=True)
    #: Which uses it allows.
    scope = models.TextField()
    #: Where the proof is: a reference or the text itself.
    evidence = models.TextField()
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    #: When it was taken back, or replaced by another.
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = LicenceQuerySet.as_manager()

    class Meta:
        ordering = ["recorded_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "code"],
                condition=Q(ended_at__isnull=True),
                name="instruments_licence_one_on_record",
            ),
            models.CheckConstraint(
                name="instruments_licence_complete",
                condition=~Q(owner="") & ~Q(scope="") & ~Q(evidence=""),
            ),
            models.CheckConstraint(
                name="instruments_licence_until_after_granted",
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=models.F("granted_on")),
            ),
            models.CheckConstraint(
                name="instruments_licence_ended_by_somebody",
                condition=Q(ended_by__isnull=True) | Q(ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Licence of {self.code} at {self.organisation}"

    def holds(self, on: date) -> bool:
        """Whether it allows a use on this day. `holding()` is the same for many."""
        return (
            self.ended_at is None
            and self.granted_on <= on
            and (self.valid_until is None or on <= self.valid_until)
        )
