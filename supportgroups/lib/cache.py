"""The cache: JSON and bytes in Redis, never pickles; while Redis is away, this process's memory.

Django's own serializer unpickles whatever stands in Redis, so who could write there could run code
in every process.
"""

import json
import logging
import time
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as TooSlow

logger = logging.getLogger(__name__)

#: Seconds after which Redis is asked again.
_AWAY = 5

_BYTES = b"\x00"


class Serializer:
    """For `CACHES`. Lists and dictionaries come back as such, tuples as lists."""

    def dumps(self, value: Any) -> bytes | int:
        if type(value) is int:
            return value  # Redis itself counts up and down
        if isinstance(value, bytes):
            return _BYTES + value
        return json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        if data.startswith(_BYTES):
            return data.removeprefix(_BYTES)
        return json.loads(data)


class RedisOrMemory(BaseCache):
    """Redis; while it cannot be reached, a memory of this process.

    Signing in counts tries here. Without Redis it goes on, and each process counts by itself: with
    n processes somebody may try n times as often, for as long as Redis is away.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._redis = RedisCache(server, params)
        self._memory = LocMemCache("without-redis", {})
        self._away_until = 0.0

    def _ask(self, what: str, *args: Any, **options: Any) -> Any:
        if time.monotonic() >= self._away_until:
            try:
                return getattr(self._redis, what)(*args, **options)
            except (NoConnection, TooSlow):
                self._away_until = time.monotonic() + _AWAY
                logger.warning("cache.redis_away")
        return getattr(self._memory, what)(*args, **options)

    def add(self, *args: Any, **options: Any) -> bool:
        return bool(self._ask("add", *args, **options))

    def get(self, *args: Any, **options: Any) -> Any:
        return self._ask("get", *args, **options)

    def set(self, *args: Any, **options: Any) -> None:
        self._ask("set", *args, **options)

    def touch(self, *args: Any, **options: Any) -> bool:
        return bool(self._ask("touch", *args, **options))

    def delete(self, *args: Any, **options: Any) -> bool:
        return bool(self._ask("delete", *args, **options))

    def incr(self, *args: Any, **options: Any) -> int:
        return int(self._ask("incr", *args, **options))

    def get_many(self, *args: Any, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("get_many", *args, **options)
        return found

    def has_key(self, *args: Any, **options: Any) -> bool:
        return bool(self._ask("has_key", *args, **options))

    def clear(self) -> None:
        self._ask("clear")
