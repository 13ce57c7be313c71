from typing import Any

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from allauth.account import signals

        for changed in (signals.password_changed, signals.password_set, signals.password_reset):
            changed.connect(_check_open_rooms)


def _check_open_rooms(user: Any, **kwargs: Any) -> None:
    """A new password ends the sign-ins of other browsers, and so their open rooms."""
    from accounts.live import look_again

    look_again([user.pk])
