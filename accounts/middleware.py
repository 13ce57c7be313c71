"""Times are shown in the person's own zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone


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
