"""How a questionnaire is scored, in words that a coordinator can check against the source."""

from collections.abc import Sequence
from dataclasses import dataclass

from instruments.schema import (
    Band,
    Condition,
    Cutoff,
    Definition,
    Direction,
    Item,
    Method,
    MissingRule,
    Option,
    Reliability,
    RiskRule,
    Scoring,
    ShowIf,
)

_METHODS = {
    Method.SUM: "The points of the answers are added up.",
    Method.MEAN: "The mean of the answered questions, to two decimals.",
    Method.NONE: "There is no total. Each scale stands for itself.",
    Method.OUTCOMES: "There are no points. The answers lead to one of the outcomes below.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """The total, or one scale."""

    title: str
    how: tuple[str, ...]
    bands: tuple[Band, ...]
    cutoffs: tuple[Cutoff, ...]
    reliability: Reliability | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as people see it."""

    item: Item
    #: Empty where every question has the same answers.
    options: tuple[Option, ...]
    #: When it is asked, if not always.
    when: str


def parts_of(definition: Definition) -> list[Part]:
    """The total first, then each scale."""
    total = Part(
        title="Total",
        how=_how(definition.scoring, definition.items, definition.direction),
        bands=definition.bands,
        cutoffs=definition.cutoffs,
        reliability=definition.reliability,
    )
    return [total] + [
        Part(
            title=scale.title,
            how=(
                f"Made of {_questions(scale.items, definition)}.",
                *_how(scale.scoring, scale.items, scale.direction),
            ),
            bands=scale.bands,
            cutoffs=scale.cutoffs,
            reliability=scale.reliability,
        )
        for scale in definition.scales
    ]


def _how(scoring: Scoring, items: Sequence[Item], direction: Direction) -> tuple[str, ...]:
    if not scoring.gives_points:
        return (_METHODS[scoring.method],)
    words = [_METHODS[scoring.method]]
    if scoring.times != 1:
        words.append(f"The sum is multiplied by {scoring.times}.")
    if scoring.table is not None:
        words.append("The sum is looked up in the table of the authors.")
    better = "better" if direction is Direction.HIGHER_IS_BETTER else "worse"
    words.append(
        f"It lies between {scoring.minimum:g} and {scoring.maximum:g}; higher is {better}."
    )
    words.append(_missing(scoring))
    return tuple(words)


def _missing(scoring: Scoring) -> str:
    if scoring.missing_rule is MissingRule.NONE_ALLOWED:
        said = "Every question is needed: without one of them there is no score."
    else:
        n = scoring.max_missing
        said = (
            f"{'One missing answer is' if n == 1 else f'Up to {n} missing answers are'} estimated "
            f"by the mean of the others. With more there is no score."
        )
    if scoring.needs_scales:
        said += " Each scale must have a score of its own."
    return f"{said} {scoring.missing_source}"


def reversed_in_words(definition: Definition) -> str:
    """Which questions count from the other end; empty for none."""
    reverse = [item for item in definition.items if item.reverse]
    if not reverse:
        return ""
    many = len(reverse) > 1
    words = _questions(reverse, definition)
    return f"{words[0].upper()}{words[1:]} count{'' if many else 's'} from the other end."


def _questions(items: Sequence[Item], definition: Definition) -> str:
    numbers = [str(definition.items.index(item) + 1) for item in items]
    if len(numbers) == 1:
        return f"question {numbers[0]}"
    return f"questions {', '.join(numbers[:-1])} and {numbers[-1]}"


def asked_in(definition: Definition) -> list[Asked]:
    """The questions in order. Answers that all of them share are left to `shared_options`."""
    shared = shared_options(definition)
    return [
        Asked(item, () if item.options == shared else item.options, _when(item, definition))
        for item in definition.all_items
    ]


def shared_options(definition: Definition) -> tuple[Option, ...]:
    """The answers that most scored questions have, if there is more than one question."""
    options = [item.options for item in definition.items]
    shared = max(options, key=options.count)
    return shared if options.count(shared) > 1 else ()


def _when(item: Item, definition: Definition) -> str:
    if item.show_if is ShowIf.ANY_SCORED_ITEM_ABOVE_ZERO:
        return "Asked when any answer above counts more than 0."
    return _condition(item.condition, definition) if item.condition else ""


def _condition(condition: Condition, definition: Definition) -> str:
    numbers = [definition.all_items.index(definition.item(name)) + 1 for name in condition.items]
    first = definition.item(condition.items[0])
    labels = [o.label for o in first.options if o.value in condition.values]
    whose = "each of the questions" if condition.every else "any of the questions"
    if len(numbers) == 1:
        asked = f"question {numbers[0]}"
    else:
        asked = f"{whose} {', '.join(map(str, numbers))}"
    return f"Asked when the answer to {asked} is {' or '.join(f'“{label}”' for label in labels)}."


def risk_in_words(rule: RiskRule, definition: Definition) -> str:
    """What sets off a risk rule."""
    if rule.total_at_least is not None:
        return f"A total of {rule.total_at_least} or more"
    number = [item.id for item in definition.all_items].index(rule.item or "") + 1
    if rule.declined:
        return f"Question {number} was not answered"
    return f"An answer to question {number} that counts {rule.at_least} or more"
