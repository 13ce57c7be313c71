"""Three people talk in Chromium: answers, reactions, changes, a lost connection, the line."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect, sync_playwright

from sessions.models import SupportSession
from tests import chromium, factories
from tests.cast import Person
from tests.sessions.web import Web

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

#: A busy machine may be slow; only a fault waits so long.
PATIENCE = 40_000


@pytest.fixture
def open_room(web: Web, session: SupportSession) -> Iterator[Callable[..., Page]]:
    """The room in a browser window for each person; the script may complain of nothing."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.find(), args=["--no-sandbox", "--disable-gpu"]
        )

        def open_window(person: Person) -> Page:
            context = browser.new_context(
                viewport={"width": 360, "height": 740}, reduced_motion="reduce"
            )
            name = settings.SESSION_COOKIE_NAME
            value = person.client.cookies[name].value
            context.add_cookies([{"name": name, "value": value, "url": web.origin}])
            page = context.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{web.origin}/sessions/{session.pk}/room/")
            expect(page.locator("[data-connection=open]")).to_be_attached(timeout=PATIENCE)
            return page

        yield open_window
        browser.close()
    assert complaints == []


def _say(page: Page, words: str) -> None:
    page.locator("#id_body").fill(words)
    page.locator("#id_body").press("Enter")


def _sees(page: Page, words: str) -> None:
    expect(page.locator(".log article[data-sequence]", has_text=words).first).to_be_visible(
        timeout=PATIENCE
    )


def _look(page: Page, name: str) -> None:
    """A picture, where somebody asks for one."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_three_people_talk(
    open_room: Callable[..., Page], member: Person, other: Person, facilitator: Person
) -> None:
    one, two, lead = (open_room(person) for person in (member, other, facilitator))
    _say(one, "The nights are long.")
    _sees(two, "The nights are long.")

    # An answer, from the sheet of the message.
    two.locator(".msg__more").first.click()
    two.locator("[data-reply]").click()
    expect(two.locator("[data-replying]")).to_be_visible()
    _say(two, "Mine too.")
    _sees(one, "Mine too.")
    expect(one.locator(".msg__quote")).to_contain_text("The nights are long.")
    expect(two.locator("[data-replying]")).to_be_hidden()

    # A reaction from the sheet, taken back on the message.
    one.locator(".msg__more").nth(1).click()
    expect(one.locator(".sheet button[value=with_you]")).to_be_visible()
    _look(one, "sheet")
    one.locator(".sheet button[value=with_you]").click()
    for page in (one, two):
        expect(page.locator(".log .felt__one")).to_contain_text("With you")
    expect(one.locator(".log .felt__one")).to_have_attribute("aria-pressed", "true")
    expect(two.locator(".log .felt__one")).to_have_attribute("aria-pressed", "false")
    _look(two, "reaction")
    two.locator(".log .felt__one").click()
    expect(one.locator(".log .felt__one b")).to_have_text("2")
    two.locator(".log .felt__one").click()
    expect(one.locator(".log .felt__one b")).to_have_text("1")

    # Other words.
    one.locator(".msg__more").first.click()
    one.get_by_text("Say it in other words").click()
    one.locator(".sheet textarea").fill("The nights are too long.")
    one.get_by_role("button", name="Save the change").click()
    _sees(two, "The nights are too long.")
    expect(two.locator(".msg__quote")).to_contain_text("too long")
    one.get_by_role("button", name="Back to the room").click()

    # Offline and back: typing goes on, nothing is lost or doubled, and how many came is said.
    two.context.set_offline(True)
    _say(two, "Written in a tunnel.")
    expect(two.locator("[data-state]")).to_be_visible()
    _say(one, "Take your time.")
    two.context.set_offline(False)
    _sees(one, "Written in a tunnel.")
    _sees(two, "Take your time.")
    expect(two.locator(".log__mark--ok").first).to_contain_text("1 message arrived")
    for page in (one, two):
        expect(page.locator(".msg__text", has_text="Written in a tunnel.")).to_have_count(1)

    # Between those who lead.
    lead.locator("[data-room-tab=leads]").click()
    lead.locator("#line_body").fill("Shall we pause?")
    lead.locator("#line_body").press("Enter")
    expect(lead.locator("#leads-line")).to_contain_text("Shall we pause?")
    expect(lead.locator("[data-line-pending] article")).to_have_count(0)
    _look(lead, "lead")
    assert "Shall we pause?" not in one.content()

    # On a small phone the part, the newest message and the field are all in view.
    _look(one, "room")
    for box in (
        one.locator("#now-title").bounding_box(),
        one.locator(".log article").last.bounding_box(),
        one.locator("#id_body").bounding_box(),
    ):
        assert box is not None
        assert 0 <= box["y"] <= 740 - box["height"]


def test_earlier_messages_come_on_demand(
    session: SupportSession, other: Person, member: Person, request: pytest.FixtureRequest
) -> None:
    for number in range(1, 151):
        factories.message(session, other.user, body=f"Word {number}.")
    page = request.getfixturevalue("open_room")(member)
    assert page.locator(".log article[data-sequence]").count() == 100
    page.locator("[data-earlier] a").click()
    expect(page.locator(".log article[data-sequence]")).to_have_count(150)
    expect(page.locator("[data-earlier]")).to_be_hidden()
    assert page.locator(".log article[data-sequence]").first.get_attribute("data-sequence") == "1"
