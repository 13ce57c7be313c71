"""What this process remembers of large organisations, and when it no longer does."""

from datetime import date
from uuid import UUID

import pytest

from outcomes import remembered
from outcomes.scopes import Cell, GroupKind, Lens, Scope

GROUP = GroupKind(UUID(int=1), "peer_led", "online")
CELLS = [Cell(GROUP.id, date(2026, 1, 1), (7,))]


@pytest.fixture
def asked(monkeypatch):
    """Counts how often cells are asked for."""
    monkeypatch.setattr(remembered, "_remembered", type(remembered._remembered)())
    times = []

    def blocks(*, version, name="stays", groups=(GROUP,), until=date(2026, 2, 1)):
        lens = Lens(groups, Scope(), until)
        return remembered.blocks(
            name, lens, lambda: times.append(1) or CELLS, organisation=1, version=version
        )

    return blocks, times


def test_blocks_are_remembered_at_one_version_only(asked):
    blocks, times = asked
    first = blocks(version=1)
    assert first.within(Scope()).n == 7
    assert blocks(version=1) is first
    assert len(times) == 1
    for change in (
        {"version": 2},
        {"version": 2, "until": date(2026, 3, 1)},
        {"version": 2, "until": date(2026, 3, 1), "groups": (GroupKind(UUID(int=1), "led"),)},
        {"version": 2, "name": "dose"},
    ):
        before = len(times)
        blocks(**change)
        assert len(times) == before + 1, change


def test_blocks_of_an_unknown_version_are_not_remembered(asked):
    blocks, times = asked
    blocks(version=None)
    blocks(version=None)
    assert len(times) == 2


def test_few_are_remembered(asked):
    blocks, _ = asked
    for number in range(remembered.MOST + 3):
        blocks(version=1, name=str(number))
    assert len(remembered._remembered) == remembered.MOST
