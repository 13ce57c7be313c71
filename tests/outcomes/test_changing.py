"""The outcome figures from counted rows, by hand; and what they keep to themselves."""

import math
from datetime import date, timedelta
from itertools import product
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments import catalogue
from instruments.models import Instrument
from outcomes import change_tables, changing
from outcomes.change_queries import Followed, Measure, WaveSums
from outcomes.scopes import GroupKind, Lens, Scope
from outcomes.statistics.means import Sums
from tests.outcomes.test_scopes import tells_about_fewer

GROUP, OTHER = UUID(int=1), UUID(int=2)
MONTH, UNTIL = date(2026, 2, 1), date(2026, 9, 1)


def measure(code):
    found = next(content for each, content in catalogue.all_contents() if each.code == code)
    instrument = Instrument(code=code, version="1", title=found["title"], definition=found)
    return Measure(instrument, instrument.parsed())


@pytest.fixture(scope="module")
def phq_9():
    return measure("phq-9")


def people(*rows, group=GROUP, month=MONTH, sessions=4, left=False):
    """Rows of (first, later, how many)."""
    return [
        Followed(group, month, first, later, None if later is None else sessions, left, n)
        for first, later, n in rows
    ]


def lens(*, until=UNTIL, threshold=5, **scope):
    kinds = [GroupKind(GROUP, "peer_led"), GroupKind(OTHER, "professionally_led")]
    return Lens(kinds, Scope(**scope), until, threshold=threshold)


def told(measure, rows, waves=(), **look):
    return change_tables.tell(changing.outcomes_of(measure, rows, waves, lens(**look)))


# Reliable change ---------------------------------------------------------------------------------


def test_change_by_hand(phq_9):
    """6 points are more than the measure's error (5.06); below 10 is recovered."""
    rows = people(
        (18, 12, 6),  # improved, still above the cut-off
        (15, 9, 7),  # recovered
        (14, 9, 8),  # 5 points: no clear change
        (8, 14, 5),  # worse
        (12, None, 9),
    )
    page = told(phq_9, rows)
    found = page.outcomes.change
    assert (found.improved, found.same, found.worse) == (13, 8, 5)
    assert (found.recovered, found.n, found.missing, found.people) == (7, 26, 9, 35)
    assert (found.least_points, found.cutoff) == (6, 10)
    assert page.change.heading == "Low mood: 50% improved reliably, 19% got worse"
    assert [row[:2] for row in page.change.rows] == [
        ("Improved", 13),
        ("Improved and recovered", 7),
        ("No clear change", 8),
        ("Worse", 5),
        ("Two scores", 26),
        ("No second score", 9),
        ("All who were followed", 35),
    ]
    words = " ".join([*page.change.definition, *page.change.notes])
    assert "larger than 5.06 points" in words
    assert "NHS Talking Therapies" in words, "the source"
    assert "9 of 35 people have no second score" in words
    assert "does not show that the groups caused anything" in words


def test_change_shows_kinds_only_as_finely_as_blocks_allow(phq_9):
    rows = people((18, 6, 20), (10, 10, 12), (8, 14, 2), (12, None, 9))
    found = changing.change(phq_9, rows, lens())
    assert (found.improved, found.not_improved, found.worse) == (20, 14, None)
    assert (found.n, found.missing) == (34, 9)
    assert not found.is_whole
    heading = change_tables.change_heading(phq_9, found)
    assert heading == "Low mood: 59% improved reliably"


def test_change_is_not_told_of_those_only_whose_kinds_are_there(phq_9):
    """A block where nobody changed is ready at once; it says nothing about all the others."""
    rows = [*people((10, 10, 10)), *people((18, 6, 4), (10, 10, 26), (8, 14, 4), group=OTHER)]
    found = changing.change(phq_9, rows, lens())
    assert (found.people, found.improved) == (44, None)
    assert change_tables.change_heading(phq_9, found) == (
        "Low mood: too few people to show how many changed"
    )


def test_change_of_all_but_few_shows_nothing(phq_9):
    """Two people without a second score: their number would say who they are."""
    rows = people((18, 6, 20), (12, None, 2))
    found = changing.change(phq_9, rows, lens())
    assert (found.people, found.improved) == (0, None)
    assert "too early" in change_tables.change_heading(phq_9, found)


def test_change_waits_until_everybody_was_followed(phq_9):
    rows = people((18, 6, 20))
    over = date(2026, 3, 1) + timedelta(weeks=14)  # 7 June: not before July does all of June count
    assert changing.outcomes_of(phq_9, rows, (), lens(until=date(2026, 6, 1))).change.people == 0
    assert changing.outcomes_of(phq_9, rows, (), lens(until=date(2026, 7, 1))).change.people == 20
    assert over == date(2026, 6, 7)


def test_change_respects_the_direction_of_a_measure():
    """On a scale where more is better, rising is improving."""
    found = measure("phq-9")
    content = {**found.instrument.definition, "direction": "higher_is_better"}
    content["reliability"] = {**content["reliability"], "recovery_cutoff": 15}
    instrument = Instrument(code="phq-9", version="1", title="X (Y)", definition=content)
    better = Measure(instrument, instrument.parsed())
    rows = people((12, 20, 6), (20, 12, 5), (10, 10, 7), (3, 10, 8))
    change = changing.change(better, rows, lens())
    assert (change.improved, change.worse, change.same, change.recovered) == (14, 5, 7, 6)


def test_no_verdict_without_reliability(phq_9):
    gad = measure("phq-4")
    assert gad.reliability is None
    page = told(gad, people((6, 3, 10), (5, 4, 10)))
    assert page.outcomes.change.improved is None
    assert "nothing is said about single people" in " ".join(page.change.notes)
    assert page.change.heading.endswith("−2.0 points of change on average")
    assert [row[0] for row in page.change.rows] == [
        "Two scores",
        "No second score",
        "All who were followed",
    ]


# The course --------------------------------------------------------------------------------------


def wave(place, *scores, group=GROUP, month=date(2026, 4, 1), first_month=MONTH):
    sums = Sums.of(scores)
    return WaveSums(place, group, first_month, month, sums, 8.0 * sums.n)


def test_course_by_hand(phq_9):
    rows = people((18, 12, 5), (12, 10, 5))
    waves = [wave("1", 9, 11, 12, 13, 10), wave("2", 8, 8, 8, 8), wave("end", *[7] * 6)]
    page = told(phq_9, rows, waves)
    assert [(row[0], row[1], row[2]) for row in page.course.rows] == [
        ("First check-in", 10, 15.0),
        ("Second check-in", 5, 11.0),
        ("At the end", 6, 7.0),
    ], "four people are too few for the third"
    sd = math.sqrt(90 / 9)
    assert page.course.rows[0][3:5] == (
        round(15 - 2.2621572 * sd / math.sqrt(10), 1),
        round(15 + 2.2621572 * sd / math.sqrt(10), 1),
    )
    assert page.course.heading == (
        "Low mood: 15.0 points at the first check-in and 7.0 at the end, on average"
    )
    assert "never carried forward" in " ".join(page.course.definition)
    few = told(phq_9, people((18, 12, 20)), [wave("1", 9, 11, 12, 13, 10)])
    assert few.course.heading == "Low mood: 18.0 points at the first check-in, on average"


def test_course_of_a_period_is_of_those_who_began_in_it(phq_9):
    rows = [*people((18, 12, 6)), *people((10, 8, 7), month=date(2025, 11, 1))]
    waves = [
        wave("1", *[9] * 6),
        wave("1", *[5] * 7, month=date(2026, 1, 1), first_month=date(2025, 11, 1)),
    ]
    page = told(phq_9, rows, waves, period="2025-2")
    assert [row[1:3] for row in page.course.rows] == [(7, 10.0), (7, 5.0)]
    assert [row[1] for row in told(phq_9, rows, waves).course.rows] == [13, 13]


def test_course_before_anybody_counts(phq_9):
    assert told(phq_9, []).course.heading == "Low mood: no first check-in to count yet"
    assert told(phq_9, people((18, 6, 4))).course.heading == (
        "Low mood: too few people to show a mean"
    )


# Sessions ----------------------------------------------------------------------------------------


def test_dose_by_hand(phq_9):
    rows = [
        row
        for sessions, change in ((2, -1), (4, -3), (8, -7), (10, -9))
        for row in people((15, 15 + change, 3), sessions=sessions)
    ]
    page = told(phq_9, rows)
    assert page.outcomes.dose.slope.value == pytest.approx(-1)
    assert page.dose.heading == "Low mood: each session more went along with 1.00 points lower"
    assert "no effect of sessions" in " ".join(page.dose.notes)
    shown = [row[0] for row in page.dose.rows]
    assert shown == list(range(2, 11)), "within 1.5 standard deviations, never least and most"
    assert page.dose.rows[2][:2] == (4, -3.0)


def test_dose_without_a_link_and_with_few_people(phq_9):
    rows = [
        *people((15, 10, 4), (15, 12, 3), sessions=3),
        *people((15, 10, 4), (15, 12, 3), sessions=6),
    ]
    assert told(phq_9, rows).dose.heading == "Low mood: no clear link between sessions and change"
    few = told(phq_9, people((15, 10, 9)))
    assert few.dose.heading == "Low mood: too few people to compare by sessions"
    assert few.dose.rows == []


# Who left ----------------------------------------------------------------------------------------


def test_leavers_by_hand(phq_9):
    rows = [
        *people((10, 8, 5), (14, 10, 5)),
        *people((16, None, 5), (20, None, 5), left=True),
    ]
    page = told(phq_9, rows)
    apart = page.outcomes.leavers.fate.difference
    assert apart.estimate.value == 6
    assert page.leavers.heading == "Low mood: those who left had begun 6.0 points higher"
    [sentence] = page.leavers.notes
    assert "the course looks better than it was" in sentence
    minus = page.leavers.rows[2]
    assert minus[:3] == ("Left minus stayed", 20, 6.0)
    assert minus[5] == round(6 / math.sqrt(80 / 18) / 1 * (1 - 3 / 71), 2)


def test_leavers_alike(phq_9):
    rows = [*people((10, 8, 5), (14, 10, 5)), *people((10, None, 5), (14, None, 5), left=True)]
    page = told(phq_9, rows)
    assert page.leavers.heading.endswith(
        "no clear difference at the start between who left and who stayed"
    )
    assert "may have fared differently since" in page.leavers.notes[0]


def test_few_who_left_are_in_no_figure(phq_9):
    """Others know who left: the first scores of three of them could be worked out."""
    rows = [*people((10, 8, 12)), *people((20, 18, 3), left=True)]
    page = told(phq_9, rows)
    for table in (page.course, page.change, page.dose, page.leavers):
        assert list(table.rows) == []


def test_scopes_differ_by_whole_blocks(phq_9):
    rows = [*people((10, 8, 12)), *people((20, 18, 4), group=OTHER)]
    for scope in ({}, {"group_id": GROUP}, {"facilitation": "peer_led"}):
        assert told(phq_9, rows, **scope).outcomes.change.people == 12
    assert told(phq_9, rows, group_id=OTHER).outcomes.change.people == 0
    assert told(phq_9, rows, threshold=11).outcomes.change.people == 12


def test_words_never_say_that_anything_was_caused(phq_9):
    page = told(phq_9, people((18, 6, 20), (10, 10, 12), (8, 14, 6), (12, None, 9)))
    for table in (page.course, page.change, page.dose, page.leavers):
        words = " ".join([table.heading, *table.definition, *table.notes])
        assert "because of" not in words
        assert "caused" not in words.replace("does not show that the groups caused anything", "")


# Somebody subtracts -------------------------------------------------------------------------------

MONTHS = [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 4, 1)]


@st.composite
def later_answers(draw):
    """One check-in of three groups: how many answered it when, by when they first answered."""
    groups = [
        GroupKind(UUID(int=number), facilitation, "online", topics)
        for number, facilitation, topics in (
            (1, "peer_led", frozenset({"grief"})),
            (2, "peer_led", frozenset({"grief", "sleep"})),
            (3, "professionally_led", frozenset({"sleep"})),
        )
    ]
    rows = [
        wave("1", *[1.0] * n, group=group.id, month=month, first_month=began)
        for group in groups
        for began in (date(2025, 10, 1), date(2026, 1, 1))
        for month in MONTHS
        if month > began and (n := draw(st.integers(0, 6)))
    ]
    return groups, rows


@settings(max_examples=10, deadline=None)
@given(later_answers())
def test_no_filters_together_tell_a_later_score_of_few(world):
    groups, rows = world
    if not rows:
        return
    shown = set()
    filters = product(
        [None, *(group.id for group in groups)],
        ["", "peer_led"],
        ["", "grief", "sleep"],
        ["", "2025-2", "2026-1"],
        [date(2026, 3, 1), date(2026, 6, 1), date(2026, 9, 1)],
    )
    for group_id, facilitation, topic, period, until in filters:
        scope = Scope(group_id, facilitation, "", topic, period)
        counted = set(map(id, changing.counted_of_wave(rows, Lens(groups, scope, until))))
        shown.add(tuple(int(id(row) in counted) for row in rows))
    people_in = np.array([row.sums.n for row in rows])
    assert not tells_about_fewer(np.array(sorted(shown)), people_in, 5)
