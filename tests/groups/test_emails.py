"""News about a group: neutral, once, and never lost."""

from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.utils import timezone

from groups import actions, emails, tasks
from groups.models import Notice
from tests import factories


def send(notice):
    tasks.tell_person(str(notice.pk))
    notice.refresh_from_db()
    return notice


@pytest.mark.parametrize("kind", Notice.Kind)
def test_news_says_nothing_but_that_there_is_some(group, member, kind):
    notice = send(factories.notice(group, member.user, kind=kind))

    (message,) = mail.outbox
    assert message.to == [member.user.email]
    assert message.subject == "There is news for you"
    assert f"/news/{notice.pk}/" in message.body
    whole = message.subject + message.body
    for secret in (group.name, group.slug, notice.get_kind_display(), "agreement", "removed"):
        assert secret not in whole


def test_an_offer_names_the_time_in_the_readers_zone(group, outsider):
    outsider.user.time_zone = "America/New_York"
    outsider.user.save()
    summer = {"year": timezone.now().year + 1, "month": 7, "day": 1}
    expires_at = timezone.now().replace(**summer, hour=16, minute=0)
    factories.membership(
        group=group, user=outsider.user, status="offered", offer_expires_at=expires_at
    )

    send(factories.notice(group, outsider.user))

    assert "1 July, 12pm, New York time" in mail.outbox[0].body


def test_news_is_sent_once(group, member):
    notice = send(factories.notice(group, member.user))
    send(notice)

    assert len(mail.outbox) == 1
    assert (notice.attempts, notice.told_at is not None) == (1, True)


def test_a_mail_server_that_says_no_is_tried_three_times(group, member, monkeypatch):
    def refuses(notice, *, until):
        raise SMTPServerDisconnected

    monkeypatch.setattr(emails, "send_news", refuses)
    notice = factories.notice(group, member.user)
    for attempts in (1, 2, 3, 3):
        assert (send(notice).attempts, notice.told_at) == (attempts, None)


def test_a_worker_killed_in_between_leaves_the_news_to_the_clock(group, member, monkeypatch):
    class Killed(BaseException):
        pass

    def dies(notice, *, until):
        raise Killed

    notice = factories.notice(group, member.user)
    with monkeypatch.context() as patch:
        patch.setattr(emails, "send_news", dies)
        with pytest.raises(Killed):
            tasks.tell_person(str(notice.pk))
    notice.refresh_from_db()
    assert (notice.attempts, notice.told_at) == (0, None)

    assert send(notice).told_at is not None


def test_nobody_writes_to_an_account_that_is_closed(group, member):
    member.user.is_active = False
    member.user.save()

    assert send(factories.notice(group, member.user)).told_at is None
    assert mail.outbox == []


def test_tell_asks_the_worker_once_it_is_committed(
    group, member, monkeypatch, django_capture_on_commit_callbacks
):
    asked: list[str] = []
    monkeypatch.setattr(tasks.tell_person, "delay", asked.append)

    with django_capture_on_commit_callbacks(execute=True):
        (notice,) = actions.tell(group=group, users=[member.user], kind=Notice.Kind.PAUSED)
        assert asked == []

    assert asked == [str(notice.pk)]
