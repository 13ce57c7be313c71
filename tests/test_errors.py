"""Error pages: kind, with a way on, and something to see for htmx."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404
from django.test import Client, RequestFactory

from supportgroups import errors
from supportgroups.lib.refusals import Refused

HTMX = {"HX-Request": "true"}


def test_server_error_needs_no_database_and_no_person() -> None:
    page = errors.server_error(RequestFactory().get("/"))
    part = errors.server_error(RequestFactory().get("/", headers=HTMX))
    assert (page.status_code, part.status_code) == (500, 500)
    assert b"it is our fault" in page.content
    assert part["HX-Retarget"] == "#page-alert"
    assert b"<html" not in part.content


@pytest.mark.django_db
def test_page_not_found(client: Client) -> None:
    page = client.get("/no-such-page/")
    assert page.status_code == 404
    assert b"We cannot find that page" in page.content
    part = client.get("/no-such-page/", headers=HTMX)
    assert part["HX-Retarget"] == "#page-alert"
    assert b"<html" not in part.content


@pytest.mark.django_db
def test_csrf_failure() -> None:
    strict = Client(enforce_csrf_checks=True)
    page = strict.post("/display/")
    assert page.status_code == 403
    assert b"Please send it again" in page.content


def _request(*, part: bool) -> object:
    request = RequestFactory().get("/", headers=HTMX if part else {})
    request.user = AnonymousUser()
    request.session = {}
    return request


@pytest.mark.django_db
def test_refusal_shows_its_words_and_next_step() -> None:
    refused = Refused("not_signed", "Sign the agreement first.", next_step=("Sign it", "/sign/"))
    for part in (False, True):
        answer = errors.permission_denied(_request(part=part), refused)
        assert answer.status_code == 403
        assert b"Sign the agreement first." in answer.content
        assert b'href="/sign/"' in answer.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("handler", "exception", "status"),
    [
        (errors.bad_request, SuspiciousOperation(), 400),
        (errors.permission_denied, PermissionDenied(), 403),
        (errors.page_not_found, Http404(), 404),
    ],
)
def test_plain_errors_tell_no_secrets(handler: object, exception: Exception, status: int) -> None:
    answer = handler(_request(part=False), exception)
    assert answer.status_code == status
    assert b"Traceback" not in answer.content
