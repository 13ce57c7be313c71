"""Answer sheets that add up to a given total, spread over the items as people tend to answer."""

import random
from collections.abc import Sequence

from instruments.schema import Definition
from instruments.scoring import Answers, items_to_ask

#: How readily people say yes to an item, against the others: tiredness and sleep come first,
#: thoughts of self-harm last.
_READINESS = {
    "phq-9": (8.0, 9.0, 10.0, 12.0, 7.0, 8.0, 7.0, 4.0, 0.35),
    "gad-7": (11.0, 9.0, 11.0, 9.0, 6.0, 8.0, 7.0),
}


def answer_sheet(definition: Definition, total: int, rng: random.Random) -> dict[str, int | None]:
    """Answers to every item that is asked, whose scored items sum to `total`."""
    weights = list(_READINESS[definition.code])
    given = _spread(total, weights, max(definition.items[0].values), rng)
    answers: dict[str, int | None] = {
        item.id: value for item, value in zip(definition.items, given, strict=True)
    }
    for item in items_to_ask(definition, answers):
        if item.id not in answers:
            # How hard it makes the day follows the total, roughly.
            share = total / float(definition.scoring.maximum)
            answers[item.id] = min(3, max(0, round(share * 3 + rng.gauss(0, 0.5))))
    return answers


def decline_one(
    definition: Definition, answers: Answers, rng: random.Random
) -> dict[str, int | None]:
    """The same sheet with one item answered by "I would rather not say"; never a risk item."""
    watched = {rule.item for rule in definition.risk_rules}
    item = rng.choice([item.id for item in definition.items if item.id not in watched])
    return {**answers, item: None}


def _spread(total: int, weights: Sequence[float], highest: int, rng: random.Random) -> list[int]:
    """`total` points over the items, none above `highest`, heavier ones first."""
    given = [0] * len(weights)
    left = list(weights)
    for _ in range(total):
        (place,) = rng.choices(range(len(left)), left)
        given[place] += 1
        if given[place] == highest:
            left[place] = 0.0
    return given
