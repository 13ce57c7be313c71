"""Many people at once: light WebSocket clients in one event loop, which count what they are told.

The clients are written on bare frames, so that a benchmark of a server on the same machine is not
mostly one of its clients.
"""

import asyncio
import base64
import json
import os
import random
import time
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

WORDS = (
    "This week was hard, but I did go for a walk on two of the days, and I slept a bit better. "
    "Thank you for asking last time."
)


class Guest(asyncio.Protocol):
    """One person's socket. It answers what a client answers and keeps the books."""

    def __init__(self, crowd: "Crowd", room: str, *, port: int, origin: str, cookie: str) -> None:
        self.crowd, self.room = crowd, room
        self.port, self.origin, self.cookie = port, origin, cookie
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._in = bytearray()
        self._shaken = False
        #: Numbers of the messages in the order they came, and ids of those that were acknowledged.
        self.heard: list[int] = []
        self.last = 0
        self.doubled = self.disordered = self.bytes = 0
        self.refusals: list[str] = []
        self.close_code: int | None = None

    # The line -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        lines = [
            f"GET {self.room} HTTP/1.1",
            f"Host: localhost:{self.port}",
            f"Origin: {self.origin}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            *([f"Cookie: {self.cookie}"] if self.cookie else []),
        ]
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        self._in += data
        if not self._shaken:
            head, found, rest = self._in.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self.ready.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self._shaken, self._in = True, bytearray(rest)
            if not self.crowd.greets:
                self.ready.set_result(None)
        at, have = 0, len(self._in)
        while have - at >= 2:
            length, begin = self._in[at + 1], at + 2
            if length == 126:
                length, begin = int.from_bytes(self._in[at + 2 : at + 4]), at + 4
            elif length == 127:
                length, begin = int.from_bytes(self._in[at + 2 : at + 10]), at + 10
            if have < max(begin, begin + length):
                break
            self._frame(self._in[at] & 15, bytes(self._in[begin : begin + length]))
            at = begin + length
        del self._in[:at]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError(f"closed: {self.close_code}"))

    def _frame(self, kind: int, data: bytes) -> None:
        if kind == 1:
            self._hear(json.loads(data))
        elif kind == 8:
            self.close_code = int.from_bytes(data[:2])
            self.transport.close()
        elif kind == 9:
            self._write(10, data)

    def _write(self, kind: int, data: bytes) -> None:
        length = len(data)
        sizes = bytes([128 | length]) if length < 126 else b"\xfe" + length.to_bytes(2)
        # A mask of zeros is a mask, and spares this side the work.
        self.transport.write(bytes([128 | kind]) + sizes + b"\0\0\0\0" + data)

    # What is said ---------------------------------------------------------------------------

    def send(self, **frame: Any) -> None:
        self._write(1, json.dumps(frame).encode())

    def say(self, body: str = WORDS) -> str:
        client_id = str(uuid4())
        self.crowd.sent_at[client_id] = time.perf_counter()
        self.send(type="message", id=client_id, body=body)
        return client_id

    def _hear(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "message":
                self._hear_message(frame["sequence"], frame["id"])
            case "sent":
                self.crowd.acknowledged[frame["id"]] = frame["sequence"]
            case "refused":
                self.refusals.append(frame["reason"])
            case "still_here":
                self.send(type="here")
            case "hello":
                self.send(type="after", sequence=self.last)
            case "caught_up":
                if not self.ready.done():
                    self.ready.set_result(None)

    def _hear_message(self, sequence: int, client_id: str) -> None:
        if sequence == self.last:
            self.doubled += 1
        elif sequence < self.last or (self.crowd.greets and sequence != self.last + 1):
            self.disordered += 1
        self.last = sequence
        self.heard.append(sequence)
        self.crowd.deliveries += 1
        if sent := self.crowd.sent_at.get(client_id):
            self.crowd.latencies.append(time.perf_counter() - sent)


class Crowd:
    """All guests of one run, and what they noticed together."""

    def __init__(self, *, greets: bool = True) -> None:
        #: Whether the server speaks the room's protocol; the bare one only hands messages on.
        self.greets = greets
        self.guests: list[Guest] = []
        self.sent_at: dict[str, float] = {}
        self.acknowledged: dict[str, int] = {}
        self.latencies: list[float] = []
        self.deliveries = 0

    async def open(self, room: str, *, port: int, origin: str = "", cookie: str = "") -> Guest:
        """Connect somebody and wait until they have caught up."""
        guest = Guest(self, room, port=port, origin=origin, cookie=cookie)
        await asyncio.get_running_loop().create_connection(lambda: guest, "127.0.0.1", port)
        async with asyncio.timeout(60):
            await guest.ready
        self.guests.append(guest)
        return guest

    def count_anew(self) -> None:
        """Forget what was noticed, and what the guests noticed."""
        self.sent_at, self.acknowledged, self.latencies = {}, {}, []
        self.deliveries = 0
        for guest in self.guests:
            guest.doubled = guest.disordered = 0

    async def talk(
        self, rooms: Iterable[list[Guest]], *, per_second: float, seconds: float
    ) -> None:
        """In each room somebody says something so often, not all at the same moment."""

        async def room(guests: list[Guest]) -> None:
            loop = asyncio.get_running_loop()
            due = loop.time() + random.random() / per_second
            for number in range(round(seconds * per_second)):
                await asyncio.sleep(max(0, due - loop.time()))
                guests[number % len(guests)].say()
                due += 1 / per_second

        await asyncio.gather(*(room(guests) for guests in rooms))

    async def settle(self, *, deliveries: int, seconds: float, acknowledged: int = 0) -> None:
        """Wait until everything that was said has come, or no longer than so many seconds."""
        deadline = time.perf_counter() + seconds
        while self.deliveries < deliveries or len(self.acknowledged) < acknowledged:
            if time.perf_counter() > deadline:
                return
            await asyncio.sleep(0.02)

    def leave(self) -> None:
        for guest in self.guests:
            guest.transport.abort()
