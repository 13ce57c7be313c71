"""What a password must be: long, and not what people who guess try first.

No rule says which kinds of characters it needs: such rules lead to "Password1!". Instead we count
how many guesses somebody needs who knows lists of words, keyboards, dates and the person.
"""

import re
from functools import cache
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import Any
from unicodedata import normalize

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

_SHORTEST = 12
#: Below 2 to this many guesses a password is refused. Three unexpected words are above it.
_ENOUGH = 40.0
#: What lies beyond is long enough by itself, unless the beginning is repeated.
_LOOKED_AT, _LONGEST_WORD = 64, 20
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1234567890")
_WALKS = (*_ROWS, "abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb6yhn", "qazwsxedcrfvtgbyhn")
_LOOKALIKES = str.maketrans("013457@$!|", "oieastasil")
_YEAR = re.compile(r"(19|20)\d\d")


class PasswordHasher(Argon2PasswordHasher):
    """RFC 9106's second choice of memory, on one lane: many may sign in at once on a small machine.

    `benchmarks/passwords.py` compares it with Django's choice.
    """

    time_cost = 4
    memory_cost = 64 * 1024
    parallelism = 1


def normalised(password: str) -> str:
    """The same letters give the same password, however a keyboard composes them."""
    return normalize("NFKC", password)


@cache
def _words() -> dict[str, float]:
    """What a guesser's lists hold, each with the logarithm of how many come before it."""
    common = CommonPasswordValidator().passwords
    ours = Path(__file__).with_name("guessable.txt").read_text(encoding="utf-8").splitlines()
    found = dict.fromkeys((word for word in common if len(word) > 2), log2(len(common)))
    for line in ours:
        if not line.startswith("#"):
            found |= dict.fromkeys(line.split(), 10.0)
    name = settings.SITE_NAME.casefold()
    return found | dict.fromkeys((*name.split(), name.replace(" ", "")), 6.0)


@cache
def _walks() -> frozenset[str]:
    """Every run of three or more along a keyboard or an alphabet, both ways."""
    lines = [line for walk in _WALKS for line in (walk * 2, walk[::-1] * 2)]
    return frozenset(
        line[start : start + length]
        for line in lines
        for length in range(3, _LONGEST_WORD + 1)
        for start in range(len(line) - length + 1)
    )


def _cost(part: str, known: dict[str, float]) -> float | None:
    """The logarithm of how many guesses find this part at once, if there is such a way."""
    if len(set(part)) == 1 and len(part) > 2:
        return 5.0 + log2(len(part))
    if part in _walks():
        return 7.0 + log2(len(part))
    if _YEAR.fullmatch(part):
        return 7.0
    if part in known:
        return known[part]
    return _words().get(part)


def _letter(letter: str) -> float:
    return 3.4 if letter.isdigit() else 4.7 if letter.isascii() and letter.isalpha() else 6.0


def _guesses(text: str, known: dict[str, float]) -> float:
    """The logarithm of the guesses for the cheapest way to put the text together."""
    best = [0.0]
    for end in range(1, len(text) + 1):
        ways = [best[end - 1] + _letter(text[end - 1])]
        for start in range(max(0, end - _LONGEST_WORD), end - 2):
            cost = _cost(text[start:end], known)
            if cost is not None:
                ways.append(best[start] + cost)
        best.append(min(ways))
    return best[-1]


def _unit(text: str) -> str:
    """What is said again and again, if the text is nothing else."""
    for length in range(1, len(text) // 2 + 1):
        whole = text[:length] * (len(text) // length + 1)
        if whole.startswith(text):
            return text[:length]
    return text


def strength(password: str, about: tuple[str, ...] = ()) -> float:
    """The logarithm to base 2 of how many guesses a clever guesser needs at most.

    `about` are words that they would try first: of the person's name and address.
    """
    text = re.sub(r"\s+", "", normalised(password)).casefold()
    unit = _unit(text)
    # Saying it again, and each change from small to capital in between, is tried too.
    extra = log2(len(text) / len(unit)) if unit else 0.0
    turns = sum(one.isupper() != two.isupper() for one, two in pairwise(password) if two.isalpha())
    known = {word.casefold(): 3.0 for word in about if len(word) > 2}
    looked_at = unit[:_LOOKED_AT]
    plain = _guesses(looked_at, known)
    spelt = _guesses(looked_at.translate(_LOOKALIKES), known) + 2.0
    return min(plain, spelt) + extra + min(turns, 2)


def words_about(user: Any) -> tuple[str, ...]:
    """The words of somebody's name and address."""
    if user is None:
        return ()
    said = f"{getattr(user, 'display_name', '')} {getattr(user, 'email', '')}".casefold()
    parts = re.split(r"[\W_]+", said)
    return tuple({*parts, *(re.sub(r"\d+$", "", part) for part in parts)} - {""})


class GuessableValidator:
    """Refuses what is found early, and says how to make it better."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a password that is found early."""
        if strength(password, words_about(user)) < _ENOUGH:
            raise ValidationError(
                "People who guess passwords try this one early. "
                "Add a word or two that nobody would expect.",
                code="password_too_common",
            )

    def get_help_text(self) -> str:
        """Before it is chosen."""
        return "Three or four words that do not belong together are hard to guess."


class LengthValidator:
    """At least twelve characters, of whichever kind."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for one that is short."""
        if len(normalised(password)) < _SHORTEST:
            raise ValidationError(
                f"Use at least {_SHORTEST} characters. Three or four words are easy to remember.",
                code="password_too_short",
            )

    def get_help_text(self) -> str:
        """Before it is chosen."""
        return f"At least {_SHORTEST} characters, of any kind."
