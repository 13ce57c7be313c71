"""Accounts that nobody uses go, and their people are told in time."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts import periodic
from accounts.models import User
from supportgroups import retention
from tests import factories

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def years_ago(years: float):
    return NOW - timedelta(days=365 * years)


def test_who_is_told_and_does_not_come_loses_the_account():
    person = factories.user(last_login=years_ago(2.95))
    periodic.tell_unused()
    periodic.tell_unused()  # once is enough

    assert [sent.to for sent in mail.outbox] == [[person.email]]
    assert "closes after" in mail.outbox[0].body
    retention.purge(at=NOW + timedelta(days=365))
    assert User.objects.filter(pk=person.pk).exists(), "told today"

    User.objects.update(unused_told_at=NOW - timedelta(days=31), last_login=years_ago(3.1))
    retention.purge()

    assert not User.objects.filter(pk=person.pk).exists()
    assert mail.outbox[-1].subject == "Your account is closed"


@pytest.mark.parametrize("last", [0.1, 2.8])
def test_who_signed_in_lately_is_told_nothing(last):
    factories.user(last_login=years_ago(last))
    periodic.tell_unused()
    assert mail.outbox == []


def test_who_came_back_keeps_the_account_and_is_told_anew_another_time():
    person = factories.user(last_login=years_ago(3.1), unused_told_at=years_ago(3.2))
    retention.purge()
    assert User.objects.filter(pk=person.pk).exists()

    periodic.tell_unused()
    assert len(mail.outbox) == 1


def test_whom_something_still_belongs_to_stays(group):
    long_ago = years_ago(4)
    factories.member(group, user=factories.user(last_login=long_ago))
    factories.staff_role(user=factories.user(last_login=long_ago))
    factories.facilitator(group, user=factories.user(last_login=long_ago))
    factories.user(last_login=long_ago, is_superuser=True)
    User.objects.update(unused_told_at=years_ago(1))

    periodic.tell_unused()
    retention.purge()

    assert mail.outbox == []
    assert User.objects.filter(last_login=long_ago).count() == 4
