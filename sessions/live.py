"""What the live room says and where: topics, frames, presence, publishing.

`docs/live-protocol.md` describes the frames for those who write a client. The sockets of one
process listen through `sessions/hub.py`.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.template.loader import get_template
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.html import urlize
from django.utils.safestring import SafeString
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.live import person_topic
from accounts.models import User
from groups.models import SupportGroup
from safeguarding.crisis import crisis_help
from safeguarding.models import Resource
from sessions import rules
from sessions.door_rules import door_closes_at, newcomers_in
from sessions.floor_rules import FloorState, floor_state
from sessions.models import (
    AgendaItem,
    Attendance,
    Intervention,
    Message,
    Reaction,
    SupportSession,
)
from supportgroups.lib.drawing import MOST_SEATS, circle
from supportgroups.lib.encryption import Unreadable

logger = logging.getLogger(__name__)

#: A device that has not answered for so many seconds has left.
LEFT_AFTER_SECONDS = 30
#: So many messages stand in the page; older ones are left out.
NEWEST = 100

# Topics ------------------------------------------------------------------------------------------
# A room's topic carries one letter, a number, a space and the frame: m<sequence> for a message,
# c<revision>.<sequence> for a changed one, s<version> for a state, e<version> for the last state of
# all; or a bare p: look who is here. What only those who lead may see never goes over it.


def room_topic(session_id: UUID | str) -> str:
    """What every process with a socket in this room listens to."""
    return f"room:{session_id}"


_LEADS = ":leads"


def leads_topic(session_id: UUID | str) -> str:
    """Names of parts that changed for those who lead. What they say is read by each process, for
    the sockets of people who lead at that moment (`sessions/leads.py`)."""
    return room_topic(session_id) + _LEADS


def room_of_leads(topic: str) -> str | None:
    """The room's own topic, or None when this is another kind of topic."""
    return topic.removesuffix(_LEADS) if topic.endswith(_LEADS) else None


def own_payload(session_id: UUID | str, text: str) -> str:
    """What a person's own topic carries for their sockets in one room, and no one else's."""
    return f"o{session_id} {text}"


def is_own(payload: str) -> bool:
    """Whether a person's topic carries such a frame; otherwise it is a notice to look again."""
    return payload.startswith("o")


def own_text(payload: str, session_id: UUID) -> str | None:
    """The frame in it, or None when it is for another room."""
    head, _, text = payload.partition(" ")
    return text if head == f"o{session_id}" else None


def _here_keys(session_id: UUID | str) -> tuple[str, str]:
    return f"room:{session_id}:here", f"room:{session_id}:people"


@lru_cache(maxsize=4096)
def sender_token(session_id: UUID, user_id: UUID) -> str:
    """What others know a person by in one room. Another room's token cannot be linked to it."""
    return salted_hmac(
        "sessions.live.sender", f"{session_id}:{user_id}", algorithm="sha256"
    ).hexdigest()[:20]


def figure_seed(group_id: UUID, user_id: UUID) -> str:
    """A person's drawn figure is the same in every session of a group, and on its pages."""
    return f"{group_id}:{user_id}"


# Frames ------------------------------------------------------------------------------------------


@cache
def _template(name: str) -> Any:
    """One of our templates, found once: a message is rendered on the hot path."""
    return get_template(f"sessions/{name}.html")


def frame(kind: str, /, **fields: Any) -> str:
    """One frame to a client."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def body_html(body: str) -> SafeString:
    """Plain text with its addresses as links that tell the other side nothing of us."""
    # What people write is escaped, so these words between quotes can only be urlize's own.
    return SafeString(
        urlize(body, nofollow=True, autoescape=True).replace(
            ' rel="nofollow"', ' rel="noopener noreferrer nofollow" target="_blank"'
        )
    )


#: Who asked without a name, as everybody reads it.
NAMELESS = "Somebody here"
#: Whoever said something and has closed their account since.
WRITER_GONE = "Somebody who has left"
#: So much of a message stands above an answer to it.
QUOTED_CHARACTERS = 90


def shown_sender(message: Message) -> tuple[str, str, str]:
    """Name, token and seed of the figure of whoever said it, as everybody may know them.

    What was asked without a name has a token of its own, that fits no person and no other question,
    and no figure. So has what somebody said who has closed their account.
    """
    session_id = message.support_session_id
    if message.is_anonymous or message.sender is None:
        name = NAMELESS if message.is_anonymous else WRITER_GONE
        return name, _nameless_token(session_id, message.sequence), ""
    return (
        message.sender.public_name,
        sender_token(session_id, message.sender_id),
        figure_seed(message.support_session.group_id, message.sender.pk),
    )


def _nameless_token(session_id: UUID, sequence: int) -> str:
    return salted_hmac(
        "sessions.live.nameless", f"{session_id}:{sequence}", algorithm="sha256"
    ).hexdigest()[:20]


def said(message: Message) -> dict[str, Any]:
    """What `sessions/message.html` shows of a message; a page adds what is its reader's own."""
    name, sender, seed = shown_sender(message)
    return {
        "message": message,
        "body": "" if message.hidden_at else body_html(_words_of(message)),
        "name": name,
        "sender": sender,
        "seed": seed,
        "quote": quote(message.reply_to) if message.reply_to else None,
        # As long as nothing was changed there is none, and nothing to read.
        "reactions": reaction_counts(message) if message.revision else [],
        "sources": sources_under(message) if message.revision else [],
    }


#: One that does not open is no reason to keep the others from the room.
NOT_READABLE = "This message cannot be read at the moment."


def _words_of(message: Message) -> str:
    try:
        return message.body
    except Unreadable as why:
        logger.error("words.unreadable", extra={"view": "live", "why": str(why)})
        return NOT_READABLE


def quote(message: Message) -> dict[str, Any]:
    """What stands above an answer to a message: of one that is gone, that it is."""
    if message.hidden_at is not None:
        return {"sequence": message.sequence, "name": "", "words": "A message that is hidden"}
    words = " ".join(_words_of(message).split())
    if len(words) > QUOTED_CHARACTERS:
        words = words[: QUOTED_CHARACTERS - 1].rstrip() + "…"
    return {"sequence": message.sequence, "name": shown_sender(message)[0], "words": words}


def sources_under(message: Message) -> list[Resource]:
    """The vetted sources that stand under it; none that has left the library."""
    return [
        step.resource
        for step in message.interventions.all()
        if step.kind == Intervention.Kind.REDIRECT
        and step.ended_at is None
        and step.resource is not None
        and step.resource.retired_at is None
    ]


def reaction_counts(message: Message) -> list[dict[str, Any]]:
    """Each kind that somebody gave, with its words and how many."""
    counts = Counter(reaction.kind for reaction in message.reactions.all())
    return [
        {"kind": kind.value, "label": kind.label, "count": counts[kind]}
        for kind in Reaction.Kind
        if counts[kind]
    ]


def message_frame(message: Message, kind: str = "message") -> str:
    """The frame of one message, rendered once for everybody. Needs sender and session at hand."""
    context = said(message)
    return frame(
        kind,
        sequence=message.sequence,
        revision=message.revision,
        id=str(message.client_id),
        sender=context["sender"],
        html=_template("message").render(context),
    )


def you_frame(*, may_speak: bool, help_html: str) -> str:
    """What is told to one person alone: whether they may write, and help lines of their country."""
    words = "" if may_speak else rules.LISTEN_WORDS
    return frame("you", may_speak=may_speak, words=words, help=help_html)


def help_html(support_session: SupportSession, user: User) -> str:
    """The help lines that only this person sees."""
    return str(
        _template("room_help_card").render(
            {
                "support_session": support_session,
                "help": crisis_help(user, support_session.group.organisation),
            }
        )
    )


def own_frame(messages: Iterable[dict[str, Any]], *, complete: bool = False) -> str:
    """What of some messages is one person's own, for their eyes only: that they said it, and how
    they reacted. `complete`: there is nothing else of theirs that they could not know."""
    return frame("own", messages=list(messages), complete=complete)


@dataclass(frozen=True)
class RoomState:
    """Where the session stands: its parts and which one runs."""

    support_session: SupportSession
    agenda: list[AgendaItem]
    floor: FloorState
    #: Members who are here for the first time.
    newcomers: list[Attendance] = field(default_factory=list)
    #: Nobody new comes in.
    is_locked: bool = False

    @property
    def current(self) -> AgendaItem | None:
        return next((i for i in self.agenda if i.began_at and not i.ended_at), None)

    @property
    def following(self) -> AgendaItem | None:
        """The part after the current one."""
        if self.current is None:
            return None
        return next((i for i in self.agenda if i.position > self.current.position), None)

    @property
    def introduced(self) -> list[str]:
        """Names of those whom the room was asked to welcome."""
        return [each.membership.user.public_name for each in self.newcomers if each.introduced_at]

    def my_turn(self, user_id: UUID) -> str:
        """How somebody's own turn stands: speaking, next, waiting, done, passed or skipped."""
        own = self.floor.of(user_id)
        if own is None:
            return ""
        return "next" if own == self.floor.following else own.status

    @property
    def minutes_used(self) -> int:
        """Whole minutes since the current part began."""
        return minutes_since(self.current)

    @property
    def minutes_left(self) -> int:
        """Minutes to the planned end of the current part, begun ones counted; below 0 is over."""
        return self.current.minutes - self.minutes_used if self.current else 0

    @property
    def minutes_over(self) -> int:
        return max(0, -self.minutes_left)


def minutes_since(item: AgendaItem | None) -> int:
    """Whole minutes that a part has run."""
    if item is None or item.counts_from is None:
        return 0
    return int(((item.ended_at or timezone.now()) - item.counts_from).total_seconds() // 60)


def room_state(support_session: SupportSession) -> RoomState:
    """Read the parts and turns; the session's own row is taken as it is."""
    return RoomState(
        support_session,
        list(support_session.agenda.all()),
        floor_state(support_session),
        list(newcomers_in(support_session)),
        rules.stepped_in(support_session, Intervention.Kind.LOCK).exists(),
    )


def state_context(state: RoomState, *, you: str = "") -> dict[str, Any]:
    """What the templates of a state show; `you` marks the reader's own turn in a page."""
    support_session = state.support_session
    rows = [
        {"turn": turn, "token": sender_token(support_session.pk, turn.user_id)}
        for turn in state.floor.in_order
    ]
    return {
        "state": state,
        "support_session": support_session,
        "group": support_session.group,
        "floor": state.floor,
        "turns": rows,
        "door_closes_at": door_closes_at(support_session),
        "you": you,
    }


#: Parts of the page that are the same for everybody and change with the state: each is the template
#: `sessions/room_<part>.html` and the contents of the element `room-<part>`.
STATE_PARTS = ("now", "turn", "plan", "floor")


def state_frame(state: RoomState) -> str:
    """The frame that says where the session stands, the same for everybody."""
    support_session = state.support_session
    with timezone.override(ZoneInfo(support_session.group.time_zone)):
        context = state_context(state)
        html = {part: _template(f"room_{part}").render(context) for part in STATE_PARTS}
    return frame(
        "state",
        version=support_session.version,
        status=support_session.status,
        part=state.current.title if state.current else "",
        next=state.following.title if state.following else "",
        now=int(time.time() * 1000),
        floor=support_session.floor,
        html=html,
    )


# Who is here -------------------------------------------------------------------------------------
# A sorted set of devices by when they were last heard of, and a hash with what to call their
# owners. The clock is Redis' own, the same for every process.

TOUCH = """
local now = tonumber(redis.call('TIME')[1])
local new = 0
for i = 1, #ARGV, 3 do
  new = new + redis.call('ZADD', KEYS[1], now, ARGV[i])
  redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i + 2])
end
redis.call('EXPIRE', KEYS[1], 86400)
redis.call('EXPIRE', KEYS[2], 86400)
return new
"""
LOOK = """
local oldest = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. oldest)
return {redis.call('ZRANGE', KEYS[1], 0, -1), redis.call('HGETALL', KEYS[2])}
"""
GONE = """
for _, device in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(device, 1, #ARGV[1]) == ARGV[1] then redis.call('ZREM', KEYS[1], device) end
end
return redis.call('HDEL', KEYS[2], ARGV[1])
"""


#: The device of somebody who sits there in person: it needs no answer.
IN_PERSON = "in-person"


@dataclass(frozen=True)
class Here:
    """Somebody in the room, as everybody there sees them."""

    token: str
    name: str
    leads: bool
    #: When they first came, in seconds; the order of the seats.
    since: int
    #: Noted as here in person, whether or not a device answers.
    in_person: bool = False


def touch_arguments(session_id: UUID, devices: Mapping[str, Here]) -> list[Any]:
    """For the TOUCH script: these devices of these people are here now. It says how many came."""
    told: list[str] = []
    for device, here in devices.items():
        about = json.dumps({"name": here.name, "leads": here.leads, "since": here.since})
        told += [f"{here.token}/{device}", here.token, about]
    return [2, *_here_keys(session_id), *told]


def look_arguments(session_id: UUID) -> list[Any]:
    """For the LOOK script."""
    return [2, *_here_keys(session_id), LEFT_AFTER_SECONDS]


def people_in(answer: Any) -> list[Here]:
    """The people in the answer of the LOOK script, in the order they came, facilitators first."""
    devices, flat = answer
    if isinstance(flat, dict):
        flat = [part for pair in flat.items() for part in pair]
    known_devices = [device.decode().split("/", 1) for device in devices]
    tokens = {token for token, _ in known_devices}
    in_person = {token for token, device in known_devices if device == IN_PERSON}
    known = {
        key.decode(): json.loads(value) for key, value in zip(flat[::2], flat[1::2], strict=True)
    }
    people = [
        Here(token, **known[token], in_person=token in in_person)
        for token in tokens
        if token in known
    ]
    return sorted(people, key=lambda here: (not here.leads, here.since, here.token))


def circle_context(people: list[Here], *, you: str = "") -> dict[str, Any]:
    """What `sessions/room_circle.html` shows; `you` marks the reader's own seat in a page."""
    return {"people": people, "you": you, "seats": seats(people)}


def seats(people: list[Here]) -> list[dict[str, Any]]:
    """Where each person sits: a ring in a box of 240, or nothing when there are too many."""
    if len(people) > MOST_SEATS:
        return []
    return [
        {"here": here, "x": x, "y": y, "badge": badge}
        for here, (x, y), badge in zip(
            people, circle(len(people)), circle(len(people), radius=122), strict=True
        )
    ]


def presence_frame(people: list[Here]) -> str:
    """The frame that says who is here, the same for everybody."""
    return frame(
        "presence",
        count=len(people),
        people=[{"sender": h.token, "name": h.name, "leads": h.leads} for h in people],
        html=_template("room_circle").render(circle_context(people)),
    )


# Publishing --------------------------------------------------------------------------------------


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=1,
        socket_timeout=1,
        # A connection that broke while idle is replaced at once, without waiting.
        retry=Retry(NoBackoff(), 1),
    )


def _try(what: Callable[[redis.Redis], Any], default: Any = None) -> Any:
    """Ask Redis. When it does not answer, rows are safe: processes look at them by the clock."""
    try:
        return what(_client())
    except (redis.RedisError, OSError):
        logger.warning("live.redis_unreachable")
        return default


def _publish(session_id: UUID, payload: str) -> None:
    _try(lambda client: client.publish(room_topic(session_id), payload))


def message_payload(message: Message) -> str:
    """What the room's topic carries for a message."""
    return f"m{message.sequence} {message_frame(message)}"


def publish_message(message: Message) -> None:
    """Once it is committed, tell every process with a socket in the room."""
    payload = message_payload(message)
    transaction.on_commit(lambda: _publish(message.support_session_id, payload))


def publish_change(message: Message) -> None:
    """Once it is committed, show everybody a message as it is now, at its new revision."""
    payload = f"c{message.revision}.{message.sequence} {message_frame(message, 'changed')}"
    transaction.on_commit(lambda: _publish(message.support_session_id, payload))


def publish_to_leads(session_id: UUID, *parts: str) -> None:
    """Once it is committed, have these parts of `sessions/leads.py` shown afresh to those who lead,
    and to nobody else."""
    payload = " ".join(parts)
    transaction.on_commit(
        lambda: _try(lambda client: client.publish(leads_topic(session_id), payload))
    )


def publish_own(session_id: UUID, user_id: UUID, text: str) -> None:
    """Once it is committed, tell the devices of one person in one room."""
    payload = own_payload(session_id, text)
    transaction.on_commit(
        lambda: _try(lambda client: client.publish(person_topic(user_id), payload))
    )


#: Nobody is in the room of a session that ended or was called off.
CLOSED = (SupportSession.Status.ENDED, SupportSession.Status.CANCELLED)


def publish_state(support_session: SupportSession) -> None:
    """Once it is committed, tell everybody where the session stands; one that is over closes."""
    session_id = support_session.pk

    def tell() -> None:
        state = room_state(support_session)
        _publish(session_id, state_payload(state))
        if support_session.status in CLOSED:
            _try(lambda client: client.delete(*_here_keys(session_id)))

    transaction.on_commit(tell)


def state_payload(state: RoomState) -> str:
    """What the room's topic carries for a state."""
    letter = "e" if state.support_session.status in CLOSED else "s"
    return f"{letter}{state.support_session.version} {state_frame(state)}"


#: How long a seat in person is kept without another word: longer than any session.
SEAT_SECONDS = 12 * 3600
SEAT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[1])
redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], 86400)
redis.call('EXPIRE', KEYS[2], 86400)
"""


def seat_in_person(session_id: UUID, user: User, *, since: datetime) -> None:
    """Once it is committed, somebody sits in the circle without a device."""
    transaction.on_commit(lambda: _seat(session_id, user, since))


def _seat(session_id: UUID, user: User, since: datetime) -> None:
    here = Here(sender_token(session_id, user.pk), user.public_name, False, int(since.timestamp()))
    arguments = [*touch_arguments(session_id, {IN_PERSON: here}), SEAT_SECONDS]
    _try(lambda client: client.eval(SEAT, *arguments))
    _publish(session_id, "p")


def leave_seat(session_id: UUID, user: User) -> None:
    """Once it is committed, the seat without a device is free; those with one stay."""
    token = sender_token(session_id, user.pk)
    key = _here_keys(session_id)[0]

    def tell() -> None:
        _try(lambda client: client.zrem(key, f"{token}/{IN_PERSON}"))
        _publish(session_id, "p")

    transaction.on_commit(tell)


def seat_again(support_session: SupportSession) -> None:
    """Those who sit there in person, for a Redis that has forgotten them."""
    if support_session.group.format == SupportGroup.Format.ONLINE:
        return
    seen = support_session.attendances.filter(came_by=Attendance.CameBy.IN_PERSON)
    for attendance in seen.select_related("membership__user"):
        since = attendance.first_seen_at or timezone.now()
        _seat(support_session.pk, attendance.membership.user, since)


def people_here(session_id: UUID) -> list[Here]:
    """Who is in the room now; nobody when Redis does not answer."""
    answer = _try(lambda client: client.eval(LOOK, *look_arguments(session_id)))
    return people_in(answer) if answer else []


def show_present(session_id: UUID, here: Here, *, device: str) -> None:
    """A page without a socket was looked at: its reader is here for the next half minute."""
    if _try(lambda client: client.eval(TOUCH, *touch_arguments(session_id, {device: here}))):
        _publish(session_id, "p")


def show_left(session_id: UUID, user: User) -> None:
    """Once it is committed, take all devices of a person out of the circle."""
    token = sender_token(session_id, user.pk)

    def tell() -> None:
        _try(lambda client: client.eval(GONE, 2, *_here_keys(session_id), token))
        _publish(session_id, "p")

    transaction.on_commit(tell)


# Pace --------------------------------------------------------------------------------------------


class Pace:
    """How fast one person may go on: `burst` at once, then `per_second`. One process's memory."""

    def __init__(self, *, burst: float, per_second: float) -> None:
        self.burst, self.per_second = burst, per_second
        self._left: dict[Any, tuple[float, float]] = {}

    def wait(self, who: Any) -> float:
        """Take one and return 0, or the seconds until one is there."""
        now = time.monotonic()
        left, seen = self._left.get(who, (self.burst, now))
        left = min(self.burst, left + (now - seen) * self.per_second)
        if left < 1:
            self._left[who] = (left, now)
            return (1 - left) / self.per_second
        self._left[who] = (left - 1, now)
        if len(self._left) > 10_000:
            self._forget(now)
        return 0

    def _forget(self, now: float) -> None:
        full = self.burst / self.per_second
        self._left = {who: seen for who, seen in self._left.items() if now - seen[1] < full}


#: Messages of one person in one room, over all their tabs, in each web process.
message_pace = Pace(burst=10, per_second=settings.ROOM_MESSAGES_PER_SECOND)


#: The same on the facilitators' own line.
line_pace = Pace(burst=10, per_second=settings.ROOM_MESSAGES_PER_SECOND)
#: Edits, deletions and reactions of one person in one room: each is shown to everybody anew.
change_pace = Pace(burst=10, per_second=settings.ROOM_MESSAGES_PER_SECOND)
#: Questions without a name, of one person in one room.
question_pace = Pace(burst=3, per_second=1 / 60)

# What was said -----------------------------------------------------------------------------------


def shown_messages(support_session: SupportSession) -> QuerySet[Message]:
    """The session's messages with everything at hand that showing them takes."""
    return support_session.messages.select_related(
        "sender", "support_session", "reply_to__sender", "reply_to__support_session"
    ).prefetch_related(
        "reactions",
        Prefetch(
            "interventions",
            Intervention.objects.running()
            .of_kind(Intervention.Kind.REDIRECT)
            .select_related("resource__organisation"),
        ),
    )


def newest_messages(
    support_session: SupportSession, *, after: int | None = None, before: int | None = None
) -> list[Message]:
    """The last hundred messages in order, of all or before a number; or up to a hundred after
    one."""
    messages = shown_messages(support_session)
    if after is not None:
        return list(messages.filter(sequence__gt=after).order_by("sequence")[:NEWEST])
    if before is not None:
        messages = messages.filter(sequence__lt=before)
    return list(messages.order_by("-sequence")[:NEWEST])[::-1]


def changed_messages(
    support_session: SupportSession, *, since: int, until: int | None = None, read_at: int = 0
) -> list[Message]:
    """Up to a hundred messages that changed after the revision `since`, in the order they did.

    With `until`, messages above that number were read when the session was at `read_at`: of those
    only what changed later.
    """
    changed = shown_messages(support_session).filter(revision__gt=since)
    if until is not None:
        changed = changed.filter(Q(sequence__lte=until) | Q(revision__gt=read_at))
    return list(changed.order_by("revision")[:NEWEST])


def frames(messages: Iterable[Message]) -> list[tuple[int, str]]:
    """Number and frame of each message."""
    return [(message.sequence, message_frame(message)) for message in messages]


def change_frames(messages: Iterable[Message]) -> list[tuple[int, int, str]]:
    """Revision, number and frame of each changed message."""
    return [
        (message.revision, message.sequence, message_frame(message, "changed"))
        for message in messages
    ]
