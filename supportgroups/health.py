"""What a load balancer asks: is this process alive, and can it do its work."""

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

_migrated = False


def _migrations_applied() -> bool:
    """True once every migration in this code is in the database; a yes is remembered."""
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


def _ask_database() -> None:
    """Raises when it does not answer. A request may wait longer for a connection than whoever asks
    here does."""
    pool = connection.pool  # type: ignore[attr-defined]
    if pool is None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return
    pool.open()  # as Django does at its first connection
    with pool.connection(timeout=2) as own:
        own.execute("SELECT 1")


def _ask_redis() -> None:
    """Raises when it does not answer. The cache would not tell: it goes on without Redis."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0)
    )
    try:
        client.ping()
    finally:
        client.close()


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is asked."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Database, Redis and migrations. 503 names the part that is missing, never why."""
    checks = {"database": False, "migrations": False, "redis": False}
    try:
        _ask_database()
        checks["database"] = True
        checks["migrations"] = _migrations_applied()
    except Exception:
        connection.close()
    try:
        _ask_redis()
        checks["redis"] = True
    except Exception:
        checks["redis"] = False
    ready = all(checks.values())
    body = {
        "status": "ready" if ready else "not ready",
        "checks": checks,
        "site": settings.SITE_NAME,
    }
    return JsonResponse(body, status=200 if ready else 503)
