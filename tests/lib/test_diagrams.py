"""The charts of outcomes: where things stand, and that nothing breaks with few points."""

import pytest

from supportgroups.lib.diagrams import (
    MeanPoint,
    Paths,
    course_of_means,
    line_with_band,
    path_diagram,
)


def words_of(plot):
    return [shape.words for shape in plot.shapes if shape.kind == "text"]


@pytest.mark.parametrize(
    ("span", "ticks"),
    [
        ((0, 27), ["0", "9", "18", "27"]),
        ((1, 5), ["1", "2", "3", "4", "5"]),
        ((0, 10), ["0", "2", "4", "6", "8", "10"]),
        ((0, 80), ["0", "20", "40", "60", "80"]),
    ],
)
def test_course_of_means_shows_the_whole_scale(span, ticks):
    points = [
        MeanPoint("1st", 4.0, 3.0, 5.0, 40, is_told=True),
        MeanPoint("2nd", 3.5, None, None, 15, is_told=True),
        MeanPoint("3rd", 2.5, None, None, 1),
    ]
    plot = course_of_means(points, span=span)
    words = words_of(plot)
    assert words[: len(ticks)] == ticks
    assert {"1st", "2nd", "40", "4.0", "3.5"} <= set(words)
    assert "2.5" not in words, "the heading does not name it"
    assert sum(shape.css == "whisker" for shape in plot.shapes) == 1, "one has no interval"


@pytest.mark.parametrize("narrow", [True, False])
def test_charts_of_nothing_and_of_one(narrow):
    assert course_of_means([], span=(0, 27), narrow=narrow).shapes
    one = [MeanPoint("1st", 27.0, 20.0, 30.0, 5, is_told=True)]
    assert "27.0" in words_of(course_of_means(one, span=(0, 27), narrow=narrow))
    assert line_with_band([(4, -1.0, -2.0, 0.5)], narrow=narrow).shapes
    assert line_with_band([], narrow=narrow).shapes


def test_line_with_band_says_where_nothing_changed():
    plot = line_with_band([(2, -0.5, -1.5, 0.5), (9, -2.0, -3.5, -0.5)])
    words = words_of(plot)
    assert "0" in words
    assert "−2" in words
    assert {"2", "9"} <= set(words)


@pytest.mark.parametrize("narrow", [True, False])
def test_path_diagram_keeps_its_words_inside(narrow):
    paths = Paths("Perceived social support of family", "Worry", "Low mood", "a 1", "b 2", "c 3")
    plot = path_diagram(paths, narrow=narrow)
    assert {"a 1", "b 2", "c 3", "Worry"} <= set(words_of(plot))
    for shape in plot.shapes:
        if shape.kind == "text":
            assert 0 <= float(shape.x) <= plot.width
            assert 0 <= float(shape.y) <= plot.height
