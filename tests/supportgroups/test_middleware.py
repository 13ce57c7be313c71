"""Static files under ASGI, and what other sites may fetch."""

from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

FILE = Path(settings.BASE_DIR) / "static" / "js" / "times.js"
ADDRESS = "/static/js/times.js"


async def test_a_static_file_comes_whole_and_without_a_warning(async_client):
    response = await async_client.get(ADDRESS)

    assert not response.streaming
    assert response.content == FILE.read_bytes()
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_static_file_comes_in_part_or_not_again(async_client):
    part = await async_client.get(ADDRESS, headers={"range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, FILE.read_bytes()[3:10])

    head = await async_client.head(ADDRESS)
    assert (head.content, head.headers["Content-Length"]) == (b"", str(FILE.stat().st_size))

    again = await async_client.get(
        ADDRESS, headers={"if-modified-since": head.headers["Last-Modified"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert "Content-Type" not in again.headers


@pytest.mark.parametrize(
    ("site", "mode", "destination", "method", "status"),
    [
        ("same-origin", "cors", "empty", "GET", 200),
        ("none", "navigate", "document", "GET", 200),
        ("cross-site", "navigate", "document", "GET", 200),
        ("same-site", "navigate", "document", "HEAD", 200),
        ("cross-site", "navigate", "iframe", "GET", 403),
        ("cross-site", "navigate", "document", "POST", 403),
        ("same-site", "no-cors", "image", "GET", 403),
        ("cross-site", "cors", "empty", "GET", 403),
    ],
)
def test_other_sites_may_only_link_here(db, client, site, mode, destination, method, status):
    said = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": destination}
    assert client.generic(method, "/account/login/", headers=said).status_code == status


def test_other_sites_may_read_the_public_directory(db, client):
    said = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    assert client.get(reverse("outreach:export_csv"), headers=said).status_code == 200
