"""Adds to the trail."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone

from audit.models import Event

_origin: ContextVar[str] = ContextVar("audit_origin", default=Event.Origin.COMMAND)


@contextmanager
def origin(value: str) -> Iterator[None]:
    """Say where everything inside this block comes from (one of `Event.Origin`)."""
    token = _origin.set(value)
    try:
        yield
    finally:
        _origin.reset(token)


def record(
    verb: str,
    *,
    by: models.Model | None,
    on: models.Model,
    organisation: UUID | None = None,
    at: datetime | None = None,
    **data: Any,
) -> Event:
    """Write one event in the transaction of the change it tells of.

    `by` is the person, or None for the clock. `data` holds states and codes, never health data.
    """
    return Event.objects.create(
        occurred_at=at or timezone.now(),
        verb=verb,
        actor_id=by.pk if by is not None else None,
        organisation_id=organisation,
        object_type=on._meta.label,
        object_id=on.pk,
        origin=_origin.get(),
        data=data,
    )


def record_each(
    verb: str,
    *,
    by: models.Model | None,
    on: Iterable[models.Model],
    organisation: UUID | None = None,
    at: datetime | None = None,
    **data: Any,
) -> None:
    """The same event on each of many rows, written at once."""
    at = at or timezone.now()
    Event.objects.bulk_create(
        (
            Event(
                occurred_at=at,
                verb=verb,
                actor_id=by.pk if by is not None else None,
                organisation_id=organisation,
                object_type=row._meta.label,
                object_id=row.pk,
                origin=_origin.get(),
                data=data,
            )
            for row in on
        ),
        batch_size=2000,
    )
