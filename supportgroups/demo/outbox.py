"""Reads back the mails that web and worker wrote to files instead of sending them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from uuid import UUID, uuid5

#: Django's file backend ends each mail of a file with a line of 79 dashes.
_BETWEEN = re.compile(rb"^-{79}\r?\n", re.MULTILINE)
#: More files than this are never opened for one page.
_MOST_FILES = 400
_NAMES = UUID("5f0b2f2e-6a53-4f3c-9a8f-1d0f6c1f7b9a")


@dataclass(frozen=True)
class Mail:
    """One mail as its reader would see it."""

    id: UUID
    to: str
    subject: str
    body: str
    sent_at: datetime


def newest(directory: Path, *, limit: int = 50, to: str = "") -> list[Mail]:
    """The newest mails first, at most `limit`; with `to` only those whose address contains it."""
    found: list[Mail] = []
    for file in _files(directory)[:_MOST_FILES]:
        for mail in _mails(file):
            if to.lower() in mail.to.lower():
                found.append(mail)
        if len(found) >= limit:
            break
    found.sort(key=lambda mail: mail.sent_at, reverse=True)
    return found[:limit]


def _files(directory: Path) -> list[Path]:
    """Newest first. A file that vanishes meanwhile counts as the oldest."""

    def written_at(file: Path) -> float:
        try:
            return file.stat().st_mtime
        except OSError:
            return 0.0

    return sorted(directory.glob("*.log"), key=written_at, reverse=True)


def _mails(file: Path) -> Iterator[Mail]:
    """Every whole mail of a file. The last one may still be in the making: it comes next time."""
    try:
        content = file.read_bytes()
        written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return
    *whole, _unfinished = _BETWEEN.split(content)
    for number, part in enumerate(whole):
        message = message_from_bytes(part.lstrip(), policy=policy.default)
        yield Mail(
            id=uuid5(_NAMES, f"{file.name}:{number}"),
            to=str(message.get("To", "")),
            subject=str(message.get("Subject", "")),
            body=_body(message),
            sent_at=_sent_at(message) or written_at,
        )


def _body(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        return str(part.get_content()).strip()
    except (LookupError, UnicodeError):
        return "This mail cannot be read."


def _sent_at(message: EmailMessage) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(message["Date"]))
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
