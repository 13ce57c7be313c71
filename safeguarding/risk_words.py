"""Notices words that suggest acute risk, from `risk_words.yaml`. Pure; knows no person.

A message is matched against one expression per language, made once a process: a few microseconds.
It understands nothing: "I am not suicidal" and a line from a song are noticed, and somebody who
says "goodbye, everybody" is not. Who uses it says so (`docs/decisions`).
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from supportgroups.lib import yaml_file

_FILE = Path(__file__).with_name("risk_words.yaml")
#: Apostrophes go, so that "don't" is "dont"; other marks part words.
_MARKS = str.maketrans(
    dict.fromkeys("'’‘`´", "") | dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_{|}~¡¿«»“”„–—…·•', " ")
)


@dataclass(frozen=True)
class WordList:
    """The phrases of one language, by what they may mean."""

    language: str
    version: int
    reviewed_on: date
    reviewed_by: str
    phrases: dict[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """What a hint keeps of the list that noticed it."""
        return f"{self.language} {self.version}"

    @property
    def count(self) -> int:
        return sum(len(phrases) for phrases in self.phrases.values())


@cache
def _lists() -> dict[str, WordList]:
    content = yaml_file.read(_FILE)
    lists = {}
    for language, entry in content["languages"].items():
        review = next(each for each in entry["reviews"] if each["version"] == entry["version"])
        lists[language] = WordList(
            language=language,
            version=entry["version"],
            reviewed_on=review["reviewed_on"],
            reviewed_by=review["by"],
            phrases={meaning: tuple(found) for meaning, found in entry["phrases"].items()},
        )
    return lists


def word_list(language: str) -> WordList | None:
    """The list for a language, also by a region's code such as "en-gb"; None without one."""
    return _lists().get(language.lower().split("-")[0])


def _plain(text: str) -> str:
    """Small letters and single spaces, without apostrophes and marks."""
    return " ".join(text.casefold().translate(_MARKS).split())


def _word(word: str) -> str:
    return re.escape(_plain(word.removesuffix("*"))) + r"\w*" * word.endswith("*")


def _rest(words: list[str]) -> str:
    return "".join(r"(?: \w+){0,2}" if word == "~" else f" {_word(word)}" for word in words)


@cache
def _expression(language: str) -> re.Pattern[str]:
    """All phrases as one expression, those with the same first word together: that is quicker."""
    rests = defaultdict[str, set[str]](set)
    for phrases in _lists()[language].phrases.values():
        for phrase in phrases:
            first, *rest = phrase.split()
            rests[_word(first)].add(_rest(rest))
    each = (f"{first}(?:{'|'.join(sorted(found))})" for first, found in sorted(rests.items()))
    return re.compile(rf"(?:^| )(?:{'|'.join(each)})\b")


def is_noticed(body: str, *, language: str) -> bool:
    """Whether a text has words of the language's list. Without a list nothing is noticed."""
    found = word_list(language)
    return found is not None and _expression(found.language).search(_plain(body)) is not None
