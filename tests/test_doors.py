"""Every door of `tests/test_access.py`, tried by everybody of the cast, in every way."""

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from supportgroups.second_factor import OF_A_SESSION, is_staff_page
from tests import factories
from tests.crawl import Town, town
from tests.headers import wrong_with
from tests.test_access import BOTH_WAYS, CLOSED_OF_ALLAUTH, DOORS, OPEN_OF_ALLAUTH, Door

__all__ = ["town"]

# One world serves them all, so all of them run in one worker.
pytestmark = pytest.mark.xdist_group("doors")

#: Who is signed in costs the browser session and the person's row.
WHO_IT_IS = 2
#: And so many questions at most whether they may open this page.
WHETHER_THEY_MAY = 2

#: Where a page's rule is made of several, which each ask for themselves. May only become fewer.
MORE_QUESTIONS = {
    "accounts:factors_reset": 3,
    "accounts:staff_change": 4,
    "outcomes:paper_sheet": 4,
    "outcomes:survey_plans": 3,
    "screening:another_look": 3,
    "sessions:answer": 3,
    "sessions:conversation": 3,
    "sessions:message_mute": 4,
    "sessions:message_redirect": 3,
    "sessions:message_remove": 4,
    "sessions:person_mute": 3,
    "sessions:person_remove": 3,
    "sessions:prepare": 3,
    "sessions:room": 3,
    "sessions:session_detail": 4,
    "sessions:who_came": 3,
}
#: Of one passkey, by its number.
OF_ONE_PASSKEY = {"mfa_remove_webauthn", "mfa_edit_webauthn"}
#: allauth answers these before it reads a form: there is nothing to confirm.
NOTHING_TO_POST: set[str] = set()
#: Whoever holds their token knows that there is something, and is told that it has ended.
BY_TOKEN = {"sessions:checkin", "my_data:copy", "my_data:copy_all", "my_data:copy_to_read"}

#: Posted to without a token. Each says above its view why.
WITHOUT_TOKEN = {"accounts:mails_stop", "pages:quick_exit", "sessions:answer"}


@dataclass
class Asked:
    """Which questions to the database were about who somebody is and what they may."""

    who: list[str] = field(default_factory=list)
    whether: list[str] = field(default_factory=list)

    def note(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        """A wrapper of each statement. What it is for, the functions that led to it tell."""
        functions = list(_our_functions())
        if any(name.startswith(("navigation.", "errors.", "health.")) for name in functions):
            pass  # what the page shows
        elif not any("views" in name or name.startswith("pages.") for name in functions):
            if sql.startswith("SELECT"):
                self.who.append(sql[:60])
        elif any(_IS_A_CHECK(name) for name in functions):
            self.whether.append(functions[0])
        return execute(sql, *args)


_IS_A_CHECK = re.compile(r"\w*rules\.(check|may)_").match
_ROOT = f"{settings.BASE_DIR}/"


def _our_functions() -> Iterator[str]:
    frame = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_ROOT) and "/.venv/" not in path and "/tests/" not in path:
            yield f"{Path(path).stem}.{frame.f_code.co_name}"
        frame = frame.f_back


@contextmanager
def counted() -> Iterator[Asked]:
    asked = Asked()
    with connection.execute_wrapper(asked.note):
        yield asked


def _is_a_no(response: HttpResponse) -> bool:
    """Refused, not there, or sent to sign in."""
    leads = response.headers.get("HX-Redirect") or response.headers.get("Location", "")
    return response.status_code in (403, 404) or leads.startswith(reverse("account_login"))


def _ways(door: Door, name: str) -> set[str]:
    if name in BOTH_WAYS:
        return {"GET", "HEAD", "POST"}
    return {"GET", "HEAD"} if door.method == "GET" else {"POST"}


@pytest.mark.parametrize("name", DOORS)
def test_door(name: str, town: Town) -> None:
    """Exactly those get in that the table names, and every answer carries every header."""
    door, address = DOORS[name], town.address(name)
    got_in = set()
    refused = [who for who in town.cast if who not in door.who]
    for who in town.cast:
        # One of those who do not get in asks for the whole page, the others for a part of it.
        with counted() as asked:
            response = town.send(who, door.method, address, part=who in refused[1:])
        assert response.status_code < 500
        open_to_all = name.startswith("outreach:export_")
        wrong = wrong_with(response, signed_in=who != "visitor", open_to_all=open_to_all)
        assert wrong == [], who
        assert len(asked.who) <= WHO_IT_IS, asked.who
        if not _is_a_no(response):
            got_in.add(who)
            if door.method == "GET":
                assert len(asked.whether) <= MORE_QUESTIONS.get(name, WHETHER_THEY_MAY), (
                    asked.whether
                )
    assert got_in == door.who


@pytest.mark.parametrize("name", DOORS)
def test_no_other_way_in(name: str, town: Town) -> None:
    """Neither by another method nor without a token."""
    door, address = DOORS[name], town.address(name)
    ways = _ways(door, name)
    response = town.send("member", "PUT", address, part=True)
    assert response.status_code == 405, "say which methods the view takes"
    assert set(response["Allow"].split(", ")) == ways, "is it a page and a form: BOTH_WAYS?"

    other_ways = ways - {"HEAD", door.method}
    for who, method in itertools.product(town.cast.keys() - door.who, other_ways):
        response = town.send(who, method, address, part=True)
        assert _is_a_no(response), f"{who} got in by {method}: {response.status_code}"

    for who in sorted(door.who)[:1] if "POST" in ways else []:
        response = town.send(who, "POST", address, part=True, strict=True)
        without_token = response.status_code == 403 and b"open for a long time" in response.content
        assert without_token == (name not in WITHOUT_TOKEN)
        response = town.send(who, "POST", address)
        assert response.status_code < 500, "an empty form breaks it"


@pytest.mark.parametrize("name", sorted(OPEN_OF_ALLAUTH | CLOSED_OF_ALLAUTH))
def test_door_of_allauth(name: str, town: Town) -> None:
    """Who signs somebody in under another's account sends a form too: the token is asked for."""
    address = reverse(name, args=[1] if name in OF_ONE_PASSKEY else [])
    for who in ("visitor", "outsider"):
        response = town.send(who, "GET", address)
        assert wrong_with(response, signed_in=who != "visitor") == []
        to_sign_in = _is_a_no(response) and "?next=" in response.headers.get("Location", "")
        if who == "visitor":
            assert to_sign_in == (name in CLOSED_OF_ALLAUTH)
        response = town.send(who, "POST", address, part=True, strict=True)
        assert response.status_code in (302, 403, 404, 405)
        if response.status_code == 302:
            assert name in CLOSED_OF_ALLAUTH or name in NOTHING_TO_POST, response["Location"]


#: A group's address is known to everybody once it is listed: this one is not.
HIDDEN = "hidden-circle"


def test_what_belongs_to_others_is_as_if_it_were_not(town: Town) -> None:
    """A stranger who guesses an id or a name gets, to the letter, what an id of nothing gets."""
    world = town.world
    factories.group(organisation=world.organisation, slug=HIDDEN, lifecycle="draft")
    strangers = {"other_coordinator", "outsider"}
    nothing = {who: town.send(who, "GET", "/nothing/", part=True).content for who in strangers}
    for name, door in DOORS.items():
        given = [HIDDEN if each == world.group.slug else each for each in door.at(world)]
        if not given or name in BY_TOKEN or (strangers & door.who and HIDDEN not in given):
            continue
        # The outsider has a past in the other group.
        for who in strangers if HIDDEN in given else {"other_coordinator"}:
            address = reverse(name, args=given)
            response = town.send(who, door.method, address, part=True)
            assert response.status_code == 404, f"{name} tells {who} that it is there"
            assert response.content == nothing[who], name


#: Doors that are tried elsewhere, because nobody of the cast gets in.
ONES_OWN_ALONE = {"accounts:recovery_codes_file", "accounts:passkey_remove"}


def test_which_doors_are_staffs_follows_from_who_gets_in() -> None:
    of_staff = {
        name
        for name, door in DOORS.items()
        if not door.who - {"facilitator", "coordinator", "other_coordinator"}
    }
    closing = {name for name in DOORS if is_staff_page(name)}
    assert closing == of_staff - OF_A_SESSION - ONES_OWN_ALONE
    assert all(name.startswith("sessions:") for name in OF_A_SESSION)


def test_staff_who_are_overdue_get_nowhere_as_staff(town: Town) -> None:
    """Each of staff's doors leads to setting up a second factor, and each session's says so."""
    long_ago = timezone.now() - timedelta(days=30)
    with transaction.atomic():
        User.objects.update(second_factor_due_at=long_ago)
        open_to = set()
        for name, door in DOORS.items():
            who = "facilitator" if "facilitator" in door.who else "coordinator"
            if who not in door.who or not (is_staff_page(name) or name in OF_A_SESSION):
                continue
            response = town.send(who, door.method, town.address(name))
            if response.get("Location") == reverse("mfa_index"):
                continue
            said = response.content.decode()
            if response.status_code != 403 or reverse("mfa_index") not in said:
                open_to.add((name, who, response.status_code))
        transaction.set_rollback(True)
    assert open_to == set()
