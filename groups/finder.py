"""What visitors search: which listed groups fit, how many each filter would leave. Pure.

A listing is a few hundred rows, so one light query is filtered and counted here: every filter's
number and the way out of an empty result come from the same rows as the list itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from groups.models import SupportGroup

#: Filter -> its values and their words. Topics are added from the database.
FORMATS = {"online": "Online", "in_person": "In person"}
LEADS = {"peer_led": "Trained peers", "professionally_led": "A professional"}
PARTS_OF_DAY = {"morning": "Mornings", "afternoon": "Afternoons", "evening": "Evenings"}
PLACES = {"free": "Has places left"}
LEGENDS = {
    "format": "How you meet",
    "part": "When",
    "lead": "Who leads it",
    "places": "Places",
    "topic": "What it is about",
}

_NUMBERS = ["no", "one", "two", "three", "four", "five", "six"]


@dataclass(frozen=True)
class Listing:
    """What the filters need to know of one group: filter -> the values that it has."""

    pk: UUID
    values: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Option:
    """One value of a filter. `count` is what the list would hold if it alone were chosen here."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Facet:
    """One filter with its options."""

    name: str
    legend: str
    options: Sequence[Option]


@dataclass(frozen=True)
class Choice:
    """What somebody searches for: words, and for each filter the chosen values."""

    words: str = ""
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many filter values are on."""
        return sum(len(values) for values in self.chosen.values())


def part_of_day(starts_at: datetime, zone: tzinfo) -> str:
    """Morning before noon, evening from 5pm, in the given zone."""
    hour = starts_at.astimezone(zone).hour
    if hour < 12:
        return "morning"
    return "afternoon" if hour < 17 else "evening"


def listing(group: SupportGroup, zone: tzinfo) -> Listing:
    """A row for the filters. `zone` is the reader's; a place keeps its own.

    Needs `with_next_session()`, `with_seats_taken()`, `with_people_waiting()`, prefetched topics.
    """
    starts_at = group.next_starts_at
    if group.meets_at_a_place():
        zone = ZoneInfo(group.time_zone)
    formats = list(FORMATS) if group.format == SupportGroup.Format.HYBRID else [group.format]
    has_places = group.seats_for_somebody_new > 0
    return Listing(
        pk=group.pk,
        values={
            "format": formats,
            "part": [part_of_day(starts_at, zone)] if starts_at else [],
            "lead": [group.facilitation],
            "places": ["free"] if has_places else [],
            "topic": [topic.slug for topic in group.topics.all()],
        },
    )


def _fits(row: Listing, name: str, values: Collection[str]) -> bool:
    return not values or not set(values).isdisjoint(row.values[name])


def matching(
    rows: Iterable[Listing], chosen: Mapping[str, Collection[str]], *, without: str = ""
) -> list[Listing]:
    """Rows that fit every filter but `without`, in the order given."""
    return [
        row
        for row in rows
        if all(_fits(row, name, values) for name, values in chosen.items() if name != without)
    ]


def facets(rows: Sequence[Listing], choice: Choice, topics: Mapping[str, str]) -> list[Facet]:
    """Every filter with its counts."""
    made = []
    for name, labels in {
        "format": FORMATS,
        "part": PARTS_OF_DAY,
        "lead": LEADS,
        "places": PLACES,
        "topic": topics,
    }.items():
        chosen = choice.chosen.get(name, [])
        others = matching(rows, choice.chosen, without=name)
        options = [
            Option(value, label, sum(value in row.values[name] for row in others), value in chosen)
            for value, label in labels.items()
        ]
        made.append(Facet(name, LEGENDS[name], options))
    return made


@dataclass(frozen=True)
class Way:
    """A way out of an empty result: the list without one filter, and how many groups that gives."""

    name: str
    label: str
    count: int


def ways_out(
    found: Sequence[Listing],
    everything: Sequence[Listing],
    choice: Choice,
    topics: Mapping[str, str],
) -> list[Way]:
    """Filters whose removal alone gives groups, the one that gives most first.

    `found` are the groups that the words find, `everything` all listed groups.
    """
    labels = {"format": FORMATS, "part": PARTS_OF_DAY, "lead": LEADS, "places": PLACES}
    ways = []
    for name, values in choice.chosen.items():
        count = len(matching(found, choice.chosen, without=name)) if values else 0
        if count:
            words = labels.get(name, topics)
            ways.append(Way(name, " or ".join(words[value] for value in values), count))
    if choice.words and (count := len(matching(everything, choice.chosen))):
        ways.append(Way("q", f"“{choice.words}”", count))
    return sorted(ways, key=lambda way: -way.count)


def nearest(rows: Sequence[Listing], choice: Choice, *, number: int = 3) -> list[UUID]:
    """The groups that fit most of the filters; those with a place first."""

    def fit(row: Listing) -> tuple[int, bool]:
        met = sum(_fits(row, name, values) for name, values in choice.chosen.items() if values)
        return -met, "free" not in row.values["places"]

    return [row.pk for row in sorted(rows, key=fit)[:number]]


def format_words(group: SupportGroup) -> tuple[str, str]:
    """Icon and words of how a group meets."""
    match group.format:
        case SupportGroup.Format.ONLINE:
            return "chat", "Online, by text chat"
        case SupportGroup.Format.IN_PERSON:
            return "pin", f"In person, {group.place}" if group.place else "In person"
        case _:
            where = f"in person, {group.place}" if group.place else "in person"
            return "pin", f"Online by text chat, or {where}"


def facts(group: SupportGroup) -> list[tuple[str, str]]:
    """Icon and words of each short fact on a card: format, who leads, rhythm.

    Needs prefetched `facilitator_assignments` and `series`.
    """
    leaders = len(group.facilitator_assignments.all())
    lead = group.get_facilitation_display()
    if leaders:
        number = _NUMBERS[leaders] if leaders < len(_NUMBERS) else str(leaders)
        lead = f"{lead}, {number} facilitator{'s' if leaders != 1 else ''}"
    made = [format_words(group), ("people", lead)]
    series = group.current_series()
    how_often = f"{series.rhythm()}, {series.minutes} minutes. " if series else ""
    come = (
        "Come when you can"
        if group.attendance == SupportGroup.Attendance.OPEN
        else "Same people each time"
    )
    return [*made, ("loop", how_often + come)]


def places_words(group: SupportGroup) -> str:
    """Places for somebody new in number and words, else what is known of the waiting list.

    Needs `with_seats_taken()` and `with_people_waiting()`.
    """
    left = group.seats_for_somebody_new
    if left:
        return f"{left} of {group.capacity} places left"
    waiting = group.people_waiting
    if waiting:
        words = f"{waiting} {'person waits' if waiting == 1 else 'people wait'} for a place"
        return f"Full. {words}" if group.seats_taken >= group.capacity else words
    return "Full. You would be first on the waiting list"


def shape(parts: Iterable[Any]) -> list[tuple[Any, int]]:
    """Each part of a session with its height on the page: its minutes in steps of 5, up to 60."""
    return [(part, min(max(round(part.minutes / 5) * 5, 5), 60)) for part in parts]
