"""Help lines stand on every page."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from safeguarding.crisis import CrisisHelp, help_beside, shipped_help
from safeguarding.crisis import crisis_help as help_for


def keep_help(request: HttpRequest, rows: Sequence[Mapping[str, Any]]) -> None:
    """The page's head found the lines by `crisis.lines_beside`; its foot asks no second time."""
    request.crisis_help = help_beside(cast(User, request.user), rows)  # type: ignore[attr-defined]


def _help(request: HttpRequest) -> CrisisHelp:
    """Also the page that says that something is broken shows whom to call."""
    if hasattr(request, "crisis_help"):
        return cast(CrisisHelp, request.crisis_help)
    # A request refused early, for example under a foreign host name, has no user yet.
    user = getattr(request, "user", None) or AnonymousUser()
    try:
        return help_for(user)
    except DatabaseError:
        return shipped_help(settings.DEFAULT_COUNTRY)


def crisis_help(request: HttpRequest) -> dict[str, object]:
    """Help lines of the person's saved country, else of this installation's. A part of a page
    shows none and asks nothing."""
    return {"crisis_help": SimpleLazyObject(lambda: _help(request))}
