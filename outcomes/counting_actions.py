"""Keep what attendance adds up to, group by group, as soon as something in a group changed.

Figures over years of attendance would take many seconds each. The database notes which groups
changed (`Recount`); those are counted anew, by the clock each minute and before a page of figures
is shown. So figures are as new as attendance itself, unless very much changed at once.
"""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.models import Organisation, User
from outcomes.statistics.episodes import MISSED_IN_A_ROW
from sessions.models import Attendance

#: A page counts no more groups anew than this; the clock does the others.
MOST_BEFORE_A_PAGE = 100
#: One statement of the clock's counts so many.
MOST_AT_ONCE = 50
#: One run of the clock ends after so many seconds; the next minute's goes on.
SECONDS_OF_A_RUN = 45
#: Two who count at once would write each row twice.
_LOCK = 5_005

_CHANGED = """
SELECT r.group_id, array_agg(r.id), count(*) OVER () FROM outcomes_recount r
JOIN groups_supportgroup g ON g.id = r.group_id
WHERE %(organisation)s::uuid IS NULL OR g.organisation_id = %(organisation)s
GROUP BY r.group_id
ORDER BY min(r.id)
LIMIT %(most)s
"""

_FORGET = """
WITH marks AS (
    DELETE FROM outcomes_recount r
    WHERE r.id = ANY(%(marks)s)
       OR NOT EXISTS (SELECT 1 FROM groups_supportgroup g WHERE g.id = r.group_id)
), stays AS (
    DELETE FROM outcomes_stay WHERE group_id = ANY(%(groups)s) AND membership_id IS NOT NULL
)
DELETE FROM outcomes_presence WHERE group_id = ANY(%(groups)s) AND membership_id IS NOT NULL
"""

_PRESENCE = """
INSERT INTO outcomes_presence (
    membership_id, group_id, accepted_month, came_month, first_came_at, last_came_at, could_come,
    came, late, left_early, excused, missed
)
SELECT m.id, m.group_id,
       date_trunc('month', coalesce(m.accepted_at, m.activated_at) AT TIME ZONE o.time_zone)::date,
       date_trunc('month', min(a.starts_at) FILTER (WHERE a.came) AT TIME ZONE o.time_zone)::date,
       min(a.starts_at) FILTER (WHERE a.came), max(a.starts_at) FILTER (WHERE a.came),
       EXISTS (
           SELECT 1 FROM support_sessions_supportsession s
           WHERE s.group_id = m.group_id AND s.status = 'ended'
             AND s.starts_at > coalesce(m.accepted_at, m.activated_at)
             AND s.starts_at <= coalesce(m.ended_at, now())
       ),
       count(*) FILTER (WHERE a.came),
       count(*) FILTER (WHERE a.status = 'late'), count(*) FILTER (WHERE a.status = 'left_early'),
       count(*) FILTER (WHERE a.status = 'excused'),
       count(*) FILTER (WHERE a.status IN ('no_show', 'expected'))
FROM groups_membership m
JOIN groups_supportgroup g ON g.id = m.group_id
JOIN accounts_organisation o ON o.id = g.organisation_id
LEFT JOIN (
    SELECT t.membership_id, t.status, s.starts_at, t.status = ANY(%(came)s) AS came
    FROM support_sessions_supportsession s
    JOIN support_sessions_attendance t ON t.support_session_id = s.id
    WHERE s.group_id = ANY(%(groups)s) AND s.status = 'ended'
) a ON a.membership_id = m.id
WHERE m.group_id = ANY(%(groups)s) AND coalesce(m.accepted_at, m.activated_at) IS NOT NULL
GROUP BY m.id, o.id
"""

# The same definition as `statistics.episodes`, for all memberships at once (a test holds the two
# against one another). `place` counts held sessions from the first attended one; between two
# attended ones lies a break when `k` were missed, excused ones not counted.
_STAYS = """
WITH joined AS (
    SELECT m.id, m.group_id, m.status, m.ended_at, g.lifecycle,
           date_trunc('month', min(s.starts_at) AT TIME ZONE o.time_zone)::date AS month,
           min(s.starts_at) AS first_at
    FROM groups_supportgroup g
    JOIN groups_membership m ON m.group_id = g.id
    JOIN support_sessions_attendance a ON a.membership_id = m.id AND a.status = ANY(%(came)s)
    JOIN support_sessions_supportsession s ON s.id = a.support_session_id AND s.status = 'ended'
    JOIN accounts_organisation o ON o.id = g.organisation_id
    WHERE g.id = ANY(%(groups)s)
    GROUP BY m.id, g.id, o.id
), marks AS (
    SELECT j.id, row_number() OVER (PARTITION BY j.id ORDER BY s.starts_at, s.id) AS place,
           coalesce(a.status = ANY(%(came)s), false) AS came,
           coalesce(a.status IN ('expected', 'no_show'), true) AS missed
    FROM joined j
    JOIN support_sessions_supportsession s
      ON s.group_id = j.group_id AND s.status = 'ended' AND s.starts_at >= j.first_at
     AND s.starts_at <= coalesce(j.ended_at, now())
    LEFT JOIN support_sessions_attendance a
      ON a.support_session_id = s.id AND a.membership_id = j.id
), running AS (
    SELECT id, place, came,
           sum(missed::int) OVER (PARTITION BY id ORDER BY place) AS missed_so_far,
           sum(missed::int) OVER (PARTITION BY id) AS missed_in_all,
           count(*) OVER (PARTITION BY id) AS held,
           min(place) FILTER (WHERE missed) OVER (
               PARTITION BY id ORDER BY place
               ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
           ) AS next_missed
    FROM marks
), attended AS (
    SELECT id, place, held, next_missed,
           coalesce(lead(missed_so_far) OVER (PARTITION BY id ORDER BY place), missed_in_all)
               - missed_so_far AS missed_after
    FROM running
    WHERE came
), numbered AS (
    SELECT *, coalesce(sum((missed_after >= %(k)s)::int) OVER (
               PARTITION BY id ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ), 0) AS episode
    FROM attended
), episodes AS (
    SELECT DISTINCT ON (id, episode) id, episode, held, next_missed, missed_after,
           min(place) OVER (PARTITION BY id, episode) AS began
    FROM numbered
    ORDER BY id, episode, place DESC
), results AS (
    SELECT j.id, j.group_id, j.month, e.episode AS number,
           CASE WHEN e.missed_after >= %(k)s THEN e.next_missed - e.began
                WHEN j.status IN ('withdrawn', 'removed', 'completed') THEN e.held - e.began
                WHEN e.missed_after > 0 THEN e.next_missed - 1 - e.began
                ELSE e.held - e.began END AS duration,
           CASE WHEN e.missed_after >= %(k)s THEN 1
                WHEN j.status = 'completed' THEN 2
                WHEN j.status IN ('withdrawn', 'removed') AND NOT (
                    j.lifecycle = 'closed' AND NOT EXISTS (
                        SELECT 1 FROM support_sessions_supportsession t
                        WHERE t.group_id = j.group_id AND t.status = 'ended'
                          AND t.starts_at > j.ended_at
                    )
                ) THEN 1
                ELSE 0 END AS outcome
    FROM episodes e JOIN joined j ON j.id = e.id
)
INSERT INTO outcomes_stay (membership_id, number, group_id, month, duration, outcome)
SELECT id, number, group_id, month, duration, outcome FROM results
"""


_COUNTED = """
INSERT INTO outcomes_counted (organisation_id, version)
SELECT DISTINCT organisation_id, 1 FROM groups_supportgroup WHERE id = ANY(%(groups)s)
ON CONFLICT (organisation_id) DO UPDATE SET version = outcomes_counted.version + 1
"""


def recount(*, by: None, organisation: Organisation | None = None, most: int = MOST_AT_ONCE) -> int:
    """Count the groups anew in which something changed, `most` at a time; returns how many wait.

    Whoever finds that somebody else is counting leaves it to them.
    """
    with connection.cursor() as cursor:
        asked = {"organisation": organisation.pk if organisation else None, "most": most}
        cursor.execute(_CHANGED, asked)
        changed = cursor.fetchall()
        if not changed:
            return 0
        waiting = changed[0][2]
        with transaction.atomic():
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            if not cursor.fetchone()[0]:
                return waiting
            _count([row[0] for row in changed], [mark for row in changed for mark in row[1]])
        return waiting - len(changed)


def _count(groups: Sequence[UUID], marks: Sequence[int]) -> None:
    given: dict[str, Any] = {
        "groups": groups,
        "marks": marks,
        "came": list(Attendance.CAME),
        "k": MISSED_IN_A_ROW,
    }
    with connection.cursor() as cursor:
        for statement in (_FORGET, _PRESENCE, _STAYS, _COUNTED):
            cursor.execute(statement, given)


# Of somebody who closes their account what figures count stays, without whom, and by whole months.
_LET_GO = """
WITH stays AS (
    UPDATE outcomes_stay SET membership_id = NULL
    WHERE membership_id IN (SELECT id FROM groups_membership WHERE user_id = %(user)s)
)
UPDATE outcomes_presence
SET membership_id = NULL, first_came_at = came_month, last_came_at = came_month
WHERE membership_id IN (SELECT id FROM groups_membership WHERE user_id = %(user)s)
"""


def let_go(*, by: User) -> None:
    """Count the person's groups a last time with them, and keep their sums without whom.

    For closing an account, in its transaction, once their memberships have ended. The clock's own
    count waits for it.
    """
    groups = list(
        by.memberships.order_by("group").values_list("group", flat=True).distinct("group")
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        _count(groups, [])
        cursor.execute(_LET_GO, {"user": by.pk})


def recount_by_the_clock(*, by: None) -> None:
    """Count on until nothing waits, or the run's time is over."""
    begun = time.monotonic()
    while recount(by=by) and time.monotonic() - begun < SECONDS_OF_A_RUN:
        pass


def recount_before_a_page(*, by: None, organisation: Organisation) -> bool:
    """Bring an organisation's counts up to date; False when that is too much for a page."""
    return not recount(by=by, organisation=organisation, most=MOST_BEFORE_A_PAGE)
