from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from allauth.account import signals
        from django.contrib.auth.signals import user_logged_in

        for changed in (signals.password_changed, signals.password_set, signals.password_reset):
            changed.connect(_end_other_sign_ins)
        signals.authentication_step_completed.connect(_renew_key)
        user_logged_in.connect(_note_device)
        signals.email_changed.connect(_end_links_in_mails)
        # Not Django's own signal: this one comes when all steps are done.
        signals.user_logged_in.connect(_note_sign_in)

        _listen_to_factors()


def _end_other_sign_ins(request: Any, user: Any, **kwargs: Any) -> None:
    """A new password ends the sign-ins of other browsers, and so their open rooms."""
    from accounts.browser_sessions import end_others

    end_others(user, but=request.session if request.user.pk == user.pk else None)


def _renew_key(request: Any, **kwargs: Any) -> None:
    """Who showed once more that it is them gets another key, as at signing in."""
    if kwargs.get("reauthenticated") and request.user.is_authenticated:
        request.session.cycle_key()


def _note_device(request: Any, user: Any, **kwargs: Any) -> None:
    """What the list of one's sign-ins shows, and which limits hold."""
    from accounts.browser_sessions import is_of_staff
    from accounts.devices import in_words

    request.session.begin(
        device=in_words(request.META.get("HTTP_USER_AGENT", "")),
        is_shared=bool(request.session.pop("is_shared", False)),
        is_of_staff=is_of_staff(user.pk),
        is_to_tell=getattr(request, "is_new_device", False),
    )


def _note_sign_in(request: Any, user: Any, **kwargs: Any) -> None:
    """The trail says that somebody signed in, and by which steps."""
    from allauth.account.internal.flows.login import get_authentication_records

    from accounts.actions import note_sign_in

    steps = get_authentication_records(request, user)
    note_sign_in(user=user, by=user, steps=[step.get("type") or step["method"] for step in steps])


def _end_links_in_mails(user: Any, **kwargs: Any) -> None:
    """Whoever reads the old address has no say any more."""
    from accounts.actions import end_links_in_mails

    end_links_in_mails(user=user, by=user)


def _listen_to_factors() -> None:
    from allauth.account.signals import user_logged_in
    from allauth.mfa import signals

    from accounts import factor_signals

    signals.authenticator_added.connect(factor_signals.note_added)
    signals.authenticator_removed.connect(factor_signals.note_removed)
    signals.authenticator_used.connect(factor_signals.note_used)
    user_logged_in.connect(factor_signals.note_signed_in)
