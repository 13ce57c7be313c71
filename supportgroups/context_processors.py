"""What every page may show without asking the database."""

from django.conf import settings
from django.http import HttpRequest

_THEMES = {"light", "dark"}
_LETTERS = {"easier"}


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
        },
    }
