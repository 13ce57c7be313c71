"""How allauth, which runs sign-up and sign-in, keeps people and writes to them."""

import logging
from smtplib import SMTPException
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts import actions, devices, limits, places, tasks
from accounts.models import User
from supportgroups.lib.later import later

logger = logging.getLogger(__name__)

#: Ways to show with a second factor that it is still the same person.
_FACTOR_WORDS = {
    "mfa_reauthenticate": "Use your app or a recovery code",
    "mfa_reauthenticate:webauthn": "Use your passkey",
}


class AccountAdapter(DefaultAccountAdapter):
    """Anybody may sign up. Mails name neither groups nor health."""

    #: What went wrong, and how to go on.
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "incorrect_code": "Enter the code of the newest e-mail, or ask for a new one.",
        "email_password_mismatch": (
            "Check the address and the password. You can also sign in with a code."
        ),
        "incorrect_password": "Enter your password again. This one is not right.",
        "enter_current_password": "Enter your current password again. This one is not right.",
        "too_many_login_attempts": (
            "Wait five minutes, then try again. You can also sign in another way."
        ),
        "rate_limited": "Wait five minutes, then try again.",
        "email_taken": "Enter another address. An account has this one already.",
        "duplicate_email": "Enter another address. This is yours already.",
        "same_as_current": "Enter another address. This is yours already.",
        "invalid_password_reset": "Ask for a new code. This one is used or too old.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - allauth's signature
        """A new account: the name others see, and the zone and country the browser suggests."""
        user = super().save_user(request, user, form, commit=False)
        answers = form.cleaned_data
        user.display_name = answers["display_name"]
        user.country = settings.DEFAULT_COUNTRY
        if answers.get("time_zone"):
            user.time_zone = answers["time_zone"]
            user.country = places.country_of(user.time_zone) or user.country
        return actions.open_account(user=user) if commit else user

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the try by our own limits: allauth's would let anybody lock somebody out."""
        if not limits.may_try(request, "password", credentials.get("email", "")):
            raise self.validation_error("too_many_login_attempts")

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in. A device that the person never used before is told of, but for the first."""
        request.is_new_device = (  # type: ignore[attr-defined]
            user.last_login is not None and not devices.is_known(request, user)
        )
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **about: Any) -> HttpResponse:
        """The device remembers the person, unless others use it too."""
        response: HttpResponse = super().post_login(request, user, **about)
        limits.forget_tries(request, user.email)
        row = request.session.row  # type: ignore[attr-defined]
        if not request.session.get_expire_at_browser_close():
            devices.remember(request, response, user)
        if row is not None and row.is_to_tell:
            later(tasks.tell_of_new_device, row.pk)
        return response

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """What allauth offers; and a code by e-mail where no second factor is set up.

        Where one is, the password alone is not enough: it would take the factor away. What an app
        shows comes first, else the passkey.
        """
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        factors = [one for one in methods if one["id"] in _FACTOR_WORDS]
        if factors:
            methods = [{**one, "description": _FACTOR_WORDS[one["id"]]} for one in factors]
            if not is_mfa_enabled(user, [Authenticator.Type.TOTP]):
                methods.reverse()
        if user.is_authenticated and all(one["id"] == "reauthenticate" for one in methods):
            by_code = {
                "id": "confirm_by_code",
                "description": "Send me a code",
                "url": reverse("accounts:confirm_by_code"),
            }
            methods.append(by_code)
        return methods

    def send_notification_mail(self, *args: Any, **options: Any) -> None:
        """Tell of a change that is done: a mail server that says no cannot undo it."""
        try:
            super().send_notification_mail(*args, **options)
        except (SMTPException, OSError):
            logger.warning("accounts.change_not_told")

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Our own names of the site: the request's host is not always what people know."""
        names = {"site_name": settings.SITE_NAME, "site_url": settings.SITE_URL}
        # A mail server's "out of office" tells nobody anything about a person here.
        quiet = {"Auto-Submitted": "auto-generated", **(headers or {})}
        names["security_contact"] = settings.SECURITY_CONTACT.removeprefix("mailto:")
        return super().render_mail(template_prefix, email, {**names, **context}, quiet)
