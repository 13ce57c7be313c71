"""Addresses that came from outside and are led to."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def own_address(request: HttpRequest, given: str | None, otherwise: str = "") -> str:
    """Path and query of a page of this site as it was given, or `otherwise`.

    The path is looked at again by itself: of `https://this.site//elsewhere.example/` it leads
    elsewhere. It begins with a slash, as `redirect` takes other words for the name of a view.
    """
    given = given or ""
    if not url_has_allowed_host_and_scheme(
        given, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return otherwise
    address = urlsplit(given)._replace(scheme="", netloc="").geturl()
    fine = url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if fine and address.startswith("/") else otherwise
