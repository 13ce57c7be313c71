"""The copy of everything: data.json with its schema, a page to read, and answers as FHIR."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from io import BytesIO, TextIOWrapper
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from outcomes import own, own_files
from supportgroups import privacy
from supportgroups.lib.portable import Form, Sheet, in_words
from supportgroups.my_data.pieces import Chapter, chapters

#: Raised when something in the file goes or changes; what is new needs no other number.
VERSION = 1
FORMAT = "support-groups/my-data"

DATA, SCHEMA, DOCUMENT, FHIR = "data.json", "data.schema.json", "read.html", "answers.fhir.json"


def schema() -> dict[str, Any]:
    """JSON Schema of data.json. `docs/my-data.schema.json` is what this returns."""
    sheets = {sheet.name: sheet.schema() for sheet in privacy.sheets()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A copy of what the site holds about one person",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "version": {"const": VERSION},
            "site": {"type": "string"},
            "made_at": {"type": "string", "format": "date-time"},
            "data": {
                "type": "object",
                "properties": sheets,
                "required": list(sheets),
                "additionalProperties": False,
            },
        },
        "required": ["format", "version", "site", "made_at", "data"],
        "additionalProperties": False,
    }


def written(content: Mapping[str, Any]) -> str:
    """JSON that people can read too."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def copy_of(user: User, *, at: datetime) -> bytes:
    """The ZIP file. Written piece by piece, so that only the rows are in memory twice."""
    out = BytesIO()
    data = privacy.export(user)
    head = {
        "format": FORMAT,
        "version": VERSION,
        "site": settings.SITE_NAME,
        "made_at": at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    check_ins = own.check_ins_of(user, zone=ZoneInfo(user.time_zone))
    with ZipFile(out, "w", ZIP_DEFLATED) as files:
        with _text(files, DOCUMENT) as document:
            document.writelines(page_of(user, data, at=at))
        with _text(files, DATA) as written_data:
            json.dump({**head, "data": data}, written_data, ensure_ascii=False, indent=1)
        files.writestr(SCHEMA, written(schema()))
        if check_ins:
            files.writestr(FHIR, own_files.bundle(check_ins, at=at))
    return out.getvalue()


def _text(files: ZipFile, name: str) -> TextIOWrapper:
    return TextIOWrapper(files.open(name, "w"), encoding="utf-8", newline="\n")


def page_of(user: User, data: Mapping[str, Any], *, at: datetime) -> Iterator[str]:
    """The page to read and print, portion by portion: it needs no other file and no script."""
    found = list(chapters({name: len(rows) for name, rows in data.items()}))
    context = {
        "chapters": found,
        "made_at": at,
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "zone": user.time_zone,
    }
    with timezone.override(ZoneInfo(user.time_zone)):
        yield render_to_string("my_data/copy_head.html", context)
        for chapter in found:
            yield from _chapter(chapter, data)
        yield render_to_string("my_data/copy_foot.html", context)


#: Rows of one portion.
_AT_ONCE = 200


def _chapter(chapter: Chapter, data: Mapping[str, Any]) -> Iterator[str]:
    yield render_to_string("my_data/copy_chapter.html", {"chapter": chapter})
    for piece in chapter.pieces:
        rows = data[piece.sheet.name]
        yield render_to_string("my_data/copy_piece.html", {"piece": piece})
        for first in range(0, len(rows), _AT_ONCE):
            shown = [_shown(piece.sheet, row) for row in rows[first : first + _AT_ONCE]]
            yield render_to_string("my_data/copy_rows.html", {"rows": shown})
        yield "</section>\n"
    yield "</section>\n"


def _shown(sheet: Sheet, row: Mapping[str, Any]) -> list[tuple[str, Form, Any]]:
    """What stands in a row, without what is empty."""
    return [
        (label, column.form, value)
        for column in sheet.columns
        for label, value in in_words(column, row[column.name])
    ]
