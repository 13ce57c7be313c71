"""What people tell us about themselves: very little."""

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.core import context
from django import forms
from django.http import HttpRequest

from accounts import limits, places, reauthentication, rules
from accounts.models import User
from supportgroups.lib.forms import AnswerChoices
from supportgroups.lib.metrics import SIGN_INS_FAILED

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


_HINT_FOR_NEW = (
    "At least 12 characters, of any kind. Three or four words that do not belong together are easy "
    "to remember and hard to guess. You may paste it."
)


class _InOurWords(forms.Form):
    """One of allauth's forms: the same labels everywhere, no hint that vanishes while one types."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields.keys() & _WORDS.keys():
            field = self.fields[name]
            field.label, field.error_messages["required"] = _WORDS[name]
            field.widget.attrs.pop("placeholder", None)
            if name == "password1":
                field.help_text = _HINT_FOR_NEW
            if isinstance(field, forms.EmailField):
                field.error_messages["invalid"] = "Enter an address like name@example.org."


def _check_may_ask(email: str) -> None:
    """Refuse one more mail with a code to this address for now."""
    if not limits.may_try(context.request, "code", email):
        raise get_adapter().validation_error("rate_limited")


class SharedDevice(forms.BooleanField):
    """Ticked by who is not the only one on this device. `accounts.middleware` reads it."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            label="Others use this device too",
            help_text="Then you are signed out soon, and when the window closes.",
        )
        self.widget.is_required = True  # not "(optional)": it is a question, not a gap


class SignupForm(_InOurWords, allauth_forms.SignupForm):
    """An address and a name. There is no password: a code confirms the address."""

    display_name = DisplayName()
    is_shared = SharedDevice()
    #: The browser fills it in; without script the profile asks.
    time_zone = forms.CharField(
        required=False,
        max_length=60,
        widget=forms.HiddenInput(attrs={"data-time-zone": True}),
    )
    field_order = ["email", "display_name", "is_shared", "time_zone"]

    def clean_time_zone(self) -> str:
        """A zone nobody knows is no reason to refuse somebody."""
        name: str = self.cleaned_data["time_zone"]
        return name if places.is_time_zone(name) else ""


class LoginForm(_InOurWords, allauth_forms.LoginForm):
    """By password, for those who have set one. Without is another form that sends a code."""

    is_shared = SharedDevice()

    def _setup_password_field(self) -> None:
        """Keep the field: allauth drops it where sign-up asks for no password."""


class RequestLoginCodeForm(_InOurWords, allauth_forms.RequestLoginCodeForm):
    is_shared = SharedDevice()

    def clean_email(self) -> str:
        _check_may_ask(self.cleaned_data["email"])
        return str(super().clean_email())


class ConfirmLoginCodeForm(_InOurWords, allauth_forms.ConfirmLoginCodeForm):
    def clean_code(self) -> str:
        try:
            code: str = super().clean_code()
        except forms.ValidationError:
            SIGN_INS_FAILED.labels("code").inc()
            raise
        return code


class ConfirmEmailVerificationCodeForm(_InOurWords, allauth_forms.ConfirmEmailVerificationCodeForm):
    pass


class ResetPasswordForm(_InOurWords, allauth_forms.ResetPasswordForm):
    def clean_email(self) -> str:
        _check_may_ask(self.cleaned_data["email"])
        return str(super().clean_email())


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


class ConfirmCodeForm(_InOurWords):
    """The code that was sent to show that it is still the same person."""

    code = forms.CharField(
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}
        ),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_code(self) -> str:
        typed: str = self.cleaned_data["code"]
        if reauthentication.is_code(self.request, typed):
            return typed
        if reauthentication.has_code(self.request):
            raise forms.ValidationError("Enter the code of the newest e-mail.")
        raise forms.ValidationError("Ask for a new code. This one is used or too old.")


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
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones: list[Any] = list(places.time_zones())
        saved = self.instance.time_zone
        if not any(saved == name for _, part in zones for name, _ in part):
            zones.insert(0, (saved, saved.replace("_", " ")))
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]
        self.fields["country"].choices = places.countries()  # type: ignore[attr-defined]


class RemindersForm(forms.ModelForm):
    """Which mails about sessions come, when, and what they may say."""

    mails_name_groups = forms.TypedChoiceField(
        label="What mails may say",
        choices=[("no", "“Your appointment”"), ("yes", "The group’s name and place")],
        coerce=lambda value: value == "yes",
        widget=AnswerChoices(
            hints={
                "no": "Whoever sees your mail learns nothing.",
                "yes": "Also in the subject and the calendar. Whoever sees your mail can read it.",
            }
        ),
    )

    class Meta:
        model = User
        fields = [
            "reminds_day_before",
            "day_before_minutes",
            "reminds_hour_before",
            "hour_before_minutes",
            "quiet_from",
            "quiet_until",
            "mails_name_groups",
            "mails_carry_entries",
            "mails_after_missed",
            "mails_after_session",
            "mails_with_questions",
        ]
        labels = {
            "reminds_day_before": "Send an early reminder",
            "day_before_minutes": "How early",
            "reminds_hour_before": "Send a late reminder",
            "hour_before_minutes": "How long before",
            "quiet_from": "Quiet from",
            "quiet_until": "Quiet until",
            "mails_carry_entries": "Add an entry for my calendar to these mails",
            "mails_after_missed": "Write a kind word when I missed two sessions in a row",
            "mails_after_session": "Write a note after a session I was at",
            "mails_with_questions": "Write when questions wait for my answers",
        }
        widgets = {
            "quiet_from": forms.TimeInput(
                format="%H:%M", attrs={"type": "time", "class": "input--short"}
            ),
            "quiet_until": forms.TimeInput(
                format="%H:%M", attrs={"type": "time", "class": "input--short"}
            ),
        }
        error_messages = {
            "quiet_from": {"invalid": "Write the time like 22:00."},
            "quiet_until": {"invalid": "Write the time like 07:00."},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["mails_name_groups"] = "yes" if self.instance.mails_name_groups else "no"
        for name, choices in rules.LEAD_TIMES.items():
            self.fields[name] = forms.TypedChoiceField(
                label=self.fields[name].label, choices=choices, coerce=int
            )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        quiet_from, quiet_until = given.get("quiet_from"), given.get("quiet_until")
        if quiet_from and not quiet_until:
            self.add_error("quiet_until", "Write when quiet hours end, or leave both empty.")
        elif quiet_until and not quiet_from:
            self.add_error("quiet_from", "Write when quiet hours begin, or leave both empty.")
        elif quiet_from and quiet_from == quiet_until:
            self.add_error("quiet_until", "Quiet hours need an end other than their beginning.")
        return given
