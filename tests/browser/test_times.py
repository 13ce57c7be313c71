"""What the browser says of its time zone, with the real module and no server."""

import pytest
from playwright.sync_api import Browser

from tests.running_demo import ROOT

ADDRESS = "http://groups.example.org"
PAGE = (
    '<!doctype html><html lang="en"{zone}><script type="module">'
    'import {{ rememberZone }} from "/times.js"; rememberZone(); document.title = "done";'
    "</script></html>"
)


@pytest.mark.parametrize(
    ("chosen", "cookies"), [("", {"browser_zone": "Asia/Tokyo"}), ("Europe/Rome", {})]
)
def test_a_guessed_zone_goes_with_the_browser_session(
    browser: Browser, chosen: str, cookies: dict[str, str]
) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    zone = f' data-zone="{chosen}"' if chosen else ""
    context.route(
        ADDRESS + "/",
        lambda route: route.fulfill(body=PAGE.format(zone=zone), content_type="text/html"),
    )
    context.route(
        ADDRESS + "/times.js", lambda route: route.fulfill(path=ROOT / "static/js/times.js")
    )
    page = context.new_page()
    page.goto(ADDRESS + "/")
    page.wait_for_function("document.title === 'done'")

    kept = context.cookies()
    context.close()

    assert {cookie["name"]: cookie["value"] for cookie in kept} == cookies
    assert all(cookie["expires"] == -1 for cookie in kept), "it ends with the session"
