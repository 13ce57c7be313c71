"""Time zones and countries to choose from, as the time zone database lists them."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATABASE = files("tzdata") / "zoneinfo"


def _rows(name: str) -> list[list[str]]:
    lines = (_DATABASE / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@cache
def countries() -> list[tuple[str, str]]:
    """Code and name of every country, by name."""
    # The file's "Britain (UK)" is not what people look for under U.
    names = dict(_rows("iso3166.tab")) | {"GB": "United Kingdom", "US": "United States"}
    return sorted(names.items(), key=lambda pair: pair[1])


@cache
def _country_by_zone() -> dict[str, str]:
    known = {row[2]: row[0] for row in _rows("zone.tab")}
    # Browsers still report old names, for example Asia/Calcutta: "L <name> <old name>".
    for line in (_DATABASE / "tzdata.zi").read_text(encoding="utf-8").splitlines():
        if line.startswith("L "):
            _, name, old_name = line.split()
            if name in known:
                known.setdefault(old_name, known[name])
    return known


def country_of(time_zone: str) -> str:
    """The country (ISO 3166, two letters) whose clocks this zone shows, or "" when unclear."""
    return _country_by_zone().get(time_zone, "")


def time_zones_of(country: str) -> list[str]:
    """The names of a country's zones: one for most, several for the wide ones."""
    return [row[2] for row in _rows("zone.tab") if row[0] == country]


@cache
def time_zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every inhabited zone as (name, words), grouped by part of the world."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for row in _rows("zone.tab"):
        part, _, place = row[2].partition("/")
        words = ", ".join(reversed(place.replace("_", " ").split("/")))
        parts.setdefault(part, []).append((row[2], words))
    return [
        (part, sorted(zones, key=lambda pair: pair[1])) for part, zones in sorted(parts.items())
    ]


def is_time_zone(name: str) -> bool:
    """Whether this machine can tell the time there."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return bool(name)
