"""Help lines stand on every page."""

from django.conf import settings
from django.http import HttpRequest

from safeguarding.crisis import crisis_help as help_for


def crisis_help(request: HttpRequest) -> dict[str, object]:
    """Help lines of the person's saved country, else of this installation's."""
    user = getattr(request, "user", None)
    country = user.country if user is not None and user.is_authenticated else ""
    return {"crisis_help": help_for(country or settings.DEFAULT_COUNTRY)}
