"""A person signs that a summary may be made, hands it over themselves, and takes it back."""

from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from audit.trail import record
from outcomes.models import Disclosure, DisclosureFile


def end_disclosures(
    *, disclosures: QuerySet[Disclosure], why: str, by: User | None, at: datetime
) -> int:
    """End consents and delete their files, in the caller's transaction; returns how many."""
    found = list(Disclosure.objects.select_for_update().filter(pk__in=disclosures.values("pk")))
    DisclosureFile.objects.filter(disclosure__in=found).delete()
    for disclosure in found:
        disclosure.ended_at, disclosure.ended_why = at, why
        disclosure.save(update_fields=["ended_at", "ended_why"])
        record("disclosure.ended", by=by, on=disclosure, at=at, why=why)
    return len(found)
