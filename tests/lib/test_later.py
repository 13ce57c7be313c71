"""Work for later never breaks the page that asked for it."""

import socket
from time import monotonic
from uuid import uuid4

from celery import Celery

from supportgroups.lib.later import later


def elsewhere(pk: str) -> None:
    raise AssertionError("nobody can have sent this")


def test_a_dead_broker_costs_a_moment_and_a_line_in_the_log(
    db, caplog, django_capture_on_commit_callbacks
):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free again, so nobody listens there
    app = Celery("elsewhere", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.broker_url = f"redis://127.0.0.1:{port}/0"
    task = app.task(name="elsewhere.tell")(elsewhere)
    pk = uuid4()
    began = monotonic()

    with django_capture_on_commit_callbacks(execute=True):
        later(task, pk)

    assert monotonic() - began < 10
    assert "later.not_published" in caplog.messages
    assert str(pk) not in caplog.text
