"""The bare limit: a server that keeps each message and hands it on, and knows nothing else.

    DATABASE_URL=… REDIS_URL=… python -m benchmarks.lib.bare PORT

One connection to Redis listens, one publishes; one connection to PostgreSQL inserts. No sign-in, no
rules, no presence, no order. What a room may cost is counted in multiples of this.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections import defaultdict

import psycopg
import redis.asyncio
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

TABLE = """
    CREATE TABLE IF NOT EXISTS bare_message (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        room text NOT NULL, id uuid NOT NULL, body text NOT NULL,
        sent_at timestamptz NOT NULL DEFAULT now())
"""
INSERT = "INSERT INTO bare_message (room, id, body) VALUES (%s, %s, %s) RETURNING number"


async def main(port: int) -> None:
    database = await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True)
    database.prepare_threshold = 0
    broker = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
    rooms: defaultdict[str, set[ServerConnection]] = defaultdict(set)

    async def guest(line: ServerConnection) -> None:
        assert line.request is not None
        room = line.request.path
        rooms[room].add(line)
        with contextlib.suppress(ConnectionClosed):
            async for text in line:
                said = json.loads(text)
                if said["type"] != "message":
                    continue
                cursor = await database.execute(INSERT, [room, said["id"], said["body"]])
                (number,) = await cursor.fetchone() or (0,)
                told = {"type": "message", "sequence": number} | said
                await broker.publish(room, json.dumps(told))
                await line.send(json.dumps({"type": "sent", "id": said["id"], "sequence": number}))
        rooms[room].discard(line)

    async def listen() -> None:
        async with broker.pubsub(ignore_subscribe_messages=True) as ear:
            await ear.psubscribe("/*")
            async for heard in ear.listen():
                broadcast(rooms[heard["channel"].decode()], heard["data"].decode())

    await database.execute(TABLE)
    async with serve(guest, "127.0.0.1", port, compression=None), asyncio.TaskGroup() as beside:
        beside.create_task(listen())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
