"""Whole processes are killed while rooms talk; afterwards nothing is lost, doubled or out of order.

    python benchmarks/faults_live_room.py          all faults, two minutes on a quiet machine
    python benchmarks/faults_live_room.py redis    only one: web, redis, postgres, client, all

Rooms on two web processes at once. Everybody keeps what was not acknowledged and sends it again
with the same id, comes back with a pause when the line breaks, and asks for what they missed. Some
messages change meanwhile. One person reads slowly, one not at all for a while. Ends with 1 when a
promise was not kept.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.lib.world import Place, finish, note, place, promise, say, services
from supportgroups import embedded

if TYPE_CHECKING:
    from tests.sessions.web import Web

ROOMS, PEOPLE = 4, 8
#: Somebody in each room speaks, and something changes, after about so many seconds.
SPEAK_SECONDS, CHANGE_SECONDS = 0.3, 0.7
PATIENCE = 150


class Member:
    """A faithful client of docs/live-protocol.md."""

    def __init__(self, there: Place, cookie: str, webs: "list[Web]") -> None:
        self.there, self.cookie, self.webs = there, cookie, webs
        self.heard: list[int] = []
        #: Of each message the revision that this page shows.
        self.shown: dict[int, int] = {}
        self.revision = 0
        self.outbox: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}
        self.line: ClientConnection | None = None
        self.came_back = 0
        #: Code and reason of the last close.
        self.closed = ""
        #: Seconds that this reader needs for a frame.
        self.slowness = 0.0

    async def live(self) -> None:
        pause = 0.2
        while True:
            web = random.choice(self.webs)
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with connect(
                    f"ws://localhost:{web.port}{self.there.path}",
                    origin=web.origin,  # type: ignore[arg-type]
                    additional_headers={"Cookie": self.cookie},
                    compression=None,
                    open_timeout=30,
                    close_timeout=1,
                ) as line:
                    last = self.heard[-1] if self.heard else 0
                    await self.send(line, type="after", sequence=last, revision=self.revision)
                    async for text in line:
                        if await self.hear(line, json.loads(text)):
                            pause = 0.2
                    self.closed = f"{line.close_code} {line.close_reason}"
            self.line = None
            self.came_back += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 3)

    async def send(self, line: ClientConnection, **frame: Any) -> None:
        with contextlib.suppress(WebSocketException):
            await line.send(json.dumps(frame))

    async def say(self, body: str) -> None:
        client_id = str(uuid4())
        self.outbox[client_id] = body
        if self.line is not None:
            await self.send(self.line, type="message", id=client_id, body=body)

    async def hear(self, line: ClientConnection, frame: dict[str, Any]) -> bool:
        """Whether it was `caught_up`."""
        await asyncio.sleep(self.slowness)
        match frame:
            case {"type": "message", "sequence": sequence}:
                self.heard.append(sequence)
                self.show(frame)
            case {"type": "changed", "revision": revision}:
                self.revision = max(self.revision, revision)
                self.show(frame)
            case {"type": "sent", "id": client_id, "sequence": sequence}:
                self.outbox.pop(client_id, None)
                self.acknowledged[client_id] = sequence
            case {"type": "refused", "id": client_id}:
                await asyncio.sleep(0.3)
                if body := self.outbox.get(client_id):
                    await self.send(line, type="message", id=client_id, body=body)
            case {"type": "still_here"}:
                await self.send(line, type="here")
            case {"type": "caught_up", "revision": revision}:
                self.revision = max(self.revision, revision)
                self.line = line
                for client_id, body in list(self.outbox.items()):
                    await self.send(line, type="message", id=client_id, body=body)
                return True
        return False

    def state(self) -> str:
        """For whoever looks for a fault."""
        line = "on line" if self.line else "no line"
        return f"{line}, {len(self.heard)} heard, came back {self.came_back} times, {self.closed}"

    def show(self, frame: dict[str, Any]) -> None:
        words = frame["html"].partition('data-revision="')[2]
        self.shown[frame["sequence"]] = int(words.partition('"')[0] or 0)


class Rooms:
    """Everybody, and what happens around them."""

    def __init__(self, places: list[Place], webs: "list[Web]", behind: embedded.Services) -> None:
        self.webs, self.behind = webs, behind
        self.rooms = [[Member(there, c, webs) for c in there.cookies] for there in places]
        self.people = [member for room in self.rooms for member in room]

    async def talk(self) -> None:
        while True:
            await asyncio.sleep(SPEAK_SECONDS / ROOMS)
            member = random.choice(self.people)
            await member.say(f"Said at {time.perf_counter():.3f}")

    async def change(self) -> None:
        while True:
            await asyncio.sleep(CHANGE_SECONDS / ROOMS)
            with contextlib.suppress(Exception):  # the database may be away
                await asyncio.to_thread(_change_one)

    async def broken(self, what: str, fault: Callable[[], Awaitable[None]]) -> None:
        """Let it happen, then wait until everybody talks again."""
        begun = time.perf_counter()
        await fault()
        over = time.perf_counter()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not all(m.line and len(m.outbox) < 3 for m in self.people):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        back = time.perf_counter() - over
        say(f"  {what}: away {over - begun:.1f} s, all back {back:.1f} s later")
        for number, member in enumerate(self.people):
            if not member.line or len(member.outbox) >= 3:
                note(f"    {number} is not: {len(member.outbox)} to send, {member.state()}")
        await asyncio.sleep(2)

    def faults(self) -> dict[str, tuple[str, Callable[[], Awaitable[None]]]]:
        return {
            "web": ("web process killed with -9", self.kill_web),
            "redis": ("Redis killed and started", self.restart_redis),
            "postgres": ("PostgreSQL killed and started", self.restart_postgres),
            "client": ("one client frozen", self.freeze_one),
            "all": ("everything killed at once", self.kill_everything),
        }

    async def kill_web(self) -> None:
        self.webs[0].kill()
        await asyncio.to_thread(self.webs[0].start)

    async def restart_redis(self) -> None:
        self.behind.redis.kill()
        await asyncio.sleep(2)
        self.behind.redis.start()

    async def restart_postgres(self) -> None:
        self.behind.postgres.kill()
        await asyncio.sleep(2)
        self.behind.postgres.start()

    async def kill_everything(self) -> None:
        for web in self.webs:
            web.kill()
        self.behind.redis.kill()
        self.behind.postgres.kill()
        self.behind.postgres.start()
        self.behind.redis.start()
        for web in self.webs:
            await asyncio.to_thread(web.start)

    async def freeze_one(self) -> None:
        """Its line stays open and nothing is read from it."""
        frozen = self.people[-1]
        if frozen.line is not None:
            frozen.line.transport.pause_reading()
        await asyncio.sleep(15)
        if frozen.line is not None:
            frozen.line.transport.resume_reading()

    async def run(self) -> None:
        lives = [asyncio.create_task(member.live()) for member in self.people]
        self.people[0].slowness = 0.05
        doing = [asyncio.create_task(self.talk()), asyncio.create_task(self.change())]
        try:
            await asyncio.sleep(3)
            for name, (what, fault) in self.faults().items():
                if not sys.argv[1:] or name in sys.argv[1:]:
                    await self.broken(what, fault)
            for task in doing:
                task.cancel()
            await self.settle()
        finally:
            for task in (*lives, *doing):
                task.cancel()
            await asyncio.gather(*lives, *doing, return_exceptions=True)

    async def settle(self) -> None:
        deadline = time.perf_counter() + PATIENCE
        while time.perf_counter() < deadline:
            counts = await asyncio.to_thread(_counts)
            level = all(
                not m.outbox and (len(m.heard), m.revision) == counts[m.there.support_session.pk]
                for m in self.people
            )
            if level:
                return
            await asyncio.sleep(0.2)

    def judge(self) -> None:
        from django.db import connection

        from sessions.models import Message

        connection.close()  # this process's own did not outlive the database
        lost = doubled = disordered = wrong = stale = 0
        stored: dict[Any, dict[str, int]] = {}
        for room in self.rooms:
            session = room[0].there.support_session
            rows = Message.objects.filter(support_session=session).order_by("sequence")
            stored = {str(row.client_id): row.sequence for row in rows}
            revisions = {row.sequence: row.revision for row in rows}
            for member in room:
                lost += len(set(revisions) - set(member.heard))
                doubled += len(member.heard) - len(set(member.heard))
                disordered += member.heard != sorted(member.heard)
                wrong += sum(stored.get(i) != n for i, n in member.acknowledged.items())
                stale += sum(member.shown.get(n) != r for n, r in revisions.items())
        said = sum(len(m.acknowledged) + len(m.outbox) for m in self.people)
        open_still = sum(len(m.outbox) for m in self.people)
        total = sum(len(room[0].heard) for room in self.rooms)
        came_back = sum(m.came_back for m in self.people)
        say(f"{said} messages of {len(self.people)} people, who came back {came_back} times")
        promise("everybody heard every message", kept=not lost, seen=f"{lost} lost")
        promise("once", kept=not doubled, seen=f"{doubled} doubled")
        promise("in order", kept=not disordered, seen=f"{disordered} people")
        promise("what was acknowledged is stored under its number", kept=not wrong, seen=str(wrong))
        promise("all that was said is acknowledged in the end", kept=not open_still)
        promise("each is stored once", kept=total == said, seen=f"{total} stored")
        promise("every change reached everybody", kept=not stale, seen=f"{stale} stale")


def _change_one() -> None:
    from django.db import connection

    from sessions import talk_actions
    from sessions.models import Message

    try:
        message = Message.objects.order_by("?").first()
        if message is not None:
            talk_actions.touch(message)
    finally:
        connection.close()


def _counts() -> dict[Any, tuple[int, int]]:
    from django.db import connection

    from sessions.models import SupportSession

    try:
        rows = SupportSession.objects.values_list("pk", "message_count", "change_count")
        return {pk: (messages, changes) for pk, messages, changes in rows}
    finally:
        connection.close()


def main() -> None:
    with services() as behind:
        from tests.sessions.web import running

        places = [place(PEOPLE) for _ in range(ROOMS)]
        note("starting two web processes …")
        with running(fast=True) as first, running(fast=True) as second:
            rooms = Rooms(places, [first, second], behind)
            asyncio.run(rooms.run())
            rooms.judge()


if __name__ == "__main__":
    main()
    finish()
