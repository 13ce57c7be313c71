import math
import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outcomes.statistics.survival import (
    cumulative_incidence,
    kaplan_meier,
    logrank,
    without_cause,
)
from tests.outcomes.statistics.reference import REFERENCE

AML = REFERENCE["aml"]
RETENTION = REFERENCE["retention"]
# Few different times, so that ties are the rule as they are in weekly groups.
PEOPLE = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2)), max_size=25)


def aml(group):
    data = AML["data"]
    rows = zip(data["time"], data["status"], data["group"], strict=True)
    return zip(*[(t, e) for t, e, g in rows if g == group], strict=True)


def check_table(curve, table):
    assert len(curve.times) == len(table)
    columns = zip(
        curve.times,
        curve.at_risk,
        curve.events,
        curve.survival,
        curve.standard_error,
        curve.lower,
        curve.upper,
        strict=True,
    )
    for found, printed in zip(columns, table, strict=True):
        expected = [math.nan if value is None else value for value in printed]
        assert found == pytest.approx(expected, abs=5.1e-9, nan_ok=True)


# Known answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["M", "N"])
def test_kaplan_meier_reproduces_aml(group):
    curve = kaplan_meier(*aml(group))
    check_table(curve, AML["km_loglog"][group])
    assert [curve.median(), *curve.median_limits()] == AML["median"][group]


def test_kaplan_meier_reproduces_retention():
    data = RETENTION["data"]
    curve = kaplan_meier(data["t"], np.array(data["ev"]) == 1)
    check_table(curve, RETENTION["km_dropout"])
    assert [curve.median(), *curve.median_limits()] == RETENTION["median"]
    assert 1 - curve.at(12) == pytest.approx(0.65119949, abs=5.1e-9)


def test_kaplan_meier_limits_widen_with_a_smaller_alpha():
    usual, wide = kaplan_meier(*aml("M")), kaplan_meier(*aml("M"), alpha=0.01)
    assert np.all(wide.lower < usual.lower)
    assert np.all(wide.upper > usual.upper)


def test_logrank_reproduces_aml():
    data = AML["data"]
    test = logrank(data["time"], data["status"], data["group"])
    assert test.chi_squared == pytest.approx(AML["logrank"]["chi2"], abs=5.1e-12)
    assert test.p_value == pytest.approx(AML["logrank"]["p"], abs=5.1e-14)
    assert test.degrees_of_freedom == 1
    assert test.groups == ("M", "N")
    assert test.observed.tolist() == AML["logrank"]["O"]
    assert test.expected == pytest.approx(AML["logrank"]["E"], abs=5.1e-11)


def test_logrank_reproduces_retention():
    data = RETENTION["data"]
    test = logrank(data["t"], np.array(data["ev"]) == 1, data["g"])
    assert [test.chi_squared, test.p_value] == pytest.approx(
        RETENTION["logrank_by_group"], abs=5.1e-13
    )


# Small and empty worlds --------------------------------------------------------------------------


def test_kaplan_meier_of_nobody():
    curve = kaplan_meier([], [])
    assert curve.n == len(curve.times) == 0
    assert math.isnan(curve.at(0))
    assert curve.median() is None
    assert curve.at_risk_at(0) == 0


def test_kaplan_meier_of_one_person_who_left():
    curve = kaplan_meier([4], [1])
    assert curve.at([0, 3.9, 4, 99]).tolist() == [1, 1, 0, 0]
    assert curve.median() == 4
    assert math.isnan(curve.lower[0])


def test_kaplan_meier_of_one_person_who_stays():
    curve = kaplan_meier([4], [0])
    assert len(curve.times) == 0
    assert curve.at(4) == 1
    assert math.isnan(curve.at(4.1))
    assert math.isnan(curve.at(-1))
    assert curve.median() is None
    assert curve.limits_at(2) == (1, 1)


def test_kaplan_meier_leaving_at_once_counts_at_zero():
    curve = kaplan_meier([0, 0, 3], [1, 0, 0])
    assert curve.at(0) == pytest.approx(2 / 3)


def test_kaplan_meier_at_gives_the_shape_it_is_asked_for():
    curve = kaplan_meier([1, 2, 3], [1, 1, 0])
    assert isinstance(curve.at(1), float)
    assert curve.at([[0, 1], [2, 3]]).shape == (2, 2)
    assert curve.at_risk_at([0, 1, 2, 3, 4]).tolist() == [3, 3, 2, 1, 0]


def test_kaplan_meier_median_at_exactly_one_half():
    # 0.9 × 8/9 × … reaches one half only up to rounding.
    assert kaplan_meier(range(1, 11), [1] * 10).median() == 5


def test_kaplan_meier_with_delayed_entry_by_hand():
    # At 3: the 4th person is not there yet. At 5: at risk are those who end at 5, 6 and 7.
    curve = kaplan_meier([3, 5, 6, 7], [1, 1, 0, 1], entry=[0, 0, 2, 3])
    assert curve.at_risk.tolist() == [3, 3, 1]
    assert curve.survival == pytest.approx([2 / 3, 4 / 9, 0])
    assert curve.at_risk_at([0, 1, 2, 2.5, 4]).tolist() == [0, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1]), "events must be as long"),
        (([-1], [1]), "not negative"),
        (([math.nan], [1]), "finite"),
        (([[1]], [[1]]), "one-dimensional"),
        (([1], [2]), "0 or 1"),
        (([1], [0.5]), "whole"),
        (([1], [math.nan]), "whole"),
        (([1], [-1]), "whole"),
        (([1], [1], [1]), "before"),
        (([1], [1], [0, 0]), "entry must be as long"),
        (([1], [1], [-1]), "not negative"),
    ],
)
def test_kaplan_meier_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        kaplan_meier(*arguments)


@pytest.mark.parametrize(
    ("durations", "events", "groups"),
    [
        ([], [], []),
        ([3], [1], ["a"]),
        ([3, 4], [1, 1], ["a", "a"]),
        ([3, 4], [0, 0], ["a", "b"]),
        # b was gone before anything happened.
        ([1, 5, 6], [0, 1, 1], ["b", "a", "a"]),
        # Everybody leaves at once: no variance.
        ([2, 2], [1, 1], ["a", "b"]),
    ],
)
def test_logrank_with_nothing_to_compare(durations, events, groups):
    test = logrank(durations, events, groups)
    assert math.isnan(test.chi_squared)
    assert math.isnan(test.p_value)
    assert test.degrees_of_freedom == 0


def test_logrank_refuses_groups_of_another_length():
    with pytest.raises(ValueError, match="groups"):
        logrank([1, 2], [1, 1], ["a"])


def test_cumulative_incidence_by_hand():
    # Four people: dropout at 1, completion at 2, dropout at 3, censored at 4.
    curve = cumulative_incidence([1, 2, 3, 4], [1, 2, 1, 0], 1)
    assert curve.times.tolist() == [1, 3]
    assert curve.incidence == pytest.approx([1 / 4, 1 / 4 + 1 / 2 * 1 / 2])
    assert curve.at([0, 1, 2.5, 3, 4]).tolist() == [0, 0.25, 0.25, 0.5, 0.5]
    assert math.isnan(curve.at(5))
    assert np.all(curve.lower < curve.incidence)
    assert np.all(curve.upper > curve.incidence)


def test_cumulative_incidence_is_below_one_minus_kaplan_meier():
    data = RETENTION["data"]
    curve = cumulative_incidence(data["t"], data["ev"], 1)
    naive = 1 - kaplan_meier(data["t"], np.array(data["ev"]) == 1).survival
    assert np.all(curve.incidence <= naive + 1e-12)
    assert curve.incidence[-1] < naive[-1]


def test_cumulative_incidence_of_nobody_and_of_another_cause():
    assert math.isnan(cumulative_incidence([], [], 1).at(0))
    assert cumulative_incidence([3, 4], [2, 0], 1).at(3) == 0


def test_cumulative_incidence_refuses_the_cause_of_censoring():
    with pytest.raises(ValueError, match="censored"):
        cumulative_incidence([1], [1], 0)


# Oracles: slow, exact, and written from the definitions ------------------------------------------


def slow_kaplan_meier(people, entries=None):
    """(time, at risk, events, share, Greenwood sum) in exact fractions."""
    entries = entries or [Fraction(-1)] * len(people)
    share, spread, rows = Fraction(1), Fraction(0), []
    for t in sorted({d for d, e in people if e}):
        n = sum(
            1 for (d, _), start in zip(people, entries, strict=True) if start < t <= d or t == d
        )
        left = sum(1 for d, e in people if e and d == t)
        share *= Fraction(n - left, n)
        if left < n:
            spread += Fraction(left, n * (n - left))
        rows.append((t, n, left, share, spread))
    return rows


@given(PEOPLE)
def test_kaplan_meier_matches_the_definition(people):
    people = [(d, int(e == 1)) for d, e in people]
    durations, events = [d for d, _ in people], [e for _, e in people]
    curve, rows = kaplan_meier(durations, events), slow_kaplan_meier(people)
    assert curve.times.tolist() == [row[0] for row in rows]
    assert curve.at_risk.tolist() == [row[1] for row in rows]
    assert curve.events.tolist() == [row[2] for row in rows]
    assert curve.survival == pytest.approx([float(row[3]) for row in rows], abs=1e-12)
    for i, (_, _, _, share, spread) in enumerate(rows):
        if share == 0:
            assert math.isnan(curve.standard_error[i])
            continue
        error = float(share) * math.sqrt(spread)
        assert curve.standard_error[i] == pytest.approx(error, abs=1e-12)
        # The limits lie symmetrically on the scale of log(−log S).
        middle, low, high = (
            math.log(-math.log(value))
            for value in (curve.survival[i], curve.upper[i], curve.lower[i])
        )
        assert high - middle == pytest.approx(middle - low, abs=1e-7)
        assert 0 <= curve.lower[i] <= curve.survival[i] <= curve.upper[i] <= 1


@given(PEOPLE.filter(bool), st.data())
def test_kaplan_meier_with_delayed_entry_matches_the_definition(people, data):
    people = [(d + 1, int(e == 1)) for d, e in people]
    entries = [data.draw(st.integers(0, d - 1)) for d, _ in people]
    curve = kaplan_meier([d for d, _ in people], [e for _, e in people], entry=entries)
    rows = slow_kaplan_meier(people, entries)
    assert curve.at_risk.tolist() == [row[1] for row in rows]
    assert curve.survival == pytest.approx([float(row[3]) for row in rows], abs=1e-12)


@given(PEOPLE, st.integers(0, 10))
def test_kaplan_meier_knows_the_number_at_risk_everywhere(people, moment):
    curve = kaplan_meier([d for d, _ in people], [int(e == 1) for _, e in people])
    assert curve.at_risk_at(moment) == sum(1 for d, _ in people if d >= moment)


@given(PEOPLE.filter(bool), st.permutations(range(5)))
def test_kaplan_meier_does_not_depend_on_order(people, order):
    shuffled = sorted(people, key=lambda person: order[person[0] % 5])
    one, other = (
        kaplan_meier([d for d, _ in rows], [int(e == 1) for _, e in rows])
        for rows in (people, shuffled)
    )
    assert one.survival.tolist() == other.survival.tolist()
    assert np.all(np.diff(one.survival) <= 0)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.sampled_from("abc")), max_size=25))
def test_logrank_matches_the_definition(people):
    test = logrank([d for d, _, _ in people], [e for _, e, _ in people], [g for *_, g in people])
    names = sorted({g for *_, g in people})
    assert list(test.groups) == names
    observed = [sum(1 for _, e, g in people if e and g == name) for name in names]
    expected = [Fraction(0)] * len(names)
    variance = [[Fraction(0)] * len(names) for _ in names]
    for t in {d for d, e, _ in people if e}:
        n = [sum(1 for d, _, g in people if d >= t and g == name) for name in names]
        total, left = sum(n), sum(1 for d, e, _ in people if e and d == t)
        for i in range(len(names)):
            expected[i] += Fraction(n[i] * left, total)
            for j in range(len(names)):
                if total > 1:
                    variance[i][j] += (
                        Fraction(left * (total - left), total - 1)
                        * Fraction(n[i], total)
                        * ((i == j) - Fraction(n[j], total))
                    )
    assert test.observed.tolist() == observed
    assert test.expected == pytest.approx([float(value) for value in expected], abs=1e-9)
    if len(names) == 2 and variance[0][0] > 0:
        chi_squared = float((observed[0] - expected[0]) ** 2 / variance[0][0])
        assert test.chi_squared == pytest.approx(chi_squared, abs=1e-9)
        assert test.p_value == pytest.approx(math.erfc(math.sqrt(chi_squared / 2)), abs=1e-9)
    if test.degrees_of_freedom:
        assert test.chi_squared >= -1e-9
        assert 0 <= test.p_value <= 1


def slow_incidence(people, cause):
    """(time, incidence, delta-method variance) by double loops over exact fractions."""
    stayed, share, steps, rows = Fraction(1), Fraction(0), [], []
    for t in sorted({d for d, e in people if e}):
        n = sum(1 for d, _ in people if d >= t)
        left = sum(1 for d, e in people if d == t and e)
        own = sum(1 for d, e in people if d == t and e == cause)
        share += stayed * Fraction(own, n)
        steps.append((n, left, own, stayed, share))
        stayed *= Fraction(n - left, n)
        variance = Fraction(0)
        for m, gone, mine, before, then in steps:
            # Multinomial spread of the two hazards at one time, by the chain rule.
            grow = share - then
            for_own = before
            for_all = -grow * Fraction(m, m - gone) if gone < m else Fraction(0)
            variance += for_own**2 * Fraction(mine * (m - mine), m**3)
            variance += for_all**2 * Fraction(gone * (m - gone), m**3)
            variance += 2 * for_own * for_all * Fraction(mine * (m - gone), m**3)
        if own:
            rows.append((t, share, variance))
    return rows


@given(PEOPLE)
def test_cumulative_incidence_matches_the_definition(people):
    curve = cumulative_incidence([d for d, _ in people], [e for _, e in people], 1)
    rows = slow_incidence(people, 1)
    assert curve.times.tolist() == [row[0] for row in rows]
    assert curve.incidence == pytest.approx([float(row[1]) for row in rows], abs=1e-12)
    errors = [math.sqrt(row[2]) for row in rows]
    assert curve.standard_error == pytest.approx(errors, abs=1e-7)


@given(PEOPLE)
def test_cumulative_incidences_and_stayers_make_the_whole(people):
    durations, causes = [d for d, _ in people], [e for _, e in people]
    everything = kaplan_meier(durations, [e > 0 for e in causes])
    for t in everything.times:
        parts = sum(cumulative_incidence(durations, causes, cause).at(t) for cause in (1, 2))
        assert parts + everything.at(t) == pytest.approx(1, abs=1e-12)


@given(PEOPLE)
@example([(0, 0), (0, 1), (1, 1), (1, 1), (1, 1)])
def test_cumulative_incidence_without_competition_is_one_minus_kaplan_meier(people):
    durations, events = [d for d, _ in people], [int(e == 1) for _, e in people]
    curve, stayed = cumulative_incidence(durations, events, 1), kaplan_meier(durations, events)
    assert curve.incidence == pytest.approx(1 - stayed.survival, abs=1e-12)
    left = stayed.survival > 0
    assert curve.standard_error[left] == pytest.approx(stayed.standard_error[left], abs=1e-7)
    assert all(a <= b + 1e-12 for a, b in pairwise(curve.incidence))


def test_two_hundred_thousand_people_take_no_time():
    random = np.random.default_rng(1)
    durations = random.geometric(0.05, 200_000)
    causes = random.integers(0, 3, 200_000)
    started = time.perf_counter()
    kaplan_meier(durations, causes == 1)
    cumulative_incidence(durations, causes, 1)
    logrank(durations, causes == 1, random.integers(0, 4, 200_000))
    assert time.perf_counter() - started < 5


@given(PEOPLE)
def test_without_cause_is_kaplan_meier_where_nothing_competes(people):
    durations, causes = [t for t, _ in people], [min(c, 1) for _, c in people]
    plain, found = kaplan_meier(durations, causes), without_cause(durations, causes, 1)
    for name in ("times", "at_risk", "events", "survival", "standard_error", "lower", "upper"):
        expected = getattr(plain, name)
        assert getattr(found, name) == pytest.approx(expected, abs=1e-12, nan_ok=True), name
    assert found.median() == plain.median()


@given(PEOPLE)
def test_without_cause_counts_those_who_met_another_as_without_it(people):
    durations, causes = [t for t, _ in people], [c for _, c in people]
    found, incidence = (
        without_cause(durations, causes, 1),
        cumulative_incidence(durations, causes, 1),
    )
    assert found.survival == pytest.approx(1 - incidence.incidence, abs=1e-12)
    inside = ~np.isnan(found.lower)
    assert np.all(found.lower[inside] <= found.survival[inside] + 1e-12)
    assert np.all(found.upper[inside] >= found.survival[inside] - 1e-12)
