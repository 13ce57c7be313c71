"""What allauth asks about second factors, in our words, and with refusals instead of failures."""

import struct
from typing import Any

from allauth.core import context
from allauth.mfa.base import forms as base_forms
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.webauthn import forms as webauthn_forms
from cryptography.exceptions import InvalidSignature
from django import forms

from accounts import factor_actions

_NO_PASSKEY = "This passkey does not open this account. Try again, or choose another way."
_LONGEST_NAME = 40


class _CodeForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.label = "Code"
        field.error_messages["required"] = "Enter the code."
        field.widget.attrs = {
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
            "maxlength": 20,
            "class": "input--short",
        }


class _AppOrRecoveryForm(_CodeForm):
    """A code opens once, whichever process looks at it and whatever became of the cache."""

    authenticator: Authenticator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = "From your app, or one of your recovery codes."

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        if self.authenticator.type == Authenticator.Type.TOTP:
            self.authenticator = factor_actions.use_code(factor=self.authenticator, code=code)
        return code


class AuthenticateForm(_AppOrRecoveryForm, base_forms.AuthenticateForm):
    pass


class ReauthenticateForm(_AppOrRecoveryForm, base_forms.ReauthenticateForm):
    pass


class ActivateAppForm(_CodeForm, totp_forms.ActivateTOTPForm):
    secret: str

    def clean_code(self) -> str:
        """The code is used up by this: `note_added` keeps it with the app."""
        code = super().clean_code()
        context.request.session["app_code_used"] = factor_actions.step_of(self.secret, code)
        return code

    @property
    def secret_in_fours(self) -> str:
        """As one types it. Apps leave the spaces out."""
        return " ".join(self.secret[i : i + 4] for i in range(0, len(self.secret), 4))


class _PasskeyForm(forms.Form):
    """What a browser says of a passkey. Anything else is refused in words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "credential" in self.fields:
            messages = self.fields["credential"].error_messages
            messages["required"] = messages["invalid"] = _NO_PASSKEY

    def add_error(self, field: str | None, error: Any) -> None:
        """allauth speaks of a code here too, and there is none."""
        if getattr(error, "code", None) == "incorrect_code":
            field, error = "credential", _NO_PASSKEY
        super().add_error(field, error)

    def full_clean(self) -> None:
        try:
            super().full_clean()
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            struct.error,
            InvalidSignature,
        ):
            self.cleaned_data = {}
            self.add_error("credential", _NO_PASSKEY)


def _name_field() -> forms.CharField:
    return forms.CharField(
        label="Name of this passkey",
        help_text="So that you know it later, for example “My phone”.",
        max_length=_LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Enter a name.",
            "max_length": f"Use up to {_LONGEST_NAME} characters.",
        },
    )


class AddPasskeyForm(_PasskeyForm, webauthn_forms.AddWebAuthnForm):
    """Each passkey signs in by itself, so there is nothing to choose."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("passwordless", None)
        self.fields["name"] = _name_field()
        self.fields["name"].required = False
        self.fields["name"].widget.is_required = True
        self.order_fields(["name", "credential"])

    def clean_name(self) -> str:
        """allauth's, which takes a suggestion in place of nothing; and no line breaks."""
        return " ".join(super().clean_name().split())


class RenamePasskeyForm(webauthn_forms.EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = _name_field()


class AuthenticatePasskeyForm(_PasskeyForm, webauthn_forms.AuthenticateWebAuthnForm):
    pass


class ReauthenticatePasskeyForm(_PasskeyForm, webauthn_forms.ReauthenticateWebAuthnForm):
    pass


class PasskeySignInForm(_PasskeyForm, webauthn_forms.LoginWebAuthnForm):
    pass
