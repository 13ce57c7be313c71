"""Public holidays to choose days off from. The library `holidays` knows the countries' laws."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import holidays

from sessions.models import DayOff

#: The library joins the names of holidays that fall on one day with this.
_APART = "; "
_LONGEST_NAME = DayOff._meta.get_field("name").max_length


@dataclass(frozen=True)
class Holiday:
    """One day on which a country, or a part of it, does not work."""

    day: date
    name: str


@cache
def _countries() -> Mapping[str, list[str]]:
    """Codes of the countries that the library knows, each with the codes of its parts."""
    return holidays.list_supported_countries(include_aliases=False)


def regions(country: str) -> list[tuple[str, str]]:
    """Code and name of a country's parts whose holidays differ; empty where none are known."""
    codes = _countries().get(country, [])
    if not codes:
        return []
    aliases = holidays.country_holidays(country).get_subdivision_aliases()
    names = {code: (aliases.get(code) or [code])[0] for code in codes}
    return sorted(names.items(), key=lambda pair: pair[1].casefold())


def _language(country: str) -> str | None:
    """English where the library has it, else the country's own language."""
    spoken = holidays.list_localized_countries().get(country, [])
    return next((code for code in spoken if code.startswith("en")), None)


def public_holidays(country: str, *, since: date, until: date, region: str = "") -> list[Holiday]:
    """The public holidays in [since, until) in order; none for a country nobody has listed.

    A region that the country does not have counts as none: what all of the country has.
    """
    if country not in _countries():
        return []
    found = holidays.country_holidays(
        country,
        subdiv=region if region in _countries()[country] else None,
        years=range(since.year, until.year + 1),
        language=_language(country),
    )
    return [
        Holiday(day, " and ".join(name.split(_APART))[:_LONGEST_NAME])
        for day, name in sorted(found.items())
        if since <= day < until
    ]


def next_year(today: date) -> date:
    """The end of the twelve months from `today` on that are offered."""
    return today + timedelta(days=366)
