"""The content of a definition, as a file or a database row holds it: the way back from `parse`."""

from collections.abc import Iterable
from typing import Any

from instruments.schema import (
    Administration,
    Band,
    Condition,
    Cutoff,
    Definition,
    Item,
    Method,
    MissingRule,
    Option,
    Points,
    Reliability,
    RiskRule,
    Scale,
    Scoring,
    ShowIf,
)


def content_of(definition: Definition) -> dict[str, Any]:
    """What `schema.parse` reads to this very definition, fit for JSON."""
    content: dict[str, Any] = {
        "code": definition.code,
        "version": definition.version,
        "language": definition.language,
        "title": definition.title,
        "measures": definition.measures,
        "direction": definition.direction.value,
        "recall": definition.recall,
        "stem": definition.stem,
        "advice": definition.advice,
        "licence": {
            "id": definition.licence.id,
            "notice": definition.licence.notice,
            "source": definition.licence.source,
            "terms": definition.licence.terms,
        },
        "opening_items": _items(definition.opening_items),
        "items": _items(definition.items),
        "extra_items": _items(definition.extra_items),
        "scoring": _scoring(definition.scoring),
        "scales": [_scale(scale) for scale in definition.scales],
        "outcomes": [
            {
                "id": outcome.id,
                "label": outcome.label,
                "meaning": outcome.meaning,
                "when": [_condition(condition) for condition in outcome.when],
            }
            for outcome in definition.outcomes
        ],
        "bands": _bands(definition.bands),
        "cutoffs": _cutoffs(definition.cutoffs),
        "risk_rules": [_risk_rule(rule) for rule in definition.risk_rules],
    }
    if definition.administration is not Administration.SELF_REPORT:
        content["administration"] = definition.administration.value
    if not definition.shows_bands:
        content["shows_bands"] = False
    if definition.loinc:
        content["loinc"] = _without_nothing(
            panel=definition.loinc.panel,
            total=definition.loinc.total,
            notice=definition.loinc.notice,
        )
    if definition.reliability:
        content["reliability"] = _reliability(definition.reliability)
    content["licence"] = _without_empty(content["licence"])
    return _without_empty(content, keep=("items", "risk_rules"))


def _without_empty(content: dict[str, Any], *, keep: Iterable[str] = ()) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key in keep or value not in ("", [])}


def _without_nothing(**content: Any) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value is not None}


def _number(points: Points) -> int | float:
    return points if isinstance(points, int) else float(points)


def _options(options: Iterable[Option]) -> list[dict[str, Any]]:
    return [
        _without_nothing(value=option.value, label=option.label, loinc=option.loinc)
        for option in options
    ]


def _condition(condition: Condition) -> dict[str, Any]:
    content = {"items": list(condition.items), "values": sorted(condition.values)}
    return content | ({"every": True} if condition.every else {})


def _items(items: Iterable[Item]) -> list[dict[str, Any]]:
    found = []
    for item in items:
        content = _without_nothing(
            id=item.id,
            text=item.text,
            options=_options(item.options),
            loinc=item.loinc,
            when_not_asked=item.when_not_asked,
        )
        if item.reverse:
            content["reverse"] = True
        if item.condition is not None:
            content["show_if"] = _condition(item.condition)
        elif item.show_if is not ShowIf.ALWAYS:
            content["show_if"] = item.show_if.value
        found.append(content)
    return found


def _scoring(scoring: Scoring) -> dict[str, Any]:
    if scoring.method in (Method.NONE, Method.OUTCOMES):
        return {"method": scoring.method.value}
    missing: dict[str, Any] = {
        "rule": scoring.missing_rule.value,
        "source": scoring.missing_source,
        "confirmed": scoring.missing_confirmed,
    }
    if scoring.missing_rule is not MissingRule.NONE_ALLOWED:
        missing["max_missing"] = scoring.max_missing
    if scoring.needs_scales:
        missing["needs_scales"] = True
    content: dict[str, Any] = {
        "method": scoring.method.value,
        "range": [_number(scoring.minimum), _number(scoring.maximum)],
        "missing": missing,
    }
    if scoring.times != 1:
        content["times"] = scoring.times
    if scoring.table is not None:
        content["table"] = {str(raw): _number(points) for raw, points in scoring.table.items()}
    return content


def _scale(scale: Scale) -> dict[str, Any]:
    content: dict[str, Any] = {
        "id": scale.id,
        "title": scale.title,
        "direction": scale.direction.value,
        "items": [item.id for item in scale.items],
        "scoring": _scoring(scale.scoring),
        "bands": _bands(scale.bands),
        "cutoffs": _cutoffs(scale.cutoffs),
    }
    if scale.reliability:
        content["reliability"] = _reliability(scale.reliability)
    return _without_empty(content)


def _bands(bands: Iterable[Band]) -> list[dict[str, Any]]:
    return [
        {"from": _number(band.low), "to": _number(band.high), "label": band.label} for band in bands
    ]


def _cutoffs(cutoffs: Iterable[Cutoff]) -> list[dict[str, Any]]:
    return [
        _without_nothing(
            id=cutoff.id,
            at_least=_number(cutoff.at_least),
            meaning=cutoff.meaning,
            source=cutoff.source,
            confirmed=cutoff.confirmed,
            population=cutoff.population,
        )
        for cutoff in cutoffs
    ]


def _reliability(reliability: Reliability) -> dict[str, Any]:
    return _without_nothing(
        sd=reliability.sd,
        sd_source=reliability.sd_source,
        coefficient=reliability.coefficient,
        coefficient_kind=reliability.coefficient_kind,
        coefficient_source=reliability.coefficient_source,
        recovery_cutoff=reliability.recovery_cutoff,
        recovery_cutoff_source=reliability.recovery_cutoff_source,
        confirmed=reliability.confirmed,
    )


def _risk_rule(rule: RiskRule) -> dict[str, Any]:
    content = _without_nothing(
        id=rule.id,
        level=rule.level.value,
        show_help=rule.show_help,
        reason=rule.reason,
        item=rule.item,
        at_least=rule.at_least,
        total_at_least=rule.total_at_least,
    )
    return content | ({"declined": True} if rule.declined else {})
