"""Makes an analysis. Called by the worker, and by the sample world.

Everybody counts once, with the first x score, the next m score at least a week later and the next y
score at least a week after that. Where too few have three scores in this order, the three of one
check-in are taken, and the result is called an association. People enter in blocks, as everywhere.
"""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organisation
from outcomes.analysis_rules import FEWEST, SILENT
from outcomes.change_queries import Measure, measures_named, scored_sql
from outcomes.models import Analysis
from outcomes.queries import kinds_of, left_out_of
from outcomes.scopes import Lens, Scope, cells_of
from outcomes.statistics.distributions import two_sided_t
from outcomes.statistics.mediation import Mediation, mediate
from outcomes.statistics.suppression import may_show

_APART, _SOON = timedelta(weeks=1), timedelta(weeks=26)

_SCORES = """
, firsts AS (
    SELECT DISTINCT ON (user_id) user_id, group_id, at, score
    FROM x_scored WHERE wave = 0 ORDER BY user_id, at, membership_id
), m_first AS (
    SELECT DISTINCT ON (f.user_id) f.user_id, s.score, s.at
    FROM firsts f JOIN m_scored s ON s.user_id = f.user_id
     AND s.at > f.at - %(apart)s AND s.at < f.at + %(apart)s
    ORDER BY f.user_id, s.at, s.membership_id
), y_first AS (
    SELECT DISTINCT ON (f.user_id) f.user_id, s.score, s.at
    FROM firsts f JOIN y_scored s ON s.user_id = f.user_id
     AND s.at > f.at - %(apart)s AND s.at < f.at + %(apart)s
    ORDER BY f.user_id, s.at, s.membership_id
), m_next AS (
    SELECT DISTINCT ON (f.user_id) f.user_id, s.score, s.at
    FROM firsts f JOIN m_scored s ON s.user_id = f.user_id
     AND s.at >= f.at + %(apart)s AND s.at <= f.at + %(soon)s
    ORDER BY f.user_id, s.at, s.membership_id
), y_next AS (
    SELECT DISTINCT ON (m.user_id) m.user_id, s.score, s.at
    FROM m_next m JOIN y_scored s ON s.user_id = m.user_id
     AND s.at >= m.at + %(apart)s AND s.at <= m.at + %(soon)s
    ORDER BY m.user_id, s.at, s.membership_id
)
SELECT f.group_id,
       date_trunc('month', y.at AT TIME ZONE %(zone)s)::date,
       date_trunc('month', greatest(f.at, a.at, b.at) AT TIME ZONE %(zone)s)::date,
       f.score::float, a.score::float, b.score::float, m.score::float, y.score::float,
       (extract(epoch FROM m.at - f.at) / 604800)::float,
       (extract(epoch FROM y.at - m.at) / 604800)::float
FROM firsts f
LEFT JOIN m_first a USING (user_id) LEFT JOIN y_first b USING (user_id)
LEFT JOIN m_next m USING (user_id) LEFT JOIN y_next y USING (user_id)
"""


class Scores(NamedTuple):
    """One person's scores. None was not answered in time."""

    group_id: UUID
    #: When the last of three in order came, and when the last of one check-in.
    month_in_order: date | None
    month_at_once: date
    x: float
    m_first: float | None
    y_first: float | None
    m_next: float | None
    y_next: float | None
    weeks_to_m: float | None
    weeks_to_y: float | None


def scores_of(
    organisation: Organisation, x: Measure, m: Measure, y: Measure, *, until: date
) -> list[Scores]:
    """Everybody with a first x score, as far as sent before `until`."""
    left_out, parameters = left_out_of(organisation)
    parts = [
        scored_sql(measure, f"{name}_scored", left_out, parameters)
        for name, measure in (("x", x), ("m", m), ("y", y))
    ]
    given: dict[str, Any] = {
        "organisation": organisation.pk,
        "until": datetime.combine(until, time.min, ZoneInfo(organisation.time_zone)),
        "zone": organisation.time_zone,
        "apart": _APART,
        "soon": _SOON,
        **parameters,
    }
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(parts)} {_SCORES}", given)
        return [Scores(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Inputs:
    """What goes into the lines: one row a person, x, m, y and perhaps first m and y."""

    rows: Sequence[tuple[float, ...]]
    waves_in_order: bool
    #: Everybody with a first x score who is not in it; None is hidden.
    left_out: int | None
    #: Mean weeks from x to m and from m to y; 0 for one check-in.
    weeks: tuple[float, float]

    def fingerprint(self, analysis: Analysis) -> str:
        """The same for the same question and the same scores."""
        whole = [
            [analysis.x, analysis.m, analysis.y, analysis.seed, analysis.resamples],
            self.waves_in_order,
            list(self.rows),
        ]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def inputs_from(scores: Sequence[Scores], lens: Lens) -> Inputs | None:
    """Three scores in order if enough people have them, else those of one check-in, else None."""
    in_order = [row for row in scores if row.m_next is not None and row.y_next is not None]
    with_firsts = [row for row in in_order if row.m_first is not None and row.y_first is not None]
    at_once = [row for row in scores if row.m_first is not None and row.y_first is not None]

    def counted(rows: Sequence[Scores], month_of: Callable[[Scores], date]) -> list[Scores]:
        chosen = lens.choose(cells_of((row.group_id, month_of(row), 0, 1) for row in rows))
        return [row for row in rows if chosen.takes_in(row.group_id, month_of(row))]

    def left_out(rows: Sequence[Scores]) -> int | None:
        count = len(scores) - len(rows)
        return count if may_show(count, threshold=lens.threshold) else None

    for rows, columns in (
        (with_firsts, ("x", "m_next", "y_next", "m_first", "y_first")),
        (in_order, ("x", "m_next", "y_next")),
    ):
        found = counted(rows, lambda row: row.month_in_order or row.month_at_once)
        if len(found) >= FEWEST:
            values = sorted(tuple(getattr(row, name) for name in columns) for row in found)
            weeks = (
                math.fsum(row.weeks_to_m or 0 for row in found) / len(found),
                math.fsum(row.weeks_to_y or 0 for row in found) / len(found),
            )
            return Inputs(values, True, left_out(found), weeks)
    found = counted(at_once, lambda row: row.month_at_once)
    if len(found) < FEWEST:
        return None
    values = sorted((row.x, row.m_first or 0.0, row.y_first or 0.0) for row in found)
    return Inputs(values, False, left_out(found), (0.0, 0.0))


@dataclass(frozen=True)
class Path:
    """A path with its 95% limits, in points."""

    value: float
    lower: float
    upper: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.lower <= 0 <= self.upper


@dataclass(frozen=True)
class Result:
    """What was found, as it is stored."""

    a: Path
    b: Path
    direct: Path
    total: Path
    indirect: Path
    n: int
    left_out: int | None
    waves_in_order: bool
    #: Whether first m and y scores were held equal.
    with_firsts: bool
    weeks_to_m: float
    weeks_to_y: float
    #: Resamples that could be told.
    resamples: int

    @classmethod
    def stored(cls, result: dict[str, Any]) -> "Result":
        """From an analysis' `result`."""
        paths = {name: Path(**result[name]) for name in ("a", "b", "direct", "total", "indirect")}
        return cls(**{**result, **paths})


def analyse(
    inputs: Inputs,
    *,
    seed: int,
    resamples: int,
    on_progress: Callable[[int], None] | None = None,
) -> Result:
    """The lines and the resampled limits. Raises `ValueError` where scores never differ."""
    x, m, y, *firsts = zip(*inputs.rows, strict=True)
    found = mediate(
        x,
        m,
        y,
        covariates=list(zip(*firsts, strict=True)) if firsts else None,
        seed=seed,
        resamples=resamples,
        on_progress=on_progress,
    )
    held = len(firsts)
    return Result(
        a=_path(found, found.a, found.a_error, 1 + held),
        b=_path(found, found.b, found.b_error, 2 + held),
        direct=_path(found, found.direct, found.direct_error, 2 + held),
        total=_path(found, found.total, found.total_error, 1 + held),
        indirect=Path(*(round(each, 6) for each in (found.indirect, found.lower, found.upper))),
        n=found.n,
        left_out=inputs.left_out,
        waves_in_order=inputs.waves_in_order,
        with_firsts=bool(firsts),
        weeks_to_m=round(inputs.weeks[0], 2),
        weeks_to_y=round(inputs.weeks[1], 2),
        resamples=found.resamples,
    )


def _path(found: Mediation, value: float, error: float, slopes: int) -> Path:
    reach = two_sided_t(0.05, found.n - 1 - slopes) * error
    return Path(round(value, 6), round(value - reach, 6), round(value + reach, 6))


# The worker's part --------------------------------------------------------------------------------


def make(analysis_id: UUID | str) -> None:
    """Make what waits. One worker at a time; a repeat begins anew, and gives the same."""
    now = timezone.now()
    waits = Q(state=Analysis.State.WAITING) | Q(
        state=Analysis.State.WORKING, touched_at__lt=now - SILENT
    )
    if not Analysis.objects.filter(waits, pk=analysis_id).update(
        state=Analysis.State.WORKING, touched_at=now, progress=0
    ):
        return
    analysis = Analysis.objects.select_related("organisation").get(pk=analysis_id)
    mine = Analysis.objects.filter(pk=analysis_id, state=Analysis.State.WORKING)

    def tell(done: int) -> None:
        mine.update(progress=done, touched_at=timezone.now())

    inputs = _inputs(analysis)
    fingerprint = inputs.fingerprint(analysis) if inputs else ""
    try:
        if inputs is None:
            raise ValueError(f"Fewer than {FEWEST} people have all three scores.")
        result = analyse(inputs, seed=analysis.seed, resamples=analysis.resamples, on_progress=tell)
    except ValueError as problem:
        mine.update(
            state=Analysis.State.FAILED,
            problem=str(problem),
            fingerprint=fingerprint,
            result={},
            touched_at=timezone.now(),
        )
        return
    made_at = timezone.now()
    mine.update(
        state=Analysis.State.DONE,
        result=asdict(result),
        fingerprint=fingerprint,
        problem="",
        made_at=made_at,
        touched_at=made_at,
    )


def look_again(analysis_id: UUID | str) -> bool:
    """Whether the scores are others now: deleted, or not to be counted. Then it waits anew."""
    analysis = Analysis.objects.select_related("organisation").get(pk=analysis_id)
    made = Analysis.objects.filter(pk=analysis_id, state=analysis.state)
    inputs = _inputs(analysis)
    fingerprint = inputs.fingerprint(analysis) if inputs else ""
    if fingerprint == analysis.fingerprint:
        made.update(touched_at=timezone.now())
        return False
    return bool(
        made.filter(state__in=[Analysis.State.DONE, Analysis.State.FAILED]).update(
            state=Analysis.State.WAITING, progress=0, touched_at=timezone.now()
        )
    )


def _inputs(analysis: Analysis) -> Inputs | None:
    organisation = analysis.organisation
    measures = measures_named(organisation, (analysis.x, analysis.m, analysis.y))
    x, m, y = (measures[key] for key in (analysis.x, analysis.m, analysis.y))
    scores = scores_of(organisation, x, m, y, until=analysis.until)
    lens = Lens(
        kinds_of(organisation),
        Scope(),
        analysis.until,
        threshold=organisation.smallest_cell,
        inside=organisation.smallest_cell,
    )
    return inputs_from(scores, lens)
