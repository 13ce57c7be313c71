"""`manage.py create_organisation`: what the operator types and reads."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organisation
from tests import factories


def test_it_makes_an_organisation_in_its_zone(db, capsys):
    call_command(
        "create_organisation",
        "Harbour  Support",
        coordinator="alex@example.org",
        time_zone="Europe/Dublin",
        country="ie",
    )

    made = Organisation.objects.get()
    assert (made.name, made.country) == ("Harbour Support", "IE")
    assert "alex@example.org coordinates it." in capsys.readouterr().out


def test_without_more_it_is_where_the_installation_is(db):
    call_command("create_organisation", "Harbour", coordinator="alex@example.org")

    made = Organisation.objects.get()
    assert (made.time_zone, made.country) == ("Europe/London", "GB")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"coordinator": "alex"}, "not an e-mail address"),
        ({"country": "XX"}, "No country"),
        ({"time_zone": "Mars/Base"}, "No time zone"),
        ({"country": "US"}, "no zone of its own, or several"),
        ({}, "of this name already"),
    ],
)
def test_what_it_cannot_do_it_says(db, typed, words):
    factories.organisation(name="Harbour", slug="harbour")

    with pytest.raises(CommandError, match=words):
        call_command(
            "create_organisation", "Harbour", **{"coordinator": "alex@example.org", **typed}
        )
