"""What encrypting words costs, beside the same without it.

    python benchmarks/encryption.py

Without it means the same code with AES taken out, and values that are read but not opened. Starts
its own database.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.world import finish, promise, say, services

ROUNDS = 15
MESSAGES = 200
PEOPLE = 60


def seconds(run: Callable[[], object]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


@contextmanager
def without() -> Any:
    """Tokens as before, and nothing encrypted in them."""
    from supportgroups.lib import encryption

    with (
        patch.object(encryption, "_seal", lambda data, key, bound_to: data),
        patch.object(encryption, "_open", lambda data, key, bound_to: data),
    ):
        yield


def compare(
    name: str, plain: Callable[[], object], full: Callable[[], object], most: float
) -> None:
    """Both in turn, so that a busy machine slows both."""
    plain()
    full()
    pairs = [(seconds(plain), seconds(full)) for _ in range(ROUNDS)]
    one, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    say(f"{name}: {other * 1000:.2f} ms, without {one * 1000:.2f} ms")
    promise(f"at most {most} times", kept=other / one <= most, seen=f"{other / one:.2f}")


def main() -> None:
    with services():
        from django.conf import settings
        from django.urls import reverse
        from django.utils import timezone

        from instruments.schema import parse
        from outcomes.models import Response
        from sessions import statements
        from sessions.models import Message
        from tests import factories
        from tests.cast import signed_in

        settings.ALLOWED_HOSTS.append("testserver")
        group = factories.group(capacity=PEOPLE)
        coordinator = signed_in(
            factories.staff_role(organisation=group.organisation, role="coordinator").user
        )
        room = factories.support_session(group, status="live")
        writer = factories.member(group).user
        factories.entry(room, writer)
        words = "It was a long week, and I did not sleep much. " * 4
        for number in range(MESSAGES):
            factories.message(room, writer, body=words, sequence=number + 1)
        room.message_count = MESSAGES
        room.save()

        say("reading a room")
        said = Message.objects.filter(support_session=room).order_by("sequence")[:MESSAGES]
        compare(
            f"{MESSAGES} messages from the database, opened",
            lambda: list(said.all()),
            lambda: [message.body for message in said.all()],
            3,
        )
        message = said[0]
        from sessions.live import body_html

        rendered = seconds(lambda: [body_html(words) for _ in range(MESSAGES)])
        token = message.__dict__["body"].token
        opened = seconds(
            lambda: [
                message._meta.get_field("body").unseal(token, message.pk) for _ in range(MESSAGES)
            ]
        )
        say(f"of these {MESSAGES}: opening {opened * 1000:.2f} ms, links {rendered * 1000:.2f} ms")

        say("saying something")

        def insert() -> None:
            new = Message(
                support_session=room,
                client_id=uuid4(),
                sender=writer,
                body=words,
                sent_at=timezone.now(),
            )
            assert statements.insert_message(new, sign_in=None)

        def insert_without() -> None:
            with without():
                insert()

        compare("one message into the room", insert_without, insert, 1.3)

        say("a check-in")
        plan = factories.survey_plan(group)
        sheet = {item.id: 1 for item in parse(plan.instrument.definition, origin="").items}
        for _ in range(PEOPLE):
            invitation = factories.invitation(plan, factories.member(group))
            factories.response(
                invitation, answers=sheet, submitted_at=timezone.now(), score=9, band="Mild"
            )
        one = Response.objects.first()
        compare(
            "one check-in with its answers",
            lambda: Response.objects.get(pk=one.pk),
            lambda: Response.objects.get(pk=one.pk).answers,
            1.5,
        )

        say("figures over many people")
        opened_values: list[object] = []
        field = type(message._meta.get_field("body"))
        unseal = field.unseal

        def noted(self: Any, token: Any, row: Any) -> Any:
            opened_values.append(row)
            return unseal(self, token, row)

        with patch("supportgroups.lib.encrypted_fields._Encrypted.unseal", noted):
            for name in ("outcomes:overview", "outcomes:outcomes"):
                path = reverse(name, args=[group.organisation.slug])
                page = coordinator.client.get(path)
                assert page.status_code == 200, (name, page.status_code)
                took = seconds(lambda path=path: coordinator.client.get(path))
                say(f"{name}: {took * 1000:.0f} ms")
        promise("figures open no value", kept=not opened_values, seen=str(len(opened_values)))
    finish()


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    main()
