"""No library's words bring a name, an address, an answer or a path into the logs."""

import io
import json
import logging
import logging.config
from smtplib import SMTPRecipientsRefused

import pytest
import uvicorn
from django.conf import settings
from django.db import IntegrityError

from supportgroups.celery import app

SECRETS = ("river@example.org", "Nearly every day", "/applications/", "s3cret")


@pytest.fixture
def written(monkeypatch):
    """The lines that a log call writes, each read back as JSON."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:]
    logging.config.dictConfig(settings.LOGGING)
    [handler] = [one for one in root.handlers if one not in before and hasattr(one, "setStream")]
    handler.setStream(stream)

    def lines():
        text = stream.getvalue()
        for secret in SECRETS:
            assert secret not in text
        return [json.loads(line) for line in text.splitlines()]

    yield lines
    root.handlers[:] = before


def fail_with(problem):
    try:
        answer = "Nearly every day"  # a local must not be shown either
        raise problem
    except type(problem) as first:
        assert answer
        raise RuntimeError("s3cret") from first


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (
            SMTPRecipientsRefused({"river@example.org": (550, b"no s3cret")}),
            "SMTPRecipientsRefused",
        ),
        (
            IntegrityError(
                'duplicate key value\nDETAIL: Failing row contains (7, "Nearly every day")'
            ),
            "IntegrityError",
        ),
    ],
)
def test_an_exception_leaves_its_class_and_place_only(written, problem, name):
    try:
        fail_with(problem)
    except RuntimeError as raised:
        logging.getLogger("tests").exception("it.failed: %s", raised, extra={"cause": problem})
        logging.getLogger("tests").warning("again: %r", problem)

    first, second = written()
    assert first["message"] == "it.failed: RuntimeError"
    assert first["cause"] == name
    assert second["message"] == f"again: {name}"
    outline = first["exc_info"].splitlines()
    assert [line for line in outline if not line.startswith(" ")] == ["RuntimeError", name]
    assert any("test_logs.py:" in line and line.endswith(" fail_with") for line in outline)


@pytest.mark.parametrize("logger", ["django.request", "django.security.csrf"])
def test_a_line_of_django_holds_no_path(written, logger):
    path = "/applications/7f/questions/3/"
    logging.getLogger(logger).error(
        "%s: %s", "Internal Server Error", path, extra={"status_code": 500, "request": path}
    )

    [line] = written()
    assert line["message"] == "Internal Server Error 500"


def test_a_failed_request_of_the_whole_site_holds_no_path(written, db, client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("groups.views.finder", None)
    assert client.get("/?q=s3cret").status_code == 500

    lines = [line for line in written() if line["name"] == "django.request"]
    assert [line["message"] for line in lines] == ["Internal Server Error 500"]
    assert lines[0]["exc_info"].startswith("AttributeError\n")


def test_a_failed_task_leaves_no_words(written):
    @app.task(name="tests.breaks")
    def breaks(address):
        raise SMTPRecipientsRefused({address: (550, b"Nearly every day")})

    breaks.apply(args=["river@example.org"])

    [line] = [line for line in written() if line["name"] == "celery.app.trace"]
    assert line["message"].startswith("Task tests.breaks raised")
    assert line["exc_info"].startswith("SMTPRecipientsRefused\n")


def test_addresses_go_from_words_and_fields(written):
    logging.getLogger("tests").error(
        "to %s", "river@example.org", extra={"to": "river@example.org"}
    )

    [line] = written()
    assert (line["message"], line["to"]) == ("to [address]", "[address]")


def test_uvicorn_and_celery_write_through_the_same_handler(written):
    uvicorn.Config("supportgroups.asgi:application").configure_logging()
    logging.config.dictConfig(settings.LOGGING)  # what loading the application does afterwards
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        assert logging.getLogger(name).handlers == []
        assert logging.getLogger(name).propagate

    # Who opened which socket from where is nobody's business.
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', "192.0.2.1", "/ws/")
    assert written() == []

    app.log.setup(loglevel="INFO")
    for name in ("celery", "celery.task"):
        kinds = {type(handler) for handler in logging.getLogger(name).handlers}
        assert kinds <= {logging.NullHandler}
    assert "Colored" not in {type(one.formatter).__name__[:7] for one in logging.root.handlers}
