"""What people tell us about themselves: very little."""

from typing import Any

from allauth.account import forms as allauth_forms
from django import forms

from accounts import places
from accounts.models import User

_NAME_LABEL = "Name that others see"
_NAME_HINT = (
    "A first name or a made-up name. People in your group see this name and never your e-mail."
)


def _clean_display_name(name: str) -> str:
    name = " ".join(name.split())
    if "@" in name:
        raise forms.ValidationError(
            "Enter a name, not an e-mail address. Others in the group will see it."
        )
    if not all(letter.isprintable() for letter in name):
        raise forms.ValidationError("Enter a name that uses letters, numbers or spaces.")
    return name


class DisplayName(forms.CharField):
    """The one name that others see."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _NAME_LABEL)
        kwargs.setdefault("help_text", _NAME_HINT)
        kwargs.setdefault("widget", forms.TextInput(attrs={"autocomplete": "nickname"}))
        super().__init__(
            max_length=40,
            error_messages={"required": "Enter a name that others may see."},
            **kwargs,
        )

    def clean(self, value: Any) -> str:
        return _clean_display_name(super().clean(value))


#: What the fields of allauth's forms are called here, and what is said when one is empty.
_WORDS = {
    "email": ("E-mail address", "Enter your e-mail address."),
    "login": ("E-mail address", "Enter your e-mail address."),
    "code": ("Code", "Enter the code from the e-mail."),
    "password": ("Password", "Enter your password."),
    "oldpassword": ("Current password", "Enter your current password."),
    "password1": ("New password", "Enter a new password."),
    "password2": ("New password again", "Enter the new password a second time."),
}


class _InOurWords(forms.Form):
    """One of allauth's forms: the same labels everywhere, no hint that vanishes while one types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & _WORDS.keys():
            field = self.fields[name]
            field.label, field.error_messages["required"] = _WORDS[name]
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, forms.EmailField):
                field.error_messages["invalid"] = "Enter an address like name@example.org."


class SignupForm(_InOurWords, allauth_forms.SignupForm):
    """An address and a name. There is no password: a code confirms the address."""

    display_name = DisplayName()
    #: The browser fills it in; without script the profile asks.
    time_zone = forms.CharField(
        required=False,
        max_length=60,
        widget=forms.HiddenInput(attrs={"data-time-zone": True}),
    )
    field_order = ["email", "display_name", "time_zone"]

    def clean_time_zone(self) -> str:
        """A zone nobody knows is no reason to refuse somebody."""
        name: str = self.cleaned_data["time_zone"]
        return name if places.is_time_zone(name) else ""


class LoginForm(_InOurWords, allauth_forms.LoginForm):
    """By password, for those who have set one. Without is another form that sends a code."""

    def _setup_password_field(self) -> None:
        """Keep the field: allauth drops it where sign-up asks for no password."""


class RequestLoginCodeForm(_InOurWords, allauth_forms.RequestLoginCodeForm):
    pass


class ConfirmLoginCodeForm(_InOurWords, allauth_forms.ConfirmLoginCodeForm):
    pass


class ConfirmEmailVerificationCodeForm(_InOurWords, allauth_forms.ConfirmEmailVerificationCodeForm):
    pass


class ResetPasswordForm(_InOurWords, allauth_forms.ResetPasswordForm):
    pass


class ConfirmPasswordResetCodeForm(_InOurWords, allauth_forms.ConfirmPasswordResetCodeForm):
    pass


class ResetPasswordKeyForm(_InOurWords, allauth_forms.ResetPasswordKeyForm):
    pass


class SetPasswordForm(_InOurWords, allauth_forms.SetPasswordForm):
    pass


class ChangePasswordForm(_InOurWords, allauth_forms.ChangePasswordForm):
    pass


class ChangeEmailForm(_InOurWords, allauth_forms.ChangeEmailForm):
    pass


class ReauthenticateForm(_InOurWords, allauth_forms.ReauthenticateForm):
    pass


class DisplayNameForm(forms.ModelForm):
    """Only the name, for an account that has none yet."""

    display_name = DisplayName()

    class Meta:
        model = User
        fields = ["display_name"]


class ProfileForm(forms.ModelForm):
    """A person's own settings."""

    display_name = DisplayName()
    time_zone = forms.ChoiceField(
        label="Your time zone", help_text="Online sessions are shown in this zone."
    )
    country = forms.ChoiceField(
        label="Your country", help_text="Decides which help lines we show you."
    )

    class Meta:
        model = User
        fields = [
            "display_name",
            "time_zone",
            "country",
            "reminds_day_before",
            "reminds_hour_before",
        ]
        labels = {
            "reminds_day_before": "E-mail me the day before",
            "reminds_hour_before": "E-mail me an hour before",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones: list[Any] = list(places.time_zones())
        saved = self.instance.time_zone
        if not any(saved == name for _, part in zones for name, _ in part):
            zones.insert(0, (saved, saved.replace("_", " ")))
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]
        self.fields["country"].choices = places.countries()  # type: ignore[attr-defined]
