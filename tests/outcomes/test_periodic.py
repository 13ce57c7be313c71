from threading import Barrier, Thread

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from outcomes import actions, periodic
from outcomes.models import SurveyInvitation
from tests import factories


@pytest.fixture
def plan(group):
    return factories.survey_plan(group)


def test_make_surveys_due_then_send_due_invitations(plan, group, member):
    held = factories.support_session(group, status="ended")
    factories.attendance(held, group.memberships.get())
    periodic.make_surveys_due()
    periodic.send_due_invitations()
    periodic.make_surveys_due()
    periodic.send_due_invitations()
    [message] = mail.outbox
    assert message.to == [member.user.email]
    assert SurveyInvitation.objects.get().sent_at is not None


def test_send_due_invitations_goes_on_after_a_failure(plan, group, monkeypatch):
    invitations = [factories.invitation(plan, factories.member(group)) for _ in range(3)]
    broken = invitations[1].membership.user
    send = actions.emails.send_invitations

    def fail_for_one(person, listed, *, mailer):
        if person == broken:
            raise OSError
        send(person, listed, mailer=mailer)

    monkeypatch.setattr(actions.emails, "send_invitations", fail_for_one)
    periodic.send_due_invitations()
    assert len(mail.outbox) == 2
    [unsent] = SurveyInvitation.objects.filter(sent_at__isnull=True)
    assert (unsent.membership.user, unsent.attempts) == (broken, 1)


def test_send_due_invitations_outlives_a_long_outage_of_the_mail_server(
    plan, group, monkeypatch, caplog
):
    invitations = [factories.invitation(plan, factories.member(group)) for _ in range(3)]

    def refuse(self):
        raise ConnectionRefusedError(f"{invitations[0].membership.user.email} waits")

    with monkeypatch.context() as patched:
        patched.setattr(type(mail.mailers.default), "open", refuse)
        for _ in range(actions.rules.MOST_ATTEMPTS + 1):
            periodic.send_due_invitations()
    assert mail.outbox == []
    assert set(SurveyInvitation.objects.values_list("claimed_at", "attempts")) == {(None, 0)}
    assert caplog.messages.count("survey.no_mail_server") == actions.rules.MOST_ATTEMPTS + 1
    assert "@" not in caplog.text

    periodic.send_due_invitations()
    assert len(mail.outbox) == 3


def test_send_due_invitations_ends_in_time(plan, group, monkeypatch):
    factories.invitation(plan, factories.member(group))
    monkeypatch.setattr(periodic, "SECONDS_OF_A_RUN", 0)
    periodic.send_due_invitations()
    assert mail.outbox == []


def test_send_due_invitations_gives_back_what_it_has_no_time_for(plan, group, monkeypatch):
    for _ in range(3):
        factories.invitation(plan, factories.member(group))
    real = actions.send_claimed

    def slow(**fields):
        monkeypatch.setattr(periodic.time, "monotonic", lambda: float("inf"))
        return real(**fields)

    with monkeypatch.context() as patched:
        patched.setattr(actions, "send_claimed", slow)
        periodic.send_due_invitations()
    assert len(mail.outbox) == 1
    left = SurveyInvitation.objects.filter(sent_at=None)
    assert set(left.values_list("claimed_at", "attempts")) == {(None, 0)}


def test_send_due_invitations_after_a_kill_between_claim_and_send(plan, group, monkeypatch):
    invitation = factories.invitation(plan, factories.member(group))

    def killed(**fields):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(actions, "send_claimed", killed)
        with pytest.raises(SystemExit):
            periodic.send_due_invitations()
    periodic.send_due_invitations()
    assert mail.outbox == [], "the claim still holds"
    SurveyInvitation.objects.update(claimed_at=timezone.now() - actions.rules.CLAIM_LASTS * 2)
    periodic.send_due_invitations()
    periodic.send_due_invitations()
    assert len(mail.outbox) == 1
    invitation.refresh_from_db()
    assert invitation.attempts == 0, "the next mail has its own tries"


@pytest.mark.django_db(transaction=True)
def test_send_due_invitations_by_two_workers_at_once(plan, group):
    worry = factories.survey_plan(group, instrument=factories.instrument("gad-7"), position=2)
    for _ in range(12):
        membership = factories.member(group)
        factories.invitation(plan, membership)
        factories.invitation(worry, membership)
    ready = Barrier(3)

    def work():
        ready.wait()
        try:
            periodic.send_due_invitations()
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    receivers = [address for message in mail.outbox for address in message.to]
    assert len(receivers) == len(set(receivers)) == 12
    assert not SurveyInvitation.objects.filter(sent_at__isnull=True).exists()


@pytest.mark.django_db(transaction=True)
def test_make_surveys_due_by_two_workers_at_once(plan, group):
    other = factories.group(organisation=group.organisation)
    factories.survey_plan(other)
    person = factories.user()
    for found in (group, other):
        held = factories.support_session(found, status="ended")
        factories.attendance(held, factories.member(found, user=person))
    ready = Barrier(2)

    def work():
        ready.wait()
        try:
            periodic.make_surveys_due()
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert SurveyInvitation.objects.count() == 1
