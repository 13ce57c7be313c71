"""How allauth keeps secrets of second factors, and what it calls them."""

import logging
from base64 import b32encode
from secrets import token_bytes
from typing import Any, ClassVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.safestring import mark_safe

from supportgroups.lib import encryption
from supportgroups.lib.qr import code_for

logger = logging.getLogger(__name__)

#: allauth names no row when it encrypts, so that a secret is bound to its column.
COLUMN = "mfa_authenticator.data"


class FactorAdapter(DefaultMFAAdapter):
    """Secrets are encrypted at rest; the picture to scan follows our policy for content."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "Enter the newest code. This one is not right or was used already.",
        "unverified_email": "Confirm your e-mail address first, then come back here.",
        "cannot_generate_recovery_codes": "Set up an app or a passkey first.",
    }

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text, bound_to=COLUMN)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret. Of one whose key is gone another that nobody knows: its codes open nothing,
        and the person is told that a code is not right instead of seeing a failure.
        """
        try:
            return encryption.decrypt(encrypted_text, bound_to=COLUMN)
        except encryption.Unreadable:
            logger.error("accounts.factor_unreadable")
            return b32encode(token_bytes(20)).decode()

    def build_totp_svg(self, url: str) -> str:
        """The code to scan, dark on white in every theme. No address of a picture is needed."""
        code = code_for(url)
        return mark_safe(  # noqa: S308 - numbers and a path of our own
            f'<svg class="scan" viewBox="0 0 {code.size} {code.size}" role="img" '
            f'aria-label="Code to scan"><rect class="scan__ground" width="{code.size}" '
            f'height="{code.size}"/><path class="scan__code" d="{code.path}"/></svg>'
        )

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"

    def _get_site_name(self) -> str:
        return str(settings.SITE_NAME)
