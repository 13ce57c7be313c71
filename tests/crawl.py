"""The cast in their world, walked through: each page once, and the forms that stand on it."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.cast import Person, make_cast, make_group, make_organisation
from tests.test_access import DOORS, World


@dataclass
class Form:
    """A form on a page: where it goes, and its fields with the values they have."""

    action: str
    method: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)

    def filled(self, value: str) -> list[tuple[str, str]]:
        """Everything that takes words says `value`; the rest stays as it is."""
        return [
            (name, value if kind in _TAKES_WORDS else given) for name, kind, given in self.fields
        ]


_TAKES_WORDS = {"text", "search", "email", "url", "tel", "textarea", "password", ""}


class _Forms(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.found: dict[str, Form] = {}
        self.inside: Form | None = None
        self.select = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            action = given.get("action") or self.address
            self.inside = Form(action, given.get("method", "get").lower())
            self.found[given.get("id") or f"#{len(self.found)}"] = self.inside
        form = self.found.get(given["form"]) if "form" in given else self.inside
        if form is None:
            return
        name = given.get("name", "")
        if tag == "input" and name:
            chosen = given.get("type") not in ("checkbox", "radio") or "checked" in given
            if chosen or not any(name == before for before, *_ in form.fields):
                form.fields.append((name, given.get("type", ""), given.get("value", "on")))
        elif tag == "textarea" and name:
            form.fields.append((name, "textarea", ""))
        elif tag == "select" and name:
            self.select = name
            form.fields.append((name, "select", ""))
        elif tag == "option" and self.select and form.fields:
            if "selected" in given or not form.fields[-1][2]:
                form.fields[-1] = (self.select, "select", given.get("value", ""))
        elif tag == "button" and name:
            form.fields.append((name, "button", given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None
        elif tag == "select":
            self.select = ""


def forms_in(response: HttpResponse) -> list[Form]:
    """The forms of a page."""
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return []
    parser = _Forms(response.wsgi_request.get_full_path())
    parser.feed(response.content.decode())
    return list(parser.found.values())


@dataclass
class Town:
    """The cast and their world."""

    cast: dict[str, Person]
    world: World
    visited: dict[tuple[str, str], HttpResponse] = field(default_factory=dict)
    tried: set[Any] = field(default_factory=set)

    def address(self, name: str) -> str:
        return reverse(name, args=DOORS[name].at(self.world))

    def send(
        self,
        who: str,
        method: str,
        address: str,
        body: str = "",
        *,
        part: bool = False,
        strict: bool = False,
    ) -> HttpResponse:
        """What an answer is; what it did, signing out included, is undone.

        `part`: as htmx asks, which is cheaper and guarded by the same rule. `strict`: with the
        check of tokens that the tests' browser leaves out.
        """
        client = Client(enforce_csrf_checks=strict)
        client.cookies = copy.deepcopy(self.cast[who].client.cookies)
        headers = {"HX-Request": "true"} if part else {}
        with transaction.atomic():
            response = client.generic(
                method,
                address,
                body,
                content_type="application/x-www-form-urlencoded",
                headers=headers,
            )
            transaction.set_rollback(True)
        return response

    def visit(self, who: str, name: str) -> HttpResponse:
        """The page behind a door, fetched once."""
        if (who, name) not in self.visited:
            self.visited[who, name] = self.send(who, "GET", self.address(name))
        return self.visited[who, name]


@pytest.fixture(scope="module")
def town(django_db_setup: None, django_db_blocker: Any) -> Iterator[Town]:
    """They live in a transaction that is undone after the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        group = make_group(make_organisation())
        cast = make_cast(group)
        yield Town(cast, World(cast, group))
        transaction.set_rollback(True)
    connection.close()


def as_sent(fields: list[tuple[str, str]]) -> str:
    """A form's body; half a character and the like are sent as they are."""
    return urlencode(fields, errors="surrogatepass")
