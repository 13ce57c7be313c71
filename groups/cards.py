"""A group in short words: how, where and when it meets, who leads it, which places are left. Pure.

Cards, the group's page, the suggestions and what search engines read say it in these words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import formats, timezone

from groups import finder
from groups.models import SupportGroup, SupportGroupQuerySet
from supportgroups.lib.templatetags.ui import zone_words

LED_BY = {"peer_led": "Led by trained peers", "professionally_led": "Led by a professional"}
_NUMBERS = ["no", "one", "two", "three", "four", "five", "six"]


@dataclass(frozen=True)
class Meets:
    """How a group meets, so that nobody can mistake it: icons, the word, and what it means."""

    kind: str
    icons: tuple[str, ...]
    word: str
    detail: str


def meets(group: SupportGroup) -> Meets:
    """For `components/meets.html`."""
    online = "through a link for members" if group.online_link else "by text chat"
    where = group.place or "the place is told to members"
    match group.format:
        case SupportGroup.Format.ONLINE:
            icon = "video" if group.online_link else "chat"
            return Meets("online", (icon,), "Online", online)
        case SupportGroup.Format.IN_PERSON:
            return Meets("in-person", ("pin",), "In person", where)
        case _:
            icon = "video" if group.online_link else "chat"
            detail = f"{online}, or in {group.place}" if group.place else f"{online}, or at a place"
            return Meets("hybrid", (icon, "pin"), "Online or in person", detail)


def distance_words(km: float) -> str:
    """About how far: places are known to a kilometre only."""
    step = 1 if km < 10 else 5 if km < 100 else 10
    about = max(1, round(km / step) * step)
    return f"About {about} km away"


def lead_words(group: SupportGroup) -> str:
    """Who leads it. Needs `with_facilitators_counted()`."""
    lead = str(group.get_facilitation_display())
    if group.is_from_feed:
        return f"{lead}, from the list of {group.organisation.name}"
    leaders = group.facilitators_counted
    if leaders:
        number = _NUMBERS[leaders] if leaders < len(_NUMBERS) else str(leaders)
        lead = f"{lead}, {number} facilitator{'s' if leaders != 1 else ''}"
    return lead


def course_words(group: SupportGroup, *, begun: bool) -> str:
    """What a course is: when it starts, how long it is, until when it takes people; or "".

    Needs `with_next_session()`.
    """
    if group.attendance != group.Attendance.CLOSED:
        return ""
    if group.course_sessions is None:
        return _closed_words(group, begun=begun)
    length = f"{group.course_sessions} session{'s' if group.course_sessions != 1 else ''}"
    if begun:
        return f"A course of {length} that has begun"
    if group.next_starts_at is None:
        return f"A course of {length}. The start is not set yet"
    return f"Starts {_day_of(group.next_starts_at, group)}, {length}; takes people until then"


def _closed_words(group: SupportGroup, *, begun: bool) -> str:
    """The same of a closed group without a planned end."""
    if begun:
        return "A closed group that has begun"
    if group.next_starts_at is None:
        return "The start is not set yet"
    return f"Starts {_day_of(group.next_starts_at, group)}; takes people until then"


def _day_of(starts_at: datetime, group: SupportGroup) -> str:
    zone = finder.zone_of(group, timezone.get_current_timezone())
    return str(formats.date_format(starts_at.astimezone(zone), "j F"))


def rhythm_words(group: SupportGroup, *, begun: bool) -> str:
    """How often, how long, and who comes. Needs prefetched `series`, and `with_next_session()`."""
    series = group.current_series()
    how_often = f"{series.rhythm()}, {series.minutes} minutes. " if series else ""
    course = course_words(group, begun=begun)
    if course:
        return how_often + course
    if group.attendance == SupportGroup.Attendance.OPEN:
        return f"{how_often}Come when you can"
    return f"{how_often}Same people each time"


def facts(group: SupportGroup, *, km: float | None = None, begun: bool = False) -> list[Any]:
    """Icon and words of each short fact on a card."""
    made = [("people", lead_words(group)), ("loop", rhythm_words(group, begun=begun))]
    if km is not None:
        made.insert(0, ("pin", distance_words(km)))
    return made


def places_words(group: SupportGroup, *, begun: bool = False) -> str:
    """Places for somebody new in number and words, else what is known of the waiting list.

    Needs `with_seats_taken()` and `with_people_waiting()`.
    """
    if begun:
        return "Takes nobody new until the next course"
    left = group.seats_for_somebody_new
    if left:
        return f"{left} of {group.capacity} places left"
    waiting = group.people_waiting
    if waiting:
        words = f"{waiting} {'person waits' if waiting == 1 else 'people wait'} for a place"
        return f"Full. {words}" if group.seats_taken >= group.capacity else words
    return "Full. You would be first on the waiting list"


def card(group: SupportGroup, *, km: float | None = None, begun: bool = False) -> dict[str, Any]:
    """What `components/group_card.html` shows of one group."""
    at_a_place = group.meets_at_a_place()
    return {
        "group": group,
        "meets": meets(group),
        "topic": ", ".join(topic.name for topic in group.topics.all()),
        "facts": facts(group, km=km, begun=begun),
        "places": places_words(group, begun=begun),
        "prefix": "Starts" if group.attendance == group.Attendance.CLOSED and not begun else "",
        "zone": group.time_zone if at_a_place else None,
        "local": "no" if at_a_place else "yes",
    }


def with_card_facts(groups: SupportGroupQuerySet) -> SupportGroupQuerySet:
    """The groups with all that a card needs, in three queries."""
    return (
        groups.with_seats_taken()
        .with_people_waiting()
        .with_next_session()
        .with_facilitators_counted()
        .select_related("organisation")
        .prefetch_related("topics", "series")
    )


def cards(hits: Iterable[finder.Hit]) -> list[dict[str, Any]]:
    """A card for each group found, in that order."""
    hits = list(hits)
    if not hits:
        return []
    listed = with_card_facts(SupportGroup.objects.listed()).in_bulk([hit.pk for hit in hits])
    return [
        {**card(listed[hit.pk], km=hit.km, begun=hit.begun), "hit": hit}
        for hit in hits
        if hit.pk in listed
    ]


def _inside_sentence(name: str) -> str:
    """A topic within a sentence: grief, but ADHD."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def reasons(group: SupportGroup, hit: finder.Hit, choice: finder.Choice) -> list[tuple[bool, str]]:
    """Why a group is suggested, in words from its own data; and what is not as was wished for."""
    clock = "your time"
    if group.meets_at_a_place():
        clock = f"{zone_words(group.time_zone)} time"
    wished = {
        "topic": [
            _inside_sentence(t.name) for t in group.topics.all() if t.slug in choice.of("topic")
        ],
        "format": [meets(group).word],
        "part": [f"In the {part}, {clock}" for part in choice.of("part")],
        "lead": [LED_BY[group.facilitation]],
    }
    said = []
    for name, words in wished.items():
        if choice.of(name) and name not in hit.misses and words:
            said.append((True, f"About {words[0]}" if name == "topic" else words[0]))
    left = group.seats_for_somebody_new
    said.append(
        (
            bool(left),
            f"{left} place{'s' if left != 1 else ''} left" if left else places_words(group),
        )
    )
    if "topic" in hit.misses and (names := [_inside_sentence(t.name) for t in group.topics.all()]):
        said.append((False, f"About {' and '.join(names)}"))
    if "format" in hit.misses:
        said.append((False, meets(group).word))
    if "part" in hit.misses:
        said.append((False, f"Not in the {choice.of('part')[0]}, {clock}"))
    if "lead" in hit.misses:
        said.append((False, LED_BY[group.facilitation]))
    return said


def shape(parts: Iterable[Any]) -> list[tuple[Any, int]]:
    """Each part of a session with its height on the page: its minutes in steps of 5, up to 60."""
    return [(part, min(max(round(part.minutes / 5) * 5, 5), 60)) for part in parts]
