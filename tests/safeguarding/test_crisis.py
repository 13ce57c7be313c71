"""Help lines by country."""

import pytest

from safeguarding.crisis import countries, shipped_help
from tests import factories


def test_every_country_has_a_name_a_line_and_an_emergency_number():
    for code, name in countries():
        found = shipped_help(code)
        assert isinstance(code, str)
        assert (found.country, found.country_name) == (code, name)
        assert found.emergency
        assert found.lines
        assert all(line.call or line.text for line in found.lines)
        assert found.fallback_url.startswith("https://")


def test_an_unknown_country_gets_only_the_fallback():
    found = shipped_help("XX")

    assert (found.emergency, found.lines) == ("", ())
    assert found.fallback_name == "Find A Helpline"


@pytest.mark.parametrize(("country", "line"), [("GB", "116 123"), ("US", "988"), ("DE", "112")])
def test_every_page_shows_the_persons_own_country(client, db, country, line):
    person = factories.user(country=country)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")

    assert f"Call {line}" in client.get("/").content.decode()
