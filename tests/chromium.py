"""Which Chromium the browser tests drive.

`python -m tests.chromium` prints it, and gets one first where the machine has none. It never lets
the browser tests be skipped: without a Chromium it says what to install and fails.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoChromium(Exception):
    """There is none on this machine that runs."""


def _candidates() -> Iterator[str | None]:
    if chosen := os.environ.get("CHROMIUM"):
        yield chosen  # said so: nothing else will do
        return
    yield from map(shutil.which, NAMES)
    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def find() -> str:
    """Path of a Chromium that starts: `CHROMIUM`, the machine's, or Playwright's own.

    Raises NoChromium.
    """
    for candidate in filter(None, _candidates()):
        try:
            subprocess.run([candidate, "--version"], capture_output=True, timeout=60, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        return candidate
    raise NoChromium


def install() -> None:
    """Try the ways that need nobody's help: the system's packages as root, then Playwright's."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        attempts.insert(0, ["apt-get", "install", "-y", "--no-install-recommends", "chromium"])
        attempts.insert(0, ["apt-get", "update"])
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for attempt in attempts:
        try:
            # Their words go to stderr: the answer of this module is the one line on stdout.
            subprocess.run(attempt, env=environment, stdout=sys.stderr, timeout=900, check=False)
            find()
        except (NoChromium, subprocess.TimeoutExpired):
            continue
        return


def main() -> None:
    try:
        path = find()
    except NoChromium:
        if "CHROMIUM" in os.environ:
            sys.exit(f"CHROMIUM={os.environ['CHROMIUM']} does not start.")
        sys.stderr.write("No Chromium here: getting one …\n")
        install()
        try:
            path = find()
        except NoChromium:
            sys.exit(
                "The browser tests need Chromium, and none could be had. Install it with\n"
                "    apt-get install chromium                       (Debian, Ubuntu, as root)\n"
                "    .venv/bin/playwright install --with-deps chromium\n"
                "or name yours: make test CHROMIUM=/path/to/chromium"
            )
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
