"""The usual shape of a session for each meeting format. Coordinators change it as they like.

Each begins with settling in and the ground rules, gives everybody a turn early, and ends before
the last minute with a calm close, so that nobody leaves in the middle of something hard.
"""

from dataclasses import dataclass, replace

from groups.models import SupportGroup
from sessions.models import AgendaKind

#: Minutes of a session unless chosen otherwise.
MINUTES = 90


@dataclass(frozen=True)
class Part:
    """One part of the shape."""

    title: str
    note: str
    minutes: int
    kind: str = AgendaKind.OTHER


_OPENING = Part(
    "Welcome and ground rules",
    "What we agree to, and how to ask for a break",
    10,
    AgendaKind.OPENING,
)
_CHECK_IN = Part(
    "Check-in", "How are you today? A word is enough, and you may pass", 20, AgendaKind.CHECK_IN
)
_CLOSE = Part("Close", "One thing to take along, and when we meet next", 10, AgendaKind.CLOSING)
_DISCUSSION = "Bring what is on your mind, or just listen"

AGENDAS: dict[str, tuple[Part, ...]] = {
    SupportGroup.MeetingFormat.OPEN_DISCUSSION: (
        _OPENING,
        _CHECK_IN,
        Part("Open discussion", _DISCUSSION, 50, AgendaKind.DISCUSSION),
        _CLOSE,
    ),
    SupportGroup.MeetingFormat.GUIDED_TOPICS: (
        _OPENING,
        _CHECK_IN,
        Part("Today’s topic", "A short introduction by the facilitator", 15, AgendaKind.TOPIC),
        Part(
            "Talking about the topic",
            "What it is like for you, and what has helped",
            35,
            AgendaKind.DISCUSSION,
        ),
        _CLOSE,
    ),
    SupportGroup.MeetingFormat.MIXED: (
        _OPENING,
        _CHECK_IN,
        Part("Today’s topic", "A short introduction, then talking about it", 25, AgendaKind.TOPIC),
        Part("Open discussion", _DISCUSSION, 25, AgendaKind.DISCUSSION),
        _CLOSE,
    ),
}


def agenda(meeting_format: str, minutes: int = MINUTES) -> list[Part]:
    """The usual parts, fitted to the session's length: the longest part gives or takes the rest.

    Whatever is too short for all of them gets opening, the middle, and close in proportion.
    """
    parts = list(AGENDAS[meeting_format])
    spare = minutes - sum(part.minutes for part in parts)
    longest = max(range(len(parts)), key=lambda i: parts[i].minutes)
    if parts[longest].minutes + spare >= 10:
        fitted = parts[longest].minutes + spare
        parts[longest] = replace(parts[longest], minutes=fitted)
        return parts
    whole = sum(part.minutes for part in parts)
    shorter = [replace(part, minutes=max(1, part.minutes * minutes // whole)) for part in parts]
    rest = minutes - sum(part.minutes for part in shorter)
    middle = shorter[longest]
    shorter[longest] = replace(middle, minutes=middle.minutes + rest)
    return shorter
