"""One place that decides between a whole page and a part of it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers

from supportgroups.lib.addresses import own_address


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part: not for a boosted link, nor for a page from its history."""
    if request.headers.get("HX-Request") != "true":
        return False
    return (
        request.headers.get("HX-Boosted") != "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )


def page_of_part(request: HttpRequest) -> str:
    """The path of the page that asks for a part, as htmx says it; nothing for another site's."""
    return own_address(request, request.headers.get("HX-Current-URL"))


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    partial: str | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Render `template`, or its `{% partialdef partial %}` when htmx asks for a part.

    The partial's name is also the id of the element and the `hx-target` that asks for it. Both
    answers vary on HX-Request, so that no cache gives one for the other.
    """
    name = f"{template}#{partial}" if partial and wants_part(request) else template
    response = render(request, name, dict(context or {}), status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def render_secret_page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """A page for whoever holds a secret link: no cache keeps it and no search engine lists it."""
    response = render_page(request, template, context, status=status)
    patch_cache_control(response, no_store=True, private=True)
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response
