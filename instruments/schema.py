"""The schema of an instrument definition: what a questionnaire is, as plain immutable data.

`parse` turns a mapping (from YAML, or from `Instrument.definition` in the database) into a
`Definition`, or raises `InvalidDefinition` with the place and the reason. A definition that parses
can be shown and scored without further checks. Nothing here knows Django, a group or a person.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

#: Points of a score: whole ones of a sum, decimal ones of a mean or a table.
type Points = int | Decimal

#: Instruments that nobody may reword, shorten or reorder (CC BY-ND): code and language -> wording.
PROTECTED = {
    ("core-10", "en"): "e8c2861f63eab1f5e528575fc79dcabd59bbb20f52bd22f9b95c30d90623aa68",
}

#: What the database and a page can hold. Whoever imports a questionnaire meets these first.
MOST_ITEMS, MOST_OPTIONS, FARTHEST_VALUE, MOST_POINTS = 200, 50, 1000, 99_999
_LONGEST_CODE, _LONGEST_VERSION, _LONGEST_LANGUAGE = 40, 10, 10
_LONGEST_TITLE, _LONGEST_BAND, _LONGEST_PHRASE, _LONGEST_TEXT = 120, 40, 80, 5000

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ITEM_ID = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"[1-9][0-9]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class InvalidDefinition(ValueError):
    """A definition breaks the schema. The message names the place and the reason."""


class Direction(StrEnum):
    """What a higher total means for the person."""

    HIGHER_IS_WORSE = "higher_is_worse"
    HIGHER_IS_BETTER = "higher_is_better"


class Administration(StrEnum):
    """Who asks the questions."""

    #: A form may ask them.
    SELF_REPORT = "self_report"
    #: A trained person asks them, and no form does.
    BY_A_PERSON = "by_a_person"


class Method(StrEnum):
    """What is made of the answers."""

    SUM = "sum"
    #: Of the answered items, to two decimals, rounded half up.
    MEAN = "mean"
    #: No total: the scales stand for themselves.
    NONE = "none"
    #: No total: one of the named outcomes.
    OUTCOMES = "outcomes"


class ShowIf(StrEnum):
    """Conditions under which an extra item is asked."""

    ALWAYS = "always"
    ANY_SCORED_ITEM_ABOVE_ZERO = "any_scored_item_above_zero"


class MissingRule(StrEnum):
    """What happens to the total when items were not answered."""

    NONE_ALLOWED = "none_allowed"
    #: Total = mean of the answered items × number of items, rounded half up.
    PRORATE = "prorate"


class RiskLevel(StrEnum):
    """How a person must react to a risk rule."""

    #: A named person looks at it the same day.
    REVIEW = "review"
    #: Nothing was said; a person may ask again.
    ASK_AGAIN = "ask_again"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to choose: its value in the score, its exact label, its LOINC answer code."""

    value: int
    label: str
    loinc: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """That any of some items, or every one, was answered with one of some values."""

    items: tuple[str, ...]
    values: frozenset[int]
    every: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One question with exact wording. Items with `scored=False` never enter the total.

    A reversed item counts from the other end of its options. An item with a `condition` is asked
    when it holds; once it is known not to hold, `when_not_asked` counts instead of an answer.
    """

    id: str
    text: str
    options: tuple[Option, ...]
    loinc: str | None = None
    scored: bool = True
    show_if: ShowIf = ShowIf.ALWAYS
    reverse: bool = False
    condition: Condition | None = None
    when_not_asked: int | None = None

    @property
    def values(self) -> frozenset[int]:
        """The values an answer may have, beside `None` for *rather not say*."""
        return frozenset(option.value for option in self.options)

    def points(self, value: int) -> int:
        """What this answer counts in a score."""
        return min(self.values) + max(self.values) - value if self.reverse else value

    def label_of(self, value: int) -> str:
        """The exact wording of the answer with this value. Raises `KeyError` for another value."""
        for option in self.options:
            if option.value == value:
                return option.label
        raise KeyError(value)


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms. `notice` must stand, word for word, wherever the items are shown.

    What an organisation must accept before it may ask this stands in `terms`; empty for nothing.
    """

    id: str
    notice: str
    source: str
    terms: str = ""


@dataclass(frozen=True, slots=True)
class Loinc:
    """Codes of the panel and the total, with the notice that LOINC asks for."""

    panel: str
    total: str | None
    notice: str


@dataclass(frozen=True, slots=True)
class Scoring:
    """How items become points, between `minimum` and `maximum`, the transformation included.

    A sum is multiplied by `times`, or looked up in `table` (raw sum -> points).
    """

    method: Method
    minimum: Points
    maximum: Points
    missing_rule: MissingRule
    max_missing: int
    missing_source: str
    missing_confirmed: bool
    times: int = 1
    table: Mapping[int, Decimal] | None = None
    #: Whether a total also needs the score of every scale, so that no part is all estimate.
    needs_scales: bool = False

    @property
    def gives_points(self) -> bool:
        return self.method in (Method.SUM, Method.MEAN)


@dataclass(frozen=True, slots=True)
class Band:
    """A named stretch of the points, both ends included."""

    low: Points
    high: Points
    label: str


@dataclass(frozen=True, slots=True)
class Cutoff:
    """Points from which on something is said about them, of whom, and who says so."""

    id: str
    at_least: Points
    meaning: str
    source: str
    confirmed: bool
    #: For whom it holds, where it is not for everybody.
    population: str | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """A part of an instrument with a score of its own."""

    id: str
    title: str
    direction: "Direction"
    items: tuple[Item, ...]
    scoring: Scoring
    bands: tuple[Band, ...]
    cutoffs: tuple[Cutoff, ...]
    reliability: "Reliability | None" = None

    def band_of(self, points: Points) -> str | None:
        """The label of the band that holds `points`; `None` when the scale has no bands."""
        return _band_of(self.bands, points)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answers amount to when every condition holds; the first that applies counts."""

    id: str
    label: str
    meaning: str
    when: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Inputs of the reliable-change index, in points of the total or scale, with their sources.

    `confirmed=False` means that the organisation should check the figures before relying on them.
    """

    sd: float
    sd_source: str
    coefficient: float
    coefficient_kind: str
    coefficient_source: str
    recovery_cutoff: float | None
    recovery_cutoff_source: str | None
    confirmed: bool


@dataclass(frozen=True, slots=True)
class RiskRule:
    """When an answer or a total asks for a human's attention.

    Exactly one trigger is set: `at_least` (on `item`), `declined` (on `item`) or `total_at_least`.
    `show_help` means that the person sees help in their country at once.
    """

    id: str
    level: RiskLevel
    show_help: bool
    reason: str
    item: str | None = None
    at_least: int | None = None
    declined: bool = False
    total_at_least: int | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of one questionnaire in one language."""

    code: str
    version: str
    language: str
    title: str
    measures: str
    direction: Direction
    recall: str
    #: Empty where the questions need none.
    stem: str
    administration: Administration
    #: What an organisation should know before it asks this; empty for nothing.
    advice: str
    #: Whether people may read the name of the band of their own score with nobody beside them.
    shows_bands: bool
    licence: Licence
    loinc: Loinc | None
    #: Asked first, outside the score.
    opening_items: tuple[Item, ...]
    items: tuple[Item, ...]
    extra_items: tuple[Item, ...]
    scoring: Scoring
    scales: tuple[Scale, ...]
    outcomes: tuple[Outcome, ...]
    bands: tuple[Band, ...]
    cutoffs: tuple[Cutoff, ...]
    reliability: Reliability | None
    risk_rules: tuple[RiskRule, ...]

    @property
    def higher_is_worse(self) -> bool:
        """Whether a higher total means that the person is worse off."""
        return self.direction is Direction.HIGHER_IS_WORSE

    @property
    def all_items(self) -> tuple[Item, ...]:
        """Scored and other items, in the order in which they are asked."""
        return self.opening_items + self.items + self.extra_items

    @property
    def has_total(self) -> bool:
        """Whether the answers make one number."""
        return self.scoring.gives_points

    def item(self, item_id: str) -> Item:
        """The item with this id. Raises `KeyError` when there is none."""
        for item in self.all_items:
            if item.id == item_id:
                return item
        raise KeyError(item_id)

    def stem_before(self, item: Item) -> str:
        """The words that introduce this item: the extra ones at the end stand for themselves."""
        return "" if item in self.extra_items else self.stem

    def band_of(self, total: Points) -> str | None:
        """The label of the band that holds `total`; `None` when the definition has no bands."""
        return _band_of(self.bands, total)

    def wording(self) -> str:
        """A fingerprint of everything that a person reads, in its order."""
        parts = [self.stem]
        for item in self.all_items:
            parts += [item.text, *(f"{option.value} {option.label}" for option in item.options)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _band_of(bands: Iterable[Band], points: Points) -> str | None:
    """Between two bands, as 2.995 is between 2.99 and 3, the lower one goes on."""
    found = [band.label for band in bands if band.low <= points]
    return found[-1] if found else None


def parse(content: Mapping[str, Any], *, origin: str = "definition") -> Definition:
    """Check `content` against the schema and return it as a `Definition`.

    `origin` (a file name, say) opens every message. Raises `InvalidDefinition`.
    """
    node = _Node(content, origin)
    options = _options(node, required=False)
    opening, items, extra = (
        tuple(
            _item(child, options, scored=key == "items")
            for child in node.nodes(key, required=key == "items")
        )
        for key in ("opening_items", "items", "extra_items")
    )
    everything = opening + items + extra
    node.refuse_unless(bool(items), "needs at least one item")
    node.refuse_unless(len(everything) <= MOST_ITEMS, f"has more than {MOST_ITEMS} items")
    _refuse_repeats(node, (item.id for item in everything), "item id")
    _refuse_unknown_conditions(node, everything)
    scoring = _scoring(node.node("scoring"), items)
    direction = Direction(node.choice("direction", Direction))
    definition = Definition(
        code=node.text("code", pattern=_CODE, most=_LONGEST_CODE),
        version=node.text("version", pattern=_VERSION, most=_LONGEST_VERSION),
        language=node.text("language", pattern=_LANGUAGE, most=_LONGEST_LANGUAGE),
        title=node.text("title", most=_LONGEST_TITLE),
        measures=node.text("measures", most=_LONGEST_PHRASE),
        direction=direction,
        recall=node.text("recall", most=_LONGEST_PHRASE),
        stem=node.optional_text("stem") or "",
        administration=_administration(node),
        advice=node.optional_text("advice") or "",
        shows_bands=node.boolean("shows_bands") if node.has("shows_bands") else True,
        licence=_licence(node.node("licence")),
        loinc=_loinc(node.node("loinc")) if node.has("loinc") else None,
        opening_items=opening,
        items=items,
        extra_items=extra,
        scoring=scoring,
        scales=_scales(node, items, direction),
        outcomes=_outcomes(node, items),
        bands=_bands(node, scoring),
        cutoffs=_cutoffs(node, scoring),
        reliability=_reliability(node.node("reliability"), scoring)
        if node.has("reliability")
        else None,
        risk_rules=_risk_rules(node, everything, scoring),
    )
    node.refuse_unknown_keys()
    node.refuse_unless(
        scoring.method is not Method.NONE or definition.scales, "without a total it needs scales"
    )
    node.refuse_unless(
        not scoring.needs_scales or definition.scales, "needs_scales has no scales to need"
    )
    node.refuse_unless(
        (scoring.method is Method.OUTCOMES) == bool(definition.outcomes),
        "needs outcomes exactly when its method is outcomes",
    )
    protected = PROTECTED.get((definition.code, definition.language))
    node.refuse_unless(
        protected in (None, definition.wording()),
        f"the licence of {definition.code} allows nobody to reword, shorten or reorder it",
    )
    return definition


class _Node:
    """A mapping with its place in the definition, read key by key so that errors can name it."""

    def __init__(self, content: Any, place: str):
        self.place = place
        if not isinstance(content, Mapping):
            raise InvalidDefinition(f"{place}: must be a mapping, not {_kind(content)}.")
        self.content = content
        self.read: set[str] = set()

    def has(self, key: str) -> bool:
        self.read.add(key)
        return self.content.get(key) is not None

    def value(self, key: str) -> Any:
        if not self.has(key):
            raise InvalidDefinition(f"{self.place}: {key} is missing.")
        return self.content[key]

    def text(
        self, key: str, *, pattern: re.Pattern[str] | None = None, most: int = _LONGEST_TEXT
    ) -> str:
        value = self.value(key)
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, f"must be text, not {_kind(value)}")
        if value != value.strip():
            self.refuse(key, "must not begin or end with white space")
        if "\0" in value:
            self.refuse(key, "must not hold a null character")
        if pattern and not pattern.fullmatch(value):
            self.refuse(key, f"must look like {pattern.pattern}, not {value!r:.60}")
        if len(value) > most:
            self.refuse(key, f"must not be longer than {most} characters")
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def choice(self, key: str, allowed: Collection[str]) -> str:
        value = self.text(key)
        if value not in set(allowed):
            self.refuse(key, f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def integer(self, key: str, *, low: int | None = None, high: int | None = None) -> int:
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(key, f"must be a whole number, not {_kind(value)}")
        if (low is not None and value < low) or (high is not None and value > high):
            self.refuse(key, f"must be between {low} and {high}, not {value}")
        return value

    def number(self, key: str) -> float:
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, f"must be a number, not {_kind(value)}")
        if not -MOST_POINTS <= value <= MOST_POINTS:  # nor NaN
            self.refuse(key, f"must be between {-MOST_POINTS} and {MOST_POINTS}")
        return value

    def points(self, key: str, scoring: Scoring) -> Points:
        """A number that a score can be."""
        points: Points = (
            self.integer(key)
            if isinstance(scoring.maximum, int)
            else Decimal(str(self.number(key)))
        )
        if not scoring.minimum <= points <= scoring.maximum:
            self.refuse(key, f"must be between {scoring.minimum} and {scoring.maximum}")
        return points

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.value(key)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.refuse(key, f"must be a list of texts, not {_kind(value)}")
        return tuple(value)

    def boolean(self, key: str) -> bool:
        value = self.value(key)
        if not isinstance(value, bool):
            self.refuse(key, f"must be true or false, not {_kind(value)}")
        return value

    def node(self, key: str) -> "_Node":
        return _Node(self.value(key), f"{self.place}: {key}")

    def nodes(self, key: str, *, required: bool = True) -> list["_Node"]:
        if not required and not self.has(key):
            return []
        value = self.value(key)
        if not isinstance(value, list):
            self.refuse(key, f"must be a list, not {_kind(value)}")
        return [_Node(child, f"{self.place}: {key}[{n}]") for n, child in enumerate(value)]

    def refuse(self, key: str, reason: str) -> None:
        raise InvalidDefinition(f"{self.place}: {key} {reason}.")

    def refuse_unless(self, condition: object, reason: str) -> None:
        if not condition:
            raise InvalidDefinition(f"{self.place}: {reason}.")

    def refuse_unknown_keys(self) -> None:
        """A misspelt key must not pass for an absent one."""
        unknown = sorted(str(key) for key in self.content if key not in self.read)
        self.refuse_unless(not unknown, f"does not know {', '.join(unknown)}")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r:.60}"


def _refuse_repeats(node: _Node, values: Iterable[object], what: str) -> None:
    seen: set[object] = set()
    for value in values:
        node.refuse_unless(value not in seen, f"repeats the {what} {value!r}")
        seen.add(value)


def _options(node: _Node, *, required: bool) -> tuple[Option, ...]:
    options = []
    for child in node.nodes("options", required=required):
        options.append(
            Option(
                child.integer("value", low=-FARTHEST_VALUE, high=FARTHEST_VALUE),
                child.text("label"),
                child.optional_text("loinc"),
            )
        )
        child.refuse_unknown_keys()
    node.refuse_unless(len(options) <= MOST_OPTIONS, f"has more than {MOST_OPTIONS} options")
    _refuse_repeats(node, (option.value for option in options), "option value")
    return tuple(options)


def _item(node: _Node, shared_options: tuple[Option, ...], *, scored: bool) -> Item:
    options = _options(node, required=False) or shared_options
    node.refuse_unless(len(options) >= 2, "needs at least two options, its own or shared ones")
    show_if, condition = ShowIf.ALWAYS, None
    if node.has("show_if") and isinstance(node.content["show_if"], Mapping):
        condition = _condition(node.node("show_if"))
    elif not scored and node.has("show_if"):
        show_if = ShowIf(node.choice("show_if", ShowIf))
    item = Item(
        id=node.text("id", pattern=_ITEM_ID),
        text=node.text("text"),
        options=options,
        loinc=node.optional_text("loinc"),
        scored=scored,
        show_if=show_if,
        reverse=node.boolean("reverse") if scored and node.has("reverse") else False,
        condition=condition,
        when_not_asked=node.integer("when_not_asked")
        if condition and scored and node.has("when_not_asked")
        else None,
    )
    node.refuse_unless(
        item.when_not_asked is None or item.when_not_asked in item.values,
        "when_not_asked must be one of the options",
    )
    node.refuse_unknown_keys()
    return item


def _condition(node: _Node) -> Condition:
    """`items` and `values`, and `every: true` when each of the items must have one of them."""
    values = node.value("values")
    if not isinstance(values, list) or not all(type(each) is int for each in values):
        node.refuse("values", f"must be a list of whole numbers, not {_kind(values)}")
    condition = Condition(
        items=node.texts("items"),
        values=frozenset(values),
        every=node.boolean("every") if node.has("every") else False,
    )
    node.refuse_unless(condition.items and condition.values, "needs items and values")
    node.refuse_unknown_keys()
    return condition


def _refuse_unknown_conditions(node: _Node, items: tuple[Item, ...]) -> None:
    """A condition looks back: at items that were asked before, and at answers they offer."""
    before: dict[str, Item] = {}
    for item in items:
        if item.condition is not None:
            _refuse_impossible(node, item.condition, before, f"of {item.id}")
        before[item.id] = item


def _refuse_impossible(
    node: _Node, condition: Condition, known: Mapping[str, Item], whose: str
) -> None:
    for name in condition.items:
        node.refuse_unless(name in known, f"the condition {whose} names {name!r}, not asked before")
        node.refuse_unless(
            condition.values <= known[name].values,
            f"the condition {whose} names a value that {name} does not offer",
        )


def _administration(node: _Node) -> Administration:
    if not node.has("administration"):
        return Administration.SELF_REPORT
    return Administration(node.choice("administration", Administration))


def _licence(node: _Node) -> Licence:
    licence = Licence(
        node.text("id"),
        node.text("notice"),
        node.text("source"),
        node.optional_text("terms") or "",
    )
    node.refuse_unknown_keys()
    return licence


def _loinc(node: _Node) -> Loinc:
    loinc = Loinc(node.text("panel"), node.optional_text("total"), node.text("notice"))
    node.refuse_unknown_keys()
    return loinc


def _scoring(node: _Node, items: tuple[Item, ...]) -> Scoring:
    method = Method(node.choice("method", Method))
    if method in (Method.NONE, Method.OUTCOMES):
        node.refuse_unknown_keys()
        return Scoring(method, 0, 0, MissingRule.NONE_ALLOWED, 0, "", missing_confirmed=True)
    times = node.integer("times", low=1, high=FARTHEST_VALUE) if node.has("times") else 1
    table = _table(node, items) if node.has("table") else None
    limits = [_limit(min, items, method, times, table), _limit(max, items, method, times, table)]
    stated = node.value("range")
    node.refuse_unless(
        isinstance(stated, list) and [_decimal(each) for each in stated] == limits,
        f"range is {stated}, but the options allow [{limits[0]}, {limits[1]}]",
    )
    node.refuse_unless(
        -MOST_POINTS <= limits[0] <= limits[1] <= MOST_POINTS,
        "makes more points than can be stored",
    )
    missing = node.node("missing")
    rule = MissingRule(missing.choice("rule", MissingRule))
    max_missing = 0
    if rule is not MissingRule.NONE_ALLOWED:
        max_missing = missing.integer("max_missing", low=1, high=len(items) - 1)
    if rule is MissingRule.PRORATE or method is Method.MEAN:
        # With options of unequal span a mean of the others could leave an item's own limits.
        missing.refuse_unless(
            len({(min(i.values), max(i.values)) for i in items}) == 1,
            "prorating needs items with the same limits",
        )
    scoring = Scoring(
        method=method,
        minimum=limits[0],
        maximum=limits[1],
        missing_rule=rule,
        max_missing=max_missing,
        missing_source=missing.text("source"),
        missing_confirmed=missing.boolean("confirmed"),
        times=times,
        table=table,
        needs_scales=missing.boolean("needs_scales") if missing.has("needs_scales") else False,
    )
    missing.refuse_unknown_keys()
    node.refuse_unknown_keys()
    return scoring


def _limit(
    end: Any, items: tuple[Item, ...], method: Method, times: int, table: Mapping[int, Any] | None
) -> Points:
    """The least or most points that the options allow; `end` is `min` or `max`."""
    if method is Method.MEAN:
        return Decimal(end(end(item.values) for item in items))
    raw: int = sum(end(item.values) for item in items)
    return end(table.values()) if table else raw * times


def _table(node: _Node, items: tuple[Item, ...]) -> Mapping[int, Decimal]:
    """Raw sum -> points. A gap would leave somebody without a score.

    The sums may be written as texts, as JSON has them.
    """
    content = node.value("table")
    node.refuse_unless(isinstance(content, Mapping), "table must be a mapping")
    raw = range(
        sum(min(item.values) for item in items), sum(max(item.values) for item in items) + 1
    )
    found = {str(key): _decimal(value) for key, value in content.items()}
    node.refuse_unless(
        set(found) == {str(each) for each in raw},
        f"table must have every sum from {raw[0]} to {raw[-1]}",
    )
    points = [found[str(each)] for each in raw]
    node.refuse_unless(None not in points, "table must have a number for each sum")
    table = dict(zip(raw, cast(list[Decimal], points), strict=True))
    node.refuse_unless(list(table.values()) == sorted(table.values()), "table must not go down")
    return table


def _decimal(value: object) -> Decimal | None:
    """The number as it is written; None for whatever is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return number if (number := Decimal(str(value))).is_finite() else None


def _scales(node: _Node, items: tuple[Item, ...], direction: Direction) -> tuple[Scale, ...]:
    by_id = {item.id: item for item in items}
    scales = []
    for child in node.nodes("scales", required=False):
        names = child.texts("items")
        unknown = [name for name in names if name not in by_id]
        child.refuse_unless(names and not unknown, f"names unknown items {unknown}")
        _refuse_repeats(child, names, "item")
        own = tuple(by_id[name] for name in names)
        scoring = _scoring(child.node("scoring"), own)
        child.refuse_unless(scoring.gives_points, "a scale is a sum or a mean")
        scales.append(
            Scale(
                id=child.text("id", pattern=_CODE),
                title=child.text("title"),
                direction=Direction(child.choice("direction", Direction))
                if child.has("direction")
                else direction,
                items=own,
                scoring=scoring,
                bands=_bands(child, scoring),
                cutoffs=_cutoffs(child, scoring),
                reliability=_reliability(child.node("reliability"), scoring)
                if child.has("reliability")
                else None,
            )
        )
        child.refuse_unknown_keys()
    _refuse_repeats(node, (scale.id for scale in scales), "scale id")
    return tuple(scales)


def _outcomes(node: _Node, items: tuple[Item, ...]) -> tuple[Outcome, ...]:
    by_id = {item.id: item for item in items}
    outcomes = []
    for child in node.nodes("outcomes", required=False):
        outcome = Outcome(
            id=child.text("id", pattern=_CODE),
            label=child.text("label", most=_LONGEST_BAND),
            meaning=child.text("meaning"),
            when=tuple(_condition(condition) for condition in child.nodes("when")),
        )
        child.refuse_unless(bool(outcome.when), "needs at least one condition")
        for condition in outcome.when:
            _refuse_impossible(child, condition, by_id, f"of {outcome.id}")
        child.refuse_unknown_keys()
        outcomes.append(outcome)
    _refuse_repeats(node, (outcome.id for outcome in outcomes), "outcome id")
    return tuple(outcomes)


def _bands(node: _Node, scoring: Scoring) -> tuple[Band, ...]:
    """Bands follow one another: whole points without a gap, others without going back."""
    bands: list[Band] = []
    for child in node.nodes("bands", required=False):
        band = Band(
            child.points("from", scoring),
            child.points("to", scoring),
            child.text("label", most=_LONGEST_BAND),
        )
        begins = bands[-1].high + 1 if bands else scoring.minimum
        # Between points that are no whole numbers there is always a gap.
        follows = not isinstance(begins, int) and bands and band.low > bands[-1].high
        child.refuse_unless(
            (band.low == begins or follows) and band.high >= band.low,
            f"must begin at {begins} and not end before it begins",
        )
        child.refuse_unknown_keys()
        bands.append(band)
    node.refuse_unless(
        not bands or bands[-1].high == scoring.maximum,
        f"bands must end at {scoring.maximum}",
    )
    return tuple(bands)


def _cutoffs(node: _Node, scoring: Scoring) -> tuple[Cutoff, ...]:
    cutoffs = []
    for child in node.nodes("cutoffs", required=False):
        cutoffs.append(
            Cutoff(
                id=child.text("id", pattern=_CODE),
                at_least=child.points("at_least", scoring),
                meaning=child.text("meaning"),
                source=child.text("source"),
                confirmed=child.boolean("confirmed"),
                population=child.optional_text("population"),
            )
        )
        child.refuse_unknown_keys()
    _refuse_repeats(node, (cutoff.id for cutoff in cutoffs), "cut-off id")
    return tuple(cutoffs)


def _reliability(node: _Node, scoring: Scoring) -> Reliability:
    sd, coefficient = node.number("sd"), node.number("coefficient")
    node.refuse_unless(sd > 0, "sd must be above 0")
    node.refuse_unless(0 < coefficient < 1, "coefficient must be between 0 and 1")
    cutoff = cutoff_source = None
    if node.has("recovery_cutoff"):
        cutoff = node.number("recovery_cutoff")
        cutoff_source = node.text("recovery_cutoff_source")
        node.refuse_unless(
            scoring.minimum <= cutoff <= scoring.maximum,
            "recovery_cutoff must lie in the range of the total",
        )
    reliability = Reliability(
        sd=sd,
        sd_source=node.text("sd_source"),
        coefficient=coefficient,
        coefficient_kind=node.text("coefficient_kind"),
        coefficient_source=node.text("coefficient_source"),
        recovery_cutoff=cutoff,
        recovery_cutoff_source=cutoff_source,
        confirmed=node.boolean("confirmed"),
    )
    node.refuse_unknown_keys()
    return reliability


def _risk_rules(node: _Node, items: tuple[Item, ...], scoring: Scoring) -> tuple[RiskRule, ...]:
    """`risk_rules` must be there even when empty: silence about risk is never an oversight."""
    rules = tuple(_risk_rule(child, items, scoring) for child in node.nodes("risk_rules"))
    _refuse_repeats(node, (rule.id for rule in rules), "risk rule id")
    return rules


def _risk_rule(node: _Node, items: tuple[Item, ...], scoring: Scoring) -> RiskRule:
    triggers = [key for key in ("at_least", "declined", "total_at_least") if node.has(key)]
    node.refuse_unless(
        len(triggers) == 1, "needs exactly one of at_least, declined, total_at_least"
    )
    trigger = triggers[0]
    node.refuse_unless(
        trigger != "total_at_least" or (scoring.method is Method.SUM and scoring.table is None),
        "a rule on the total needs a plain sum",
    )
    item = None
    if trigger == "total_at_least":
        node.refuse_unless(not node.has("item"), "a rule on the total names no item")
    else:
        item = node.text("item")
        node.refuse_unless(item in {i.id for i in items}, f"names the unknown item {item!r}")
    rule = RiskRule(
        id=node.text("id", pattern=_CODE),
        level=RiskLevel(node.choice("level", RiskLevel)),
        show_help=node.boolean("show_help"),
        reason=node.text("reason"),
        item=item,
        at_least=node.integer("at_least") if trigger == "at_least" else None,
        declined=node.boolean("declined") if trigger == "declined" else False,
        total_at_least=cast(int, node.points("total_at_least", scoring))
        if trigger == "total_at_least"
        else None,
    )
    node.refuse_unless(trigger != "declined" or rule.declined, "declined can only be true")
    if rule.at_least is not None:
        values = next(i.values for i in items if i.id == item)
        node.refuse_unless(
            min(values) <= rule.at_least <= max(values),
            f"at_least {rule.at_least} is no possible answer",
        )
    node.refuse_unknown_keys()
    return rule
