"""Questionnaires without their words: only their scoring comes with the software.

The wording belongs to somebody. An organisation with a licence enters it, and it becomes an own
version of the instrument; how many items there are, and which values their answers have, stays as
the scoring says. Read from `instruments/definitions/licensed/*.yaml`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from instruments.catalogue import UnknownInstrument
from instruments.schema import Definition, InvalidDefinition, Licence, parse
from supportgroups.lib import yaml_file

DIRECTORY = Path(__file__).parent / "definitions" / "licensed"

#: Of the file itself; everything else goes into the definition as it stands.
_OWN_KEYS = ("items", "reverse", "answers", "show_if", "licence", "version")


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """Values of answers that several items share, from the least to the most."""

    items: tuple[str, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What an organisation enters: a text for each item, a label for each value of each set."""

    texts: Sequence[str]
    labels: Sequence[Sequence[str]]
    #: Said before the questions; empty for nothing.
    stem: str = ""


@dataclass(frozen=True, slots=True)
class Blank:
    """One of them. `definition` has placeholders for words: it is there to be read and scored."""

    code: str
    title: str
    #: Who owns the words, as far as it is known, and what is known of the terms.
    owner: str
    terms: str
    source: str
    answer_sets: tuple[AnswerSet, ...]
    definition: Definition
    content: Mapping[str, Any]

    def with_words(
        self, words: Words, *, version: str, licence: Licence, language: str = "en"
    ) -> Definition:
        """The definition with these words. Raises `InvalidDefinition` when some are missing."""
        content: dict[str, Any] = {
            **self.content,
            "version": version,
            "language": language,
            "items": self._items(words),
            "licence": {"id": licence.id, "notice": licence.notice, "source": licence.source},
        }
        if words.stem:
            content["stem"] = words.stem
        return parse(content, origin=self.code)

    def _items(self, words: Words) -> list[dict[str, Any]]:
        sets = [(each.items, each.values) for each in self.answer_sets]
        if len(words.texts) != len(self.definition.items) or len(words.labels) != len(sets):
            raise InvalidDefinition(f"{self.code}: has {len(self.definition.items)} items.")
        options: dict[str, list[dict[str, Any]]] = {}
        for (items, values), labels in zip(sets, words.labels, strict=True):
            if len(labels) != len(values):
                raise InvalidDefinition(f"{self.code}: needs {len(values)} answers.")
            for item_id in items:
                options[item_id] = [
                    {"value": value, "label": label}
                    for value, label in zip(values, labels, strict=True)
                ]
        return [
            {**kept, "text": text, "options": options[kept["id"]]}
            for kept, text in zip(self.content["items"], words.texts, strict=True)
        ]


def get(code: str) -> Blank:
    """The blank of this code. Raises `UnknownInstrument`."""
    for blank in all_blanks():
        if blank.code == code:
            return blank
    raise UnknownInstrument(f"No scoring of {code}.")


def codes() -> frozenset[str]:
    """The codes that belong to blanks."""
    return frozenset(blank.code for blank in all_blanks())


@cache
def all_blanks() -> tuple[Blank, ...]:
    """Every blank, by title."""
    found = [_blank(yaml_file.read(path), path.name) for path in sorted(DIRECTORY.glob("*.yaml"))]
    return tuple(sorted(found, key=lambda blank: blank.title))


def _blank(file: Mapping[str, Any], origin: str) -> Blank:
    names = [f"q{number}" for number in range(1, file["items"] + 1)]
    reverse = {f"q{number}" for number in file.get("reverse", [])}
    conditions = file.get("show_if", {})
    answer_sets = tuple(
        AnswerSet(
            tuple(names if each["items"] == "all" else (f"q{number}" for number in each["items"])),
            tuple(each["values"]),
        )
        for each in file["answers"]
    )
    items = [
        {"id": name}
        | ({"reverse": True} if name in reverse else {})
        | ({"show_if": conditions[name]} if name in conditions else {})
        for name in names
    ]
    owned = file["licence"]
    content = {key: value for key, value in file.items() if key not in _OWN_KEYS}
    content["items"] = items
    blank = Blank(
        code=file["code"],
        title=file["title"],
        owner=owned["owner"],
        terms=owned["terms"],
        source=owned["source"],
        answer_sets=answer_sets,
        definition=parse(_placeholders(content, answer_sets), origin=origin),
        content=content,
    )
    unknown = {name for each in answer_sets for name in each.items} ^ set(names)
    if unknown:
        raise InvalidDefinition(f"{origin}: answers do not fit the items {sorted(unknown)}.")
    return blank


def _placeholders(content: Mapping[str, Any], sets: tuple[AnswerSet, ...]) -> dict[str, Any]:
    values = {name: each.values for each in sets for name in each.items}
    items = [
        {
            **item,
            "text": f"Question {number}",
            "options": [
                {"value": value, "label": f"Answer {value}"} for value in values[item["id"]]
            ],
        }
        for number, item in enumerate(content["items"], start=1)
    ]
    licence = {"id": "held-by-the-organisation", "notice": "None yet.", "source": "None yet."}
    return {**content, "version": "1", "language": "en", "items": items, "licence": licence}
