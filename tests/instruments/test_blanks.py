from decimal import Decimal
from fractions import Fraction

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from instruments import blanks, catalogue
from instruments.blanks import Words
from instruments.content import content_of
from instruments.schema import InvalidDefinition, Licence, Method, parse
from instruments.scoring import items_to_ask, score, triggered_risks
from tests.instruments.test_scoring import answer_sheets, sheet

N = None
HELD = Licence("held-by-the-organisation", "© Cohen. Used with permission.", "Letter of 2026.")


def scores(code, values):
    return score(blanks.get(code).definition, sheet(*values))


def with_words(blank, **changes):
    words = {
        "texts": [f"Text {n}" for n in range(1, len(blank.definition.items) + 1)],
        "labels": [[f"Label {value}" for value in each.values] for each in blank.answer_sets],
        "stem": "In the last month",
    }
    return blank.with_words(Words(**words | changes), version="3", licence=HELD)


def test_no_file_holds_words_of_a_questionnaire():
    for path in blanks.DIRECTORY.glob("*.yaml"):
        file = yaml.safe_load(path.read_text())
        assert type(file["items"]) is int
        assert set(file) & {"stem", "options", "opening_items", "extra_items"} == set()
        assert {key for each in file["answers"] for key in each} == {"items", "values"}


def test_blanks_have_names_of_their_own():
    shipped = {definition.code for definition in catalogue.all_definitions()}
    assert blanks.codes() & shipped == set()
    assert {"pss-10", "mspss", "swemwbs", "who-5"} <= blanks.codes()
    for blank in blanks.all_blanks():
        assert blank.owner
        assert blank.terms
        assert blank.definition.code == blank.code
    with pytest.raises(catalogue.UnknownInstrument):
        blanks.get("phq-9")


@pytest.mark.parametrize("blank", blanks.all_blanks(), ids=lambda blank: blank.code)
def test_words_change_nothing_of_the_scoring(blank):
    own = with_words(blank)
    assert (own.code, own.version, own.stem) == (blank.code, "3", "In the last month")
    assert own.licence == HELD
    assert [item.text for item in own.items][:1] == ["Text 1"]
    for mine, theirs in zip(own.items, blank.definition.items, strict=True):
        assert (mine.id, mine.values, mine.reverse, mine.condition) == (
            *(theirs.id, theirs.values, theirs.reverse, theirs.condition),
        )
    assert own.scoring == blank.definition.scoring
    assert own.risk_rules == blank.definition.risk_rules
    assert parse(content_of(own)) == own


@pytest.mark.parametrize(
    "change",
    [
        {"texts": ["One"]},
        {"texts": [f"Text {n}" for n in range(1, 12)]},
        {"texts": ["", *(f"Text {n}" for n in range(2, 11))]},
        {"labels": []},
        {"labels": [["Never", "Often"]]},
        {"labels": [["Never", "", "C", "D", "E"]]},
    ],
)
def test_no_word_may_be_missing_and_none_is_too_many(change):
    with pytest.raises(InvalidDefinition):
        with_words(blanks.get("pss-10"), **change)


# By hand -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "values", "total", "band"),
    [
        # Items 4, 5, 7 and 8 count from the other end: calm is 0, or 4 there.
        ("pss-10", (0, 0, 0, 4, 4, 0, 4, 4, 0, 0), 0, None),
        ("pss-10", (0,) * 10, 16, None),
        ("pss-10", (4,) * 10, 24, None),
        ("pss-10", (4, 4, 4, 0, 0, 4, 0, 0, 4, 4), 40, None),
        ("pss-10", (2, 1, 3, 2, 1, 2, 3, 2, 1, 2), 2 + 1 + 3 + 2 + 3 + 2 + 1 + 2 + 1 + 2, None),
        # Nine answered with 15 in all: 10 × 15 / 9 = 16.67.
        ("pss-10", (2, 2, 2, 2, 2, 2, 3, 2, 0, N), 17, None),
        # Eight answered with 14 in all: 17.5 goes up.
        ("pss-10", (2, 2, 2, 2, 2, 2, 3, 3, N, N), 18, None),
        ("pss-10", (2, 2, 2, 2, 2, 2, 2, N, N, N), None, None),
        # Of the four, the second and the third count from the other end.
        ("pss-4", (0, 4, 4, 0), 0, None),
        ("pss-4", (4, 0, 0, 4), 16, None),
        ("pss-4", (1, 3, 2, 1), 1 + 1 + 2 + 1, None),
        ("pss-4", (1, 3, 2, N), None, None),
        ("who-5", (0,) * 5, 0, "very low"),
        ("who-5", (1, 1, 2, 2, 1), 28, "very low"),
        ("who-5", (2, 2, 2, 3, 3), 48, "low"),
        ("who-5", (2, 3, 2, 3, 3), 52, "not low"),
        ("who-5", (5,) * 5, 100, "not low"),
        ("who-5", (5, 5, 5, 5, N), None, None),
        ("swemwbs", (1,) * 7, Decimal("7"), "low"),
        ("swemwbs", (3, 3, 3, 3, 3, 3, 3), Decimal("19.25"), "low"),
        ("swemwbs", (4, 3, 3, 3, 3, 3, 3), Decimal("19.98"), "medium"),
        ("swemwbs", (4, 4, 4, 4, 5, 4, 5), Decimal("27.03"), "medium"),
        ("swemwbs", (4, 4, 4, 4, 5, 5, 5), Decimal("28.13"), "high"),
        ("swemwbs", (5,) * 7, Decimal("35"), "high"),
        ("swemwbs", (5, 5, 5, 5, 5, 5, N), None, None),
        ("k6", (0,) * 6, 0, "low"),
        ("k6", (1, 1, 1, 1, 1, 0), 5, "moderate"),
        ("k6", (2, 2, 2, 2, 2, 2), 12, "moderate"),
        ("k6", (3, 2, 2, 2, 2, 2), 13, "serious"),
        ("k6", (4,) * 6, 24, "serious"),
        ("k6", (4, 4, 4, 4, 4, N), None, None),
        ("k10", (1,) * 10, 10, "low"),
        ("k10", (2,) * 6 + (1,) * 4, 16, "moderate"),
        ("k10", (2,) * 10, 20, "moderate"),
        ("k10", (3, 3, *((2,) * 8)), 22, "high"),
        ("k10", (3,) * 10, 30, "very high"),
        ("k10", (5,) * 10, 50, "very high"),
        # Items 2, 4 and 6 count from the other end.
        ("brs", (5, 1, 5, 1, 5, 1), Decimal("5.00"), "high"),
        ("brs", (1, 5, 1, 5, 1, 5), Decimal("1.00"), "low"),
        # 3 + 2 + 3 + 3 + 3 + 4 = 18, by six.
        ("brs", (3, 4, 3, 3, 3, 2), Decimal("3.00"), "normal"),
        # 17 by six is 2.833…
        ("brs", (3, 4, 3, 3, 2, 2), Decimal("2.83"), "low"),
        ("brs", (5, 2, 4, 2, 4, 1), Decimal("4.33"), "high"),
        ("brs", (5, 2, 4, 2, 4, N), None, None),
        ("gse-10", (1,) * 10, 10, None),
        ("gse-10", (4,) * 10, 40, None),
        # Seven answered with 21 in all: 10 × 21 / 7.
        ("gse-10", (3,) * 7 + (N,) * 3, 30, None),
        ("gse-10", (3,) * 6 + (N,) * 4, None, None),
        # Items 2, 4, 5 and 8 count from the other end.
        ("csq-8", (4, 1, 4, 1, 1, 4, 4, 1), 32, None),
        ("csq-8", (1, 4, 1, 4, 4, 1, 1, 4), 8, None),
        ("csq-8", (3, 2, 3, 2, 2, 3, 3, 2), 24, None),
        ("ors", (6, 6, 6, 6), 24, "below the cut-off of adults"),
        ("ors", (7, 6, 6, 6), 25, "above the cut-off of adults"),
        ("srs", (9, 9, 9, 8), 35, "worth talking about"),
        ("gsrs", (9, 9, 9, 9), 36, "good"),
        ("gsrs", (9, 9, 9, N), None, None),
        ("tfi-8", (1,) * 8, 8, None),
        ("tfi-8", (7,) * 8, 56, None),
        ("distress-thermometer", (10,), 10, None),
        ("distress-thermometer", (N,), None, None),
    ],
)
def test_score_of_hand_worked_sheets(code, values, total, band):
    found = scores(code, values)
    assert (found.total, found.band) == (total, band)


@pytest.mark.parametrize(
    ("values", "total", "scales"),
    [
        ((7,) * 12, "7.00", ("7.00", "7.00", "7.00")),
        ((1,) * 12, "1.00", ("1.00", "1.00", "1.00")),
        # Significant other 1, 2, 5, 10; family 3, 4, 8, 11; friends 6, 7, 9, 12.
        ((6, 6, 2, 2, 6, 4, 4, 2, 4, 6, 2, 4), "4.00", ("6.00", "2.00", "4.00")),
        # One missing in each: means of three, and of the nine.
        ((6, 6, 2, 2, 6, 4, 4, 2, 4, N, N, N), "4.00", ("6.00", "2.00", "4.00")),
        # 5 + 5 + 6 by three is 5.33.
        ((5, 5, 2, 2, 6, 4, 4, 2, 4, N, 2, 4), "3.64", ("5.33", "2.00", "4.00")),
        # Two of one scale: neither it nor a total.
        ((6, 6, 2, 2, N, 4, 4, 2, 4, N, 2, 4), None, (None, "2.00", "4.00")),
    ],
)
def test_the_mspss_allows_one_missing_item_in_each_scale(values, total, scales):
    found = scores("mspss", values)
    assert found.total == (total and Decimal(total))
    assert tuple(part.total for part in found.scales) == tuple(
        points and Decimal(points) for points in scales
    )


@pytest.mark.parametrize(
    ("values", "band"),
    [
        ((3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2), "low"),  # 35 by twelve: 2.92, above 2.9
        ((3,) * 12, "moderate"),
        ((5,) * 12, "moderate"),
        ((5,) * 11 + (6,), "moderate"),  # 5.08, not yet 5.1
        ((5,) * 10 + (6, 6), "high"),  # 5.17
    ],
)
def test_bands_of_the_mspss(values, band):
    assert scores("mspss", values).band == band


def test_scales_of_both_panas():
    positive = (1, 3, 5, 9, 10, 12, 14, 16, 17, 19)
    found = scores("panas", [5 if n in positive else 1 for n in range(1, 21)])
    assert [part.total for part in found.scales] == [50, 10]
    short = scores("i-panas-sf", [4 if n in (3, 5, 7, 8, 10) else 2 for n in range(1, 11)])
    assert [part.total for part in short.scales] == [20, 10]
    assert [part.total for part in scores("i-panas-sf", (N, *((3,) * 9))).scales] == [15, None]


def test_scales_of_the_proqol_5():
    lowest = [5 if n in (1, 4, 15, 17, 29) else 1 for n in range(1, 31)]
    parts = scores("proqol-5", lowest).scales
    assert [(part.id, part.total, part.band) for part in parts] == [
        ("compassion-satisfaction", 10, "low"),
        ("burnout", 10, "low"),
        ("secondary-stress", 10, "low"),
    ]
    assert [part.total for part in scores("proqol-5", (5,) * 30).scales] == [50, 30, 50]
    assert [part.band for part in scores("proqol-5", (3,) * 30).scales] == ["moderate"] * 3


def test_scales_of_the_cbi_need_half_of_their_items():
    # The last of the seven on work counts from the other end.
    worst = [0 if n == 13 else 100 for n in range(1, 20)]
    assert [part.total for part in scores("cbi", worst).scales] == [100, 100, 100]
    some = (50, 25, 75, N, N, N, *((50,) * 4), N, N, N, *((25,) * 6))
    assert [part.total for part in scores("cbi", some).scales] == [50, 50, 25]
    less = (50, 25, N, N, N, N, *((50,) * 3), N, N, N, N, 25, 25, N, N, N, N)
    assert [part.total for part in scores("cbi", less).scales] == [None, None, None]


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ((0, 0, N, N, N, 0), "negative"),
        ((1, 0, N, N, N, 0), "low"),
        ((0, 1, 0, 0, 0, 0), "low"),
        ((1, 1, 1, 0, 0, 0), "moderate"),
        ((0, 0, N, N, N, 1), "moderate"),
        ((0, 1, 0, 0, 0, 1), "moderate"),
        ((1, 1, 1, 1, 0, 0), "high"),
        ((1, 1, 0, 0, 1, 0), "high"),
        ((0, 0, N, N, N, 2), "high"),
        ((N, 0, N, N, N, 2), "high"),
        # What was not said is for the person who asks.
        ((1, 1, 1, N, 0, 0), None),
        ((0, N, N, N, N, 0), None),
        ((0, 0, N, N, N, N), None),
    ],
)
def test_outcomes_of_the_c_ssrs_screener(values, outcome):
    assert scores("c-ssrs-screener", values).band == outcome


def test_the_c_ssrs_screener_asks_on_after_thoughts_only():
    definition = blanks.get("c-ssrs-screener").definition
    asked = [item.id for item in items_to_ask(definition, sheet(1, 0))]
    assert asked == ["q1", "q2", "q6"]
    assert len(items_to_ask(definition, sheet(1, 1))) == 6


@pytest.mark.parametrize(
    ("code", "answers", "expected"),
    [
        ("k6", {"q2": 3}, ["hopeless"]),
        ("k6", {"q6": 4}, ["worthless"]),
        ("k6", {"q2": 2, "q6": 2}, []),
        ("k10", {"q4": 4}, ["hopeless"]),
        ("k10", {"q10": 5}, ["worthless"]),
        ("c-ssrs-screener", {"q6": 1}, ["yes-6"]),
    ],
)
def test_risks(code, answers, expected):
    found = triggered_risks(blanks.get(code).definition, answers)
    assert [rule.id for rule in found] == expected


# Any sheet ---------------------------------------------------------------------------------------


@given(
    st.sampled_from(blanks.all_blanks()).flatmap(
        lambda blank: st.tuples(st.just(blank.definition), answer_sheets(blank.definition))
    )
)
def test_no_sheet_crashes_or_leaves_the_range(case):
    definition, answers = case
    found = score(definition, answers)
    triggered_risks(definition, answers)
    parts = [(definition, found), *zip(definition.scales, found.scales, strict=True)]
    for whose, part in parts:
        if part.total is None:
            continue
        assert whose.scoring.minimum <= part.total <= whose.scoring.maximum
        assert part.prorated is bool(part.missing)
        assert (part.band is None) is (not whose.bands)
        if whose.scoring.method is Method.SUM and whose.scoring.table is None:
            points = [
                item.points(answers[item.id])
                for item in whose.items
                if answers.get(item.id) is not None
            ]
            exact = Fraction(sum(points) * len(whose.items), len(points))
            assert abs(Fraction(part.total) / whose.scoring.times - exact) <= Fraction(1, 2)
