"""Pages that explain, display settings, and the gallery of parts."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/safety/", "Nobody watches messages"),
        ("/privacy/", "Who sees what"),
        ("/hide-your-visit/", "stay in your browser’s history"),
        ("/accessibility/", "WCAG 2.2"),
        ("/parts/", "Every part in every state"),
    ],
)
def test_pages_need_no_account_and_begin_with_help(
    client: Client, address: str, words: str
) -> None:
    page = client.get(address).content.decode()
    assert words in page
    body = page[page.index("<body") :]
    assert body.index("Need help now?") < body.index("<main")
    assert body.count("data-exit") == 2


def test_display_keeps_the_choice_in_cookies(client: Client) -> None:
    answer = client.post("/display/", {"theme": "dark", "letters": "easier", "next": "/safety/"})
    assert answer.headers["Location"] == "/safety/"
    page = client.get("/safety/").content.decode()
    assert '<html lang="en-gb" data-theme="dark" data-letters="easier">' in page


def test_display_takes_known_values_and_own_addresses_only(client: Client) -> None:
    client.cookies["theme"] = "dark"
    answer = client.post("/display/", {"theme": "<b>", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"
    assert answer.cookies["theme"].value == ""


def test_display_is_a_form(client: Client) -> None:
    assert client.get("/display/").status_code == 405
