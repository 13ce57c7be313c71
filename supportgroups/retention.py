"""The purge: what has outlived `docs/data-retention.yaml` goes, a batch at a time.

Each batch is a transaction of its own: nothing is locked for long, and whatever stops the purge
leaves whole rows. What is left waits for the next night.
"""

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.apps import apps
from django.db import models, transaction
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from supportgroups.lib.lifetimes import Keep, keeps, register

logger = logging.getLogger(__name__)

#: Rows of one transaction, with whatever goes along with them; fewer where each takes some work.
BATCH, LABOUR = 500, 50


def rows_due(keep: Keep, at: datetime) -> QuerySet[Any]:
    """The rows whose time is over by one clock."""
    model = apps.get_model(keep.label)
    before = at - keep.lasts
    rows: QuerySet[Any]
    if keep.rule:
        rows = import_string(keep.rule)(before)
    else:
        rows = model._default_manager.filter(**{f"{keep.since}__lt": before})
    if keep.clears:
        rows = rows.exclude(Q(**_emptied(keep)))
    return rows


def _emptied(keep: Keep) -> dict[str, Any]:
    model = apps.get_model(keep.label)
    fields = [model._meta.get_field(name) for name in keep.clears]
    return {field.name: None if field.null else "" for field in fields}


def _depth(model: type[models.Model]) -> int:
    """How many rows above this one could take it along."""
    above = [
        _depth(field.related_model)
        for field in model._meta.concrete_fields
        if field.is_relation
        and field.remote_field.on_delete is models.CASCADE  # type: ignore[union-attr]
        and isinstance(field.related_model, type)
        and field.related_model is not model
    ]
    return 1 + max(above, default=0)


def clocks() -> list[Keep]:
    """Every clock of the register. What could go along with another row comes before it, so that
    each row counts where its own time is over."""
    found = [keep for label in register() for keep in keeps(label) if keep.is_clock]
    return sorted(found, key=lambda keep: -_depth(apps.get_model(keep.label)))


# What would go ------------------------------------------------------------------------------------


@dataclass
class Due:
    """How many rows of one table have outlived one line of the register, and since when."""

    keep: Keep
    rows: int
    oldest: datetime | None

    @property
    def what(self) -> str:
        cleared = f" ({', '.join(self.keep.clears)})" if self.keep.clears else ""
        return f"{self.keep.label}{cleared}"


def what_is_due(*, at: datetime | None = None) -> Iterator[Due]:
    """What the purge would take at this moment. Nobody is named, nothing is changed."""
    at = at or timezone.now()
    for keep in clocks():
        counted = rows_due(keep, at).order_by()
        yield Due(keep, **counted.aggregate(rows=Count("pk"), oldest=Min(keep.since)))


# What goes ----------------------------------------------------------------------------------------


@dataclass
class Purged:
    """How many rows of one table went, how many could not, and whether any are left."""

    keep: Keep
    rows: int = 0
    refused: int = 0
    is_done: bool = False


@transaction.atomic
def _take(keep: Keep, rows: QuerySet[Any]) -> int:
    if keep.then:
        gone: int = import_string(keep.then)(rows)
        return gone
    if keep.clears:
        return rows.update(**_emptied(keep))
    return rows.delete()[1].get(keep.label, 0)


class _Purge:
    """One clock at its work. It goes along the keys, so a row that cannot go never holds it up."""

    def __init__(self, keep: Keep, at: datetime) -> None:
        self.keep, self.at = keep, at
        self.purged = Purged(keep)
        self._last: Any = None

    def batch(self) -> None:
        rows, size = rows_due(self.keep, self.at), LABOUR if self.keep.then else BATCH
        if self._last is not None:
            rows = rows.filter(pk__gt=self._last)
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[:size])
        if keys:
            self._last = keys[-1]
            self._take_all(keys)
        self.purged.is_done = len(keys) < size

    def _take_all(self, keys: list[Any]) -> None:
        try:
            self.purged.rows += self._take_some(keys)
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            if len(keys) == 1:
                self.purged.refused += 1
                logger.exception("purge.row_refused", extra={"table": self.keep.label})
                return
            # Whatever is wrong with one of them never keeps the others.
            middle = len(keys) // 2
            self._take_all(keys[:middle])
            self._take_all(keys[middle:])

    def _take_some(self, keys: list[Any]) -> int:
        # The rule again: somebody may have changed the row since.
        return _take(self.keep, rows_due(self.keep, self.at).filter(pk__in=keys))


def purge(*, at: datetime | None = None, seconds: float | None = None) -> list[Purged]:
    """Take whatever is due, in turns of one batch a table, until all is done or the time is over.

    The log says how many rows of which table, never whose.
    """
    at = at or timezone.now()
    ends = None if seconds is None else monotonic() + seconds
    at_work = [_Purge(keep, at) for keep in clocks()]
    waiting = deque(at_work)
    while waiting and (ends is None or monotonic() < ends):
        each = waiting.popleft()
        try:
            each.batch()
        except SoftTimeLimitExceeded:
            raise
        except Exception:
            logger.exception("purge.part_failed", extra={"table": each.keep.label})
            continue
        if not each.purged.is_done:
            waiting.append(each)
    for each in at_work:
        if each.purged.rows:
            logger.info("purge.gone", extra={"table": each.keep.label, "rows": each.purged.rows})
    if waiting:
        logger.warning("purge.unfinished", extra={"tables": [each.keep.label for each in waiting]})
    return [each.purged for each in at_work]
