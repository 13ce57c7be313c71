"""Ten thousand due reminders go out once each, with the worker killed and another one started.

    python benchmarks/faults_reminders.py

Real Celery workers and a mail server that counts. The first worker is killed with -9 in the middle;
the second one goes on at once with what the first had not taken. What it held is free after
`rules.CLAIM_HOLDS`, which is not waited for: its claims are made older. Ends with 1 when somebody
got none, or two mails that are not known as one by their Message-ID.
"""

import signal
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.world import finish, note, promise, say, services

GROUPS, PEOPLE = 10, 1000
PATIENCE = 900


def main() -> None:
    with services():
        from django.db.models import F
        from django.utils import timezone

        from sessions import rules
        from sessions.models import Reminder
        from supportgroups.tasks import tick
        from tests import factories
        from tests.mail_server import MailServer
        from tests.processes import wait_until
        from tests.workers import members, worker

        people: list[str] = []
        for _ in range(GROUPS):
            group = factories.group(capacity=PEOPLE)
            people += members(group, PEOPLE)
            factories.support_session(group, starts_at=timezone.now() + timedelta(hours=23))
        due = GROUPS * PEOPLE

        def kill_in_the_middle(count: int) -> None:
            if count == due // 3:
                first.send_signal(signal.SIGKILL)

        waiting = Reminder.objects.filter(claimed_at=None)
        with MailServer(taken=kill_in_the_middle) as mail_server:
            note(f"{due:,} due reminders …")
            with worker(mail_port=mail_server.port, threads=4) as first:
                while first.poll() is None:
                    tick.delay()  # a run ends after 45 seconds; beat ticks each minute
                    wait_until_or(lambda: first.poll() is not None, seconds=50)
            held = Reminder.objects.exclude(claimed_at=None).filter(sent_at=None)
            say(f"killed after {mail_server.mails.total():,} mails, {held.count()} claimed")
            begun, before = time.perf_counter(), mail_server.mails.total()
            with worker(mail_port=mail_server.port, threads=4):
                while waiting.exists() and time.perf_counter() - begun < PATIENCE:
                    tick.delay()
                    wait_until_or(lambda: not waiting.exists(), seconds=50)
                rate = (mail_server.mails.total() - before) / (time.perf_counter() - begun)
                say(f"the second worker sent {rate:.0f} a second, its start included")
                held.update(claimed_at=F("claimed_at") - rules.CLAIM_HOLDS)
                tick.delay()
                wait_until(
                    lambda: not Reminder.objects.filter(sent_at=None).exists(),
                    seconds=PATIENCE,
                    what="everybody is reminded",
                )
        recipients = Counter(recipient for recipient, _ in mail_server.mails)
        doubled = mail_server.mails.total() - len(mail_server.mails)
        promise(
            f"each of {due:,} people is reminded, by one mail",
            kept=recipients == Counter(people),
            seen=f"{len(recipients):,} people",
        )
        promise(
            "at most the one that was under way comes twice, with the same Message-ID",
            kept=doubled <= 1,
            seen=str(doubled),
        )


def wait_until_or(condition: object, *, seconds: float) -> None:
    """Until it is true, or no longer than so many seconds."""
    deadline = time.perf_counter() + seconds
    assert callable(condition)
    while not condition() and time.perf_counter() < deadline:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
    finish()
