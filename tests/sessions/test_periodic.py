"""Sessions made ahead, forgotten ones, and reminders: sent once, whatever gets in between."""

import os
import signal
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from accounts.models import User
from audit.models import Event
from groups import actions as group_actions
from groups.models import SupportGroup
from sessions import actions, periodic, reminder_rules, rules
from sessions.models import AgendaTemplateItem, Reminder, Series, SupportSession
from tests import factories

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    """Noon on Monday 2 March 2026 in London, four weeks before its clocks change."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


# Sessions made ahead ------------------------------------------------------------------------------


@pytest.fixture
def series(clock, group: SupportGroup) -> Series:
    return factories.series(group, starts_on=date(2026, 1, 6), horizon_days=60)


def all_sessions() -> list[tuple]:
    return list(SupportSession.objects.order_by("starts_at").values_list())


def test_make_sessions_ahead_keeps_the_wall_clock_up_to_the_horizon(series):
    periodic.make_sessions_ahead()

    made = SupportSession.objects.order_by("starts_at")
    london = ZoneInfo("Europe/London")
    local = [support_session.starts_at.astimezone(london) for support_session in made]
    assert len(local) == 9
    assert {moment.time() for moment in local} == {time(18, 30)}
    assert {moment.weekday() for moment in local} == {1}
    assert {moment.utcoffset() for moment in local} == {timedelta(0), timedelta(hours=1)}
    assert local[-1].astimezone(UTC) < NOW + timedelta(days=60)
    assert all(s.ends_at - s.starts_at == timedelta(minutes=90) for s in made)
    assert all(s.recurrence_id == s.starts_at for s in made)


def test_make_sessions_ahead_twice_changes_nothing_and_a_later_run_adds_the_next(series, clock):
    periodic.make_sessions_ahead()
    before = all_sessions()

    periodic.make_sessions_ahead()
    assert all_sessions() == before
    assert Event.objects.filter(verb="sessions.made").count() == 1

    clock.shift(timedelta(days=7))
    periodic.make_sessions_ahead()
    assert all_sessions()[:-1] == before
    made = Event.objects.filter(verb="sessions.made").order_by("id")
    assert [event.data["count"] for event in made] == [9, 1]


def test_make_sessions_ahead_leaves_moved_and_cancelled_ones_alone(series):
    periodic.make_sessions_ahead()
    moved, cancelled, last = SupportSession.objects.order_by("starts_at")[2:5]
    SupportSession.objects.filter(pk=moved.pk).update(
        starts_at=moved.starts_at + timedelta(days=1), ends_at=moved.ends_at + timedelta(days=1)
    )
    SupportSession.objects.filter(pk=cancelled.pk).update(
        status="cancelled", cancelled_for="by_hand"
    )
    last.delete()
    before = all_sessions()

    made = actions.make_sessions(series=series)

    assert [s.recurrence_id for s in made] == [last.recurrence_id]
    assert set(before) < set(all_sessions())
    assert len(all_sessions()) == 9


def test_make_sessions_copies_the_agenda_of_the_group(series):
    for position, title in enumerate(["Check in", "Theme", "Close"], start=1):
        AgendaTemplateItem.objects.create(
            group=series.group, position=position, title=title, minutes=10 * position
        )

    made = actions.make_sessions(series=series, until=NOW + timedelta(days=14))

    assert len(made) == 2
    for support_session in made:
        assert list(support_session.agenda.values_list("title", "minutes")) == [
            ("Check in", 10),
            ("Theme", 20),
            ("Close", 30),
        ]


@pytest.mark.parametrize(
    "change",
    [
        lambda series: Series.objects.update(ended_at=NOW),
        lambda series: SupportGroup.objects.update(lifecycle="paused"),
        lambda series: SupportGroup.objects.update(lifecycle="closed"),
    ],
)
def test_make_sessions_ahead_only_for_listed_groups_and_current_series(series, change):
    change(series)

    periodic.make_sessions_ahead()

    assert not SupportSession.objects.exists()


def test_one_rule_that_cannot_be_read_stops_no_other(series, caplog):
    factories.series(factories.group(), rrule="FREQ=NONSENSE", starts_on=date(2026, 1, 1))

    periodic.make_sessions_ahead()

    assert SupportSession.objects.filter(series=series).count() == 9
    assert "sessions.series_failed" in caplog.messages


def test_a_minute_without_anything_to_make_asks_one_question(series, django_assert_num_queries):
    for _ in range(3):
        factories.series(factories.group(), starts_on=date(2026, 1, 6))
    periodic.make_sessions_ahead()

    with django_assert_num_queries(1):
        periodic.make_sessions_ahead()


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_make_each_session_once():
    series = factories.series(factories.group())

    run_in_threads(lambda: actions.make_sessions(series=series))

    made = SupportSession.objects.values_list("recurrence_id", flat=True)
    assert len(made) == len(set(made)) >= 8
    assert Event.objects.filter(verb="sessions.made").count() == 1


def test_end_forgotten_sessions_ends_only_those_an_hour_over(db, clock):
    long_over, just_over, scheduled = (
        factories.support_session(
            factories.group(),
            status=status,
            starts_at=NOW - timedelta(hours=hours),
            ends_at=NOW - timedelta(hours=hours) + timedelta(minutes=90),
        )
        for status, hours in [("live", 3), ("live", 2), ("scheduled", 3)]
    )

    periodic.end_forgotten_sessions()

    for support_session, status in [
        (long_over, "ended"),
        (just_over, "live"),
        (scheduled, "scheduled"),
    ]:
        support_session.refresh_from_db()
        assert support_session.status == status
    assert long_over.ended_by is None
    assert rules.why_not_open(scheduled).reason == "not_held"


# Reminders ----------------------------------------------------------------------------------------


def session_in(group: SupportGroup, **after: float) -> SupportSession:
    return factories.support_session(group, starts_at=timezone.now() + timedelta(**after))


def mailed() -> Counter[str]:
    return Counter(message.to[0] for message in mail.outbox)


def run_in_threads(run, number: int = 2) -> None:
    """Run at the same moment on connections of their own; fail if one of them fails."""
    begin = threading.Barrier(number, timeout=60)
    problems: list[BaseException] = []

    def one() -> None:
        try:
            begin.wait()
            run()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems, problems


def test_members_and_facilitators_are_reminded_a_day_and_an_hour_before(
    clock, group, member, facilitator, applicant, outsider, coordinator
):
    session_in(group, hours=24)
    both = Counter([member.user.email, facilitator.user.email])

    periodic.send_due_reminders()
    assert mailed() == both
    assert {message.subject for message in mail.outbox} == {"Your appointment tomorrow"}

    clock.shift(timedelta(hours=23))
    periodic.send_due_reminders()
    assert mailed() == both + both
    assert mail.outbox[-1].subject == "Your appointment starts soon"


def test_a_second_run_sends_nothing(clock, group, member):
    session_in(group, hours=24)

    for _ in range(3):
        periodic.send_due_reminders()
        clock.shift(timedelta(minutes=11))

    assert mailed() == Counter([member.user.email])


@pytest.mark.parametrize(
    ("hours", "subjects"),
    [
        (24.1, []),
        (23.9, ["Your appointment tomorrow"]),
        (11.9, ["Your appointment today"]),
        (3.1, ["Your appointment today"]),
        (2.9, []),
        (1.1, []),
        (0.9, ["Your appointment starts soon"]),
        (0.05, []),
        (-0.5, []),
    ],
)
def test_a_late_tick_sends_what_still_makes_sense(clock, group, member, hours, subjects):
    session_in(group, hours=hours)

    periodic.send_due_reminders()

    assert [message.subject for message in mail.outbox] == subjects


def test_who_joins_later_still_gets_the_reminder_that_makes_sense(clock, group):
    session_in(group, hours=10)
    periodic.send_due_reminders()
    assert not mail.outbox

    late = factories.member(group)
    periodic.send_due_reminders()

    assert mailed() == Counter([late.user.email])


@pytest.mark.parametrize(
    ("preference", "hours", "sent"),
    [
        ("reminds_day_before", 24, 0),
        ("reminds_day_before", 1, 1),
        ("reminds_hour_before", 24, 1),
        ("reminds_hour_before", 1, 0),
    ],
)
def test_nobody_is_reminded_who_does_not_want_it(clock, group, member, preference, hours, sent):
    User.objects.filter(pk=member.user.pk).update(**{preference: False})
    session_in(group, hours=hours)

    periodic.send_due_reminders()

    assert len(mail.outbox) == sent


@pytest.mark.parametrize("status", ["cancelled", "ended"])
def test_a_session_that_is_not_to_come_reminds_nobody(clock, group, member, status):
    factories.support_session(group, status=status, starts_at=NOW + timedelta(hours=20))

    periodic.send_due_reminders()

    assert not Reminder.objects.exists()


def test_whoever_may_not_enter_is_not_reminded(clock, group, member):
    """The same rule as at the door: here the new agreement is not signed yet."""
    factories.agreement(group)
    session_in(group, hours=24)

    periodic.send_due_reminders()

    assert not mail.outbox


def test_whoever_is_removed_between_claim_and_sending_gets_none(
    clock, group, member, coordinator, monkeypatch
):
    stays = factories.member(group)
    session_in(group, hours=24)
    claim = actions.claim_reminders

    def claim_and_remove(**options):
        batch = claim(**options)
        if batch:
            group_actions.remove(
                membership=member.user.memberships.get(), by=coordinator.user, reason="Asked to."
            )
        return batch

    monkeypatch.setattr(actions, "claim_reminders", claim_and_remove)
    periodic.send_due_reminders()

    assert mailed() == Counter([stays.user.email])


def test_a_change_of_mind_between_claim_and_sending_counts(clock, group, member):
    session_in(group, hours=24)
    actions.make_due_reminders()
    [reminder] = actions.claim_reminders()
    assert reminder_rules.is_still_wanted(reminder, at=NOW)

    User.objects.filter(pk=member.user.pk).update(reminds_day_before=False)

    assert not reminder_rules.is_still_wanted(reminder, at=NOW)


def test_a_claim_that_has_grown_old_is_left_to_the_next_run(clock, group, member):
    session_in(group, hours=24)
    actions.make_due_reminders()
    [reminder] = actions.claim_reminders()

    assert reminder_rules.is_still_wanted(reminder, at=NOW + timedelta(minutes=5))
    assert not reminder_rules.is_still_wanted(reminder, at=NOW + timedelta(minutes=6))


class RefusesOne(EmailBackend):
    """A mail server that does not like one address, and counts how often it was asked."""

    address = ""
    asked = 0

    def send_messages(self, messages):
        if messages[0].to == [self.address]:
            type(self).asked += 1
            raise smtplib.SMTPRecipientsRefused({self.address: (550, b"no such mailbox")})
        return super().send_messages(messages)


class Away(EmailBackend):
    """A mail server that nobody reaches."""

    def open(self):
        raise ConnectionRefusedError


class HangsUp(EmailBackend):
    """A mail server that hangs up at the first mail of each of two connections."""

    left = 2

    def send_messages(self, messages):
        if type(self).left:
            type(self).left -= 1
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        return super().send_messages(messages)


@pytest.fixture
def mail_server(settings):
    def use(backend: type[EmailBackend]) -> None:
        settings.MAILERS = {"default": {"BACKEND": f"{__name__}.{backend.__name__}"}}

    return use


def test_one_bad_address_stops_nobody_and_is_not_tried_for_ever(
    clock, group, mail_server, monkeypatch, caplog
):
    people = [factories.member(group).user.email for _ in range(5)]
    monkeypatch.setattr(RefusesOne, "address", people[2])
    monkeypatch.setattr(RefusesOne, "asked", 0)
    mail_server(RefusesOne)
    session_in(group, hours=24)

    for _ in range(6):
        periodic.send_due_reminders()
        clock.shift(timedelta(minutes=11))

    assert mailed() == Counter(email for email in people if email != people[2])
    assert RefusesOne.asked == reminder_rules.MOST_ATTEMPTS
    assert people[2] not in caplog.text


def test_a_mail_server_that_is_away_costs_no_attempt(clock, group, member, mail_server, settings):
    working = settings.MAILERS
    mail_server(Away)
    session_in(group, hours=24)
    for _ in range(5):
        periodic.send_due_reminders()
    assert Reminder.objects.get().attempts == 0

    settings.MAILERS = working
    periodic.send_due_reminders()

    assert mailed() == Counter([member.user.email])


def test_a_lost_connection_is_opened_again_for_the_next(clock, group, mail_server, monkeypatch):
    monkeypatch.setattr(HangsUp, "left", 2)
    people = Counter(factories.member(group).user.email for _ in range(4))
    mail_server(HangsUp)
    session_in(group, hours=24)

    periodic.send_due_reminders()
    assert len(mail.outbox) == 2

    clock.shift(timedelta(minutes=11))
    periodic.send_due_reminders()
    assert mailed() == people


def test_more_than_one_batch(clock, group, monkeypatch):
    people = Counter(factories.member(group).user.email for _ in range(7))
    session_in(group, hours=24)
    claim = actions.claim_reminders
    monkeypatch.setattr(actions, "claim_reminders", lambda: claim(limit=3))

    periodic.send_due_reminders()

    assert mailed() == people


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_share_the_work():
    group = factories.group(capacity=60)
    people = Counter(factories.member(group).user.email for _ in range(40))
    session_in(group, hours=23)

    run_in_threads(periodic.send_due_reminders, number=3)

    assert mailed() == people
    assert Reminder.objects.filter(sent_at__isnull=True).count() == 0
    assert set(Reminder.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
@pytest.mark.parametrize("kind", ["day_before", "cancelled"])
def test_killed_between_claim_and_sending_the_next_run_sends_it_once(kind):
    """A process of its own, ended by SIGKILL when the first mail is about to go out."""
    group = factories.group()
    people = Counter(factories.member(group).user.email for _ in range(3))
    support_session = session_in(group, hours=23)
    if kind == "cancelled":
        by = factories.staff_role(organisation=group.organisation).user
        actions.cancel_session(support_session=support_session, by=by)
    test_database = f"/{connection.settings_dict['NAME']}"
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=test_database))
    script = """
import os, signal, django
django.setup()
from sessions import emails, periodic
emails.send_reminder = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
periodic.send_due_reminders()
"""

    killed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "supportgroups.settings"},
        timeout=110,
    )

    assert killed.returncode == -signal.SIGKILL
    assert Reminder.objects.filter(claimed_at__isnull=False, sent_at=None).count() == 3
    periodic.send_due_reminders()
    assert not mail.outbox, "another process may still hold these"
    with time_machine.travel(timezone.now() + reminder_rules.CLAIM_HOLDS + timedelta(seconds=1)):
        periodic.send_due_reminders()
        periodic.send_due_reminders()
    assert mailed() == people


def test_killed_between_sending_and_marking_both_mails_have_one_id(
    clock, group, member, monkeypatch
):
    """The documented choice: twice rather than not at all, and the copy is known as one."""
    session_in(group, hours=24)
    with monkeypatch.context() as patched:
        patched.setattr(actions, "mark_sent", lambda **given: 1 / 0)
        periodic.send_due_reminders()
    clock.shift(timedelta(minutes=11))

    periodic.send_due_reminders()

    assert [message.to for message in mail.outbox] == [[member.user.email]] * 2
    first, second = (message.extra_headers["Message-ID"] for message in mail.outbox)
    assert first == second


def test_a_run_ends_in_time_for_the_next(clock, group, member, monkeypatch):
    session_in(group, hours=24)
    monkeypatch.setattr(periodic, "SECONDS_OF_A_RUN", 0)

    periodic.send_due_reminders()

    assert not mail.outbox
    assert Reminder.objects.filter(claimed_at__isnull=True).count() == 1


@pytest.mark.parametrize(
    ("run", "action"),
    [
        (periodic.follow_lifecycle, "follow_lifecycle"),
        (periodic.make_sessions_ahead, "make_sessions"),
        (periodic.end_forgotten_sessions, "end_session"),
        (periodic.send_due_reminders, "mark_sent"),
    ],
)
def test_the_end_of_the_time_is_no_failure_of_one(series, member, monkeypatch, run, action):
    session_in(series.group, hours=24)
    long_ago = NOW - timedelta(hours=9)
    factories.support_session(series.group, status="live", starts_at=long_ago)
    factories.support_session(factories.group(lifecycle="paused"))

    def takes_too_long(**options):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(actions, action, takes_too_long)
    with pytest.raises(SoftTimeLimitExceeded):
        run()


def test_the_number_of_questions_does_not_grow_with_the_number_of_groups(
    db, clock, django_assert_max_num_queries
):
    for _ in range(5):
        session_in(factories.group(), hours=24)

    with django_assert_max_num_queries(10):
        periodic.send_due_reminders()
