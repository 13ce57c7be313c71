"""Who stands in which number of a funder's report. People are counted here and go no further.

One statement per question, for any set of groups and any whole months, as things stood at the end
of them. `cells_of` turns the answers into cells of people; what may be told of them decides
`statistics.disclosure`, and only counts and sums of that are kept (`report_inputs`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.consents import COUNT_MY_ANSWERS, who_said_no
from accounts.models import Organisation
from groups.models import Membership, SupportGroup
from instruments.models import Instrument
from outcomes.statistics.change import Category, reliable_change
from outcomes.statistics.disclosure import Cell, people
from outcomes.statistics.episodes import Ending, Episode, Mark, Outcome, episodes
from sessions.after_rules import PULSES_KEPT
from sessions.models import Attendance

#: Sessions after the first at which the curve may show a value, the most asked for first.
MARKS = (8, 4, 12, 26, 16, 52, 39)
#: Coming so often or more in a period is coming often.
OFTEN = 4

type Person = UUID

_GROUPS = """
SELECT g.id, count(s.id),
       count(s.id) FILTER (WHERE NOT EXISTS (
           SELECT 1 FROM support_sessions_attendance a
           WHERE a.support_session_id = s.id AND a.status <> ALL(ARRAY['expected', 'excused'])
       ))
FROM groups_supportgroup g
LEFT JOIN support_sessions_supportsession s
  ON s.group_id = g.id AND s.status = 'ended'
 AND s.starts_at >= %(since)s AND s.starts_at < %(until)s
WHERE g.id = ANY(%(groups)s)
GROUP BY g.id
"""

_VISITS = """
SELECT m.user_id, m.group_id,
       count(*) FILTER (WHERE a.status = ANY(%(came)s)),
       count(*) FILTER (WHERE a.status <> 'excused')
FROM support_sessions_supportsession s
JOIN support_sessions_attendance a ON a.support_session_id = s.id
JOIN groups_membership m ON m.id = a.membership_id
WHERE s.group_id = ANY(%(groups)s) AND s.status = 'ended'
  AND s.starts_at >= %(since)s AND s.starts_at < %(until)s
GROUP BY m.user_id, m.group_id
"""

_ACCEPTED = """
SELECT m.user_id,
       bool_or(EXISTS (
           SELECT 1 FROM support_sessions_supportsession s
           WHERE s.group_id = m.group_id AND s.status = 'ended'
             AND s.starts_at > coalesce(m.accepted_at, m.activated_at)
             AND s.starts_at < least(coalesce(m.ended_at, %(until)s), %(until)s)
       )),
       bool_or(EXISTS (
           SELECT 1 FROM support_sessions_attendance a
           JOIN support_sessions_supportsession s ON s.id = a.support_session_id
           WHERE a.membership_id = m.id AND a.status = ANY(%(came)s)
             AND s.status = 'ended' AND s.starts_at < %(until)s
       ))
FROM groups_membership m
WHERE m.group_id = ANY(%(groups)s)
  AND coalesce(m.accepted_at, m.activated_at) >= %(since)s
  AND coalesce(m.accepted_at, m.activated_at) < %(until)s
GROUP BY m.user_id
"""

# Each person once, with the membership in which they came first to any of these groups.
_STAYS = """
WITH firsts AS (
    SELECT m.id, m.user_id, m.group_id, m.status, m.ended_at, min(s.starts_at) AS first_at
    FROM groups_membership m
    JOIN support_sessions_attendance a ON a.membership_id = m.id AND a.status = ANY(%(came)s)
    JOIN support_sessions_supportsession s ON s.id = a.support_session_id
    WHERE m.group_id = ANY(%(groups)s) AND s.status = 'ended' AND s.starts_at < %(until)s
    GROUP BY m.id
), began AS (
    SELECT DISTINCT ON (user_id) * FROM firsts ORDER BY user_id, first_at, id
)
SELECT b.user_id,
       CASE WHEN b.ended_at < %(until)s THEN b.status ELSE '' END,
       g.lifecycle = 'closed' AND g.lifecycle_changed_at < %(until)s AND NOT EXISTS (
           SELECT 1 FROM support_sessions_supportsession t
           WHERE t.group_id = b.group_id AND t.status = 'ended' AND t.starts_at > b.ended_at
       ),
       array_agg(coalesce(a.status, 'expected') ORDER BY s.starts_at, s.id)
FROM began b
JOIN groups_supportgroup g ON g.id = b.group_id
JOIN support_sessions_supportsession s
  ON s.group_id = b.group_id AND s.status = 'ended' AND s.starts_at >= b.first_at
 AND s.starts_at < %(until)s AND s.starts_at <= coalesce(b.ended_at, %(until)s)
LEFT JOIN support_sessions_attendance a
  ON a.support_session_id = s.id AND a.membership_id = b.id
WHERE b.first_at >= %(since)s
GROUP BY b.id, b.user_id, b.status, b.ended_at, b.group_id, g.id
"""

# Everybody whose first check-in (wave 0) falls into the period, once for each questionnaire; later
# ones are those of the same membership.
_SCORES = """
WITH scored AS (
    SELECT m.user_id, i.code, v.wave, r.score, r.submitted_at, m.id AS membership_id
    FROM groups_membership m
    JOIN outcomes_surveyinvitation v ON v.membership_id = m.id
    JOIN outcomes_response r ON r.invitation_id = v.id
    JOIN instruments_instrument i ON i.id = r.instrument_id
    WHERE m.group_id = ANY(%(groups)s) AND m.user_id <> ALL(%(left_out)s)
      AND r.score IS NOT NULL AND r.submitted_at < %(until)s
), firsts AS (
    SELECT DISTINCT ON (user_id, code) user_id, code, membership_id, submitted_at
    FROM scored
    WHERE wave = 0
    ORDER BY user_id, code, submitted_at, membership_id
)
SELECT s.user_id, s.code, s.wave, s.score
FROM firsts f
JOIN scored s USING (user_id, code, membership_id)
WHERE f.submitted_at >= %(since)s
ORDER BY s.code, s.user_id, s.wave
"""

_ASKED = """
SELECT m.user_id, count(*), count(*) FILTER (WHERE r.submitted_at < %(until)s),
       count(*) FILTER (WHERE r.submitted_at < %(until)s AND r.score IS NULL)
FROM groups_membership m
JOIN outcomes_surveyinvitation v ON v.membership_id = m.id
LEFT JOIN outcomes_response r ON r.invitation_id = v.id
WHERE m.group_id = ANY(%(groups)s) AND m.user_id <> ALL(%(left_out)s)
  AND v.due_at >= %(since)s AND v.closes_at < %(until)s
GROUP BY m.user_id
"""

_FELT = """
SELECT p.user_id, count(p.felt_heard), sum(p.felt_heard), sum(p.felt_heard * p.felt_heard),
       count(p.felt_safe), sum(p.felt_safe), sum(p.felt_safe * p.felt_safe)
FROM support_sessions_supportsession s
JOIN support_sessions_pulse p ON p.support_session_id = s.id
WHERE s.group_id = ANY(%(groups)s) AND s.status = 'ended'
  AND s.starts_at >= %(since)s AND s.starts_at < %(until)s
GROUP BY p.user_id
"""

_CONCERNS = """
SELECT c.about_id, count(*)
FROM safeguarding_concern c
WHERE c.organisation_id = %(organisation)s
  AND c.opened_at >= %(since)s AND c.opened_at < %(until)s
  AND EXISTS (
      SELECT 1 FROM groups_membership m
      WHERE m.user_id = c.about_id AND m.group_id = ANY(%(groups)s)
        AND m.applied_at < %(until)s
  )
GROUP BY c.about_id
"""


@dataclass(frozen=True)
class Where:
    """Which groups, from when until when (not included)."""

    organisation: Organisation
    group_ids: Sequence[UUID]
    since: datetime
    until: datetime


@dataclass(frozen=True)
class GroupFacts:
    """One group as it is described now, and its sessions in the period."""

    id: UUID
    name: str
    facilitation: str
    format: str
    topics: Mapping[str, str]
    held: int
    #: Held sessions of which nobody noted who came.
    unrecorded: int


@dataclass(frozen=True)
class Answers:
    """One person's answers to one question: how many, their sum and the sum of their squares."""

    n: int
    total: float
    squares: float


@dataclass(frozen=True)
class Facts:
    """Everything that a report counts, person by person."""

    groups: Sequence[GroupFacts]
    #: Person -> group -> sessions they came to, and sessions at which they were expected.
    visits: Mapping[Person, Mapping[UUID, tuple[int, int]]]
    #: Person -> whether a session was held that they could come to, and whether they came.
    accepted: Mapping[Person, tuple[bool, bool]]
    #: Of everybody who came for the first time: how long they stayed.
    stays: Mapping[Person, Episode]
    #: Questionnaire -> person -> wave -> score, of everybody whose first answer is of this period.
    scores: Mapping[str, Mapping[Person, Mapping[int, float]]]
    #: Person -> asked, answered, answered without a score.
    asked: Mapping[Person, tuple[int, int, int]]
    #: Question of the pulse -> person -> answers. None when they are deleted already.
    felt: Mapping[str, Mapping[Person, Answers]] | None
    concerns: Mapping[Person, int]


def _rows(sql: str, where: Where, left_out: Sequence[UUID] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "organisation": where.organisation.pk,
                "groups": list(where.group_ids),
                "since": where.since,
                "until": where.until,
                "came": list(Attendance.CAME),
                "left_out": list(left_out),
            },
        )
        return cursor.fetchall()


def facts_of(where: Where, *, at: datetime | None = None) -> Facts:
    """Ask the database. Whoever does not want their answers counted is left out of scores."""
    left_out = list(
        who_said_no(COUNT_MY_ANSWERS.code, where.organisation).values_list("pk", flat=True)
    )
    visits: dict[Person, dict[UUID, tuple[int, int]]] = defaultdict(dict)
    for person, group, came, expected in _rows(_VISITS, where):
        visits[person][group] = (came, expected)
    scores: dict[str, dict[Person, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for person, code, wave, score in _rows(_SCORES, where, left_out):
        scores[code][person].setdefault(wave, float(score))
    return Facts(
        groups=_groups(where),
        visits=visits,
        accepted={person: (could, came) for person, could, came in _rows(_ACCEPTED, where)},
        stays={person: _stay(*rest) for person, *rest in _rows(_STAYS, where)},
        scores=scores,
        asked={person: tuple(rest) for person, *rest in _rows(_ASKED, where, left_out)},
        felt=_felt(where) if where.since > (at or timezone.now()) - PULSES_KEPT else None,
        concerns=dict(_rows(_CONCERNS, where)),
    )


def _groups(where: Where) -> list[GroupFacts]:
    held = {pk: (n, unrecorded) for pk, n, unrecorded in _rows(_GROUPS, where)}
    found = SupportGroup.objects.filter(pk__in=where.group_ids).prefetch_related("topics")
    return [
        GroupFacts(
            group.pk,
            group.name,
            group.facilitation,
            group.format,
            {topic.slug: topic.name for topic in group.topics.all()},
            *held[group.pk],
        )
        for group in found.order_by("name", "pk")
    ]


_MARK = {
    **dict.fromkeys(Attendance.CAME, Mark.ATTENDED),
    Attendance.Status.EXCUSED: Mark.EXCUSED,
}
_ENDING = {
    Membership.Status.WITHDRAWN: Ending.LEFT,
    Membership.Status.REMOVED: Ending.LEFT,
    Membership.Status.COMPLETED: Ending.COMPLETED,
}


def _stay(status: str, with_the_group: bool, marks: Sequence[str]) -> Episode:  # noqa: FBT001
    """The first time of staying; who comes back after a break has begun another one."""
    ending = _ENDING.get(Membership.Status(status)) if status else None
    if ending is Ending.LEFT and with_the_group:
        ending = Ending.CLOSED
    attended = [_MARK.get(Attendance.Status(mark), Mark.MISSED) for mark in marks]
    return episodes(attended, ending=ending)[0]


def _felt(where: Where) -> dict[str, dict[Person, Answers]]:
    found: dict[str, dict[Person, Answers]] = {"heard": {}, "safe": {}}
    for person, *sums in _rows(_FELT, where):
        for question, (n, total, squares) in zip(found, (sums[:3], sums[3:]), strict=True):
            if n:
                found[question][person] = Answers(n, float(total), float(squares))
    return found


# Cells ------------------------------------------------------------------------------------------


def categories_of(
    instrument: Instrument, scores: Mapping[Person, Mapping[int, float]]
) -> dict[Person, Category] | None:
    """Who changed by more than the measure's own error, from the first score to the latest."""
    definition = instrument.parsed()
    known = definition.reliability
    if known is None:
        return None
    persons = list(scores)
    firsts = [next(iter(scores[person].values())) for person in persons]
    latest = [
        list(scores[person].values())[-1] if len(scores[person]) > 1 else None for person in persons
    ]
    result = reliable_change(
        firsts,
        latest,
        sd=known.sd,
        reliability=known.coefficient,
        cutoff=known.recovery_cutoff,
        higher_is_worse=definition.higher_is_worse,
    )
    return dict(zip(persons, result.categories, strict=True))


def _did(key: str, family: str, counts: Mapping[Person, int]) -> Cell:
    """A cell of what people did, however often."""
    happened = {person: n for person, n in counts.items() if n}
    return Cell(key, family, happened, is_of_people=False)


def cells_of(facts: Facts, instruments: Mapping[str, Instrument]) -> list[list[Cell]]:
    """Everything that could be told, in bundles, the most important first."""
    return [
        *_reach(facts),
        *_staying(facts),
        *(
            bundle
            for code in sorted(facts.scores)
            if code in instruments
            for bundle in _change(code, instruments[code], facts.scores[code])
        ),
        *_answering(facts),
        *_safety(facts),
    ]


def _reach(facts: Facts) -> list[list[Cell]]:
    came = {
        person: {group: n for group, (n, _) in groups.items() if n}
        for person, groups in facts.visits.items()
    }
    persons = [person for person, groups in came.items() if groups]
    visits = {person: sum(groups.values()) for person, groups in came.items()}
    expected = {
        person: sum(n for _, n in groups.values()) for person, groups in facts.visits.items()
    }

    def of_groups(key: str, ids: set[UUID]) -> Cell:
        return people(key, "reach", (p for p in persons if not ids.isdisjoint(came[p])))

    def by(kind: str, values: Mapping[str, set[UUID]]) -> list[list[Cell]]:
        parts = [of_groups(f"reach {kind} {value}", ids) for value, ids in values.items()]
        # All of them if possible, else the largest first.
        parts.sort(key=lambda cell: (-cell.number, cell.key))
        return [parts, *([part] for part in parts)]

    facilitation: dict[str, set[UUID]] = defaultdict(set)
    format_: dict[str, set[UUID]] = defaultdict(set)
    topics: dict[str, set[UUID]] = defaultdict(set)
    for group in facts.groups:
        facilitation[group.facilitation].add(group.id)
        format_[group.format].add(group.id)
        for topic in group.topics:
            topics[topic].add(group.id)
    return [
        [people("reach", "reach", persons)],
        [people("reach new", "reach", (p for p in persons if p in facts.stays))],
        [people("reach often", "reach", (p for p in persons if visits[p] >= OFTEN))],
        [_did("visits", "visits", visits)],
        [_did("visits expected", "visits", expected)],
        *by("facilitation", facilitation),
        *by("format", format_),
        *by("topic", topics),
    ]


def _staying(facts: Facts) -> list[list[Cell]]:
    could = [p for p, (could, came) in facts.accepted.items() if could or came]
    bundles = [
        [people("uptake could", "uptake", could)],
        [people("uptake came", "uptake", (p for p in could if facts.accepted[p][1]))],
        [people("stay", "stay", facts.stays)],
    ]
    for mark in MARKS:
        at_risk = (p for p, stay in facts.stays.items() if stay.duration >= mark)
        gone = (
            p
            for p, stay in facts.stays.items()
            if stay.outcome is Outcome.DROPOUT and stay.duration <= mark
        )
        bundles.append(
            [
                people(f"stay {mark} counted", "stay", at_risk),
                people(f"stay {mark} gone", "stay", gone),
            ]
        )
    return bundles


def _change(
    code: str, instrument: Instrument, scores: Mapping[Person, Mapping[int, float]]
) -> list[list[Cell]]:
    family = f"change {code}"
    categories = categories_of(instrument, scores)
    bundles = [[people(family, family, scores)]]
    both = people(f"{family} both", family, (p for p, waves in scores.items() if len(waves) > 1))
    bundles.append([both])
    if categories is not None:

        def of(key: str, *wanted: Category) -> Cell:
            found = (p for p, category in categories.items() if category in wanted)
            return people(f"{family} {key}", family, found)

        bar = [
            of("improved", Category.IMPROVED, Category.RECOVERED),
            of("same", Category.UNCHANGED),
            of("worse", Category.WORSE),
        ]
        bundles += [bar, [bar[0]], [bar[2]], [bar[1]], [of("recovered", Category.RECOVERED)]]
    waves = sorted({wave for waves in scores.values() for wave in waves})
    return bundles + [
        [
            people(
                f"course {code} {wave}", f"course {code}", (p for p in scores if wave in scores[p])
            )
        ]
        for wave in waves
    ]


def _answering(facts: Facts) -> list[list[Cell]]:
    asked = {p: n for p, (n, _, _) in facts.asked.items()}
    answered = {p: n for p, (_, n, _) in facts.asked.items()}
    unscored = {p: n for p, (_, _, n) in facts.asked.items()}
    bundles = [
        [_did("asked", "asked", asked)],
        [_did("asked answered", "asked", answered)],
        [_did("asked unscored", "asked", unscored)],
    ]
    for question, answers in (facts.felt or {}).items():
        family = f"felt {question}"
        bundles.append(
            [
                people(f"{family} people", family, answers),
                _did(family, family, {p: found.n for p, found in answers.items()}),
            ]
        )
    return bundles


def _safety(facts: Facts) -> list[list[Cell]]:
    return [[_did("concerns", "concerns", facts.concerns)]]
