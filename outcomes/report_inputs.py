"""What a report keeps: counts and sums that may be told, and nothing else.

`report_content` makes the page and the PDF of these alone, so they say the same numbers for ever.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from instruments.models import Instrument
from outcomes.models import FunderReport
from outcomes.report_facts import MARKS, Facts, Where, cells_of
from outcomes.report_rules import Period, threshold_of
from outcomes.rules import plain_name, short_title
from outcomes.statistics.change import change_criterion
from outcomes.statistics.disclosure import Cell, as_told, may_tell
from outcomes.statistics.episodes import Outcome, as_arrays
from outcomes.statistics.means import Sums
from outcomes.statistics.survival import kaplan_meier


def where_of(report: FunderReport) -> Where:
    """What a report is about, for the database."""
    period = Period(report.first_day, report.last_day)
    since, until = period.moments(ZoneInfo(report.organisation.time_zone))
    return Where(report.organisation, report.group_ids, since, until)


def told_before(
    report: FunderReport, facts: Facts, instruments: Mapping[str, Instrument]
) -> list[Cell]:
    """The cells of an earlier report with the numbers that it told, found again in today's data."""
    numbers: Mapping[str, int] = (report.inputs or {})["told"]
    found = {cell.key: cell for bundle in cells_of(facts, instruments) for cell in bundle}
    cells = []
    for key, number in numbers.items():
        # What is not there any more is about people who are unknown now.
        cell = found.get(key) or _lost(key)
        cells.append(as_told(cell, number))
    return cells


def _lost(key: str) -> Cell:
    first, _, rest = key.partition(" ")
    family = f"{first} {rest.partition(' ')[0]}" if first in ("change", "course", "felt") else first
    return Cell(key, family, {}, is_of_people=False)


def inputs_of(
    report: FunderReport,
    facts: Facts,
    instruments: Mapping[str, Instrument],
    earlier: Iterable[Cell],
    *,
    on: date,
) -> dict[str, Any]:
    """Decide what may be told beside all earlier reports, and keep that."""
    bundles = cells_of(facts, instruments)
    cells = {cell.key: cell for bundle in bundles for cell in bundle}
    threshold = threshold_of(report.organisation)
    told = may_tell(list(earlier), bundles, threshold=threshold)
    return {
        "threshold": threshold,
        "organisation": report.organisation.name,
        "programme": report.programme_name,
        "first_day": report.first_day.isoformat(),
        "last_day": report.last_day.isoformat(),
        "made_on": on.isoformat(),
        "groups": [
            {
                "name": group.name,
                "facilitation": group.facilitation,
                "format": group.format,
                "topics": sorted(group.topics.values()),
                "held": group.held,
                "unrecorded": group.unrecorded,
            }
            for group in facts.groups
        ],
        "topics": {slug: name for group in facts.groups for slug, name in group.topics.items()},
        "told": {key: cells[key].number for key in cells if key in told},
        "hidden": [key for key in cells if key not in told],
        "curve": _curve(facts, told),
        "instruments": {
            code: _instrument(instruments[code], facts.scores[code], told)
            for code in sorted(facts.scores)
            if code in instruments
        },
        "felt": _felt(facts, told),
        "felt_is_deleted": facts.felt is None,
    }


def _curve(facts: Facts, told: set[str]) -> list[dict[str, float]]:
    """The Kaplan–Meier estimate at the marks that may be told."""
    if "stay" not in told or not facts.stays:
        return []
    durations, outcomes = as_arrays(facts.stays.values())
    curve = kaplan_meier(durations, outcomes == Outcome.DROPOUT)
    found = []
    for mark in sorted(MARKS):
        if {f"stay {mark} counted", f"stay {mark} gone"} <= told:
            share = float(np.asarray(curve.at(mark)))
            low, high = (float(np.asarray(limit)) for limit in curve.limits_at(mark))
            if not math.isnan(share + low + high):
                found.append({"session": mark, "share": share, "low": low, "high": high})
    return found


def _instrument(
    instrument: Instrument, scores: Mapping[Any, Mapping[int, float]], told: set[str]
) -> dict[str, Any]:
    definition = instrument.parsed()
    known = definition.reliability
    waves = sorted({wave for own in scores.values() for wave in own})
    course = []
    for wave in waves:
        if f"course {instrument.code} {wave}" in told:
            sums = Sums.of(own[wave] for own in scores.values() if wave in own)
            course.append({"wave": wave, "n": sums.n, "total": sums.total, "squares": sums.squares})
    return {
        "name": plain_name(instrument),
        "short": short_title(instrument),
        "higher_is_worse": definition.higher_is_worse,
        "highest": definition.scoring.maximum,
        "least_points": (
            math.floor(change_criterion(sd=known.sd, reliability=known.coefficient)) + 1
            if known
            else None
        ),
        "cutoff": known.recovery_cutoff if known else None,
        "course": [wave for wave in course if wave["n"]],
    }


def _felt(facts: Facts, told: set[str]) -> dict[str, dict[str, float]]:
    found = {}
    for question, answers in (facts.felt or {}).items():
        if {f"felt {question}", f"felt {question} people"} <= told and answers:
            listed: Sequence[Any] = list(answers.values())
            found[question] = {
                "n": sum(answer.n for answer in listed),
                "total": sum(answer.total for answer in listed),
            }
    return found


def fingerprint_of(inputs: Mapping[str, Any]) -> str:
    """The same for the same inputs, in whatever order a database gives their keys back."""
    words = json.dumps(inputs, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(words.encode()).hexdigest()
