from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments import catalogue
from instruments.schema import Administration, RiskLevel, parse
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


# Every other instrument, by hand -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "values", "total", "band"),
    [
        ("phq-2", (1, 1), 2, "negative"),
        ("phq-2", (3, 0), 3, "positive"),
        ("phq-2", (3, N), None, None),
        ("gad-2", (0, 2), 2, "negative"),
        ("gad-2", (3, 3), 6, "positive"),
        ("phq-4", (1, 1, 0, 0), 2, "normal"),
        ("phq-4", (1, 1, 1, 0), 3, "mild"),
        ("phq-4", (2, 2, 2, 0), 6, "moderate"),
        ("phq-4", (3, 3, 3, 0), 9, "severe"),
        ("phq-4", (3, 3, 3, N), None, None),
        ("phq-8", (1, 1, 1, 1, 1, 0, 0, 0), 5, "mild"),
        # Seven answered with 12 in all: 8 × 12 / 7 = 13.7.
        ("phq-8", (2, 2, 2, 2, 2, 1, 1, N), 14, "moderate"),
        ("phq-8", (3, 3, 3, 3, 3, 3, N, N), None, None),
        # Calm all through, with somebody to turn to and able to cope: both count from the far end.
        ("core-10", (0, 4, 4, 0, 0, 0, 0, 0, 0, 0), 0, "healthy"),
        ("core-10", (0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 8, "low"),
        ("core-10", (1, 3, 2, 1, 1, 0, 2, 1, 2, 0), 11, "mild"),
        ("core-10", (4, 0, 0, 4, 4, 4, 4, 4, 4, 4), 40, "severe"),
        # Nine answered with 15 in all: 10 × 15 / 9 = 16.7.
        ("core-10", (2, 2, 2, 2, 2, 0, 2, 2, 1, N), 17, "moderate"),
        # Without the third, 13 + its estimate: 10 × 13 / 9 = 14.4.
        ("core-10", (2, 3, N, 2, 2, 0, 2, 2, 2, 0), 14, "mild"),
        ("core-10", (2, N, N, 2, 2, 0, 2, 2, 2, 0), None, None),
        ("pcl-5", (2,) * 20, 40, None),
        ("pcl-5", (*((4,) * 19), N), None, None),
        ("audit-c", (0, N, N), 0, "low"),
        ("audit-c", (0,), 0, "low"),
        ("audit-c", (2, 1, 0), 3, "positive for women"),
        ("audit-c", (4, 4, 4), 12, "severe range"),
        ("audit-c", (2, 1, N), None, None),
        # Whoever says "never" after all is not asked how much: what was said before counts no more.
        ("audit-c", (0, 4, 4), 0, "low"),
        ("ucla-3", (1, 1, 1), 3, None),
        ("ucla-3", (3, 3, 3), 9, None),
        ("ucla-3", (2, 3, N), None, None),
    ],
)
def test_score_of_hand_worked_sheets(code, values, total, band):
    found = score(catalogue.get(code), sheet(*values))
    assert (found.total, found.band) == (total, band)


def test_loneliness_is_one_question():
    loneliness = catalogue.get("ons-loneliness")
    assert loneliness.items[0].label_of(5) == "Often/always"
    assert score(loneliness, {"lonely": 5}).total == 5
    assert score(loneliness, {"lonely": N}).total is None


def test_subscales_of_the_phq_4():
    found = score(catalogue.get("phq-4"), sheet(3, 1, 0, N))
    assert found.total is None
    anxiety, depression = found.scales
    assert (anxiety.id, anxiety.total, anxiety.missing) == ("anxiety", 4, ())
    assert (depression.total, depression.missing) == (None, ("q4",))


def test_clusters_of_the_pcl_5():
    values = (1,) * 5 + (2,) * 2 + (3,) * 7 + (4,) * 6
    assert [scale.total for scale in score(catalogue.get("pcl-5"), sheet(*values)).scales] == [
        *(5, 4, 21, 24)
    ]


DASS_SCALES = {
    "depression": (3, 5, 10, 13, 16, 17, 21),
    "anxiety": (2, 4, 7, 9, 15, 19, 20),
    "stress": (1, 6, 8, 11, 12, 14, 18),
}


@pytest.mark.parametrize(
    ("values", "total", "bands"),
    [
        ((0,) * 7, 0, ("normal", "normal", "normal")),
        # 4 in all, doubled: where anxiety is mild already.
        ((1, 1, 1, 1, 0, 0, 0), 8, ("normal", "mild", "normal")),
        ((1, 1, 1, 1, 1, 0, 0), 10, ("mild", "moderate", "normal")),
        ((1, 1, 1, 1, 1, 1, 1), 14, ("moderate", "moderate", "normal")),
        ((2, 2, 2, 2, 0, 0, 0), 16, ("moderate", "severe", "mild")),
        ((2, 2, 2, 2, 2, 0, 0), 20, ("moderate", "extremely severe", "moderate")),
        ((3, 3, 3, 2, 2, 0, 0), 26, ("severe", "extremely severe", "severe")),
        ((3, 3, 3, 3, 3, 2, 0), 34, ("extremely severe",) * 3),
        ((3,) * 7, 42, ("extremely severe",) * 3),
        # Six answered with 8 in all: 7 × 8 / 6 = 9.33, so 9, doubled.
        ((2, 2, 1, 1, 1, 1, N), 18, ("moderate", "severe", "mild")),
        # Six answered with 3 in all: 3.5 goes up to 4.
        ((1, 1, 1, 0, 0, 0, N), 8, ("normal", "mild", "normal")),
        ((3, 3, 3, 3, 3, N, N), None, (None, None, None)),
    ],
)
def test_scales_of_the_dass_21(values, total, bands):
    answers = {
        f"q{item}": value
        for items in DASS_SCALES.values()
        for item, value in zip(items, values, strict=True)
    }
    found = score(catalogue.get("dass-21"), answers)
    assert (found.total, found.band) == (None, None)
    assert [scale.id for scale in found.scales] == list(DASS_SCALES)
    assert {scale.total for scale in found.scales} == {total}
    assert tuple(scale.band for scale in found.scales) == bands


def test_each_scale_of_the_dass_21_has_its_own_items():
    for own, items in DASS_SCALES.items():
        answers = {f"q{n}": 3 if n in items else 0 for n in range(1, 22)}
        found = score(catalogue.get("dass-21"), answers)
        assert {scale.id: scale.total for scale in found.scales} == {
            name: 42 if name == own else 0 for name in DASS_SCALES
        }


def test_the_four_of_the_ons_stand_for_themselves():
    ons4 = catalogue.get("ons4")
    found = score(ons4, {"satisfied": 7, "worthwhile": 9, "happy": 4, "anxious": 2})
    assert (found.total, found.band) == (None, None)
    assert [(scale.total, scale.band) for scale in found.scales] == [
        *((7, "high"), (9, "very high"), (4, "low"), (2, "low"))
    ]
    assert [scale.direction.value for scale in ons4.scales][-1] == "higher_is_worse"


@pytest.mark.parametrize(
    ("answers", "total", "asked"),
    [
        ({"gate": 0}, 0, ["gate"]),
        ({"gate": 1, **sheet(1, 1, 1, 0, 1)}, 4, ["gate", "q1", "q2", "q3", "q4", "q5"]),
        ({"gate": 1, **sheet(1, 1, 1, 0)}, None, ["gate", "q1", "q2", "q3", "q4", "q5"]),
        # Rather not say whether there was such an event: nothing follows from that.
        ({"gate": N}, None, ["gate"]),
        # Changed to "no" at the end.
        ({"gate": 0, **sheet(1, 1, 1, 1, 1)}, 0, ["gate"]),
    ],
)
def test_the_gate_of_the_pc_ptsd_5(answers, total, asked):
    definition = catalogue.get("pc-ptsd-5")
    assert score(definition, answers).total == total
    assert [item.id for item in items_to_ask(definition, answers)] == asked


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ((0, 0, 0, 0), "negative"),
        ((0, 1, 0, 0, 0), "non-acute positive"),
        ((0, 9, 0, 0, 0), "non-acute positive"),
        ((0, 0, 0, 1, 1), "acute positive"),
        ((0, 0, 0), None),
        # Asked whether it is so right now and not answering: that is for the person who asks.
        ((1, 0, 0, 0, 9), None),
    ],
)
def test_outcomes_of_the_asq(values, outcome):
    asq = catalogue.get("asq")
    assert asq.administration is Administration.BY_A_PERSON
    found = score(asq, sheet(*values))
    assert (found.total, found.band) == (None, outcome)


@pytest.mark.parametrize(
    ("code", "answers", "expected"),
    [
        ("core-10", {"q6": 1}, ["plans-to-end-life"]),
        ("core-10", {"q6": 0}, []),
        ("core-10", {"q6": N}, ["plans-item-declined"]),
        ("pcl-5", {"q16": 3}, ["risks-that-could-harm"]),
        ("pcl-5", {"q16": 2}, []),
        ("asq", {"q5": 9}, ["yes-or-declined-5"]),
        ("asq", sheet(0, 0, 0, 0), []),
        ("dass-21", {"q21": 3}, ["life-meaningless"]),
        ("dass-21", {"q21": 2}, []),
    ],
)
def test_risks_of_other_instruments(code, answers, expected):
    assert risks(catalogue.get(code), answers) == expected


# Transformations, on definitions of their own -----------------------------------------------------


def _made(**changes):
    content = {
        "code": "made-up",
        "version": "1",
        "language": "en",
        "title": "Made up",
        "measures": "nothing",
        "direction": "higher_is_better",
        "recall": "now",
        "licence": {"id": "none", "notice": "None.", "source": "None."},
        "options": [{"value": n, "label": f"Answer {n}"} for n in range(1, 6)],
        "items": [{"id": f"q{n}", "text": f"Question {n}"} for n in range(1, 4)],
        "risk_rules": [],
    }
    return parse(content | changes)


def _missing(rule="none_allowed", **more):
    return {"rule": rule, "source": "Made up.", "confirmed": False} | more


def test_a_mean_is_of_what_was_answered():
    mean = _made(
        scoring={
            "method": "mean",
            "range": [1, 5],
            "missing": _missing("prorate", max_missing=1),
        },
        bands=[
            {"from": 1, "to": 2.99, "label": "low"},
            {"from": 3, "to": 5, "label": "high"},
        ],
    )
    assert score(mean, sheet(5, 3, 2)).total == Decimal("3.33")
    assert score(mean, sheet(3, N, 2)) == Score(Decimal("2.50"), "low", ("q2",), prorated=True)
    assert score(mean, sheet(3, N, N)).total is None


def test_a_sum_can_be_multiplied():
    times = _made(scoring={"method": "sum", "times": 4, "range": [12, 60], "missing": _missing()})
    assert score(times, sheet(1, 2, 3)).total == 24


def test_a_sum_can_be_looked_up():
    raw = range(3, 16)
    looked_up = _made(
        scoring={
            "method": "sum",
            "table": {n: n * 1.25 for n in raw},
            "range": [3.75, 18.75],
            "missing": _missing(),
        }
    )
    assert score(looked_up, sheet(1, 1, 2)).total == Decimal("5.0")


# Any sheet ---------------------------------------------------------------------------------------


@given(SHEETS)
def test_no_sheet_crashes_or_leaves_the_range(case):
    definition, answers = case
    found = score(definition, answers)
    assert set(found.missing) <= {item.id for item in definition.items}
    if found.total is None:
        assert found.band in {None, *(outcome.label for outcome in definition.outcomes)}
        assert not definition.has_total or len(found.missing) > definition.scoring.max_missing
    else:
        assert type(found.total) is int
        assert definition.scoring.minimum <= found.total <= definition.scoring.maximum
        assert found.band in {None, *(band.label for band in definition.bands)}
        assert (found.band is None) is (not definition.bands)
        assert found.prorated is bool(found.missing)
    for scale, part in zip(definition.scales, found.scales, strict=True):
        assert part.id == scale.id
        assert (part.total is None) is (len(part.missing) > scale.scoring.max_missing)
        assert part.total is None or scale.scoring.minimum <= part.total <= scale.scoring.maximum
        assert part.prorated is (part.total is not None and bool(part.missing))


@given(SHEETS)
def test_an_estimate_is_the_mean_of_what_was_answered(case):
    definition, answers = case
    found = score(definition, answers)
    given_points = [
        item.points(answers[item.id])
        for item in definition.items
        if answers.get(item.id) is not None
    ]
    if found.prorated:
        exact = Fraction(sum(given_points) * len(definition.items), len(given_points))
        assert abs(found.total - exact) <= Fraction(1, 2)


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
