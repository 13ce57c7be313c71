"""A figure as data: the same numbers on the page and in the CSV."""

import csv
from datetime import date

import pytest

from outcomes.tables import Column, Linked, Table, harmless

TABLE = Table(
    "came",
    "Most came",
    ["People who came to a held session."],
    (Column("Group", is_number=False), Column("Came", "%"), Column("Since"), Column("People")),
    [
        ("Evening circle", 62, date(2026, 1, 1), Linked(12, "/groups/evening/")),
        ("=HYPERLINK(1)", 58.5, "", None),
        ("Morning", 0.1 + 0.2, "", -3),
    ],
    notes=["Fewer than 5 people\nare not shown."],
    about="All groups",
)


def test_table_as_the_page_shows_it():
    first, second, third = TABLE.shown_rows
    assert [cell.words for cell in first] == ["Evening circle", "62%", "2026-01-01", "12"]
    assert first[3].url == "/groups/evening/"
    assert [cell.words for cell in second] == ["=HYPERLINK(1)", "58.5%", "", "Not shown"]
    assert [cell.is_hidden for cell in second] == [False, False, False, True]
    assert third[1].words == "0.3%"


def test_table_csv_has_the_same_numbers_and_no_formulas():
    lines = TABLE.csv().splitlines()
    assert lines[:4] == [
        "# Most came",
        "# All groups",
        "# People who came to a held session.",
        "# Fewer than 5 people are not shown.",
    ]
    head, *rows = csv.reader(lines[4:])
    assert head == ["Group", "Came (%)", "Since", "People"]
    assert rows == [
        ["Evening circle", "62", "2026-01-01", "12"],
        ["'=HYPERLINK(1)", "58.5", "", "Not shown"],
        ["Morning", "0.3", "", "-3"],
    ]


@pytest.mark.parametrize("words", ["=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_harmless(words):
    assert harmless(words) == f"'{words}"
    assert harmless("1=1") == "1=1"
