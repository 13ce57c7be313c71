"""Real Chromium, and a look at every page it passes: axe, console, width; pictures if wanted.

`PICTURES=1 make test ARGS=tests/browser` keeps each page it looked at in `.local/artefacts/`, in
both sizes and colours. They take more time than all else, so they are not made unasked.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from supportgroups.embedded import free_port
from tests import chromium
from tests.running_demo import ROOT, Demo, lived_in

#: Two cores serve the whole product, two browsers and the other tests: only a fault waits so long.
PATIENCE = 60
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
#: As root Chromium has no sandbox; the rest keeps it from looking for its maker's servers.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: while Playwright runs, Django refuses its database to this thread."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium.find(), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The product as a newcomer starts it: web, worker, beat, real mail files, sample people."""
    started = Demo(lived_in(tmp_path_factory), free_port())
    try:
        started.wait_until_started(seconds=400)
        yield started
    finally:
        started.end()


class Someone:
    """One person with a browser window of their own, who notices what is wrong with a page."""

    def __init__(
        self, browser: Browser, demo: Demo, name: str, artefacts: Path, *, at: str, script: bool
    ) -> None:
        self.demo, self.name, self.artefacts, self.script = demo, name, artefacts, script
        width, height = SIZES[at]
        self.context = browser.new_context(
            timezone_id="Europe/London",
            locale="en-GB",
            viewport={"width": width, "height": height},
            java_script_enabled=script,
            reduced_motion="reduce",  # pictures of what comes to rest, not of the way there
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.complaints: list[str] = []
        self.seen = 0
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: object) -> None:
        # A lost connection is part of the story and is reported by the browser as an error.
        kind, text = message.type, message.text  # type: ignore[attr-defined]
        if kind == "error" and "ERR_INTERNET_DISCONNECTED" not in text:
            self.complaints.append(text)

    def go(self, path: str) -> None:
        self.page.goto(self.demo.address + path)

    def press(self, words: str) -> None:
        """The link or button with this name, as a screen reader would say it."""
        name = re.compile(re.escape(words))
        target = self.page.get_by_role("button", name=name).or_(
            self.page.get_by_role("link", name=name)
        )
        target.filter(visible=True).first.click()

    def sees(self, words: str, *, seconds: float = PATIENCE) -> None:
        """Wait until the words stand somewhere on the page."""
        self.page.get_by_text(words).filter(visible=True).first.wait_for(timeout=seconds * 1000)

    def look(self, what: str) -> None:
        """Fail on any accessibility or policy finding, and on what scrolls sideways in any size.

        axe looks at a phone in light and a desk in dark in turn: it takes most of the time.
        """
        self.seen += 1
        self.page.wait_for_load_state()
        before = self.page.viewport_size
        for size, (width, height) in SIZES.items():
            self.page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark") if "PICTURES" in os.environ else ():
                self.page.emulate_media(color_scheme=scheme)
                name = f"{self.name}-{self.seen:02}-{what}-{size}-{scheme}.png"
                self.page.screenshot(path=self.artefacts / name, full_page=size == "desk")
            self.page.emulate_media(color_scheme="light" if size == "phone" else "dark")
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{what} scrolls sideways at {width} px"
            if not self.script or (size == "phone") != bool(self.seen % 2):
                continue  # axe itself is a script
            found = (
                Axe()
                .run(self.page, options={"preload": False, "resultTypes": ["violations"]})
                .response["violations"]
            )
            assert not found, f"{what} at {width} px: " + "; ".join(
                f"{f['id']}: {f['nodes'][0]['html'][:200]}" for f in found
            )
        self.page.emulate_media(color_scheme="light")
        if before:
            self.page.set_viewport_size(before)
        assert self.complaints == [], what

    def sign_in(self, who: str) -> None:
        """By password, as one of the sample people."""
        self.go("/account/login/")
        self.page.locator("summary", has_text="Use a password instead").click()
        self.page.locator("[name=login]").fill(f"{who}@example.org")
        self.page.locator("[name=password]").fill("an open circle")
        self.press("Sign in with password")
        self.page.wait_for_url("**/home/")


@pytest.fixture
def someone(browser: Browser, demo: Demo) -> Iterator[object]:
    """Makes people: `someone("newcomer", at="desk")`. Their pictures are in `.local/artefacts/`."""
    artefacts = ROOT / ".local" / "artefacts"
    artefacts.mkdir(parents=True, exist_ok=True)
    people: list[Someone] = []

    def make(name: str, *, at: str = "phone", script: bool = True) -> Someone:
        people.append(Someone(browser, demo, name, artefacts, at=at, script=script))
        return people[-1]

    yield make
    for person in people:
        person.context.close()
