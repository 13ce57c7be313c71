"""Static files under ASGI."""

from pathlib import Path

from django.conf import settings

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
