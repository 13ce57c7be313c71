"""Geometry of the pictures."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportgroups.lib import drawing


@pytest.mark.parametrize(
    ("value", "words"), [(1.04, "1"), (-0.04, "0"), (12.34, "12.3"), (100, "100"), (-5.5, "-5.5")]
)
def test_fixed_is_short_and_has_a_point(value: float, words: str) -> None:
    assert drawing.fixed(value) == words


@given(capacity=st.integers(1, 14), taken=st.integers(-1, 20))
def test_ring_draws_each_seat_once(capacity: int, taken: int) -> None:
    ring = drawing.ring(capacity=capacity, taken=taken)
    kinds = [seat.kind for seat in ring.seats]
    assert len(kinds) == capacity
    assert kinds.count("taken") == min(max(taken, 0), capacity)
    assert all(0 < float(seat.x) < 120 and 0 < float(seat.y) < 120 for seat in ring.seats)


def test_ring_says_what_is_left() -> None:
    assert drawing.ring(capacity=10, taken=7).number == "3"
    assert drawing.ring(capacity=10, taken=10).number == "Full"
    assert drawing.ring(capacity=10, taken=8, number=8, word="coming").number == "8"


def test_ring_above_fourteen_seats_shows_the_number_alone() -> None:
    ring = drawing.ring(capacity=24, taken=18)
    assert ring.seats == ()
    assert ring.number == "6"


def test_ring_marks_one_seat_as_yours() -> None:
    kinds = [seat.kind for seat in drawing.ring(capacity=8, taken=3, you=True).seats]
    assert kinds.count("you") == 1
    assert "you" not in {seat.kind for seat in drawing.ring(capacity=8, taken=0, you=True).seats}


def test_progress_ring_marks_the_current_question() -> None:
    kinds = [seat.kind for seat in drawing.progress_ring(total=6, at=3).seats]
    assert kinds == ["taken", "taken", "you", "free", "free", "free"]
    assert drawing.progress_ring(total=21, at=3).seats == ()


def test_person_is_the_same_for_the_same_seed() -> None:
    assert drawing.person("river") == drawing.person("river")
    assert len({drawing.person(i) for i in range(100)}) == 20


def test_scene_keeps_one_chair_free() -> None:
    chairs = drawing.scene(people=9).chairs
    assert [chair.person is None for chair in chairs].count(True) == 1


def test_stairs_hold_a_value_until_the_next() -> None:
    assert drawing.stairs([(0, 1), (1, 0.5)]) == [(0, 1), (1, 1), (1, 0.5)]
    assert drawing.stairs([]) == []


def _texts(plot: drawing.Plot) -> list[str]:
    return [shape.words for shape in plot.shapes if shape.kind == "text"]


@pytest.mark.parametrize("narrow", [False, True])
def test_survival_plot_shows_people_at_risk_and_the_marked_value(narrow: bool) -> None:
    points = [
        drawing.SurvivalPoint(week, 1 - week / 20, 0.9 - week / 20, 1 - week / 25)
        for week in range(13)
    ]
    plot = drawing.survival_plot(
        points,
        at_risk=[(0, 214), (5, 120), (12, 52)],
        compare=[(0, 1), (6, 0.5)],
        name="This year",
        compare_name="Last year",
        mark=8,
        narrow=narrow,
    )
    words = _texts(plot)
    assert {"100%", "0%", "214", "52", "This year", "Last year", "week 8: 60%"} <= set(words)
    assert all(0 <= float(s.x) <= plot.width for s in plot.shapes if s.kind == "dot")


def test_survival_plot_without_anybody_draws_the_axes() -> None:
    plot = drawing.survival_plot([], at_risk=[])
    assert "100%" in _texts(plot)


def test_course_plot_marks_the_newest_and_keeps_labels_apart() -> None:
    begun = date(2026, 1, 1)
    scores = [(begun + timedelta(days=7 * i), float(20 - i)) for i in range(15)]
    plot = drawing.course_plot(scores, highest=27, reliable=6, words=str)
    dots = [shape for shape in plot.shapes if shape.kind == "dot"]
    assert [dot.css for dot in dots].count("dot-you") == 1
    at = [float(s.x) for s in plot.shapes if s.css == "mid" and s.words.startswith("2026")]
    assert all(b - a >= 74 for a, b in pairwise(at))


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("last", [22, 20, 18, 14, 11, 9, 8, 6, 2])
def test_course_plot_keeps_words_off_the_newest_number(narrow, last) -> None:
    begun = date(2026, 1, 1)
    scores = [(begun, 14.0), (begun + timedelta(days=30), 12.0), (begun + timedelta(days=90), last)]
    plot = drawing.course_plot(scores, highest=27, reliable=6, narrow=narrow)
    [words] = [float(shape.y) for shape in plot.shapes if shape.words.startswith("usual")]
    [dot] = [float(shape.y) for shape in plot.shapes if shape.css == "dot-you"]
    assert words + 4 < dot - 26 or words - 12 > dot + 7


def test_course_plot_of_one_score_or_none() -> None:
    one = drawing.course_plot([(date(2026, 1, 1), 12)], highest=27, reliable=6)
    assert "12" in _texts(one)
    assert [
        shape for shape in drawing.course_plot([], highest=27).shapes if shape.kind == "dot"
    ] == []


@pytest.mark.parametrize(("first", "second"), [(4.5, 4.1), (4.1, 4.5), (4.2, 4.2), (5.0, 1.0)])
def test_means_plot_keeps_its_two_names_apart(first: float, second: float) -> None:
    lines = [("Felt safe", [(0, 4.0), (2, first)]), ("Felt heard", [(2, second)])]
    plot = drawing.means_plot(lines, ticks=["Aug", "Sep", "Oct"])
    names = {s.words.rsplit(" ", 1)[0]: float(s.y) for s in plot.shapes if "key-" in s.css}
    assert abs(names["Felt safe"] - names["Felt heard"]) >= 24
    assert {"Aug", "Sep", "Oct", f"Felt safe {first:.1f}"} <= set(_texts(plot))


def test_means_plot_of_nothing_draws_its_frame_alone() -> None:
    plot = drawing.means_plot([("Felt safe", [])], ticks=["Oct"], narrow=True)
    assert not [shape for shape in plot.shapes if shape.kind == "dot"]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_change_bar_fills_the_bar(improved: int, same: int, worse: int) -> None:
    segments = drawing.change_bar(
        improved=improved, same=same, worse=worse, labels=("up", "same", "down")
    )
    assert [segment.count for segment in segments] == [improved, same, worse]
    assert all(float(segment.width) >= 0 for segment in segments)
    assert sum(float(segment.width) for segment in segments) <= 300.2


@pytest.mark.parametrize(
    ("came", "expected", "step"),
    [(0, 9, 1), (4, 9, 1), (5, 10, 2), (6, 10, 3), (3, 4, 4), (9, 10, 5), (0, 0, 1)],
)
def test_heat_step(came: int, expected: int, step: int) -> None:
    assert drawing.heat_step(came, expected) == step


@pytest.mark.parametrize("narrow", [False, True])
def test_marks_plot_writes_each_share_and_who_is_counted(narrow: bool) -> None:
    points = [drawing.SurvivalPoint(0, 1, 1, 1), drawing.SurvivalPoint(8, 0.675, 0.5, 0.8)]
    plot = drawing.marks_plot(points, at_risk=[(0, 60), (8, 31)], unit="Session", narrow=narrow)
    words = [shape.words for shape in plot.shapes if shape.kind == "text"]
    assert {"Session", "People", "60", "31", "8", "68%"} <= set(words)
    assert [shape.css for shape in plot.shapes if shape.kind == "dot"] == ["dot-1", "dot-1"]
    assert not drawing.marks_plot([], at_risk=[]).shapes[-1].css.startswith("dot")
