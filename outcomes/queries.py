"""One SQL aggregate per question of the overview, and what a person's own pages show.

The overview's rows come counted: one row per group, month and result, with how many memberships
share it. So a large organisation sends no more rows than a small one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import (
    Count,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from accounts.consents import COUNT_MY_ANSWERS, who_said_no
from accounts.models import Organisation, User
from groups.models import FacilitatorAssignment, Membership, SupportGroup, Topic
from instruments.models import Instrument
from outcomes.models import Presence, Response, Stay, SurveyInvitation
from outcomes.rules import still_asked
from outcomes.scopes import Cell, Chosen, GroupKind, Lens, Scope, open_month
from safeguarding.today import Waiting, counted, waiting_here
from screening.rules import applications_decided_by
from sessions.after_rules import NOT_SAFE
from sessions.models import Attendance, SupportSession

#: Columns of the attendance table.
WEEKS = 9


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


def episode_counts(organisation: Organisation) -> list[EpisodeCount]:
    """Every episode of everybody who ever came, counted by group, month, length and end.

    `counting_actions.recount` brings them up to date.
    """
    rows = (
        Stay.objects.filter(group__organisation=organisation)
        .annotate(is_first=Q(number=0))
        .values_list("group_id", "month", "is_first", "duration", "outcome")
        .annotate(n=Count("*"))
    )
    return [EpisodeCount(*row) for row in rows]


def uptake_counts(organisation: Organisation) -> list[UptakeCount]:
    """Everybody who was ever accepted, by whether they came to a session (kept likewise)."""
    rows = (
        Presence.objects.filter(group__organisation=organisation)
        .annotate(has_come=Q(came__gte=1))
        .values_list("group_id", "accepted_month", "has_come", "could_come")
        .annotate(n=Count("*"))
    )
    return [UptakeCount(*row) for row in rows]


def session_counts(organisation: Organisation, *, since: datetime) -> list[SessionCount]:
    """Held sessions since a moment, oldest first. Who said they could not come was not expected."""
    rows = (
        SupportSession.objects.held()
        .filter(group__organisation=organisation, starts_at__gte=since)
        .annotate(
            came=F("gone_came")
            + Count("attendances", filter=Q(attendances__status__in=Attendance.CAME)),
            expected=F("gone_expected")
            + Count("attendances", filter=~Q(attendances__status=Attendance.Status.EXCUSED)),
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


def first_stays(organisation: Organisation) -> list[Cell]:
    """How many people of each group first came in each month."""
    rows = (
        Stay.objects.filter(group__organisation=organisation, number=0)
        .values_list("group_id", "month")
        .annotate(n=Count("*"))
    )
    return [Cell(group_id, month, (n,)) for group_id, month, n in rows]


class StayCount(NamedTuple):
    """How many episodes lasted `duration` sessions and ended in `outcome`, in one place.

    `firsts` of them are the person's first in the group.
    """

    place: int
    duration: int
    outcome: int
    n: int
    firsts: int


_STAYS_WITHIN = """
SELECT c.place, s.duration, s.outcome, count(*), count(*) FILTER (WHERE s.number = 0)
FROM unnest(%(groups)s::uuid[], %(months)s::date[], %(places)s::int[]) AS c(group_id, month, place)
JOIN outcomes_stay s ON s.group_id = c.group_id AND s.month = c.month
GROUP BY c.place, s.duration, s.outcome
"""


def stays_within(places: Sequence[Chosen]) -> list[StayCount]:
    """The episodes of the people of several places at once."""
    found = [(place, chosen) for place, chosen in enumerate(places) if chosen.cells]
    if not found:
        return []
    numbers = ",".join(",".join([str(place)] * len(chosen.cells)) for place, chosen in found)
    groups, months = zip(*(chosen.as_arrays for _, chosen in found), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _STAYS_WITHIN,
            {
                "groups": f"{{{','.join(groups)}}}",
                "months": f"{{{','.join(months)}}}",
                "places": f"{{{numbers}}}",
            },
        )
        return [StayCount(*row) for row in cursor.fetchall()]


def _arrays(chosen: Chosen) -> tuple[str, str]:
    groups, months = chosen.as_arrays
    return f"{{{groups}}}", f"{{{months}}}"


def stays_listed(chosen: Chosen, *, at_least: int = 0, firsts: bool = False) -> QuerySet[Stay]:
    """The single episodes of people of these groups and months that lasted so many sessions."""
    inside = RawSQL(  # the parameters are passed apart
        "SELECT s.id FROM unnest(%s::uuid[], %s::date[]) AS c(group_id, month)"
        " JOIN outcomes_stay s ON s.group_id = c.group_id AND s.month = c.month",
        _arrays(chosen),
    )
    found = Stay.objects.filter(pk__in=inside, duration__gte=at_least)
    if firsts:
        found = found.filter(number=0)
    return found.select_related("membership__user", "group").order_by(
        "group__name", "membership__user__display_name", "pk"
    )


def never_came(chosen: Chosen) -> QuerySet[Presence]:
    """Who was accepted in these groups and months, could have come, and has not."""
    inside = RawSQL(
        "SELECT p.id FROM unnest(%s::uuid[], %s::date[]) AS c(group_id, month)"
        " JOIN outcomes_presence p ON p.group_id = c.group_id AND p.accepted_month = c.month",
        _arrays(chosen),
    )
    return (
        Presence.objects.filter(pk__in=inside, came=0, could_come=True)
        .select_related("membership__user", "group")
        .order_by("group__name", "membership__user__display_name", "pk")
    )


def kinds_of(organisation: Organisation) -> list[GroupKind]:
    """What filters know of each group of the organisation, drafts and closed ones included."""
    rows = (
        SupportGroup.objects.filter(organisation=organisation)
        .annotate(slugs=ArrayAgg("topics__slug", filter=Q(topics__isnull=False), default=[]))
        .order_by("pk")
        .values_list("pk", "facilitation", "format", "slugs")
    )
    return [GroupKind(pk, led, meets, frozenset(slugs)) for pk, led, meets, slugs in rows]


def lens_of(
    organisation: Organisation,
    scope: Scope,
    *,
    at: datetime,
    groups: Iterable[SupportGroup] | None = None,
) -> Lens:
    """How the organisation's own people look at its figures; `groups` as `groups_of` gives them."""
    if groups is None:
        kinds = kinds_of(organisation)
    else:
        kinds = [
            GroupKind(group.pk, group.facilitation, group.format, frozenset(group.topic_slugs))  # type: ignore[attr-defined]
            for group in groups
        ]
    return Lens(
        kinds,
        scope,
        open_month(at, organisation.time_zone),
        threshold=organisation.smallest_cell,
        inside=organisation.smallest_cell,
    )


def groups_of(organisation: Organisation) -> list[SupportGroup]:
    """The organisation's groups, each with `leaders`, `waiting` and `waiting_since`, and the
    `topic_slugs` and `topic_names` of what it is about."""
    waiting = (
        Membership.objects.filter(group=OuterRef("pk"), status=Membership.Status.WAITLISTED)
        .order_by()
        .values("group")
        .annotate(n=Count("pk"), since=Min("waitlisted_at"))
    )
    leaders = (
        FacilitatorAssignment.objects.filter(group=OuterRef("pk"), user__is_active=True)
        .order_by()
        .values("group")
        .annotate(n=Count("pk"))
        .values("n")
    )
    topics = Topic.objects.filter(support_groups=OuterRef("pk")).order_by("slug")
    return list(
        SupportGroup.objects.filter(organisation=organisation)
        .exclude(lifecycle=SupportGroup.Lifecycle.DRAFT)
        .annotate(
            waiting=Coalesce(Subquery(waiting.values("n")), 0),
            waiting_since=Subquery(waiting.values("since")),
            leaders=Coalesce(Subquery(leaders), 0),
            topic_slugs=ArraySubquery(topics.values("slug")),
            topic_names=ArraySubquery(topics.values("name")),
        )
        .order_by("name")
    )


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


def waiting_for_a_person(
    user: User, organisation: Organisation, *, at: datetime
) -> defaultdict[str, Waiting]:
    """What waits for this coordinator: "applications", and what safeguarding counts.

    Asked in one query.
    """
    applications = applications_decided_by(user).waiting()
    first, *others = waiting_here(user, organisation, at=at)
    rows = first.union(
        *others,
        counted(
            applications.filter(form__group__organisation=organisation),
            "applications",
            F("answer_by"),
            at=at,
        ),
        all=True,
    ).order_by()
    found: defaultdict[str, Waiting] = defaultdict(lambda: Waiting(0, 0, None))
    found.update((what, Waiting(n, late, earliest)) for what, n, late, earliest in rows)
    return found


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
