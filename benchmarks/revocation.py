"""How soon a socket closes once its person may no longer be in the room.

    python benchmarks/revocation.py          a minute and a half on a quiet machine
    python benchmarks/revocation.py 60 10    so many rooms, and people in each

Rooms on two web processes, in which everybody talks. One after the other loses the right to be
there: removed from the group, removed from the session, signed out, a new agreement to sign.
Measured is from before the action begins, with its transaction, to the close that the client reads.
Ends with 1 when one of them took more than a second.
"""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.crowd import Crowd, Guest
from benchmarks.lib.world import Place, finish, note, place, promise, say, services

if TYPE_CHECKING:
    from tests.sessions.web import Web

#: In each room somebody says something so often a second.
PER_SECOND = 0.3
#: How often each way of losing the right is tried.
EACH = 20
PATIENCE = 30.0


class Losing:
    """Ways to lose the right to be in a room. Each gets a room and the people in it."""

    def __init__(self, there: Place) -> None:
        self.session = there.support_session
        self.lead = self.session.group.facilitator_assignments.get()
        self.members = list(self.session.group.memberships.order_by("pk"))

    def is_removed_from_the_group(self, number: int) -> None:
        from groups import actions

        actions.remove(membership=self.members[number], by=self.lead.user, reason="A benchmark")

    def is_removed_from_the_session(self, number: int) -> None:
        from sessions import safe_actions

        safe_actions.remove_from_session(
            support_session=self.session,
            about=self.members[number].user,
            by=self.lead.user,
            reason="rules",
            words="",
        )

    def signs_out(self, number: int) -> None:
        from accounts.browser_sessions import end_others

        end_others(self.members[number].user, but=None)

    def has_an_agreement_to_sign(self, number: int) -> None:
        from groups import actions

        actions.publish_agreement(
            group=self.session.group, text=f"Agreement {number}.", by=self.lead.user
        )


WAYS = [
    Losing.is_removed_from_the_group,
    Losing.is_removed_from_the_session,
    Losing.signs_out,
    Losing.has_an_agreement_to_sign,
]


def _lose(way: Callable[[Losing, int], None], there: Place, number: int) -> None:
    from django.db import connection

    try:
        way(Losing(there), number)
    finally:
        connection.close()


async def _measure(places: list[Place], webs: "list[Web]") -> dict[str, list[float]]:
    crowd = Crowd()
    rooms: list[list[Guest]] = []
    for number, there in enumerate(places):
        guests = []
        for seat, cookie in enumerate(there.cookies):
            web = webs[(number + seat) % len(webs)]
            guests.append(
                await crowd.open(there.path, port=web.port, origin=web.origin, cookie=cookie)
            )
        rooms.append(guests)
    note(f"{len(crowd.guests)} sockets are open")
    talking = asyncio.create_task(crowd.talk(rooms, per_second=PER_SECOND, seconds=600))
    await asyncio.sleep(2)
    took: dict[str, list[float]] = {}
    for turn, way in enumerate(WAYS):
        name = way.__name__.replace("_", " ")
        took[name] = []
        for number in range(EACH):
            where = (turn * EACH + number) % len(places)
            # Everybody of a room loses it by a new agreement, so each room is used up once.
            there, guest = places[where], rooms[where][1]
            if guest.close_code is not None:
                continue
            begun = time.perf_counter()
            await asyncio.to_thread(_lose, way, there, 0)
            while guest.close_code is None and time.perf_counter() - begun < PATIENCE:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            took[name].append(time.perf_counter() - begun)
    talking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await talking
    crowd.leave()
    return took


def _report(took: dict[str, list[float]]) -> None:
    every: list[float] = []
    for name, seconds in took.items():
        every += seconds
        if len(seconds) > 1:
            cuts = statistics.quantiles(seconds, n=20, method="inclusive")
            say(
                f"  who {name}: p50 {cuts[9] * 1000:.0f} ms, p95 {cuts[18] * 1000:.0f} ms, "
                f"longest {max(seconds) * 1000:.0f} ms (n={len(seconds)})"
            )
    promise("closed within a second", kept=max(every) < 1, seen=f"longest {max(every):.2f} s")


def main(numbers: list[int]) -> None:
    rooms, people = numbers or (len(WAYS) * EACH, 4)
    with services():
        from tests.sessions.web import running

        note(f"making {rooms} rooms of {people} …")
        places: list[Any] = [place(people) for _ in range(rooms)]
        note("starting two web processes …")
        with running(fast=True) as first, running(fast=True) as second:
            _report(asyncio.run(_measure(places, [first, second])))


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
    finish()
