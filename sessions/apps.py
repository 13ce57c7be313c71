from django.apps import AppConfig


class SessionsConfig(AppConfig):
    """Scheduled sessions. The label differs because Django's own sign-in sessions have it."""

    name = "sessions"
    label = "support_sessions"
