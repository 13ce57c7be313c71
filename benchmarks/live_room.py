"""What the live room costs, beside the bare limit: twenty rooms of twelve, every message kept.

    python benchmarks/live_room.py            all of it, about four minutes
    python benchmarks/live_room.py cost       only a part: cost, large, idle, storm

The limit is `benchmarks/lib/bare.py` under the same load in the same run. Processor time is that of
the server, PostgreSQL and Redis together; the clients' own is not counted. Ratios hardly depend on
the machine. Milliseconds do: measure those while nothing else runs. Ends with 1 when a promise is
not kept, or a message was lost, doubled or out of order; milliseconds alone do not fail it.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.crowd import Crowd, Guest
from benchmarks.lib.machine import cpu_seconds, memory_kib, percentile
from benchmarks.lib.world import Place, finish, note, place, promise, say, services
from supportgroups import embedded
from tests.processes import wait_until

ROOMS, PEOPLE, LARGE = 20, 12, 200
#: Messages a second in each room: a calm hour, a lively one. Each load is repeated in turns.
CALM, LIVELY = 1, 5
LOADS = ((CALM, 20.0), (LIVELY, 8.0))
TURNS = 1

MOST_RATIO = 2.0
MOST_MS = {0.5: 10, 0.95: 50}
IDLE, MOST_KIB = 1000, 60
OFFERED, STORM_SECONDS = 9600, 8


class Server:
    """A server with the services behind it, under load."""

    def __init__(self, *, pid: int, port: int, behind: embedded.Services) -> None:
        assert behind.postgres.process is not None
        assert behind.redis.process is not None
        self.pid, self.port = pid, port
        self.pids = (pid, behind.postgres.process.pid, behind.redis.process.pid)

    async def enter(self, crowd: Crowd, there: Place) -> list[Guest]:
        """Everybody of a room opens a socket at the same moment."""
        origin = f"http://localhost:{self.port}"
        opened = [
            crowd.open(there.path, port=self.port, origin=origin, cookie=cookie)
            for cookie in there.cookies
        ]
        return list(await asyncio.gather(*opened))


class Load:
    """So many messages a second in each room, and what came of it."""

    def __init__(self, server: Server, crowd: Crowd, rooms: list[list[Guest]]) -> None:
        self.server, self.crowd, self.rooms = server, crowd, rooms
        self.said = self.acknowledged = self.deliveries = 0
        self.cpu_ms = self.seconds = 0.0
        self.latencies: list[float] = []
        self.problems: list[str] = []

    async def run(self, *, per_second: float, seconds: float, patience: float = 30) -> "Load":
        self.crowd.count_anew()
        before, begun = cpu_seconds(*self.server.pids), time.perf_counter()
        await self.crowd.talk(self.rooms, per_second=per_second, seconds=seconds)
        self.said = len(self.crowd.sent_at)
        people = len(self.rooms[0])
        await self.crowd.settle(
            deliveries=self.said * people, acknowledged=self.said, seconds=patience
        )
        self.seconds = time.perf_counter() - begun
        used = cpu_seconds(*self.server.pids) - before
        self.cpu_ms = used / max(1, self.crowd.deliveries) * 1_000_000
        self.deliveries, self.latencies = self.crowd.deliveries, self.crowd.latencies
        self.problems = self._problems()
        note(f"  {per_second} a second: {self.cpu_ms:.0f} ms for 1,000, {self.times()}")
        return self

    def _problems(self) -> list[str]:
        """What was lost, doubled, out of order or not acknowledged."""
        guests = [guest for room in self.rooms for guest in room]
        found = {
            "lost": self.said * len(self.rooms[0]) - self.crowd.deliveries,
            "doubled": sum(guest.doubled for guest in guests),
            "out of order": sum(guest.disordered for guest in guests),
            "not acknowledged": self.said - len(self.crowd.acknowledged),
            "closed": sum(guest.close_code is not None for guest in guests),
        }
        return [f"{number} {what}" for what, number in found.items() if number]

    def milliseconds(self, share: float) -> float:
        return percentile(self.latencies, share) * 1000

    def times(self) -> str:
        return f"p50 {self.milliseconds(0.5):.1f} ms, p95 {self.milliseconds(0.95):.1f} ms"

    def check(self) -> None:
        promise(
            "each message once and in order", kept=not self.problems, seen=", ".join(self.problems)
        )


def answers(port: int) -> bool:
    try:
        with socket.create_connection((embedded.LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def bare(behind: embedded.Services) -> Iterator[Server]:
    port = embedded.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.lib.bare", str(port)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
        preexec_fn=embedded.end_with_parent(),
    )
    try:
        wait_until(lambda: answers(port), seconds=20, what="the bare server answers")
        yield Server(pid=process.pid, port=port, behind=behind)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def product(behind: embedded.Services) -> Iterator[Server]:
    """One web process as in production, without a limit for how fast one person may write."""
    from tests.sessions.web import running

    with running(fast=True) as web:
        assert web.process is not None
        yield Server(pid=web.process.pid, port=web.port, behind=behind)


async def cost_of(server: Server, places: list[Place], *, greets: bool) -> dict[float, Load]:
    crowd = Crowd(greets=greets)
    try:
        rooms = [await server.enter(crowd, there) for there in places]
        await asyncio.sleep(2)
        return {
            per_second: await Load(server, crowd, rooms).run(per_second=per_second, seconds=seconds)
            for per_second, seconds in LOADS
        }
    finally:
        crowd.leave()


def measure_cost(behind: embedded.Services, places: list[Place]) -> None:
    limit: dict[float, list[Load]] = {CALM: [], LIVELY: []}
    room: dict[float, list[Load]] = {CALM: [], LIVELY: []}
    for turn in range(TURNS):
        note(f"{ROOMS} rooms of {PEOPLE}, turn {turn + 1} of {TURNS} …")
        with bare(behind) as server:
            for per_second, load in asyncio.run(cost_of(server, places, greets=False)).items():
                limit[per_second].append(load)
        with product(behind) as server:
            for per_second, load in asyncio.run(cost_of(server, places, greets=True)).items():
                room[per_second].append(load)
    say(f"{ROOMS} rooms of {PEOPLE}, every message kept")
    for per_second in room:
        # The least of the turns: what else the machine does only adds.
        least = min(limit[per_second], key=lambda load: load.cpu_ms)
        ours = min(room[per_second], key=lambda load: load.cpu_ms)
        ratio = ours.cpu_ms / least.cpu_ms
        say(
            f"  {per_second} a second in each room: {ours.cpu_ms:.0f} ms of processor time for"
            f" 1,000 deliveries, the bare limit {least.cpu_ms:.0f}"
        )
        promise(
            f"at most {MOST_RATIO} times the limit",
            kept=ratio <= MOST_RATIO,
            seen=f"{ratio:.2f} times",
        )
        say(f"    {ours.times()}; the bare limit {least.times()}")
        if per_second == CALM:
            for share, most in MOST_MS.items():
                best = min(load.milliseconds(share) for load in room[CALM])
                promise(
                    f"p{share * 100:.0f} under {most} ms on a quiet machine",
                    kept=best < most,
                    seen=f"{best:.1f} ms",
                    counts=False,
                )
        for load in room[per_second]:
            load.check()


def measure_large(behind: embedded.Services) -> None:
    """Everybody comes at once, then a lively hour."""
    note(f"a room of {LARGE} …")
    there = place(LARGE)

    async def run(server: Server) -> None:
        crowd = Crowd()
        try:
            begun = time.perf_counter()
            room = await server.enter(crowd, there)
            opened = time.perf_counter() - begun
            used = cpu_seconds(server.pid)
            load = await Load(server, crowd, [room]).run(per_second=2, seconds=10)
            share = (cpu_seconds(server.pid) - used) / load.seconds
            say(f"a room of {LARGE}: all in after {opened:.1f} s")
            say(f"  2 messages a second: {load.times()}, {share:.0%} of one processor")
            load.check()
        finally:
            crowd.leave()

    with product(behind) as server:
        asyncio.run(run(server))


def measure_idle(behind: embedded.Services, places: list[Place]) -> None:
    note(f"{IDLE:,} idle sockets …")

    async def run(server: Server) -> None:
        crowd = Crowd()
        try:
            warm = [await server.enter(crowd, there) for there in places]
            await asyncio.sleep(3)
            before = memory_kib(server.pid)
            while len(crowd.guests) < IDLE + ROOMS * PEOPLE:
                for there in places:
                    await server.enter(crowd, there)
            more = len(crowd.guests) - ROOMS * PEOPLE
            await asyncio.sleep(3)
            used = cpu_seconds(*server.pids)
            await asyncio.sleep(25)
            used = (cpu_seconds(*server.pids) - used) / 25
            kib = (memory_kib(server.pid) - before) / more
            say(f"{more:,} idle sockets more on one process: {used:.0%} of one processor in all")
            promise(f"at most {MOST_KIB} KiB each", kept=kib <= MOST_KIB, seen=f"{kib:.0f} KiB")
            closed = sum(guest.close_code is not None for guest in crowd.guests)
            promise("all of them stay open", kept=not closed, seen=f"{closed} closed")
            warm[0][0].say()
            await crowd.settle(deliveries=len(crowd.guests) // ROOMS, seconds=10)
            heard = crowd.deliveries == len(crowd.guests) // ROOMS
            promise("and hear what is said", kept=heard, seen=f"{crowd.deliveries} in the room")
        finally:
            crowd.leave()

    with product(behind) as server:
        asyncio.run(run(server))


def measure_storm(behind: embedded.Services, places: list[Place]) -> None:
    """More than a process can do. It may be late; nothing may be lost."""
    note(f"{OFFERED:,} deliveries a second offered …")

    async def run(server: Server) -> None:
        crowd = Crowd()
        try:
            rooms = [await server.enter(crowd, there) for there in places]
            per_second = OFFERED / ROOMS / PEOPLE
            load = await Load(server, crowd, rooms).run(
                per_second=per_second, seconds=STORM_SECONDS, patience=120
            )
            say(
                f"{OFFERED:,} deliveries a second offered to one process for {STORM_SECONDS} s:"
                f" {load.deliveries / load.seconds:,.0f} a second done, {load.times()}"
            )
            load.check()
            after = await Load(server, crowd, rooms).run(per_second=1, seconds=5)
            say(f"  afterwards {after.times()}")
            after.check()
        finally:
            crowd.leave()

    with product(behind) as server:
        asyncio.run(run(server))


def main(parts: list[str]) -> None:
    with services() as behind:
        places = [place(PEOPLE) for _ in range(ROOMS)]
        for name, measure in (
            ("cost", lambda: measure_cost(behind, places)),
            ("large", lambda: measure_large(behind)),
            ("idle", lambda: measure_idle(behind, places)),
            ("storm", lambda: measure_storm(behind, places)),
        ):
            if not parts or name in parts:
                measure()


if __name__ == "__main__":
    main(sys.argv[1:])
    finish()
