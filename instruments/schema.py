"""The schema of an instrument definition: what a questionnaire is, as plain immutable data.

`parse` turns a mapping (from YAML, or from `Instrument.definition` in the database) into a
`Definition`, or raises `InvalidDefinition` with the place and the reason. A definition that parses
can be shown and scored without further checks. Nothing here knows Django, a group or a person.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ITEM_ID = re.compile(r"[a-z][a-z0-9_]*")
_VERSION = re.compile(r"[1-9][0-9]*")


class InvalidDefinition(ValueError):
    """A definition breaks the schema. The message names the place and the reason."""


class Direction(StrEnum):
    """What a higher total means for the person."""

    HIGHER_IS_WORSE = "higher_is_worse"
    HIGHER_IS_BETTER = "higher_is_better"


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
class Item:
    """One question with exact wording. Items with `scored=False` never enter the total."""

    id: str
    text: str
    options: tuple[Option, ...]
    loinc: str | None = None
    scored: bool = True
    show_if: ShowIf = ShowIf.ALWAYS

    @property
    def values(self) -> frozenset[int]:
        """The values an answer may have, beside `None` for *rather not say*."""
        return frozenset(option.value for option in self.options)

    def label_of(self, value: int) -> str:
        """The exact wording of the answer with this value. Raises `KeyError` for another value."""
        for option in self.options:
            if option.value == value:
                return option.label
        raise KeyError(value)


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms. `notice` must stand, word for word, wherever the items are shown."""

    id: str
    notice: str
    source: str


@dataclass(frozen=True, slots=True)
class Loinc:
    """Codes of the panel and the total, with the notice that LOINC asks for."""

    panel: str
    total: str | None
    notice: str


@dataclass(frozen=True, slots=True)
class Scoring:
    """How the total is made: the sum of the scored items, between `minimum` and `maximum`."""

    method: str
    minimum: int
    maximum: int
    missing_rule: MissingRule
    max_missing: int
    missing_source: str
    missing_confirmed: bool


@dataclass(frozen=True, slots=True)
class Band:
    """A named stretch of the total, both ends included."""

    low: int
    high: int
    label: str


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A total from which on something is said about it, and who says so."""

    id: str
    at_least: int
    meaning: str
    source: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Reliability:
    """Inputs of the reliable-change index, in points of the total, each with its source.

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
    stem: str
    licence: Licence
    loinc: Loinc | None
    items: tuple[Item, ...]
    extra_items: tuple[Item, ...]
    scoring: Scoring
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
        """Scored and extra items, in the order in which they are asked."""
        return self.items + self.extra_items

    def item(self, item_id: str) -> Item:
        """The item with this id. Raises `KeyError` when there is none."""
        for item in self.all_items:
            if item.id == item_id:
                return item
        raise KeyError(item_id)

    def band_of(self, total: float) -> str | None:
        """The label of the band that holds `total`; `None` when the definition has no bands."""
        for band in self.bands:
            if band.low <= total <= band.high:
                return band.label
        return None


def parse(content: Mapping[str, Any], *, origin: str = "definition") -> Definition:
    """Check `content` against the schema and return it as a `Definition`.

    `origin` (a file name, say) opens every message. Raises `InvalidDefinition`.
    """
    node = _Node(content, origin)
    options = _options(node, required=False)
    items = tuple(_item(child, options, scored=True) for child in node.nodes("items"))
    extra = tuple(
        _item(child, options, scored=False) for child in node.nodes("extra_items", required=False)
    )
    node.refuse_unless(bool(items), "needs at least one item")
    _refuse_repeats(node, (item.id for item in items + extra), "item id")
    scoring = _scoring(node.node("scoring"), items)
    definition = Definition(
        code=node.text("code", pattern=_CODE),
        version=node.text("version", pattern=_VERSION),
        language=node.text("language"),
        title=node.text("title"),
        measures=node.text("measures"),
        direction=Direction(node.choice("direction", Direction)),
        recall=node.text("recall"),
        stem=node.text("stem"),
        licence=_licence(node.node("licence")),
        loinc=_loinc(node.node("loinc")) if node.has("loinc") else None,
        items=items,
        extra_items=extra,
        scoring=scoring,
        bands=_bands(node, scoring),
        cutoffs=_cutoffs(node, scoring),
        reliability=_reliability(node.node("reliability"), scoring)
        if node.has("reliability")
        else None,
        risk_rules=_risk_rules(node, items + extra, scoring),
    )
    node.refuse_unknown_keys()
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

    def text(self, key: str, *, pattern: re.Pattern[str] | None = None) -> str:
        value = self.value(key)
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, f"must be text, not {_kind(value)}")
        if value != value.strip():
            self.refuse(key, "must not begin or end with white space")
        if pattern and not pattern.fullmatch(value):
            self.refuse(key, f"must look like {pattern.pattern}, not {value!r}")
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
        return value

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
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"


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
                child.integer("value"),
                child.text("label"),
                child.optional_text("loinc"),
            )
        )
        child.refuse_unknown_keys()
    _refuse_repeats(node, (option.value for option in options), "option value")
    return tuple(options)


def _item(node: _Node, shared_options: tuple[Option, ...], *, scored: bool) -> Item:
    options = _options(node, required=False) or shared_options
    node.refuse_unless(len(options) >= 2, "needs at least two options, its own or shared ones")
    show_if = ShowIf.ALWAYS
    if not scored and node.has("show_if"):
        show_if = ShowIf(node.choice("show_if", ShowIf))
    item = Item(
        id=node.text("id", pattern=_ITEM_ID),
        text=node.text("text"),
        options=options,
        loinc=node.optional_text("loinc"),
        scored=scored,
        show_if=show_if,
    )
    node.refuse_unknown_keys()
    return item


def _licence(node: _Node) -> Licence:
    licence = Licence(node.text("id"), node.text("notice"), node.text("source"))
    node.refuse_unknown_keys()
    return licence


def _loinc(node: _Node) -> Loinc:
    loinc = Loinc(node.text("panel"), node.optional_text("total"), node.text("notice"))
    node.refuse_unknown_keys()
    return loinc


def _scoring(node: _Node, items: tuple[Item, ...]) -> Scoring:
    method = node.choice("method", ["sum"])
    limits = node.value("range")
    possible = [sum(min(i.values) for i in items), sum(max(i.values) for i in items)]
    node.refuse_unless(limits == possible, f"range is {limits}, but the options allow {possible}")
    missing = node.node("missing")
    rule = MissingRule(missing.choice("rule", MissingRule))
    max_missing = 0
    if rule is not MissingRule.NONE_ALLOWED:
        max_missing = missing.integer("max_missing", low=1, high=len(items) - 1)
    if rule is MissingRule.PRORATE:
        # With options of unequal span a mean of the others could leave an item's own limits.
        missing.refuse_unless(
            len({(min(i.values), max(i.values)) for i in items}) == 1,
            "prorating needs items with the same limits",
        )
    scoring = Scoring(
        method=method,
        minimum=possible[0],
        maximum=possible[1],
        missing_rule=rule,
        max_missing=max_missing,
        missing_source=missing.text("source"),
        missing_confirmed=missing.boolean("confirmed"),
    )
    missing.refuse_unknown_keys()
    node.refuse_unknown_keys()
    return scoring


def _bands(node: _Node, scoring: Scoring) -> tuple[Band, ...]:
    bands = []
    expected = scoring.minimum
    for child in node.nodes("bands", required=False):
        band = Band(child.integer("from"), child.integer("to"), child.text("label"))
        child.refuse_unless(
            band.low == expected and band.high >= band.low,
            f"must begin at {expected} and not end before it begins",
        )
        child.refuse_unknown_keys()
        expected = band.high + 1
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
                at_least=child.integer("at_least", low=scoring.minimum, high=scoring.maximum),
                meaning=child.text("meaning"),
                source=child.text("source"),
                confirmed=child.boolean("confirmed"),
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
        total_at_least=node.integer("total_at_least", low=scoring.minimum, high=scoring.maximum)
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
