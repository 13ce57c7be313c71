"""Markup, formulas and line breaks in every column that holds words: no page or file obeys them.

The words go straight into the database, past the forms, so that each way out has to hold by itself.
"""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from django.db import DatabaseError, models, transaction
from django.http import HttpResponse

from accounts.models import User
from tests.crawl import Town, town
from tests.test_access import DOORS
from tests.test_conventions import our_models

__all__ = ["town"]

pytestmark = pytest.mark.xdist_group("doors")

#: A formula, an end of an attribute, an element with a handler, a template, and lines of a header.
WORDS = "=1+1'\"><img src=x onerror=alert(1)></script>{{7191*7}}"
LINES = f"{WORDS}\r\nATTENDEE:mailto:x@elsewhere.example\nX-Evil: 1\n=2+2"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: Keys and codes, which only programs read and write.
NOT_WORDS = set(
    "band call code country fingerprint hash key language list_version m nonce paper_code password "
    "paused_from problem rrule scope time_zone version x y".split()
)
#: Where a colleague of the same organisation is chosen: the choice holds the key of their account.
STAFF_BY_ACCOUNT = {
    "groups:setup_people",
    "outreach:import_start",
    "safeguarding:concern_detail",
    "sessions:debrief",
    "sessions:facilitators",
    "sessions:follow_up",
    "sessions:support",
}
#: Addresses that a link or a form may lead to.
FINE = re.compile(r"(https?|mailto|tel|sms|webcal):|[/?#]|$|[\w-]+/?$")


class _Executable(HTMLParser):
    """What of a page a browser would run, or load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag in ("iframe", "object", "embed", "base", "applet", "marquee", "style"):
            self.found.append(f"<{tag}>")
        ours = given.get("src", "").startswith("/static/")
        if tag == "script" and not (ours or "json" in given.get("type", "")):
            self.found.append(f"<script> {given}")
        self.found += [f"{tag} {name}" for name in given if name.startswith("on")]
        self.found += [f"{tag} {name}" for name in given if not re.fullmatch(r"[\w:.-]+", name)]
        for name in ("href", "src", "action", "formaction", "hx-get", "hx-post", "data-next"):
            if name in given and not FINE.match(given[name].strip()):
                self.found.append(f"{tag} {name}={given[name]}")
        if given.get("src") == "x":
            self.found.append(f"{tag} of ours from outside")


def executable_in(page: str) -> list[str]:
    parser = _Executable()
    parser.feed(page)
    parser.close()
    return parser.found


def _holds_words(field: models.Field) -> bool:  # type: ignore[type-arg]
    return (
        isinstance(field, models.TextField | models.CharField)
        and not isinstance(field, models.EmailField | models.SlugField | models.URLField)
        and not field.choices
        and not field.primary_key
        and field.name not in NOT_WORDS
        and field.concrete
    )


def _fill(model: type[models.Model], field: models.Field, words: str) -> bool:  # type: ignore[type-arg]
    """Whether some row has them now. Each row of its own, as what is encrypted is bound to it."""
    filled = False
    for row in model._default_manager.all():
        if getattr(row, field.attname) is None:
            continue
        setattr(row, field.attname, words)
        try:
            with transaction.atomic():
                row.save(update_fields=[field.name])
            filled = True
        except (DatabaseError, TypeError, ValueError):
            return filled
    return filled


def _fill_every_column() -> int:
    """Put the words into each row that takes them; what the database refuses stays as it was."""
    filled = 0
    for model in our_models():
        if (
            model._meta.label in ("accounts.BrowserSession", "accounts.Consent")
            or model._meta.app_label == "audit"
        ):
            continue
        for field in filter(_holds_words, model._meta.concrete_fields):
            words = LINES if isinstance(field, models.TextField) else WORDS
            filled += _fill(model, field, words[: field.max_length or len(words)])
    return filled


def wrong_in_file(response: HttpResponse) -> list[str]:
    """Of a download: formulas in a table, lines of a calendar that nobody wrote."""
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/csv"):
        rows = csv.reader(io.StringIO(response.content.decode("utf-8-sig")))
        return [
            cell
            for row in rows
            for cell in row
            if cell.startswith(FORMULA) and not re.fullmatch(r"-?[\d.,]+%?|-", cell)
        ]
    if kind.startswith("text/calendar"):
        lines = re.split(r"\r\n|\r|\n", response.content.decode())
        return [line for line in lines if re.match(r"X-Evil|ATTENDEE:mailto:x@|=2", line)]
    return []


def test_no_page_or_file_obeys_what_people_write(town: Town) -> None:
    assert _fill_every_column() > 45
    shown, wrong = 0, []
    for name, door in DOORS.items():
        if door.method != "GET":
            continue
        for who in sorted(door.who - {"visitor"})[:1] or sorted(door.who)[:1]:
            response = town.visit(who, name)
            assert response.status_code < 500, name
            disposition = response.headers.get("Content-Disposition", "")
            assert re.fullmatch(r'((inline|attachment); filename="[\w.-]+")?', disposition), name
            wrong += [f"{name}: {found}" for found in wrong_in_file(response)]
            if response.headers.get("Content-Type", "").startswith("text/html"):
                page = response.content.decode()
                shown += "&lt;img src=x" in page
                wrong += [f"{name}: {found}" for found in executable_in(page)]
                if "50337" in page:
                    wrong.append(f"{name}: a template was run")
    assert wrong == []
    assert shown > 60, "the words are on the pages at all"


def test_no_page_or_file_holds_the_account_of_another(town: Town) -> None:
    """Its key is the same in every organisation: two of them could tell that it is one person."""
    everybody = {str(pk): pk for pk in User.objects.values_list("pk", flat=True)}
    told = set()
    for (who, name), response in town.visited.items():
        own = getattr(town.cast[who].user, "pk", None)
        page = response.content.decode(errors="replace") + str(response.headers)
        keys = set(re.findall(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", page))
        told |= {(name, who) for key in keys & everybody.keys() if everybody[key] != own}
    assert len(town.visited) > 100
    assert {name for name, _ in told} <= STAFF_BY_ACCOUNT
