"""What several journeys do: read mails, make an account, answer questions."""

import re
from email import message_from_string, policy

from supportgroups.demo.people import PASSWORD
from tests.browser.conftest import Someone
from tests.processes import wait_until
from tests.running_demo import Demo

#: What a person without worries answers; other questions get their first answer.
CALM = {"afraid": "no", "ending your life": "no"}


def mails(demo: Demo, to: str) -> list[tuple[str, str]]:
    """Subject and text of every mail to an address, oldest first."""
    found = []
    for path in sorted((demo.data / "outbox").iterdir(), key=lambda path: path.stat().st_mtime):
        for text in path.read_text().split("-" * 79):
            mail = message_from_string(text.strip(), policy=policy.default)
            if mail["To"] and to in mail["To"]:
                # A mail with an entry for the calendar has parts.
                words = mail.get_body(("plain",))
                found.append((str(mail["Subject"]), str(words.get_content()) if words else ""))
    return found


def newest_code(demo: Demo, to: str) -> str:
    def codes() -> list[str]:
        texts = [text for _, text in mails(demo, to)]
        return [
            code for text in texts for code in re.findall(r"^\s*([A-Z0-9-]{6,9})\s*$", text, re.M)
        ]

    wait_until(codes, seconds=60, what=f"a code for {to}")
    return codes()[-1]


def sign_up(person: Someone, address: str, name: str) -> None:
    """From the group's page: no password, a code from the mail."""
    person.press("Ask to join")
    person.press("Make an account and begin")
    person.page.locator("[name=email]").fill(address)
    person.page.locator("[name=display_name]").fill(name)
    person.look("sign-up")
    person.press("Continue")
    person.page.locator("[name=code]").wait_for()
    person.page.locator("[name=code]").fill(newest_code(person.demo, address))
    person.look("code")
    person.page.locator("[name=code]").press("Enter")
    person.page.wait_for_url(re.compile(r"/join/|/applications/"))
    if "/join/" in person.page.url:
        person.press("Begin")


def download(person: Someone, label: str, address: str) -> bytes:
    """A file that is given only to who has shown once more that it is them."""
    person.press(label)
    person.sees("Is it still you?")
    person.look("confirm")
    if person.page.locator("[name=password]").count():
        person.page.locator("[name=password]").fill(PASSWORD)
    else:
        person.press("Send me a code")
        person.page.locator("[name=code]").wait_for()
        person.look("confirm-code")
        person.page.locator("[name=code]").fill(newest_code(person.demo, address))
    person.press("Continue")
    person.sees("Your file is ready")
    person.look("file-ready")
    with person.page.expect_download() as found:
        person.press("Download the file")
    content = found.value.path().read_bytes()
    person.press("Back")
    return content


def answer(person: Someone, answers: dict[str, str]) -> None:
    """Answer page after page until the answers are shown for checking, or help comes first."""
    person.page.wait_for_url("**/questions/*/")
    while "/questions/" in person.page.url:
        question = person.page.locator("h1").inner_text()
        value = next((v for words, v in answers.items() if words in question), None)
        text = person.page.locator("textarea")
        if text.count():
            text.fill("Company, mostly.")
        elif value is not None:
            person.page.locator(f"input[type=radio][value={value}]").check()
        else:
            person.page.locator("input[type=radio]").first.check()
        address = person.page.url
        person.press("Continue")
        person.page.wait_for_url(lambda url, was=address: url != was)
        if person.page.url.endswith("/saved/"):
            return


def send(person: Someone) -> None:
    """Send the application; it has arrived when this returns."""
    person.press("Send my answers")
    person.page.wait_for_url(re.compile(r"/applications/[^/]+/$"))


def _speaks(person: Someone) -> bool:
    return person.page.locator("#room-turn").get_attribute("data-my") == "speaking"


def take_turns(lead: Someone, first: Someone, second: Someone) -> None:
    """A round and a hand queue of three people, on phones: each sees whose turn it is."""
    both = (first, second)
    lead.page.locator("[name=without_facilitators]").check()
    lead.press("Begin a round")
    for _ in range(2):
        lead.page.locator(".turnbar__lead button").click()
        wait_until(lambda: any(map(_speaks, both)), seconds=15, what="somebody's turn")
        speaker = next(each for each in both if _speaks(each))
        speaker.sees("It is your turn.")
        speaker.page.locator(".turnbar .own__finish").click()
        speaker.page.locator("#room-turn[data-my=done]").wait_for()
    lead.page.locator("#room-turn", has_text="Everybody has had a turn.").wait_for()
    lead.press("Open the floor")
    for person in both:
        person.page.locator(".turnbar .own__raise").click()
        person.page.locator("#room-turn:is([data-my=next], [data-my=waiting])").wait_for()
    first.sees("You are next.")
    composer = second.page.locator("#id_body").bounding_box()
    part = second.page.locator("#now-title").bounding_box()
    newest = second.page.locator("article[data-sequence]").last.bounding_box()
    assert composer
    assert part
    assert newest
    assert 0 < part["y"] < newest["y"] + newest["height"] <= composer["y"] + 1
    assert composer["y"] + composer["height"] <= 740
    first.look("hand-raised")
    lead.press("Invite")
    first.sees("It is your turn.")
    second.sees("You are next.")
    second.page.locator(".turnbar .own__lower").click()
    second.page.locator("#room-turn[data-my='']").wait_for()
    lead.press("Close, back to open chat")
    first.page.locator(".turnbar").wait_for(state="detached")
