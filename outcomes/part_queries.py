"""What the page "Taking part" asks the database: one aggregate per figure."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q

from accounts.models import Organisation
from outcomes.models import Presence
from outcomes.scopes import Cell, Chosen
from sessions.models import Attendance, SupportSession

#: The last number of sessions of each band of how often people came; the last band has no end.
DOSE_ENDS = (2, 5, 11)


def dose_cells(organisation: Organisation) -> list[Cell]:
    """Who came at all, by group and month of the first session, and by how often."""
    below = (0, *DOSE_ENDS)
    bands = {
        f"band_{place}": Count("pk", filter=Q(came__gt=low, came__lte=high))
        for place, (low, high) in enumerate(zip(below, DOSE_ENDS, strict=False))
    }
    rows = (
        Presence.objects.filter(group__organisation=organisation, came__gte=1)
        .values_list("group_id", "came_month")
        .annotate(**bands, more=Count("pk", filter=Q(came__gt=DOSE_ENDS[-1])))
    )
    return [Cell(group_id, month, tuple(counts)) for group_id, month, *counts in rows]


class Attended(NamedTuple):
    """Sums of attendance of some people: of one group, or (None) of all of them."""

    group_id: UUID | None
    people: int
    on_time: int
    late: int
    left_early: int
    excused: int
    missed: int

    @property
    def expected(self) -> int:
        return self.on_time + self.late + self.left_early + self.excused + self.missed


_ATTENDED = """
SELECT p.group_id, count(*), sum(p.came - p.late - p.left_early), sum(p.late), sum(p.left_early),
       sum(p.excused), sum(p.missed)
FROM unnest(%(groups)s::uuid[], %(months)s::date[]) AS c(group_id, month)
JOIN outcomes_presence p ON p.group_id = c.group_id AND p.came_month = c.month
GROUP BY GROUPING SETS ((p.group_id), ())
"""


def attended(chosen: Chosen) -> list[Attended]:
    """How people of these groups and months came, each group's sums and those of all."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTENDED, _given(chosen))
        return [Attended(*row) for row in cursor.fetchall() if row[1]]


_TIMES_CAME = """
SELECT p.came, count(*)
FROM unnest(%(groups)s::uuid[], %(months)s::date[]) AS c(group_id, month)
JOIN outcomes_presence p ON p.group_id = c.group_id AND p.came_month = c.month
GROUP BY p.came
ORDER BY p.came
"""


def times_came(chosen: Chosen) -> list[tuple[int, int]]:
    """How many people of these groups and months came so often."""
    with connection.cursor() as cursor:
        cursor.execute(_TIMES_CAME, _given(chosen))
        return cursor.fetchall()


class Spoken(NamedTuple):
    """One held session in which something was said: how many came, and how many of them spoke."""

    group_id: UUID
    came: int
    spoke: int


def spoken(organisation: Organisation, *, since: datetime, fewest: int) -> list[Spoken]:
    """Sessions since a moment to which enough people came, and in which somebody spoke.

    Messages count, and turns to speak. Who led is not in it: only members have attendance.
    """
    came = Q(attendances__status__in=Attendance.CAME)
    said = came & (Q(attendances__said_count__gt=0) | Q(attendances__spoke_seconds__gt=0))
    rows = (
        SupportSession.objects.held()
        .filter(group__organisation=organisation, starts_at__gte=since)
        .annotate(came=Count("attendances", filter=came), spoke=Count("attendances", filter=said))
        .filter(came__gte=fewest, spoke__gte=1)
        .values_list("group_id", "came", "spoke")
    )
    return [Spoken(*row) for row in rows]


#: How far somebody who applied has come, nearest first.
STAGES = ("waiting", "elsewhere", "in_line", "accepted", "came")

# Everybody who applied, by their memberships: applications themselves are deleted after a while, so
# only the first answer looks at them too. Who applied again later is another membership.
_WAY_IN = """
WITH way AS (
    SELECT m.group_id, m.status, m.applied_at, m.waitlisted_at, m.offered_at, m.activated_at,
           m.ended_at, coalesce(m.accepted_at, m.activated_at) AS accepted_at, p.first_came_at,
           date_trunc('month', m.applied_at AT TIME ZONE %(zone)s)::date AS month,
           least(
               d.decided_at, m.accepted_at, m.activated_at, m.waitlisted_at,
               CASE WHEN m.status = 'referred' THEN m.ended_at END
           ) AS answered_at
    FROM groups_supportgroup g
    JOIN groups_membership m ON m.group_id = g.id
    LEFT JOIN outcomes_presence p ON p.membership_id = m.id
    LEFT JOIN (
        SELECT a.membership_id, min(d.decided_at) AS decided_at
        FROM screening_application a
        JOIN screening_decision d ON d.application_id = a.id
        GROUP BY a.membership_id
    ) d ON d.membership_id = m.id
    WHERE g.organisation_id = %(organisation)s
)
"""

_STAGES = (
    _WAY_IN
    + """
SELECT group_id, month,
       CASE WHEN first_came_at IS NOT NULL THEN 4
            WHEN accepted_at IS NOT NULL THEN 3
            WHEN status IN ('waitlisted', 'offered') THEN 2
            WHEN answered_at IS NOT NULL OR ended_at IS NOT NULL THEN 1
            ELSE 0 END AS stage,
       count(*)
FROM way
GROUP BY 1, 2, 3
"""
)

_STEPS = (
    _WAY_IN  # noqa: S608 - constants only
    + """
, chosen AS (
    SELECT w.* FROM way w
    JOIN unnest(%(groups)s::uuid[], %(months)s::date[]) AS c(group_id, month)
      ON c.group_id = w.group_id AND c.month = w.month
), steps AS (
    SELECT 'offered' AS step, waitlisted_at AS since, offered_at AS until FROM chosen
    UNION ALL SELECT 'accepted', applied_at, accepted_at FROM chosen
    UNION ALL SELECT 'signed', accepted_at, activated_at FROM chosen
    UNION ALL SELECT 'came', accepted_at, first_came_at FROM chosen
    UNION ALL SELECT 'in_all', applied_at, first_came_at FROM chosen
)
SELECT step, count(*),
       percentile_cont(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (
           ORDER BY extract(epoch FROM until - since) / 86400)
FROM steps
WHERE until >= since
GROUP BY step
"""
)

# Whoever still waits for a first answer is known to have waited until now.
_ANSWERS = (
    _WAY_IN
    + """
SELECT round(
           greatest(extract(epoch FROM coalesce(answered_at, ended_at, %(at)s) - applied_at), 0)
               / 86400, 2
       ) AS days,
       answered_at IS NOT NULL AS answered, count(*)
FROM way w
JOIN unnest(%(groups)s::uuid[], %(months)s::date[]) AS c(group_id, month)
  ON c.group_id = w.group_id AND c.month = w.month
GROUP BY days, answered
"""
)


def stage_counts(organisation: Organisation) -> list[tuple[UUID, date, int, int]]:
    """How many who applied in a group and month got how far (a place in `STAGES`)."""
    with connection.cursor() as cursor:
        cursor.execute(_STAGES, _of(organisation))
        return cursor.fetchall()


def step_times(
    organisation: Organisation, chosen: Chosen
) -> dict[str, tuple[int, Sequence[float]]]:
    """Days between steps: how many people took it, and the quartiles."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS, _of(organisation) | _given(chosen))
        return {step: (n, list(map(float, days))) for step, n, days in cursor.fetchall()}


def answer_times(
    organisation: Organisation, chosen: Chosen, *, at: datetime
) -> list[tuple[float, bool, int]]:
    """Days until the first answer to an application, whether there was one yet, and how many."""
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, _of(organisation) | _given(chosen) | {"at": at})
        return [(float(days), answered, n) for days, answered, n in cursor.fetchall()]


def _of(organisation: Organisation) -> dict[str, Any]:
    return {"organisation": organisation.pk, "zone": organisation.time_zone}


def _given(chosen: Chosen) -> dict[str, Any]:
    groups, months = chosen.as_arrays
    return {"groups": f"{{{groups}}}", "months": f"{{{months}}}"}
