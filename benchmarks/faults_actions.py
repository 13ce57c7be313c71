"""The ten most important actions, each broken in the middle, then sent again.

    python benchmarks/faults_actions.py            every action, every fault: about five minutes
    python benchmarks/faults_actions.py sign say   those with one of these words in their name

Real web processes over HTTP. A trigger holds each action within its transaction, between its rows
and its event. There the web process is killed with -9, and in another round PostgreSQL. Then Redis
is gone while the action is done. Afterwards nothing may be there by half; sent again it must be
there once; and sent a third time, as by a second press of the button, still once. Each round has a
time limit. Ends with 1 when a promise was not kept.
"""

import contextlib
import http.client
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

from benchmarks.lib.world import finish, note, promise, say, services
from supportgroups import embedded

if TYPE_CHECKING:
    from tests.cast import Person
    from tests.sessions.web import Web

#: The lock that holds an action, and the tables whose rows end one.
LOCK = 20_261_128
HELD_AT = ("audit_event", "support_sessions_message", "support_sessions_pulse")
#: One request may take so long on a busy machine, services coming back included.
PATIENCE = 90.0
#: What a page with our own words says when something is broken.
OUR_WORDS = "</html>"


@dataclass
class Action:
    """One thing that one person sends. `effect` is what it leaves; nothing before, `done` after."""

    name: str
    by: "Person"
    path: str
    data: dict[str, Any]
    effect: Callable[[], Any]
    done: Any


def actions() -> Iterator[Callable[[], Action]]:
    """Makes each action in a world of its own, so that rounds do not touch one another."""
    from django.urls import reverse
    from django.utils import timezone

    from accounts import consents
    from accounts.models import Consent
    from groups.models import Membership, Signature
    from outcomes.models import Response
    from safeguarding.models import Concern
    from screening.models import Application
    from sessions.models import Attendance, Debrief, Message, Pulse, SupportSession
    from tests import factories
    from tests.cast import signed_in

    def somebody(name: str = "Somebody") -> "Person":
        return signed_in(factories.user(display_name=name, password=None))

    def led() -> tuple[Any, "Person"]:
        group, lead = factories.group(capacity=12), somebody("Lead")
        factories.facilitator(group, user=lead.user)
        return group, lead

    def member_of(group: Any) -> "Person":
        person = somebody("Member")
        factories.member(group, user=person.user)
        return person

    def in_room() -> tuple[Any, "Person", "Person"]:
        group, lead = led()
        person = member_of(group)
        live = factories.support_session(group, status="live")
        factories.agenda(live)
        for each in (lead, person):
            factories.entry(live, each.user)
        return live, lead, person

    def ended() -> tuple[Any, "Person", "Person"]:
        group, lead = led()
        person = member_of(group)
        ended_at = timezone.now() - timedelta(hours=1)
        held = factories.support_session(
            group, status="ended", starts_at=ended_at - timedelta(minutes=90), ended_at=ended_at
        )
        factories.attendance(held, person.user.memberships.get())
        return held, lead, person

    def ask_to_join() -> Action:
        group, _ = led()
        person = somebody()
        draft = factories.application(group, user=person.user)
        for question in draft.form.questions.all():
            draft.answers.create(
                question=question, value="yes" if question.is_acknowledgement else "no"
            )
        sent = Application.objects.filter(user=person.user).exclude(status="draft")
        mine = Membership.objects.filter(user=person.user)
        return Action(
            "send a request to join",
            person,
            reverse("screening:check_answers", args=[draft.pk]),
            {},
            lambda: (sent.count(), mine.count()),
            (1, 1),
        )

    def decide() -> Action:
        group, lead = led()
        person = somebody()
        request = factories.application(group, user=person.user, status="submitted")
        accepted = Membership.objects.filter(user=person.user, status="accepted")
        decided = Application.objects.filter(pk=request.pk, status="accepted")
        return Action(
            "accept an applicant",
            lead,
            reverse("screening:review", args=[request.pk]),
            {"outcome": "accept", "message": "Welcome.", "reason": "Fits."},
            lambda: (accepted.count(), decided.count()),
            (1, 1),
        )

    def take_place() -> Action:
        group, _ = led()
        person = somebody()
        factories.membership(group=group, user=person.user, status="offered")
        accepted = Membership.objects.filter(user=person.user, status="accepted")
        return Action(
            "take an offered place",
            person,
            reverse("groups:offer", args=[group.slug]),
            {"answer": "take"},
            accepted.count,
            1,
        )

    def sign() -> Action:
        group, _ = led()
        person = somebody()
        factories.membership(group=group, user=person.user, status="accepted")
        active = Membership.objects.filter(user=person.user, status="active")
        signed = Signature.objects.filter(membership__user=person.user)
        return Action(
            "sign the agreement",
            person,
            reverse("groups:agreement", args=[group.slug]),
            {"version": 1, "agrees": "on", "signed_name": "Somebody"},
            lambda: (active.count(), signed.count()),
            (1, 1),
        )

    def talk() -> Action:
        live, _, person = in_room()
        return Action(
            "say something in the room",
            person,
            reverse("sessions:message_post", args=[live.pk]),
            {"client_id": str(uuid4()), "body": "Still here."},
            Message.objects.filter(support_session=live).count,
            1,
        )

    def end_session() -> Action:
        live, lead, _ = in_room()
        over = SupportSession.objects.filter(pk=live.pk, status="ended")
        settled = Attendance.objects.filter(support_session=live)
        return Action(
            "end the session",
            lead,
            reverse("sessions:session_end", args=[live.pk]),
            {"version": 0},
            lambda: (over.count(), settled.count()),
            (1, 1),
        )

    def raise_concern() -> Action:
        from sessions import live as room

        live, lead, person = in_room()
        about = Concern.objects.filter(about=person.user)
        return Action(
            "raise a concern",
            lead,
            reverse("sessions:concern_raise", args=[live.pk]),
            {
                "about": room.sender_token(live.pk, person.user.pk),
                "detail": "Said that it is too much.",
                "occasion": str(uuid4()),
            },
            about.count,
            1,
        )

    def answer_with_risk() -> Action:
        group, _ = led()
        person = member_of(group)
        invited = factories.invitation(factories.survey_plan(group), person.user.memberships.get())
        response = factories.response(invited)
        answers = {f"q{number}": 0 for number in range(1, 9)}
        response.answers = answers
        response.save()
        concerns = Concern.objects.filter(about=person.user)
        answered = Response.objects.filter(pk=response.pk)

        def effect() -> Any:
            return "q9" in answered.get().answers, concerns.count()

        return Action(
            "answer what may mean danger",
            person,
            reverse("outcomes:survey_question", args=[invited.pk, "q9"]),
            {"answer": "3"},
            effect,
            (True, 1),
        )

    def answer_pulse() -> Action:
        held, _, person = ended()
        return Action(
            "answer the two questions",
            person,
            reverse("sessions:pulse", args=[held.pk]),
            {"felt_heard": "4", "felt_safe": "5"},
            Pulse.objects.filter(support_session=held).count,
            1,
        )

    def debrief() -> Action:
        held, lead, _ = ended()
        finished = Debrief.objects.filter(support_session=held).exclude(written_at=None)
        return Action(
            "finish a debrief",
            lead,
            reverse("sessions:debrief", args=[held.pk]),
            {"window": uuid4(), "revision": 0, "how_it_went": "Calm.", "do": "finish"},
            finished.count,
            1,
        )

    def consent() -> Action:
        group, _ = led()
        person = member_of(group)
        purpose = next(key for key, found in consents.PURPOSES.items() if not found.by_organisation)
        given = Consent.objects.filter(user=person.user, purpose=purpose)
        return Action(
            "change a consent",
            person,
            reverse("outcomes:consent_change", args=[purpose]),
            {"agree": "yes"},
            lambda: given.filter(withdrawn_at=None).exclude(given_at=None).count(),
            1,
        )

    def leave() -> Action:
        group, _ = led()
        person = member_of(group)
        left = Membership.objects.filter(user=person.user, status="withdrawn")
        return Action(
            "leave the group",
            person,
            reverse("groups:leave", args=[group.slug]),
            {"reason": ""},
            left.count,
            1,
        )

    yield from (
        *(ask_to_join, decide, take_place, sign, talk, end_session, raise_concern),
        *(answer_with_risk, answer_pulse, debrief, consent, leave),
    )


@dataclass
class Answer:
    status: int
    body: str


def send(web: "Web", action: Action) -> Answer:
    """As a browser does; status 0 when the line broke."""
    from django.conf import settings

    token = "f" * 32
    cookie = action.by.client.cookies[settings.SESSION_COOKIE_NAME]
    line = http.client.HTTPConnection("localhost", web.port, timeout=PATIENCE)
    try:
        line.request(
            "POST",
            action.path,
            urlencode(action.data | {"csrfmiddlewaretoken": token}),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Cookie": f"{cookie.key}={cookie.value}; {settings.CSRF_COOKIE_NAME}={token}",
                "Origin": web.origin,
            },
        )
        response = line.getresponse()
        return Answer(response.status, response.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException):
        return Answer(0, "")
    finally:
        line.close()


class Held:
    """Whoever writes a row that ends an action waits while this holds."""

    def __init__(self, url: str) -> None:
        self.line = psycopg.connect(url, autocommit=True)
        self.line.execute("SELECT pg_advisory_lock(%s)", [LOCK])

    def somebody_waits(self) -> bool:
        row = self.line.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()
        return bool(row and row[0])

    def release(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self.line.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        self.line.close()


def install_holds() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION bench_hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NULL; END $$"
        )
        for table in HELD_AT:
            cursor.execute(
                f"CREATE TRIGGER bench_hold AFTER INSERT OR UPDATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION bench_hold()"
            )


class Rounds:
    """What is broken, and what must hold afterwards."""

    def __init__(self, web: "Web", behind: embedded.Services, url: str) -> None:
        self.web, self.behind, self.url = web, behind, url

    def held_in_the_middle(self, action: Action) -> tuple[Held, threading.Thread, list[Answer]]:
        answers: list[Answer] = []
        held = Held(self.url)
        sender = threading.Thread(target=lambda: answers.append(send(self.web, action)))
        sender.start()
        deadline = time.monotonic() + PATIENCE
        while not held.somebody_waits():
            if time.monotonic() > deadline or not sender.is_alive():
                held.release()
                status = [answer.status for answer in answers]
                raise TimeoutError(f"was never in the middle: {status}")
            time.sleep(0.02)
        return held, sender, answers

    def web_killed(self, action: Action) -> str:
        held, sender, _ = self.held_in_the_middle(action)
        self.web.kill()
        held.release()
        sender.join(PATIENCE)
        self.web.start()
        return ""

    def postgres_killed(self, action: Action) -> str:
        held, sender, answers = self.held_in_the_middle(action)
        self.behind.postgres.kill()
        held.release()
        time.sleep(1)
        self.behind.postgres.start()
        sender.join(PATIENCE)
        seen = answers[0] if answers else Answer(0, "")
        clear = seen.status in (500, 503) and OUR_WORDS in seen.body
        return "" if clear else f"the person saw {seen.status} {seen.body[:60]!r}"

    def redis_gone(self, action: Action) -> str:
        self.behind.redis.kill()
        begun = time.monotonic()
        seen = send(self.web, action)
        took = time.monotonic() - begun
        self.behind.redis.start()
        if seen.status >= 400 or seen.status == 0:
            return f"without Redis: {seen.status} after {took:.1f} s"
        return "" if took < 15 else f"without Redis it took {took:.0f} s"

    def run(self, make: Callable[[], Action], fault: str) -> str:
        """Nothing, or what was wrong."""
        from django.db import connection

        action = make()
        before = action.effect()
        if before == action.done:
            return "was done before it began"
        connection.close()
        wrong = getattr(self, fault)(action)
        connection.close()
        if fault != "redis_gone":
            # A message is one statement, which the database finishes alone.
            if (left := action.effect()) not in (before, action.done):
                return f"left by half: {left}"
            answer = send(self.web, action)
            if answer.status >= 400 or answer.status == 0:
                return f"sent again: {answer.status}"
        if (after := action.effect()) != action.done:
            return f"{wrong} then there is {after} instead of {action.done}"
        send(self.web, action)
        if (after := action.effect()) != action.done:
            return f"after a second press there is {after} instead of {action.done}"
        return str(wrong)


FAULTS = {
    "web_killed": "the web process killed in the middle",
    "postgres_killed": "PostgreSQL killed in the middle",
    "redis_gone": "Redis gone",
}


def main(words: list[str]) -> None:
    with services() as behind:
        from django.db import connection

        from tests.sessions.web import running

        install_holds()
        settings = connection.settings_dict
        url = psycopg.conninfo.make_conninfo(
            host=settings["HOST"],
            port=settings["PORT"],
            user=settings["USER"],
            password=settings["PASSWORD"],
            dbname=settings["NAME"],
        )
        with running() as web:
            rounds = Rounds(web, behind, url)
            for make in actions():
                name = make().name
                if words and not any(word in name for word in words):
                    continue
                say(f"  {name}")
                for fault, what in FAULTS.items():
                    note(f"    {what} …")
                    begun = time.monotonic()
                    try:
                        wrong = rounds.run(make, fault)
                    except (TimeoutError, AssertionError) as error:
                        wrong = str(error)
                    took = f"{time.monotonic() - begun:.1f} s"
                    promise(f"{what}: once, and whole", kept=not wrong, seen=wrong or took)


if __name__ == "__main__":
    main(sys.argv[1:])
    finish()
