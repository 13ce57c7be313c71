"""Every door of `tests/test_access.py`, tried by everybody of the cast."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from supportgroups.second_factor import OF_A_SESSION, is_staff_page
from tests.cast import Person, make_cast, make_group, make_organisation
from tests.test_access import DOORS, World

type Town = tuple[dict[str, Person], World]

# One world serves them all, so all of them run in one worker.
pytestmark = pytest.mark.xdist_group("doors")


@pytest.fixture(scope="module")
def town(django_db_setup: None, django_db_blocker: Any) -> Iterator[Town]:
    """The cast and their world, in a transaction that is undone after the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        group = make_group(make_organisation())
        cast = make_cast(group)
        yield cast, World(cast, group)
        transaction.set_rollback(True)
    connection.close()


def _gets_in(client: Client, address: str, method: str) -> bool:
    client.raise_request_exception = True
    response = client.get(address) if method == "GET" else client.post(address, {})
    if response.status_code == 302 and response["Location"].startswith(reverse("account_login")):
        return False
    assert response.status_code < 500
    return response.status_code not in (403, 404)


@pytest.mark.parametrize("name", DOORS)
def test_door(name: str, town: Town) -> None:
    """What one of them did, signing out included, is undone for the next."""
    cast, world = town
    door = DOORS[name]
    address = reverse(name, args=door.at(world))
    got_in = set()
    for who, person in cast.items():
        cookies = copy.deepcopy(person.client.cookies)
        with transaction.atomic():
            if _gets_in(person.client, address, door.method):
                got_in.add(who)
            transaction.set_rollback(True)
        person.client.cookies = cookies
    assert got_in == door.who


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
    cast, world = town
    long_ago = timezone.now() - timedelta(days=30)
    with transaction.atomic():
        User.objects.update(second_factor_due_at=long_ago)
        open_to = set()
        for name, door in DOORS.items():
            who = "facilitator" if "facilitator" in door.who else "coordinator"
            if who not in door.who or not (is_staff_page(name) or name in OF_A_SESSION):
                continue
            client = cast[who].client
            address = reverse(name, args=door.at(world))
            response = client.get(address) if door.method == "GET" else client.post(address, {})
            if response.get("Location") == reverse("mfa_index"):
                continue
            said = response.content.decode()
            if response.status_code != 403 or reverse("mfa_index") not in said:
                open_to.add((name, who, response.status_code))
        transaction.set_rollback(True)
    assert open_to == set()
