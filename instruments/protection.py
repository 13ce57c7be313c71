"""Questionnaires whose licence lets nobody change them, and how a changed copy is known.

`schema.parse` compares the wording of the definition that bears the name. This module looks at what
comes from outside under whatever name: an import, or words that an organisation types.
"""

from collections.abc import Iterable

from instruments import catalogue
from instruments.schema import PROTECTED, Definition

#: So many of its items under another name are a copy, and half of a short form's are too.
_ITEMS_OF_A_COPY = 3


def protected_definitions() -> list[Definition]:
    """What is shipped and may not be changed."""
    return [catalogue.get(code, language=language) for code, language in PROTECTED]


def refusal_to_change(definition: Definition) -> str | None:
    """Why this cannot be taken: it is a changed copy of something protected. None if it is not."""
    for protected in protected_definitions():
        same = definition.code == protected.code and definition.wording() == protected.wording()
        if same and _counts_alike(definition, protected):
            continue
        texts = [item.text for item in definition.all_items]
        if definition.code == protected.code or is_copy(protected, definition.title, texts):
            return _because(protected)
    return None


def refusal_of_words(title: str, texts: Iterable[str]) -> str | None:
    """Why these words cannot be taken, before there is a definition. None if they can."""
    for protected in protected_definitions():
        if is_copy(protected, title, list(texts)):
            return _because(protected)
    return None


def is_copy(protected: Definition, title: str, texts: list[str]) -> bool:
    """Whether a questionnaire of this title and these items is made from the protected one."""
    if _letters(protected.title) in _letters(title):
        return True
    own = {_letters(item.text) for item in protected.all_items}
    shared = sum(_letters(text) in own for text in texts)
    return shared >= _ITEMS_OF_A_COPY or (shared > 0 and shared * 2 >= len(texts))


def _because(protected: Definition) -> str:
    name = protected.title
    return (
        f"This is {name} in part or changed. Its licence allows nobody to reword, shorten or "
        f"reorder it. Use {name} as it stands under Questionnaires."
    )


def _counts_alike(definition: Definition, protected: Definition) -> bool:
    return (
        definition.all_items == protected.all_items
        and definition.scoring.maximum == protected.scoring.maximum
        and definition.licence.notice == protected.licence.notice
    )


def _letters(text: str) -> str:
    """What remains of a text that only looks different: no case, no spaces, no punctuation."""
    return "".join(character for character in text.casefold() if character.isalnum())
