"""Times in the person's own zone, and what follows the end of a sign-in."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.live import look_again


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The signed-in person's saved zone, else the visitor's choice from a cookie, else London."""
    name = (
        request.user.time_zone
        if request.user.is_authenticated
        else request.COOKIES.get("time_zone", "")
    )
    try:
        return zoneinfo.ZoneInfo(name or "Europe/London")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
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
