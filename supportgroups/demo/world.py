"""The texts of the sample world, as `world.yaml` holds them."""

from dataclasses import dataclass, field
from datetime import time
from functools import cache
from pathlib import Path
from typing import Any

from supportgroups.lib import yaml_file

FILE = Path(__file__).with_name("world.yaml")


@dataclass(frozen=True)
class StaffPlan:
    """One person who works for an organisation."""

    key: str
    name: str
    organisation: str
    role: str
    training: str = ""
    on_call: int | None = None


@dataclass(frozen=True)
class GroupPlan:
    """One group: the fields of its row in `texts`, its rhythm, and how its people behave."""

    slug: str
    organisation: str
    topics: list[str]
    facilitators: list[tuple[str, str]]
    agenda: str
    weekday: str
    begins: time
    every_weeks: int
    minutes: int
    #: Asked after the first session that a member came to, and after every n-th.
    survey_every: int
    months: int
    #: People who ask to join, between two sessions; in a course, places at its start.
    arrivals: float
    #: How many of ten are still there after ten sessions.
    stays: float
    comes: float
    #: Members at present.
    aims: int
    #: Sessions of a course; 0 where people come and go.
    course: int
    waiting: int
    asking: int
    country: str
    overseer: str | None
    texts: dict[str, Any] = field(repr=False)

    @property
    def lead(self) -> str:
        return self.facilitators[0][0]


@dataclass(frozen=True)
class WorldPlan:
    organisations: list[dict[str, Any]]
    staff: list[StaffPlan]
    #: Kind -> names.
    topics: dict[str, list[str]]
    #: Name -> parts as (title, note, minutes, kind).
    agendas: dict[str, list[tuple[str, str, int, str]]]
    groups: list[GroupPlan]
    #: Conversations as (who, what) in order.
    chats: list[list[tuple[str, str]]]
    #: Name, who made it, and slugs of groups.
    programmes: list[dict[str, Any]]
    #: Sources for each organisation's library.
    library: list[dict[str, Any]]


_OF_THE_ROW = (
    "slug name purpose who_it_is_for what_to_expect facilitation format attendance meeting_format"
    " admission capacity minimum accessibility place address time_zone accessibility_features"
    " latitude longitude room course_sessions allows_companions"
    " allows_anonymous_questions"
).split()


@cache
def read() -> WorldPlan:
    """The plan, read once."""
    content = yaml_file.read(FILE)
    return WorldPlan(
        organisations=content["organisations"],
        staff=[StaffPlan(**entry) for entry in content["staff"]],
        topics=content["topics"],
        agendas={
            name: [(title, note, minutes, kind) for title, note, minutes, kind in parts]
            for name, parts in content["agendas"].items()
        },
        groups=[_group(entry) for entry in content["groups"]],
        chats=[[(who, what) for who, what in lines] for lines in content["chats"]],
        programmes=content["programmes"],
        library=content["library"],
    )


def _group(entry: dict[str, Any]) -> GroupPlan:
    weekday, begins, every_weeks, minutes = entry["meets"]
    return GroupPlan(
        slug=entry["slug"],
        organisation=entry["organisation"],
        topics=entry["topics"],
        facilitators=[(key, words) for key, words in entry["facilitators"]],
        agenda=entry["agenda"],
        weekday=weekday,
        begins=time.fromisoformat(begins),
        every_weeks=every_weeks,
        minutes=minutes,
        survey_every=entry["survey_every"],
        months=entry["months"],
        arrivals=entry["arrivals"],
        stays=entry["stays"] / 10,
        comes=entry["comes"],
        aims=entry["aims"],
        course=entry.get("course", 0),
        waiting=entry.get("waiting", 0),
        asking=entry.get("asking", 0),
        country=entry.get("country", "GB"),
        overseer=entry.get("overseer"),
        texts={name: entry[name] for name in _OF_THE_ROW if name in entry},
    )
