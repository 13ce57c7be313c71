"""What an operator does with instruments."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from instruments import catalogue
from instruments.models import Instrument


class PublishedVersionChanged(Exception):
    """A shipped definition differs from the stored one of the same version."""


@transaction.atomic
def load_definitions(*, by: User | None = None, at: datetime | None = None) -> list[Instrument]:
    """Store every shipped definition that is not stored yet and return the new rows.

    Run again, it stores nothing. Raises `PublishedVersionChanged`, and stores nothing, when the
    content of a stored version was edited: answers already point to it.
    """
    at = at or timezone.now()
    loaded = []
    for definition, content in catalogue.all_contents():
        # Two starts at once: the second waits on the unique constraint and then finds the row.
        instrument, created = Instrument.objects.get_or_create(
            organisation=None,
            code=definition.code,
            version=definition.version,
            language=definition.language,
            defaults={
                "title": definition.title,
                "definition": content,
                "licence": definition.licence.notice,
                "terms": definition.licence.terms,
                "source": definition.licence.source,
                "loaded_at": at,
            },
        )
        if not created and instrument.definition != content:
            raise PublishedVersionChanged(
                f"{definition.code} version {definition.version} ({definition.language}) is stored "
                "with other content. Leave it as it was, and give the correction a new version."
            )
        if created:
            record(
                "instrument.loaded",
                by=by,
                on=instrument,
                at=at,
                code=definition.code,
                version=definition.version,
                language=definition.language,
            )
            loaded.append(instrument)
    return loaded
