"""Blocks of large organisations, remembered in this process as long as nobody was counted anew.

Putting some ten thousand groups of people into blocks takes longer than asking the database for
them. Each entry holds the version of what it was made from (`Counted`), so that no process depends
on what another one remembers.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock

from outcomes.scopes import Blocks, Cell, Lens

#: So many divisions are remembered, those asked for last.
MOST = 12

_remembered: OrderedDict[tuple[object, ...], tuple[tuple[object, ...], Blocks]] = OrderedDict()
_lock = Lock()


def blocks(
    name: str,
    lens: Lens,
    cells: Callable[[], Iterable[Cell]],
    *,
    organisation: object,
    version: int | None,
) -> Blocks:
    """The blocks of a figure, made from its cells unless they are known at this version."""
    if version is None:
        return lens.divide(cells())
    key = (organisation, name, lens.threshold, lens.inside)
    made_from = (version, lens.until, tuple(lens.groups))
    with _lock:
        known = _remembered.get(key)
        if known is not None and known[0] == made_from:
            _remembered.move_to_end(key)
            return known[1]
    found = lens.divide(cells())
    with _lock:
        _remembered[key] = (made_from, found)
        _remembered.move_to_end(key)
        while len(_remembered) > MOST:
            _remembered.popitem(last=False)
    return found
