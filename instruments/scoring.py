"""Scoring of answer sheets: pure functions of a definition and the answers.

An answer sheet maps item ids to values of the item's options. `None` says *rather not say*; an id
that is not there has not been asked or answered yet. Both are missing for the total. Only a
declined item (`None`), never one that has not been reached, sets off a `declined` risk rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from instruments.schema import (
    Condition,
    Definition,
    Item,
    Method,
    Points,
    RiskRule,
    Scoring,
    ShowIf,
)

type Answers = Mapping[str, int | None]


class InvalidAnswers(ValueError):
    """An answer sheet names an unknown item or holds a value that the item does not offer."""


@dataclass(frozen=True, slots=True)
class ScaleScore:
    """The result of one scale: as a `Score`, for its own items."""

    id: str
    total: Points | None
    band: str | None
    missing: tuple[str, ...]
    prorated: bool


@dataclass(frozen=True, slots=True)
class Score:
    """The result of one answer sheet.

    `total` is in points of the instrument, or `None` when too much is missing, or the instrument
    makes none. `band` names the stretch that it lies in, or the outcome of an instrument that has
    outcomes. `missing` holds the ids of scored items without an answer, in their order. `prorated`
    says that `total` was estimated from the answered items.
    """

    total: Points | None
    band: str | None
    missing: tuple[str, ...]
    prorated: bool
    scales: tuple[ScaleScore, ...] = ()


def check_answers(definition: Definition, answers: Answers) -> None:
    """Raise `InvalidAnswers` unless every answer belongs to an item and is one of its options."""
    items = {item.id: item for item in definition.all_items}
    for item_id, value in answers.items():
        if item_id not in items:
            raise InvalidAnswers(f"{definition.code} has no item {item_id!r}.")
        # True == 1 in Python, but it is no answer.
        if value is not None and (type(value) is not int or value not in items[item_id].values):
            raise InvalidAnswers(f"{value!r} is no answer to {definition.code} {item_id}.")


def items_to_ask(definition: Definition, answers: Answers) -> tuple[Item, ...]:
    """The items to show, in order, given the answers so far (their conditions apply)."""
    return tuple(item for item in definition.all_items if _is_shown(definition, item, answers))


def is_complete(definition: Definition, answers: Answers) -> bool:
    """Whether every item to ask has been dealt with: answered or declined."""
    return all(item.id in answers for item in items_to_ask(definition, answers))


def score(definition: Definition, answers: Answers) -> Score:
    """Score `answers`. Raises `InvalidAnswers` for a sheet that the instrument cannot have."""
    check_answers(definition, answers)
    counted = {item.id: _counted(item, answers) for item in definition.items}
    missing = tuple(item.id for item in definition.items if counted[item.id] is None)
    scales = tuple(
        ScaleScore(
            id=scale.id,
            total=(points := _points(scale.scoring, scale.items, counted)),
            band=None if points is None else scale.band_of(points),
            missing=tuple(item.id for item in scale.items if counted[item.id] is None),
            prorated=points is not None and any(counted[i.id] is None for i in scale.items),
        )
        for scale in definition.scales
    )
    total = _points(definition.scoring, definition.items, counted)
    if definition.scoring.needs_scales and any(scale.total is None for scale in scales):
        total = None
    return Score(
        total=total,
        band=_outcome(definition, answers) if total is None else definition.band_of(total),
        missing=missing,
        prorated=total is not None and bool(missing),
        scales=scales,
    )


def triggered_risks(definition: Definition, answers: Answers) -> list[RiskRule]:
    """The risk rules that these answers set off, in the definition's order.

    Meant to be asked after every saved answer, so the sheet may be partial. A rule on an item looks
    at the answer itself, never at an estimate for it. A rule on the total applies as soon as the
    answered items alone reach it, and to the prorated total once every scored item has been dealt
    with. Raises `InvalidAnswers`.
    """
    check_answers(definition, answers)
    total = _total_for_risk(definition, answers)
    return [rule for rule in definition.risk_rules if _applies(rule, answers, total)]


def _is_shown(definition: Definition, item: Item, answers: Answers) -> bool:
    if item.condition is not None:
        return _holds(item.condition, answers)
    if item.show_if is ShowIf.ANY_SCORED_ITEM_ABOVE_ZERO:
        return any((answers.get(scored.id) or 0) > 0 for scored in definition.items)
    return True


def _holds(condition: Condition, answers: Answers) -> bool:
    found = [answers.get(name) in condition.values for name in condition.items]
    return all(found) if condition.every else any(found)


def _counted(item: Item, answers: Answers) -> int | None:
    """What an item adds to a score, or None when that is not known.

    An item whose condition is known not to hold counts as not asked, whatever was answered before
    that was known.
    """
    if item.condition is not None and not _holds(item.condition, answers):
        asked_before = [answers.get(name) for name in item.condition.items]
        return None if None in asked_before else item.when_not_asked
    value = answers.get(item.id)
    return None if value is None else item.points(value)


def _points(
    scoring: Scoring, items: tuple[Item, ...], counted: Mapping[str, int | None]
) -> Points | None:
    """Points of these items, or None when too many are missing, or there are none to make."""
    given = [value for item in items if (value := counted[item.id]) is not None]
    lacking = len(items) - len(given)
    if not scoring.gives_points or lacking > scoring.max_missing:
        return None
    if scoring.method is Method.MEAN:
        return (Decimal(sum(given)) / len(given)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    total = sum(given) if not lacking else _round_half_up(sum(given) * len(items), len(given))
    return scoring.table[total] if scoring.table else total * scoring.times


def _outcome(definition: Definition, answers: Answers) -> str | None:
    for outcome in definition.outcomes:
        if all(_holds(condition, answers) for condition in outcome.when):
            return outcome.label
    return None


def _applies(rule: RiskRule, answers: Answers, total: Points) -> bool:
    if rule.total_at_least is not None:
        return total >= rule.total_at_least
    if rule.item is None or rule.item not in answers:
        return False
    value = answers[rule.item]
    if value is None:
        return rule.declined
    return rule.at_least is not None and value >= rule.at_least


def _total_for_risk(definition: Definition, answers: Answers) -> Points:
    """The least total that these answers already amount to."""
    scoring = definition.scoring
    if scoring.method is not Method.SUM or scoring.table is not None:
        return 0  # no rule looks at it
    counted = {item.id: _counted(item, answers) for item in definition.items}
    sure = scoring.times * sum(
        value if (value := counted[item.id]) is not None else min(item.values)
        for item in definition.items
    )
    if all(item.id in answers for item in definition.items):
        return max(sure, score(definition, answers).total or sure)
    return sure


def _round_half_up(numerator: int, denominator: int) -> int:
    """Whole-number rounding; Python's `round` would send 2.5 to 2 and 3.5 to 4."""
    return (2 * numerator + denominator) // (2 * denominator)
