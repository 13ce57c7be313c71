"""Every door of `tests/test_access.py`, tried by everybody of the cast."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

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
