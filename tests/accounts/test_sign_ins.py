"""Where one is signed in: the list, its ends, limits of time, shared devices, another key."""

from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import (
    actions,
    browser_sessions,
    devices,
    factor_signals,
    periodic,
    rules,
    tasks,
)
from accounts.browser_sessions import SessionStore, digest_of, end_others, signed_in_with
from accounts.models import BrowserSession, User
from audit.models import Event
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.accounts.test_sign_in import code_in
from tests.cast import signed_in

PHONE = (
    "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0"  # as the browser says it
)
TABLET = (
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


def sign_in(person: User, client: Client | None = None, **answers) -> Client:
    client = client or Client(headers={"user-agent": PHONE})
    response = client.post(
        reverse("account_login"),
        {"login": person.email, "password": factories.PASSWORD, **answers},
    )
    assert response.status_code == 302, response.content.decode()
    return client


def row_of(client: Client) -> BrowserSession:
    return BrowserSession.objects.get(pk=client.session.row_id)


def set_back(client: Client, **past: timedelta) -> None:
    """As if the sign-in had begun, or been used last, that long ago."""
    row = row_of(client)
    changes = {name: getattr(row, name) - by for name, by in past.items()}
    BrowserSession.objects.filter(pk=row.pk).update(**changes)


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("accounts:security")).status_code == 200


# What is stored -----------------------------------------------------------------------------------


def test_the_key_stands_in_the_cookie_alone(member):
    key = member.client.cookies["sid"].value
    row = row_of(member.client)

    assert key not in str(row.__dict__)
    assert row.key_digest == digest_of(key)
    assert row.data.startswith("v1."), "what the pages remember is encrypted"
    assert row.user == member.user


def test_to_tell_needs_somebody_to_tell(db):
    now = timezone.now()
    nobody = BrowserSession(
        key_digest="x", began_at=now, used_at=now, expires_at=now, is_to_tell=True
    )
    with (
        pytest.raises(IntegrityError, match="accounts_browsersession_tells_somebody"),
        transaction.atomic(),
    ):
        nobody.save()


def test_a_visitor_leaves_a_row_only_when_something_is_remembered(client, db):
    client.get(reverse("groups:directory"))
    assert not BrowserSession.objects.exists()


# The list -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (PHONE, "Firefox on Android"),
        (TABLET, "Safari on an iPad"),
        ("", "A browser"),
        ("Evil/1.0 <script> call 0800 1234", "A browser"),
    ],
)
def test_devices_are_named_in_words_that_we_know(said, words):
    assert devices.in_words(said) == words


def test_each_device_is_listed_with_this_one_first(db):
    person = factories.user()
    here, there = sign_in(person), sign_in(person, Client(headers={"user-agent": TABLET}))
    set_back(there, used_at=timedelta(hours=3))
    signed_in(factories.user())

    page = here.get(reverse("accounts:sign_ins")).content.decode()

    assert page.index("This device") < page.index("Firefox on Android")
    assert page.index("Other devices") < page.index("Safari on an iPad")
    assert "3\xa0hours ago" in page
    assert "You are signed in nowhere else." not in page
    assert "2 devices" in here.get(reverse("accounts:security")).content.decode()
    assert "127.0.0.1" not in page


def test_a_device_is_signed_out_and_its_rooms_look_again(db, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("accounts.live._publish", told.extend)
    monkeypatch.setattr(transaction, "on_commit", lambda act: act())
    person = factories.user()
    here, there = sign_in(person), sign_in(person)
    row = row_of(there)
    assert signed_in_with(str(row.pk)) == person

    here.post(reverse("accounts:sign_in_end", args=[row.pk]))

    assert not is_signed_in(there)
    assert is_signed_in(here)
    assert not signed_in_with(str(row.pk)).is_authenticated
    assert told == [str(person.pk)]
    assert Event.objects.filter(verb="sign_in.ended", actor_id=person.pk).count() == 1


def test_all_others_are_signed_out_at_once_and_the_person_is_told(db):
    person = factories.user()
    here, there, elsewhere = sign_in(person), sign_in(person), sign_in(person)
    mail.outbox.clear()

    here.post(reverse("accounts:sign_ins_end_others"))

    assert [is_signed_in(client) for client in (here, there, elsewhere)] == [True, False, False]
    [message] = mail.outbox
    assert message.to == [person.email]
    assert message.subject == "You were signed out elsewhere"


def test_nobody_ends_anybody_elses(db):
    mine, theirs = signed_in(factories.user()), signed_in(factories.user())
    row = row_of(theirs.client)

    assert mine.client.post(reverse("accounts:sign_in_end", args=[row.pk])).status_code == 404
    with pytest.raises(Refused):
        actions.end_sign_in(sign_in=row, by=mine.user)
    mine.client.post(reverse("accounts:sign_ins_end_others"))
    assert is_signed_in(theirs.client)


def test_a_new_password_signs_every_other_device_out(db):
    person = factories.user()
    here, there = sign_in(person), sign_in(person)
    here.post(reverse("account_reauthenticate"), {"password": factories.PASSWORD})
    fresh = "another battery horse staple"

    here.post(
        reverse("account_change_password"),
        {"oldpassword": factories.PASSWORD, "password1": fresh, "password2": fresh},
    )

    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert rules.sign_ins_of(person).count() == 1


# Limits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "shared", "idle", "longest"),
    [
        ("member", False, timedelta(days=7), timedelta(days=30)),
        ("member", True, timedelta(minutes=15), timedelta(hours=12)),
        ("staff", False, timedelta(minutes=30), timedelta(hours=12)),
        ("staff", True, timedelta(minutes=15), timedelta(hours=12)),
    ],
)
def test_a_sign_in_ends_without_use_and_at_the_latest(db, who, shared, idle, longest):
    person = factories.user()
    if who == "staff":
        factories.staff_role(user=person)
    answers = {"is_shared": "on"} if shared else {}
    client = sign_in(person, **answers)
    row = row_of(client)
    assert (row.is_of_staff, row.is_shared) == (who == "staff", shared)
    assert row.expires_at - row.used_at == idle

    # Used again and again it ends at its longest all the same.
    set_back(client, began_at=longest - timedelta(minutes=5), used_at=timedelta(minutes=2))
    assert is_signed_in(client)
    row.refresh_from_db()
    assert row.expires_at == row.began_at + longest

    set_back(client, expires_at=timedelta(minutes=5, seconds=1))
    assert not is_signed_in(client)
    assert not signed_in_with(str(row.pk)).is_authenticated


def test_it_is_written_down_once_a_minute_that_somebody_is_there(member, django_assert_num_queries):
    home = reverse("accounts:file_ready")
    member.client.get(home)
    with django_assert_num_queries(2):  # the sign-in, and whose it is
        member.client.get(home)
    before = row_of(member.client)
    set_back(member.client, used_at=timedelta(minutes=2), expires_at=timedelta(minutes=2))

    member.client.get(home)

    after = row_of(member.client)
    assert after.used_at >= before.used_at
    assert after.expires_at >= before.expires_at


def test_nobody_is_signed_out_in_the_middle_of_their_hour(db):
    client = sign_in(factories.user(), is_shared="on")
    set_back(client, began_at=timedelta(hours=13), used_at=timedelta(minutes=3))
    BrowserSession.objects.update(expires_at=timezone.now() + timedelta(seconds=5))
    row = row_of(client)

    browser_sessions.stay_in_room([str(row.pk)])

    row.refresh_from_db()
    assert row.expires_at > timezone.now() + timedelta(minutes=14)


# Shared devices -----------------------------------------------------------------------------------


def test_a_shared_device_keeps_nothing_after_the_window(db):
    person = factories.user()
    shared, own = sign_in(person, is_shared="on"), sign_in(person)

    assert not shared.cookies["sid"]["max-age"]
    assert "sid-device" not in shared.cookies
    assert own.cookies["sid"]["max-age"] > 29 * 24 * 60 * 60
    assert own.cookies["sid-device"]["httponly"]


def test_the_answer_of_a_shared_device_is_remembered_until_the_code(db):
    person = factories.user(password=None)
    client = Client()
    asked = {"email": person.email, "is_shared": "on"}
    response = client.post(reverse("account_request_login_code"), asked)
    client.post(response.url, {"code": code_in(mail.outbox[-1])})

    assert row_of(client).is_shared


# Another key --------------------------------------------------------------------------------------


def test_a_change_of_rights_brings_another_key_and_other_limits(member, organisation):
    key, row = member.client.cookies["sid"].value, row_of(member.client)
    assert not row.is_of_staff
    factories.staff_role(user=member.user, organisation=organisation, role="facilitator")
    browser_sessions.renew_keys([member.user.pk])

    assert is_signed_in(member.client)

    assert member.client.cookies["sid"].value != key
    after = row_of(member.client)
    assert (after.pk, after.is_of_staff, after.is_to_renew) == (row.pk, True, False)
    assert after.expires_at - after.used_at == timedelta(minutes=30)
    stolen = Client()
    stolen.cookies["sid"] = key
    assert not is_signed_in(stolen)
    # Rooms know the sign-in by its row: they go on.
    assert signed_in_with(str(row.pk)) == member.user


def test_giving_and_taking_a_role_renews_keys(coordinator, organisation):
    person = signed_in(factories.user())
    role = actions.give_role(
        organisation=organisation, email=person.user.email, role="facilitator", by=coordinator.user
    )
    assert row_of(person.client).is_to_renew
    assert is_signed_in(person.client)
    assert not row_of(person.client).is_to_renew

    actions.take_role_away(staff_role=role, by=coordinator.user)

    assert row_of(person.client).is_to_renew


def test_showing_again_who_one_is_brings_another_key(db):
    client = sign_in(factories.user())
    key = client.cookies["sid"].value

    client.post(reverse("account_reauthenticate"), {"password": factories.PASSWORD})

    assert client.cookies["sid"].value != key
    assert is_signed_in(client)


def test_a_key_that_was_ended_meanwhile_is_not_brought_back(member):
    store = SessionStore(member.client.cookies["sid"].value)
    store["word"] = "kept"
    BrowserSession.objects.all().delete()

    with pytest.raises(browser_sessions.UpdateError):
        store.save()
    with pytest.raises(browser_sessions.SessionInterrupted):
        store.cycle_key()
    assert not BrowserSession.objects.exists()


# A new device -------------------------------------------------------------------------------------


def test_a_new_device_is_told_of_once_and_neutrally(db, django_capture_on_commit_callbacks):
    person = factories.user(time_zone="America/New_York")
    with django_capture_on_commit_callbacks(execute=True):
        first = sign_in(person)
    assert not mail.outbox, "nobody is told of their first sign-in"
    first.post(reverse("account_logout"))
    with django_capture_on_commit_callbacks(execute=True):
        sign_in(person, first)
    assert not BrowserSession.objects.filter(is_to_tell=True).exists(), "it was used before"
    elsewhere = sign_in(person)
    row = row_of(elsewhere)
    assert row.is_to_tell

    tasks.tell_of_new_device(str(row.pk))
    tasks.tell_of_new_device(str(row.pk))

    [message] = mail.outbox
    assert message.subject == "A new sign-in"
    assert message.to == [person.email]
    assert "Firefox on Android" in message.body
    assert "America/New York" in message.body
    assert reverse("accounts:sign_ins") in message.body
    assert "127.0.0.1" not in message.body
    assert not {word for word in ("group", "member", "support") if word in message.body.lower()}


def test_the_clock_tells_of_what_was_not_sent(db, monkeypatch):
    handed_over: list[str] = []
    monkeypatch.setattr(tasks.tell_of_new_device, "delay", handed_over.append)
    person = factories.user(last_login=timezone.now())
    client = sign_in(person)
    periodic.tell_of_new_devices()
    assert not handed_over
    set_back(client, began_at=timedelta(minutes=2))

    periodic.tell_of_new_devices()

    assert handed_over == [str(row_of(client).pk)]


def test_a_mark_of_somebody_else_is_not_known(rf, db):
    one, other = factories.user(), factories.user()
    request = rf.get("/")
    request.COOKIES["sid-device"] = f"{devices._mark(other)}.x.é"

    assert devices.is_known(request, other)
    assert not devices.is_known(request, one)


# What was typed when the sign-in ran out ----------------------------------------------------------


@pytest.fixture
def run_out(db):
    """Somebody who sends a form a moment after their sign-in ran out."""
    person = factories.user()
    client = sign_in(person)
    BrowserSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = client.post(
        reverse("accounts:profile") + "?from=here",
        {"display_name": "River of many words", "password": "secret words", "empty": ""},
    )
    return person, client, response


def test_words_sent_after_the_end_are_found_again_after_signing_in(run_out):
    person, client, response = run_out
    kept = reverse("accounts:kept_form")
    assert response.url == f"{reverse('account_login')}?next=%2Faccount%2Fkept%2F"
    sign_in(person, client, next=kept)

    page = client.get(kept).content.decode()

    assert "River of many words" in page
    assert 'action="/account/profile/?from=here"' in page
    assert "secret words" not in page
    client.post(reverse("accounts:profile"), {"display_name": "River of many words"})
    assert client.get(kept).url == reverse("outcomes:participant_home"), "it was sent"


def test_words_are_shown_to_nobody_else(run_out):
    _, client, _ = run_out
    sign_in(factories.user(), client)

    assert client.get(reverse("accounts:kept_form")).status_code == 302
    assert "kept_form" not in client.session


def test_a_visitors_form_is_not_kept(client, db):
    client.post(reverse("accounts:profile"), {"display_name": "River of many words"})

    assert not BrowserSession.objects.exists()


def test_a_part_leads_the_whole_page_to_sign_in(client, db):
    response = client.get(
        reverse("accounts:profile"),
        headers={"hx-request": "true", "hx-current-url": "http://testserver/home/?a=b"},
    )

    assert response["HX-Redirect"] == f"{reverse('account_login')}?next=%2Fhome%2F%3Fa%3Db"


@pytest.mark.parametrize(("origin", "is_kept"), [("http://testserver", True), ("http://x", False)])
def test_a_page_older_than_the_sign_in_loses_no_words(member, origin, is_kept):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = member.client.cookies

    response = strict.post(
        reverse("accounts:profile"), {"display_name": "River of many words"},
        headers={"origin": origin},
    )  # fmt: skip

    assert response.status_code == 403
    assert ("River of many words" in response.content.decode()) == is_kept


# Mails about changes ------------------------------------------------------------------------------


def change_address(person, client, fresh="fresh@example.org"):
    """By the page, with the code from the new address."""
    client.post(reverse("account_email"), {"email": fresh, "action_add": ""})
    code = code_in(mail.outbox[-1])
    mail.outbox.clear()
    client.post(reverse("account_email_verification_sent"), {"code": code})
    person.refresh_from_db()
    return person.email


def test_the_old_address_is_told_and_never_learns_the_new_one(db):
    """Somebody may change it because another person reads the old one."""
    person = signed_in(factories.user(email="old@example.org"))

    assert change_address(person.user, person.client) == "fresh@example.org"

    [told] = [message for message in mail.outbox if message.to == ["old@example.org"]]
    assert told.subject == "Your e-mail address was changed"
    assert "fresh@example.org" not in told.body
    assert "security@" in told.body


def test_a_change_stands_when_the_mail_about_it_fails(db, monkeypatch):
    person = signed_in(factories.user(password=None))

    def refuses(*args, **options):
        raise SMTPServerDisconnected

    monkeypatch.setattr("allauth.account.adapter.DefaultAccountAdapter.send_mail", refuses)
    sent = {"password1": "kettle umbrella drowsy", "password2": "kettle umbrella drowsy"}

    assert person.client.post(reverse("account_set_password"), sent).status_code == 302

    person.user.refresh_from_db()
    assert person.user.check_password("kettle umbrella drowsy")


def test_a_change_of_factors_brings_another_key(member, rf):
    factor = Authenticator(user=member.user, type=Authenticator.Type.WEBAUTHN, data={})
    factor_signals.note_removed(user=member.user, authenticator=factor)

    assert row_of(member.client).is_to_renew


def test_rooms_look_again_when_the_sign_ins_are_gone(member, monkeypatch):
    """A room that looked before would find its sign-in and stay open."""
    there = []
    count = BrowserSession.objects.filter(user=member.user).count
    monkeypatch.setattr(
        "accounts.browser_sessions.look_again", lambda people: there.append(count())
    )

    assert end_others(member.user, but=None) == 1
    assert there == [0]
