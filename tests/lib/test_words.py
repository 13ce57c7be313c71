import pytest

from supportgroups.lib.words import ordinal_figure


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (112, "112th")],
)
def test_ordinal_figure(number, words):
    assert ordinal_figure(number) == words
