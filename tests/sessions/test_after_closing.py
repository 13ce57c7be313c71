"""The note after a session: to whoever was there, once, in words that reveal nothing."""

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from sessions import actions, after_actions, periodic, reminder_rules
from sessions.models import Reminder
from tests import factories


@pytest.fixture
def running(group, member, facilitator):
    """Live, with the member and the facilitator in the room; another member is expected."""
    made = factories.support_session(group, status="live")
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    factories.member(group)
    return made


def mailed():
    return Counter(message.to[0] for message in mail.outbox)


def body_to(person):
    return next(each.body for each in mail.outbox if each.to == [person.user.email])


def test_everybody_who_was_there_gets_one_note(running, member, facilitator):
    actions.end_session(support_session=running, by=None)
    for _ in range(2):
        periodic.send_due_reminders()
    assert mailed() == Counter([member.user.email, facilitator.user.email])


def test_it_leads_to_the_questions_and_the_debrief(running, member, facilitator):
    actions.end_session(support_session=running, by=None)
    periodic.send_due_reminders()
    pulse = reverse("sessions:pulse", args=[running.pk])
    debrief = reverse("sessions:debrief", args=[running.pk])
    assert pulse in body_to(member)
    assert debrief not in body_to(member)
    assert debrief in body_to(facilitator)
    assert pulse not in body_to(facilitator)


def test_it_reveals_nothing_and_names_the_zone(running, group, member):
    actions.end_session(support_session=running, by=None)
    periodic.send_due_reminders()
    for message in mail.outbox:
        for word in (group.name, group.purpose, group.organisation.name, "support", "safe"):
            assert word.lower() not in (message.subject + message.body).lower()
        assert "London time" in message.body


def test_forwarded_it_opens_nothing(running, outsider, visitor):
    actions.end_session(support_session=running, by=None)
    address = reverse("sessions:pulse", args=[running.pk])
    assert outsider.client.get(address).status_code == 404
    assert visitor.client.get(address)["Location"].startswith(reverse("account_login"))


def test_it_asks_for_nothing_that_was_answered_already(running, member):
    actions.end_session(support_session=running, by=None)
    after_actions.answer_pulse(support_session=running, felt_heard=4, felt_safe=4, by=member.user)
    periodic.send_due_reminders()
    assert "questions" not in body_to(member)


def test_whoever_is_removed_before_the_mail_gets_none(running, member, facilitator):
    actions.end_session(support_session=running, by=None)
    member.user.memberships.update(status="removed", ended_at=timezone.now())
    periodic.send_due_reminders()
    assert mailed() == Counter([facilitator.user.email])


def test_a_day_later_it_is_of_no_use(running):
    actions.end_session(support_session=running, by=None)
    with time_machine.travel(timezone.now() + reminder_rules.CLOSING_NOTE_WITHIN):
        periodic.send_due_reminders()
    assert not mail.outbox


def test_a_killed_worker_neither_loses_nor_repeats_it(running, member, facilitator, monkeypatch):
    """Claimed, then nothing: the claim runs out and the next worker sends it."""
    actions.end_session(support_session=running, by=None)
    assert len(actions.claim_reminders()) == 2
    periodic.send_due_reminders()
    assert not mail.outbox
    with time_machine.travel(timezone.now() + reminder_rules.CLAIM_HOLDS + timedelta(seconds=1)):
        periodic.send_due_reminders()
        periodic.send_due_reminders()
    assert mailed() == Counter([member.user.email, facilitator.user.email])


@pytest.mark.parametrize("wants", [False, True])
def test_it_has_a_setting_of_its_own(running, member, wants):
    member.user.reminds_day_before = member.user.reminds_hour_before = False
    member.user.mails_after_session = wants
    member.user.save()
    actions.end_session(support_session=running, by=None)
    periodic.send_due_reminders()
    assert (member.user.email in mailed()) is wants


def test_in_quiet_hours_it_waits_until_they_are_over(running, member):
    """The row is made once, so it is put off and not made anew."""
    now = timezone.localtime(timezone.now(), ZoneInfo("Europe/London"))
    member.user.quiet_from = (now - timedelta(hours=1)).time()
    member.user.quiet_until = (now + timedelta(hours=2)).time()
    member.user.save()
    actions.end_session(support_session=running, by=None)
    for _ in range(2):
        periodic.send_due_reminders()
    assert member.user.email not in mailed()
    with time_machine.travel(timezone.now() + timedelta(hours=2, minutes=1)):
        for _ in range(2):
            periodic.send_due_reminders()
    assert mailed()[member.user.email] == 1
    assert Reminder.objects.get(user=member.user).attempts == 1


def test_ending_says_until_when_messages_stay(running, group):
    group.keeps_messages_days = 7
    group.save()
    ended = actions.end_session(support_session=running, by=None)
    assert ended.messages_expire_at == ended.ended_at + timedelta(days=7)


def test_a_session_without_anybody_sends_nothing(group):
    live = factories.support_session(group, status="live")
    factories.member(group)
    actions.end_session(support_session=live, by=None)
    assert not Reminder.objects.exists()
