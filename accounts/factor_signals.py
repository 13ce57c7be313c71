"""What allauth tells of second factors: noted in the trail, and the duty is looked at anew."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest

from accounts import rules
from accounts.browser_sessions import renew_keys
from accounts.factor_actions import settle_second_factors
from accounts.models import User
from audit.trail import record

_CODES = Authenticator.Type.RECOVERY_CODES


def note_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    """Somebody set up an app, a passkey or, along with the first of these, recovery codes."""
    if authenticator.type == Authenticator.Type.TOTP:
        authenticator.data["used_step"] = request.session.pop("app_code_used", None) or 0
        authenticator.save(update_fields=["data"])
    if authenticator.type == _CODES:
        record("recovery_codes.made", by=user, on=user)
    else:
        record("factor.added", by=user, on=user, kind=str(authenticator.type))
    settle_second_factors([user.pk])
    renew_keys([user.pk])


def note_removed(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    if authenticator.type != _CODES:
        record("factor.removed", by=user, on=user, kind=str(authenticator.type))
    settle_second_factors([user.pk])
    renew_keys([user.pk])


def note_used(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    """A recovery code is used in an emergency, so its person hears of it, and how many are left."""
    if authenticator.type != _CODES:
        return
    authenticator.refresh_from_db()  # allauth marks the code in another instance
    left = len(authenticator.wrap().get_unused_codes())
    record("recovery_code.used", by=user, on=user, left=left)
    get_adapter().send_notification_mail("mfa/email/recovery_code_used", user, {"left": left})
    if left <= rules.FEW_RECOVERY_CODES:
        words = "no recovery codes" if not left else f"{left} recovery code{'s' * (left > 1)}"
        messages.warning(request, f"You have {words} left. Make new ones in your settings.")


def note_signed_in(user: User, **kwargs: Any) -> None:
    """The grace of a role begins when its person first signs in with it."""
    settle_second_factors([user.pk])
