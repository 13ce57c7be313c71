"""Which copy a person has, how far it is, and until when. Asks, never writes."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import DataExport, User
from accounts.rules import Viewer
from supportgroups.lib.lifetimes import lifetime

#: A copy is there for so long.
KEPT = lifetime("accounts.DataExport")
#: A worker that has not made it by then was killed.
CLAIM_LASTS = timedelta(minutes=6)
MOST_ATTEMPTS = 3

_signer = Signer(salt="my_data.copy", sep="~")


class State(StrEnum):
    """How far a copy is."""

    ASKED = "asked"
    BEING_MADE = "being_made"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


def state_of(export: DataExport, *, at: datetime | None = None) -> State:
    at = at or timezone.now()
    if export.made_at is not None and export.expires_at is not None:
        return State.READY if at < export.expires_at else State.EXPIRED
    if export.claimed_at is not None and export.claimed_at >= at - CLAIM_LASTS:
        return State.BEING_MADE
    return State.FAILED if export.attempts >= MOST_ATTEMPTS else State.ASKED


def export_of(user: Viewer) -> DataExport | None:
    """The person's own, without what is in it."""
    if not user.is_authenticated:
        return None
    return DataExport.objects.filter(user=user).defer("content").first()


def exports_to_make(*, at: datetime | None = None) -> QuerySet[DataExport]:
    """Those that nobody is making at this moment."""
    at = at or timezone.now()
    return DataExport.objects.filter(
        Q(claimed_at__isnull=True) | Q(claimed_at__lt=at - CLAIM_LASTS),
        made_at__isnull=True,
        attempts__lt=MOST_ATTEMPTS,
        user__is_active=True,
    ).order_by("asked_at")


def exports_to_tell(*, at: datetime | None = None) -> QuerySet[DataExport]:
    """Ready ones of which the person was not told yet."""
    return DataExport.objects.filter(
        made_at__isnull=False,
        expires_at__gt=at or timezone.now(),
        told_at__isnull=True,
        told_attempts__lt=MOST_ATTEMPTS,
        user__is_active=True,
    ).order_by("made_at")


def exports_expired(*, at: datetime | None = None) -> QuerySet[DataExport]:
    """Those whose time is over, and those that could not be made and nobody asked for again."""
    at = at or timezone.now()
    return DataExport.objects.filter(
        Q(expires_at__lte=at) | Q(made_at__isnull=True, asked_at__lte=at - KEPT)
    )


def token_of(export: DataExport) -> str:
    """The part of its address that nobody can guess, and that the table alone does not give."""
    return _signer.sign(f"{export.pk.hex}{export.nonce}")


def export_with(token: str, user: User, *, at: datetime | None = None) -> DataExport | None:
    """The person's own copy at this address, while it is there; nobody else's."""
    try:
        words = _signer.unsign(token)
        pk = UUID(words[:32])
    except (BadSignature, ValueError):
        return None
    return (
        DataExport.objects.filter(
            pk=pk, nonce=words[32:], user=user, expires_at__gt=at or timezone.now()
        )
        .defer("content")
        .first()
    )
