"""Whole page or part."""

import pytest
from django.test import RequestFactory

from supportgroups.lib.htmx import render_page, wants_part

HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, False),
        (HTMX, True),
        ({**HTMX, "HX-Boosted": "true"}, False),
        ({**HTMX, "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_wants_part(headers: dict[str, str], part: bool) -> None:
    assert wants_part(RequestFactory().get("/", headers=headers)) is part


def test_render_page_gives_the_part_or_the_page_and_varies() -> None:
    part = render_page(RequestFactory().get("/", headers=HTMX), "500.html", {}, "notice")
    page = render_page(RequestFactory().get("/"), "500.html", {}, partial="notice", status=418)
    assert b"<html" not in part.content
    assert b"<html" in page.content
    assert page.status_code == 418
    assert part["Vary"] == page["Vary"] == "HX-Request"


def test_render_page_without_a_part_gives_the_page() -> None:
    assert b"<html" in render_page(RequestFactory().get("/", headers=HTMX), "500.html").content
