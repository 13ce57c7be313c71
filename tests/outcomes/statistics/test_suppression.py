import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics import suppression

COUNTS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(0, 15))


@pytest.mark.parametrize(("count", "inside", "leaving"), [(0, True, True), (1, False, False)])
def test_may_show_zero_but_not_one(count, inside, leaving):
    assert suppression.may_show(count) is inside
    assert suppression.may_show(count, threshold=suppression.LEAVING) is leaving


def test_may_show_from_the_threshold_on():
    assert not suppression.may_show(4)
    assert suppression.may_show(5)
    assert not suppression.may_show(10, threshold=suppression.LEAVING)
    assert suppression.may_show(11, threshold=suppression.LEAVING)
    assert suppression.shown(4) is None
    assert suppression.shown(0) == 0


def test_may_show_statistic_not_of_nobody():
    assert not suppression.may_show_statistic(0)
    assert not suppression.may_show_statistic(4)
    assert suppression.may_show_statistic(5)


@pytest.mark.parametrize(
    ("part", "whole", "allowed"),
    [(5, 10, True), (4, 10, False), (7, 10, False), (0, 10, True), (10, 10, True), (0, 3, False)],
)
def test_may_show_share_minds_the_rest(part, whole, allowed):
    assert suppression.may_show_share(part, whole) is allowed
    assert suppression.may_show_both(whole, part) is allowed


def test_may_show_share_refuses_more_than_all():
    with pytest.raises(ValueError, match="between"):
        suppression.may_show_share(3, 2)


def test_suppress_hides_the_complement_too():
    counts, total = suppression.suppress({"improved": 12, "same": 9, "worse": 2, "none": 0})
    assert counts == {"improved": 12, "same": None, "worse": None, "none": 0}
    assert total == 23


def test_suppress_leaves_enough_together():
    counts, total = suppression.suppress({"a": 3, "b": 4, "c": 30})
    assert counts == {"a": None, "b": None, "c": 30}
    assert total == 37


def test_suppress_hides_the_total_when_nothing_else_can_hide_it():
    assert suppression.suppress({"a": 2, "b": 0}) == ({"a": None, "b": 0}, None)


def test_suppress_refuses_negative_counts():
    with pytest.raises(ValueError, match="negative"):
        suppression.suppress({"a": -1})


@given(COUNTS, st.sampled_from([suppression.INSIDE, suppression.LEAVING]))
def test_suppress_never_gives_a_small_count_away(counts, threshold):
    shown, total = suppression.suppress(counts, threshold=threshold)
    assert shown.keys() == counts.keys()
    for key, count in shown.items():
        assert count is None or (count == counts[key] and (count == 0 or count >= threshold))
    if total is not None:
        assert total == sum(counts.values())
        rest = total - sum(count for count in shown.values() if count is not None)
        assert rest == 0 or rest >= threshold
    if all(count == 0 or count >= threshold for count in counts.values()):
        assert shown == counts


def test_steps_to_show_ends_a_curve_before_few_are_left():
    assert suppression.steps_to_show([20, 9, 5, 4, 6]) == 3
    assert suppression.steps_to_show([20, 9]) == 2
    assert suppression.steps_to_show([]) == 0
    assert suppression.steps_to_show([20, 9], threshold=suppression.LEAVING) == 1
