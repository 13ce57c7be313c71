"""How an organisation begins."""

import pytest

from accounts import actions
from accounts.models import StaffRole, User
from audit.models import Event
from supportgroups.lib.refusals import Refused
from tests import factories

WHERE = {"time_zone": "Europe/Dublin", "country": "IE", "by": None}


def test_create_organisation_makes_a_coordinator_who_is_on_call(db):
    organisation = actions.create_organisation(
        name="Harbour Support", coordinator="alex@example.org", **WHERE
    )

    assert (organisation.slug, organisation.time_zone) == ("harbour-support", "Europe/Dublin")
    role = StaffRole.objects.get(organisation=organisation)
    assert (role.role, role.on_call_position) == ("coordinator", 1)
    assert (role.user.email, role.user.country) == ("alex@example.org", "IE")
    assert not role.user.has_usable_password()
    assert set(Event.objects.values_list("verb", flat=True)) == {
        "organisation.created",
        "account.opened",
    }


def test_create_organisation_takes_the_account_that_is_there(db):
    person = factories.user(email="alex@example.org")

    actions.create_organisation(name="Harbour", coordinator="Alex@Example.org", **WHERE)

    assert User.objects.get().staff_roles.get().user == person


@pytest.mark.parametrize(
    ("name", "reason"), [("harbour  SUPPORT", "name_taken"), ("!!", "no_letters")]
)
def test_create_organisation_needs_a_name_of_its_own(db, name, reason):
    factories.organisation(name="Harbour Support", slug="harbour-support")

    with pytest.raises(Refused) as refused:
        actions.create_organisation(name=name, coordinator="alex@example.org", **WHERE)

    assert refused.value.reason == reason
    assert not User.objects.exists()
