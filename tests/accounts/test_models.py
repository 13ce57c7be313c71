"""What the database refuses about people and organisations."""

from datetime import time

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests import factories


@pytest.fixture
def refuses(db):
    """Fails unless the database refuses with the named constraint."""

    def check(constraint, write):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            write()

    return check


def test_an_address_is_one_account_in_any_spelling(refuses):
    factories.user(email="river@example.org")
    refuses("accounts_user_email_unique", lambda: factories.user(email="River@Example.org"))


def test_quiet_hours_are_whole_and_reminders_apart(refuses):
    for fields in (
        {"quiet_from": time(22)},
        {"quiet_until": time(7)},
        {"quiet_from": time(7), "quiet_until": time(7)},
    ):
        refuses("accounts_user_quiet_hours_whole", lambda fields=fields: factories.user(**fields))
    for fields in ({"day_before_minutes": 60}, {"hour_before_minutes": 360}):
        refuses("accounts_user_reminders_apart", lambda fields=fields: factories.user(**fields))


def test_small_cells_are_at_least_five(refuses):
    refuses("accounts_organisation_smallest_cell", lambda: factories.organisation(smallest_cell=1))


def test_roles_are_known_and_given_once(refuses):
    role = factories.staff_role(on_call_position=1)
    refuses("accounts_staffrole_role_known", lambda: factories.staff_role(role="king"))
    refuses(
        "accounts_staffrole_once",
        lambda: factories.staff_role(user=role.user, organisation=role.organisation),
    )
    refuses(
        "accounts_staffrole_on_call_once",
        lambda: factories.staff_role(organisation=role.organisation, on_call_position=1),
    )
    refuses(
        "accounts_staffrole_told_after_asked",
        lambda: factories.staff_role(told_at=timezone.now()),
    )


def test_nobody_is_called_by_their_address(db):
    assert str(factories.user(display_name="")) == "Someone new"
