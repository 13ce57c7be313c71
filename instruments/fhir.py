"""Questionnaires as FHIR R4 (4.0.1) resources: plain dicts, out and in.

What FHIR has no words for (how answers count, bands, risk rules) stands in one extension of ours.
A Questionnaire without it is refused: ordinal values alone say neither what is missing nor what a
total means. Nothing here knows Django, a group or a person.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from instruments.content import content_of
from instruments.protection import refusal_to_change
from instruments.schema import (
    MOST_ITEMS,
    Condition,
    Definition,
    InvalidDefinition,
    Item,
    Option,
    ShowIf,
    parse,
)

#: A name and no address: nothing is fetched from it. It is the same in every installation.
CANONICAL = "https://support-groups.example/fhir"
LOINC = "http://loinc.org"
ORDINAL_VALUE = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
#: On the Questionnaire: the rest of the definition, as JSON.
SCORING = f"{CANONICAL}/StructureDefinition/questionnaire-scoring"
#: On an item: which part it belongs to, and how it counts.
ITEM_SCORING = f"{CANONICAL}/StructureDefinition/item-scoring"

#: The linkId of the words before the questions.
STEM = "stem"
_PARTS = ("opening_items", "items", "extra_items")
#: Kept by FHIR itself or by the items; the extension holds everything else.
_NATIVE = ("code", "version", "language", "title", "stem", *_PARTS)
#: Groups within groups; deeper ones are no questionnaire.
_DEEPEST = 5


class NotScorable(ValueError):
    """A resource cannot be taken, because it could not be scored. `reasons` are for people."""

    def __init__(self, *reasons: str):
        super().__init__(" ".join(reasons))
        self.reasons = reasons


# Out ---------------------------------------------------------------------------------------------


def name_of(definition: Definition, *, owner: str = "") -> str:
    """The id of the resource; `owner` is the organisation's slug for its own wording."""
    return f"{owner}.{definition.code}" if owner else definition.code


def canonical(definition: Definition, *, owner: str = "") -> str:
    """The address-like name of this version."""
    return f"{CANONICAL}/Questionnaire/{name_of(definition, owner=owner)}|{definition.version}"


def coding(definition: Definition, option: Option) -> dict[str, Any]:
    """An answer with its LOINC code where that was verified, and with what it counts."""
    return {
        "extension": [{"url": ORDINAL_VALUE, "valueDecimal": option.value}],
        "system": LOINC if option.loinc else f"{CANONICAL}/CodeSystem/{definition.code}",
        "code": option.loinc or str(option.value),
        "display": option.label,
    }


def questionnaire(definition: Definition, *, owner: str = "") -> dict[str, Any]:
    """The definition as a Questionnaire. `definition_from` reads it back to the same definition."""
    url, _, version = canonical(definition, owner=owner).partition("|")
    notices = [definition.licence.notice]
    if definition.loinc:
        notices.append(definition.loinc.notice)
    content = content_of(definition)
    rest = {key: value for key, value in content.items() if key not in _NATIVE}
    found: dict[str, Any] = {
        "resourceType": "Questionnaire",
        "id": f"{name_of(definition, owner=owner)}-v{version}"[-64:].lstrip("-."),
        "language": definition.language,
        "extension": [{"url": SCORING, "valueString": json.dumps(rest, ensure_ascii=False)}],
        "url": url,
        "identifier": [{"system": CANONICAL, "value": definition.code}],
        "version": version,
        "name": "".join(word.capitalize() for word in ["q", *definition.code.split("-")]),
        "title": definition.title,
        "status": "active",
        "subjectType": ["Patient"],
        "description": f"Measures {definition.measures}. Asks about: {definition.recall}.",
        "copyright": "\n\n".join(notices),
    }
    if definition.loinc:
        found["code"] = [{"system": LOINC, "code": definition.loinc.panel}]
    stem = [{"linkId": STEM, "text": definition.stem, "type": "display"}]
    found["item"] = (stem if definition.stem else []) + [
        _item(definition, item, part) for part in _PARTS for item in getattr(definition, part)
    ]
    return found


def _item(definition: Definition, item: Item, part: str) -> dict[str, Any]:
    about: list[dict[str, Any]] = [{"url": "part", "valueCode": part.replace("_", "-")}]
    if item.reverse:
        about.append({"url": "reverse", "valueBoolean": True})
    if item.when_not_asked is not None:
        about.append({"url": "whenNotAsked", "valueInteger": item.when_not_asked})
    if item.show_if is not ShowIf.ALWAYS:
        about.append({"url": "showIf", "valueCode": item.show_if.value.replace("_", "-")})
    found: dict[str, Any] = {
        "extension": [{"url": ITEM_SCORING, "extension": about}],
        "linkId": item.id,
        "text": item.text,
        "type": "choice",
        "required": False,
    }
    if item.loinc:
        found["code"] = [{"system": LOINC, "code": item.loinc}]
    found |= _enable_when(definition, item)
    found["answerOption"] = [
        # Some readers look for the ordinal beside the coding, some within it.
        {"extension": answer["extension"], "valueCoding": answer}
        for answer in (coding(definition, option) for option in item.options)
    ]
    return found


def _enable_when(definition: Definition, item: Item) -> dict[str, Any]:
    """Why an item is asked. FHIR knows "any of" and "all of", each over single comparisons."""
    if item.show_if is ShowIf.ANY_SCORED_ITEM_ABOVE_ZERO:
        above = [
            _compares(definition, scored, "=", option)
            for scored in definition.items
            for option in scored.options
            if option.value > 0
        ]
        return _behaving("any", above)
    condition = item.condition
    if condition is None:
        return {}
    asked = [definition.item(name) for name in condition.items]
    if not condition.every or len(asked) == 1 or len(condition.values) == 1:
        equal = [
            _compares(definition, each, "=", option)
            for each in asked
            for option in each.options
            if option.value in condition.values
        ]
        return _behaving("all" if condition.every and len(asked) > 1 else "any", equal)
    # Every one of several items has one of several values: answered, and with none of the others.
    answered: list[dict[str, Any]] = [
        {"question": each.id, "operator": "exists", "answerBoolean": True} for each in asked
    ]
    unequal = [
        _compares(definition, each, "!=", option)
        for each in asked
        for option in each.options
        if option.value not in condition.values
    ]
    return _behaving("all", answered + unequal)


def _compares(definition: Definition, item: Item, operator: str, option: Option) -> dict[str, Any]:
    answer = {key: value for key, value in coding(definition, option).items() if key != "extension"}
    return {"question": item.id, "operator": operator, "answerCoding": answer}


def _behaving(how: str, comparisons: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"enableWhen": comparisons}
    return found | ({"enableBehavior": how} if len(comparisons) > 1 else {})


# In ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """What an imported Questionnaire asks: enough to fill in words, not yet to score."""

    link_id: str
    text: str
    options: tuple[Option, ...]
    loinc: str | None
    #: System and code of each option, in their order.
    codes: tuple[tuple[str, str], ...]
    resource: Mapping[str, Any]


@dataclass(slots=True)
class _Reading:
    """One walk through a resource. It goes on after a mistake, so that all of them are named."""

    problems: list[str] = field(default_factory=list)
    stem: str = ""
    questions: list[Question] = field(default_factory=list)

    def list_of(self, place: Any, key: str, whose: str) -> list[Mapping[str, Any]]:
        """The mappings under this key; whatever else stands there is named."""
        found = place.get(key)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            self.problems.append(f"{whose}: “{key}” must be a list of objects.")
            return []
        return found


def questions_from(resource: Any) -> tuple[str, tuple[Question, ...]]:
    """The words before the questions, and the questions in order. Raises `NotScorable`."""
    reading = _read(resource)
    if reading.problems:
        raise NotScorable(*reading.problems)
    return reading.stem, tuple(reading.questions)


def definition_from(resource: Any) -> Definition:
    """The definition in a Questionnaire that says how it is scored. Raises `NotScorable`."""
    reading = _read(resource)
    rest = _scoring_of(resource, reading)
    if reading.problems:
        raise NotScorable(*reading.problems)
    content: dict[str, Any] = {**rest, **_head(resource, reading)}
    if reading.stem:
        content["stem"] = reading.stem
    known = {question.link_id: question for question in reading.questions}
    for question in reading.questions:
        part, item = _content_of(question, known, reading)
        content.setdefault(part, []).append(item)
    if reading.problems:
        raise NotScorable(*reading.problems)
    try:
        definition = parse(content, origin="Questionnaire")
    except InvalidDefinition as error:
        raise NotScorable(str(error)) from error
    _check(definition, resource, reading)
    if reading.problems:
        raise NotScorable(*reading.problems)
    return definition


def _check(definition: Definition, resource: Mapping[str, Any], reading: _Reading) -> None:
    """What one part of the resource says must be what another says."""
    notice = resource.get("copyright")
    if not isinstance(notice, str) or definition.licence.notice not in notice:
        reading.problems.append("“copyright” must hold the licence notice that the scoring names.")
    panel = definition.loinc.panel if definition.loinc else None
    if _loinc_of(resource.get("code")) != panel:
        reading.problems.append("“code” must hold the LOINC panel that the scoring names.")
    for question in reading.questions:
        expected = _enable_when(definition, definition.item(question.link_id))
        if _comparisons(question.resource, reading) != _comparisons(expected, reading):
            reading.problems.append(f"{question.link_id}: “enableWhen” and the scoring differ.")
    if refusal := refusal_to_change(definition):
        reading.problems.append(refusal)


def _comparisons(place: Mapping[str, Any], reading: _Reading) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for each in reading.list_of(place, "enableWhen", "Item"):
        answer = each.get("answerCoding")
        code = answer.get("code") if isinstance(answer, Mapping) else None
        found.add((str(each.get("question")), str(each.get("operator")), str(code)))
    return found


def _read(resource: Any) -> _Reading:
    reading = _Reading()
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Questionnaire":
        reading.problems.append(
            "This is no FHIR Questionnaire: “resourceType” says something else."
        )
        return reading
    _walk(resource, "Questionnaire", reading, depth=0)
    if not reading.questions and not reading.problems:
        reading.problems.append("The Questionnaire asks nothing.")
    seen: set[str] = set()
    for question in reading.questions:
        if question.link_id in seen:
            reading.problems.append(f"Two items have the linkId “{question.link_id}”.")
        seen.add(question.link_id)
    return reading


def _walk(place: Mapping[str, Any], whose: str, reading: _Reading, *, depth: int) -> None:
    if depth > _DEEPEST:
        reading.problems.append(f"{whose}: groups are nested too deep.")
        return
    for number, item in enumerate(reading.list_of(place, "item", whose), start=1):
        if len(reading.questions) >= MOST_ITEMS:
            reading.problems.append(f"More than {MOST_ITEMS} questions are too many.")
            return
        link_id = item.get("linkId")
        if not isinstance(link_id, str) or not link_id:
            reading.problems.append(f"Item {number} in {whose:.40} has no linkId.")
            continue
        name = f"Item “{link_id:.40}”"
        kind = item.get("type")
        if kind in ("display", "group"):
            _read_words(item, name, reading)
            if kind == "group":
                _walk(item, name, reading, depth=depth + 1)
        elif kind == "choice":
            _read_choice(item, link_id, name, reading)
        elif kind == "open-choice":
            reading.problems.append(
                f"{name} takes free text beside its options: no score knows it."
            )
        else:
            reading.problems.append(
                f"{name} has the type “{kind!s:.40}”. Only “choice” can be scored."
            )


def _read_words(item: Mapping[str, Any], name: str, reading: _Reading) -> None:
    """Words before the first question belong to all; later ones would get lost."""
    text = item.get("text")
    if item.get("enableWhen"):
        reading.problems.append(f"{name}: only a question can depend on an answer.")
    elif isinstance(text, str) and text.strip():
        if reading.questions or reading.stem:
            reading.problems.append(f"{name}: words between the questions cannot be kept.")
        else:
            reading.stem = text.strip()


def _read_choice(item: Mapping[str, Any], link_id: str, name: str, reading: _Reading) -> None:
    before = len(reading.problems)
    text = item.get("text")
    if not isinstance(text, str) or not text.strip():
        reading.problems.append(f"{name} has no text.")
    if item.get("repeats"):
        reading.problems.append(f"{name} takes several answers: no score knows which one counts.")
    if item.get("item"):
        reading.problems.append(f"{name} holds items of its own. Put them beside it.")
    if item.get("answerValueSet"):
        reading.problems.append(f"{name} names its answers elsewhere. List them as “answerOption”.")
    options, codes = [], []
    for number, each in enumerate(reading.list_of(item, "answerOption", name), start=1):
        found = _read_option(each, f"{name}, answer {number},", reading)
        if found is not None:
            options.append(found[0])
            codes.append(found[1])
    if not item.get("answerOption") and not item.get("answerValueSet"):
        reading.problems.append(f"{name} has no answers to choose from.")
    if len(set(codes)) < len(codes):
        reading.problems.append(f"{name} has two answers with the same code.")
    if len(reading.problems) == before:
        reading.questions.append(
            Question(
                link_id,
                str(text).strip(),
                tuple(options),
                _loinc_of(item.get("code")),
                tuple(codes),
                item,
            )
        )


def _read_option(
    option: Mapping[str, Any], name: str, reading: _Reading
) -> tuple[Option, tuple[str, str]] | None:
    answer = option.get("valueCoding")
    if not isinstance(answer, Mapping):
        reading.problems.append(f"{name} is no “valueCoding”.")
        return None
    system, code, display = (answer.get(key) for key in ("system", "code", "display"))
    if not isinstance(code, str) or not code or not isinstance(display, str) or not display.strip():
        reading.problems.append(f"{name} needs a “code” and a “display”.")
        return None
    ordinals = {_ordinal(place) for place in (answer, option)} - {None}
    if not ordinals:
        reading.problems.append(f"{name} does not say what it counts: its ordinalValue is missing.")
        return None
    if len(ordinals) > 1:
        reading.problems.append(f"{name} has two ordinal values.")
        return None
    value = ordinals.pop()
    if not isinstance(value, int):
        reading.problems.append(f"{name} counts {value!r:.40}. Only whole numbers can be scored.")
        return None
    system = system if isinstance(system, str) else ""
    loinc = code if system == LOINC else None
    return Option(value, display.strip(), loinc), (system, code)


def _ordinal(place: Mapping[str, Any]) -> int | str | None:
    """The ordinal value; as text where it is no whole number."""
    extensions = place.get("extension")
    for each in extensions if isinstance(extensions, list) else []:
        if isinstance(each, Mapping) and each.get("url") == ORDINAL_VALUE:
            value = each.get("valueDecimal")
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if isinstance(value, float) and value.is_integer():
                return int(value)
            return "nothing" if value is None else str(value)
    return None


def _loinc_of(codes: Any) -> str | None:
    for each in codes if isinstance(codes, list) else []:
        if isinstance(each, Mapping) and each.get("system") == LOINC:
            code = each.get("code")
            return code if isinstance(code, str) else None
    return None


def _head(resource: Mapping[str, Any], reading: _Reading) -> dict[str, Any]:
    """Name, version, language and title."""
    identifiers = reading.list_of(resource, "identifier", "Questionnaire")
    codes = [each.get("value") for each in identifiers if each.get("system") == CANONICAL]
    head = {"code": codes[0] if codes else None}
    head |= {key: resource.get(key) for key in ("version", "language", "title")}
    for key, value in head.items():
        if not isinstance(value, str) or not value.strip():
            what = f"identifier of the system {CANONICAL}" if key == "code" else key
            reading.problems.append(f"The Questionnaire has no {what}.")
    return head


def _scoring_of(resource: Any, reading: _Reading) -> dict[str, Any]:
    """The content of our extension."""
    if not isinstance(resource, Mapping):
        return {}
    for each in reading.list_of(resource, "extension", "Questionnaire"):
        if each.get("url") == SCORING:
            value = each.get("valueString")
            try:
                content = json.loads(value) if isinstance(value, str) else None
            except (ValueError, RecursionError):
                content = None
            if isinstance(content, dict) and not set(content) & set(_NATIVE):
                return content
            reading.problems.append("The scoring in the Questionnaire cannot be read.")
            return {}
    reading.problems.append(
        "The Questionnaire does not say how it is scored: what a missing answer means, which items "
        f"count from the other end, which points mean what. The extension {SCORING} is missing."
    )
    return {}


def _content_of(
    question: Question, known: Mapping[str, Question], reading: _Reading
) -> tuple[str, dict[str, Any]]:
    """Which part an item belongs to, and its content."""
    name = f"Item “{question.link_id:.40}”"
    about: dict[str, Any] = {}
    for each in reading.list_of(question.resource, "extension", name):
        if each.get("url") == ITEM_SCORING:
            parts = reading.list_of(each, "extension", name)
            about = {
                str(part.get("url")): next((part[k] for k in part if k.startswith("value")), None)
                for part in parts
            }
    part = about.get("part")
    if part not in [each.replace("_", "-") for each in _PARTS]:
        reading.problems.append(f"{name} does not say whether it counts.")
        part = "items"
    item: dict[str, Any] = {
        "id": question.link_id,
        "text": question.text,
        "options": [
            {"value": option.value, "label": option.label}
            | ({"loinc": option.loinc} if option.loinc else {})
            for option in question.options
        ],
    }
    if question.loinc:
        item["loinc"] = question.loinc
    for key, ours in (("reverse", "reverse"), ("whenNotAsked", "when_not_asked")):
        if about.get(key) is not None and about[key] is not False:
            item[ours] = about[key]
    show_if = about.get("showIf")
    if show_if is not None:
        item["show_if"] = str(show_if).replace("-", "_")
    elif question.resource.get("enableWhen"):
        condition = _condition(question, known, name, reading)
        if condition is not None:
            item["show_if"] = {
                "items": list(condition.items),
                "values": sorted(condition.values),
            } | ({"every": True} if condition.every else {})
    return str(part).replace("-", "_"), item


def _condition(
    question: Question, known: Mapping[str, Question], name: str, reading: _Reading
) -> Condition | None:
    """The condition that the comparisons amount to, if we can hold it."""
    comparisons = reading.list_of(question.resource, "enableWhen", name)
    behaviour = question.resource.get("enableBehavior")
    if len(comparisons) > 1 and behaviour not in ("any", "all"):
        reading.problems.append(f"{name} does not say whether all its conditions must hold.")
        return None
    values: dict[str, dict[str, set[int]]] = {}
    for each in comparisons:
        asked = known.get(each["question"]) if isinstance(each.get("question"), str) else None
        operator = each.get("operator")
        if asked is None or operator not in ("=", "!=", "exists"):
            reading.problems.append(f"{name} depends on something that is not known here.")
            return None
        found = values.setdefault(asked.link_id, {}).setdefault(operator, set())
        if operator == "exists":
            continue
        value = value_of(each.get("answerCoding"), asked)
        if value is None:
            reading.problems.append(f"{name} depends on an answer that is not offered.")
            return None
        found.add(value)
    condition = _amounts_to(values, known, behaviour=behaviour)
    if condition is None:
        reading.problems.append(f"{name} depends on answers in a way that cannot be kept.")
    return condition


def _amounts_to(
    values: Mapping[str, Mapping[str, set[int]]], known: Mapping[str, Question], *, behaviour: Any
) -> Condition | None:
    operators = {frozenset(each) for each in values.values()}
    if operators == {frozenset({"="})}:
        allowed = {frozenset(each["="]) for each in values.values()}
        every = behaviour == "all" and len(values) > 1
        if len(allowed) != 1 or (behaviour == "all" and len(next(iter(allowed))) > 1):
            return None
        return Condition(tuple(values), next(iter(allowed)), every)
    if operators == {frozenset({"!=", "exists"})} and behaviour == "all":
        allowed = {
            frozenset(option.value for option in known[name].options) - each["!="]
            for name, each in values.items()
        }
        if len(allowed) == 1 and len(values) > 1:
            return Condition(tuple(values), next(iter(allowed)), every=True)
    return None


def value_of(answer: Any, asked: Question) -> int | None:
    """What an answer counts in this question; None when the question does not offer it."""
    if not isinstance(answer, Mapping):
        return None
    offered: Iterable[tuple[tuple[str, str], Option]] = zip(asked.codes, asked.options, strict=True)
    found = [
        option.value
        for (system, code), option in offered
        if answer.get("code") == code and answer.get("system") in (None, system)
    ]
    return found[0] if len(found) == 1 else None
