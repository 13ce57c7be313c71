"""The overview's SQL against small worlds whose numbers are known, and against pure functions."""

import random
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from outcomes import queries
from outcomes.counting_actions import recount
from outcomes.statistics.episodes import Ending, Mark, episodes
from tests import factories

pytestmark = pytest.mark.django_db

STATUS = {
    Mark.ATTENDED: "attended",
    Mark.MISSED: "no_show",
    Mark.EXCUSED: "excused",
}
ENDS = {None: "active", Ending.LEFT: "withdrawn", Ending.COMPLETED: "completed"}


def weekly_sessions(group, count):
    """Held sessions, the last one two days ago."""
    now = timezone.now()
    return [
        factories.support_session(
            group, status="ended", starts_at=now - timedelta(days=2 + 7 * (count - 1 - i))
        )
        for i in range(count)
    ]


def person_with(group, sessions, marks, *, ending=None):
    """A membership whose attendance follows `marks`, from the first session on."""
    fields = {"activated_at": sessions[0].starts_at - timedelta(days=1)}
    fields["accepted_at"] = fields["activated_at"]
    if ending is not None:
        fields["ended_at"] = sessions[len(marks) - 1].starts_at + timedelta(hours=2)
    membership = factories.membership(group=group, status=ENDS[ending], **fields)
    for held, mark in zip(sessions, marks, strict=False):
        if mark in STATUS:
            factories.attendance(held, membership, status=STATUS[mark])
    return membership


def counted(organisation):
    """(duration, outcome) -> how many, over all episodes."""
    recount(by=None, organisation=organisation)
    rows = queries.episode_counts(organisation)
    found = Counter()
    for row in rows:
        found[row.duration, row.outcome] += row.n
    return found


A, M, E = Mark.ATTENDED, Mark.MISSED, Mark.EXCUSED


@pytest.mark.parametrize(
    ("marks", "ending", "expected"),
    [
        ([A, A, A, A, A, A], None, {(5, 0): 1}),
        ([M, M, A, A, A, A], None, {(3, 0): 1}),
        ([A, A, M, M, M, M], None, {(2, 1): 1}),
        ([A, A, A, A, M, M], None, {(3, 0): 1}),
        ([A, M, E, M, M, M], None, {(1, 1): 1}),
        ([A, A, M], Ending.LEFT, {(2, 1): 1}),
        ([A, A, A], Ending.COMPLETED, {(2, 2): 1}),
        ([A, M, M, M, A, A], None, {(1, 1): 1, (1, 0): 1}),
        ([M, M, M, M, M, M], None, {}),
    ],
)
def test_episode_counts_of_one_person(group, organisation, marks, ending, expected):
    sessions = weekly_sessions(group, 6)
    person_with(group, sessions, marks, ending=ending)
    assert counted(organisation) == expected


def test_episode_counts_take_a_session_without_a_row_as_missed(group, organisation):
    sessions = weekly_sessions(group, 5)
    membership = person_with(group, sessions, [A])
    assert membership.attendances.count() == 1
    assert counted(organisation) == {(1, 1): 1}


def test_episode_counts_of_a_closed_group_are_censored(group, organisation):
    sessions = weekly_sessions(group, 4)
    person_with(group, sessions, [A, A, A, A], ending=Ending.LEFT)
    person_with(group, sessions, [A, A, A], ending=Ending.LEFT)
    group.lifecycle = "closed"
    group.save()
    assert counted(organisation) == {(3, 0): 1, (2, 1): 1}


def test_episode_counts_agree_with_the_pure_function(group, organisation):
    """Random courses: the SQL and `statistics.episodes` define the same thing."""
    chance = random.Random(20261122)
    other = factories.group(organisation=organisation)
    expected = Counter()
    for found in (group, other):
        sessions = weekly_sessions(found, 14)
        for _ in range(40):
            length = chance.randint(1, 14)
            ending = chance.choice([None, Ending.LEFT, Ending.COMPLETED])
            if ending is None:
                length = 14
            stays = chance.random()
            marks = [chance.choices([A, M, E], [stays, 1 - stays, 0.1])[0] for _ in range(length)]
            person_with(found, sessions, marks, ending=ending)
            for episode in episodes(marks, ending=ending):
                expected[episode.duration, int(episode.outcome)] += 1
    assert counted(organisation) == expected


def test_episode_counts_know_month_and_returns(group, organisation):
    sessions = weekly_sessions(group, 12)
    person_with(group, sessions, [A, A], ending=Ending.LEFT)
    person_with(group, sessions, [*[M] * 6, A, M, M, M, A, A])
    recount(by=None, organisation=organisation)
    found = {(row.month, row.is_first): row.n for row in queries.episode_counts(organisation)}
    zone = ZoneInfo(organisation.time_zone)
    first, later = (
        held.starts_at.astimezone(zone).date().replace(day=1) for held in (sessions[0], sessions[6])
    )
    assert found == {(first, True): 1, (later, True): 1, (later, False): 1}


def test_episode_counts_leave_out_other_organisations(group, organisation):
    other = factories.group()
    person_with(other, weekly_sessions(other, 2), [A, A])
    assert counted(organisation) == {}


def test_uptake_counts(group, organisation):
    sessions = weekly_sessions(group, 3)
    person_with(group, sessions, [A, M, M])
    person_with(group, sessions, [M, M, M])
    now = timezone.now()
    factories.membership(group=group, status="accepted", accepted_at=now - timedelta(days=1))
    factories.membership(group=group, status="applied")
    factories.membership(group=group, status="waitlisted")
    found = Counter()
    recount(by=None, organisation=organisation)
    for row in queries.uptake_counts(organisation):
        found[row.came, row.could_come] += row.n
    assert found == {(True, True): 1, (False, True): 1, (False, False): 1}


def scores(plan, membership, *values):
    """Submitted scores of waves 0, 1, 2 …; None is a wave without a score."""
    now = timezone.now()
    for wave, value in enumerate(values):
        due_at = now - timedelta(days=100 - wave)
        factories.response(
            factories.invitation(plan, membership, wave=wave, due_at=due_at),
            score=value,
            submitted_at=due_at,
        )


def test_session_counts_expect_nobody_who_was_excused(group, organisation):
    [held] = weekly_sessions(group, 1)
    for status in ("attended", "late", "left_early", "no_show", "expected", "excused"):
        factories.attendance(held, factories.member(group), status=status)
    [row] = queries.session_counts(organisation, since=held.starts_at)
    assert (row.came, row.expected) == (3, 5)
    assert queries.session_counts(organisation, since=timezone.now()) == []


def test_groups_of_knows_who_waits_and_who_leads(group, organisation, facilitator):
    now = timezone.now()
    for days in (3, 9):
        factories.membership(
            group=group, status="waitlisted", waitlisted_at=now - timedelta(days=days)
        )
    factories.group(organisation=organisation, name="A circle", lifecycle="draft")
    [found] = queries.groups_of(organisation)
    assert (found.waiting, found.leaders) == (2, 1)
    assert (now - found.waiting_since).days == 9


def test_instruments_asked_by_counts_only_own_answers(group, organisation):
    assert queries.instruments_asked_by(organisation) == []
    plan = factories.survey_plan(group)
    factories.response(factories.invitation(plan, factories.member(group)))
    assert queries.instruments_asked_by(organisation) == [plan.instrument]


def test_sessions_not_begun(group, organisation):
    now = timezone.now()
    late = factories.support_session(group, starts_at=now - timedelta(minutes=11))
    factories.support_session(group, starts_at=now - timedelta(minutes=9))
    factories.support_session(group, starts_at=now - timedelta(days=8))
    factories.support_session(group, status="cancelled", starts_at=now - timedelta(days=1))
    assert queries.sessions_not_begun(organisation, at=now) == [late]
