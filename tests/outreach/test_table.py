"""Tables of groups."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach import meeting_guide, table
from outreach.entries import Unreadable

TABLE = (Path(__file__).parent / "files" / "groups.csv").read_bytes()
ZONE = "Europe/Paris"


def test_rows_are_read_or_refused_with_a_reason():
    reading = table.read(TABLE, time_zone=ZONE)

    assert {row.number: row.reason for row in reading.refused()} == {
        4: "A group that does not meet every week needs starts_on, its first date.",
        5: "The group has no name.",
        6: "“lots” is no capacity: write a number from 2 to 500.",
    }
    assert reading.remarks == ["Columns that are not known: Shoe size."]
    entry = reading.rows[0].entry
    assert (entry.rrule, entry.starts_on) == ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "2026-01-06")
    assert (entry.starts_at_time, entry.minutes) == ("18:30", 90)
    assert entry.purpose == "For anyone whose days feel heavy."
    assert reading.rows[1].entry.format == "online"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_order_and_case_do_not_matter(separator):
    lines = [["TIME", "name", "Weekday"], ["8 pm", "Circle", "Fri"]]
    content = "\n".join(separator.join(line) for line in lines)

    [row] = table.read(b"\xef\xbb\xbf" + content.encode(), time_zone=ZONE).rows

    assert (row.entry.name, row.entry.rrule) == ("Circle", "FREQ=WEEKLY;BYDAY=FR")


@pytest.mark.parametrize("above", ["sep=;\n", "Our groups in 2026;;\n;;\n"])
def test_the_headings_may_stand_below_other_lines(above):
    content = f"{above}name;weekday;time\nCircle;Fri;7 - 8:30 pm\n"

    [row] = table.read(content.encode(), time_zone=ZONE).rows

    assert (row.number, row.entry.name, row.entry.starts_at_time) == (1, "Circle", "19:00")
    assert row.entry.minutes == 90


def test_a_table_without_names_is_unreadable():
    with pytest.raises(Unreadable, match="no column “name”"):
        table.read(b"weekday,time\nFri,19:00\n" * 20, time_zone=ZONE)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("weekday", "someday", "The weekday cannot be read"),
        ("time", "late", "The time cannot be read"),
        ("every_weeks", "often", "no number of weeks"),
        ("starts_on", "31/31/2026", "The date cannot be read"),
        ("starts_on", "1066-10-14", "not of this time"),
        ("minutes", "5", "no length"),
        ("format", "telepathic", "is no format"),
        ("facilitation", "aliens", "is no facilitation"),
        ("rrule", "FREQ=SECONDLY", "The rrule cannot be kept"),
        ("rrule", "FREQ=WEEKLY;INTERVAL=2", "needs starts_on"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(column, value, reason):
    row = {"name": "Circle", "weekday": "Friday", "time": "19:00"} | {column: value}

    read = table.row_of(list(row), list(row.values()), 1, time_zone=ZONE)

    assert reason in read.reason


def test_private_words_in_public_columns_are_kept_back():
    row = {
        "name": "Circle",
        "what_to_expect": "We talk. Call Mary on 0113 496 0123. Door code 4711.",
        "place": "4 Park Road",
    }

    read = table.row_of(list(row), list(row.values()), 1, time_zone=ZONE)

    assert read.entry.what_to_expect == "We talk."
    assert read.entry.joining_details == "Door code 4711."
    assert (read.entry.place, read.entry.address) == ("", "4 Park Road")
    assert len(read.flags) == 2


def test_a_meeting_guide_feed_can_be_a_table():
    content = b'Name,ID,Day,Time,Types,Conference URL\nCircle,7,Friday,7:00 PM,"Open, Women",\n'

    [row] = table.read(content, time_zone=ZONE).rows

    assert (row.slug, row.entry.rrule) == ("7", "FREQ=WEEKLY;BYDAY=FR")
    assert row.entry.topics == [["Women", "identity"]]


def test_the_template_can_be_read_back():
    [row] = table.read(table.template().encode(), time_zone=ZONE).rows

    assert row.entry.name == "Living with low mood"
    assert row.flags == []


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"<html>", b"a,b\n1,2\n", b"\x00\x00", b",,,\n,,,\n"]
)
def test_what_is_no_table_is_unreadable(content):
    with pytest.raises(Unreadable):
        table.read(content, time_zone=ZONE)


@pytest.mark.parametrize("headings", ["name,time", "name,types,day"])
def test_a_table_of_either_kind_has_a_largest_size(headings, monkeypatch):
    monkeypatch.setattr(meeting_guide, "MOST_ROWS", 2)
    table.read(f"{headings}\na,\nb,\n".encode(), time_zone=ZONE)

    with pytest.raises(Unreadable, match="More than 2 rows"):
        table.read(f"{headings}\na,\nb,\nc,\n".encode(), time_zone=ZONE)


@given(st.lists(st.text(max_size=30), min_size=len(table.COLUMNS), max_size=len(table.COLUMNS)))
def test_any_cells_are_an_entry_or_refused_with_a_reason(cells):
    row = table.row_of([c.name for c in table.COLUMNS], cells, 1, time_zone=ZONE)

    assert (row.entry is None) == bool(row.reason)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_unreadable(content):
    try:
        table.read(b"name,time\n" + content, time_zone=ZONE)
    except Unreadable:
        return
