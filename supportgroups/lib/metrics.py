"""What each web and worker process counts about itself, and the port that tells it.

Figures for those who run the site. No label holds a name, an address, an id or a group: only names
of views, and words of ours. Off until METRICS_TOKEN is set; never on the port that people reach.
"""

import logging
import secrets
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.mail.backends.smtp import EmailBackend
from django.db.backends.postgresql.base import DatabaseWrapper
from django.dispatch import receiver
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

# When each series began is as many series again, and nobody asks.
disable_created_metrics()

REQUESTS = Histogram(
    "supportgroups_request_seconds",
    "Requests by the view's name and the first digit of the status, and how long they took.",
    ["view", "status"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
SOCKETS = Gauge("supportgroups_sockets_open", "Open sockets of live rooms in this process.")
FRAMES = Counter("supportgroups_frames_delivered", "Frames written to sockets of live rooms.")
MAILS = Counter("supportgroups_mails", "E-mails handed to the mail server.", ["result"])
SIGN_INS_FAILED = Counter(
    "supportgroups_sign_ins_failed", "Passwords and codes that were wrong.", ["way"]
)
for _result in ("sent", "failed"):
    MAILS.labels(_result)
for _way in ("password", "code"):
    SIGN_INS_FAILED.labels(_way)


@receiver(user_login_failed)
def _count_wrong_password(**_: object) -> None:
    SIGN_INS_FAILED.labels("password").inc()


class CountingEmailBackend(EmailBackend):
    """Django's own, which also counts what the mail server took and refused."""

    def send_messages(self, email_messages: Any) -> int:
        messages = list(email_messages)
        sent = 0
        try:
            sent = super().send_messages(messages) or 0
        finally:
            MAILS.labels("sent").inc(sent)
            MAILS.labels("failed").inc(len(messages) - sent)
        return sent


class _Pool(Collector):
    """The connections to the database that this process keeps."""

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "supportgroups_database_pool", "Connections of this process's pool.", labels=["state"]
        )
        for pool in list(DatabaseWrapper._connection_pools.values()):  # type: ignore[attr-defined]
            stats = pool.get_stats()
            family.add_metric(["most"], stats.get("pool_max", 0))
            family.add_metric(["open"], stats.get("pool_size", 0))
            family.add_metric(["free"], stats.get("pool_available", 0))
            family.add_metric(["waited_for"], stats.get("requests_waiting", 0))
        yield family


REGISTRY.register(_Pool())


def serve(registry: CollectorRegistry = REGISTRY, *, port: int | None = None) -> int | None:
    """Tell the figures of this process on a port of their own, from a thread.

    Returns the port, or None when monitoring is off. A port that is taken is logged, and no reason
    to stop serving people.
    """
    if not settings.METRICS_TOKEN:
        return None
    handler = type("Handler", (_Handler,), {"registry": registry})
    try:
        server = ThreadingHTTPServer(
            (settings.METRICS_HOST, settings.METRICS_PORT if port is None else port), handler
        )
    except OSError as failure:
        logger.error("metrics.port_unusable", extra={"why": failure.strerror})
        return None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return int(server.server_port)


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    timeout = 10

    def do_GET(self) -> None:
        wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
        given = self.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not secrets.compare_digest(given, wanted):
            self._answer(HTTPStatus.UNAUTHORIZED)
        elif self.path != "/metrics":
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, generate_latest(self.registry))

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", "Bearer")
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "metrics"

    def log_message(self, format: str, *args: object) -> None:
        pass
