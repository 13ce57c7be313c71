from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments import catalogue
from instruments.schema import RiskLevel
from instruments.scoring import (
    InvalidAnswers,
    Score,
    check_answers,
    is_complete,
    items_to_ask,
    score,
    triggered_risks,
)

PHQ_9 = catalogue.get("phq-9")
GAD_7 = catalogue.get("gad-7")
N = None


def sheet(*values):
    """q1, q2, … answered with these values."""
    return {f"q{number}": value for number, value in enumerate(values, start=1)}


def risks(definition, answers):
    return [rule.id for rule in triggered_risks(definition, answers)]


@st.composite
def answer_sheets(draw, definition):
    """Any sheet that the instrument can have: answered, declined or not reached, extras too."""
    answers = {}
    for item in definition.all_items:
        value = draw(st.sampled_from([*sorted(item.values), None, "not reached"]))
        if value != "not reached":
            answers[item.id] = value
    return answers


SHEETS = st.sampled_from(catalogue.all_definitions()).flatmap(
    lambda definition: st.tuples(st.just(definition), answer_sheets(definition))
)


# Hand-worked sheets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "total", "band"),
    [
        ((0, 0, 0, 0, 0, 0, 0, 0, 0), 0, "minimal"),
        ((1, 1, 1, 1, 0, 0, 0, 0, 0), 4, "minimal"),
        ((1, 1, 1, 1, 1, 0, 0, 0, 0), 5, "mild"),
        ((1, 1, 1, 1, 1, 1, 1, 1, 1), 9, "mild"),
        ((2, 1, 1, 1, 1, 1, 1, 1, 1), 10, "moderate"),
        ((2, 2, 2, 2, 2, 2, 2, 0, 0), 14, "moderate"),
        ((3, 2, 2, 2, 2, 2, 2, 0, 0), 15, "moderately severe"),
        ((3, 3, 3, 3, 3, 3, 1, 0, 0), 19, "moderately severe"),
        ((3, 3, 3, 3, 3, 3, 2, 0, 0), 20, "severe"),
        ((3, 3, 3, 3, 3, 3, 3, 3, 3), 27, "severe"),
    ],
)
def test_score_of_complete_phq_9_sheets(values, total, band):
    assert score(PHQ_9, sheet(*values)) == Score(total, band, missing=(), prorated=False)


@pytest.mark.parametrize(
    ("values", "total", "missing"),
    [
        # Eight answered with 11 in all: 9 × 11 / 8 = 12.375.
        ((2, 2, 1, 1, 1, 2, 1, 1, N), 12, ["q9"]),
        # Seven answered with 7 in all: 9 × 7 / 7 = 9.
        ((1, 1, 1, N, 1, 1, N, 1, 1), 9, ["q4", "q7"]),
        # Eight answered with 4 in all: 4.5 goes up, into the next band.
        ((1, 1, 1, 1, 0, 0, 0, 0, N), 5, ["q9"]),
        # Eight answered with 12 in all: 13.5 goes up to 14.
        ((2, 2, 2, 2, 2, 2, 0, 0, N), 14, ["q9"]),
        ((3, 3, 3, 3, 3, 3, 3, N, N), 27, ["q8", "q9"]),
        ((N, N, 0, 0, 0, 0, 0, 0, 0), 0, ["q1", "q2"]),
        ((N, N, N, 3, 3, 3, 3, 3, 3), None, ["q1", "q2", "q3"]),
        ((N,) * 9, None, [f"q{n}" for n in range(1, 10)]),
    ],
)
def test_score_of_phq_9_sheets_with_missing_items(values, total, missing):
    found = score(PHQ_9, sheet(*values))
    assert found.total == total
    assert list(found.missing) == missing
    assert found.prorated is (total is not None)
    assert (found.band is None) is (total is None)


@pytest.mark.parametrize(
    ("values", "total", "band"),
    [
        ((0, 0, 0, 0, 0, 0, 0), 0, "minimal"),
        ((1, 1, 1, 1, 0, 0, 0), 4, "minimal"),
        ((1, 1, 1, 1, 1, 0, 0), 5, "mild"),
        ((2, 2, 2, 2, 1, 0, 0), 9, "mild"),
        ((2, 2, 2, 2, 2, 0, 0), 10, "moderate"),
        ((2, 2, 2, 2, 2, 2, 2), 14, "moderate"),
        ((3, 2, 2, 2, 2, 2, 2), 15, "severe"),
        ((3, 3, 3, 3, 3, 3, 3), 21, "severe"),
        # Six answered with 8 in all: 7 × 8 / 6 = 9.33.
        ((2, 2, 1, 1, 1, 1, N), 9, "mild"),
        # Six answered with 9 in all: 10.5 goes up.
        ((2, 2, 2, 1, 1, 1, N), 11, "moderate"),
        # Five answered with 12 in all: 7 × 12 / 5 = 16.8.
        ((N, N, 3, 3, 2, 2, 2), 17, "severe"),
        ((N, N, N, 3, 3, 2, 2), None, None),
    ],
)
def test_score_of_gad_7_sheets(values, total, band):
    found = score(GAD_7, sheet(*values))
    assert (found.total, found.band) == (total, band)


def test_score_takes_unreached_items_for_missing():
    assert score(PHQ_9, {}).total is None
    assert score(PHQ_9, sheet(1, 1, 1, 1, 1, 1, 1)).total == 9


def test_score_leaves_out_the_difficulty_item():
    answers = sheet(1, 0, 0, 0, 0, 0, 0, 0, 0)
    assert score(PHQ_9, {**answers, "difficulty": 3}) == score(PHQ_9, answers)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"q10": 1}, "no item 'q10'"),
        ({"q1": 4}, "4 is no answer"),
        ({"q1": -1}, "-1 is no answer"),
        ({"q1": True}, "True is no answer"),
        ({"q1": "1"}, "'1' is no answer"),
        ({"q1": 1.0}, "1.0 is no answer"),
        ({"difficulty": 4}, "4 is no answer"),
    ],
)
def test_check_answers_refuses(answers, message):
    for function in (check_answers, score, triggered_risks):
        with pytest.raises(InvalidAnswers, match=message):
            function(PHQ_9, answers)


# What is asked -----------------------------------------------------------------------------------


def test_items_to_ask_adds_the_difficulty_item_when_something_bothers():
    def last(answers):
        return items_to_ask(PHQ_9, answers)[-1].id

    assert last(sheet(0, 0, 0, 0, 0, 0, 0, 0, 0)) == "q9"
    assert last(sheet(*[N] * 9)) == "q9"
    assert last(sheet(0, 0, 1)) == "difficulty"
    assert [item.id for item in items_to_ask(GAD_7, sheet(3))] == [f"q{n}" for n in range(1, 8)]


def test_is_complete_when_every_item_to_ask_is_answered_or_declined():
    assert not is_complete(PHQ_9, {})
    assert is_complete(PHQ_9, sheet(0, 0, 0, 0, N, 0, 0, 0, 0))
    answers = sheet(0, 0, 0, 0, 1, 0, 0, 0, 0)
    assert not is_complete(PHQ_9, answers)
    assert is_complete(PHQ_9, {**answers, "difficulty": None})


# Risk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, 2, 3])
def test_thoughts_of_self_harm_act_at_once_whatever_the_total(value):
    # The answer alone, before anything else is filled in.
    (rule,) = triggered_risks(PHQ_9, {"q9": value})
    assert rule.id == "thoughts-of-self-harm"
    assert rule.level is RiskLevel.REVIEW
    assert rule.show_help


def test_no_risk_in_an_untroubled_sheet():
    assert risks(PHQ_9, sheet(0, 0, 0, 0, 0, 0, 0, 0, 0)) == []
    assert risks(GAD_7, sheet(3, 3, 3, 3, 3, 3, 3)) == []


def test_the_self_harm_item_is_never_imputed():
    # Everything else at its worst: the total is prorated, the item stays unanswered.
    assert risks(PHQ_9, sheet(3, 3, 3, 3, 3, 3, 3, 3, N)) == [
        "severe-total",
        "self-harm-item-declined",
    ]
    assert risks(PHQ_9, sheet(2, 2, 2, 2, 2, 2, 2, 2, N)) == ["self-harm-item-declined"]


def test_an_item_not_reached_is_not_declined():
    assert risks(PHQ_9, sheet(0, 0)) == []


@pytest.mark.parametrize(
    ("values", "applies"),
    [
        ((3, 3, 3, 3, 3, 3, 1, 0, 0), False),  # 19
        ((3, 3, 3, 3, 3, 3, 2, 0, 0), True),  # 20
        ((3, 3, 3, 3, 3, 3, 2), True),  # 20 before the end: it cannot become less
        ((3, 3, 3, 3, 3, 3, 1), False),  # 19 so far; an estimate would be premature
        ((3, 3, 2, 2, 2, 2, 2, N, 0), False),  # 18 prorated
        ((3, 3, 3, 3, 3, 3, N, 0, 0), True),  # 20.25 prorated
        ((3, 3, 3, 3, 3, 3, N, N, N), False),  # too much missing, and 18 for sure
    ],
)
def test_severe_total(values, applies):
    assert ("severe-total" in risks(PHQ_9, sheet(*values))) is applies


# Any sheet ---------------------------------------------------------------------------------------


@given(SHEETS)
def test_no_sheet_crashes_or_leaves_the_range(case):
    definition, answers = case
    found = score(definition, answers)
    given_values = [answers[i.id] for i in definition.items if answers.get(i.id) is not None]
    assert len(found.missing) + len(given_values) == len(definition.items)
    if found.total is None:
        assert found.band is None
        assert len(found.missing) > definition.scoring.max_missing
    else:
        assert type(found.total) is int
        assert definition.scoring.minimum <= found.total <= definition.scoring.maximum
        assert found.band in {band.label for band in definition.bands}
        exact = Fraction(sum(given_values) * len(definition.items), len(given_values))
        assert abs(found.total - exact) <= Fraction(1, 2)
        assert found.prorated is bool(found.missing)


@given(SHEETS)
def test_risk_of_any_sheet(case):
    definition, answers = case
    found = risks(definition, answers)
    if definition.code == "phq-9":
        assert ("thoughts-of-self-harm" in found) is ((answers.get("q9") or 0) >= 1)
        assert ("self-harm-item-declined" in found) is ("q9" in answers and answers["q9"] is None)
    # A further answer never takes a concern of an earlier one back.
    for item in definition.all_items:
        if item.id not in answers:
            worse = {**answers, item.id: max(item.values)}
            assert set(found) <= set(risks(definition, worse))
            declined = {**answers, item.id: None}
            assert set(found) <= set(risks(definition, declined))
