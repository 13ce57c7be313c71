"""Due reminders with real workers and a real mail server, one worker killed in the middle.

`benchmarks/faults_reminders.py` does it with ten thousand.
"""

import signal
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from sessions import reminder_rules
from sessions.models import Reminder
from supportgroups.tasks import tick
from tests import factories
from tests.mail_server import MailServer
from tests.processes import wait_until
from tests.workers import members, worker

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PEOPLE, PATIENCE = 150, 100


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing() -> None:
    """What it held is free again after `CLAIM_HOLDS`; what it had marked is never sent again."""
    group = factories.group(capacity=PEOPLE)
    people = members(group, PEOPLE)
    factories.support_session(group, starts_at=timezone.now() + timedelta(hours=23))

    def kill_at_thirty(count: int) -> None:
        # Before the answer: whether it was taken is not known to the worker.
        if count == 30:
            first.send_signal(signal.SIGKILL)

    with MailServer(taken=kill_at_thirty) as mail_server:
        with worker(mail_port=mail_server.port) as first:
            tick.delay()
            assert first.wait(PATIENCE) == -signal.SIGKILL
        # Looked at now: later the second worker holds some too.
        held = Reminder.objects.filter(claimed_at__isnull=False, sent_at=None).in_bulk()
        assert 0 < len(held) <= 100
        with worker(mail_port=mail_server.port):
            tick.delay()
            wait_until(
                lambda: not Reminder.objects.filter(claimed_at=None).exists(),
                seconds=PATIENCE,
                what="the second worker has taken what the first had not",
            )
            assert mail_server.mails.total() < PEOPLE
            Reminder.objects.filter(pk__in=held).update(
                claimed_at=F("claimed_at") - reminder_rules.CLAIM_HOLDS
            )
            tick.delay()
            wait_until(
                lambda: not Reminder.objects.filter(sent_at=None).exists(),
                seconds=PATIENCE,
                what="everybody is reminded",
            )
    assert Counter(recipient for recipient, _ in mail_server.mails) == Counter(people)
    # The one that the killed worker was sending: its copy has the same Message-ID.
    assert PEOPLE <= mail_server.mails.total() <= PEOPLE + 1
