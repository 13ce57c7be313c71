"""What a new version changes, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.differences import Words, compare, compare_words

OLD = [
    ("No recordings", "I do not record or copy anything."),
    ("Display names only", "I use the names people chose."),
    ("A reminder", "I am reminded each time."),
]


def kinds(changes):
    return [(change.kind, change.heading[0].text) for change in changes]


def test_the_same_text_has_no_changes():
    assert {change.kind for change in compare(OLD, OLD)} == {"same"}


def test_changed_words_are_marked_and_the_others_are_not():
    assert compare_words("I do not record anything.", "I never record anything.") == [
        Words("same", "I", " "),
        Words("removed", "do not", " "),
        Words("added", "never", " "),
        Words("same", "record anything."),
    ]


def test_a_comma_changes_no_word_and_what_went_stands_apart():
    assert compare_words("I never record or copy.", "I never record, film or copy.") == [
        Words("same", "I never record"),
        Words("added", ", film", " "),
        Words("same", "or copy."),
    ]
    assert compare_words("I record nothing today.", "I record nothing.") == [
        Words("same", "I record nothing", " "),
        Words("removed", "today"),
        Words("same", "."),
    ]


def test_clauses_come_go_and_change_in_their_order():
    new = [
        OLD[0],
        ("Phones away", "I leave my phone aside."),
        (OLD[2][0], "I am reminded monthly."),
    ]

    assert kinds(compare(OLD, new)) == [
        ("same", "No recordings"),
        ("added", "Phones away"),
        ("removed", "Display names only"),
        ("changed", "A reminder"),
    ]


def test_a_clause_under_a_new_heading_is_changed_and_not_replaced():
    new = [OLD[0], ("Names", "I use the names people chose."), OLD[2]]

    assert kinds(compare(OLD, new))[1] == ("changed", "Display names only")


def test_a_clause_that_only_moved_is_the_same():
    assert {change.kind for change in compare(OLD, OLD[::-1])} == {"same"}


def test_spaces_are_no_change():
    assert compare([("A", "one  two ")], [("A", "one two")])[0].kind == "same"


@pytest.mark.parametrize(("before", "after"), [([], OLD), (OLD, [])])
def test_from_nothing_and_to_nothing(before, after):
    assert {change.kind for change in compare(before, after)} == {"added" if after else "removed"}


clauses = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C", "D"]), st.text("ab \u00e9", max_size=12)), max_size=6
)


@given(before=clauses, after=clauses)
def test_nothing_is_lost_and_nothing_invented(before, after):
    """Without the additions it is the old text, without the removals the new one, in its order."""
    changes = compare(before, after)

    def told(change, without):
        pairs = (change.heading, change.text)
        kept = (" ".join(w.text for w in words if w.kind != without) for words in pairs)
        return tuple(text.split() for text in kept)

    now = [told(c, "removed") for c in changes if c.kind != "removed"]
    then = [told(c, "added") for c in changes if c.kind != "added"]
    assert now == [(h.split(), t.split()) for h, t in after]
    assert sorted(then) == sorted((h.split(), t.split()) for h, t in before)
