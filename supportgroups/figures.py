"""The state of the whole installation in figures, read from PostgreSQL, Redis and the disk.

One process tells them: `manage.py metrics`. They are whole numbers of the installation, never of a
group or an organisation, and no row leaves the database.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts.rules import invitations_overdue
from audit.chain import last_check
from groups.rules import notices_overdue
from safeguarding.models import Alert
from supportgroups.backup import folder

logger = logging.getLogger(__name__)

_PREFIX = "supportgroups_"
#: The clock's runs, which Redis remembers.
RUNS = ("tick", "nightly", "verify_trail")
_RUNS_KEY = "clock:runs"
#: Mail that is due waits so long before it counts as late.
LATE_AFTER = timedelta(minutes=10)


@contextmanager
def _redis() -> Iterator[redis.Redis]:
    """Redis itself: the cache goes on without it and would not tell."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=5)
    try:
        yield client
    finally:
        client.close()


# The clock's runs ---------------------------------------------------------------------------------


def note_run(name: str, *, begun: float, failed: int) -> None:
    """Remember when a run of the clock ended, and how many of its parts failed."""
    now = time.time()
    said = {"ended_at": now, "seconds": round(now - begun, 3), "failed": failed}
    try:
        with _redis() as client:
            client.hset(_RUNS_KEY, name, json.dumps(said))
    except redis.RedisError:  # the next run says it
        logger.warning("clock.run_not_noted")


# Figures ------------------------------------------------------------------------------------------


def _gauge(name: str, words: str, value: float | None) -> Iterator[Metric]:
    """One number, or nothing where there is none."""
    if value is not None:
        yield GaugeMetricFamily(_PREFIX + name, words, value=value)


def _runs() -> Iterator[Metric]:
    ended = GaugeMetricFamily(
        f"{_PREFIX}clock_ended_timestamp_seconds", "When the run last ended.", labels=["run"]
    )
    failed = GaugeMetricFamily(
        f"{_PREFIX}clock_failed_parts", "Parts that failed in the last run.", labels=["run"]
    )
    took = GaugeMetricFamily(f"{_PREFIX}clock_seconds", "How long it took.", labels=["run"])
    with _redis() as client:
        known: Any = client.hgetall(_RUNS_KEY)
    for run in RUNS:
        if run.encode() in known:
            said = json.loads(known[run.encode()])
            ended.add_metric([run], said["ended_at"])
            failed.add_metric([run], said["failed"])
            took.add_metric([run], said["seconds"])
    yield from (ended, failed, took)


def _trail() -> Iterator[Metric]:
    check = last_check()
    yield from _gauge(
        "trail_broken",
        "1 when the last look found that events were changed or removed.",
        None if check is None else not check.is_whole,
    )
    yield from _gauge(
        "trail_checked_timestamp_seconds",
        "When the trail was last looked at.",
        None if check is None else check.checked_at.timestamp(),
    )


def _waiting_mail() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        # A reminder's key holds the moment it was made, which is when it was due.
        cursor.execute(
            "SELECT count(*) FROM support_sessions_reminder WHERE sent_at IS NULL"
            " AND uuid_extract_timestamp(id) BETWEEN now() - interval '1 day' AND %s",
            [timezone.now() - LATE_AFTER],
        )
        (late,) = cursor.fetchone()
    yield from _gauge("reminders_late", "Reminders of the last day not sent in ten minutes.", late)
    late_since = timezone.now() - LATE_AFTER
    alerts = Alert.objects.to_send().filter(made_at__lt=late_since).count()
    yield from _gauge("alerts_late", "Alerts to those on call not sent in ten minutes.", alerts)
    news = notices_overdue().count() + invitations_overdue().count()
    yield from _gauge("news_late", "Other mail that failed and is due again.", news)


def _database() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()), current_setting('max_connections')::int,"
            " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
            " (SELECT coalesce(max(extract(epoch FROM now() - xact_start)), 0)"
            "  FROM pg_stat_activity"
            "  WHERE datname = current_database() AND pid <> pg_backend_pid())"
        )
        size, most, used, oldest = cursor.fetchone()
        cursor.execute(
            "SELECT current_setting('archive_mode') <> 'off', failed_count, archived_count,"
            " extract(epoch FROM last_archived_time) FROM pg_stat_archiver"
        )
        archiving, failed, archived, last = cursor.fetchone()
    yield from _gauge("database_bytes", "Size of the database.", size)
    yield from _gauge("database_connections", "Connections in use, of everybody.", used)
    yield from _gauge("database_connections_most", "Connections that the server allows.", most)
    yield from _gauge(
        "database_oldest_transaction_seconds", "Age of the oldest open transaction.", float(oldest)
    )
    if archiving:
        yield CounterMetricFamily(f"{_PREFIX}wal_archived", "WAL files archived.", value=archived)
        yield CounterMetricFamily(
            f"{_PREFIX}wal_archive_failures", "Times that archiving failed.", value=failed
        )
        yield from _gauge("wal_archived_timestamp_seconds", "When one was last archived.", last)


def _queue() -> Iterator[Metric]:
    with _redis() as client:
        waiting: Any = client.llen("celery")
        held: Any = client.hlen("unacked")
        oldest: Any = client.lindex("celery", -1)
    yield from _gauge("queue_waiting", "Tasks that wait for a worker.", waiting)
    yield from _gauge("queue_held", "Tasks that a worker has taken and not finished.", held)
    sent_at = json.loads(oldest)["headers"].get("sent_at") if oldest else None
    age = 0 if not waiting else None if sent_at is None else max(0, time.time() - sent_at)
    yield from _gauge("queue_oldest_seconds", "How long the first in the queue has waited.", age)


def _backups() -> Iterator[Metric]:
    if not settings.BACKUP_DIR.is_dir():
        return
    newest = folder.newest(settings.BACKUP_DIR)
    yield from _gauge(
        "backup_timestamp_seconds",
        "When the newest backup was made; 0 when there is none.",
        newest.made_at.timestamp() if newest else 0,
    )
    if newest:
        size = newest.file.stat().st_size
        yield from _gauge("backup_bytes", "Size of the newest backup.", size)
    disk = shutil.disk_usage(settings.BACKUP_DIR)
    yield from _gauge("disk_free_bytes", "Free on the disk of the backups.", disk.free)
    yield from _gauge("disk_bytes", "Size of that disk.", disk.total)


PARTS: dict[str, Callable[[], Iterator[Metric]]] = {
    "clock": _runs,
    "trail": _trail,
    "mail": _waiting_mail,
    "database": _database,
    "queue": _queue,
    "backups": _backups,
}


def _let_go() -> None:
    """Hold no connection until somebody asks again."""
    if not connection.in_atomic_block:
        connection.close()


class State(Collector):
    """All figures, read when they are asked for. A part that cannot be read is told as such."""

    def describe(self) -> list[Metric]:
        """Nothing is read when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        readable = GaugeMetricFamily(
            f"{_PREFIX}readable", "1 when this part of the figures could be read.", labels=["part"]
        )
        for part, read in PARTS.items():
            try:
                found = list(read())
            except Exception:
                # As with a database that is gone: the other parts are told all the same.
                logger.warning("figures.part_unreadable", extra={"part": part})
                _let_go()
                readable.add_metric([part], 0)
                continue
            readable.add_metric([part], 1)
            yield from found
        _let_go()
        yield readable
