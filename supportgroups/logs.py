"""Keeps personal data out of the logs, whatever a library puts into a record."""

import copy
import logging
import re
import traceback
from collections.abc import Iterator
from http import HTTPStatus
from types import TracebackType

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


class NoPersonalData(logging.Filter):
    """Drop what may hold a name, an address, an answer or a path; blank e-mail addresses.

    Of an exception stay its class and where it was raised: the words of a mail server repeat the
    address, those of a database the row. Hands on a copy, so that no other handler is affected.
    """

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        record = copy.copy(record)
        for attribute in ("request", "user", "socket", "data"):
            record.__dict__.pop(attribute, None)
        record.msg, record.args = _message(record), None
        if isinstance(record.exc_info, tuple):
            record.exc_text = "\n".join(_outline(record.exc_info[1], record.exc_info[2]))
            record.exc_info = None
        for name, value in record.__dict__.items():
            if isinstance(value, str):
                setattr(record, name, _EMAIL.sub("[address]", value))
            elif isinstance(value, BaseException):
                setattr(record, name, type(value).__name__)
        return record


def _message(record: logging.LogRecord) -> str:
    """The words of a record, without a path, the text of an exception or a task's arguments."""
    status = getattr(record, "status_code", None)
    if record.name == "django.request" or record.name.startswith("django.security"):
        return f"{HTTPStatus(status).phrase} {status}" if status in set(HTTPStatus) else "Refused"
    if record.name == "celery.app.trace" and isinstance(record.args, dict):
        return f"Task {record.args.get('name')} {record.args.get('description', '')}".rstrip()
    if isinstance(record.msg, BaseException):
        return type(record.msg).__name__
    if isinstance(record.args, tuple):
        record.args = tuple(
            _Words(part) if isinstance(part, BaseException) else part for part in record.args
        )
    return record.getMessage()


class _Words(str):
    """The class of an exception, written the same with %s and %r."""

    def __new__(cls, problem: BaseException) -> "_Words":
        return super().__new__(cls, type(problem).__name__)

    __repr__ = str.__str__


def _outline(problem: BaseException | None, raised: TracebackType | None) -> Iterator[str]:
    """The class of an exception and of each that led to it, every one with its file:line frames."""
    seen: set[int] = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield type(problem).__qualname__
        for frame, line in traceback.walk_tb(raised):
            yield f"  {frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
        hidden = problem.__suppress_context__
        problem = problem.__cause__ or (None if hidden else problem.__context__)
        raised = problem.__traceback__ if problem is not None else None
