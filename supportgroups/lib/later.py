"""Hand work to the worker once the change is committed, without making the page depend on it."""

import logging
from typing import Any
from uuid import UUID

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def later(task: Task, pk: UUID) -> None:
    """After the commit, ask the worker to run `task` with this row's id.

    A broker that is gone costs about a second and never the answer to the person: their change is
    saved, so nothing is raised. The clock finds the row again and asks for the same work; every
    task that is given here needs such a part in its app's `periodic.py`.
    """
    transaction.on_commit(lambda: _publish(task, str(pk)))


def _publish(task: Any, pk: str) -> None:
    try:
        task.delay(pk)
    except (OperationalError, RedisError, OSError):
        logger.warning("later.not_published", extra={"task": task.name})
