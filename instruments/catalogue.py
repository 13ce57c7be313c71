"""The definitions that come with the software, read from `instruments/definitions/*.yaml`.

What a stored answer sheet was scored with is the `Instrument` row it points to; the catalogue is
where rows come from.
"""

from functools import cache
from pathlib import Path
from typing import Any

from instruments.schema import Definition, InvalidDefinition, parse
from supportgroups.lib import yaml_file

DIRECTORY = Path(__file__).parent / "definitions"


class UnknownInstrument(LookupError):
    """No shipped definition has this code, version and language."""


def get(code: str, *, version: str | None = None, language: str = "en") -> Definition:
    """The shipped definition; without `version` the newest. Raises `UnknownInstrument`."""
    found = [
        definition
        for definition in all_definitions()
        if definition.code == code
        and definition.language == language
        and version in (None, definition.version)
    ]
    if not found:
        raise UnknownInstrument(f"No instrument {code} {version or ''} in {language}.")
    return max(found, key=lambda definition: int(definition.version))


def all_definitions() -> tuple[Definition, ...]:
    """Every shipped definition, old versions included, by code and version."""
    return tuple(definition for definition, _ in _load(DIRECTORY))


def all_contents() -> tuple[tuple[Definition, dict[str, Any]], ...]:
    """Every shipped definition with the raw content that it was parsed from."""
    return _load(DIRECTORY)


@cache
def _load(directory: Path) -> tuple[tuple[Definition, dict[str, Any]], ...]:
    found: dict[tuple[str, str, str], tuple[Definition, dict[str, Any]]] = {}
    for path in sorted(directory.glob("*.yaml")):
        content = yaml_file.read(path)
        definition = parse(content, origin=path.name)
        key = (definition.code, definition.language, definition.version)
        if key in found:
            raise InvalidDefinition(f"{path.name}: {' '.join(key)} stands in another file too.")
        found[key] = definition, content
    return tuple(found[key] for key in sorted(found, key=lambda k: (k[0], k[1], int(k[2]))))
