"""Our survival functions beside those of statsmodels, on random data with many ties."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from outcomes.statistics.survival import cumulative_incidence, kaplan_meier, logrank

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports, not of what we do
    from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

PEOPLE = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=1, max_size=40)


def columns(people):
    return (np.array(column) for column in zip(*people, strict=True))


@settings(deadline=None, max_examples=40)
@given(PEOPLE)
def test_kaplan_meier_as_statsmodels(people):
    durations, causes = columns(people)
    events = (causes == 1).astype(int)
    assume(events.any())
    ours, theirs = kaplan_meier(durations, events), SurvfuncRight(durations, events)
    assert ours.times == pytest.approx(theirs.surv_times)
    assert ours.at_risk == pytest.approx(theirs.n_risk)
    assert ours.events == pytest.approx(theirs.n_events)
    assert ours.survival == pytest.approx(theirs.surv_prob)
    there = ours.survival > 0
    assert ours.standard_error[there] == pytest.approx(theirs.surv_prob_se[there])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5), st.booleans()), min_size=2))
def test_kaplan_meier_with_delayed_entry_as_statsmodels(people):
    entries, lasted, events = columns(people)
    durations, events = entries + lasted, events.astype(int)
    assume(events.any())
    ours = kaplan_meier(durations, events, entry=entries)
    theirs = SurvfuncRight(durations, events, entry=entries)
    assert ours.times == pytest.approx(theirs.surv_times)
    assert ours.at_risk == pytest.approx(theirs.n_risk)
    assert ours.survival == pytest.approx(theirs.surv_prob)


@settings(deadline=None, max_examples=40)
@given(PEOPLE, st.data())
def test_logrank_as_statsmodels(people, data):
    durations, causes = columns(people)
    events = (causes == 1).astype(int)
    groups = np.array(
        data.draw(st.lists(st.sampled_from("AB"), min_size=len(people), max_size=len(people)))
    )
    ours = logrank(durations, events, groups)
    assume(ours.degrees_of_freedom == 1 and ours.chi_squared > 1e-9)
    chi_squared, p_value = survdiff(durations, events, groups)
    assert ours.chi_squared == pytest.approx(chi_squared, rel=1e-6)
    assert ours.p_value == pytest.approx(p_value, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(PEOPLE)
def test_cumulative_incidence_as_statsmodels(people):
    durations, causes = columns(people)
    assume({1, 2} <= set(causes.tolist()))
    with np.errstate(all="ignore"):  # where nobody is left, theirs divides by zero
        theirs = CumIncidenceRight(durations, causes)
    for cause in (1, 2):
        ours = cumulative_incidence(durations, causes, cause)
        at = np.searchsorted(theirs.times, ours.times)
        assert ours.incidence == pytest.approx(theirs.cinc[cause - 1][at])
