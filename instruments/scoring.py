"""Scoring of answer sheets: pure functions of a definition and the answers.

An answer sheet maps item ids to values of the item's options. `None` says *rather not say*; an id
that is not there has not been asked or answered yet. Both are missing for the total. Only a
declined item (`None`), never one that has not been reached, sets off a `declined` risk rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from instruments.schema import Definition, Item, MissingRule, RiskRule, ShowIf

type Answers = Mapping[str, int | None]


class InvalidAnswers(ValueError):
    """An answer sheet names an unknown item or holds a value that the item does not offer."""


@dataclass(frozen=True, slots=True)
class Score:
    """The result of one answer sheet.

    `total` is in points of the instrument, or `None` when too much is missing. `missing` holds the
    ids of scored items without an answer, in their order. `prorated` says that `total` was
    estimated from the answered items.
    """

    total: int | None
    band: str | None
    missing: tuple[str, ...]
    prorated: bool


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
    """The items to show, in order, given the answers so far (conditions of extra items apply)."""
    return definition.items + tuple(
        item for item in definition.extra_items if _is_shown(definition, item, answers)
    )


def is_complete(definition: Definition, answers: Answers) -> bool:
    """Whether every item to ask has been dealt with: answered or declined."""
    return all(item.id in answers for item in items_to_ask(definition, answers))


def score(definition: Definition, answers: Answers) -> Score:
    """Score `answers`. Raises `InvalidAnswers` for a sheet that the instrument cannot have."""
    check_answers(definition, answers)
    given = [v for item in definition.items if (v := answers.get(item.id)) is not None]
    missing = tuple(item.id for item in definition.items if answers.get(item.id) is None)
    if not missing:
        total: int | None = sum(given)
    elif (
        definition.scoring.missing_rule is MissingRule.PRORATE
        and len(missing) <= definition.scoring.max_missing
    ):
        total = _round_half_up(sum(given) * len(definition.items), len(given))
    else:
        total = None
    return Score(
        total=total,
        band=None if total is None else definition.band_of(total),
        missing=missing,
        prorated=total is not None and bool(missing),
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
    if item.show_if is ShowIf.ANY_SCORED_ITEM_ABOVE_ZERO:
        return any((answers.get(scored.id) or 0) > 0 for scored in definition.items)
    return True


def _applies(rule: RiskRule, answers: Answers, total: int) -> bool:
    if rule.total_at_least is not None:
        return total >= rule.total_at_least
    if rule.item is None or rule.item not in answers:
        return False
    value = answers[rule.item]
    if value is None:
        return rule.declined
    return rule.at_least is not None and value >= rule.at_least


def _total_for_risk(definition: Definition, answers: Answers) -> int:
    """The least total that these answers already amount to."""
    sure = sum(
        value if (value := answers.get(item.id)) is not None else min(item.values)
        for item in definition.items
    )
    if all(item.id in answers for item in definition.items):
        return max(sure, score(definition, answers).total or sure)
    return sure


def _round_half_up(numerator: int, denominator: int) -> int:
    """Whole-number rounding; Python's `round` would send 2.5 to 2 and 3.5 to 4."""
    return (2 * numerator + denominator) // (2 * denominator)
