"""One SQL aggregate per question of the overview, and what a person's own pages show.

The overview's rows come counted: one row per group, month and result, with how many memberships
share it. So a large organisation sends no more rows than a small one.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.consents import COUNT_MY_ANSWERS, who_said_no
from accounts.models import Organisation, User
from groups.models import FacilitatorAssignment, Membership, SupportGroup, Topic
from instruments.models import Instrument
from outcomes.models import Response, SurveyInvitation
from outcomes.rules import still_asked
from outcomes.scopes import GroupKind, Lens, Scope, open_month
from outcomes.statistics.episodes import MISSED_IN_A_ROW
from safeguarding.rules import concerns_visible_to
from screening.rules import applications_decided_by
from sessions.after_rules import NOT_SAFE
from sessions.models import Attendance, SupportSession

#: Columns of the attendance table.
WEEKS = 9

# The same definition as `statistics.episodes`, for all memberships at once (a test holds the two
# against one another). `place` counts held sessions from the first attended one; between two
# attended ones lies a break when `k` were missed, excused ones not counted.
_RETENTION = """
WITH joined AS (
    SELECT m.id, m.group_id, m.status, m.ended_at, g.lifecycle,
           date_trunc('month', min(s.starts_at) AT TIME ZONE %(zone)s)::date AS month,
           min(s.starts_at) AS first_at
    FROM groups_supportgroup g
    JOIN groups_membership m ON m.group_id = g.id
    JOIN support_sessions_attendance a ON a.membership_id = m.id AND a.status = ANY(%(came)s)
    JOIN support_sessions_supportsession s ON s.id = a.support_session_id AND s.status = 'ended'
    WHERE g.organisation_id = %(organisation)s
    GROUP BY m.id, g.id
), marks AS (
    SELECT j.id, row_number() OVER (PARTITION BY j.id ORDER BY s.starts_at, s.id) AS place,
           coalesce(a.status = ANY(%(came)s), false) AS came,
           coalesce(a.status IN ('expected', 'no_show'), true) AS missed
    FROM joined j
    JOIN support_sessions_supportsession s
      ON s.group_id = j.group_id AND s.status = 'ended' AND s.starts_at >= j.first_at
     AND s.starts_at <= coalesce(j.ended_at, %(at)s)
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
    SELECT j.group_id, j.month, e.episode = 0 AS is_first,
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
SELECT group_id, month, is_first, duration, outcome, count(*)
FROM results
GROUP BY group_id, month, is_first, duration, outcome
"""

_UPTAKE = """
SELECT group_id, month, came, could_come, count(*)
FROM (
    SELECT m.group_id,
           date_trunc(
               'month', coalesce(m.accepted_at, m.activated_at) AT TIME ZONE %(zone)s
           )::date AS month,
           EXISTS (
               SELECT 1 FROM support_sessions_attendance a
               JOIN support_sessions_supportsession s ON s.id = a.support_session_id
               WHERE a.membership_id = m.id AND a.status = ANY(%(came)s) AND s.status = 'ended'
           ) AS came,
           EXISTS (
               SELECT 1 FROM support_sessions_supportsession s
               WHERE s.group_id = m.group_id AND s.status = 'ended'
                 AND s.starts_at > coalesce(m.accepted_at, m.activated_at)
                 AND s.starts_at <= coalesce(m.ended_at, %(at)s)
           ) AS could_come
    FROM groups_membership m
    JOIN groups_supportgroup g ON g.id = m.group_id
    WHERE g.organisation_id = %(organisation)s
      AND coalesce(m.accepted_at, m.activated_at) IS NOT NULL
) accepted
GROUP BY group_id, month, came, could_come
"""

# Months by the organisation's clock. Where a session has too few answers for a mean of its own, the
# month may say something all the same; `beside` counts whose answers these are, because the means
# of the other sessions are seen on their pages.
_FELT = """
WITH answers AS (
    SELECT s.group_id, p.user_id, q.question, q.value,
           date_trunc('month', s.ended_at AT TIME ZONE %(zone)s)::date AS month,
           count(*) OVER (PARTITION BY s.id, q.question) >= %(fewest)s AS shows
    FROM groups_supportgroup g
    JOIN support_sessions_supportsession s ON s.group_id = g.id AND s.status = 'ended'
    JOIN support_sessions_pulse p ON p.support_session_id = s.id
    CROSS JOIN LATERAL (
        VALUES ('heard', p.felt_heard), ('safe', p.felt_safe)
    ) AS q(question, value)
    WHERE g.organisation_id = %(organisation)s AND q.value IS NOT NULL
      AND p.user_id NOT IN ({left_out})
      AND s.ended_at >= %(since)s AND s.ended_at < %(until)s
)
SELECT group_id, month, question,
       count(*), sum(value), count(DISTINCT user_id),
       count(*) FILTER (WHERE shows), coalesce(sum(value) FILTER (WHERE shows), 0),
       count(DISTINCT user_id) FILTER (WHERE shows),
       count(DISTINCT user_id) FILTER (WHERE NOT shows) AS beside,
       coalesce(array_agg(DISTINCT user_id) FILTER (WHERE value <= %(not_safe)s), '{}'),
       coalesce(array_agg(DISTINCT user_id) FILTER (WHERE value <= %(not_safe)s AND shows), '{}')
FROM answers
GROUP BY group_id, month, question
ORDER BY month
"""


class EpisodeCount(NamedTuple):
    """How many episodes lasted `duration` sessions and ended in `outcome` (0, 1 or 2)."""

    group_id: UUID
    month: date
    is_first: bool
    duration: int
    outcome: int
    n: int


class UptakeCount(NamedTuple):
    """How many accepted people came, or did not come although they could have."""

    group_id: UUID
    month: date
    came: bool
    could_come: bool
    n: int


class SessionCount(NamedTuple):
    """How many came to one held session, of how many expected."""

    group_id: UUID
    starts_at: datetime
    came: int
    expected: int


def _rows(sql: str, organisation: Organisation, at: datetime) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "organisation": organisation.pk,
                "at": at,
                "zone": organisation.time_zone,
                "came": list(Attendance.CAME),
                "k": MISSED_IN_A_ROW,
            },
        )
        return cursor.fetchall()


def episode_counts(organisation: Organisation, *, at: datetime) -> list[EpisodeCount]:
    """Every episode of everybody who ever came, counted by group, joining, length and end."""
    return [EpisodeCount(*row) for row in _rows(_RETENTION, organisation, at)]


def uptake_counts(organisation: Organisation, *, at: datetime) -> list[UptakeCount]:
    """Everybody who was ever accepted, by whether they came to a session."""
    return [UptakeCount(*row) for row in _rows(_UPTAKE, organisation, at)]


def session_counts(organisation: Organisation, *, since: datetime) -> list[SessionCount]:
    """Held sessions since a moment, oldest first. Who said they could not come was not expected."""
    rows = (
        SupportSession.objects.held()
        .filter(group__organisation=organisation, starts_at__gte=since)
        .annotate(
            came=Count("attendances", filter=Q(attendances__status__in=Attendance.CAME)),
            expected=Count("attendances", filter=~Q(attendances__status=Attendance.Status.EXCUSED)),
        )
        .order_by("starts_at")
        .values_list("group_id", "starts_at", "came", "expected")
    )
    return [SessionCount(*row) for row in rows]


class FeltCount(NamedTuple):
    """The answers to one question of the pulse, of one group in one month."""

    group_id: UUID
    month: date
    #: "heard" or "safe".
    question: str
    n: int
    total: int
    people: int
    #: Of the sessions whose own mean shows.
    n_shown: int
    total_shown: int
    people_shown: int
    #: People who answered after the other sessions.
    beside: int
    #: Who answered "not safe", or did not feel heard, in all sessions and in those that show;
    #: counted, never named.
    low: list[UUID]
    low_shown: list[UUID]


def left_out_of(organisation: Organisation) -> tuple[str, dict[str, Any]]:
    """A query of whoever does not want their answers counted, for the SQL of figures of answers."""
    found = who_said_no(COUNT_MY_ANSWERS.code, organisation).values("pk")
    sql, parameters = found.query.sql_with_params()
    named = {f"left_out_{place}": value for place, value in enumerate(parameters)}
    return sql % tuple(f"%({name})s" for name in named), named


def felt_counts(organisation: Organisation, *, since: datetime, until: datetime) -> list[FeltCount]:
    """How people felt in sessions that ended between two moments, by group and month."""
    sql, left_out = left_out_of(organisation)
    with connection.cursor() as cursor:
        cursor.execute(
            _FELT.replace("{left_out}", sql),
            {
                "organisation": organisation.pk,
                "zone": organisation.time_zone,
                "fewest": organisation.smallest_cell,
                "not_safe": NOT_SAFE.value,
                **left_out,
                "since": since,
                "until": until,
            },
        )
        return [FeltCount(*row) for row in cursor.fetchall()]


def kinds_of(organisation: Organisation) -> list[GroupKind]:
    """What filters know of each group of the organisation, drafts and closed ones included."""
    rows = (
        SupportGroup.objects.filter(organisation=organisation)
        .annotate(slugs=ArrayAgg("topics__slug", filter=Q(topics__isnull=False), default=[]))
        .order_by("pk")
        .values_list("pk", "facilitation", "format", "slugs")
    )
    return [GroupKind(pk, led, meets, frozenset(slugs)) for pk, led, meets, slugs in rows]


def lens_of(organisation: Organisation, scope: Scope, *, at: datetime) -> Lens:
    """How the organisation's own people look at its figures."""
    return Lens(
        kinds_of(organisation),
        scope,
        open_month(at, organisation.time_zone),
        threshold=organisation.smallest_cell,
        inside=organisation.smallest_cell,
    )


def groups_of(organisation: Organisation) -> list[SupportGroup]:
    """The organisation's groups, each with `leaders`, `waiting` and `waiting_since`."""
    waiting = Q(memberships__status=Membership.Status.WAITLISTED)
    leaders = (
        FacilitatorAssignment.objects.filter(group=OuterRef("pk"), user__is_active=True)
        .order_by()
        .values("group")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return list(
        SupportGroup.objects.filter(organisation=organisation)
        .exclude(lifecycle=SupportGroup.Lifecycle.DRAFT)
        .annotate(
            waiting=Count("memberships", filter=waiting),
            waiting_since=Min("memberships__waitlisted_at", filter=waiting),
            leaders=Coalesce(Subquery(leaders), 0),
        )
        .order_by("name")
    )


def topics_of(organisation: Organisation) -> list[tuple[str, str]]:
    """Slug and name of each topic that the organisation's groups are about."""
    about = SupportGroup.objects.filter(organisation=organisation, topics=OuterRef("pk"))
    return list(Topic.objects.filter(Exists(about)).values_list("slug", "name"))


def instruments_asked_by(organisation: Organisation) -> list[Instrument]:
    """The questionnaires that were answered in the organisation's groups, the newest version."""
    answered = Response.objects.filter(
        instrument=OuterRef("pk"), invitation__membership__group__organisation=organisation
    )
    found: dict[str, Instrument] = {}
    for instrument in Instrument.objects.filter(Exists(answered)):
        known = found.get(instrument.code)
        if known is None or int(known.version) < int(instrument.version):
            found[instrument.code] = instrument
    return [found[code] for code in sorted(found, reverse=True)]


class Waiting(NamedTuple):
    """How many wait for a person, how many past their time, and the earliest promised moment."""

    n: int
    late: int
    earliest: datetime | None


def open_concerns(user: User, organisation: Organisation, *, at: datetime) -> Waiting:
    """Open concerns of the organisation that this coordinator sees in the list."""
    found = (
        concerns_visible_to(user)
        .open()
        .filter(organisation=organisation)
        .aggregate(
            n=Count("pk"), late=Count("pk", filter=Q(respond_by__lt=at)), earliest=Min("respond_by")
        )
    )
    return Waiting(found["n"], found["late"], found["earliest"])


def waiting_applications(user: User, organisation: Organisation, *, at: datetime) -> Waiting:
    """Applications of the organisation's groups that this coordinator can decide."""
    found = (
        applications_decided_by(user)
        .waiting()
        .filter(form__group__organisation=organisation)
        .aggregate(
            n=Count("pk"), late=Count("pk", filter=Q(answer_by__lt=at)), earliest=Min("answer_by")
        )
    )
    return Waiting(found["n"], found["late"], found["earliest"])


#: A session that nobody began this long after its start needs a look; for a week.
NOT_BEGUN_AFTER = timedelta(minutes=10)


def sessions_not_begun(organisation: Organisation, *, at: datetime) -> list[SupportSession]:
    """Sessions of the last week whose time came and that nobody began."""
    return list(
        SupportSession.objects.filter(
            group__organisation=organisation,
            status=SupportSession.Status.SCHEDULED,
            starts_at__lt=at - NOT_BEGUN_AFTER,
            starts_at__gt=at - timedelta(days=7),
        )
        .select_related("group")
        .order_by("-starts_at")
    )


# A person's own pages --------------------------------------------------------------------------


def open_invitations_of(user: User, *, at: datetime) -> QuerySet[SurveyInvitation]:
    """What waits for this person's answers, in the order in which it is asked."""
    return (
        SurveyInvitation.objects.open(at)
        .filter(still_asked(), membership__user=user)
        .select_related(
            "plan__instrument", "membership__group__organisation", "response__instrument"
        )
        .order_by("due_at", "plan__position")
    )


def coming_sessions(groups: Sequence[UUID], *, at: datetime) -> QuerySet[SupportSession]:
    """Sessions of these groups that are not over, soonest first, with the `seats_taken`."""
    taken = (
        Membership.objects.filter(group=OuterRef("group"), status__in=Membership.HOLDS_A_SEAT)
        .order_by()
        .values("group")
        .annotate(n=Count("pk"))
        .values("n")
    )
    return (
        SupportSession.objects.coming(at)
        .filter(group__in=groups)
        .select_related("group")
        .annotate(seats_taken=Coalesce(Subquery(taken), 0))
    )
