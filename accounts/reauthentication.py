"""Asks once more who somebody is, before what an open page alone must not be enough for.

allauth asks for the password or a second factor. For people who have neither, allauth asks nothing
at all; here they get a fresh code by e-mail.
"""

import time
from collections.abc import Callable, Iterable
from functools import wraps
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, resolve, reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from accounts import limits
from accounts.models import User
from supportgroups.lib.addresses import own_address
from supportgroups.lib.htmx import wants_part

type View = Callable[..., HttpResponse]

#: Where the code that was sent stands in the browser session.
_CODE = "confirm_code"
CODE_SECONDS, MOST_TRIES = 5 * 60, 3
#: What somebody sent is kept so long while they confirm, if it is no longer than this.
_KEPT_SECONDS, _KEPT_LENGTH = 15 * 60, 100_000


def did_confirm(request: HttpRequest) -> bool:
    """Whether the person showed within the last minutes, in this browser, that it is them.

    Having signed in a moment ago is not enough: somebody may have walked away from that browser.
    """
    records = get_authentication_records(request, request.user)
    last = max((record["at"] for record in records if record.get("reauthenticated")), default=0)
    return bool(time.time() - last < app_settings.REAUTHENTICATION_TIMEOUT)


def recently_confirmed(view: View | None = None, *, gives_file: bool = False) -> Any:
    """A view for people who confirmed lately who they are; others do so first, then go on.

    What they sent is kept and done afterwards. `gives_file`: the view answers with a file, which
    leaves the page that asked on the screen, so another page offers the file.
    """
    if view is None:
        return lambda view: recently_confirmed(view, gives_file=gives_file)

    @wraps(view)
    def after_confirming(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # A visitor is sent to sign in by the middleware; a view open to all decides by itself.
        if not request.user.is_authenticated or did_confirm(request):
            return view(request, *args, **kwargs)
        return _ask(request, gives_file=gives_file)

    return after_confirming


def confirmed_urls(urlconf: str, names: Iterable[str]) -> list[URLPattern | URLResolver]:
    """A package's addresses, where those of these names ask first."""
    wanted = set(names)

    def wrapped(pattern: Any) -> Any:
        if isinstance(pattern, URLResolver):
            inner = [wrapped(one) for one in pattern.url_patterns]
            return URLResolver(
                pattern.pattern, inner, pattern.default_kwargs, pattern.app_name, pattern.namespace
            )
        if pattern.name not in wanted:
            return pattern
        view = recently_confirmed(pattern.callback)
        return URLPattern(pattern.pattern, view, pattern.default_args, pattern.name)

    return [wrapped(pattern) for pattern in import_module(urlconf).urlpatterns]


def _came_from(request: HttpRequest) -> str:
    """The path of the page on this site that led here, or nothing."""
    return own_address(request, request.headers.get("referer"))


def _ask(request: HttpRequest, *, gives_file: bool) -> HttpResponse:
    """Lead to the page that asks, and remember what was being done; nothing older than that."""
    goes_on_at = request.get_full_path()
    request.session.pop(STATE_SESSION_KEY, None)
    if request.method not in ("GET", "HEAD"):
        sent = request.POST.copy()
        sent.pop("csrfmiddlewaretoken", None)
        state = {"path": goes_on_at, "sent": sent.urlencode(), "at": time.time()}
        # Where the form stood, should what was sent not be done.
        goes_on_at = _came_from(request) or goes_on_at
        if len(sent.urlencode()) <= _KEPT_LENGTH:
            callback = f"{__name__}.go_on"
            state["next"] = goes_on_at
            request.session[STATE_SESSION_KEY] = {"callback": callback, "state": state}
    elif gives_file:
        query = urlencode({"next": goes_on_at, "back": _came_from(request)})
        goes_on_at = f"{reverse('accounts:file_ready')}?{query}"
    address = f"{reverse('account_reauthenticate')}?{urlencode({'next': goes_on_at})}"
    return HttpResponseClientRedirect(address) if wants_part(request) else redirect(address)


def go_on(request: HttpRequest, state: dict[str, Any]) -> HttpResponse:
    """Do what was sent before the person was asked. allauth calls this once they have confirmed."""
    given = request.POST.get("next") or request.GET.get("next")
    if given != state["next"] or time.time() - state["at"] > _KEPT_SECONDS:
        # They confirmed for something else meanwhile, or too late: what was sent is not done.
        return HttpResponseRedirect(state["next"])
    parts = urlsplit(state["path"])
    # As a server hands it over: without the escapes of an address.
    request.path = request.path_info = unquote(parts.path)
    found = resolve(request.path)
    request.GET = QueryDict(parts.query)
    request.POST = QueryDict(state["sent"])
    request.resolver_match = found
    response: HttpResponse = found.func(request, *found.args, **found.kwargs)
    return response


# A code by e-mail, for people without password and second factor ---------------------------------


def may_confirm_by_code(user: Any) -> bool:
    """A code alone is enough for those whom a code alone signs in."""
    methods = get_adapter().get_reauthentication_methods(user)
    return any(method["id"] == "confirm_by_code" for method in methods)


def _digest(code: str) -> str:
    bare = "".join(letter for letter in code.upper() if letter.isalnum())
    return salted_hmac(f"{__name__}.code", bare, algorithm="sha256").hexdigest()


def send_code(request: HttpRequest, user: User) -> bool:
    """Send one to the person's own address, unless they asked for many just now."""
    if not limits.may_try(request, "code", user.email):
        return False
    adapter = get_adapter()
    code = adapter.generate_login_code()
    request.session[_CODE] = {"digest": _digest(code), "at": time.time(), "wrong": 0}
    adapter.send_mail("account/email/confirm_code", user.email, {"code": code, "request": request})
    return True


def has_code(request: HttpRequest) -> bool:
    """Whether one was sent that still works."""
    sent = request.session.get(_CODE)
    return bool(sent and time.time() - sent["at"] <= CODE_SECONDS and sent["wrong"] < MOST_TRIES)


def is_code(request: HttpRequest, typed: str) -> bool:
    """Whether this is the code. It works once, and a few wrong ones end it."""
    if not has_code(request):
        return False
    sent = request.session.pop(_CODE)
    if constant_time_compare(sent["digest"], _digest(typed)):
        return True
    request.session[_CODE] = {**sent, "wrong": sent["wrong"] + 1}
    return False


def confirm_by_code(request: HttpRequest, user: User) -> None:
    """Note that a fresh code showed who they are."""
    record_authentication(request, user, method="code", reauthenticated=True)
