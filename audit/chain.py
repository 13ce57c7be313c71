"""Seals events into one chain of hashes, and finds where it was broken.

Writers never wait for it: events are written without a hash, and the clock seals what has been
committed, one process at a time. What the chain proves and what not:
`docs/decisions/0012-the-trail-is-sealed-by-the-clock.md`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from audit.models import Anchor, Event, Seal, TrailCheck

#: Before the first seal.
BEGINNING = bytes(32)
BATCH = 2000
#: An event is sealed within a minute. One that waits longer says that the clock stands still.
SEALED_WITHIN = timedelta(minutes=10)
#: How far back the minute's look goes for events of transactions that took long. The night looks
#: at all of them.
LOOKS_BACK = timedelta(hours=1)
#: More breaks than this are counted, and not told one by one.
MOST_TOLD = 20
#: PostgreSQL's number of the lock that one sealing holds ("trail").
LOCK = 0x747261696C

_STORED = [
    "id",
    "recorded_at",
    "occurred_at",
    "verb",
    "actor_id",
    "organisation_id",
    "object_type",
    "object_id",
    "origin",
]


class _Row(NamedTuple):
    """An event as the database holds it, `data` in PostgreSQL's own spelling."""

    id: UUID
    recorded_at: datetime
    occurred_at: datetime
    verb: str
    actor_id: UUID | None
    organisation_id: UUID | None
    object_type: str
    object_id: UUID
    origin: str
    data: str


def _as_text(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return None if value is None else str(value)


def _next_hash(before: bytes, row: _Row) -> bytes:
    """SHA-256 over the hash before and every field of the event, as a JSON list of texts."""
    fields = json.dumps([_as_text(value) for value in row], ensure_ascii=False)
    return hashlib.sha256(before + fields.encode()).digest()


def _rows(events: QuerySet[Event]) -> Iterator[_Row]:
    spelt = events.annotate(spelt=Cast("data", TextField()))
    return (_Row(*values) for values in spelt.values_list(*_STORED, "spelt"))


def _unsealed(since: datetime | None) -> QuerySet[Event]:
    events = Event.objects.filter(~Exists(Seal.objects.filter(event_id=OuterRef("pk"))))
    if since is not None:
        # A UUIDv7 begins with its milliseconds, so the key serves as an index of time.
        events = events.filter(pk__gte=UUID(int=int(since.timestamp() * 1000) << 80))
    return events.order_by("pk")


# Sealing ------------------------------------------------------------------------------------------


@transaction.atomic
def _seal_batch(since: datetime | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() == (False,):
            return 0  # another worker is at it
    head = Seal.objects.order_by("-number").first()
    number, newest = (head.number, bytes(head.hash)) if head else (0, BEGINNING)
    seals = []
    for row in _rows(_unsealed(since)[:BATCH]):
        number, newest = number + 1, _next_hash(newest, row)
        seals.append(Seal(number=number, event_id=row.id, hash=newest))
    Seal.objects.bulk_create(seals)
    return len(seals)


def seal_events(*, everything: bool = False) -> int:
    """Seal what was committed since, or whatever has no seal. Returns how many events."""
    head = Seal.objects.order_by("-number").first()
    since = None if everything or head is None else head.sealed_at - LOOKS_BACK
    if not _unsealed(since).exists():
        return 0
    sealed = 0
    while done := _seal_batch(since):
        sealed += done
    return sealed


# Verifying ----------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What a walk along the whole chain found."""

    sealed: int = 0
    head_number: int = 0
    head_hash: bytes = b""
    #: Sentences, the first broken place first, at most `MOST_TOLD`.
    found: list[str] = field(default_factory=list)
    breaks: int = 0

    @property
    def is_whole(self) -> bool:
        return self.breaks == 0

    def tell(self, sentence: str) -> None:
        self.breaks += 1
        if len(self.found) < MOST_TOLD:
            self.found.append(sentence)

    @property
    def head(self) -> str:
        """What to keep elsewhere, and to give to a later verification."""
        return f"{self.head_number}:{self.head_hash.hex()}"


def beginning() -> tuple[int, bytes]:
    """Number and hash of the seal before the first one that is kept."""
    anchor = Anchor.objects.order_by("-number").first()
    return (anchor.number, bytes(anchor.hash)) if anchor else (0, BEGINNING)


def _chain(last: int) -> Iterator[tuple[Seal, _Row | None]]:
    """Each seal after a number with its event, None where there is none, some thousand at a
    time."""
    while seals := list(Seal.objects.filter(number__gt=last).order_by("number")[:BATCH]):
        events = Event.objects.filter(pk__in=[seal.event_id for seal in seals])
        by_id = {row.id: row for row in _rows(events)}
        yield from ((seal, by_id.get(seal.event_id)) for seal in seals)
        last = seals[-1].number


def follow(seals: list[Seal]) -> Seal:
    """The last of the oldest seals, once each was seen to cover its event and the one before.

    Raises `ValueError` where one does not.
    """
    number, before = beginning()
    events = Event.objects.filter(pk__in=[seal.event_id for seal in seals])
    by_id = {row.id: row for row in _rows(events)}
    for seal in seals:
        number, row = number + 1, by_id.get(seal.event_id)
        if row is None or seal.number != number or bytes(seal.hash) != _next_hash(before, row):
            raise ValueError(f"The chain is broken at {number}.")
        before = bytes(seal.hash)
    return seals[-1]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%d %B %Y, %H:%M:%S UTC").lstrip("0")


def _walk(verdict: Verdict, known: dict[int, bytes]) -> None:
    number, before = beginning()
    if known.pop(number, before) != before:
        verdict.tell(
            f"Seal {number}, where the chain begins, is another than an earlier check found."
        )
    # Of what was deleted in its time nothing can be said any more.
    for earlier in [each for each in known if each < number]:
        del known[earlier]
    for seal, row in _chain(number):
        sealed = _moment(seal.sealed_at)
        number += 1
        if seal.number != number:
            verdict.tell(
                f"Seals {number} to {seal.number - 1} were removed, all made before {sealed}."
            )
            number = seal.number
        elif row is not None and bytes(seal.hash) != _next_hash(before, row):
            verdict.tell(
                f"Event {seal.event_id} (number {number}) or its seal was changed after {sealed}."
            )
        if row is None:
            verdict.tell(f"Event {seal.event_id} (number {number}) was removed after {sealed}.")
        before = bytes(seal.hash)
        if known.pop(number, before) != before:
            verdict.tell(f"Seal {number} is another than an earlier check found.")
        verdict.sealed += 1
    verdict.head_number, verdict.head_hash = number, before
    for missing in sorted(known):
        verdict.tell(f"Seal {missing}, which an earlier check found, was removed.")


def verify(*, heads: Iterable[tuple[int, bytes]] = ()) -> Verdict:
    """Walk the whole chain. `heads` are numbers and hashes that somebody kept elsewhere."""
    verdict = Verdict()
    # Heads of earlier checks: whoever cuts off the end would have to change these as well.
    checks = TrailCheck.objects.filter(head_number__gte=1).order_by("-checked_at")[:400]
    known = {check.head_number: bytes(check.head_hash) for check in checks}
    known |= dict(heads)
    _walk(verdict, known)
    late = _unsealed(None).filter(recorded_at__lt=timezone.now() - SEALED_WITHIN)
    if waiting := late.count():
        have = "event has" if waiting == 1 else "events have"
        verdict.tell(
            f"{waiting} {have} no seal. Either the clock stands still, or seals were removed."
        )
    return verdict


def check_trail(*, heads: Iterable[tuple[int, bytes]] = ()) -> Verdict:
    """Verify, and write down what was found, for the next time and for those who look."""
    verdict = verify(heads=heads)
    TrailCheck.objects.create(
        checked_at=timezone.now(),
        head_number=verdict.head_number,
        head_hash=verdict.head_hash,
        found=verdict.found,
    )
    return verdict


def last_whole_check() -> TrailCheck | None:
    """The latest verification that found nothing."""
    return TrailCheck.objects.filter(found=[]).order_by("-checked_at").first()


def last_check() -> TrailCheck | None:
    """The latest verification, whatever it found."""
    return TrailCheck.objects.order_by("-checked_at").first()
