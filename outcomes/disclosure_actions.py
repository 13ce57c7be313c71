"""A person signs that a summary may be made, hands it over themselves, and takes it back."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from outcomes import disclosure_rules, tasks
from outcomes.models import Disclosure, DisclosureFile
from outcomes.summaries import summary_of
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused


def _locked(disclosure: Disclosure) -> Disclosure:
    return (
        Disclosure.objects.select_for_update(of=("self",))
        .select_related("user")
        .get(pk=disclosure.pk)
    )


@transaction.atomic
def begin_disclosure(*, by: User, at: datetime | None = None, **fields: Any) -> Disclosure:
    """Keep what somebody chose, before they look at it and sign. `fields` are of `Disclosure`."""
    at = at or timezone.now()
    disclosure = Disclosure.objects.create(user=by, begun_at=at, **fields)
    record("disclosure.begun", by=by, on=disclosure, at=at)
    return disclosure


@transaction.atomic
def change_disclosure(
    *, disclosure: Disclosure, by: User, at: datetime | None = None, **fields: Any
) -> Disclosure:
    """Choose something else while nothing is signed. Raises `Refused` afterwards."""
    disclosure = _locked(disclosure)
    disclosure_rules.check_is_draft(by, disclosure)
    for name, value in fields.items():
        setattr(disclosure, name, value)
    disclosure.save(update_fields=list(fields))
    record("disclosure.changed", by=by, on=disclosure, at=at, fields=sorted(fields))
    return disclosure


@transaction.atomic
def sign_disclosure(
    *,
    disclosure: Disclosure,
    signature: str,
    fingerprint: str,
    by: User,
    at: datetime | None = None,
) -> Disclosure:
    """Sign exactly what was shown, and have it made. Signing twice is signing once.

    `fingerprint` is that of the summary the person looked at. Raises `Refused` when something
    else would be signed by now.
    """
    at = at or timezone.now()
    disclosure = _locked(disclosure)
    if disclosure.user_id == by.pk and disclosure.signed_at is not None:
        return disclosure
    disclosure_rules.check_is_draft(by, disclosure)
    shown = summary_of(disclosure, at=at)
    if shown.is_empty:
        raise Refused("empty", "There is nothing in this summary. Choose more.")
    if shown.fingerprint != fingerprint:
        raise Refused(
            "changed", "Something in it has changed since you looked. Please look again, then sign."
        )
    if disclosure_rules.last_day_is_over(disclosure, at=at):
        raise Refused("over", "Its last day is over. Choose another end.")
    disclosure.responses.set([each.response for each in shown.check_ins])
    disclosure.signature, disclosure.signed_at = signature, at
    disclosure.version = disclosure_rules.VERSION
    disclosure.terms = [list(term) for term in shown.terms]
    disclosure.save(update_fields=["signature", "signed_at", "version", "terms"])
    record("disclosure.signed", by=by, on=disclosure, at=at, version=disclosure.version)
    later(tasks.make_summary, disclosure.pk)
    return disclosure


@transaction.atomic
def revoke_disclosure(*, disclosure: Disclosure, by: User, at: datetime | None = None) -> None:
    """Take it back: the files are deleted at once. Doing it twice is doing it once."""
    if disclosure.user_id != by.pk:
        raise Refused("not_yours", "Only the person it is about can do this.")
    end_disclosures(
        disclosures=Disclosure.objects.filter(pk=disclosure.pk),
        why=Disclosure.Ended.REVOKED,
        by=by,
        at=at or timezone.now(),
    )


@transaction.atomic
def end_disclosures(
    *, disclosures: QuerySet[Disclosure], why: str, by: User | None, at: datetime
) -> int:
    """End those that stand and delete their files; returns how many."""
    found = list(
        Disclosure.objects.standing()
        .select_for_update()
        .filter(pk__in=disclosures.order_by().values("pk"))
        .order_by("pk")
    )
    DisclosureFile.objects.filter(disclosure__in=found).delete()
    for disclosure in found:
        disclosure.ended_at, disclosure.ended_why = at, why
        disclosure.save(update_fields=["ended_at", "ended_why"])
        record("disclosure.ended", by=by, on=disclosure, at=at, why=why)
    return len(found)


@transaction.atomic
def end_expired(*, by: User | None, at: datetime | None = None) -> int:
    """End what is over, by each person's own clock."""
    at = at or timezone.now()
    over = [each.pk for each in disclosure_rules.disclosures_over(at=at)]
    return end_disclosures(
        disclosures=Disclosure.objects.filter(pk__in=over),
        why=Disclosure.Ended.EXPIRED,
        by=by,
        at=at,
    )


@transaction.atomic
def hand_out(*, disclosure: Disclosure, kind: str, by: User, at: datetime | None = None) -> bytes:
    """The file for the person to hand over; each time stands in the trail."""
    found = disclosure_rules.check_may_download(by, disclosure, kind, at=at)
    record("disclosure.downloaded", by=by, on=disclosure, at=at, kind=kind)
    return bytes(found.content)
