"""The balance figure: its ends, and what must not change it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.balance import balance, shares

amounts = st.lists(st.integers(0, 500), min_size=2, max_size=15).filter(any)


@pytest.mark.parametrize(
    ("parts", "figure"),
    [
        ([3, 3, 3], 1.0),
        ([1, 0], 0.0),
        ([0, 9, 0, 0], 0.0),
        ([1, 3], 0.5),  # G = 0.25, times 2 / (2 - 1)
        ([1, 2, 3, 4], 2 / 3),  # G = 0.25, times 4 / 3
        ([], None),
        ([5], None),
        ([0, 0], None),
    ],
)
def test_known_figures(parts: list[float], figure: float | None) -> None:
    assert balance(parts) == (figure if figure is None else pytest.approx(figure))


@given(amounts, st.integers(1, 50), st.randoms())
def test_only_the_proportions_count(parts: list[int], times: int, random: object) -> None:
    figure = balance(parts)
    assert figure is not None
    assert 0 <= figure <= 1
    mixed = [part * times for part in parts]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert balance(mixed) == pytest.approx(figure)


@given(amounts, st.data())
def test_giving_from_who_has_more_never_lowers_it(parts: list[int], data: st.DataObject) -> None:
    """The principle of transfers (Pigou, Dalton)."""
    few, many = sorted(data.draw(st.permutations(range(len(parts))))[:2], key=lambda i: parts[i])
    given_away = data.draw(st.integers(0, (parts[many] - parts[few]) // 2))
    fairer = list(parts)
    fairer[many] -= given_away
    fairer[few] += given_away
    before, after = balance(parts), balance(fairer)
    assert before is not None
    assert after is not None
    assert after >= before - 1e-9


def test_messages_and_minutes_weigh_alike() -> None:
    assert shares({"a": 3, "b": 1}, {"a": 0, "b": 60}) == {"a": 0.375, "b": 0.625}
    assert shares({"a": 3, "b": 1}, {}) == {"a": 0.75, "b": 0.25}
    assert shares({"a": 0}, {"b": 0}) == {"a": 0, "b": 0}


@given(
    st.dictionaries(st.integers(0, 5), st.integers(0, 99)),
    st.dictionaries(st.integers(0, 5), st.integers(0, 99)),
)
def test_shares_sum_to_one(said: dict[int, int], spoke: dict[int, int]) -> None:
    total = sum(shares(said, spoke).values())
    assert total == pytest.approx(1 if any([*said.values(), *spoke.values()]) else 0)
