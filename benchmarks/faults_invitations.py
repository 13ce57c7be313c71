"""Check-ins are asked for by one mail each, with two workers at once and one of them killed.

    python benchmarks/faults_invitations.py [people]

Real Celery workers and a mail server that counts. Two workers take what is due at the same time;
one is killed with -9 in the middle, the other goes on. What the dead one held is free after
`rules.CLAIM_LASTS`, which is not waited for: its claims are made older. Ends with 1 when somebody
got none, or more than the mail that was under way comes twice.
"""

import signal
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.lib.world import finish, note, promise, say, services

GROUPS = 10
THREADS = 2
PATIENCE = 900


def main(people: int) -> None:
    with services():
        from django.db.models import F
        from django.utils import timezone

        from groups.models import Membership
        from outcomes import actions, rules
        from outcomes.models import SurveyInvitation, SurveyPlan
        from sessions.models import Attendance
        from supportgroups.tasks import tick
        from tests import factories
        from tests.mail_server import MailServer
        from tests.workers import members, worker

        now, asked, invited = timezone.now(), factories.instrument("gad-7"), []
        for _ in range(GROUPS):
            group = factories.group(capacity=people)
            invited += members(group, people // GROUPS)
            held = factories.support_session(
                group, status="ended", starts_at=now - timedelta(hours=2)
            )
            Attendance.objects.bulk_create(
                Attendance(support_session=held, membership=membership, status="attended")
                for membership in Membership.objects.filter(group=group)
            )
            SurveyPlan.objects.create(group=group, instrument=asked, began_at=now - timedelta(9))
        actions.make_surveys_due(by=None)
        unsent = SurveyInvitation.objects.filter(sent_at=None)

        def kill_in_the_middle(count: int) -> None:
            if count == len(invited) // 3:
                first.send_signal(signal.SIGKILL)

        with MailServer(taken=kill_in_the_middle) as mail_server:
            note(f"{unsent.count():,} check-ins …")
            begun = time.perf_counter()
            with (
                worker(mail_port=mail_server.port, threads=THREADS) as first,
                worker(mail_port=mail_server.port, threads=THREADS),
            ):
                while unsent.exists() and time.perf_counter() - begun < PATIENCE:
                    for _ in range(2 * THREADS):  # doubled, as when two beats run
                        tick.delay()
                    until_it_rests(mail_server, unsent)
                    if first.poll() is not None:
                        # Nobody sends any more: what is claimed, the dead one held.
                        unsent.exclude(claimed_at=None).update(
                            claimed_at=F("claimed_at") - rules.CLAIM_LASTS
                        )
            took = time.perf_counter() - begun
        recipients = Counter(recipient for recipient, _ in mail_server.mails.elements())
        say(f"{mail_server.mails.total():,} mails in {took:.0f} s, their start included")
        promise(
            f"each of {len(invited):,} people is asked",
            kept=set(recipients) == set(invited) and not unsent.exists(),
            seen=f"{len(recipients):,} people",
        )
        doubled = mail_server.mails.total() - len(recipients)
        promise(
            "at most what was under way comes twice", kept=doubled <= THREADS, seen=str(doubled)
        )


def until_it_rests(mail_server: Any, unsent: Any) -> None:
    """Until all is sent, or no mail has come for as long as a slow start takes."""
    count, since = -1, time.perf_counter()
    while unsent.exists() and time.perf_counter() - since < 15:
        time.sleep(0.2)
        if mail_server.mails.total() != count:
            count, since = mail_server.mails.total(), time.perf_counter()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    finish()
