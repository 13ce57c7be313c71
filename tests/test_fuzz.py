"""Nonsense from outside, at every door: whatever is sent, nothing breaks.

`benchmarks/fuzz.py` runs this for as long as one likes, with other nonsense each time.
"""

import os
import random
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.conf import settings
from django.urls import resolve

from supportgroups.checks import OUR_APPS
from tests.crawl import Form, Town, as_sent, forms_in, town
from tests.test_access import DOORS

__all__ = ["town"]

pytestmark = pytest.mark.xdist_group("doors")

#: How often each door is tried, and with which nonsense it begins.
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))

NONSENSE = [
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\r\nX-Header: y",
        "\t",
        "\x7f\x1b[31m",
        "\ufeff",
        "\u202eabc",
        "\u2028",
    ),
    *("\ud83d", "\udfff x", "😀" * 300, "e\u0301" * 200, "x" * 70_000, "ß", "İ", "ﷺ"),
    *("-1", "0", "1", "2", "+1", "1.5", "1e309", "NaN", "Infinity", "٣", "½", "0x10", "1_000"),
    *("2147483648", "99999999999999999999", "9" * 5000, "-9223372036854775809"),
    *(
        "null",
        "true",
        "on",
        "[]",
        "{}",
        "[[[[",
        '{"a":1}',
        '"',
        "'",
        "\\",
        "%",
        "%00",
        "%s",
        "{{7*7}}",
    ),
    *("2026-02-30", "9999-12-31", "0001-01-01", "0000-00-00", "10000-01-01", "2026-1-1", "--"),
    *("25:61", "00:00", "24:00", "2026-03-29T01:30", "9999-12-31T23:59", "tomorrow", "W53"),
    *("Mars/Phobos", "../../etc/passwd", "Europe/London", "UTC", "/", "//x", ".", "XX", "GB", "zz"),
    *("00000000-0000-0000-0000-000000000000", "urn:uuid:x", "0" * 32, "{" + "0" * 32 + "}"),
    *(
        "a@b",
        "a@b.c\nBcc: x@y.z",
        '"<script>"@x.y',
        "javascript:alert(1)",
        "http://[::1",
        "http://\x00",
    ),
    *("=1+1", "@SUM(A1)", "';DROP TABLE x;--", "*", "(", "a & !", ":*", "<->", "\\x", "$1"),
    *("<script>alert(1)</script>", "RRULE:FREQ=SECONDLY", "FREQ=YEARLY;COUNT=999999999"),
]


def _names_in_queries() -> list[str]:
    """Every name that any page looks for in its address."""
    found = {"page", "q", "cursor", "format", "sort", "order"}
    for app in (*OUR_APPS, "supportgroups"):
        for path in Path(settings.BASE_DIR / app.split(".")[0]).rglob("*.py"):
            text = path.read_text()
            found |= set(re.findall(r'GET(?:\.get|\.getlist|\[)\(?"(\w+)"', text))
            if path.name.endswith("forms.py"):
                found |= set(re.findall(r"^    (\w+) = forms\.\w+\(", text, re.M))
    return sorted(found)


NAMES = _names_in_queries()


def _luck(*about: object) -> random.Random:
    return random.Random(f"{SEED} {about}")


def _nonsense(luck: random.Random, form: Form) -> list[tuple[str, str]]:
    """The form with some of its fields left out, given twice, or given nonsense."""
    sent = []
    for name, kind, given in form.fields:
        for _ in range(luck.choice([0, 1, 1, 1, 1, 1, 2])):
            keep = 0.7 if kind in ("hidden", "select", "button", "radio", "checkbox") else 0.2
            sent.append((name, given if luck.random() < keep else luck.choice(NONSENSE)))
    return sent


def _somebody(name: str, luck: random.Random) -> str:
    return luck.choice(sorted(DOORS[name].who))


PAGES = [name for name, door in DOORS.items() if door.who and door.method == "GET"]


@pytest.mark.parametrize("name", PAGES)
def test_no_query_breaks_a_page(name: str, town: Town) -> None:
    for time in range(TIMES):
        luck = _luck(name, time)
        asked = [(each, luck.choice(NONSENSE[:-1])[:900]) for each in luck.sample(NAMES, 40)]
        query = as_sent(asked)
        response = town.send(_somebody(name, luck), "GET", f"{town.address(name)}?{query}")
        assert response.status_code < 500, query


@pytest.mark.parametrize("name", PAGES)
def test_no_form_breaks_a_page(name: str, town: Town) -> None:
    """The forms that stand on a page, sent where they lead; those of every page once."""
    for time in range(TIMES):
        luck = _luck("form", name, time)
        who = _somebody(name, luck)
        for form in forms_in(town.visit(who, name)):
            view = resolve(urlsplit(urljoin(town.address(name), form.action)).path).view_name
            if form.method != "post" or (view, time) in town.tried:
                continue
            town.tried.add((view, time))
            body = as_sent(_nonsense(luck, form))
            response = town.send(who, "POST", urljoin(town.address(name), form.action), body)
            assert response.status_code < 500, (form.action, body)
