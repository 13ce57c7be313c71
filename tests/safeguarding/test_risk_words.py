"""The word list: what it notices, what it leaves alone, and that it is cheap."""

import time
from datetime import date

import pytest

from safeguarding.risk_words import is_noticed, word_list


@pytest.mark.parametrize(
    "body",
    [
        "I think about suicide a lot",
        "Been feeling SUICIDAL since Monday",
        "i just want to kill myself",
        "Thought of killing myself.",
        "They would be better off without me",
        "I don’t want to be here any more",
        "I don't want to be here anymore",
        "i dont want to wake up",
        "I took all my tablets",
        "standing on the edge, could jump off that old bridge",
        "I self-harm when it gets loud",
        "I have been cutting\nmyself again",
        "Take my own life, that is what I think of",
        "He hits me when he drinks",
        "I am not safe at home",
    ],
)
def test_is_noticed(body: str) -> None:
    assert is_noticed(body, language="en")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Glad to be here.",
        "My mum will kill me if I am late",
        "This heat is killing me",
        "The battery died",
        "I could die of embarrassment",
        "It hits close to home",
        "We took the train off the bridge",
        "Grapes and drapes",
        "A cut above the rest",
        "I want to go on living",
    ],
)
def test_is_left_alone(body: str) -> None:
    assert not is_noticed(body, language="en")


@pytest.mark.parametrize(
    "body", ["I am not suicidal, I promise", "In the song he sings: I want to die"]
)
def test_it_understands_nothing(body: str) -> None:
    """Negations and quotations are noticed too: the page says that a hint is often wrong."""
    assert is_noticed(body, language="en")


@pytest.mark.parametrize(("language", "has_list"), [("en", True), ("en-gb", True), ("cy", False)])
def test_a_language_has_a_list_or_notices_nothing(language: str, has_list: bool) -> None:
    assert (word_list(language) is not None) == has_list
    assert is_noticed("suicide", language=language) == has_list


def test_the_list_is_versioned_and_reviewed() -> None:
    found = word_list("en")
    assert found is not None
    assert found.name == f"en {found.version}"
    assert isinstance(found.reviewed_on, date)
    assert found.reviewed_by
    assert found.count > 50


def test_every_phrase_of_the_list_notices_itself() -> None:
    found = word_list("en")
    assert found is not None
    for phrases in found.phrases.values():
        for phrase in phrases:
            spoken = phrase.replace("*", "").replace("~ ", "")
            assert is_noticed(f"Well, {spoken}.", language="en"), phrase


def test_the_longest_message_is_matched_quickly() -> None:
    """Generous, because the machine may be busy: it guards against an expression that explodes."""
    longest = ("I take my and my and " * 100)[:2000]
    is_noticed(longest, language="en")
    begun = time.process_time()
    for _ in range(20):
        is_noticed(longest, language="en")
    assert (time.process_time() - begun) / 20 < 0.02
