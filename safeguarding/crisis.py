"""Help lines by country: those that come with the software, and those an organisation confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer
from groups.models import Membership
from safeguarding.models import CountryLine, CountryLines
from supportgroups.lib import yaml_file

_FILE = Path(__file__).with_name("crisis_lines.yaml")


@dataclass(frozen=True)
class HelpLine:
    """One service. `call` and `text` are what a person dials or sends; either may be empty."""

    name: str
    call: str
    text: str
    hours: str = ""
    url: str = ""


@dataclass(frozen=True)
class CrisisHelp:
    """Whom to call in one country. `lines` is empty where none is known: use the fallback.

    Nobody's confirmation holds for most countries: then the fallback stands beside the lines.
    """

    country: str
    country_name: str
    emergency: str
    lines: tuple[HelpLine, ...]
    fallback_name: str
    fallback_url: str


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml_file.read(_FILE)
    return content


@cache
def _all() -> dict[str, CrisisHelp]:
    content = _content()
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


def review_days() -> int:
    """How long a confirmation holds, unless a coordinator chooses another day."""
    return int(_content()["review_every_days"])


def countries() -> list[tuple[str, str]]:
    """Code and name of every country with a known line, by name."""
    return sorted(
        ((code, found.country_name) for code, found in _all().items()), key=lambda pair: pair[1]
    )


def shipped_help(country: str) -> CrisisHelp:
    """The software's own lines; for an unknown country only the international fallback."""
    known = _all()
    if country in known:
        return known[country]
    fallback = _content()["fallback"]
    return CrisisHelp(country, "", "", (), fallback["name"], fallback["url"])


def crisis_help(user: Viewer, organisation: Organisation | None = None) -> CrisisHelp:
    """Help lines for where this person is; the organisation's country where that is not known.

    As the organisation keeps them: without one, whichever the person belongs to, or the only one.
    """
    rows = _kept_for(user, organisation).select_related("lines")
    return kept_help(_country_of(user, organisation), list(rows))


def lines_beside(user: User) -> ArraySubquery:
    """What `crisis_help` would ask for, as a part of another query. Read with `help_beside`."""
    names = ("lines_id", "name", "call", "text", "hours", "url")
    kept = {"emergency": F("lines__emergency"), "review_until": F("lines__review_until")}
    return ArraySubquery(
        _kept_for(user, None).values(json=JSONObject(**{n: F(n) for n in names}, **kept))
    )


def help_beside(user: User, rows: Sequence[Mapping[str, Any]]) -> CrisisHelp:
    """Help lines from what `lines_beside` found."""
    found = []
    for row in rows:
        values = dict(row)
        until, emergency = values.pop("review_until"), values.pop("emergency")
        own = CountryLines(
            pk=UUID(values.pop("lines_id")),
            emergency=emergency,
            review_until=date.fromisoformat(until) if until else None,
        )
        found.append(CountryLine(lines=own, **values))
    return kept_help(_country_of(user, None), found)


def _country_of(user: Viewer, organisation: Organisation | None) -> str:
    country = user.country if user.is_authenticated else ""
    return country or (organisation.country if organisation else settings.DEFAULT_COUNTRY)


def _kept_for(user: Viewer, organisation: Organisation | None) -> QuerySet[CountryLine]:
    """Lines that may hold for this person, those to use first."""
    if organisation is not None:
        kept_by = Q(lines__organisation=organisation)
    else:
        others = Organisation.objects.exclude(pk=OuterRef("lines__organisation"))
        kept_by = Q(~Exists(others))
        if user.is_authenticated:
            here = OuterRef("lines__organisation")
            kept_by |= Q(
                Exists(Membership.objects.open().filter(user=user, group__organisation=here))
            ) | Q(Exists(StaffRole.objects.filter(user=user, organisation=here)))
    return CountryLine.objects.filter(
        kept_by, lines__country=_country_of(user, organisation)
    ).order_by(F("lines__confirmed_at").desc(nulls_last=True), "lines_id", "position")


def kept_help(country: str, rows: Sequence[CountryLine]) -> CrisisHelp:
    """What the lines of the first organisation make of the shipped ones."""
    shipped = shipped_help(country)
    if not rows:
        return shipped
    kept = rows[0].lines
    holds = kept.holds_on(timezone.localdate())
    return CrisisHelp(
        country=country,
        country_name=shipped.country_name,
        emergency=kept.emergency,
        lines=tuple(
            HelpLine(row.name, row.call, row.text, row.hours, row.url)
            for row in rows
            if row.lines_id == kept.pk
        ),
        fallback_name="" if holds else shipped.fallback_name,
        fallback_url="" if holds else shipped.fallback_url,
    )
