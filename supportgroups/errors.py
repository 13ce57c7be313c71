"""What people see when something cannot be shown: kind, styled, and with a way on.

htmx gets a short notice for the page it is on, because it would otherwise show nothing.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template

from accounts import unsent
from supportgroups.lib.htmx import wants_part
from supportgroups.lib.refusals import Refused


def _answer(
    request: HttpRequest, template: str, status: int, context: dict[str, Any] | None = None
) -> HttpResponse:
    if not wants_part(request):
        return render(request, template, context, status=status)
    response = render(request, f"{template}#notice", context, status=status)
    response["HX-Retarget"] = "#page-alert"
    response["HX-Reswap"] = "innerHTML show:window:top"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: something in the request cannot be understood."""
    return _answer(request, "400.html", 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: says why and what to do next, when a rule refused."""
    refused = exception if isinstance(exception, Refused) else None
    return _answer(request, "403.html", 403, {"refused": refused})


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: the same for what does not exist and for what somebody may not know of."""
    return _answer(request, "404.html", 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: without database, person or context processors, as any may be the cause."""
    template = "500.html#notice" if wants_part(request) else "500.html"
    known = {"site_name": settings.SITE_NAME, "neutral_url": settings.NEUTRAL_URL}
    response = HttpResponse(get_template(template).render(known), status=500)
    if wants_part(request):
        response["HX-Retarget"] = "#page-alert"
        response["HX-Reswap"] = "innerHTML show:window:top"
    return response


def unreadable(request: HttpRequest) -> HttpResponse:
    """500: something that is kept encrypted does not open."""
    return _answer(request, "unreadable.html", 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that was open too long, or was sent from elsewhere.

    An own page that is older than the sign-in lost nothing: its words can be sent again.
    """
    kept = unsent.sent_in(request) if request.user.is_authenticated else None
    if kept is None or wants_part(request):
        return _answer(request, "403_csrf.html", 403)
    return render(request, "accounts/kept_form.html", {"kept": kept}, status=403)
