"""The room's socket: reads frames, calls one action, writes what the hub hands out.

A plain ASGI application, because `AsyncConsumer` hops between threads for each frame it passes on.
"""

import asyncio
import contextlib
import json
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeGuard
from uuid import UUID, uuid4

import psycopg
from django.conf import settings

from accounts.browser_sessions import signed_in_with
from accounts.models import User
from audit.models import Event
from audit.trail import origin
from sessions import actions, leads, live, rules, statements, talk_actions, talk_rules
from sessions.database import Database, in_thread
from sessions.hub import Room, Socket, hub
from sessions.models import SupportSession
from sessions.statements import Found, Look
from supportgroups.lib.metrics import FRAMES, SOCKETS
from supportgroups.lib.refusals import Refused

logger = logging.getLogger(__name__)

#: Bytes of one frame. A message of 2,000 characters fits, however its JSON is escaped.
LONGEST_FRAME = 32 * 1024
#: Sockets of one person in one room and process.
MOST_SOCKETS = 10
#: A closing socket has so long to take what it was sent.
CLOSING_SECONDS = 30
#: A question for missed messages may come this often.
QUESTIONS = {"burst": 20, "per_second": 2}
#: Frames of one socket, whatever they say: far more than any hand makes.
MOST_FRAMES = {"burst": 300, "per_second": max(30, 3 * settings.ROOM_MESSAGES_PER_SECOND)}

SIGNED_OUT, REFUSED, UNKNOWN, ENDED = 4401, 4403, 4404, 4410

#: Reasons of a no that concern a message and not the person's right to be in the room.
OF_THE_MESSAGE = {
    *("empty", "too_long", "characters", "not_live", "muted", "names_only", "too_few_here"),
    *("gone", "not_own", "too_late", "no_such_reaction"),
}


class Malformed(Exception):
    """A frame that no client of ours sends. Closes its socket with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class Standing:
    """A person's right to be in a room at one moment, and how the room stands."""

    user: User
    support_session: SupportSession
    leads: bool
    look: Look | None


def _check(
    key: str | None, user_id: UUID, session_id: UUID, before: Standing | None, *, answered: bool
) -> Standing:
    """Read afresh that this sign-in holds and the person may be in the room, else `Refused`.

    When nothing has changed since the last time that the rules said yes, one statement tells so.
    """
    support_session = before.support_session if before else _session(session_id)
    found = statements.look(support_session, user_id, sign_in=key)
    if before and _still_holds(before, found):
        standing = before
    else:
        look = found[0] if found and found[0].is_plain_yes else None
        standing = _ask_the_rules(key, user_id, session_id, look)
    if answered and not standing.leads:
        actions.stay_in_room(support_session=standing.support_session, people=[user_id])
    return standing


def _still_holds(before: Standing, found: Found | None) -> bool:
    """Whether a look tells that nothing has changed. Notes how many messages there are now."""
    support_session = before.support_session
    if found is None or before.look is None or found[0] != before.look:
        return False
    if rules.why_not_open(support_session) is not None:
        return False
    (
        support_session.message_count,
        support_session.version,
        support_session.change_count,
    ) = found[1]
    return True


def _session(session_id: UUID) -> SupportSession:
    support_session = SupportSession.objects.filter(pk=session_id).first()
    if support_session is None:
        raise Refused("unknown")
    return support_session


def _ask_the_rules(key: str | None, user_id: UUID, session_id: UUID, look: Look | None) -> Standing:
    user = signed_in_with(key)
    if not isinstance(user, User) or user.pk != user_id:
        raise Refused("signed_out")
    support_session = rules.sessions_visible_to(user).filter(pk=session_id).first()
    if support_session is None:
        raise Refused("unknown")
    admission = rules.check_may_be_in_room(user, support_session)
    return Standing(user, support_session, admission.leads, look)


def _came_at(session_id: UUID, user_id: UUID) -> int:
    entry = rules.in_room(SupportSession(pk=session_id)).get(user=user_id)
    return int(entry.accepted_at.timestamp())


def _edit(standing: Standing, key: str | None, sequence: int, body: str) -> int:
    standing = _fresh(standing, key)
    return talk_actions.edit_message(
        support_session=standing.support_session, sequence=sequence, body=body, by=standing.user
    ).sequence


def _delete(standing: Standing, key: str | None, sequence: int) -> int:
    standing = _fresh(standing, key)
    return talk_actions.delete_message(
        support_session=standing.support_session, sequence=sequence, by=standing.user
    ).sequence


def _react(standing: Standing, key: str | None, sequence: int, kind: str, *, is_on: bool) -> int:
    standing = _fresh(standing, key)
    return talk_actions.react(
        support_session=standing.support_session,
        sequence=sequence,
        kind=kind,
        is_on=is_on,
        by=standing.user,
    ).sequence


def _say_on_line(standing: Standing, key: str | None, client_id: UUID, body: str) -> int:
    with origin(Event.Origin.SOCKET):
        standing = _fresh(standing, key)
        said = talk_actions.say_on_line(
            support_session=standing.support_session,
            client_id=client_id,
            body=body,
            by=standing.user,
        )
    return said.sequence


def _fresh(standing: Standing, key: str | None) -> Standing:
    """The standing as it is now: what a socket was opened with must still hold for what it does."""
    return _check(key, standing.user.pk, standing.support_session.pk, standing, answered=False)


def _messages_after(support_session: SupportSession, after: int) -> list[tuple[int, str]]:
    return live.frames(live.newest_messages(support_session, after=after))


def _change_count(session_id: UUID) -> int:
    """How often messages were changed: what is read afterwards has those changes in it."""
    return SupportSession.objects.values_list("change_count", flat=True).get(pk=session_id)


def _changes_after(
    support_session: SupportSession, since: int, until: int, read_at: int
) -> tuple[int, list[tuple[int, int, str]]]:
    """Up to which change this tells everything, and what changed."""
    count = _change_count(support_session.pk)
    changes = live.change_frames(
        live.changed_messages(support_session, since=since, until=until, read_at=read_at)
    )
    return (changes[-1][0] if len(changes) == live.NEWEST else count), changes


def _you(standing: Standing) -> str:
    look, session = standing.look, standing.support_session
    help_html = live.help_html(session, standing.user) if look and look.is_offered_help else ""
    return live.you_frame(may_speak=not (look and look.listens_only), help_html=help_html)


def _own(support_session: SupportSession, user: User) -> str:
    return live.own_frame(talk_rules.own_of(support_session, user), complete=True)


async def check(
    key: str | None,
    user_id: UUID,
    session_id: UUID,
    before: Standing | None,
    *,
    answered: bool,
    database: Database,
) -> Standing:
    """The same, on the event loop where one statement is enough."""
    if before is not None and not answered:
        with contextlib.suppress(psycopg.OperationalError):
            found = await statements.alook(
                before.support_session, user_id, sign_in=key, database=database
            )
            if _still_holds(before, found):
                return before
    return await in_thread(_check)(key, user_id, session_id, before, answered=answered)


came_at = in_thread(_came_at)
say_on_line = in_thread(_say_on_line)
edit_message = in_thread(_edit)
delete_message = in_thread(_delete)
react = in_thread(_react)
messages_after = in_thread(_messages_after)
change_count = in_thread(_change_count)
changes_after = in_thread(_changes_after)
own = in_thread(_own)
you = in_thread(_you)


class RoomSocket:
    """One open socket of one person, from handshake to close."""

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        self.receive, self.send = receive, scope.get("line", send)
        self.key: str | None = scope["session"].row_id
        self.user: User = scope["user"]
        self.session_id: UUID = scope["url_route"]["kwargs"]["session_id"]
        self.device = uuid4().hex[:12]
        self.hub = hub()
        self.socket = Socket(self.session_id, self.user.pk, self.look)
        self.room: Room
        self.standing: Standing | None = None
        self.here: live.Here
        self.told: tuple[bool, bool] | None = None
        self.questions = live.Pace(**QUESTIONS)
        self.frames = live.Pace(**MOST_FRAMES)
        self.writing: asyncio.Task[None] | None = None
        self.written = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve the socket until one side closes it."""
        self.room = await self.hub.join(self.socket)
        try:
            await self.open()
            with SOCKETS.track_inprogress():
                await self.serve()
        finally:
            await self.hub.part(self.socket)

    async def open(self) -> None:
        """Say how the room stands, or close with the reason why not."""
        mine = [s for s in self.room.sockets if s.user_id == self.user.pk]
        if len(mine) > MOST_SOCKETS:
            self.socket.close(1013, "too_many")
        await self.look()
        if self.socket.closing is None and self.standing is not None:
            since = await came_at(self.session_id, self.user.pk)
            self.socket.admitted = True
            session = self.standing.support_session
            token = live.sender_token(session.pk, self.user.pk)
            self.here = live.Here(token, self.user.public_name, self.standing.leads, since)
            self.socket.offer(
                live.frame(
                    "hello",
                    you=token,
                    leads=self.standing.leads,
                    sequence=session.message_count,
                    revision=session.change_count,
                )
            )
            state = await in_thread(live.room_state)(session)
            self.socket.offer(await in_thread(live.state_frame)(state))
            await self.tell_you()
            await self.hub.touch(self.session_id, {self.device: self.here})
            if self.room.people is not None:
                self.socket.offer(live.presence_frame(self.room.people))
            self.hub.show_parts(self.room, leads.PARTS)
        await self.send({"type": "websocket.accept"})

    async def serve(self) -> None:
        """Read and write side by side. Whoever is closed gets the code, if they read at all."""
        reader = asyncio.ensure_future(self.read())
        self.socket.pump = self.pump
        self.pump()
        try:
            await asyncio.wait(
                {self.socket.closes, self.written, reader}, return_when=asyncio.FIRST_COMPLETED
            )
            if self.socket.closing is not None:
                await self.hub.part(self.socket)
                await asyncio.wait({self.written}, timeout=CLOSING_SECONDS)
        finally:
            tasks = {reader, self.writing} if self.writing else {reader}
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception) and not isinstance(result, OSError):
                    logger.error("live.socket_failed", exc_info=result)

    def pump(self) -> None:
        """Write what waits. As long as the line takes it no task has to be woken for that."""
        if not self.written.done() and (self.writing is None or self.writing.done()):
            loop = asyncio.get_running_loop()
            self.writing = asyncio.Task(self.write(), loop=loop, eager_start=True)

    async def write(self) -> None:
        try:
            while not self.socket.queue.empty():
                text = self.socket.queue.get_nowait()
                if text is None:
                    code, reason = self.socket.closing or (1011, "try_again")
                    await self.send({"type": "websocket.close", "code": code, "reason": reason})
                    self.over()
                else:
                    await self.send({"type": "websocket.send", "text": text})
                    FRAMES.inc()
        except Exception:
            self.over()
            raise

    def over(self) -> None:
        """The last word is out, or the line is broken."""
        if not self.written.done():
            self.written.set_result(None)

    async def read(self) -> None:
        while self.socket.closing is None:
            event = await self.receive()
            if event["type"] == "websocket.disconnect":
                return
            try:
                if self.frames.wait(None):
                    raise Malformed(1008, "too_many_frames")
                await self.hear(_frame_in(event))
            except Malformed as no:
                self.socket.close(no.code, no.reason)

    async def hear(self, content: dict[str, Any]) -> None:
        match content:
            case {"type": "message", "id": str() as client_id, "body": str() as body}:
                await self.hear_message(_uuid(client_id), body, **_manner(content))
            case {"type": "after", "sequence": sequence} if _is_number(sequence):
                revision = content.get("revision", 0)
                if not _is_number(revision):
                    raise Malformed(1008, "malformed")
                await self.hear_after(sequence, revision)
            case {"type": "line", "id": str() as client_id, "body": str() as body}:
                await self.hear_line(_uuid(client_id), body)
            case {"type": "edit", "sequence": sequence, "body": str() as body} if _is_number(
                sequence
            ):
                await self.hear_change(sequence, edit_message, body)
            case {"type": "delete", "sequence": sequence} if _is_number(sequence):
                await self.hear_change(sequence, delete_message)
            case {
                "type": "react",
                "sequence": sequence,
                "kind": str() as kind,
                "on": bool() as is_on,
            } if _is_number(sequence):
                await self.hear_change(sequence, react, kind, is_on=is_on)
            case {"type": "here"}:
                self.room.devices[self.device] = self.here
                if self.key:
                    self.room.sign_ins.add(self.key)
                if not self.socket.leads:
                    self.room.seen.add(self.user.pk)
            case _:
                raise Malformed(1008, "malformed")

    async def hear_message(
        self, client_id: UUID, body: str, *, reply_to: int | None, nameless: bool
    ) -> None:
        """Keep it and say its number."""
        await self.answer(
            live.question_pace if nameless else live.message_pace,
            lambda standing: self.post(
                standing, client_id, body, reply_to=reply_to, nameless=nameless
            ),
            id=str(client_id),
        )

    async def hear_change(
        self, sequence: int, act: Callable[..., Awaitable[int]], *words: str, **how: bool
    ) -> None:
        """What was said is changed, or answered by a reaction. Everybody gets it as it is then."""
        await self.answer(
            live.change_pace,
            lambda standing: act(standing, self.key, sequence, *words, **how),
            sequence=sequence,
        )

    async def hear_line(self, client_id: UUID, body: str) -> None:
        """The same on the facilitators' own line."""
        await self.answer(
            live.line_pace,
            lambda standing: say_on_line(standing, self.key, client_id, body),
            id=str(client_id),
        )

    async def answer(
        self, pace: live.Pace, act: Callable[[Standing], Awaitable[int]], **about: Any
    ) -> None:
        """Do it and say the number, or say why not. Nothing is lost: the client has it still."""
        assert self.standing is not None, "a refused socket is not read"  # noqa: S101
        if seconds := pace.wait((self.session_id, self.user.pk)):
            self.refuse("too_fast", retry_after=math.ceil(seconds), **about)
            return
        try:
            sequence = await act(self.standing)
        except Refused as no:
            self.refuse(no.reason, message=no.message, **about)
            if no.reason not in OF_THE_MESSAGE:
                self.hub.look(self.socket)
        except Exception:
            # Perhaps it was stored, perhaps not: sent again with the same id it is there once.
            logger.exception("live.message_failed")
            self.refuse("try_again", retry_after=2, **about)
        else:
            self.socket.offer(live.frame("sent", **about | {"sequence": sequence}))

    async def post(self, standing: Standing, client_id: UUID, body: str, **how: Any) -> int:
        assert self.key is not None, "only a browser session opens a socket"  # noqa: S101
        message = await actions.apost_message(
            support_session=standing.support_session,
            client_id=client_id,
            body=body,
            by=standing.user,
            sign_in=self.key,
            database=self.hub.database,
            tell=self.hub.tell,
            **how,
        )
        return message.sequence

    def refuse(self, reason: str, **more: Any) -> None:
        self.socket.offer(live.frame("refused", reason=reason, **more))

    async def hear_after(self, sequence: int, revision: int) -> None:
        """Send everything after a number, in order, and what changed up to it since a revision;
        from then on what is new as it comes."""
        if self.questions.wait(None):
            raise Malformed(1008, "too_many_questions")
        assert self.standing is not None, "a refused socket is not read"  # noqa: S101
        session = self.standing.support_session
        self.socket.last = None
        first = reached = min(sequence, self.room.last or 0)
        changed, count = min(revision, self.room.revision), 0
        # Messages are read as they are then: of them only what changes later is missing.
        read_at = await change_count(session.pk)
        while True:
            frames = await messages_after(session, reached)
            for number, text in frames:
                await self.put(text)
                reached, count = number, count + 1
            upto, changes = await changes_after(session, changed, first, read_at)
            for _, _, text in changes:
                await self.put(text)
            changed = max(changed, upto)
            full = max(len(frames), len(changes)) == live.NEWEST
            if not full and self.is_level(reached, changed):
                self.socket.offer(await own(session, self.user))
                # Meanwhile something new may have come.
                if self.is_level(reached, changed):
                    break
        # No await between the look at the room's numbers and this: nothing slips between.
        self.socket.last = reached
        self.socket.offer(live.frame("caught_up", sequence=reached, revision=changed, count=count))

    def is_level(self, sequence: int, revision: int) -> bool:
        """Whether nothing was handed out in this room beyond these numbers."""
        return sequence >= (self.room.last or 0) and revision >= self.room.revision

    async def put(self, text: str) -> None:
        """Like `offer`, but a long catching up waits for its own reader."""
        while self.socket.queue.full() and self.socket.closing is None:  # noqa: ASYNC110 - rare
            await asyncio.sleep(0.05)
        self.socket.offer(text)

    async def look(self) -> None:
        """Check that this person may stay. What cannot be checked is closed."""
        try:
            standing = await check(
                self.key,
                self.user.pk,
                self.session_id,
                self.standing,
                answered=self.standing is None,
                database=self.hub.database,
            )
        except Refused as no:
            code = {"signed_out": SIGNED_OUT, "unknown": UNKNOWN, "ended": ENDED}
            self.socket.close(code.get(no.reason, REFUSED), no.reason)
        except Exception:
            logger.exception("live.check_failed")
            self.socket.close(1013, "try_again")
        else:
            self.standing = standing
            self.lead(leads_now=standing.leads)
            await self.tell_you()
            session = standing.support_session
            if self.room.is_behind(session.message_count, session.version, session.change_count):
                self.hub.read(self.room)

    async def tell_you(self) -> None:
        """What is told to this person alone, when it is not what they were told last."""
        if self.standing is None or self.standing.look is None or not self.socket.admitted:
            return
        found = (self.standing.look.listens_only, self.standing.look.is_offered_help)
        if found != self.told:
            self.told = found
            self.socket.offer(await you(self.standing))

    def lead(self, *, leads_now: bool) -> None:
        """What is for those who lead comes, or comes no more, from this moment."""
        if self.socket.leads == leads_now:
            return
        self.socket.leads = leads_now
        self.socket.parts.clear()
        if self.socket.admitted:
            self.here = replace(self.here, leads=leads_now)
            self.socket.offer(live.frame("role", leads=leads_now))
            self.hub.show_parts(self.room, leads.PARTS)


def _frame_in(event: dict[str, Any]) -> dict[str, Any]:
    """The object in a frame, or `Malformed`."""
    text = event.get("text")
    if text is None:
        raise Malformed(1003, "text_only")
    if len(text) > LONGEST_FRAME or len(text.encode("utf-8", "surrogatepass")) > LONGEST_FRAME:
        raise Malformed(1009, "too_big")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed(1008, "malformed") from None
    if not isinstance(content, dict):
        raise Malformed(1008, "malformed")
    return content


def _is_number(value: object) -> TypeGuard[int]:
    # Python counts true as 1: the type is asked, not only the value.
    return type(value) is int and 0 <= value <= rules.LARGEST_NUMBER


def _manner(content: dict[str, Any]) -> dict[str, Any]:
    """What a message answers, and whether it is without a name."""
    reply_to, nameless = content.get("reply_to"), content.get("nameless", False)
    if not isinstance(nameless, bool) or not (reply_to is None or _is_number(reply_to)):
        raise Malformed(1008, "malformed")
    return {"reply_to": reply_to, "nameless": nameless}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Malformed(1008, "malformed") from None


async def room_socket(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """`/ws/sessions/<id>/`. Accepts first, so that a browser learns the code of a no."""
    await receive()
    if not scope["user"].is_authenticated:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "signed_out"})
        return
    await RoomSocket(scope, receive, send).run()
