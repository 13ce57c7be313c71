"""The product on fresh services: its own PostgreSQL and Redis, people, and live rooms."""

import contextlib
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supportgroups import embedded

if TYPE_CHECKING:
    from sessions.models import SupportSession


@contextlib.contextmanager
def services() -> Iterator[embedded.Services]:
    """Tables, and Django ready to use them. Everything vanishes at the end.

    As durable as in production: what a commit costs is part of what is measured.
    """
    data = Path(tempfile.mkdtemp(prefix="supportgroups-"))
    try:
        with embedded.services(data, durable=True) as started:
            os.environ |= {
                "DJANGO_ENV": "test",
                "DJANGO_SETTINGS_MODULE": "supportgroups.settings",
                "SECRET_KEY": "signs nothing",
                "FIELD_ENCRYPTION_KEYS": "0123456789abcdef" * 4,
                "DATABASE_URL": started.owner_url,
                "TEST_APP_DATABASE_URL": started.database_url,
                "REDIS_URL": started.redis_url,
            }
            import django

            django.setup()
            from django.core.management import call_command

            logging.disable()
            call_command("migrate", verbosity=0)
            yield started
    finally:
        shutil.rmtree(data, ignore_errors=True)


@dataclass
class Place:
    """A live session and the cookies of those who have entered it; the first one leads."""

    support_session: "SupportSession"
    cookies: list[str]

    @property
    def path(self) -> str:
        return f"/ws/sessions/{self.support_session.pk}/"


def place(people: int) -> Place:
    """A group that meets at this moment, with so many people in the room."""
    from django.conf import settings

    from tests import factories
    from tests.cast import signed_in

    group = factories.group(capacity=people)
    support_session = factories.support_session(group, status="live")
    factories.agenda(support_session)
    cookies = []
    for number in range(people):
        person = factories.user(password=None)
        if number:
            factories.member(group, user=person)
        else:
            factories.facilitator(group, user=person)
        factories.entry(support_session, person)
        cookie = signed_in(person).client.cookies[settings.SESSION_COOKIE_NAME]
        cookies.append(f"{cookie.key}={cookie.value}")
    return Place(support_session, cookies)


def say(line: str) -> None:
    print(line, flush=True)


_broken: list[str] = []


def promise(what: str, *, kept: bool, seen: str = "", counts: bool = True) -> None:
    """What is promised, beside what was seen. One that is not kept fails the benchmark."""
    words = "kept" if kept else "NOT KEPT"
    say(f"    {words}: {what}" + (f" ({seen})" if seen else ""))
    if counts and not kept:
        _broken.append(what)


def finish() -> None:
    sys.exit(1 if _broken else 0)


def note(line: str) -> None:
    """What is being done, for whoever waits."""
    print(line, file=sys.stderr, flush=True)
