"""Whoever signs out is out everywhere at once."""

import pytest
import redis
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts.live import person_topic
from accounts.middleware import zone_of
from accounts.models import BrowserSession
from tests import factories
from tests.cast import confirm


@pytest.fixture
def notices(member):
    """What the open sockets of the member hear."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    topic = person_topic(member.user.pk)
    with client, client.pubsub() as listener:
        listener.subscribe(topic)
        assert listener.get_message(timeout=15)["type"] == "subscribe"

        def heard() -> list[bytes]:
            """Everything up to a word of our own, which comes after all that was said before."""
            client.publish(topic, b"that was all")
            said = iter(lambda: listener.get_message(timeout=15)["data"], b"that was all")
            return list(said)

        yield heard


@pytest.mark.parametrize("way", ["account_logout", "pages:quick_exit"])
@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_sign_in_is_told_to_open_rooms_after_it_has_ended(
    member, notices, way, monkeypatch
):
    from accounts import middleware

    sign_ins = []
    look_again = middleware.look_again

    def look(people):
        sign_ins.append(BrowserSession.objects.count())
        look_again(people)

    monkeypatch.setattr(middleware, "look_again", look)
    assert BrowserSession.objects.count() == 1

    member.client.post(reverse(way))

    assert notices() == [b"look again"]
    assert sign_ins == [0]


@pytest.mark.django_db(transaction=True)
def test_a_new_password_is_told_to_open_rooms(member, notices):
    member.client.post(
        reverse("account_login"), {"login": member.user.email, "password": factories.PASSWORD}
    )
    member.user.set_unusable_password()
    member.user.save()
    member.client.force_login(member.user)
    confirm(member.client, member.user)

    member.client.post(
        reverse("account_set_password"),
        {"password1": "a long new passphrase", "password2": "a long new passphrase"},
    )

    assert b"look again" in notices()


def test_an_ordinary_page_tells_nobody(member, notices):
    response = member.client.get(reverse("accounts:profile"))

    assert notices() == []
    assert "Clear-Site-Data" not in response


@pytest.mark.parametrize(
    ("saved", "cookie", "zone"),
    [
        ("America/New_York", "Asia/Tokyo", "America/New_York"),
        ("nowhere", "Asia/Tokyo", "Europe/London"),
        (None, "Asia/Tokyo", "Asia/Tokyo"),
        (None, "../../etc/passwd", "Europe/London"),
        (None, "", "Europe/London"),
    ],
)
def test_times_are_in_the_readers_zone(db, rf, saved, cookie, zone):
    from django.contrib.auth.models import AnonymousUser

    request = rf.get("/")
    request.user = factories.user(time_zone=saved) if saved else AnonymousUser()
    request.COOKIES["time_zone"] = cookie

    assert zone_of(request).key == zone
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize(
    ("chosen", "browser", "zone"),
    [
        ("Asia/Tokyo", "America/New_York", "Asia/Tokyo"),
        ("", "America/New_York", "America/New_York"),
        ("Nowhere/Land", "America/New_York", "America/New_York"),
        ("", "../../etc/passwd", "Europe/London"),
    ],
)
def test_a_chosen_zone_comes_before_the_browsers(db, client, chosen, browser, zone):
    client.cookies["time_zone"] = chosen
    client.cookies["browser_zone"] = browser

    page = client.get("/privacy/")

    assert zone_of(page.wsgi_request).key == zone
    says_it_was_chosen = 'data-zone="' in page.content.decode()
    assert says_it_was_chosen == (zone == chosen), "a guess is no choice"


@pytest.mark.parametrize("name", ["account_request_login_code", "account_reset_password"])
def test_what_is_asked_about_an_address_takes_the_same_time(
    name, db, client, settings, monkeypatch
):
    settings.EVEN_ANSWER_SECONDS = 60
    waited = []
    monkeypatch.setattr("accounts.middleware.time.sleep", waited.append)

    client.post(reverse(name), {"email": "nobody@example.org"})
    client.get(reverse(name))

    assert len(waited) == 1
    assert 0 < waited[0] < 60
