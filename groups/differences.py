"""What a new version of an agreement changes against the one somebody signed. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

type Clause = tuple[str, str]

#: Clauses whose words are this alike are one clause under a new heading.
ALIKE = 0.6


@dataclass(frozen=True)
class Words:
    """Some words in a row: `kind` is same, added or removed; `after` is the space that follows."""

    kind: str
    text: str
    after: str = ""


@dataclass(frozen=True)
class Change:
    """One clause of both versions together: `kind` is same, added, changed or removed."""

    kind: str
    heading: Sequence[Words]
    text: Sequence[Words]


def _parts(text: str) -> list[str]:
    """Words and marks such as commas, each with the space that follows it."""
    return re.findall(r"(?:[\w’'-]+|[^\w\s])\s*", text)


def compare_words(before: str, after: str) -> list[Words]:
    """The words of both texts in order, what went before what came."""
    old, new = _parts(before), _parts(after)
    found: list[Words] = []
    # Spaces are no difference.
    matcher = SequenceMatcher(
        None, [word.strip() for word in old], [word.strip() for word in new], autojunk=False
    )
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind != "equal" and i2 > i1:
            found.append(_words("removed", old[i1:i2]))
        if j2 > j1:
            found.append(_words("same" if kind == "equal" else "added", new[j1:j2]))
    return _apart(found)


def _words(kind: str, parts: Sequence[str]) -> Words:
    text = "".join(parts)
    return Words(kind, text.rstrip(), " " if text != text.rstrip() else "")


def _apart(found: Sequence[Words]) -> list[Words]:
    """What was removed never sticks to the words beside it."""
    apart = list(found)
    for i, (words, following) in enumerate(pairwise(found)):
        if "removed" in (words.kind, following.kind) and following.text[0].isalnum():
            apart[i] = replace(words, after=" ")
    return apart


def _likeness(one: Clause, other: Clause) -> float:
    matcher = SequenceMatcher(None, _parts(one[1]), _parts(other[1]), autojunk=False)
    return matcher.ratio()


def _pairs(before: Sequence[Clause], after: Sequence[Clause]) -> dict[int, int]:
    """Position in `after` -> position in `before` of the clause that it was."""
    pairs: dict[int, int] = {}
    free = list(range(len(before)))
    for j, clause in enumerate(after):
        for i in free:
            if before[i][0].casefold() == clause[0].casefold():
                pairs[j] = i
                free.remove(i)
                break
    for j, clause in enumerate(after):
        if j in pairs or not free:
            continue
        best = max(free, key=lambda i: _likeness(before[i], clause))
        if _likeness(before[best], clause) >= ALIKE:
            pairs[j] = best
            free.remove(best)
    return pairs


def compare(before: Sequence[Clause], after: Sequence[Clause]) -> list[Change]:
    """Every clause of `after` in its order; removed ones stand where they were."""
    pairs = _pairs(before, after)
    gone = [i for i in range(len(before)) if i not in pairs.values()]
    changes: list[Change] = []
    for j, clause in enumerate(after):
        if j not in pairs:
            changes.append(_whole("added", clause))
            continue
        i = pairs[j]
        while gone and gone[0] < i:
            changes.append(_whole("removed", before[gone.pop(0)]))
        old = before[i]
        heading, text = compare_words(old[0], clause[0]), compare_words(old[1], clause[1])
        is_same = all(words.kind == "same" for words in (*heading, *text))
        changes.append(Change("same" if is_same else "changed", heading, text))
    return [*changes, *(_whole("removed", before[i]) for i in gone)]


def _whole(kind: str, clause: Clause) -> Change:
    return Change(kind, [Words("same", clause[0])], [Words("same", clause[1])])
