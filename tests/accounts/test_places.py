"""Zones and countries to choose from."""

from zoneinfo import ZoneInfo

import pytest

from accounts import places


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Europe/London", "GB"),
        ("America/New_York", "US"),
        ("Australia/Sydney", "AU"),
        ("Asia/Kolkata", "IN"),
        ("Asia/Calcutta", "IN"),  # as browsers still call it
        ("UTC", ""),
        ("Mars/Olympus", ""),
    ],
)
def test_country_of(zone, country):
    assert places.country_of(zone) == country


def test_every_zone_to_choose_is_known_to_this_machine():
    zones = [name for _, part in places.time_zones() for name, _ in part]

    assert len(zones) == len(set(zones)) > 350
    for name in zones:
        assert ZoneInfo(name).key == name


def test_countries_have_codes_and_names():
    assert ("GB", "United Kingdom") in places.countries()
    assert len(places.countries()) > 240


@pytest.mark.parametrize(
    ("name", "known"),
    [("Europe/London", True), ("", False), ("/etc/passwd", False), ("../x", False), ("x\0", False)],
)
def test_is_time_zone(name, known):
    assert places.is_time_zone(name) is known
