"""One person's whole way, lived in the running demo: from "is there something" to the numbers."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from tests.browser.conftest import Someone
from tests.browser.steps import (
    CALM,
    answer,
    download,
    mails,
    newest_code,
    send,
    sign_up,
    take_turns,
)
from tests.processes import wait_until
from tests.running_demo import Demo

pytestmark = pytest.mark.timeout(900)

type Make = Callable[..., Someone]


def test_without_javascript(demo: Demo, someone: Make) -> None:
    """Everything but the live updating of the room."""
    fern = someone("fern", script=False)
    fern.go("/")
    fern.page.locator("[name=q]").fill("open evening")
    fern.press("Show groups")
    fern.press("Start here: an open evening")
    sign_up(fern, "fern@example.com", "Fern")
    answer(fern, CALM)
    send(fern)
    fern.press("Read and sign the agreement")
    fern.page.locator("[name=agrees]").check()
    fern.page.locator("[name=signed_name]").fill("Fern")
    fern.press("Sign the agreement")
    fern.go("/home/")
    fern.press("About this session")
    fern.press("Enter the room")
    fern.press("I agree, take me in")
    fern.sees("The circle")
    fern.look("room-without-script")
    fern.press("Leave")
    # The dull page stands somewhere else in the world; that Chromium goes there is what counts.
    fern.context.route(
        lambda url: not url.startswith(demo.address), lambda route: route.fulfill(body="Weather")
    )
    fern.page.locator("button[form=exit]").filter(visible=True).last.click()
    fern.sees("Weather")
    fern.go("/home/")
    assert "/account/login/" in fern.page.url, "quick exit ended the sign-in"


def test_a_newcomer_lives_the_whole_way(demo: Demo, someone: Make) -> None:
    river, juniper = someone("river"), someone("juniper", at="desk")

    # 1. Signed out: search, filter, read.
    river.go("/")
    river.look("directory")
    river.page.locator("[name=q]").fill("open evening")
    river.press("Show groups")
    river.sees("1 group")
    river.press("Start here: an open evening")
    river.sees("not an emergency service")
    river.look("group")

    # 2. An account by code, a few questions, in at once. Stopping in the middle loses nothing.
    sign_up(river, "river@example.com", "River")
    river.look("question")
    first = river.page.url
    river.page.locator("input[type=radio]").first.check()
    river.press("Continue")
    river.page.wait_for_url(lambda url: url != first)
    river.go("/home/")
    river.look("home-with-draft")
    river.go("/groups/start-here/join/")
    river.press("Continue")
    river.page.wait_for_url("**/questions/*/")
    assert river.page.url != first, "goes on where it stopped"
    answer(river, CALM)
    river.sees("Check your answers")
    river.look("check-answers")
    send(river)
    river.sees("You have a place")
    river.look("accepted")

    # 4. The agreement makes a member.
    river.press("Read and sign the agreement")
    river.look("agreement")
    river.press("Sign the agreement")
    # Nothing is signed by accident.
    expect(river.page).to_have_title(re.compile("^Error:"))
    river.look("agreement-error")
    river.page.locator("[name=agrees]").check()
    river.page.locator("[name=signed_name]").fill("River")
    river.press("Sign the agreement")
    river.go("/home/")
    river.sees("Your session’s room is open")
    river.look("home")

    # 5. The session, and a calendar file that gives nothing away.
    river.press("About this session")
    river.look("session")
    with river.page.expect_download() as saved:
        river.press("Add to your calendar")
    calendar = Path(saved.value.path()).read_text()
    assert "SUMMARY:Appointment" in calendar
    assert "evening" not in calendar.lower()
    for subject, _ in mails(demo, "@example"):
        assert not re.search("evening|mood|grief|anxi", subject.lower())
    wait_until(
        lambda: (
            {"Your appointment tomorrow", "Your appointment today"}
            & dict(mails(demo, "river@example.com")).keys()
        ),
        seconds=240,
        what="the reminder of tomorrow's session, sent by beat and worker",
    )

    # 6. The room: two people, a lost connection, a reload.
    river.press("Enter the room")
    river.look("privacy-reminder")
    river.press("I agree, take me in")
    river.sees("Waiting")
    juniper.sign_in("juniper")
    juniper.look("facilitator-home")
    juniper.page.goto(river.page.url.replace("/room/", "/enter/"))
    juniper.press("I agree, take me in")
    juniper.press("Start the session")
    river.sees("In session")
    say(juniper, "Good evening. How is everybody?")
    river.sees("Good evening. How is everybody?")
    say(river, "A bit shy, but here.")
    juniper.sees("A bit shy, but here.")
    river.look("room")
    juniper.look("room-facilitator")
    long = juniper.page.evaluate("document.documentElement.scrollHeight - window.innerHeight")
    assert long <= 0, "the parts of the room scroll, and not the page"
    otter = someone("otter")
    otter.sign_in("otter")
    otter.page.goto(river.page.url.replace("/room/", "/enter/"))
    otter.press("I agree, take me in")
    otter.sees("A bit shy, but here.")
    juniper.page.locator("[data-here-count]", has_text="3").wait_for()
    take_turns(juniper, river, otter)
    otter.press("Leave")
    river.context.set_offline(True)
    say(juniper, "You can just listen.")
    say(river, "Written in a tunnel.")
    river.context.set_offline(False)
    river.sees("You can just listen.", seconds=90)
    juniper.sees("Written in a tunnel.", seconds=90)
    river.page.reload()
    river.sees("Written in a tunnel.")
    for words in ("A bit shy, but here.", "You can just listen.", "Written in a tunnel."):
        for person in (river, juniper):
            assert person.page.locator(".msg__text", has_text=words).count() == 1
    composer = river.page.locator("#id_body").bounding_box()
    newest = river.page.locator(".msg").last.bounding_box()
    part = river.page.locator("#now-title").bounding_box()
    for box in (composer, newest, part):
        assert box is not None
        assert 0 <= box["y"] <= 740 - box["height"], "all visible on a phone"
    juniper.press("Next")
    for person in (river, juniper):
        person.page.locator("#now-title", has_text="Open circle").wait_for()
    juniper.press("Add 5 min")
    river.page.locator("#room-now", has_text="of 45").wait_for()
    end_session(juniper)
    juniper.look("ended-facilitator")
    river.sees("The session has ended")
    juniper.go(re.sub(r"^.*(/sessions/[^/]+/).*$", r"\1", river.page.url))
    juniper.sees("River")
    juniper.look("who-came")

    # Afterwards: two questions for who came; who came and a debrief for who led.
    river.press("See what happens next")
    river.sees("Two questions, if you like")
    river.look("pulse")
    for question, value in (("felt_heard", 4), ("felt_safe", 2)):
        river.page.locator(f"input[name={question}][value='{value}']").check()
    river.press("Send")
    river.sees("Thank you for telling us")
    river.look("pulse-not-safe")
    juniper.press("Correct who came")
    river_there = juniper.page.get_by_label("Attendance of River")
    assert river_there.input_value() == "attended"
    river_there.select_option("late")
    juniper.press("Save")
    juniper.sees("Presence said: came.")
    juniper.look("who-came-corrected")
    juniper.press("Back to the session")
    juniper.press("Write a debrief")
    juniper.page.locator("[name=how_it_went]").fill("River was there for the first time.")
    juniper.sees("Draft saved")
    juniper.look("debrief")
    juniper.press("Save and finish")
    juniper.sees("Those who lead and oversee the group can read it.")
    juniper.sees("River was there for the first time.")
    river.go(re.sub(r"^.*(/sessions/[^/]+/).*$", r"\1conversation/", river.page.url))
    river.sees("Written in a tunnel.")
    river.look("conversation")

    # 7. Within a minute the clock makes the check-in due, by mail and on the home page.
    wait_until(
        lambda: any("question" in subject for subject, _ in mails(demo, "river@example.com")),
        seconds=300,
        what="the check-in's mail",
    )
    river.go("/home/")
    river.look("home-with-check-in")
    check_in(river, someone("river-tablet", script=False), "river@example.com")
    river.go("/progress/")
    river.page.locator("summary", has_text="See the numbers").first.click()
    river.look("progress")
    hand_a_summary_over(river, "river@example.com")
    take_a_copy(river)


def hand_a_summary_over(person: Someone, address: str) -> None:
    """Choose, look, sign, wait for the worker, download; then take it back."""
    person.go("/summaries/new/")
    for box in person.page.locator("[name=instruments]").all():
        box.check()
    for name in ("recipient_name", "recipient_organisation", "person_name"):
        person.page.locator(f"[name={name}]").fill("Elm Street")
    person.look("summary-form")
    person.press("Look at it")
    person.page.locator("[name=signature]").fill("River")
    person.look("summary-sign")
    person.press("Sign and make it")
    person.sees("It is ready")
    person.look("summary-ready")
    assert download(person, "Download as PDF", address).startswith(b"%PDF")
    person.press("Take it back")
    person.page.wait_for_url("**/revoke/")
    person.press("Take it back")
    person.sees("The files are deleted")


def take_a_copy(person: Someone) -> None:
    """See what is held, have it made and take it along: a page that stands alone, then nothing."""
    person.go("/account/my-data/")
    person.page.locator("#messages summary").click()
    person.look("my-data")
    person.press("Make a copy")
    person.sees("Your copy is ready")
    person.press("Get your copy")
    person.look("copy")
    with person.page.expect_download() as file:
        person.press("Download the page")
    saved = person.artefacts / "my-copy.html"
    file.value.save_as(saved)
    person.go("/account/my-data/")
    copy = person.context.new_page()
    copy.goto(saved.as_uri())
    person.page, pages = copy, person.page
    person.sees("Written in a tunnel.")
    person.look("copy-to-read")
    copy.close()
    person.page = pages
    person.press("Delete it now")
    person.sees("Your copy is deleted")


def say(person: Someone, words: str) -> None:
    person.page.locator("#id_body").fill(words)
    person.page.locator("#id_body").press("Control+Enter")
    if person.page.locator("#id_body").input_value():
        person.press("Send")


def end_session(person: Someone) -> None:
    person.page.locator("summary", has_text="End the session").click()
    person.page.locator("form[action$='/end/'] button").click()
    person.sees("The session has ended")


def check_in(phone: Someone, tablet: Someone, address: str) -> None:
    """Begun on a phone that loses its connection and is closed, ended on another device.

    The second set follows without a way home; an answer that worries shows help at once.
    """
    phone.press("Check-in: low mood")
    phone.sees("Who sees your answers")
    phone.look("check-in-start")
    phone.press("Start")
    phone.page.wait_for_url("**/questions/q1/")
    phone.look("check-in-question")
    last = phone.page.locator(".choice").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 740, "every answer is within reach of a thumb"
    for number in (1, 2):
        say_in_check_in(phone, 1)
        phone.page.wait_for_url(f"**/questions/q{number + 1}/")
    phone.context.set_offline(True)
    phone.page.locator("input[type=radio][value='2']").check()
    phone.press("Continue")
    phone.page.wait_for_url("chrome-error://**")
    phone.page.close()

    tablet.go("/account/login/")
    tablet.page.locator("#code_email").fill(address)
    tablet.press("Send me a code")
    tablet.page.locator("[name=code]").wait_for()
    tablet.page.locator("[name=code]").fill(newest_code(tablet.demo, address))
    tablet.page.locator("[name=code]").press("Enter")
    tablet.page.wait_for_url("**/home/")
    tablet.sees("2 of 10 answered")
    tablet.press("Check-in: low mood")
    tablet.page.wait_for_url("**/questions/q3/")
    tablet.press("Back")
    tablet.page.wait_for_url("**/questions/q2/")
    assert tablet.page.locator("input[type=radio][value='1']").is_checked(), "what was saved"
    while not tablet.page.url.endswith("/q9/"):
        say_in_check_in(tablet, 1)
    say_in_check_in(tablet, 1)
    tablet.sees("Thank you for telling us")
    tablet.sees("116 123")
    tablet.look("check-in-help-at-once")
    tablet.press("Continue")
    tablet.page.wait_for_url("**/questions/difficulty/")
    say_in_check_in(tablet, 1)
    tablet.sees("Check your answers")
    tablet.look("check-in-check")
    tablet.press("Send my answers")
    tablet.sees("Your low mood score is 9")
    tablet.sees("One more set waits for you: worry")
    tablet.look("check-in-one-more")
    tablet.press("Continue")
    tablet.page.wait_for_url("**/questions/q1/")
    while "/questions/" in tablet.page.url:
        say_in_check_in(tablet, 1)
    tablet.press("Send my answers")
    tablet.sees("Your worry score is 7")
    tablet.sees("We ask again after you have come to")
    tablet.look("check-in-done")
    phone.context.set_offline(False)
    phone.page = phone.context.new_page()


def say_in_check_in(person: Someone, value: int) -> None:
    """Answer the question that is shown and go on."""
    person.page.locator(f"input[type=radio][value='{value}']").check()
    before = person.page.url
    person.press("Continue")
    person.page.wait_for_url(lambda url: url != before)


def test_a_screened_group_a_worrying_answer_and_a_decision(demo: Demo, someone: Make) -> None:
    brook, heron, marigold = someone("brook"), someone("heron"), someone("marigold", at="desk")

    # 2. Nine questions; one answer shows help at once and opens a task for a named person.
    brook.go("/groups/living-with-low-mood/")
    sign_up(brook, "brook@example.com", "Brook")
    answer(brook, CALM | {"ending your life": "yes"})
    brook.sees("Thank you for telling us")
    brook.sees("116 123")
    brook.look("help-at-once")
    brook.press("Continue")
    answer(brook, CALM)
    send(brook)
    brook.sees("will answer by")
    brook.look("waiting")
    wait_until(
        lambda: any("A task for you" in subject for subject, _ in mails(demo, "@example.org")),
        seconds=180,
        what="the named person's mail",
    )

    # 3. A facilitator reads and accepts; the mail says only that there is news.
    heron.sign_in("heron")
    heron.go("/screening/")
    heron.look("queue")
    heron.press("Brook")
    heron.look("application")
    heron.press("Accept")
    heron.page.locator("[name=message]").wait_for()
    heron.look("decision")
    heron.page.locator("#decision form button[type=submit]").click()
    heron.sees("Your answer is on its way")
    brook.go("/home/")
    brook.look("home-after-decision")
    wait_until(
        lambda: any("news" in subject for subject, _ in mails(demo, "brook@example.com")),
        seconds=180,
        what="the applicant's mail",
    )
    news = next(text for subject, text in mails(demo, "brook@example.com") if "news" in subject)
    assert "mood" not in news.lower()

    # 8. The coordinator: what needs them, who stays, who came, who changed.
    marigold.sign_in("marigold")
    marigold.go("/overview/")
    marigold.page.wait_for_url("**/overview/*/")
    marigold.sees("Needs you today")
    assert marigold.page.locator(".heat td").count() > 50
    assert marigold.page.locator("figure svg").count() >= 1
    marigold.look("overview")
    shown = int(marigold.page.locator(".alert__n").first.inner_text())
    drill_from_a_curve_to_people_and_back(marigold)
    marigold.go("/concerns/")
    marigold.look("concerns")
    listed = marigold.page.get_by_role("region", name="Open concerns").locator("li")
    assert listed.count() == shown, "a count equals its drill-down"
    marigold.press("Brook")
    marigold.look("concern")
    marigold.go("/account/profile/")
    marigold.look("settings")


def test_a_coordinator_reports_to_a_funder(demo: Demo, someone: Make) -> None:
    """The page changes by itself when the report is ready; without script one looks again."""
    marigold = someone("marigold-reports", at="desk")
    marigold.sign_in("marigold")
    marigold.go("/overview/lantern-lane/reports/")
    marigold.look("reports")
    marigold.press("Report on Low mood and anxiety")
    marigold.page.locator("nav[aria-label='Usual times'] a").nth(1).click()
    expect(marigold.page.locator("#id_programme option:checked")).to_contain_text("Low mood")
    marigold.page.locator("[name=introduction]").fill("The city pays for these groups.")
    marigold.look("report-form")
    marigold.press("Make the report")
    marigold.sees("people came at least once")
    marigold.look("report")
    came = marigold.page.locator(".stat__value").first.inner_text()
    reader = PdfReader(BytesIO(download(marigold, "Download the PDF", "marigold@example.com")))
    assert reader.root_object["/MarkInfo"]["/Marked"]
    words = "".join(page.extract_text() for page in reader.pages)
    assert f"{came} people came at least once" in words
    assert "The city pays for these groups." in words

    plain = someone("marigold-plain", at="desk", script=False)
    plain.sign_in("marigold")
    plain.go("/overview/lantern-lane/reports/new/")
    plain.press("Make the report")
    plain.page.wait_for_url(re.compile(r"/reports/[0-9a-f-]{36}/$"))

    def is_ready() -> bool:
        plain.page.reload()
        return plain.page.get_by_role("link", name="Download the PDF").count() == 1

    wait_until(is_ready, seconds=60, what="the report, looked at again without script")


def drill_from_a_curve_to_people_and_back(marigold: Someone) -> None:
    """The coordinator narrows a curve, looks at who is behind a number, and comes back to it."""
    marigold.press("Staying")
    marigold.page.get_by_label("Led by").select_option("peer_led")
    marigold.page.get_by_label("Compare").select_option("format")
    marigold.press("Show")
    marigold.page.wait_for_url("**/retention/?*facilitation=peer_led*")
    marigold.sees("People were not assigned to groups by chance")
    marigold.look("staying")
    marigold.page.get_by_text("See the numbers and the people").click()
    row = marigold.page.get_by_role("row", name=re.compile(r"^4 "))
    number = row.get_by_role("link")
    counted = int(number.inner_text())
    number.click()
    marigold.sees("Counted 4 sessions after their first")
    marigold.sees(f"{counted} people")
    marigold.look("people-behind-a-number")
    marigold.page.get_by_role("main").get_by_role("link", name="Staying").click()
    marigold.page.wait_for_url("**facilitation=peer_led*")
    expect(marigold.page.get_by_label("Led by")).to_have_value("peer_led")
    marigold.press("Taking part")
    marigold.page.wait_for_url("**/engagement/?*facilitation=peer_led*")
    marigold.look("taking-part")
