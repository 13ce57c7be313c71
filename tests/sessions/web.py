"""Web processes of the product and plain WebSocket clients, for tests of the live room."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from groups.models import SupportGroup
from sessions import actions
from sessions.models import SupportSession
from supportgroups import embedded
from tests import factories
from tests.cast import Person, signed_in
from tests.processes import status, wait_until
from tests.services import _test_database_url

#: Many processes share the machine's two cores: generous, and only reached when something is wrong.
PATIENCE = 40.0


class Web:
    """One web process as in production, on the test's database, with the application's role."""

    def __init__(
        self,
        *,
        redis_url: str | None = None,
        database_port: int | None = None,
        fast: bool = False,
    ) -> None:
        database_url = _test_database_url(os.environ["TEST_APP_DATABASE_URL"])
        if database_port:
            database_url = re.sub(r":\d+/", f":{database_port}/", database_url)
        self.port = embedded.free_port()
        self.origin = f"http://localhost:{self.port}"
        self.environment = os.environ | {
            "DATABASE_URL": database_url,
            "DATABASE_POOL_SIZE": "6",
            "REDIS_URL": redis_url or os.environ["REDIS_URL"],
            "SITE_URL": self.origin,
            "LOG_LEVEL": "ERROR",
            "ROOM_MESSAGES_PER_SECOND": "1000" if fast else "1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = (
            f"-m uvicorn supportgroups.asgi:application --host 127.0.0.1 --port {self.port}"
            " --ws websockets-sansio --ws-max-size 65536 --lifespan off --no-access-log"
            " --log-level warning --timeout-graceful-shutdown 1"
        )
        self.process = subprocess.Popen(
            [sys.executable, *command.split()],
            env=self.environment,
            preexec_fn=embedded.end_with_parent(),
        )
        wait_until(
            lambda: status(f"http://127.0.0.1:{self.port}/healthz") == 200,
            seconds=100,
            what="the web process answers",
        )

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def running(**options: Any) -> Iterator[Web]:
    web = Web(**options)
    web.start()
    try:
        yield web
    finally:
        web.stop()


class Guest:
    """Somebody's socket. Keeps every frame that came."""

    def __init__(
        self,
        web: Web,
        session_id: UUID,
        client: Client,
        *,
        after: int | None = 0,
        revision: int = 0,
        origin: str | None = None,
        receive_buffer: int | None = None,
    ) -> None:
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        name = f"{settings.SESSION_COOKIE_NAME}={cookie.value}" if cookie else ""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", web.port))
        self._stack = contextlib.ExitStack()
        opening = connect(
            f"ws://localhost:{web.port}/ws/sessions/{session_id}/",
            sock=sock,
            origin=origin or web.origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": name} if name else None,
            compression=None,
            max_queue=4,
            open_timeout=PATIENCE,
            close_timeout=2,
        )
        self.line: ClientConnection = self._stack.enter_context(opening)
        self.frames: list[dict[str, Any]] = []
        if after is not None:
            self.catch_up(after, revision)

    def send(self, **frame: Any) -> None:
        self.line.send(json.dumps(frame))

    def say(self, body: str, *, client_id: str | None = None, **more: Any) -> str:
        client_id = client_id or str(uuid4())
        self.send(type="message", id=client_id, body=body, **more)
        return client_id

    def answer(self, client_id: str) -> dict[str, Any]:
        """What became of what was sent with this id."""
        return self.answer_about(id=client_id)

    def answer_about(self, **about: Any) -> dict[str, Any]:
        """What became of what was sent with this id, or about this message."""
        while True:
            for frame in self.frames:
                if frame["type"] in ("sent", "refused") and about.items() <= frame.items():
                    self.frames.remove(frame)
                    return frame
            self.frames.append(json.loads(self.line.recv(timeout=PATIENCE)))

    def catch_up(self, after: int, revision: int = 0) -> dict[str, Any]:
        """Ask for everything after these numbers, and read to its end."""
        self.send(type="after", sequence=after, revision=revision)
        return self.until("caught_up")

    def part(self, kind: str, words: str = "") -> str:
        """A part for those who lead that has these words; it may have come already."""
        while True:
            for frame in self.of("leads"):
                if frame["kind"] == kind and words in frame["html"]:
                    return str(frame["html"])
            self.until("leads")

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All frames of a kind, in the order they came."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def until(self, type_: str, /, *, seconds: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """Read on until such a frame comes."""
        deadline = time.monotonic() + seconds
        while True:
            frame = json.loads(self.line.recv(timeout=max(0.01, deadline - time.monotonic())))
            self.frames.append(frame)
            if frame["type"] == "still_here":
                self.send(type="here")
            if frame["type"] == type_ and all(frame[key] == fields[key] for key in fields):
                return dict(frame)

    def closed(self, *, seconds: float = PATIENCE) -> tuple[int, str]:
        """Read to the end: close code and reason."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(ConnectionClosed):
            while True:
                left = max(0.01, deadline - time.monotonic())
                self.frames.append(json.loads(self.line.recv(timeout=left)))
        end = self.line.protocol.close_rcvd
        assert end is not None, "closed without a code"
        return end.code, end.reason

    def heard(self) -> list[int]:
        """The numbers of all messages, in the order they came."""
        return [frame["sequence"] for frame in self.frames if frame["type"] == "message"]

    def leave(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            self._stack.close()


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[Web]:
    """One process for all tests of a module: it holds nothing of its own."""
    with running() as process:
        yield process


@pytest.fixture
def other(group: SupportGroup) -> Person:
    """A second member."""
    person = factories.user(display_name="Other")
    factories.member(group, user=person)
    return signed_in(person)


@pytest.fixture
def session(
    group: SupportGroup, member: Person, other: Person, facilitator: Person
) -> SupportSession:
    """A live one with three people in the room."""
    made = factories.support_session(group, status="live")
    factories.agenda(made)
    for person in (member, other, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


@pytest.fixture
def enter(web: Web, session: SupportSession) -> Iterator[Callable[..., Guest]]:
    """Open somebody's socket; all are closed at the end."""
    guests: list[Guest] = []

    def open_socket(person: Person, *, at: Web = web, **options: Any) -> Guest:
        guest = Guest(at, session.pk, person.client, **options)
        guests.append(guest)
        return guest

    yield open_socket
    for guest in guests:
        guest.leave()


Enter = Callable[..., Guest]
