"""The SQL of the outcome figures: first scores, later ones, sessions in between, and who left.

A person counts once for each questionnaire: from the first answers they gave in the organisation,
in the group that asked for them. Left out are whoever does not want to be counted, answers that
stand for another group's, and everything of the month that is not over: until then nothing moves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q

from accounts.models import Organisation
from instruments.models import Instrument
from instruments.schema import Definition
from outcomes.models import SurveyInvitation
from outcomes.queries import instruments_asked_by, left_out_of
from outcomes.rules import plain_name, short_title
from outcomes.scopes import open_month
from outcomes.statistics.episodes import MISSED_IN_A_ROW
from outcomes.statistics.means import Sums
from sessions.models import Attendance

#: A second score counts when it comes this soon: a course of twelve weeks and its last check-in.
FOLLOWED_FOR = timedelta(weeks=14)


@dataclass(frozen=True)
class Measure:
    """What scores are of: a questionnaire's total, or one of its scales."""

    instrument: Instrument
    definition: Definition
    scale: str = ""

    @property
    def key(self) -> str:
        """As the address says it: "phq-9", or "phq-4:anxiety"."""
        return f"{self.instrument.code}:{self.scale}" if self.scale else self.instrument.code

    @property
    def _part(self) -> Any:
        return next(each for each in self.definition.scales if each.id == self.scale)

    @property
    def name(self) -> str:
        """What it measures, in a word or two."""
        name = plain_name(self.instrument)
        if self.scale:
            name = f"{name}, {self._part.title.lower()}"
        return name[:1].upper() + name[1:]

    @property
    def short(self) -> str:
        """The name professionals know."""
        short = short_title(self.instrument)
        return f"{short}, {self._part.title}" if self.scale else short

    @property
    def higher_is_worse(self) -> bool:
        if self.scale:
            return bool(self._part.direction == "higher_is_worse")
        return self.definition.higher_is_worse

    @property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest score that there is."""
        scoring = self._part.scoring if self.scale else self.definition.scoring
        return float(scoring.minimum), float(scoring.maximum)

    @property
    def reliability(self) -> Any:
        """The inputs of reliable change, or None where they are not known."""
        return None if self.scale else self.definition.reliability


def measures_of(organisation: Organisation) -> list[Measure]:
    """Everything that was answered in the organisation and gives a score."""
    asked = instruments_asked_by(organisation)
    return [measure for instrument in asked for measure in _measures(instrument)]


def _measures(instrument: Instrument) -> list[Measure]:
    definition = instrument.parsed()
    scales = [
        Measure(instrument, definition, scale.id)
        for scale in definition.scales
        if scale.scoring.gives_points
    ]
    return [Measure(instrument, definition), *scales] if definition.has_total else scales


def measures_named(organisation: Organisation, keys: Iterable[str]) -> dict[str, Measure]:
    """The measures of these keys, as far as there are any; the newest version of each."""
    wanted = set(keys)
    codes = {key.partition(":")[0] for key in wanted}
    newest: dict[str, Instrument] = {}
    own = Q(organisation__isnull=True) | Q(organisation=organisation)
    for instrument in Instrument.objects.filter(own, code__in=codes):
        known = newest.get(instrument.code)
        if known is None or int(known.version) < int(instrument.version):
            newest[instrument.code] = instrument
    found = (_measures(instrument) for instrument in newest.values())
    return {each.key: each for listed in found for each in listed if each.key in wanted}


_SCORED = """
{name} AS (
    SELECT i.code, m.user_id, v.membership_id, m.group_id, v.wave, v.occasion,
           r.submitted_at AS at, {value} AS score
    FROM groups_supportgroup g
    JOIN groups_membership m ON m.group_id = g.id
    JOIN outcomes_surveyinvitation v ON v.membership_id = m.id
    JOIN outcomes_response r ON r.invitation_id = v.id
    JOIN instruments_instrument i ON i.id = r.instrument_id
    WHERE g.organisation_id = %(organisation)s AND i.code = ANY(%({codes})s)
      AND r.submitted_at < %(until)s AND {value} IS NOT NULL AND r.shared_from_id IS NULL
      AND m.user_id NOT IN ({left_out})
)"""

_FIRSTS = """
firsts AS (
    SELECT DISTINCT ON (user_id, code) code, user_id, membership_id, group_id, at, score
    FROM scored
    WHERE wave = 0
    ORDER BY user_id, code, at, membership_id
)"""

# Missed at the end counts as in `statistics.episodes`: held, and neither attended nor excused.
_FOLLOWED = """
, followed AS (
    SELECT DISTINCT ON (f.user_id, f.code) f.*, s.score AS later, s.at AS later_at
    FROM firsts f
    LEFT JOIN scored s
      ON s.user_id = f.user_id AND s.code = f.code
     AND s.at > f.at AND s.at <= f.at + %(followed_for)s
    ORDER BY f.user_id, f.code, s.at DESC NULLS LAST, s.membership_id
), fates AS (
    SELECT f.*, h.sessions, (
               m.status IN ('withdrawn', 'removed') AND m.ended_at <= f.at + %(followed_for)s
               AND NOT (g.lifecycle = 'closed' AND h.after_end = 0)
           ) OR h.missed >= %(k)s AS has_left
    FROM followed f
    JOIN groups_membership m ON m.id = f.membership_id
    JOIN groups_supportgroup g ON g.id = f.group_id
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE k.missed AND k.starts_at > coalesce(k.last_came, f.at))
                   AS missed,
               count(*) FILTER (WHERE k.starts_at > m.ended_at) AS after_end,
               count(*) FILTER (WHERE k.came AND k.starts_at <= f.later_at) AS sessions
        FROM (
            SELECT s.starts_at, coalesce(a.status = ANY(%(came)s), false) AS came,
                   s.starts_at <= least(f.at + %(followed_for)s, coalesce(m.ended_at, %(until)s))
                       AND coalesce(a.status IN ('expected', 'no_show'), true) AS missed,
                   max(s.starts_at) FILTER (WHERE a.status = ANY(%(came)s)) OVER () AS last_came
            FROM support_sessions_supportsession s
            LEFT JOIN support_sessions_attendance a
              ON a.support_session_id = s.id AND a.membership_id = m.id
            WHERE s.group_id = f.group_id AND s.status = 'ended' AND s.starts_at > f.at
              AND s.starts_at <= f.at + %(followed_for)s
        ) k
    ) h
)
SELECT code, group_id, date_trunc('month', at AT TIME ZONE %(zone)s)::date,
       score, later, CASE WHEN later IS NOT NULL THEN sessions END, has_left, count(*)
FROM fates
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

# Check-ins on a rhythm by their number, those at the end and after it by what they are.
_WAVES = """
, waves AS (
    SELECT DISTINCT ON (f.user_id, s.wave) f.group_id,
           CASE s.occasion WHEN 'regular' THEN s.wave::text ELSE s.occasion END AS place,
           date_trunc('month', f.at AT TIME ZONE %(zone)s)::date AS first_month,
           date_trunc('month', s.at AT TIME ZONE %(zone)s)::date AS month,
           s.score, extract(epoch FROM s.at - f.at) / 604800 AS weeks
    FROM firsts f
    JOIN scored s ON s.membership_id = f.membership_id AND s.wave > 0 AND s.at > f.at
    ORDER BY f.user_id, s.wave, s.at
)
SELECT place, group_id, first_month, month,
       count(*), sum(score), sum(score * score), sum(weeks)
FROM waves
GROUP BY 1, 2, 3, 4
"""


class Followed(NamedTuple):
    """How many people of one group and month share these scores, and what came of them."""

    group_id: UUID
    #: Of the first score.
    month: date
    first: float
    #: The last score within `FOLLOWED_FOR`; None where there is none.
    later: float | None
    #: Sessions they came to between the two.
    sessions: int | None
    #: Whether they had left, or stayed away, by the end of that time.
    has_left: bool
    n: int


class WaveSums(NamedTuple):
    """The scores of one later check-in, of one group's people who first answered in one month."""

    #: "1", "2" … on a rhythm, else the occasion.
    place: str
    group_id: UUID
    first_month: date
    month: date
    sums: Sums
    #: Weeks since the first check-in, summed.
    weeks: float


def scored_sql(measure: Measure, name: str, left_out: str, parameters: dict[str, Any]) -> str:
    """A named query of everybody's scores of one measure; its values are added to `parameters`."""
    return _scored([measure.instrument.code], measure.scale, name, left_out, parameters)


def _scored(
    codes: Sequence[str], scale: str, name: str, left_out: str, parameters: dict[str, Any]
) -> str:
    parameters |= {f"{name}_codes": list(codes), f"{name}_scale": scale}
    value = f"(r.scales -> %({name}_scale)s ->> 'total')::numeric" if scale else "r.score"
    return _SCORED.format(name=name, codes=f"{name}_codes", value=value, left_out=left_out)


def _run(
    sql: str, organisation: Organisation, codes: Sequence[str], *, at: datetime, scale: str = ""
) -> list[tuple]:
    zone = ZoneInfo(organisation.time_zone)
    until = open_month(at, organisation.time_zone)
    left_out, parameters = left_out_of(organisation)
    scored = _scored(codes, scale, "scored", left_out, parameters)
    given: dict[str, Any] = {
        "organisation": organisation.pk,
        "until": datetime.combine(until, time.min, zone),
        "zone": organisation.time_zone,
        "followed_for": FOLLOWED_FOR,
        "came": list(Attendance.CAME),
        "k": MISSED_IN_A_ROW,
        **parameters,
    }
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {scored}, {_FIRSTS} {sql}", given)
        return cursor.fetchall()


def followed(organisation: Organisation, measure: Measure, *, at: datetime) -> list[Followed]:
    """Everybody with a first score, counted by what they said first and later."""
    rows = _run(_FOLLOWED, organisation, [measure.instrument.code], at=at, scale=measure.scale)
    return [_followed(row) for row in rows]


def followed_by_code(
    organisation: Organisation, codes: Sequence[str], *, at: datetime
) -> dict[str, list[Followed]]:
    """The same for the totals of several questionnaires at once."""
    found: dict[str, list[Followed]] = {code: [] for code in codes}
    for row in _run(_FOLLOWED, organisation, codes, at=at):
        found[row[0]].append(_followed(row))
    return found


def _followed(row: tuple) -> Followed:
    _, group_id, month, first, later, sessions, has_left, n = row
    later = None if later is None else float(later)
    return Followed(group_id, month, float(first), later, sessions, has_left, n)


def later_waves(organisation: Organisation, measure: Measure, *, at: datetime) -> list[WaveSums]:
    """The later check-ins of everybody with a first score, in sums."""
    rows = _run(_WAVES, organisation, [measure.instrument.code], at=at, scale=measure.scale)
    return [
        WaveSums(
            place, group_id, first_month, month, Sums(n, float(total), float(squares)), float(weeks)
        )
        for place, group_id, first_month, month, n, total, squares, weeks in rows
    ]


#: The order and the words of check-ins that are not on a rhythm.
AFTERWARDS: Sequence[tuple[str, str]] = [
    (occasion.value, occasion.label) for occasion in SurveyInvitation.AFTERWARDS
]
