"""The sockets of one process: who listens to which room, fed by one Redis connection.

Everything here runs in one event loop, so a step without `await` is not interrupted. Each room
hands out messages and changes of them by number without a gap: what Redis lost is read from the
database. What is for those who lead is read here, with the question who leads at that moment. Each
socket has a bounded queue of its own; one that is full closes that socket and slows nobody else.
"""

import asyncio
import contextlib
import logging
import random
import weakref
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from accounts import browser_sessions
from accounts.live import person_topic
from sessions import actions, leads, live, rules
from sessions.database import Database, in_thread
from sessions.models import Message, SupportSession
from sessions.publisher import Publisher

logger = logging.getLogger(__name__)

#: Frames that may wait for one socket.
QUEUE_LENGTH = 256
#: A frame that comes before its forerunner waits this long, then the forerunner is read.
FORERUNNER_SECONDS = 0.15
#: How often each device is asked whether somebody is there, and checked for its right to be.
ASK_SECONDS, CHECK_SECONDS = 10, 20
#: How often each room is searched for devices that have left, and read while Redis is away.
LOOK_SECONDS, READ_SECONDS = 5, 1
#: How often it is written down until when members were there.
SEEN_SECONDS = rules.SEEN_EVERY.total_seconds()
#: Who comes within this time is told of together.
COMING_SECONDS = 0.5
#: Parts for those who lead are read this often at most.
LEADS_SECONDS = 0.5


class News(NamedTuple):
    """What the database has of a room after some numbers."""

    state: str
    #: Every change up to this one is in `messages` or `changes`, if those are not full.
    revision: int
    messages: list[tuple[int, str]]
    changes: list[tuple[int, int, str]]

    @property
    def is_all(self) -> bool:
        return len(self.messages) < live.NEWEST and len(self.changes) < live.NEWEST


def read_room(session_id: UUID, after: int, revision: int) -> News:
    """The state, messages after a number, and changes after a revision."""
    support_session = SupportSession.objects.select_related("group").get(pk=session_id)
    live.seat_again(support_session)
    return News(
        live.state_payload(live.room_state(support_session)),
        support_session.change_count,
        live.frames(live.newest_messages(support_session, after=after)),
        live.change_frames(live.changed_messages(support_session, since=revision)),
    )


def _stay_in_room(session_id: UUID, people: Collection[UUID], sign_ins: Collection[str]) -> None:
    browser_sessions.stay_in_room(sign_ins)
    if people:
        support_session = SupportSession.objects.select_related("group").get(pk=session_id)
        actions.stay_in_room(support_session=support_session, people=people)


async def _note_seen(session_id: UUID, people: Collection[UUID], sign_ins: Collection[str]) -> None:
    await in_thread(_stay_in_room)(session_id, people, sign_ins)


_read_room = in_thread(read_room)
_read_leads = in_thread(leads.parts_for)


class Socket:
    """One open connection, as its room sees it. `sessions/consumers.py` reads and writes it."""

    def __init__(self, session_id: UUID, user_id: UUID, look: Callable[[], Awaitable[None]]):
        self.session_id, self.user_id = session_id, user_id
        self.look = look
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_LENGTH)
        #: Writes what is in the queue, at once as far as the line takes it.
        self.pump: Callable[[], None] = lambda: None
        #: The number of the newest message in the queue; None until the client says what it has.
        self.last: int | None = None
        #: It listens before its first check has said yes, and hears nothing until then.
        self.admitted = False
        #: Whether the last check said that its person leads, and what of their parts it was sent.
        self.leads = False
        self.parts: dict[str, str] = {}
        self.closing: tuple[int, str] | None = None
        self.closes = asyncio.get_running_loop().create_future()
        self.looking: asyncio.Task[None] | None = None
        self.look_again = False
        now = asyncio.get_running_loop().time()
        # Spread, so that a process that was started with many sockets does not ask all at once.
        self.check_at = now + CHECK_SECONDS * random.uniform(0.5, 1)  # noqa: S311

    def offer(self, text: str) -> None:
        """Put a frame into the queue. A full one means a reader that is too slow: it is closed."""
        if self.admitted and self.closing is None:
            try:
                self.queue.put_nowait(text)
            except asyncio.QueueFull:
                self.close(1013, "too_slow")
            else:
                self.pump()

    def offer_message(self, sequence: int, text: str) -> None:
        """A message, if it is the next one for this socket; one that is behind is catching up."""
        if self.last is not None and sequence == self.last + 1:
            self.last = sequence
            self.offer(text)

    def offer_change(self, text: str) -> None:
        """A message as it is now; one that is catching up reads it."""
        if self.last is not None:
            self.offer(text)

    def offer_part(self, part: str, html: str) -> None:
        """A part for those who lead, if it is another than was sent. The caller has checked."""
        if self.leads and self.parts.get(part) != html:
            self.parts[part] = html
            self.offer(live.frame("leads", kind=part, html=html))

    def close(self, code: int, reason: str) -> None:
        """End it once what is in the queue is out, or at once when the queue is full."""
        if self.closing is None:
            self.closing = (code, reason)
            if self.queue.full():
                while not self.queue.empty():
                    self.queue.get_nowait()
            self.queue.put_nowait(None)
            self.pump()
            self.closes.set_result(None)


class Room:
    """A session's sockets in this process."""

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.sockets: set[Socket] = set()
        #: Numbers of the newest message, change and state handed out.
        self.last: int | None = None
        self.revision = 0
        self.version = -1
        self.waiting: dict[int, str] = {}
        #: Changes before their forerunner, or before the message that they change.
        self.waiting_changes: dict[int, tuple[int, str]] = {}
        #: Parts that changed for those who lead.
        self.due_parts: set[str] = set()
        self.reading_parts: asyncio.Task[None] | None = None
        self.people: list[live.Here] | None = None
        #: Devices that answered, and members whose devices did, since it was last written down.
        self.devices: dict[str, live.Here] = {}
        self.seen: set[UUID] = set()
        self.sign_ins: set[str] = set()
        now = asyncio.get_running_loop().time()
        self.ask_at = now + ASK_SECONDS * random.uniform(0.5, 1)  # noqa: S311
        self.look_at, self.note_at = now + LOOK_SECONDS, now + SEEN_SECONDS
        self.looking: asyncio.Task[None] | None = None
        self.look_again = False
        self.reading: asyncio.Task[None] | None = None
        self.read_again = False

    @property
    def waits(self) -> bool:
        """Whether something was heard before what comes before it."""
        return bool(self.waiting or self.waiting_changes)

    def is_behind(self, count: int, version: int, revision: int) -> bool:
        """Whether a session at these numbers has something that was not handed out here.

        What the first socket sees when it comes is where the room starts from.
        """
        if self.last is None:
            self.last, self.version, self.revision = count, version, revision
        return count > self.last or version > self.version or revision > self.revision

    def hear_message(self, sequence: int, text: str) -> None:
        if self.last is None or sequence <= self.last:
            return
        self.waiting[sequence] = text
        self._hand_out()

    def hear_change(self, revision: int, sequence: int, text: str) -> None:
        if self.last is None or revision <= self.revision:
            return
        self.waiting_changes[revision] = (sequence, text)
        self._hand_out()

    def _hand_out(self) -> None:
        """What comes next by its number, messages first: a change follows what it changes."""
        if self.last is None:
            return
        while self.last + 1 in self.waiting:
            self.last += 1
            text = self.waiting.pop(self.last)
            for socket in self.sockets:
                socket.offer_message(self.last, text)
        while found := self.waiting_changes.get(self.revision + 1):
            sequence, text = found
            if sequence > self.last:
                break
            del self.waiting_changes[self.revision + 1]
            self._hand_out_change(self.revision + 1, text)

    def _hand_out_change(self, revision: int, text: str) -> None:
        self.revision = revision
        for socket in self.sockets:
            socket.offer_change(text)

    def hear_state(self, version: int, text: str, *, ended: bool) -> None:
        if version <= self.version:
            return
        self.version = version
        for socket in list(self.sockets):
            socket.offer(text)
            if ended:
                socket.close(4410, "ended")

    def hear_people(self, people: list[live.Here]) -> None:
        if people == self.people:
            return
        self.people = people
        text = live.presence_frame(people)
        for socket in list(self.sockets):
            socket.offer(text)

    async def read(self) -> None:
        """Hand out what the database has and nobody told us of."""
        if self.last is None:
            return
        while True:
            news = await _read_room(self.session_id, self.last, self.revision)
            fresh = {sequence for sequence, _ in news.messages if sequence > self.last}
            self.waiting.update(
                (sequence, text) for sequence, text in news.messages if sequence in fresh
            )
            self._hand_out()
            for revision, sequence, text in news.changes:
                if revision > self.revision and sequence <= self.last:
                    if sequence in fresh:
                        self.revision = revision  # it was just handed out as it is
                    else:
                        self._hand_out_change(revision, text)
            if len(news.changes) < live.NEWEST:
                self.revision = max(self.revision, news.revision)
            self._forget_what_is_out()
            if news.is_all:
                break
        self.hear(news.state)

    def _forget_what_is_out(self) -> None:
        last, revision = self.last or 0, self.revision
        self.waiting = {n: text for n, text in self.waiting.items() if n > last}
        self.waiting_changes = {n: it for n, it in self.waiting_changes.items() if n > revision}
        self._hand_out()

    def hear(self, payload: str) -> bool:
        """Take what the topic carries. False for a notice to look who is here."""
        head, _, text = payload.partition(" ")
        letter, number = head[:1], head[1:]
        if letter == "m":
            self.hear_message(int(number), text)
        elif letter == "c":
            revision, _, sequence = number.partition(".")
            self.hear_change(int(revision), int(sequence), text)
        elif letter in ("s", "e"):
            self.hear_state(int(number), text, ended=letter == "e")
        return letter != "p"


def _topics(session_id: UUID) -> tuple[str, str]:
    return live.room_topic(session_id), live.leads_topic(session_id)


class Hub:
    """All rooms of this process and its connection to Redis. Lives while a socket is open."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.people: defaultdict[str, set[Socket]] = defaultdict(set)
        self.connection: redis.asyncio.Connection | None = None
        self.commands = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=1,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 1),
        )
        self.database = Database()
        self.publisher = Publisher(lambda: self._connection(socket_timeout=2), self.spawn)
        self.tasks: set[asyncio.Task[Any]] = set()

    # Sockets come and go --------------------------------------------------------------------

    async def join(self, socket: Socket) -> Room:
        """Listen for a socket, from before its first check, so that no notice is missed."""
        if not self.rooms:
            self.spawn(self._listen())
            self.spawn(self._tick())
        room = self.rooms.setdefault(live.room_topic(socket.session_id), Room(socket.session_id))
        room.sockets.add(socket)
        self.people[person_topic(socket.user_id)].add(socket)
        await self._send("SUBSCRIBE", *_topics(socket.session_id), person_topic(socket.user_id))
        return room

    async def part(self, socket: Socket) -> None:
        """Stop listening for a socket, and altogether after the last one."""
        unwanted: list[str] = []
        room_name, person_name = live.room_topic(socket.session_id), person_topic(socket.user_id)
        if room := self.rooms.get(room_name):
            room.sockets.discard(socket)
            if not room.sockets:
                del self.rooms[room_name]
                unwanted += _topics(socket.session_id)
        self.people[person_name].discard(socket)
        if not self.people[person_name]:
            del self.people[person_name]
            unwanted.append(person_name)
        if self.rooms:
            if unwanted:
                await self._send("UNSUBSCRIBE", *unwanted)
            return
        for task in self.tasks:
            task.cancel()
        await self.commands.aclose()
        await self.publisher.close()
        await self.database.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run beside; kept, because the loop itself holds tasks weakly."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("live.task_failed", exc_info=error)

    def look(self, socket: Socket) -> None:
        """Have a socket check that it may stay, once at a time."""

        async def check() -> None:
            while socket.look_again:
                # A notice that comes while this check reads may tell of something newer.
                socket.look_again = False
                await socket.look()

        socket.look_again = True
        socket.check_at = asyncio.get_running_loop().time() + CHECK_SECONDS
        if socket.looking is None or socket.looking.done():
            socket.looking = self.spawn(check())

    def read(self, room: Room, *, delay: float = 0) -> None:
        """Have a room read what it may have missed, once at a time."""

        async def later() -> None:
            await asyncio.sleep(delay)
            if not delay or room.waits:
                room.read_again = True
            while room.read_again:
                room.read_again = False
                await room.read()

        if room.reading is None or room.reading.done():
            room.reading = self.spawn(later())
        elif not delay:
            room.read_again = True

    # Messages -------------------------------------------------------------------------------

    async def tell(self, message: Message) -> None:
        """Hand a stored message to everybody here at once, and to every other process."""
        payload = live.message_payload(message)
        topic = live.room_topic(message.support_session_id)
        if room := self.rooms.get(topic):
            room.hear(payload)
            if room.waits:
                self.read(room, delay=FORERUNNER_SECONDS)
        self.publisher.publish(topic, payload)

    def show_parts(self, room: Room, parts: Iterable[str]) -> None:
        """Have those who lead see these parts as they are now, once at a time."""
        if not any(socket.leads for socket in room.sockets):
            room.due_parts.clear()
            return
        room.due_parts.update(parts)
        if room.due_parts and (room.reading_parts is None or room.reading_parts.done()):
            room.reading_parts = self.spawn(self._show_parts(room))

    async def _show_parts(self, room: Room) -> None:
        while room.due_parts:
            people = {socket.user_id for socket in room.sockets if socket.leads}
            # A notice that comes while this reads may tell of something newer.
            parts, room.due_parts = room.due_parts, set()
            try:
                leading, html = await _read_leads(room.session_id, parts, people)
            except BaseException:
                room.due_parts |= parts
                raise
            for socket in list(room.sockets):
                if socket.leads and socket.user_id in people - leading:
                    self.look(socket)
                elif socket.user_id in leading:
                    for part, text in html.items():
                        socket.offer_part(part, text)
            await asyncio.sleep(LEADS_SECONDS)

    # Presence -------------------------------------------------------------------------------

    async def touch(self, session_id: UUID, devices: Mapping[str, live.Here]) -> None:
        """These devices are here. The coming of one is told to everybody."""
        with contextlib.suppress(RedisError, OSError):
            if await self.commands.eval(live.TOUCH, *live.touch_arguments(session_id, devices)):
                await self.commands.publish(live.room_topic(session_id), "p")

    def _write_down(self, room: Room, now: float) -> None:
        """Who answered: one step for all of a room, whose devices are asked at the same moment."""
        if room.devices:
            devices, room.devices = room.devices, {}
            self.spawn(self.touch(room.session_id, devices))
        if (room.seen or room.sign_ins) and now >= room.note_at:
            people, room.seen = room.seen, set()
            sign_ins, room.sign_ins = room.sign_ins, set()
            room.note_at = now + SEEN_SECONDS
            self.spawn(_note_seen(room.session_id, people, sign_ins))

    def look_who_is_here(self, room: Room) -> None:
        """Soon, and once for all who come within a moment."""
        room.look_at = asyncio.get_running_loop().time() + LOOK_SECONDS
        room.look_again = True
        if room.looking is None or room.looking.done():
            room.looking = self.spawn(self._look_who_is_here(room))

    async def _look_who_is_here(self, room: Room) -> None:
        while room.look_again:
            room.look_again = False
            with contextlib.suppress(RedisError, OSError):
                answer = await self.commands.eval(live.LOOK, *live.look_arguments(room.session_id))
                room.hear_people(live.people_in(answer))
            await asyncio.sleep(COMING_SECONDS)

    # Redis ----------------------------------------------------------------------------------

    async def _send(self, *command: str) -> None:
        """Tell Redis, if it is there; a new connection subscribes to everything anyway."""
        if self.connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await self.connection.send_command(*command)

    async def _listen(self) -> None:
        """Hear everything, for ever. Between two connections the database is read instead."""
        while True:
            connection = self._connection()
            try:
                await connection.connect()
                rooms = [name for room in self.rooms.values() for name in _topics(room.session_id)]
                await connection.send_command("SUBSCRIBE", *rooms, *self.people)
                self.connection = connection
                self._ask_everybody()
                await self._hear(connection)
            except (RedisError, OSError, TimeoutError):
                logger.warning("live.redis_unreachable")
            finally:
                self.connection = None
                await connection.disconnect(nowait=True)
            for room in self.rooms.values():
                self.read(room)
            await asyncio.sleep(READ_SECONDS * random.uniform(0.5, 1))  # noqa: S311

    def _ask_everybody(self) -> None:
        """A Redis that was started again has forgotten who is here."""
        for room in self.rooms.values():
            room.look_at = asyncio.get_running_loop().time() + LOOK_SECONDS
            room.ask_at = 0

    @staticmethod
    def _connection(*, socket_timeout: float | None = None) -> redis.asyncio.Connection:
        pool = redis.asyncio.ConnectionPool.from_url(
            settings.REDIS_URL,
            protocol=2,
            socket_connect_timeout=1,
            socket_timeout=socket_timeout,
            retry=Retry(NoBackoff(), 0),
        )
        return pool.make_connection()

    async def _hear(self, connection: redis.asyncio.Connection) -> None:
        """Until the connection breaks, or has been silent although it was asked."""
        asked = False
        while True:
            try:
                async with asyncio.timeout(READ_SECONDS * 5):
                    kind, name, data = await self._next(connection)
            except TimeoutError:
                if asked:
                    raise
                asked = True
                await connection.send_command("PING")
                continue
            asked = False
            if kind == b"message":
                self._hear_message(name.decode(), data.decode())
            elif kind == b"subscribe":
                self._subscribed(name.decode())

    @staticmethod
    async def _next(connection: redis.asyncio.Connection) -> tuple[bytes, bytes, Any]:
        answer = await connection.read_response(disconnect_on_error=False)
        kind, name, *data = answer
        return kind, name, data[0] if data else b""

    def _hear_message(self, name: str, payload: str) -> None:
        if room := self.rooms.get(name):
            if not room.hear(payload):
                self.look_who_is_here(room)
            elif room.waits:
                self.read(room, delay=FORERUNNER_SECONDS)
        elif room := self.rooms.get(live.room_of_leads(name) or ""):
            self.show_parts(room, payload.split())
        for socket in list(self.people.get(name, ())):
            if not live.is_own(payload):
                self.look(socket)
            elif text := live.own_text(payload, socket.session_id):
                socket.offer(text)

    def _subscribed(self, name: str) -> None:
        """From here on nothing is missed; what was said just before may have been."""
        if room := self.rooms.get(name):
            self.read(room)
        elif room := self.rooms.get(live.room_of_leads(name) or ""):
            self.show_parts(room, leads.PARTS)
        for socket in self.people.get(name, ()):
            if socket.last is not None:
                self.look(socket)

    # The clock ------------------------------------------------------------------------------

    async def _tick(self) -> None:
        still_here = live.frame("still_here")
        while True:
            await asyncio.sleep(READ_SECONDS)
            now = asyncio.get_running_loop().time()
            for room in list(self.rooms.values()):
                if self.connection is None:
                    self.read(room)
                    self.show_parts(room, leads.PARTS)
                elif now >= room.look_at:
                    self.look_who_is_here(room)
                if room.due_parts:  # what could not be read a moment ago
                    self.show_parts(room, ())
                self._write_down(room, now)
                asks = now >= room.ask_at
                if asks:
                    room.ask_at = now + ASK_SECONDS
                for socket in list(room.sockets):
                    if asks:
                        socket.offer(still_here)
                    if now >= socket.check_at:
                        self.look(socket)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop. A process has one loop; tests have one each."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None or not found.rooms:
        found = _hubs[loop] = Hub()
    return found
