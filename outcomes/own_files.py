"""A person's own answers as files to keep: a table, and FHIR."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime

from outcomes import fhir
from outcomes.own import CheckIn, points
from outcomes.tables import harmless

COLUMNS = (
    "Date",
    "Questionnaire",
    "Version",
    "Asked by",
    "How",
    "Question",
    "Answer",
    "Score",
    "Scale from",
    "Scale to",
    "Called",
)


def table(check_ins: Iterable[CheckIn]) -> str:
    """Each answer on a line, then the scores of the same check-in. Begins with a mark of UTF-8, so
    that spreadsheets read names right."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for each in check_ins:
        for row in _rows(each):
            writer.writerow([harmless(cell) for cell in row])
    return "\ufeff" + out.getvalue()


def _rows(each: CheckIn) -> Iterable[list[str]]:
    definition, response = each.definition, each.response
    about = [
        each.day.isoformat(),
        definition.title,
        definition.version,
        "; ".join(each.groups),
        response.get_way_display(),
    ]
    for question, answer in each.said:
        yield [*about, question, answer, "", "", "", ""]
    # Some names of bands are for people with somebody beside them.
    named = definition.shows_bands
    if definition.has_total:
        scale = [points(definition.scoring.minimum), points(definition.scoring.maximum)]
        yield [*about, "Score", "", each.score_words, *scale, response.band if named else ""]
    for part in each.parts:
        scale = [points(part.scale.scoring.minimum), points(part.scale.scoring.maximum)]
        band = part.band if named else ""
        yield [*about, f"Score: {part.scale.title}", "", part.score_words, *scale, band]


def bundle(check_ins: Iterable[CheckIn], *, at: datetime) -> bytes:
    """Answers, scores and the questionnaires, without a name."""
    found = fhir.bundle([each.response for each in check_ins], at=at)
    return json.dumps(found, ensure_ascii=False, indent=1).encode()
