"""Showing once more that it is still you, before what an open page alone must not be enough for."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import reauthentication
from accounts.models import User
from oversight.models import EmergencyAccess
from oversight.rules import token_of
from tests import factories
from tests.accounts.test_sign_in import code_in
from tests.cast import Person, signed_in

#: What is behind the question, besides those with a row of their own (tests of their apps).
FILES = ["outcomes:answers_csv", "outcomes:answers_fhir"]
PAGES = ["account_email", "account_set_password"]


@pytest.fixture
def by_code(db) -> Person:
    """Signed in a moment ago; has neither password nor second factor."""
    return signed_in(factories.user(password=None), confirmed=False)


def asked_for(response) -> str:
    """Where the person goes on once they have confirmed."""
    address = urlsplit(response.url)
    assert address.path == reverse("account_reauthenticate")
    return parse_qs(address.query)["next"][0]


def enter_code(client: Client, goes_on_at: str, code: str | None = None):
    """The whole way: ask for a code, read it, enter it."""
    page = reverse("accounts:confirm_by_code")
    client.post(page, {"send": "1", "next": goes_on_at})
    code = code or code_in(mail.outbox[-1])
    return client.post(page, {"code": code, "next": goes_on_at})


@pytest.mark.parametrize("name", [*FILES, *PAGES])
def test_a_sign_in_alone_opens_neither_files_nor_changes(by_code, name):
    response = by_code.client.get(reverse(name))

    asked_for(response)
    page = by_code.client.get(response.url, follow=True)
    assert page.request["PATH_INFO"] == reverse("accounts:confirm_by_code")
    assert "Send me a code" in page.content.decode()


def test_a_fresh_code_leads_on_and_is_good_for_a_while(by_code, monkeypatch):
    goes_on_at = asked_for(by_code.client.get(reverse("account_email")))

    response = enter_code(by_code.client, goes_on_at)

    [message] = mail.outbox
    assert (message.to, message.subject) == ([by_code.user.email], "Your code")
    assert response.url == goes_on_at == reverse("account_email")
    assert by_code.client.get(goes_on_at).status_code == 200
    now = time.time()
    monkeypatch.setattr("accounts.reauthentication.time.time", lambda: now + 301)
    asked_for(by_code.client.get(goes_on_at))


def test_a_file_is_offered_on_a_page_that_leads_back(by_code):
    progress, file = reverse("outcomes:progress"), reverse("outcomes:answers_csv")
    asking = by_code.client.get(file, headers={"referer": f"http://testserver{progress}"})

    response = enter_code(by_code.client, asked_for(asking))

    page = by_code.client.get(response.url).content.decode()
    assert f'href="{file}"' in page
    assert f'href="{progress}"' in page
    assert by_code.client.get(file)["Content-Type"].startswith("text/csv")


def test_a_password_confirms_and_a_code_is_offered_beside_it(db):
    person = signed_in(factories.user(), confirmed=False)
    goes_on_at = asked_for(person.client.get(reverse("account_change_password")))
    asking = reverse("account_reauthenticate")

    page = person.client.get(asking, {"next": goes_on_at}).content.decode()
    assert reverse("accounts:confirm_by_code") in page
    response = person.client.post(asking, {"password": factories.PASSWORD, "next": goes_on_at})

    assert response.url == goes_on_at
    assert person.client.get(goes_on_at).status_code == 200


@pytest.mark.parametrize("wrong", [1, 3])
def test_wrong_codes_say_how_to_go_on_and_few_are_taken(by_code, wrong):
    page = reverse("accounts:confirm_by_code")
    by_code.client.post(page, {"send": "1"})
    for _ in range(wrong):
        response = by_code.client.post(page, {"code": "WRONG1"})
    assert "<title>Error:" in response.content.decode()

    response = by_code.client.post(page, {"code": code_in(mail.outbox[-1])})

    assert (response.status_code == 302) == (wrong < reauthentication.MOST_TRIES)


def test_a_code_is_too_old_after_a_while_and_never_stored_as_it_is(by_code, monkeypatch):
    page = reverse("accounts:confirm_by_code")
    by_code.client.post(page, {"send": "1"})
    code = code_in(mail.outbox[-1])
    assert code not in str(dict(by_code.client.session))
    now = time.time()
    monkeypatch.setattr("accounts.reauthentication.time.time", lambda: now + 301)

    response = by_code.client.post(page, {"code": code})

    assert "Ask for a new code." in response.content.decode()


@pytest.fixture
def emergency(group, organisation) -> tuple[Person, str]:
    """Somebody on call before the form, whose confirmation has just run out."""
    worried = factories.member(group).user
    on_call = factories.user(password=None)
    factories.staff_role(
        user=on_call, organisation=organisation, role="supervisor", on_call_position=3
    )
    address = reverse(
        "oversight:emergency_open", args=[organisation.slug, token_of(organisation, worried)]
    )
    return signed_in(on_call, confirmed=False), address


def test_what_was_typed_is_kept_and_done_once_they_have_confirmed(emergency):
    person, address = emergency
    words = {"reason": "They said goodbye to everybody & have not answered since."}
    form = {"referer": f"http://testserver{address}"}
    goes_on_at = asked_for(person.client.post(address, words, headers=form))
    assert not EmergencyAccess.objects.exists()

    response = enter_code(person.client, goes_on_at)

    opened = EmergencyAccess.objects.get()
    assert opened.reason == words["reason"]
    assert response.url == reverse("oversight:emergency_detail", args=[opened.pk])


@pytest.mark.parametrize("late", [True, False])
def test_what_was_typed_is_not_done_later_or_for_another_thing(emergency, late, monkeypatch):
    person, address = emergency
    goes_on_at = asked_for(person.client.post(address, {"reason": "They are in danger now."}))
    if late:
        now = time.time()
        monkeypatch.setattr("accounts.reauthentication.time.time", lambda: now + 16 * 60)
    else:
        goes_on_at = reverse("account_email")

    enter_code(person.client, goes_on_at)

    assert not EmergencyAccess.objects.exists()


def test_an_interrupted_part_leads_the_whole_page_to_the_question(by_code):
    response = by_code.client.get(reverse("account_email"), headers={"hx-request": "true"})

    assert response["HX-Redirect"].startswith(reverse("account_reauthenticate"))


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:1"])
def test_nobody_is_led_to_elsewhere(by_code, elsewhere):
    assert enter_code(by_code.client, elsewhere).url == reverse("outcomes:participant_home")
    found = by_code.client.get(
        reverse("accounts:file_ready"), {"next": "/progress/", "back": elsewhere}
    )
    assert f'href="{elsewhere}"' not in found.content.decode()


def test_the_words_of_the_mail_name_no_group(by_code):
    by_code.client.post(reverse("accounts:confirm_by_code"), {"send": "1"})

    words = mail.outbox[0].body.lower()
    assert not {word for word in ("group", "health", "member", "support") if word in words}
    assert User.objects.get(pk=by_code.user.pk).email not in words
