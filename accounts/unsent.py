"""What somebody sent after their sign-in had run out, kept for them until they sign in again.

It lies in the browser session of the visitor that they have become, for an hour. They look at it
and send it again themselves, so nothing is done in the name of whoever signs in next.
"""

import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import Resolver404, resolve, reverse

_KEY = "kept_form"
_SECONDS, _MOST_LETTERS = 60 * 60, 100_000


@dataclass(frozen=True)
class KeptForm:
    """Where it goes, and what was typed and chosen."""

    address: str
    fields: list[tuple[str, str]]

    @property
    def words(self) -> list[str]:
        """What a person wrote, so that they know it again; not what a page put into the form."""
        return [value for _, value in self.fields if " " in value.strip()]


def keep(request: HttpRequest) -> str | None:
    """Keep what was sent, and say where it is found after signing in; None if there is nothing."""
    session: Any = request.session
    if request.method != "POST" or session.ran_out_for is None:
        return None
    sent = _without_secrets(request.POST)
    if not sent or len(sent.urlencode()) > _MOST_LETTERS:
        return None
    session[_KEY] = {
        "address": request.get_full_path(),
        "sent": sent.urlencode(),
        "user": str(session.ran_out_for),
        "at": time.time(),
    }
    return reverse("accounts:kept_form")


def sent_in(request: HttpRequest) -> KeptForm | None:
    """What an old page of this site sent just now, for its person to look at; else None.

    Only a browser writes the header, and no other site's page can have it say ours.
    """
    if request.headers.get("origin") != f"{request.scheme}://{request.get_host()}":
        return None
    return _form(request.get_full_path(), _without_secrets(request.POST))


def kept_for(request: HttpRequest) -> KeptForm | None:
    """What this person sent, once; anybody else's is thrown away."""
    kept = request.session.get(_KEY)
    if kept is None:
        return None
    late = time.time() - kept["at"] > _SECONDS
    if late or kept["user"] != str(request.user.pk) or not _leads_somewhere(kept["address"]):
        del request.session[_KEY]
        return None
    return _form(kept["address"], QueryDict(kept["sent"]))


def forget(request: HttpRequest) -> None:
    """It was sent, or is not wanted."""
    request.session.pop(_KEY, None)


def _without_secrets(sent: QueryDict) -> QueryDict:
    copy = sent.copy()
    for name in list(copy):
        if name == "csrfmiddlewaretoken" or "password" in name:
            del copy[name]
    return copy


def _form(address: str, sent: QueryDict) -> KeptForm:
    fields = [(name, str(value)) for name, values in sent.lists() for value in values]
    return KeptForm(address, fields)


def _leads_somewhere(address: str) -> bool:
    try:
        resolve(address.partition("?")[0])
    except Resolver404:
        return False
    return True
