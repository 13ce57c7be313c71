"""Makes plain, storable text of whatever a feed holds. Pure."""

import html
import re
import unicodedata
from typing import Any

#: Longer notes are cut before anything looks at them.
LONGEST = 6000

_GONE = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<\s*(br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_ESCAPED = re.compile(r"&(#\d+|#x[0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]+);")
#: Control and format characters, halves of pairs, private use: nothing that a page shows.
_UNSEEN = re.compile(
    "["
    + "".join(
        re.escape(chr(n))
        for n in range(0xFFFF + 1)
        if unicodedata.category(chr(n)) in {"Cc", "Cf", "Cs", "Co"} and chr(n) != "\n"
    )
    + "\U000e0000-\U0010ffff]"
)


def plain(value: Any, *, lines: bool = False) -> str:
    """The text without markup, entities (escaped once or twice), or what cannot be stored.

    With `lines`, line breaks stay; otherwise all is on one line. What is no text is empty.
    """
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        value = f"{value:g}" if isinstance(value, float) else str(value)[:LONGEST]
    if isinstance(value, list | tuple):
        parts = (plain(item, lines=lines) for item in value[:50] if not isinstance(item, list))
        return ", ".join(part for part in parts if part)[:LONGEST]
    if not isinstance(value, str):
        return ""
    if not value or value.isalnum():
        return value[:LONGEST] if value.isascii() else unicodedata.normalize("NFC", value[:LONGEST])
    text = value[:LONGEST].replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(3):
        text = _TAG.sub(" ", _BREAK.sub("\n", _GONE.sub(" ", text)))
        if not _ESCAPED.search(text):
            break
        text = html.unescape(text)
    else:
        text = _TAG.sub(" ", _BREAK.sub("\n", _GONE.sub(" ", text)))
    text = unicodedata.normalize("NFC", text.replace("\t", " "))
    text = _UNSEEN.sub("", text)
    if lines:
        rows = (re.sub(r"[^\S\n]+", " ", row).strip() for row in text.split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(rows)).strip()
    return re.sub(r"\s+", " ", text).strip()


def shortened(text: str, most: int) -> str:
    """At most `most` characters, cut between words with a mark."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > most // 2 else cut).rstrip(" ,;:-–") + "…"
