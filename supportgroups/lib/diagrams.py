"""Geometry of the charts of outcomes: means with intervals, a line with its band, paths.

Pure functions to the shapes of `drawing`: classes only, positions as strings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, hypot

from supportgroups.lib.drawing import Plot, Shape, fixed


@dataclass(frozen=True, slots=True)
class MeanPoint:
    """A mean with its limits; `low` and `high` are None where so few people have none."""

    label: str
    value: float
    low: float | None
    high: float | None
    n: int
    #: Whether its value stands beside it.
    is_told: bool = False


def _round_step(room: float, most: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that gives at most `most` of them."""
    step = 10.0 ** floor(len(str(int(room))) - 3)
    while True:
        for factor in (1, 2, 5):
            if room / (step * factor) <= most:
                return step * factor
        step *= 10


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values from below `low` to above `high`."""
    step = _round_step((high - low) or 1, most)
    first = floor(low / step)
    return [round(step * place, 6) for place in range(first, ceil(high / step) + 1)]


def _even_ticks(low: float, high: float) -> list[float]:
    """A whole scale in three to five whole steps where it can be, else in four."""
    parts = next((parts for parts in (3, 4, 5) if not (high - low) % parts), 4)
    return [low + (high - low) / parts * place for place in range(parts + 1)]


def course_of_means(
    points: Sequence[MeanPoint], *, span: tuple[float, float], narrow: bool = False
) -> Plot:
    """Means at their places with bars for the intervals, and the people under each.

    The whole scale is drawn, so that small steps look small.
    """
    width, height = (340, 300) if narrow else (640, 340)
    ticks = _even_ticks(*span)
    plot = Plot(
        width,
        height,
        (-0.3, max(len(points) - 0.7, 0.3)),
        (ticks[0], ticks[-1]),
        left=58,
        right=16,
        top=16,
        bottom=66,
    )
    plot.y_axis(ticks, lambda value: f"{value:g}")
    base = height - plot.bottom
    plot.text(0, base + 20, "Check-in")
    plot.text(0, base + 44, "People")
    every = ceil(len(points) / (4 if narrow else 9)) if points else 1
    for place, point in enumerate(points):
        if place % every == 0 or place == len(points) - 1:
            plot.text(plot.at_x(place), base + 20, point.label, "mid")
            plot.text(plot.at_x(place), base + 44, str(point.n), "mid")
    for place, point in enumerate(points):
        if point.low is not None and point.high is not None:
            low, high = max(ticks[0], point.low), min(ticks[-1], point.high)
            plot.path([(place, low), (place, high)], "whisker")
    plot.path(((place, point.value) for place, point in enumerate(points)), "line-1 line-1--thin")
    for place, point in enumerate(points):
        plot.dot(place, point.value, "dot-1", 5)
    for place, point in enumerate(points):
        if not point.is_told:
            continue
        is_last = place and place == len(points) - 1
        plot.text(
            plot.at_x(place) + (-9 if is_last else 9),
            plot.at_y(point.value) - 9,
            f"{point.value:.1f}",
            "strong end" if is_last else "strong",
        )
    return plot


def line_with_band(
    points: Sequence[tuple[float, float, float, float]], *, narrow: bool = False
) -> Plot:
    """A straight line from (x, value, low, high) with the band of its limits, and where 0 is."""
    width, height = (340, 280) if narrow else (640, 320)
    lows = [low for _, _, low, _ in points]
    highs = [high for _, _, _, high in points]
    ticks = _ticks(min([0.0, *lows]), max([0.0, *highs]))
    first, last = (points[0][0], points[-1][0]) if points else (0.0, 1.0)
    plot = Plot(
        width, height, (first, last), (ticks[0], ticks[-1]), left=76, right=16, top=16, bottom=44
    )
    plot.y_axis(ticks, lambda value: f"{value:+g}".replace("-", "−") if value else "0")
    base = height - plot.bottom
    plot.text(0, base + 20, "Sessions")
    every = ceil((last - first + 1) / (6 if narrow else 12))
    plot.x_axis((x, f"{x:g}") for x, *_ in points if (x - first) % every == 0)
    plot.area(
        [(x, low) for x, _, low, _ in points], [(x, high) for x, _, _, high in points], "band"
    )
    plot.path([(first, 0), (last, 0)], "axis")
    plot.path([(x, value) for x, value, _, _ in points], "line-1")
    return plot


@dataclass(frozen=True, slots=True)
class Paths:
    """Words of the three boxes, and of the arrows between them."""

    x: str
    m: str
    y: str
    a: str
    b: str
    direct: str


def path_diagram(paths: Paths, *, narrow: bool = False) -> Plot:
    """Three boxes: x and y at the bottom, m above between them, an arrow for each path."""
    width, height = (340, 290) if narrow else (640, 250)
    box = (104, 62) if narrow else (168, 62)
    plot = Plot(width, height, (0, 1), (0, 1), left=0, right=0, top=0, bottom=0)
    left, right, low, high = box[0] / 2 + 2, width - box[0] / 2 - 2, height - 36, 36
    x, m, y = (left, low), (width / 2, high), (right, low)
    half_w, half_h = box[0] / 2, box[1] / 2
    out = half_w * 0.55
    _arrow(plot, (x[0] + 8, x[1] - half_h), (m[0] - out, m[1] + half_h), "path")
    _arrow(plot, (m[0] + out, m[1] + half_h), (y[0] - 8, y[1] - half_h), "path")
    _arrow(plot, (x[0] + half_w, x[1]), (y[0] - half_w, y[1]), "path path--direct")
    middle = (low + high) / 2
    beside = (x[0] + 8 + m[0] - out) / 2 - (14 if narrow else 22)
    plot.text(beside, middle, paths.a, "strong end")
    plot.text(width - beside, middle, paths.b, "strong")
    plot.text(width / 2, low - 10, paths.direct, "strong mid")
    for (at_x, at_y), words in ((x, paths.x), (m, paths.m), (y, paths.y)):
        _box(plot, at_x, at_y, box, words, letters=13 if narrow else 22)
    return plot


def _box(
    plot: Plot, x: float, y: float, size: tuple[float, float], words: str, *, letters: int
) -> None:
    width, height = size
    d = f"M{fixed(x - width / 2)} {fixed(y - height / 2)}h{fixed(width)}v{fixed(height)}H"
    plot.shapes.append(Shape("path", "box", d=f"{d}{fixed(x - width / 2)}Z"))
    lines = _wrapped(words, letters)[:3]
    for place, line in enumerate(lines):
        plot.text(x, y + 5 + 17 * (place - (len(lines) - 1) / 2), line, "mid box__words")


def _wrapped(words: str, letters: int) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= letters:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _arrow(plot: Plot, start: tuple[float, float], end: tuple[float, float], css: str) -> None:
    (x1, y1), (x2, y2) = start, end
    length = hypot(x2 - x1, y2 - y1)
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    neck = (x2 - 11 * ux, y2 - 11 * uy)
    plot.shapes.append(
        Shape("path", css, d=f"M{fixed(x1)} {fixed(y1)}L{fixed(neck[0])} {fixed(neck[1])}")
    )
    corners = [(x2, y2)] + [
        (neck[0] + side * 5.5 * -uy, neck[1] + side * 5.5 * ux) for side in (1, -1)
    ]
    d = "L".join(f"{fixed(x)} {fixed(y)}" for x, y in corners)
    plot.shapes.append(Shape("path", "path__head", d=f"M{d}Z"))
