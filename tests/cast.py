"""The cast: the same eight people in every test, around one group of one organisation."""

import time
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


def signed_in(user: User, *, confirmed: bool = True) -> Person:
    """In a browser that has just shown that it is still them, unless told otherwise."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    if confirmed:
        confirm(client, user)
    return Person(user, client)


def confirm(client: Client, user: User) -> None:
    """What entering a fresh code does, for as long as a test takes."""
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "code", "at": time.time() + 3600, "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def make_organisation() -> Organisation:
    return factories.organisation(name="Harbour Network", slug="harbour-network")


def make_group(organisation: Organisation) -> SupportGroup:
    made = factories.group(organisation=organisation, name="Evening circle", slug="evening-circle")
    factories.screening_form(made)
    return made


def make_outsider() -> Person:
    return signed_in(factories.user(display_name="Outsider"))


def make_applicant(group: SupportGroup) -> Person:
    person = factories.user(display_name="Applicant")
    factories.application(group, user=person, status="submitted")
    return signed_in(person)


def make_member(group: SupportGroup) -> Person:
    person = factories.user(display_name="Member")
    factories.member(group, user=person)
    return signed_in(person)


def make_facilitator(group: SupportGroup) -> Person:
    person = factories.user(display_name="Facilitator")
    factories.staff_role(user=person, organisation=group.organisation, role="facilitator")
    factories.facilitator(group, user=person)
    return signed_in(person)


def make_coordinator(organisation: Organisation) -> Person:
    person = factories.user(display_name="Coordinator")
    factories.staff_role(user=person, organisation=organisation, on_call_position=1)
    return signed_in(person)


def make_other_coordinator() -> Person:
    person = factories.user(display_name="Other coordinator")
    factories.staff_role(user=person)
    return signed_in(person)


def make_cast(group: SupportGroup) -> dict[str, Person]:
    """All of them, where a test needs more than a fixture's lifetime."""
    return {
        "visitor": Person(None, Client()),
        "outsider": make_outsider(),
        "applicant": make_applicant(group),
        "member": make_member(group),
        "facilitator": make_facilitator(group),
        "coordinator": make_coordinator(group.organisation),
        "other_coordinator": make_other_coordinator(),
    }


@pytest.fixture
def organisation(db) -> Organisation:
    return make_organisation()


@pytest.fixture
def group(organisation: Organisation) -> SupportGroup:
    """The group that the cast belongs to, or does not."""
    return make_group(organisation)


@pytest.fixture
def visitor(db) -> Person:
    """Nobody has signed in."""
    return Person(None, Client())


@pytest.fixture
def outsider(db) -> Person:
    """Signed in; belongs to no group."""
    return make_outsider()


@pytest.fixture
def applicant(group: SupportGroup) -> Person:
    """Has sent an application to the group that nobody has decided."""
    return make_applicant(group)


@pytest.fixture
def member(group: SupportGroup) -> Person:
    """In good standing."""
    return make_member(group)


@pytest.fixture
def facilitator(group: SupportGroup) -> Person:
    """Leads the group."""
    return make_facilitator(group)


@pytest.fixture
def coordinator(organisation: Organisation) -> Person:
    """Coordinates the group's organisation, and is first on call."""
    return make_coordinator(organisation)


@pytest.fixture
def other_coordinator(db) -> Person:
    """Coordinates another organisation."""
    return make_other_coordinator()


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
