"""Geometry of the pictures: rings of seats, figures, the room, charts.

Pure functions from numbers to positions. The templates in `templates/components/` turn positions
into SVG that carries classes only, so pictures follow the theme and pass a strict policy.
Positions are strings with one decimal at most, because a localised float would break the SVG.
"""

import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from math import ceil, cos, floor, pi, sin
from typing import Literal

#: Above this many seats dots can no longer be told apart, so only the number is drawn.
MOST_SEATS = 14


def fixed(value: float) -> str:
    """A position for SVG: at most one decimal, always with a point."""
    words = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if words == "-0" else words


@dataclass(frozen=True, slots=True)
class Seat:
    """One place in a ring. `kind` is taken, free or you."""

    x: str
    y: str
    r: str
    kind: Literal["taken", "free", "you"]


@dataclass(frozen=True, slots=True)
class Ring:
    """A group as a circle of seats in a box of 120 by 120, with a number in the middle."""

    seats: tuple[Seat, ...]
    rug: str
    number: str
    word: str

    @property
    def dot(self) -> str:
        """Width of the round stroke that draws a taken seat."""
        taken = [float(seat.r) for seat in self.seats if seat.kind == "taken"]
        return fixed(2 * max(taken, default=0))

    @property
    def taken_path(self) -> str:
        """All taken seats as one path of dots: a tenth of what as many circles weigh."""
        return "".join(f"M{seat.x} {seat.y}h.01" for seat in self.seats if seat.kind == "taken")

    @property
    def others(self) -> tuple[Seat, ...]:
        """Free seats and the reader's, which are drawn one by one."""
        return tuple(seat for seat in self.seats if seat.kind != "taken")


def ring(
    *,
    capacity: int,
    taken: int,
    you: bool = False,
    number: int | str | None = None,
    word: str = "left",
) -> Ring:
    """Draw `taken` of `capacity` seats; free ones lie together at the bottom, by the door.

    `you` marks one taken seat as the reader's. `number` defaults to the seats that are free.
    More people than seats draw a full ring.
    """
    capacity = max(capacity, 1)
    taken = min(max(taken, 0), capacity)
    free = capacity - taken
    shown = str(free if number is None else number)
    if not free and number is None:
        shown, word = "Full", ""
    if capacity > MOST_SEATS:
        return Ring(seats=(), rug="46", number=shown, word=word)
    radius = 42.0
    dot = min(9.5, 2 * pi * radius / capacity / 2 - 2.2)
    start = pi / 2 + (free - 1) * pi / capacity + 2 * pi / capacity
    seats = []
    for i in range(capacity):
        angle = start + 2 * pi * i / capacity
        kind: Literal["taken", "free", "you"] = "taken" if i < taken else "free"
        if you and i == 0 and taken:
            kind = "you"
        seats.append(
            Seat(
                x=fixed(60 + radius * cos(angle)),
                y=fixed(60 + radius * sin(angle)),
                r=fixed(dot - 1 if kind == "free" else dot),
                kind=kind,
            )
        )
    return Ring(seats=tuple(seats), rug=fixed(radius - dot - 4), number=shown, word=word)


def progress_ring(*, total: int, at: int) -> Ring:
    """Questions as seats: answered ones are taken, the current one (from 1) is the reader's."""
    if total > MOST_SEATS:
        return Ring(seats=(), rug="46", number=str(at), word="")
    radius, dot = 42.0, min(11.0, 2 * pi * 42 / max(total, 1) / 2 - 2.2)
    seats = []
    for i in range(total):
        angle = -pi / 2 + 2 * pi * i / total
        kind: Literal["taken", "free", "you"] = (
            "taken" if i < at - 1 else "you" if i == at - 1 else "free"
        )
        seats.append(
            Seat(
                x=fixed(60 + radius * cos(angle)),
                y=fixed(60 + radius * sin(angle)),
                r=fixed(dot),
                kind=kind,
            )
        )
    return Ring(seats=tuple(seats), rug="26", number=str(at), word="")


def circle(people: int, *, radius: float = 96) -> list[tuple[str, str]]:
    """Where people sit around the room of a live session, in a box of 240, the first on top."""
    angles = [2 * pi * i / max(people, 1) - pi / 2 for i in range(people)]
    return [(fixed(120 + radius * cos(a)), fixed(120 + radius * sin(a))) for a in angles]


@dataclass(frozen=True, slots=True)
class Person:
    """Colours of a drawn figure: clothes 1 to 5, hair 1 to 4."""

    clothes: int
    hair: int


def person(seed: object) -> Person:
    """The same figure for the same seed, everywhere and always. It tells nothing about a person."""
    number = zlib.crc32(str(seed).encode())
    return Person(clothes=number % 5 + 1, hair=number // 5 % 4 + 1)


@dataclass(frozen=True, slots=True)
class Chair:
    """A chair of the room seen from above, turned in degrees; nobody sits on the free one."""

    x: str
    y: str
    turn: str
    person: Person | None


@dataclass(frozen=True, slots=True)
class Mug:
    """A mug on the table, turned in degrees."""

    x: str
    y: str
    turn: str


@dataclass(frozen=True, slots=True)
class Scene:
    """The room of the home page."""

    chairs: tuple[Chair, ...]
    mugs: tuple[Mug, ...]


def scene(*, people: int = 9) -> Scene:
    """A circle of `people` chairs around a table; the one nearest the reader is free."""
    chairs = []
    for i in range(people):
        angle = pi / 2 + 2 * pi * i / people
        chairs.append(
            Chair(
                x=fixed(260 + 188 * cos(angle)),
                y=fixed(260 + 188 * sin(angle)),
                turn=fixed(angle * 180 / pi + 90),
                person=None if i == 0 else Person(clothes=i * 2 % 5 + 1, hair=i * 3 % 4 + 1),
            )
        )
    mugs = tuple(
        Mug(fixed(260 + r * cos(a)), fixed(260 + r * sin(a)), fixed(a * 180 / pi))
        for a, r in ((0.4, 33), (2.3, 34), (3.9, 30), (5.2, 36))
    )
    return Scene(chairs=tuple(chairs), mugs=mugs)


@dataclass(frozen=True, slots=True)
class Dot:
    """One dot of the mark."""

    x: str
    y: str
    open: bool


def brand_mark() -> tuple[Dot, ...]:
    """Seven seats, one of them open, in a box of 40 by 40."""
    angles = [pi / 2 + 2 * pi * i / 7 for i in range(7)]
    return tuple(
        Dot(fixed(20 + 14 * cos(a)), fixed(20 + 14 * sin(a)), open=i == 0)
        for i, a in enumerate(angles)
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """A piece of a chart: a path, a dot or words. Only the fields of its kind are set."""

    kind: Literal["path", "dot", "text"]
    css: str
    d: str = ""
    x: str = ""
    y: str = ""
    r: str = ""
    words: str = ""


@dataclass(slots=True)
class Plot:
    """Turns data into shapes inside a frame. `x` and `y` are the ranges of the data."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]
    left: int = 44
    right: int = 16
    top: int = 14
    bottom: int = 34
    shapes: list[Shape] = field(default_factory=list)

    def at_x(self, value: float) -> float:
        """Horizontal position of a value."""
        low, high = self.x
        room = self.width - self.left - self.right
        return self.left + (value - low) / ((high - low) or 1) * room

    def at_y(self, value: float) -> float:
        """Vertical position of a value."""
        low, high = self.y
        room = self.height - self.top - self.bottom
        return self.height - self.bottom - (value - low) / ((high - low) or 1) * room

    def text(self, x: float, y: float, words: str, css: str = "") -> None:
        """Words at a position."""
        self.shapes.append(Shape("text", css, x=fixed(x), y=fixed(y), words=words))

    def dot(self, x: float, y: float, css: str, r: float = 5) -> None:
        """A dot at a value."""
        self.shapes.append(
            Shape("dot", css, x=fixed(self.at_x(x)), y=fixed(self.at_y(y)), r=fixed(r))
        )

    def path(
        self, points: Iterable[tuple[float, float]], css: str, *, closed: bool = False
    ) -> None:
        """A line through values, or an area when `closed`."""
        d = "M" + "L".join(f"{fixed(self.at_x(x))} {fixed(self.at_y(y))}" for x, y in points)
        self.shapes.append(Shape("path", css, d=d + ("Z" if closed else "")))

    def area(
        self, lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]], css: str
    ) -> None:
        """The band between two lines."""
        self.path([*upper, *reversed(lower)], css, closed=True)

    def y_axis(self, ticks: Iterable[float], words: Callable[[float], str]) -> None:
        """A line and a label for each tick; the lowest is the axis."""
        for value in ticks:
            css = "axis" if value == self.y[0] else "grid"
            y = self.at_y(value)
            d = f"M{fixed(self.left)} {fixed(y)}H{fixed(self.width - self.right)}"
            self.shapes.append(Shape("path", css, d=d))
            self.text(self.left - 8, y + 4, words(value), "end")

    def x_axis(self, ticks: Iterable[tuple[float, str]]) -> None:
        """A label under each tick."""
        for value, words in ticks:
            self.text(self.at_x(value), self.height - self.bottom + 20, words, "mid")


def stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of a step curve: a value holds until the next one begins."""
    corners = list(points[:1])
    for (_, before), (x, after) in pairwise(points):
        corners += [(x, before), (x, after)]
    return corners


def _every(last: float, most: int) -> list[float]:
    """Whole ticks from 0 to `last`, in a round step, at most `most` of them after 0."""
    for step in (1, 2, 4, 8, 12, 13, 26, 52, 104):
        if last / step <= most:
            return [float(tick) for tick in range(0, ceil(last) + 1, step) if tick <= last]
    return [0.0, last]


@dataclass(frozen=True, slots=True)
class SurvivalPoint:
    """Share still there from `time` on, between 0 and 1, with its interval."""

    time: float
    share: float
    low: float
    high: float


def survival_plot(
    points: Sequence[SurvivalPoint],
    *,
    at_risk: Sequence[tuple[float, int]],
    compare: Sequence[tuple[float, float]] = (),
    name: str = "",
    compare_name: str = "",
    mark: float | None = None,
    unit: str = "Week",
    narrow: bool = False,
) -> Plot:
    """A Kaplan-Meier step curve with its band, a row of people at risk, and a line to compare.

    `mark` is the time whose value is written beside the curve. People leave at a session and not
    between two, so the curve holds its value until the next step.
    """
    width, height = (340, 330) if narrow else (640, 400)
    last = max((point.time for point in points), default=0) or 1
    plot = Plot(width, height, (0, last), (0, 1), left=58, right=16, top=18, bottom=66)
    plot.y_axis((0, 0.25, 0.5, 0.75, 1), lambda share: f"{share:.0%}")
    base = height - plot.bottom
    ticks = _every(last, 4 if narrow else 8)
    plot.x_axis([(tick, f"{tick:g}") for tick in ticks])
    plot.text(0, base + 20, unit)
    plot.text(0, base + 44, "People")
    for tick in ticks:
        counted = [people for time, people in at_risk if time <= tick]
        if counted:
            plot.text(plot.at_x(tick), base + 44, str(counted[-1]), "mid")
    if not points:
        return plot
    plot.area(
        stairs([(p.time, p.low) for p in points]),
        stairs([(p.time, p.high) for p in points]),
        "band",
    )
    if compare:
        seen = [(time, share) for time, share in compare if time <= last]
        plot.path(stairs(seen), "line-2")
        if compare_name and seen:
            time, share = seen[len(seen) // 4]
            plot.text(plot.at_x(time) - 6, plot.at_y(share) + 24, compare_name, "key-2 end")
    plot.path(stairs([(p.time, p.share) for p in points]), "line-1")
    if name:
        first = points[min(len(points) - 1, max(1, len(points) // 4))]
        plot.text(plot.at_x(first.time) + 6, max(plot.at_y(first.high) - 8, 14), name, "key-1")
    marked = [p for p in points if mark is not None and p.time <= mark <= last]
    if marked and mark is not None:
        point = marked[-1]
        plot.dot(mark, point.share, "dot-1", 6)
        side = "strong end" if mark > last * 0.7 else "strong"
        shift = -4 if mark > last * 0.7 else 4
        plot.text(
            plot.at_x(mark) + shift,
            plot.at_y(point.high) - 8,
            f"{unit.lower()} {mark:g}: {point.share:.0%}",
            side,
        )
    return plot


def curves_plot(
    lines: Sequence[tuple[str, Sequence[SurvivalPoint], Sequence[tuple[float, int]]]],
    *,
    unit: str = "Session",
    narrow: bool = False,
) -> Plot:
    """Up to four step curves, each with a letter at its end, its own dashes and people at risk.

    Bands would cover one another: the intervals stand in the table.
    """
    width, height = (340, 330) if narrow else (640, 400)
    last = max((point.time for _, points, _ in lines for point in points), default=0) or 1
    rows = 24 * len(lines)
    plot = Plot(width, height + rows, (0, last), (0, 1), left=58, right=26, top=18)
    plot.bottom = 62 + rows
    plot.y_axis((0, 0.25, 0.5, 0.75, 1), lambda share: f"{share:.0%}")
    base = plot.height - plot.bottom
    ticks = _every(last, 4 if narrow else 8)
    plot.x_axis([(tick, f"{tick:g}") for tick in ticks])
    plot.text(0, base + 20, unit)
    plot.text(0, base + 42, "People")
    ends: list[float] = []
    for place, (letter, points, at_risk) in enumerate(lines):
        row = base + 62 + 24 * place
        plot.text(34, row, letter, "strong")
        for tick in ticks:
            counted = [people for time, people in at_risk if time <= tick]
            if counted and tick <= max(time for time, _ in at_risk):
                plot.text(plot.at_x(tick), row, str(counted[-1]), "mid")
        if points:
            plot.path(stairs([(p.time, p.share) for p in points]), f"curve-{place + 1}")
            end = points[-1]
            y = plot.at_y(end.share) + 4
            while any(abs(y - other) < 15 for other in ends):
                y += 3
            ends.append(y)
            plot.text(plot.at_x(end.time) + 6, y, letter, "strong")
    return plot


def shares_plot(
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    at_risk: Sequence[tuple[float, int]],
    unit: str = "Session",
    narrow: bool = False,
) -> Plot:
    """Two step curves that rise from 0, named at their ends, with the row of people at risk."""
    width, height = (340, 330) if narrow else (640, 400)
    last = max((x for _, points in lines for x, _ in points), default=0) or 1
    plot = Plot(width, height, (0, last), (0, 1), left=58, right=74, top=18, bottom=66)
    plot.y_axis((0, 0.25, 0.5, 0.75, 1), lambda share: f"{share:.0%}")
    base = height - plot.bottom
    ticks = _every(last, 4 if narrow else 8)
    plot.x_axis([(tick, f"{tick:g}") for tick in ticks])
    plot.text(0, base + 20, unit)
    plot.text(0, base + 44, "People")
    for tick in ticks:
        counted = [people for time, people in at_risk if time <= tick]
        if counted:
            plot.text(plot.at_x(tick), base + 44, str(counted[-1]), "mid")
    ends: list[float] = []
    for place, (name, points) in enumerate(lines):
        plot.path(stairs(points), f"curve-{place + 1}")
        x, share = points[-1]
        y = plot.at_y(share) + 4
        while any(abs(y - other) < 15 for other in ends):
            y -= 3
        ends.append(y)
        plot.text(plot.at_x(x) + 6, y, name, "strong")
    return plot


def marks_plot(
    points: Sequence[SurvivalPoint],
    *,
    at_risk: Sequence[tuple[float, int]],
    unit: str = "Week",
    narrow: bool = False,
) -> Plot:
    """Shares that are known at some times only: dots with their intervals, and people at risk.

    A line joins the dots for the eye; nothing is known between them, so it is no step curve.
    """
    width, height = (340, 330) if narrow else (640, 360)
    last = max((point.time for point in points), default=0) or 1
    plot = Plot(width, height, (0, last), (0, 1), left=58, right=34, top=26, bottom=66)
    plot.y_axis((0, 0.25, 0.5, 0.75, 1), lambda share: f"{share:.0%}")
    base = height - plot.bottom
    plot.text(0, base + 20, unit)
    plot.text(0, base + 44, "People")
    plot.x_axis((point.time, f"{point.time:g}") for point in points)
    for time, people in at_risk:
        plot.text(plot.at_x(time), base + 44, str(people), "mid")
    if not points:
        return plot
    plot.area([(p.time, p.low) for p in points], [(p.time, p.high) for p in points], "band")
    plot.path([(p.time, p.share) for p in points], "line-1")
    for point in points:
        plot.dot(point.time, point.share, "dot-1", 6)
        if point.time:
            place = plot.at_y(point.high) - 8
            plot.text(
                plot.at_x(point.time), place, f"{floor(100 * point.share + 0.5)}%", "strong mid"
            )
    return plot


_BAND_WORDS = "usual ups and downs around your start"


def _free_height(
    plot: Plot, top: float, bottom: float, places: Sequence[tuple[float, float]]
) -> float:
    """Where the band's words, right-aligned, keep clear of the line, its dots and their numbers.

    Inside the band if there is room, else just outside it; else where it is least crowded.
    """
    left = plot.width - plot.right - 7.2 * len(_BAND_WORDS)

    def clearance(height: float) -> float:
        """How far the words' box, 16 units high, stays from the nearest thing drawn."""
        drawn = []
        for (x1, y1), (x2, y2) in pairwise([places[0], *places]):
            if x2 >= left:
                # The line from where it comes into the words' columns, and the dot at its end.
                enters = y1 if x1 >= left or x1 == x2 else y1 + (y2 - y1) * (left - x1) / (x2 - x1)
                drawn.append((min(enters, y2) - 7, max(enters, y2) + 7))
        for x, y in (places[0], places[-1]):
            if x + 24 >= left:
                drawn.append((y - 30, y + 7))  # with the number above it
        return min((max(y1 - height - 4, height - 12 - y2) for y1, y2 in drawn), default=99)

    inside = [bottom - 8, top + 17]
    outside = [bottom + 17, top - 8]
    heights = [
        height
        for height in inside + outside
        if plot.top < height - 12 and height + 4 < plot.height - plot.bottom
    ] or inside
    return next(
        (height for height in heights if clearance(height) >= 2), max(heights, key=clearance)
    )


def course_plot(
    scores: Sequence[tuple[date, float]],
    *,
    highest: float,
    lowest: float = 0,
    reliable: float | None = None,
    gaps: Collection[date] = (),
    narrow: bool = False,
    wide: int = 1000,
    words: Callable[[date], str] = str,
) -> Plot:
    """One person's scores over time, placed by date, the newest marked as the reader's.

    The band is the first score give or take `reliable`, inside the scale: changes within it may be
    chance. The line is broken where one of the `gaps` lies: a day without a score.
    """
    width, height = (330, 250) if narrow else (wide, 300)
    days = [(day - scores[0][0]).days for day, _ in scores] if scores else []
    last = max(days, default=0) or 1
    plot = Plot(width, height, (0, last), (lowest, highest), left=34, right=26, top=24, bottom=34)
    third = (highest - lowest) / 3
    plot.y_axis((lowest, *(round(lowest + i * third) for i in (1, 2)), highest), "{:g}".format)
    if not scores:
        return plot
    first, latest = scores[0][1], scores[-1][1]
    if reliable is not None:
        low, high = max(lowest, first - reliable), min(highest, first + reliable)
        plot.area([(0, low), (last, low)], [(0, high), (last, high)], "band")
        places = [
            (plot.at_x(day), plot.at_y(score)) for day, (_, score) in zip(days, scores, strict=True)
        ]
        plot.text(
            width - plot.right,
            _free_height(plot, plot.at_y(high), plot.at_y(low), places),
            _BAND_WORDS,
            "end",
        )
    shown: list[tuple[float, str]] = []
    previous = -1e9
    needed = 64 if narrow else 74
    for day, (on, _) in reversed(list(zip(days, scores, strict=True))):
        x = plot.at_x(day)
        if not shown or previous - x >= needed:
            shown.append((float(day), words(on)))
            previous = x
    plot.x_axis(reversed(shown))
    missing = [(gap - scores[0][0]).days for gap in gaps]
    parts: list[list[tuple[float, float]]] = [[(0, first)]]
    for (before, _), (day, (_, score)) in pairwise(zip(days, scores, strict=True)):
        if any(before < gap < day for gap in missing):
            parts.append([])
        parts[-1].append((day, score))
    for part in parts:
        plot.path(part, "line-1")
    for i, (day, (_, score)) in enumerate(zip(days, scores, strict=True)):
        newest = i == len(scores) - 1
        plot.dot(day, score, "dot-you" if newest else "dot-1", 7 if newest else 5)
    if len(scores) > 1:
        plot.text(plot.at_x(0) + 2, plot.at_y(first) - 14, f"{first:g}", "strong")
    plot.text(plot.at_x(days[-1]), plot.at_y(latest) - 14, f"{latest:g}", "strong mid")
    return plot


def means_plot(
    lines: Sequence[tuple[str, Sequence[tuple[int, float]]]],
    *,
    ticks: Sequence[str],
    scale: tuple[int, int] = (1, 5),
    narrow: bool = False,
) -> Plot:
    """One or two lines of means, one place for each tick. A place without a mean is left out."""
    width, height = (330, 230) if narrow else (640, 260)
    low, high = scale
    plot = Plot(
        width, height, (0, max(1, len(ticks) - 1)), scale, left=34, right=40, top=20, bottom=34
    )
    plot.y_axis(range(low, high + 1), lambda value: f"{value:g}")
    every = 3 if narrow else 1
    plot.x_axis(
        (float(place), words)
        for place, words in enumerate(ticks)
        if (len(ticks) - 1 - place) % every == 0
    )
    for number, (name, points) in enumerate(lines, start=1):
        if not points:
            continue
        plot.path(points, f"line-{number}")
        place, value = points[-1]
        plot.dot(place, value, f"dot-{number}", 5)
        # The upper line's name above it, the other's below.
        others = [v for other, p in lines if other != name for at, v in p[-1:] if at == place]
        is_upper = all(value > v or (value == v and number == 1) for v in others)
        plot.text(
            plot.at_x(place) + 4,
            plot.at_y(value) + (-12 if is_upper else 22),
            f"{name} {value:.1f}",
            f"key-{number} end",
        )
    return plot


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a stacked bar that is 300 units wide."""

    kind: Literal["up", "same", "down"]
    label: str
    count: int
    percent: int
    x: str
    width: str


def change_bar(
    *, improved: int, same: int, worse: int, labels: tuple[str, str, str]
) -> tuple[Segment, ...]:
    """Three counts as one bar, with a gap of 3 units between pieces that are there."""
    total = improved + same + worse
    kinds: tuple[Literal["up", "same", "down"], ...] = ("up", "same", "down")
    segments, x = [], 0.0
    for kind, label, count in zip(kinds, labels, (improved, same, worse), strict=True):
        width = 300 * count / total if total else 0.0
        gap = 3 if count and count < total else 0
        segments.append(
            Segment(
                kind=kind,
                label=label,
                count=count,
                percent=round(100 * count / total) if total else 0,
                x=fixed(x + gap / 2),
                width=fixed(max(width - gap, 0)),
            )
        )
        x += width
    return tuple(segments)


def heat_step(came: int, expected: int) -> int:
    """Strength of a cell, 1 (few came) to 5 (nearly all)."""
    share = came / expected if expected else 0
    return next(
        (step for step, least in ((5, 0.88), (4, 0.75), (3, 0.6), (2, 0.45)) if share >= least), 1
    )
