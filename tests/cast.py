"""The cast: the same eight people in every test, around one group of one organisation."""

from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.models import Organisation, User
from groups.models import SupportGroup
from tests import factories


@dataclass
class Person:
    """Somebody of the cast: the account (None for a visitor) and a browser signed in as them."""

    user: User | None
    client: Client


def signed_in(user: User) -> Person:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return Person(user, client)


@pytest.fixture
def organisation(db) -> Organisation:
    return factories.organisation(name="Harbour Network", slug="harbour-network")


@pytest.fixture
def group(organisation: Organisation) -> SupportGroup:
    """The group that the cast belongs to, or does not."""
    made = factories.group(organisation=organisation, name="Evening circle", slug="evening-circle")
    factories.screening_form(made)
    return made


@pytest.fixture
def visitor(db) -> Person:
    """Nobody has signed in."""
    return Person(None, Client())


@pytest.fixture
def outsider(db) -> Person:
    """Signed in; belongs to no group."""
    return signed_in(factories.user(display_name="Outsider"))


@pytest.fixture
def applicant(group: SupportGroup) -> Person:
    """Has sent an application to the group that nobody has decided."""
    person = factories.user(display_name="Applicant")
    factories.application(group, user=person, status="submitted")
    return signed_in(person)


@pytest.fixture
def member(group: SupportGroup) -> Person:
    """In good standing."""
    person = factories.user(display_name="Member")
    factories.member(group, user=person)
    return signed_in(person)


@pytest.fixture
def facilitator(group: SupportGroup) -> Person:
    """Leads the group."""
    person = factories.user(display_name="Facilitator")
    factories.staff_role(user=person, organisation=group.organisation, role="facilitator")
    factories.facilitator(group, user=person)
    return signed_in(person)


@pytest.fixture
def coordinator(organisation: Organisation) -> Person:
    """Coordinates the group's organisation, and is first on call."""
    person = factories.user(display_name="Coordinator")
    factories.staff_role(user=person, organisation=organisation, on_call_position=1)
    return signed_in(person)


@pytest.fixture
def other_coordinator(db) -> Person:
    """Coordinates another organisation."""
    person = factories.user(display_name="Other coordinator")
    factories.staff_role(user=person)
    return signed_in(person)


@pytest.fixture
def cast(
    visitor: Person,
    outsider: Person,
    applicant: Person,
    member: Person,
    facilitator: Person,
    coordinator: Person,
    other_coordinator: Person,
) -> dict[str, Person]:
    return {
        "visitor": visitor,
        "outsider": outsider,
        "applicant": applicant,
        "member": member,
        "facilitator": facilitator,
        "coordinator": coordinator,
        "other_coordinator": other_coordinator,
    }
