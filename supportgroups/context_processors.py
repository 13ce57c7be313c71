"""What every page may show without asking the database."""

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

_THEMES = {"light", "dark"}
_LETTERS = {"easier"}


def _chosen_zone(request: HttpRequest) -> str:
    """The zone this reader chose; empty for a visitor who chose none, whose browser knows best.

    What the browser said (the cookie `browser_zone`) is no choice: the reader may travel.
    """
    active = timezone.get_current_timezone_name()
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        return active
    return active if request.COOKIES.get("time_zone") == active else ""


def site(request: HttpRequest) -> dict[str, object]:
    """Names and addresses of this installation, and the reader's display settings from cookies."""
    theme = request.COOKIES.get("theme", "")
    letters = request.COOKIES.get("letters", "")
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "neutral_url": settings.NEUTRAL_URL,
        "display": {
            "theme": theme if theme in _THEMES else "",
            "letters": letters if letters in _LETTERS else "",
            "zone": _chosen_zone(request),
        },
    }
