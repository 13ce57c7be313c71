"""One entry of a feed in our own terms, and what became of reading a whole file. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


class Unreadable(Exception):
    """Nothing of the file can be read. The message says why and what to do."""


@dataclass
class Entry:
    """What a feed says of one group. Public and private parts are kept apart already.

    `name`, `purpose`, `who_it_is_for`, `what_to_expect`, `accessibility` and `place` are for
    everybody; `address`, `online_link` and `joining_details` for members only.
    """

    name: str
    purpose: str = ""
    who_it_is_for: str = ""
    what_to_expect: str = ""
    #: Names of topics, with their kind.
    topics: list[list[str]] = field(default_factory=list)
    facilitation: str = "peer_led"
    format: str = "in_person"
    attendance: str = "open"
    meeting_format: str = "mixed"
    capacity: int = 30
    language: str = "en"
    accessibility: str = ""
    accessibility_features: list[str] = field(default_factory=list)
    place: str = ""
    address: str = ""
    #: Degrees as text with two decimals, empty when nothing is known.
    latitude: str = ""
    longitude: str = ""
    online_link: str = ""
    joining_details: str = ""
    time_zone: str = "UTC"
    #: Empty for a group that meets by appointment.
    rrule: str = ""
    #: ISO date and HH:MM on the wall clock; a weekly feed gives no date.
    starts_on: str = ""
    starts_at_time: str = ""
    minutes: int = 60
    #: Whether it meets at the moment; a closed hall without a link does not.
    is_active: bool = True
    #: Which of the fields above this feed gives. The others stay what staff made of them.
    given: list[str] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """An entry as `data()` gave it; what a later version added has its default."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})

    def fingerprint(self) -> str:
        """The same for the same content, whatever the order of the file."""
        return fingerprint(self.data())


def fingerprint(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Row:
    """One row of the file: an entry, or the reason why it is refused.

    `slug` names it in the feed as far as it could be read; a refused row keeps its group.
    """

    number: int
    slug: str = ""
    name: str = ""
    entry: Entry | None = None
    reason: str = ""
    flags: list[str] = field(default_factory=list)


@dataclass
class Reading:
    """A whole file, row by row. `remarks` are about the file itself."""

    rows: list[Row]
    remarks: list[str] = field(default_factory=list)

    def refused(self) -> list[Row]:
        return [row for row in self.rows if row.entry is None]


#: Called while a long file is read.
type Watch = Callable[[], None]
#: After so many rows each time.
OFTEN = 250


def watched[T](items: Iterable[T], watch: Watch | None) -> Iterator[tuple[int, T]]:
    """The items counted from 1; `watch` is called every few hundred."""
    for number, item in enumerate(items, 1):
        if watch is not None and number % OFTEN == 0:
            watch()
        yield number, item


def refuse_repeats(rows: Iterable[Row]) -> None:
    """Of rows that say exactly the same under one name, the first stays."""
    seen: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row.entry is None:
            continue
        first = seen.setdefault((row.slug, row.entry.fingerprint()), row)
        if first is not row:
            row.entry = None
            row.reason = f"The same meeting twice: row {first.number} says the same."


def tell_apart(rows: Sequence[Row]) -> None:
    """Mark rows that share a slug and differ; `outreach.rules` gives each its own key."""
    by_slug: dict[str, list[Row]] = {}
    for row in rows:
        if row.entry is not None:
            by_slug.setdefault(row.slug, []).append(row)
    for same in by_slug.values():
        if len(same) > 1:
            for row in same:
                row.flags.append("Other rows of the feed have the same slug; each is kept.")
