"""Times in the person's own zone, and what a sign-in does while it lasts and when it ends."""

import time
import zoneinfo
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from accounts import unsent
from accounts.live import look_again
from supportgroups.lib.htmx import page_of_part, wants_part

#: Pages on which somebody says whether others use the device too.
_SAYS_IF_SHARED = {"account_login", "account_request_login_code", "account_signup"}


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The signed-in person's saved zone. Of a visitor: the chosen one, the browser's, else London.

    The cookie `time_zone` holds what somebody chose, `browser_zone` what a browser says.
    """
    if request.user.is_authenticated:
        names = [request.user.time_zone]
    else:
        names = [request.COOKIES.get(name, "") for name in ("time_zone", "browser_zone")]
    for name in filter(None, names):
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return zoneinfo.ZoneInfo("Europe/London")


class PersonalTimeZone:
    """Activate the reader's zone for the length of one request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(zone_of(request)):
            return self.get_response(request)


class EndOfSignIn:
    """What follows when a request ends a sign-in, whichever page did it.

    The browser forgets what it kept, and the person's open rooms check at once that they may stay.
    Django's own signal comes before the sign-in has ended, so a room would still find it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before = request.user.pk
        response = self.get_response(request)
        if before is not None and request.user.pk != before:
            look_again([before])
            if not request.user.is_authenticated:
                response.headers.setdefault("Clear-Site-Data", '"cache", "storage"')
        return response


class SignInFirst(LoginRequiredMiddleware):
    """Sign-in is required everywhere; exceptions say so above the view.

    Who was signed out while they wrote finds their words again after signing in.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        kept_at = unsent.keep(request)
        if kept_at is None and not wants_part(request):
            return super().handle_no_permission(request, view_func)
        goes_on_at = kept_at or page_of_part(request) or "/"
        address = f"{reverse('account_login')}?{urlencode({'next': goes_on_at})}"
        # A part would show the page to sign in inside the other one.
        return HttpResponseClientRedirect(address) if wants_part(request) else redirect(address)


class KeepSignedIn:
    """A request counts as being there. Where rights have changed it brings another key."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session: Any = request.session
        if request.user.is_authenticated and session.row is not None:
            if session.row.is_to_renew:
                session.renew()
            else:
                session.use()
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *args: Any) -> None:
        """Remember through the steps of signing in that the device is shared."""
        if request.method != "POST":
            return
        match = request.resolver_match
        if request.user.is_authenticated:
            unsent.forget(request)  # sent now, or not wanted
        elif match and match.view_name in _SAYS_IF_SHARED:
            if request.POST.get("is_shared"):
                request.session["is_shared"] = True
            else:
                request.session.pop("is_shared", None)


class EvenTime:
    """Whether an address has an account shows in no answer's time.

    What is done for one that has differs by some milliseconds from what is done for one that has
    not: `benchmarks/enumeration.py`. So each answer waits until the same time has passed.
    """

    _ANSWERS_ABOUT_AN_ADDRESS = frozenset(
        {"account_request_login_code", "account_signup", "account_reset_password"}
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.monotonic()
        response = self.get_response(request)
        match = request.resolver_match
        if request.method == "POST" and match and match.view_name in self._ANSWERS_ABOUT_AN_ADDRESS:
            time.sleep(max(settings.EVEN_ANSWER_SECONDS - (time.monotonic() - begun), 0))
        return response
