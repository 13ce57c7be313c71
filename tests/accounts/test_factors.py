"""A second step for signing in: setting it up, using it, losing it, and who has to have one."""

import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import factor_actions, rules
from accounts.models import User
from audit.models import Event
from supportgroups import tasks
from tests import factories
from tests.cast import signed_in

INDEX = "/account/second-step/"
STEP = "mfa_authenticate"


def code(secret: str = factories.SECRET, *, later: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def verbs(user: User) -> list[str]:
    return list(
        Event.objects.filter(actor_id=user.pk).order_by("id").values_list("verb", flat=True)
    )


def begin(user: User) -> Client:
    """A browser that knows the password and waits for the second step."""
    browser = Client()
    response = browser.post(
        reverse("account_login"), {"login": user.email, "password": factories.PASSWORD}
    )
    assert response.url.startswith(reverse(STEP))
    return browser


def is_signed_in(browser: Client) -> bool:
    return browser.get(reverse("accounts:profile")).status_code == 200


# Setting up ---------------------------------------------------------------------------------------


def test_an_app_is_set_up_with_codes_that_are_shown_until_kept(db, monkeypatch):
    # Within the request, as a commit is: allauth writes the mail there.
    monkeypatch.setattr(transaction, "on_commit", lambda then: then())
    person = signed_in(factories.user())
    page = person.client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert page.context["form"].secret_in_fours in page.content.decode()

    response = person.client.post(reverse("mfa_activate_totp"), {"code": code(secret)})

    app, codes = Authenticator.objects.order_by("pk")
    assert secret not in str(app.data)
    assert app.wrap().validate_code(code(secret, later=1))
    assert 0 <= time.time() // 30 - app.data["used_step"] <= 1
    assert [message.subject for message in mail.outbox] == ["An app for signing in was added"]
    assert verbs(person.user) == ["factor.added", "recovery_codes.made"]
    shown = person.client.get(response.url)
    first = codes.wrap().get_unused_codes()[0]
    assert first in shown.content.decode()
    file = person.client.get(reverse("accounts:recovery_codes_file"))
    assert first in file.content.decode()
    assert "no-store" in file["Cache-Control"]

    person.client.post(response.url)

    assert first not in person.client.get(response.url).content.decode()
    assert person.client.get(reverse("accounts:recovery_codes_file")).status_code == 404


def test_codes_that_nobody_kept_are_not_shown_for_ever(db):
    person = signed_in(factories.user())
    factories.authenticator(person.user)
    codes = factories.authenticator(
        person.user, type="recovery_codes", created_at=timezone.now() - timedelta(hours=2)
    )

    page = person.client.get(reverse("accounts:recovery_codes")).content.decode()

    assert codes.wrap().get_unused_codes()[0] not in page
    assert "Make new codes" in page


def test_new_codes_end_the_old_ones(db):
    person = signed_in(factories.user())
    factories.authenticator(person.user)
    before = factories.authenticator(person.user, type="recovery_codes")
    old = before.wrap().get_unused_codes()[0]

    person.client.post(reverse("accounts:recovery_codes_make"))

    now = Authenticator.objects.get(type="recovery_codes")
    assert old not in now.wrap().get_unused_codes()
    assert mail.outbox[-1].subject == "You have new recovery codes"


def test_a_wrong_code_sets_nothing_up_and_keeps_the_secret(db):
    person = signed_in(factories.user())
    secret = person.client.get(reverse("mfa_activate_totp")).context["form"].secret

    page = person.client.post(reverse("mfa_activate_totp"), {"code": "12"})

    assert page.context["form"].secret == secret
    assert "Enter the newest code" in page.content.decode()
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "name", ["mfa_activate_totp", "mfa_add_webauthn", "accounts:recovery_codes_make"]
)
def test_a_sign_in_alone_changes_nothing(db, name):
    person = signed_in(factories.user(), confirmed=False)

    response = person.client.get(reverse(name))

    assert response.url.startswith(reverse("account_reauthenticate"))


@pytest.mark.parametrize(
    ("kind", "page"), [("totp", "mfa_reauthenticate"), ("webauthn", "mfa_reauthenticate_webauthn")]
)
def test_a_password_alone_takes_no_factor_away(db, kind, page):
    person = signed_in(factories.user(), confirmed=False)
    factories.authenticator(person.user, type=kind)
    factories.authenticator(person.user, type="recovery_codes")

    asked = person.client.get(reverse("accounts:recovery_codes_make"))
    led_on = person.client.post(asked.url, {"password": factories.PASSWORD})

    assert led_on.url.startswith(reverse(page))
    assert person.client.get(reverse("accounts:recovery_codes_make")).status_code == 302


def test_a_code_of_the_app_shows_that_it_is_still_you(db):
    person = signed_in(factories.user(), confirmed=False)
    factories.authenticator(person.user)
    goes_on_at = reverse("accounts:recovery_codes_make")

    person.client.post(reverse("mfa_reauthenticate"), {"code": code(), "next": goes_on_at})

    assert person.client.get(goes_on_at).status_code == 200


# Signing in ---------------------------------------------------------------------------------------


def test_a_code_signs_in_once(db):
    user = factories.user()
    factories.authenticator(user)
    shown = code()
    first, second = begin(user), begin(user)
    assert not is_signed_in(first)

    first.post(reverse(STEP), {"code": shown})
    again = second.post(reverse(STEP), {"code": shown})

    assert is_signed_in(first)
    assert "was used already" in again.content.decode()
    assert not is_signed_in(second)


def test_a_code_from_a_fast_clock_signs_in_once_whatever_the_cache_forgets(db):
    user = factories.user()
    factories.authenticator(user)
    shown, earlier = code(later=1), code()
    first, second = begin(user), begin(user)

    first.post(reverse(STEP), {"code": shown})
    cache.clear()
    for older in (shown, earlier):
        second.post(reverse(STEP), {"code": older})

    assert is_signed_in(first)
    assert not is_signed_in(second)


def test_a_recovery_code_signs_in_once_and_tells(db):
    user = factories.user()
    factories.authenticator(user)
    codes = factories.authenticator(user, type="recovery_codes")
    one = codes.wrap().get_unused_codes()[4]

    first = begin(user)
    first.post(reverse(STEP), {"code": one})
    second = begin(user)
    second.post(reverse(STEP), {"code": one})

    assert is_signed_in(first)
    assert not is_signed_in(second)
    [message] = mail.outbox
    assert message.subject == "A recovery code was used"
    assert "You have 9 left" in message.body
    assert Event.objects.get(verb="recovery_code.used").data == {"left": 9}


def test_the_last_codes_ask_for_new_ones(db):
    user = factories.user()
    factories.authenticator(user)
    codes = factories.authenticator(user, type="recovery_codes")
    codes.data["used_mask"] = 0b0111111111
    codes.save()
    browser = begin(user)

    page = browser.post(
        reverse(STEP), {"code": codes.wrap().get_unused_codes()[0]}, follow=True
    ).content.decode()

    assert "You have no recovery codes left." in page
    assert "You have used all your codes." in browser.get(INDEX).content.decode()


def test_guessing_ends_and_a_passkey_page_still_answers(db, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "3/5m/key"}
    user = factories.user()
    factories.authenticator(user)
    browser = begin(user)

    pages = [browser.post(reverse(STEP), {"code": str(n) * 6}).content.decode() for n in range(5)]

    assert "Wait five minutes" in pages[-1]
    assert browser.get(reverse(STEP)).status_code == 200
    assert not is_signed_in(browser)


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"id": 1}',
        '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
        '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "e30", '
        '"authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}}',
        '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "e30", '
        '"attestationObject": "AA"}}',
    ],
)
def test_what_no_passkey_says_is_refused_in_words(db, credential):
    person = signed_in(factories.user())
    person.client.get(reverse("mfa_add_webauthn"))
    added = person.client.post(
        reverse("mfa_add_webauthn"), {"name": "Phone", "credential": credential}
    )
    stranger = Client()
    stranger.get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})
    signing_in = stranger.post(
        reverse("mfa_login_webauthn"), {"credential": credential}, follow=True
    )

    assert "There is a problem" in added.content.decode()
    assert signing_in.status_code == 200
    assert "another way" in signing_in.content.decode()
    assert not Authenticator.objects.exists()


def test_asking_for_a_passkey_names_nobody(db):
    answer = Client().get(reverse("mfa_login_webauthn"), headers={"Accept": "application/json"})

    options = answer.json()["request_options"]["publicKey"]
    assert not options.get("allowCredentials")
    assert options["userVerification"] == "required"


# Removing -----------------------------------------------------------------------------------------


def test_removing_the_last_takes_the_codes_along(db):
    person = signed_in(factories.user())
    factories.authenticator(person.user)
    factories.authenticator(person.user, type="recovery_codes")

    person.client.post(reverse("accounts:app_remove"))

    assert not Authenticator.objects.exists()
    assert verbs(person.user) == ["factor.removed"]
    assert [message.subject for message in mail.outbox] == ["An app for signing in was removed"]


def test_the_last_one_stays_while_a_role_needs_it(coordinator):
    app = factories.authenticator(coordinator.user)
    address = reverse("accounts:app_remove")

    assert "Your role needs" in coordinator.client.get(address).content.decode()
    assert "Your role needs" in coordinator.client.post(address).content.decode()
    assert Authenticator.objects.filter(pk=app.pk).exists()

    passkey = factories.authenticator(coordinator.user, type="webauthn")
    coordinator.client.post(reverse("accounts:passkey_remove", args=[passkey.pk]))
    assert Authenticator.objects.get() == app


def test_nobody_touches_anothers_passkey(db):
    theirs = factories.authenticator(factories.user(), type="webauthn")
    person = signed_in(factories.user())

    for name in ("accounts:passkey_remove", "mfa_edit_webauthn"):
        assert person.client.get(reverse(name, args=[theirs.pk])).status_code == 404


def test_a_passkey_is_renamed(db):
    person = signed_in(factories.user())
    passkey = factories.authenticator(person.user, type="webauthn")
    address = reverse("mfa_edit_webauthn", args=[passkey.pk])

    assert "Enter a name" in person.client.post(address, {"name": " "}).content.decode()
    person.client.post(address, {"name": "Old phone"})

    assert "Old phone" in person.client.get(INDEX).content.decode()


# Who has to have one ------------------------------------------------------------------------------


def _due(user: User) -> object:
    return User.objects.get(pk=user.pk).second_factor_due_at


@pytest.mark.parametrize(
    ("facilitation", "owes"), [("professionally_led", True), ("peer_led", False)]
)
def test_whose_role_asks_for_one(db, facilitation, owes):
    """A coordinator in any case, a facilitator of a group that professionals lead."""
    coordinates = factories.staff_role().user
    supervises = factories.staff_role(role="supervisor").user
    leads = factories.facilitator(factories.group(facilitation=facilitation)).user
    had = factories.facilitator(factories.group(facilitation=facilitation, lifecycle="closed")).user

    factor_actions.settle_second_factors()

    expected = {coordinates, leads} if owes else {coordinates}
    assert set(User.objects.filter(second_factor_due_at__isnull=False)) == expected
    assert _due(supervises) is None
    assert _due(had) is None


def test_the_grace_begins_once_and_ends_with_the_duty_or_a_factor(db, settings):
    settings.SECOND_FACTOR_GRACE_DAYS = 10
    role = factories.staff_role()
    now = timezone.now()

    factor_actions.settle_second_factors([role.user_id], at=now)
    factor_actions.settle_second_factors(at=now + timedelta(days=3))
    assert _due(role.user) == now + timedelta(days=10)

    app = factories.authenticator(role.user)
    factor_actions.settle_second_factors()
    assert _due(role.user) is None

    app.delete()
    factor_actions.settle_second_factors()
    role.delete()
    tasks.accounts_periodic.settle_who_owes_a_second_factor()
    assert _due(role.user) is None


def test_recovery_codes_alone_are_no_second_factor(db):
    role = factories.staff_role()
    factories.authenticator(role.user, type="recovery_codes")

    factor_actions.settle_second_factors()

    assert _due(role.user) is not None


def test_a_role_that_was_asked_for_counts_from_the_first_sign_in(db):
    role = factories.staff_role(asked_at=timezone.now())
    factor_actions.settle_second_factors()
    assert _due(role.user) is None

    Client().post(
        reverse("account_login"), {"login": role.user.email, "password": factories.PASSWORD}
    )

    assert _due(role.user) is not None


def test_within_the_grace_pages_remind_and_stay_open(coordinator, organisation):
    User.objects.update(second_factor_due_at=timezone.now() + timedelta(days=9))
    staff_page = reverse("accounts:staff_list", args=[organisation.slug])

    for address in (staff_page, reverse("outcomes:participant_home")):
        assert "Set up a second step by" in coordinator.client.get(address).content.decode()
    assert "No second step yet" in coordinator.client.get(staff_page).content.decode()
    assert "second step by" not in coordinator.client.get("/").content.decode()


def test_after_it_staff_pages_lead_to_setting_one_up_and_ones_own_stay_open(coordinator, group):
    User.objects.update(second_factor_due_at=timezone.now() - timedelta(seconds=1))

    response = coordinator.client.get(reverse("groups:group_list"))
    part = coordinator.client.get(reverse("groups:group_list"), headers={"HX-Request": "true"})

    assert response.url == INDEX
    assert part["HX-Redirect"] == INDEX
    assert "to open staff’s pages again" in coordinator.client.get(INDEX).content.decode()
    for name in ("outcomes:participant_home", "outcomes:progress", "accounts:profile"):
        assert coordinator.client.get(reverse(name)).status_code == 200


# Keys ---------------------------------------------------------------------------------------------


def test_secrets_move_to_a_new_key_and_open_as_before(db, settings):
    user = factories.user()
    app = factories.authenticator(user)
    codes = factories.authenticator(user, type="recovery_codes")
    before = codes.wrap().get_unused_codes()
    settings.FIELD_ENCRYPTION_KEYS = ["0f" * 32, *settings.FIELD_ENCRYPTION_KEYS]

    assert [factor_actions.renew_secrets() for _ in range(2)] == [2, 0]

    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[:1]
    app.refresh_from_db()
    codes.refresh_from_db()
    assert app.wrap().validate_code(code())
    assert codes.wrap().get_unused_codes() == before


def test_a_secret_whose_key_is_gone_opens_nothing_and_breaks_no_page(db):
    person = signed_in(factories.user())
    gone = "v1.00000000.AAAA"
    factories.authenticator(person.user, data={"secret": gone})
    codes = {"seed": gone, "used_mask": 0}
    factories.authenticator(person.user, type="recovery_codes", data=codes)

    assert factor_actions.renew_secrets() == 0
    assert person.client.get(INDEX).status_code == 200
    browser = begin(person.user)
    assert "not right" in browser.post(reverse(STEP), {"code": code()}).content.decode()


# A lost phone -------------------------------------------------------------------------------------


@pytest.fixture
def colleague(organisation) -> User:
    user = factories.staff_role(organisation=organisation).user
    factories.authenticator(user)
    factories.authenticator(user, type="recovery_codes")
    return user


def test_a_coordinator_resets_after_a_check(
    coordinator, organisation, colleague, django_capture_on_commit_callbacks
):
    browser = signed_in(colleague).client
    address = reverse("accounts:factors_reset", args=[colleague.staff_roles.get().pk])

    asked = coordinator.client.post(address)
    assert "Tick the box" in asked.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        coordinator.client.post(address, {"checked": "yes"})

    assert not Authenticator.objects.filter(user=colleague).exists()
    assert not is_signed_in(browser)
    assert is_signed_in(coordinator.client)
    left = _due(colleague) - timezone.now()
    assert timedelta(days=2) < left <= rules.GRACE_AFTER_RESET
    [message] = mail.outbox
    assert (message.to, message.subject) == ([colleague.email], "Your second step was reset")
    event = Event.objects.get(verb="second_factor.reset")
    assert (event.actor_id, event.organisation_id) == (coordinator.user.pk, organisation.pk)


def test_who_may_not_be_reset_by_a_coordinator(coordinator, organisation, colleague):
    own = coordinator.user.staff_roles.get()
    bare = factories.staff_role(organisation=organisation)
    waiting = factories.staff_role(organisation=organisation, asked_at=timezone.now())
    elsewhere = colleague.staff_roles.get()
    factories.staff_role(user=colleague, role="supervisor")

    for role in (own, bare, waiting, elsewhere):
        response = coordinator.client.post(
            reverse("accounts:factors_reset", args=[role.pk]), {"checked": "yes"}
        )
        assert response.status_code == 403
    assert Authenticator.objects.count() == 2
    assert not rules.may_reset_factors(coordinator.user, elsewhere)


def test_the_operator_resets_by_command(colleague, django_capture_on_commit_callbacks, capsys):
    with django_capture_on_commit_callbacks(execute=True):
        call_command("reset_second_factor", colleague.email.upper())

    assert not Authenticator.objects.exists()
    assert len(mail.outbox) == 1
    assert "3 days" in capsys.readouterr().out
    for typed in (colleague.email, "nobody@example.org"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", typed)
