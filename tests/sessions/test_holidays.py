"""Public holidays to choose days off from."""

from datetime import date

import pytest

from accounts.places import countries
from sessions import holidays

YEAR = {"since": date(2026, 11, 22), "until": date(2027, 11, 22)}


def names(country: str, **fields: object) -> dict[date, str]:
    found = holidays.public_holidays(country, **(YEAR | fields))
    return {holiday.day: holiday.name for holiday in found}


def test_public_holidays_come_in_order_and_within_the_time_asked_for():
    days = list(names("GB"))

    assert days == sorted(days)
    assert days[0] == date(2026, 12, 25)
    assert days[-1] == date(2027, 5, 31)
    assert names("GB", since=date(2026, 12, 25), until=date(2026, 12, 25)) == {}


def test_a_part_of_the_country_has_more_of_them():
    assert date(2027, 3, 29) not in names("GB")
    assert names("GB", region="ENG")[date(2027, 3, 29)] == "Easter Monday"
    assert names("GB", region="SCT")[date(2026, 11, 30)] == "Saint Andrew's Day"


def test_names_are_english_where_the_library_has_them():
    assert names("DE")[date(2027, 10, 3)] == "German Unity Day"


@pytest.mark.parametrize("country", ["", "ZZ", "gb"])
def test_a_country_nobody_has_listed_has_none(country):
    assert names(country) == {}
    assert holidays.regions(country) == []


def test_an_unknown_region_counts_as_none():
    assert names("GB", region="Atlantis") == names("GB")


def test_regions_have_names():
    assert holidays.regions("GB") == [
        ("ENG", "England"),
        ("NIR", "Northern Ireland"),
        ("SCT", "Scotland"),
        ("WLS", "Wales"),
    ]


@pytest.mark.parametrize("country", [code for code, _ in countries()])
def test_every_country_one_can_choose_gives_an_answer(country):
    for day, name in names(country).items():
        assert YEAR["since"] <= day < YEAR["until"]
        assert 0 < len(name) <= 80
    assert all(code and name for code, name in holidays.regions(country))
