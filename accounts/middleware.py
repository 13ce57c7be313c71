"""Times in the person's own zone, and what follows the end of a sign-in."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.live import look_again


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
