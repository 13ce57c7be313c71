"""Signing up and in by a code from a mail, by password, and what strangers can find out."""

import re

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts import forms
from accounts.models import User
from audit.models import Event
from tests import factories
from tests.cast import signed_in

JOIN = "/groups/evening-circle/join/"


def code_in(message) -> str:
    """The code stands alone on its line."""
    [code] = re.findall(r"^([A-Z0-9]{4,}-?[A-Z0-9]*)$", message.body, re.MULTILINE)
    return code


def sign_up(browser: Client, email="river@example.org", **answers):
    answers = {"email": email, "display_name": "River", "next": JOIN, **answers}
    return browser.post(reverse("account_signup"), answers)


@pytest.fixture
def browser(db) -> Client:
    return Client()


def test_an_address_a_name_and_a_code_are_enough_and_lead_back_to_the_group(browser):
    page = browser.get(reverse("account_signup"), {"next": JOIN})
    assert f'name="next" value="{JOIN}"' in page.content.decode()

    response = sign_up(browser, time_zone="Australia/Sydney")
    assert response.url == reverse("account_email_verification_sent")
    person = User.objects.get(email="river@example.org")
    assert not person.has_usable_password()
    assert (person.display_name, person.time_zone, person.country) == (
        "River",
        "Australia/Sydney",
        "AU",
    )
    assert Event.objects.filter(verb="account.opened", object_id=person.pk).count() == 1

    [message] = mail.outbox
    response = browser.post(response.url, {"code": code_in(message)})

    assert response.url == JOIN
    assert browser.get(reverse("accounts:profile")).status_code == 200


def test_signing_in_by_code_keeps_where_the_person_was_going(browser):
    person = factories.user(password=None)
    address = reverse("account_request_login_code")
    page = browser.get(address, {"next": JOIN})
    assert f'name="next" value="{JOIN}"' in page.content.decode()

    response = browser.post(address, {"email": person.email.upper(), "next": JOIN})
    assert response.url.startswith(reverse("account_confirm_login_code"))
    [message] = mail.outbox
    response = browser.post(response.url, {"code": code_in(message)})

    assert response.url == JOIN
    assert steps_of_sign_in(person) == ["code"]


def steps_of_sign_in(person):
    """What the trail says that they showed."""
    return Event.objects.get(verb="sign_in.began", actor_id=person.pk).data["steps"]


def test_signing_in_by_password(browser):
    person = factories.user()

    response = browser.post(
        reverse("account_login"),
        {"login": person.email, "password": factories.PASSWORD, "next": JOIN},
    )

    assert response.url == JOIN
    assert steps_of_sign_in(person) == ["password"]


def test_a_link_to_elsewhere_is_not_followed(browser):
    person = factories.user()

    response = browser.post(
        reverse("account_login"),
        {"login": person.email, "password": factories.PASSWORD, "next": "https://evil.example/"},
    )

    assert response.url == reverse("outcomes:participant_home")


def test_a_page_for_members_leads_a_visitor_to_sign_in_and_back(browser):
    response = browser.get(reverse("accounts:profile"))

    assert response.url == f"{reverse('account_login')}?next={reverse('accounts:profile')}"


def test_between_signing_in_and_up_nobody_forgets_the_way(browser):
    query = "?next=%2Fgroups%2Fevening-circle%2Fjoin%2F"

    sign_in = browser.get(reverse("account_login"), {"next": JOIN}).content.decode()
    sign_up_page = browser.get(reverse("account_signup"), {"next": JOIN}).content.decode()

    assert f'href="{reverse("account_signup")}{query}"' in sign_in
    assert f'href="{reverse("account_login")}{query}"' in sign_up_page
    assert "placeholder" not in sign_in + sign_up_page


def test_a_wrong_code_does_not_sign_in(browser):
    person = factories.user(password=None)
    response = browser.post(reverse("account_request_login_code"), {"email": person.email})

    response = browser.post(response.url, {"code": "WRONG1"})

    assert response.status_code == 200
    assert "<title>Error:" in response.content.decode()
    assert "Enter the code of the newest e-mail, or ask for a new one." in response.content.decode()
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize(
    ("way", "answers", "says"),
    [
        ("account_signup", {"email": ""}, "Enter your e-mail address."),
        ("account_signup", {"email": "river"}, "Enter an address like name@example.org."),
        ("account_request_login_code", {"email": ""}, "Enter your e-mail address."),
        ("account_login", {"login": "", "password": ""}, "Enter your password."),
        ("account_login", {"login": "a@example.org", "password": "x"}, "Check the address and"),
        ("account_reset_password", {"email": "river"}, "Enter an address like"),
    ],
)
def test_what_is_empty_or_wrong_says_how_to_go_on(browser, way, answers, says):
    page = browser.post(reverse(way), answers).content.decode()

    assert "<title>Error:" in page
    assert says in page
    assert "This field is required" not in page


@pytest.mark.parametrize("form", settings.ACCOUNT_FORMS.values())
def test_every_field_of_an_account_form_is_in_our_words(form):
    others = {"display_name", "time_zone", "remember", "username", "is_shared"}

    assert import_string(form).base_fields.keys() - others <= forms._WORDS.keys()


@pytest.mark.parametrize("way", ["account_request_login_code", "account_signup"])
def test_nobody_learns_from_a_page_who_has_an_account(browser, way):
    known = factories.user()
    answers = {"display_name": "River", "next": JOIN}

    pages = []
    for address in (known.email, "nobody@example.org"):
        mail.outbox.clear()
        guest = Client()
        response = guest.post(reverse(way), {"email": address, **answers})
        pages.append((response.status_code, response.url, len(mail.outbox)))
        shown = guest.get(response.url).content.decode().replace(address, "ADDRESS")
        pages[-1] += (re.sub(r'(nonce|value)="[^"]*"', "", shown),)

    assert pages[0] == pages[1]
    assert pages[0][2] == 1


def test_signing_up_twice_keeps_the_first_account(browser):
    known = factories.user(email="river@example.org", display_name="First")

    sign_up(browser, email="River@Example.org", display_name="Second")

    assert User.objects.get().pk == known.pk
    assert User.objects.get().display_name == "First"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "Enter a name that others may see."),
        ("river@example.org", "Enter a name, not an e-mail address."),
        ("x" * 41, "at most 40 characters"),
        ("Ri\u200bver", "Enter a name that uses letters"),
    ],
)
def test_a_name_that_does_not_do_says_how_to_fix_it(browser, name, says):
    response = sign_up(browser, display_name=name)

    assert response.status_code == 200
    assert says in response.content.decode()
    assert not User.objects.exists()


def test_an_unknown_zone_is_no_reason_to_refuse(browser):
    sign_up(browser, time_zone="Mars/Olympus")

    assert User.objects.get().time_zone == "Europe/London"
    assert User.objects.get().country == "GB"


def test_mails_have_neutral_subjects_and_name_no_group(browser, settings):
    known = factories.user()
    sign_up(browser)
    sign_up(Client(), email=known.email)
    for address in (known.email, "nobody@example.org"):
        Client().post(reverse("account_request_login_code"), {"email": address})
    Client().post(reverse("account_reset_password"), {"email": known.email})

    assert len(mail.outbox) == 5
    for message in mail.outbox:
        assert message.extra_headers["Auto-Submitted"] == "auto-generated"
        assert settings.SITE_NAME in message.body
        words = (message.subject + message.body).lower()
        for word in ("group", "support", "therapy", "member", "example.com", "None"):
            assert word not in words, (word, message.subject, message.body)


def test_signing_out_clears_what_the_browser_kept(member):
    response = member.client.post(reverse("account_logout"))

    assert response.url == reverse("groups:directory")
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert "_auth_user_id" not in member.client.session


def test_somebody_without_a_password_can_set_one(db):
    person = factories.user(password=None)

    response = signed_in(person).client.post(
        reverse("account_set_password"),
        {"password1": "a long new passphrase", "password2": "a long new passphrase"},
    )

    assert response.status_code == 302
    person.refresh_from_db()
    assert person.check_password("a long new passphrase")
