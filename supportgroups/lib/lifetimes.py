"""How long the rows of each table are kept, as `docs/data-retention.yaml` alone says it."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.conf import settings

from supportgroups.lib import yaml_file

REGISTER = settings.BASE_DIR / "docs" / "data-retention.yaml"

_IN_WORDS = {"one": 1, "two": 2, "three": 3, "six": 6}
_DAYS = {"day": 1, "days": 1, "year": 365, "years": 365}
_SPAN = re.compile(r"(\d+|one|two|three|six) (days?|years?)")


@dataclass(frozen=True)
class Keep:
    """What one line of `keep` says: when rows go, and how.

    Either a clock does it (`since` or `rule`), or they go with a row of another table, or by what
    somebody does.
    """

    label: str
    #: How long after `since`: rows are kept so long. Nothing for what goes at once.
    lasts: timedelta = timedelta()
    #: What waits for somebody is kept beyond that, so long at most.
    at_most: timedelta = timedelta()
    #: The field, or path of fields, from which the time counts.
    since: str = ""
    #: `app.module.function`: given the moment before which rows go, the rows that go.
    rule: str = ""
    #: The field in which an organisation or a group says how long; its rule reads it.
    says: str = ""
    #: Fields that are emptied, while the row stays.
    clears: tuple[str, ...] = ()
    #: `app.module.function` that does something else with the rows than delete them.
    then: str = ""
    #: The command of the tables' owner that does it; the application's role cannot.
    command: str = ""
    #: The model whose row takes these along.
    goes_with: str = ""
    #: Who or what ends it.
    until: str = ""

    @property
    def is_clock(self) -> bool:
        return bool(self.rule or self.since) and not self.command


def span(words: str) -> timedelta:
    """`30 days`, `two years`. A year has 365 days."""
    found = _SPAN.fullmatch(words)
    if found is None:
        raise ValueError(f"Not a time: {words}")
    number, unit = found.groups()
    return timedelta(days=(_IN_WORDS.get(number) or int(number)) * _DAYS[unit])


def _keep(label: str, line: dict[str, Any]) -> Keep:
    line = dict(line)
    clears = line.pop("clears", ())
    return Keep(
        label,
        lasts=span(line.pop("for", "0 days")),
        at_most=span(line.pop("at_most", "0 days")),
        clears=(clears,) if isinstance(clears, str) else tuple(clears),
        goes_with=line.pop("with", ""),
        **line,
    )


@cache
def register() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml_file.read(REGISTER)
    return found


def keeps(label: str) -> list[Keep]:
    """What the register says about the rows of one model. Nothing when it says nothing."""
    lines = register().get(label, {}).get("keep", [])
    return [_keep(label, line) for line in (lines if isinstance(lines, list) else [lines])]


def lifetime(label: str, rule: str = "") -> timedelta:
    """How long the clock of one model keeps its rows: the first, or the one with this rule."""
    return next(keep.lasts for keep in keeps(label) if keep.is_clock and rule in ("", keep.rule))


def longest(label: str) -> timedelta:
    """How long rows are kept at most that wait for somebody."""
    return next(keep.at_most for keep in keeps(label) if keep.at_most)
