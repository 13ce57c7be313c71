"""Headers and log lines of every response."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from supportgroups import errors
from supportgroups.lib import permissions
from supportgroups.lib.encryption import Unreadable
from supportgroups.lib.metrics import REQUESTS

logger = logging.getLogger("supportgroups.request")

type GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestLog:
    """One line a request: the view's name, never the path, which may hold ids and tokens."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.monotonic()
        response = self.get_response(request)
        seconds = time.monotonic() - begun
        match = request.resolver_match
        view = match.view_name if match else "none"
        REQUESTS.labels(view, f"{response.status_code // 100}xx").observe(seconds)
        if match is not None:
            logger.info(
                "request",
                extra={
                    "view": view,
                    "method": request.method,
                    "status": response.status_code,
                    "milliseconds": round(seconds * 1000),
                },
            )
        return response


class UnreadableWords:
    """Says so on a page of its own when something kept does not open, and writes down where.

    The log line holds the name of the view and why, never words or what was around them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Unreadable):
            return None
        match = request.resolver_match
        logger.error(
            "words.unreadable",
            extra={"view": match.view_name if match else "", "why": str(exception)},
        )
        return errors.unreadable(request)


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, answering with the whole file: ours are small.

    Under ASGI Django reads a stream from a file into memory anyway, and warns of it.
    """

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """The file, a part of it, or that it has not changed."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        response = HttpResponse(body, status=int(found.status))
        del response.headers["Content-Type"]
        for name, value in found.headers:
            response.headers[name] = value
        return response


class SecurityHeaders:
    """What Django's own middleware does not send."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        # Nothing here comes from another site, so nothing is lost.
        response.headers.setdefault("Cross-Origin-Embedder-Policy", "require-corp")
        response.headers.setdefault("Permissions-Policy", permissions.NONE)
        if response.status_code >= 400:
            # Also one that a middleware made before it was known for whom.
            patch_cache_control(response, no_store=True)
        return response


class FromThisSite:
    """Refuses what another site has a browser load or send here: only its links may lead here.

    A second net under tokens, cookies and CORP, for browsers that say where a request comes from
    (Sec-Fetch-Site). A sibling host under the same domain is another site too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    @staticmethod
    def process_view(
        request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none"):
            return None
        follows_a_link = (
            request.method in ("GET", "HEAD")
            and request.headers.get("Sec-Fetch-Mode") == "navigate"
            and request.headers.get("Sec-Fetch-Dest") in ("document", None)
        )
        if follows_a_link or getattr(view, "open_to_other_sites", False):
            return None
        return errors.permission_denied(request, PermissionDenied())


class NoStoreForPeople:
    """A page made for a signed-in person is kept by no cache, so Back shows nothing later."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.user.is_authenticated:
            patch_cache_control(response, no_store=True, private=True)
        return response
