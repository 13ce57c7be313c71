"""What a report says, from its inputs: the same sentences and tables on the page and in the PDF.

A pure function. The database keeps JSON without the order of its keys, so nothing here depends on
it. Numbers are put into words here and nowhere else, so page and PDF cannot differ.
Change what it says only together with `METHOD`: reports that are there keep what they say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from django.utils.formats import date_format
from django.utils.text import capfirst, get_text_list

from groups.models import SupportGroup
from outcomes.figures import percent
from outcomes.report_facts import MARKS, OFTEN
from outcomes.report_rules import Period
from outcomes.statistics.episodes import MISSED_IN_A_ROW
from outcomes.statistics.means import Sums, mean
from outcomes.statistics.shares import wilson
from outcomes.tables import HIDDEN, Column, Table, Value

#: Version of the way from inputs to content.
METHOD = 1

NO_CAUSE = (
    "There was no comparison group. So these numbers do not show that the groups caused any change."
)


@dataclass
class Section:
    """One part of the report, under its heading."""

    key: str
    heading: str
    paragraphs: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    #: The retention curve: points, people counted, and what it shows in words.
    curve: dict[str, Any] | None = None
    bars: list[dict[str, Any]] = field(default_factory=list)
    #: What must not be overlooked.
    limit: str = ""
    points: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "heading": self.heading,
            "paragraphs": self.paragraphs,
            "points": self.points,
            "tables": [_table_as_json(table) for table in self.tables],
            "curve": self.curve,
            "bars": self.bars,
            "limit": self.limit,
        }


def _table_as_json(table: Table) -> dict[str, Any]:
    return {
        "key": table.key,
        "caption": table.heading,
        "columns": [
            {"label": column.label, "is_number": column.is_number} for column in table.columns
        ],
        "rows": [[cell.words for cell in row] for row in table.shown_rows],
        "notes": list(table.notes),
    }


class _Inputs:
    """The inputs, with names for what is asked for often."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self.all = inputs
        self.told: Mapping[str, int] = inputs["told"]
        self.groups: Sequence[Mapping[str, Any]] = inputs["groups"]
        self.threshold: int = inputs["threshold"]
        self.period = Period(
            date.fromisoformat(inputs["first_day"]), date.fromisoformat(inputs["last_day"])
        )

    def number(self, key: str) -> int | None:
        """None is hidden."""
        return self.told.get(key)

    @property
    def held(self) -> int:
        return sum(group["held"] for group in self.groups)

    @property
    def met(self) -> list[Mapping[str, Any]]:
        """Groups that held a session."""
        return [group for group in self.groups if group["held"]]


def content_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that stands in the report but the coordinator's own words."""
    known = _Inputs(inputs)
    programme = inputs["programme"] or "All groups"
    sections = [
        _summary(known),
        _reached(known),
        _stayed(known),
        _changed(known),
        _felt(known),
        _safety(known),
        _quality(known),
        _hidden(known),
        _counted(known),
    ]
    return {
        "title": f"{programme}, {known.period.name}",
        "programme": programme,
        "period": known.period.name,
        "organisation": inputs["organisation"],
        "made_on": inputs["made_on"],
        "made_on_words": date_format(date.fromisoformat(inputs["made_on"]), "j F Y"),
        "stats": _stats(known),
        "sections": [section.as_json() for section in sections],
    }


def paragraphs_of(words: str) -> list[str]:
    """What somebody typed, paragraph by paragraph; an empty line parts them."""
    parts = words.replace("\r\n", "\n").split("\n\n")
    return [part.strip() for part in parts if part.strip()]


def _share(part: int | None, whole: int | None) -> str | None:
    """Per cent of a whole, with its interval, in words; empty of nobody."""
    if part is None or whole is None:
        return None
    if not whole:
        return ""
    low, high = wilson(part, whole)
    return f"{percent(part / whole)}% ({percent(low)} to {percent(high)}%)"


def _plain_share(part: int | None, whole: int | None) -> str | None:
    if part is None or whole is None:
        return None
    return f"{percent(part / whole)}%" if whole else ""


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _people(n: int) -> str:
    return _count(n, "person", "people")


def _table(
    key: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Value]], *notes: str
) -> Table:
    """The first column is words, the others are numbers."""
    heads = [Column(label, is_number=bool(i)) for i, label in enumerate(columns)]
    return Table(key, caption, (), heads, rows, [note for note in notes if note])


# Parts ------------------------------------------------------------------------------------------


def _stats(known: _Inputs) -> list[dict[str, str]]:
    came, visits = known.number("reach"), known.number("visits")
    return [
        {"value": HIDDEN if came is None else str(came), "label": "people came"},
        {"value": HIDDEN if visits is None else str(visits), "label": "visits"},
        {"value": str(known.held), "label": "sessions held"},
        {"value": str(len(known.met)), "label": "groups met"},
    ]


def _summary(known: _Inputs) -> Section:
    points = []
    came = known.number("reach")
    sessions = _count(known.held, "session", "sessions")
    groups = _count(len(known.met), "group", "groups")
    if came is None:
        points.append(f"{groups} held {sessions}. How many people came is not shown.")
    else:
        points.append(f"{_people(came)} came to {sessions} of {groups}.")
    mark = _mark(known)
    if mark:
        points.append(
            f"Of people who came for the first time, {percent(mark['share'])}% still came "
            f"{mark['session']} sessions later "
            f"(95% interval {percent(mark['low'])} to {percent(mark['high'])}%)."
        )
    for code, instrument in sorted(known.all["instruments"].items()):
        both = known.number(f"change {code} both")
        rows = _categories(known, code)
        if both and any(row.number is not None for row in rows):
            told = [f"{row.number} {row.verb}" for row in rows if row.number is not None]
            points.append(
                f"{capfirst(instrument['name'])}: of {_people(both)} with two check-ins, "
                f"{get_text_list(told, 'and')}. Only changes larger than the measure’s own error "
                "count as improved or worse."
            )
    safe = known.all["felt"].get("safe")
    if safe:
        points.append(
            f"After sessions people felt {safe['total'] / safe['n']:.1f} safe on average, "
            "on a scale from 1 to 5."
        )
    return Section("summary", "In short", points=points, limit=NO_CAUSE)


def _labels(kind: str, known: _Inputs) -> dict[str, str]:
    if kind == "facilitation":
        return dict(SupportGroup.Facilitation.choices)
    if kind == "format":
        return dict(SupportGroup.Format.choices)
    return dict(known.all["topics"])


def _reached(known: _Inputs) -> Section:
    came, visits = known.number("reach"), known.number("visits")
    rows: list[list[Value]] = [
        ["People who came at least once", came],
        ["Of them, came for the first time", known.number("reach new")],
        [f"Of them, came {OFTEN} times or more", known.number("reach often")],
        ["Visits, every person at every session", visits],
        ["Sessions held", known.held],
        ["Groups that met", len(known.met)],
    ]
    if visits is not None and known.held:
        rows.append(["People at a session, on average", f"{visits / known.held:.1f}"])
    expected = known.number("visits expected")
    if visits is not None and expected:
        rows.append(["Came, of those expected", _plain_share(visits, expected)])
    tables = [_table("reach", "Who came", ["", "Number"], rows)]
    by: list[list[Value]] = []
    hidden = []
    for kind, words in (("facilitation", "Led"), ("format", "Format"), ("topic", "Topic")):
        for value, label in sorted(_labels(kind, known).items(), key=lambda pair: pair[1]):
            n = known.number(f"reach {kind} {value}")
            if n is not None:
                by.append([f"{words}: {label}", n, _plain_share(n, came)])
            elif f"reach {kind} {value}" in known.all["hidden"]:
                hidden.append(label)
    if by:
        tables.append(
            _table(
                "reach-by",
                "People by kind of group",
                ["Kind of group", "People", "Of all"],
                by,
                "A person who came to groups of two kinds counts in both. Groups can have "
                "several topics. Kinds are those of today.",
                f"Not shown: {', '.join(hidden)}." if hidden else "",
            )
        )
    facilitation, formats = _labels("facilitation", known), _labels("format", known)
    tables.append(
        _table(
            "groups",
            "The groups",
            ["Group", "Sessions held"],
            [
                [
                    f"{group['name']} ({facilitation[group['facilitation']].lower()}, "
                    f"{formats[group['format']].lower()})",
                    group["held"],
                ]
                for group in known.groups
            ],
        )
    )
    heading = "Who was reached"
    if came is not None:
        heading = f"{_people(came)} came at least once"
    return Section("reached", heading, tables=tables)


def _mark(known: _Inputs) -> Mapping[str, Any] | None:
    """The value that sentences name: the most asked for of those that may be told."""
    found = {step["session"]: step for step in known.all["curve"]}
    return next((found[mark] for mark in MARKS if mark in found), None)


def _stayed(known: _Inputs) -> Section:
    could, came = known.number("uptake could"), known.number("uptake came")
    began, mark = known.number("stay"), _mark(known)
    paragraphs = []
    if could and came is not None:
        paragraphs.append(
            f"Came at all: of {_people(could)} accepted in this time who could have come, "
            f"{came} came to a first session, {_share(came, could)}. The brackets hold the 95% "
            "interval."
        )
    elif could == 0:
        paragraphs.append("Nobody was accepted in this time who could have come.")
    else:
        paragraphs.append("How many of the accepted people came at all is not shown.")
    if began and mark:
        paragraphs.append(
            f"Stayed: {_people(began)} came for the first time in this time. The table says how "
            "many of them still came so many sessions later. People who came late in this time "
            "count only for the sessions held since. Those who never came are not part of it."
        )
    elif began == 0:
        paragraphs.append("Nobody came for the first time in this time.")
    else:
        paragraphs.append(
            "How long people stayed is not shown: too few people began, stayed or left."
        )
    section = Section("stayed", "How long people stay", paragraphs)
    if mark and began:
        section.heading = (
            f"{percent(mark['share'])}% still come {mark['session']} sessions after their first"
        )
        steps = [
            {"session": 0, "share": 1.0, "low": 1.0, "high": 1.0},
            *known.all["curve"],
        ]
        counted = {
            step["session"]: known.told[f"stay {step['session']} counted"]
            if step["session"]
            else began
            for step in steps
        }
        section.curve = {
            "points": [[s["session"], s["share"], s["low"], s["high"]] for s in steps],
            "at_risk": [[session, n] for session, n in counted.items()],
            "label": "Share of people who still come, by sessions held since their first: "
            + ", ".join(f"{percent(s['share'])}% after {s['session']}" for s in steps[1:])
            + ". The numbers are in the table below.",
        }
        section.tables.append(
            _table(
                "stayed",
                "Still coming, by sessions held since the first",
                ["Sessions since the first", "Still coming", "95% interval", "People counted"],
                [
                    [
                        str(s["session"]),
                        f"{percent(s['share'])}%",
                        f"{percent(s['low'])} to {percent(s['high'])}%" if s["session"] else "",
                        counted[s["session"]],
                    ]
                    for s in steps
                ],
                f"Values stand only where at least {known.threshold} people are counted and at "
                f"least {known.threshold}, or none, went since.",
            )
        )
    return section


#: In a table, and in a sentence.
_CATEGORIES = {
    "improved": ("Improved", "improved"),
    "same": ("No clear change", "did not clearly change"),
    "worse": ("Got worse", "got worse"),
}


def _changed(known: _Inputs) -> Section:
    section = Section("changed", "How people changed", limit=NO_CAUSE)
    instruments: Mapping[str, Mapping[str, Any]] = known.all["instruments"]
    if not instruments:
        section.paragraphs.append("Nobody answered a first check-in in this time.")
        section.limit = ""
        return section
    section.paragraphs.append(
        "Everybody whose first check-in was in this time is followed to its end. Their first score "
        "is compared with their latest one. “Improved” and “got worse” mean a change larger than "
        "the measure’s own error. Whoever has no second score left, was not asked again yet, or "
        "chose not to answer; they may differ from the others."
    )
    for code, instrument in sorted(instruments.items()):
        section.tables += _tables_of(known, code, instrument)
        bar = {key: known.number(f"change {code} {key}") for key in _CATEGORIES}
        if None not in bar.values() and any(bar.values()):
            asked, both = known.number(f"change {code}"), known.number(f"change {code} both")
            section.bars.append(
                {
                    "name": capfirst(instrument["name"]),
                    "scale": instrument["short"],
                    **bar,
                    "missing": asked - both if asked is not None and both is not None else None,
                }
            )
    return section


def _tables_of(known: _Inputs, code: str, instrument: Mapping[str, Any]) -> list[Table]:
    family = f"change {code}"
    name = f"{capfirst(instrument['name'])} ({instrument['short']})"
    first, both = known.number(family), known.number(f"{family} both")
    rows: list[list[Value]] = [
        ["With a first score", first, ""],
        [
            "Of them, without a second score",
            None if first is None or both is None else first - both,
            "",
        ],
        ["Of them, with two scores", both, ""],
    ]
    if instrument["least_points"] is not None:
        rows += [
            [row.label, row.number, _share(row.number, both)] for row in _categories(known, code)
        ]
        if instrument["cutoff"] is not None:
            recovered = known.number(f"{family} recovered")
            rows.append(["Of those who improved, recovered", recovered, _share(recovered, both)])
    worse = "higher" if instrument["higher_is_worse"] else "lower"
    tables = [
        _table(
            f"change-{code}",
            f"{name}: change from the first score to the latest",
            ["", "People", "Of those with two scores (95% interval)"],
            rows,
            f"Scores go up to {instrument['highest']:g}; {worse} is worse.",
            f"A change counts from {instrument['least_points']} points on (Jacobson and Truax)."
            if instrument["least_points"] is not None
            else "What change is larger than its own error is not known, so there is no verdict.",
            f"Recovered: came from the side of {instrument['cutoff']:g} that is worse, or from "
            "just there, to the better side."
            if instrument["cutoff"] is not None
            else "",
        )
    ]
    if instrument["course"]:
        tables.append(
            _table(
                f"course-{code}",
                f"{name}: mean score, check-in by check-in",
                ["Check-in", "People", "Mean", "95% interval"],
                [_course_row(wave) for wave in instrument["course"]],
                "Later means are of fewer and other people than the first, so their difference is "
                "not one person’s change.",
            )
        )
    return tables


class _Category(NamedTuple):
    """How many changed in one way, or in one of several that had to be put together."""

    label: str
    verb: str
    number: int | None


def _categories(known: _Inputs, code: str) -> list[_Category]:
    """What may be told of who changed; what has to be hidden is put together if that may be."""
    both = known.number(f"change {code} both")
    found = {key: known.number(f"change {code} {key}") for key in _CATEGORIES}
    shown = [n for n in found.values() if n is not None]
    hidden = [key for key, n in found.items() if n is None]
    if not shown or not hidden or both is None:
        return [_Category(*_CATEGORIES[key], n) for key, n in found.items()]
    labels, verbs = zip(*(_CATEGORIES[key] for key in hidden), strict=True)
    together = _Category(
        " or ".join([labels[0], *(label.lower() for label in labels[1:])]) + ", together",
        " or ".join(verbs),
        both - sum(shown),
    )
    return [
        *(_Category(*_CATEGORIES[key], n) for key, n in found.items() if n is not None),
        together,
    ]


def _course_row(wave: Mapping[str, Any]) -> list[Value]:
    found = mean(Sums(wave["n"], wave["total"], wave["squares"]))
    label = "First" if wave["wave"] == 0 else f"Number {wave['wave'] + 1}"
    return [
        label,
        wave["n"],
        f"{found.value:.1f}",
        f"{found.lower:.1f} to {found.upper:.1f}",
    ]


def _felt(known: _Inputs) -> Section:
    section = Section("felt", "How sessions felt")
    felt: Mapping[str, Mapping[str, Any]] = known.all["felt"]
    if known.all["felt_is_deleted"]:
        section.paragraphs.append(
            "Answers about sessions are deleted after 400 days. Those of this time are no longer "
            "all there, so they are not shown."
        )
        return section
    if not felt:
        section.paragraphs.append("Not shown: too few people answered after sessions.")
        return section
    if "safe" in felt:
        safe = felt["safe"]["total"] / felt["safe"]["n"]
        section.heading = f"Felt safe: {safe:.1f} of 5"
    section.paragraphs.append(
        "After each session everybody who came is asked two questions, from 1, not at all, to 5, "
        "fully. Those who did not answer may have felt otherwise."
    )
    section.tables.append(
        _table(
            "felt",
            "How people felt in sessions",
            ["Question", "Mean", "Answers", "People"],
            [
                [
                    f"Felt {question}",
                    f"{found['total'] / found['n']:.1f}",
                    found["n"],
                    known.number(f"felt {question} people"),
                ]
                for question, found in sorted(felt.items())
            ],
        )
    )
    return section


def _safety(known: _Inputs) -> Section:
    concerns = known.number("concerns")
    section = Section("safety", "Safety")
    if concerns is None:
        section.paragraphs.append(
            f"How often a named person was asked to be in touch with somebody is not shown: it "
            f"was about fewer than {known.threshold} people."
        )
    elif not concerns:
        section.paragraphs.append("Nobody’s answer or message opened a concern in this time.")
    else:
        section.paragraphs.append(
            f"{_count(concerns, 'concern was', 'concerns were')} opened for a named person to be "
            "in touch with somebody. A concern is common and means that somebody looks, not that "
            "something happened."
        )
    return section


def _quality(known: _Inputs) -> Section:
    unrecorded = sum(group["unrecorded"] for group in known.groups)
    asked, answered = known.number("asked"), known.number("asked answered")
    rows: list[list[Value]] = [
        [
            "Sessions held without a note of who came",
            unrecorded,
            _plain_share(unrecorded, known.held),
        ],
        ["Check-ins asked, whose time is over", asked, ""],
        ["Of them, answered", answered, _plain_share(answered, asked)],
        ["Answered, but with too many gaps to score", known.number("asked unscored"), ""],
    ]
    return Section(
        "quality",
        "How good the data are",
        [
            "Nothing is carried forward and nothing is filled in. People who did not want their "
            "check-ins counted are left out of scores and of the numbers on answering."
        ],
        [_table("quality", "What is missing", ["", "Number", "Share"], rows)],
    )


def _hidden(known: _Inputs) -> Section:
    found = _hidden_words(known)
    section = Section("hidden", "What is not shown, and why")
    section.paragraphs.append(
        f"Nothing here is about fewer than {known.threshold} people, because somebody could be "
        "recognised. Numbers are also hidden when such a number could be worked out from others, "
        "here or in earlier reports. None at all may show."
    )
    if found:
        section.paragraphs.append("Hidden in this report:")
        section.points = found
    else:
        section.paragraphs.append("In this report nothing had to be hidden.")
    return section


def _hidden_words(known: _Inputs) -> list[str]:
    """What is hidden, in words; only the kinds, because the tables say which."""
    kinds = {
        "reach": "Some numbers of people who came",
        "visits": "Some numbers of visits",
        "uptake": "How many came of those who were accepted",
        "stay": "Some values of how long people stay",
        "change": "Some numbers of people who changed",
        "course": "Some mean scores",
        "asked": "Some numbers on answering",
        "felt": "How sessions felt",
        "concerns": "The number of concerns",
    }
    hidden = {key.partition(" ")[0] for key in known.all["hidden"]}
    return [words for kind, words in kinds.items() if kind in hidden]


def _counted(known: _Inputs) -> Section:
    first, last = (
        date_format(day, "j F Y") for day in (known.period.first_day, known.period.last_day)
    )
    return Section(
        "counted",
        "How this is counted",
        points=[
            f"The time is {first} to {last}. Counted is what was known at its end.",
            "A person counts once, in however many of these groups they are. A session counts when "
            "it was held; cancelled ones do not.",
            "Time in a group is counted in sessions held since the first one a person came to. "
            f"Somebody counts as gone when they leave or miss {MISSED_IN_A_ROW} held sessions in a "
            "row, dated at the first one missed. Excused sessions do not count as missed.",
            "Whoever still comes counts for as long as that is known. So does somebody who "
            "finished a planned course, or whose group closed.",
            "A person in two groups is followed in the one they came to first. Coming back after "
            "having gone is not counted as staying.",
            "The share still coming is Kaplan and Meier’s estimate with log-log limits. Intervals "
            "of shares are Wilson’s, those of means are Student’s.",
            "Expected at a session is everybody who did not say beforehand that they cannot come.",
        ],
    )
