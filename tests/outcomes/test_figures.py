"""Figures from counted rows: what they say, and what they keep to themselves."""

from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from instruments import catalogue
from instruments.models import Instrument
from outcomes import figures
from outcomes.queries import SessionCount, StayCount, UptakeCount
from outcomes.scopes import GroupKind, Lens, Scope

GROUP, OTHER, THIRD = (UUID(int=number) for number in (1, 2, 3))
LONDON = ZoneInfo("Europe/London")
MONTH = date(2026, 2, 1)


def lens(**scope):
    groups = [GroupKind(pk) for pk in (GROUP, OTHER, THIRD)]
    return Lens(groups, Scope(**scope), until=date(2026, 9, 1))


@pytest.fixture
def phq_9():
    _, content = next(pair for pair in catalogue.all_contents() if pair[0].code == "phq-9")
    return Instrument(
        code="phq-9",
        version="1",
        title="Patient Health Questionnaire-9 (PHQ-9)",
        definition=content,
    )


def episodes(*rows, first=True):
    """Rows of (duration, outcome, how many)."""
    return [StayCount(0, lasted, outcome, n, n if first else 0) for lasted, outcome, n in rows]


def retention(counts):
    people = sum(row.firsts for row in counts)
    n = people if people >= 5 else 0
    return figures.retention(counts, n=n, anybody=bool(counts), threshold=5)


# Retention ---------------------------------------------------------------------------------------


def test_retention_by_hand():
    """20 people: 4 gone at session 1, then 16 at risk of whom 4 go at session 3."""
    counts = episodes((1, 1, 4), (3, 1, 4), (10, 0, 12))
    found = retention(counts)
    assert found.n == 20
    assert found.heading == "60% still come 8 sessions after their first"
    by_session = {step.session: step for step in found.steps}
    assert by_session[0].share == 1
    assert by_session[1].share == pytest.approx(0.8)
    assert by_session[2].share == pytest.approx(0.8)
    assert by_session[3].share == pytest.approx(0.6)
    assert (by_session[1].at_risk, by_session[3].at_risk, by_session[4].at_risk) == (20, 16, 12)
    assert by_session[3].low < 0.6 < by_session[3].high
    assert found.mark is by_session[8]


def test_retention_ends_before_fewer_than_five_are_at_risk():
    counts = episodes((2, 1, 3), (4, 0, 10), (9, 0, 4))
    found = retention(counts)
    assert [step.session for step in found.steps] == [0, 1, 2, 3, 4]
    assert all(step.at_risk >= 5 for step in found.steps)
    assert found.heading == "82% still come 4 sessions after their first"


def test_retention_counts_returns_but_not_as_people():
    counts = [*episodes((8, 0, 10)), *episodes((2, 0, 6), first=False)]
    found = retention(counts)
    assert (found.n, found.returns, found.stays) == (10, 6, 16)
    assert found.steps[0].at_risk == 16


def test_retention_of_a_finished_course_is_no_dropout():
    found = retention(episodes((6, 2, 9), (6, 1, 1)))
    assert found.steps[-1].share == pytest.approx(0.9)
    assert (found.finished, found.heading) == (9, "90% have not left 6 sessions after their first")


@pytest.mark.parametrize(
    ("counts", "heading"),
    [
        ([], "Nobody has come to a first session yet"),
        (episodes((3, 0, 4)), "Too few people to show how long they stay"),
        (episodes((0, 0, 9)), "It is too early to say how long people stay"),
        (episodes((1, 0, 9)), "100% still come 1 session after their first"),
    ],
)
def test_retention_headings(counts, heading):
    assert retention(counts).heading == heading


def test_retention_when_everybody_has_gone_shows_no_interval_that_does_not_exist():
    found = retention(episodes((2, 1, 6)))
    assert [step.session for step in found.steps] == [0, 1]


def test_retention_label_tells_the_shares():
    found = retention(episodes((1, 1, 5), (9, 0, 15)))
    assert "75% after 8 sessions" in found.label


def uptake(rows):
    cells = figures.uptake_cells(rows)
    return figures.uptake(lens().choose(cells), anybody=bool(cells))


def test_uptake():
    rows = [
        UptakeCount(GROUP, MONTH, True, True, 30),
        UptakeCount(GROUP, MONTH, False, True, 10),
        UptakeCount(GROUP, MONTH, False, False, 2),
    ]
    found = uptake(rows)
    assert (found.came, found.could_come, found.percent) == (30, 40, 75)
    almost_all = [
        UptakeCount(GROUP, MONTH, True, True, 30),
        UptakeCount(GROUP, MONTH, False, True, 3),
    ]
    assert uptake(almost_all).came is None
    nobody = uptake([])
    assert (nobody.came, nobody.could_come) == (0, 0)


# Attendance --------------------------------------------------------------------------------------


def held(day, came, expected, group=GROUP):
    return SessionCount(group, datetime(2026, 11, day, 18, 30, tzinfo=UTC), came, expected)


def test_attended_sums_a_week_and_hides_small_sessions():
    counts = [held(16, 6, 8), held(18, 4, 8), held(17, 3, 4, OTHER), held(9, 8, 8)]
    found = figures.attended(
        counts,
        [(GROUP, "Evening circle", "/groups/evening-circle/"), (OTHER, "Small", "/groups/small/")],
        today=date(2026, 11, 22),
        zone=LONDON,
        threshold=5,
    )
    assert len(found.columns) == 9
    assert found.columns[-1] == "16 Nov"
    assert found.rows[0]["cells"][-2:] == [(8, 8), (10, 16)]
    assert found.rows[1]["cells"][-2:] == [None, "Under 5 people"]
    assert found.heading == "75% of those expected came in the last four weeks"


def test_attended_heading_adds_up_nothing_that_is_hidden():
    found = figures.attended(
        [held(16, 2, 4), held(9, 2, 4)],
        [(GROUP, "Small", "")],
        today=date(2026, 11, 22),
        zone=LONDON,
        threshold=5,
    )
    assert found.heading == "Who came, group by group"


def test_attended_puts_a_late_session_into_the_week_of_its_zone():
    late = SessionCount(GROUP, datetime(2026, 11, 16, 1, tzinfo=UTC), 8, 8)
    found = figures.attended(
        [late],
        [(GROUP, "Evening circle", "")],
        today=date(2026, 11, 22),
        zone=ZoneInfo("America/New_York"),
        threshold=5,
    )
    assert found.rows[0]["cells"][-2:] == [(8, 8), None]


def test_attended_without_sessions():
    found = figures.attended([], [], today=date(2026, 11, 22), zone=LONDON, threshold=5)
    assert found.heading == "Who came, group by group"


def test_percent_rounds_halves_up():
    assert [figures.percent(share) for share in (0, 0.005, 0.125, 0.994, 1)] == [0, 1, 13, 99, 100]
