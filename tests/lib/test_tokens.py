"""Colours: both dark blocks are the same, and every pair in use has its contrast (WCAG 2.2)."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = (Path(settings.BASE_DIR) / "static" / "css" / "tokens.css").read_text()
TEXT, SHAPE = 4.5, 3.0

PAIRS = [
    *(
        (ink, ground, TEXT)
        for ink in ("ink", "ink-2", "action")
        for ground in ("ground", "surface", "sunk")
    ),
    *(
        ("ink", f"{tint}-soft", TEXT)
        for tint in ("action", "honey", "clay", "ok", "warn", "danger")
    ),
    *(("ink-2", f"{tint}-soft", TEXT) for tint in ("honey", "clay")),
    *(("action", f"{tint}-soft", TEXT) for tint in ("action", "honey", "clay")),
    ("on-action", "action", TEXT),
    ("on-action", "action-strong", TEXT),
    ("on-honey", "honey", TEXT),
    ("clay", "ground", SHAPE),
    ("clay", "surface", TEXT),
    ("clay", "clay-soft", SHAPE),
    ("line-strong", "surface", SHAPE),
    ("line-strong", "ground", SHAPE),
    ("ok", "surface", TEXT),
    ("ok", "ok-soft", TEXT),
    ("warn", "surface", TEXT),
    ("warn", "warn-soft", TEXT),
    ("danger", "surface", TEXT),
    ("danger", "ground", TEXT),
    ("danger", "danger-soft", TEXT),
    ("on-strip", "strip", TEXT),
    ("on-exit", "exit", TEXT),
    ("exit", "strip", SHAPE),
    ("focus", "surface", SHAPE),
    ("focus", "ground", SHAPE),
    *((f"chart-{i}", "surface", SHAPE) for i in (1, 2, 3)),
    *(("heat-ink-lo", f"heat-{i}", TEXT) for i in (1, 2, 3)),
    *(("heat-ink-hi", f"heat-{i}", TEXT) for i in (4, 5)),
]


def block(marker: str) -> dict[str, str]:
    body = CSS.split(marker, 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--c-([a-z0-9-]+):\s*(#[0-9a-f]{6})", body))


LIGHT = block("/* theme: light */")
DARK = {**LIGHT, **block("/* theme: dark */")}


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_two_dark_blocks_are_the_same() -> None:
    assert {**LIGHT, **block("/* theme: dark, from the device */")} == DARK


@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str, ink: str, ground: str, least: float) -> None:
    colours = LIGHT if theme == "light" else DARK
    high, low = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= least
