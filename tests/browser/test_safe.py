"""An hour that three people keep safe together, and signing in by two steps."""

import re
import time
from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import expect

from tests.browser.conftest import Someone
from tests.running_demo import Demo

pytestmark = pytest.mark.timeout(600)

type Make = Callable[..., Someone]


def say(person: Someone, words: str) -> None:
    person.page.locator("#id_body").fill(words)
    person.page.locator("#id_body").press("Enter")
    person.page.locator("[data-sequence] .msg__text", has_text=words).wait_for()


def open_sheet(person: Someone, message: str, way: str = "") -> None:
    """What can be done about a message, above the room; perhaps one step on."""
    article = person.page.locator("[data-sequence]", has_text=message)
    article.get_by_role("link", name="Report or more about this message").click()
    expect(person.page.locator("dialog #sheet-title")).to_be_focused()
    if way:
        person.page.locator("dialog").get_by_role("link", name=way).click()
        person.page.locator("dialog form[hx-post]").wait_for()


def choose(person: Someone, answer: str, button: str) -> None:
    person.page.locator("dialog label", has_text=answer).click()
    person.page.locator("dialog").get_by_role("button", name=button).click()
    person.page.locator("dialog [data-done]").wait_for()


def back(person: Someone) -> None:
    person.page.locator("dialog").get_by_role("button", name="Back to the room").click()
    expect(person.page.locator("dialog")).to_be_hidden()


def test_report_hide_show_better_and_remove(demo: Demo, someone: Make) -> None:
    juniper, otter, willow = someone("juniper", at="desk"), someone("otter"), someone("willow")
    for person in (juniper, otter, willow):
        person.sign_in(person.name)
    room = re.search(
        r"/sessions/[^/]+/",
        juniper.page.locator("a[href*='/sessions/']").first.get_attribute("href") or "",
    )
    assert room is not None
    for person in (juniper, otter, willow):
        person.go(f"{room.group()}enter/")
        person.press("I agree, take me in")
        person.page.wait_for_url("**/room/")
    juniper.press("Start the session")
    otter.sees("In session")

    # A member reports, by keyboard alone and in private.
    say(otter, "You are all pathetic.")
    willow.page.locator(".msg__text", has_text="pathetic").wait_for()
    open_sheet(willow, "pathetic")
    willow.look("about-a-message")
    willow.page.keyboard.press("Escape")
    expect(willow.page.locator("dialog")).to_be_hidden()
    open_sheet(willow, "pathetic", "Report it")
    choose(willow, "It hurts or threatens somebody", "Report it")
    willow.look("reported")
    back(willow)
    juniper.sees("1 message reported.")
    assert otter.page.get_by_text("reported").count() == 0
    juniper.look("room-with-a-report")

    # The facilitator hides it: gone for everybody at once, and after a reload.
    open_sheet(juniper, "pathetic", "Hide it")
    juniper.look("hide")
    choose(juniper, "It hurts or threatens somebody", "Hide it")
    back(juniper)
    for person in (willow, juniper):
        person.sees("A message was here.")
        assert person.page.get_by_text("pathetic").count() == 0
    otter.sees("The facilitators hid your message.")
    willow.page.reload()
    willow.sees("A message was here.")
    assert "pathetic" not in willow.page.content()

    # Something that is not so gets a source below it.
    say(otter, "My cousin stopped her tablets overnight. Everybody should.")
    open_sheet(juniper, "tablets", "Show a better source")
    juniper.page.locator("dialog textarea").fill("Everybody should.")
    juniper.look("better-source")
    choose(juniper, "Coming off antidepressants", "Show it to everybody")
    back(juniper)
    for person in (willow, otter):
        card = person.page.get_by_role("complementary", name="A source on this topic")
        card.get_by_role("link", name="Coming off antidepressants").wait_for()
    willow.look("room-with-a-source")

    # Asked to listen, then removed: told kindly, and out at once.
    open_sheet(juniper, "tablets", "to listen")
    choose(juniper, "It goes against the ground rules", "Ask them to listen")
    back(juniper)
    otter.sees("A facilitator asks you to listen for now.")
    expect(otter.page.locator("#id_body")).to_be_hidden()
    otter.look("room-listening")
    open_sheet(juniper, "tablets", "from this session")
    choose(juniper, "It goes against the ground rules", "Remove them")
    back(juniper)
    otter.sees("You keep your place in the group")
    # The browser reports the kind page's own status as an error.
    assert all("403" in each for each in otter.complaints)
    otter.complaints.clear()
    otter.look("removed")
    juniper.page.locator("[data-here-count]", has_text="2").wait_for()

    # What was done is undone on a page that works without script too.
    juniper.go(f"{room.group()}safety/")
    juniper.look("keep-it-safe")
    juniper.press("Let back in Quiet Otter")
    otter.go(f"{room.group()}enter/")
    otter.press("I agree, take me in")
    otter.sees("A facilitator asks you to listen for now.")

    # The quick exit leaves the room.
    with willow.page.expect_request(lambda request: not request.url.startswith(demo.address)):
        willow.page.locator("button[form=exit]").filter(visible=True).last.click()
    otter.page.locator("[data-here-count]", has_text="1").wait_for()

    # Somebody who was not there looks at it.
    marigold = someone("marigold", at="desk")
    marigold.sign_in("marigold")
    marigold.press("Reviews")
    marigold.look("reviews")
    marigold.press("Message hidden")
    marigold.sees("You are all pathetic.")
    marigold.look("review")
    marigold.page.locator("label", has_text="It was right").click()
    marigold.page.locator("[name=note]").fill("A kind word first, next time.")
    marigold.press("Keep my judgement")
    marigold.sees("Your judgement is kept.")


def arrive_home(person: Someone) -> None:
    person.page.wait_for_url("**/home/")
    person.page.get_by_role("heading", level=1, name="Heron").wait_for()
    person.page.wait_for_load_state("networkidle")


def sign_out(person: Someone) -> None:
    person.go("/account/profile/")
    person.page.locator("main").get_by_role("button", name="Sign out").click()
    person.page.wait_for_url(person.demo.address + "/")


def test_a_passkey_and_an_app_sign_in(demo: Demo, someone: Make) -> None:
    """A facilitator who has to sets both up, and signs in with each."""
    heron = someone("heron")
    device = heron.context.new_cdp_session(heron.page)
    device.send("WebAuthn.enable")
    own = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    able = {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": {**own, **able}})
    heron.sign_in("heron")
    heron.sees("Set up a second step by")
    heron.page.get_by_role("link", name="Set it up").click()
    heron.look("second-step")

    heron.press("Add a passkey")
    heron.page.locator("main [name=password]").fill("an open circle")
    heron.press("Continue")
    heron.page.locator("[name=name]").fill("My phone")
    heron.look("add-a-passkey")
    heron.press("Make the passkey")
    heron.page.wait_for_url("**/recovery-codes/")
    heron.look("recovery-codes")
    recovery = heron.page.locator(".factor-codes li").first.inner_text()
    heron.press("I have kept them")
    heron.sees("My phone")

    heron.press("Set up an app")
    heron.page.locator("summary", has_text="On this same phone").click()
    heron.look("set-up-an-app")
    secret = heron.page.locator(".factor-secret").inner_text().replace(" ", "")
    step = int(time.time()) // 30
    heron.page.locator("[name=code]").fill(format_hotp_value(hotp_value(secret, step)))
    heron.press("Finish")
    heron.sees("The authenticator app is set up.")
    heron.look("second-step-set-up")

    sign_out(heron)
    heron.go("/account/login/?next=/account/second-step/")
    heron.press("Sign in with a passkey")
    heron.page.wait_for_url(demo.address + "/account/second-step/")
    expect(heron.page.get_by_text("Set up a second step by")).to_have_count(0)

    def by_password() -> None:
        sign_out(heron)
        heron.go("/account/login/")
        heron.page.locator("summary", has_text="Use a password instead").click()
        heron.page.locator("[name=login]").fill("heron@example.org")
        heron.page.locator("[name=password]").fill("an open circle")
        heron.press("Sign in with password")
        heron.sees("One more step")

    by_password()
    heron.look("one-more-step")
    heron.page.locator("[name=code]").fill(format_hotp_value(hotp_value(secret, step)))
    heron.press("Continue")
    heron.page.get_by_role("heading", name="There is a problem").wait_for()  # it was used to set up
    newer = max(step, int(time.time()) // 30) + 1
    heron.page.locator("[name=code]").fill(format_hotp_value(hotp_value(secret, newer)))
    heron.press("Continue")
    arrive_home(heron)

    by_password()
    heron.press("Use your passkey")
    arrive_home(heron)

    by_password()
    heron.page.locator("[name=code]").fill(recovery)
    heron.press("Continue")
    arrive_home(heron)
