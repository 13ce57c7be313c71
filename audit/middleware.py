"""Marks everything that a page does as coming from a page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from audit.models import Event
from audit.trail import origin


class AuditOrigin:
    """Events recorded while a request is answered say so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with origin(Event.Origin.WEB):
            return self.get_response(request)
