"""The ways from a socket to the database.

What runs all the time runs on the event loop itself: a thread's way costs several times what such a
statement does, with its hops, a connection taken, checked and given back, and threads that wait for
one another at each step. Everything else runs in a thread.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import psycopg
from channels.db import database_sync_to_async
from django.db import connection as django_connection
from psycopg.pq import TransactionStatus

#: Statements of one loop at the same time; more wait. So many can share one write to the disk.
MOST_CONNECTIONS = 4


def in_thread[**P, R](function: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """Run it in a thread, several at once."""
    threaded: Callable[P, Awaitable[R]] = database_sync_to_async(function, thread_sensitive=False)
    return threaded


class Database:
    """A few connections of one event loop, opened when they are needed and kept until `close`."""

    def __init__(self) -> None:
        self._idle: list[psycopg.AsyncConnection[Any]] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._closed = False

    async def fetch_row(self, text: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """Run one statement as a transaction of its own and return its first row.

        A statement whose connection breaks is run again on another one: give it only what has the
        same effect twice. Raises what psycopg raises: `OperationalError` when the database cannot
        be reached, or when it is not known whether the statement took effect.
        """
        try:
            return await self._fetch_row(text, values)
        except psycopg.OperationalError:
            # After a restart of the database none that was open before is of use.
            await self._forget_idle()
            return await self._fetch_row(text, values)

    async def _fetch_row(self, text: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
        async with self._connection() as connection:
            cursor = await connection.execute(text, values)
            return await cursor.fetchone()

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        async with self._free:
            connection = self._idle.pop() if self._idle else await _connect()
            try:
                yield connection
            finally:
                sound = connection.pgconn.transaction_status == TransactionStatus.IDLE
                if sound and not self._closed:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def _forget_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def close(self) -> None:
        self._closed = True
        await self._forget_idle()


async def _connect() -> psycopg.AsyncConnection[Any]:
    """As Django connects, but each statement is its own transaction, prepared at once."""
    parameters = django_connection.get_connection_params()
    parameters |= {
        # Django's own puts values into the text, for threads.
        "cursor_factory": psycopg.AsyncRawCursor,
        "autocommit": True,
        "prepare_threshold": 0,
        "connect_timeout": 2,
    }
    connection = await psycopg.AsyncConnection.connect(**parameters)
    # What runs here is the same statement with other values: planned once, not for each value.
    await connection.execute(
        "SELECT set_config('TimeZone', 'UTC', false),"
        " set_config('plan_cache_mode', 'force_generic_plan', false)"
    )
    return connection
