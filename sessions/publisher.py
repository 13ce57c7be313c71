"""How one event loop publishes: nobody waits for it, and what waits goes out together."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class Publisher:
    """One connection to Redis, in the order it is asked. What cannot be published is left out:
    every process reads its rooms when it finds Redis again."""

    def __init__(
        self,
        connection: Callable[[], redis.asyncio.Connection],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._make, self._spawn = connection, spawn
        self._connection: redis.asyncio.Connection | None = None
        self._waiting: list[tuple[str, str, str]] = []
        self._sending: asyncio.Task[None] | None = None

    def publish(self, topic: str, payload: str) -> None:
        self._waiting.append(("PUBLISH", topic, payload))
        if self._sending is None or self._sending.done():
            self._sending = self._spawn(self._send_all())

    async def _send_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                try:
                    await self._send(batch)
                except (RedisError, OSError, TimeoutError):
                    # One that broke while it was idle is replaced at once.
                    await self._send(batch)
            except (RedisError, OSError, TimeoutError):
                logger.warning("live.redis_unreachable")

    async def _send(self, batch: list[tuple[str, str, str]]) -> None:
        try:
            if self._connection is None:
                self._connection = self._make()
                await self._connection.connect()
            connection = self._connection
            await connection.send_packed_command(connection.pack_commands(batch))
            for _ in batch:
                await connection.read_response()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)
