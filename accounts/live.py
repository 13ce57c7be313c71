"""Tells open sockets that something about a person changed, so that they check again at once."""

import logging
from collections.abc import Iterable
from functools import cache
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)


def person_topic(user_id: UUID | str) -> str:
    """The Redis topic that every socket of one person listens to."""
    return f"person:{user_id}"


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=None
    )


def _publish(user_ids: list[str]) -> None:
    try:
        with _client().pipeline(transaction=False) as pipeline:
            for user_id in user_ids:
                pipeline.publish(person_topic(user_id), b"look again")
            pipeline.execute()
    except redis.RedisError:
        # Every socket also checks by the clock, so a lost notice delays the close, no more.
        logger.warning("live.notice_lost", extra={"people": len(user_ids)})


def look_again(user_ids: Iterable[UUID]) -> None:
    """Once the change is committed, have these people's sockets check that they may stay."""
    people = [str(user_id) for user_id in user_ids]
    if people:
        transaction.on_commit(lambda: _publish(people))
