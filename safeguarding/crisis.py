"""Help lines by country, from `crisis_lines.yaml`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from django.conf import settings

_FILE = Path(__file__).with_name("crisis_lines.yaml")


@dataclass(frozen=True)
class HelpLine:
    """One service. `call` and `text` are what a person dials or sends; either may be empty."""

    name: str
    call: str
    text: str


@dataclass(frozen=True)
class CrisisHelp:
    """Whom to call in one country. `lines` is empty where none is known: use the fallback."""

    country: str
    country_name: str
    emergency: str
    lines: tuple[HelpLine, ...]
    fallback_name: str
    fallback_url: str


@cache
def _all() -> dict[str, CrisisHelp]:
    content = yaml.safe_load(_FILE.read_text())
    fallback = content["fallback"]
    by_country: dict[str, list[dict]] = {}
    for line in content["lines"]:
        by_country.setdefault(line["country"], []).append(line)
    return {
        country: CrisisHelp(
            country=country,
            country_name=content["countries"][country],
            emergency=next((line["emergency"] for line in lines if line.get("emergency")), ""),
            lines=tuple(
                HelpLine(line["name"], line.get("call", ""), line.get("text", "")) for line in lines
            ),
            fallback_name=fallback["name"],
            fallback_url=fallback["url"],
        )
        for country, lines in by_country.items()
    }


def countries() -> list[tuple[str, str]]:
    """Code and name of every country with a known line, by name."""
    return sorted(
        ((code, found.country_name) for code, found in _all().items()), key=lambda pair: pair[1]
    )


def crisis_help(country: str) -> CrisisHelp:
    """Help for a country; for an unknown one only the international fallback."""
    known = _all()
    if country in known:
        return known[country]
    any_country = known[settings.DEFAULT_COUNTRY]
    return CrisisHelp(country, "", "", (), any_country.fallback_name, any_country.fallback_url)
