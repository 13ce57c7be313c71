import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.statistics.episodes import Ending, Episode, Mark, Outcome, as_arrays, episodes
from outcomes.statistics.survival import kaplan_meier

WORDS = {"a": Mark.ATTENDED, "m": Mark.MISSED, "e": Mark.EXCUSED, "c": Mark.CANCELLED}
C, D, P = Outcome.CENSORED, Outcome.DROPOUT, Outcome.COMPLETION


def marks(letters):
    return [WORDS[letter] for letter in letters]


@pytest.mark.parametrize(
    ("letters", "ending", "expected"),
    [
        ("", None, []),
        ("mmmm", None, []),  # never attended: uptake, not retention
        ("mmmm", "left", []),
        ("a", None, [(0, C)]),
        ("aaaa", None, [(3, C)]),
        ("mmaa", None, [(1, C)]),  # time begins with the first attended
        ("aammm", None, [(2, D)]),  # dated at the first miss
        ("aammmmmm", None, [(2, D)]),
        ("aamm", None, [(1, C)]),  # two missed: not known yet
        ("aammamm", None, [(4, C)]),
        ("aammam", "closed", [(4, C)]),
        ("aa", "left", [(1, D)]),
        ("a", "left", [(0, D)]),
        ("aamm", "left", [(3, D)]),
        ("aammm", "left", [(2, D)]),
        ("aaaa", "completed", [(3, P)]),
        ("aammm", "completed", [(2, D)]),  # gone before the course ended
        ("aaaa", "closed", [(3, C)]),
        ("aamemm", None, [(2, D)]),  # excused neither counts nor breaks the row
        ("aaemm", None, [(2, C)]),  # known to belong until the excused one
        ("aaeee", None, [(4, C)]),
        ("aamcmcm", None, [(2, D)]),  # cancelled is no time at all
        ("accca", None, [(1, C)]),
        ("ammmma", None, [(1, D), (0, C)]),  # came back: a new episode
        ("ammmmaa", "left", [(1, D), (1, D)]),
    ],
)
def test_episodes(letters, ending, expected):
    assert episodes(marks(letters), ending=ending) == [Episode(*row) for row in expected]


@pytest.mark.parametrize(("k", "expected"), [(2, (2, D)), (3, (2, D)), (4, (1, C))])
def test_episodes_with_another_k(k, expected):
    assert episodes(marks("aammm"), k=k) == [Episode(*expected)]


def test_episodes_refuses():
    with pytest.raises(ValueError, match="k must"):
        episodes([], k=0)
    with pytest.raises(ValueError, match="asleep"):
        episodes(["asleep"])
    with pytest.raises(ValueError, match="moved"):
        episodes([], ending="moved")


@given(st.text("amec", max_size=30), st.sampled_from([None, *Ending]), st.integers(1, 4))
def test_episodes_hold_what_the_definition_says(letters, ending, k):
    found = episodes(marks(letters), ending=ending, k=k)
    held = letters.replace("c", "")
    assert bool(found) == ("a" in held)
    assert sum(episode.duration + 1 for episode in found) <= len(held)
    assert all(episode.outcome is Outcome.DROPOUT for episode in found[:-1])
    if ending is not Ending.LEFT and held.replace("e", "").count("m") < k:
        assert all(episode.outcome is not Outcome.DROPOUT for episode in found)
    # What was not held changes nothing.
    assert found == episodes(marks(held), ending=ending, k=k)


@given(st.text("ame", max_size=20), st.text("ame", max_size=5))
def test_episodes_are_never_taken_back(letters, later):
    """More history may decide an open episode, but not change a decided one or shorten time."""
    now, then = episodes(marks(letters)), episodes(marks(letters + later))
    for before, after in zip(now, then, strict=False):
        if before.outcome is Outcome.DROPOUT:
            assert after == before
        else:
            assert after.duration >= before.duration


def test_as_arrays_feed_the_curve():
    found = episodes(marks("aammm")) + episodes(marks("aaaa"), ending="completed")
    durations, outcomes = as_arrays(found)
    assert durations.tolist() == [2, 3]
    assert outcomes.tolist() == [1, 2]
    assert kaplan_meier(durations, outcomes == 1).survival.tolist() == [0.5]
    assert [array.size for array in as_arrays([])] == [0, 0]
