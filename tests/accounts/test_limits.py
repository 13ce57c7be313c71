"""Guessing is hopeless, and nobody can lock somebody else out."""

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts import limits
from tests import factories
from tests.accounts.test_sign_in import code_in

SIGN_IN, ASK = "account_login", "account_request_login_code"


@pytest.fixture(autouse=True)
def counted(settings, db):
    settings.SIGN_IN_LIMITS = True
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


def try_password(client: Client, email: str, words: str = "wrong words", at: str = "9.9.9.9"):
    return client.post(reverse(SIGN_IN), {"login": email, "password": words}, REMOTE_ADDR=at)


def test_few_passwords_are_tried_from_one_place(settings):
    person = factories.user()
    attacker = Client()
    for _ in range(5):
        assert "Check the address" in try_password(attacker, person.email).content.decode()

    page = try_password(attacker, person.email, factories.PASSWORD).content.decode()

    assert "Wait five minutes, then try again." in page
    # From elsewhere it is not the attacker who is counted.
    assert try_password(Client(), person.email, factories.PASSWORD, at="8.8.8.8").status_code == 302


def test_the_same_answers_for_an_address_without_account():
    for email in (factories.user().email, "nobody@example.org"):
        pages = [try_password(Client(), email).content.decode() for _ in range(7)]
        assert ["Wait five" in page for page in pages] == [False] * 5 + [True] * 2


def test_a_stranger_from_everywhere_locks_nobody_out():
    person = factories.user()
    own = Client()
    assert try_password(own, person.email, factories.PASSWORD, at="1.1.1.1").status_code == 302
    own.post(reverse("account_logout"))
    for number in range(limits.RATES["password"][4].amount + 5):
        try_password(Client(), person.email, at=f"10.0.0.{number}")
    refused = try_password(Client(), person.email, factories.PASSWORD, at="7.7.7.7")
    assert "Wait five minutes" in refused.content.decode()

    # The person's own device signs in by password, and any device by a code.
    assert try_password(own, person.email, factories.PASSWORD, at="1.1.1.1").status_code == 302
    fresh = Client()
    response = fresh.post(reverse(ASK), {"email": person.email}, REMOTE_ADDR="6.6.6.6")
    response = fresh.post(response.url, {"code": code_in(mail.outbox[-1])})
    assert "_auth_user_id" in fresh.session


@pytest.mark.parametrize("way", [ASK, "account_reset_password"])
def test_few_codes_are_sent_to_one_address(way):
    person = factories.user()
    for _ in range(limits.RATES["code"][2].amount):
        assert Client().post(reverse(way), {"email": person.email}).status_code == 302

    page = Client().post(reverse(way), {"email": person.email})

    assert "Wait five minutes" in page.content.decode()
    assert len(mail.outbox) == limits.RATES["code"][2].amount


def test_a_known_device_is_counted_too_and_forgiven_when_it_comes_in():
    person = factories.user()
    own = Client()
    try_password(own, person.email, factories.PASSWORD)
    own.post(reverse("account_logout"))
    for _ in range(9):
        try_password(own, person.email)
    assert try_password(own, person.email, factories.PASSWORD).status_code == 302
    own.post(reverse("account_logout"))
    for _ in range(10):
        assert "Check the address" in try_password(own, person.email).content.decode()
    assert "Wait five" in try_password(own, person.email).content.decode()


def test_without_redis_each_process_counts_by_itself(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "supportgroups.lib.cache.RedisOrMemory",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.2},
        }
    }
    cache.clear()
    person = factories.user()
    for _ in range(5):
        try_password(Client(), person.email)

    assert "Wait five" in try_password(Client(), person.email).content.decode()
    assert try_password(Client(), person.email, factories.PASSWORD, at="2.2.2.2").status_code == 302


def test_no_address_stands_in_the_cache():
    names = [
        limits._key("password", rate, "river@example.org") for rate in limits.RATES["password"]
    ]
    assert not any("river" in name for name in names)
