"""Questionnaires as they were when people answered them."""

from django.db import models
from django.db.models.functions import UUID7
from django.utils import timezone

from instruments.schema import Definition, parse


class InstrumentQuerySet(models.QuerySet["Instrument"]):
    def newest(self, code: str, *, language: str = "en") -> "Instrument":
        """The row to use for a new answer sheet. Raises `Instrument.DoesNotExist`."""
        rows: list[Instrument] = list(self.filter(code=code, language=language))
        if not rows:
            raise Instrument.DoesNotExist(f"{code} in {language} is not loaded.")
        # Versions are counted, so "10" comes after "9".
        return max(rows, key=Instrument.number)


class Instrument(models.Model):
    """One version of one questionnaire in one language.

    The row never changes (the database refuses it): answers point to it, and it says what was asked
    and how it was scored. A correction is a new version.
    """

    id = models.UUIDField(primary_key=True, db_default=UUID7(), editable=False)
    code = models.SlugField(max_length=40)
    version = models.CharField(max_length=10)
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=120)
    #: The content of the definition file, as `instruments.schema` knows it.
    definition = models.JSONField()
    licence = models.TextField()
    source = models.TextField()
    loaded_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = InstrumentQuerySet.as_manager()

    class Meta:
        ordering = ["code", "language", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["code", "version", "language"],
                name="instruments_instrument_version_unique",
            ),
            models.CheckConstraint(
                name="instruments_instrument_version_counted",
                condition=models.Q(version__regex=r"^[1-9][0-9]*$"),
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
