"""Feeds as sites really write them."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach import meeting_guide
from outreach.entries import Entry, Unreadable

FILES = Path(__file__).parent / "files"
ZONE = "Europe/Paris"


def rows_of(*meetings):
    return meeting_guide.read(json.dumps(list(meetings)).encode(), time_zone=ZONE).rows


def entry_of(**meeting) -> Entry:
    meeting = {"name": "Circle", "slug": "circle", **meeting}
    [row] = rows_of(meeting)
    assert row.entry is not None, row.reason
    return row.entry


@pytest.fixture(scope="module")
def messy():
    reading = meeting_guide.read((FILES / "messy.json").read_bytes(), time_zone=ZONE)
    return {row.slug: row for row in reading.rows}, reading


def test_a_messy_feed_is_read_row_by_row(messy):
    _, reading = messy

    assert len(reading.rows) == 45
    assert {row.number: row.reason for row in reading.refused()} == {
        16: "The same meeting twice: row 15 says the same.",
        20: "The meeting has no name.",
        21: "The meeting has no name.",
        22: "The time cannot be read: “half past teatime”.",
        23: "The time cannot be read: “25:61”.",
        24: "The day cannot be read: “Someday”.",
        43: "This is not a meeting: no names and values.",
        44: "This is not a meeting: no names and values.",
        45: "This is not a meeting: no names and values.",
    }


@pytest.mark.parametrize(
    ("slug", "rule", "at", "minutes"),
    [
        ("sunday-serenity", "FREQ=WEEKLY;BYDAY=SU", "18:00", 90),
        ("two", "FREQ=WEEKLY;BYDAY=MO", "09:05", 60),
        ("three", "FREQ=WEEKLY;BYDAY=TU", "20:00", 90),
        ("four", "FREQ=WEEKLY;BYDAY=WE", "20:00", 60),
        ("five", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "12:00", 60),
        ("six", "", "", 60),
        ("seven", "", "", 60),
        ("eight", "FREQ=WEEKLY;BYDAY=FR", "23:30", 75),
        ("nine", "FREQ=WEEKLY;BYDAY=FR", "10:00", 60),
        ("ten", "FREQ=WEEKLY;BYDAY=SU", "00:00", 60),
        ("twenty-three", "FREQ=WEEKLY;BYDAY=MO", "10:00", 60),
        ("33", "FREQ=WEEKLY;BYDAY=MO", "19:30", 60),
        ("thirty-four", "FREQ=MONTHLY;BYDAY=1MO,3MO", "19:00", 60),
    ],
)
def test_when_it_meets(messy, slug, rule, at, minutes):
    entry = messy[0][slug].entry

    assert (entry.rrule, entry.starts_at_time, entry.minutes) == (rule, at, minutes)


@pytest.mark.parametrize(
    ("day", "codes"),
    [
        ("Mon Wed Fri", "MO,WE,FR"),
        ("Weekdays", "MO,TU,WE,TH,FR"),
        ("weekends", "SU,SA"),
        ("Every Monday", "MO"),
        ("Mon/Thu", "MO,TH"),
        ("1,3", "MO,WE"),
        ("Fri-Mon", "SU,MO,FR,SA"),
    ],
)
def test_days_in_words(day, codes):
    assert entry_of(day=day, time="19:00").rrule == f"FREQ=WEEKLY;BYDAY={codes}"


@pytest.mark.parametrize(
    ("given", "at", "minutes"),
    [
        ("7:00 PM - 8:30 PM", "19:00", 90),
        ("7-8:30 pm", "19:00", 90),
        ("11-12:30 PM", "11:00", 90),
        ("19:00–20:15", "19:00", 75),
        (["19:00"], "19:00", 60),
        ("8:00\u202fPM", "20:00", 60),
    ],
)
def test_a_time_may_name_the_end_as_well(given, at, minutes):
    entry = entry_of(day=1, time=given)

    assert (entry.starts_at_time, entry.minutes) == (at, minutes)


def test_a_range_of_nonsense_is_refused():
    [row] = rows_of({"name": "A", "slug": "a", "day": 1, "time": "soon - later"})

    assert row.reason == "The time cannot be read: “soon - later”."


@pytest.mark.parametrize(
    ("slug", "zone", "is_flagged"),
    [
        ("two", "Europe/London", False),
        ("twelve", ZONE, True),
        ("thirteen", "America/Los_Angeles", True),
        ("fourteen", ZONE, True),
    ],
)
def test_the_zone_is_known_guessed_or_the_organisations(messy, slug, zone, is_flagged):
    row = messy[0][slug]

    assert row.entry.time_zone == zone
    assert any("zone" in flag for flag in row.flags) == is_flagged


@pytest.mark.parametrize(
    ("slug", "format", "is_active"),
    [
        ("sunday-serenity", "in_person", True),
        ("twenty-five", "online", True),
        ("twenty-six", "hybrid", True),
        ("twenty-seven", "online", True),
        ("twenty-eight", "in_person", False),
        ("thirty-eight", "online", True),
    ],
)
def test_online_in_person_hybrid_or_resting(messy, slug, format, is_active):
    entry = messy[0][slug].entry

    assert (entry.format, entry.is_active) == (format, is_active)


PUBLIC = ("name", "purpose", "who_it_is_for", "what_to_expect", "accessibility", "place")


def test_nothing_private_is_public_in_the_messy_feed(messy):
    public = "\n".join(
        getattr(row.entry, name) for row in messy[1].rows if row.entry for name in PUBLIC
    )

    people = ("John", "Mary", "Philippa", "Josie")
    ways_in = ("0113", "496", "seashell", "example.org", "video.example", "@")
    streets = ("Quay Street", "Mill Lane", "Park Road", "Park Row")
    for private in (*people, *ways_in, *streets):
        assert private not in public


def test_members_get_what_they_need_to_get_in(messy):
    entry = messy[0]["twenty-five"].entry

    assert entry.online_link == "https://video.example/j/123456789?pwd=abc"
    assert "Passcode: seashell" in entry.joining_details
    assert "+441134960000" in entry.joining_details
    assert entry.what_to_expect == "We read aloud."


def test_the_flags_say_what_was_left_out_and_never_repeat_it(messy):
    flags = messy[0]["twenty-four"].flags

    assert any("a personal name" in flag and "a telephone number" in flag for flag in flags)
    assert any("Contact details" in flag for flag in flags)
    assert not any("John" in flag or "0113" in flag for flag in flags)


def test_place_and_position_are_rough(messy):
    entry = messy[0]["sunday-serenity"].entry

    assert (entry.place, entry.latitude, entry.longitude) == (
        "Harbour Hall, Leeds",
        "53.81",
        "-1.56",
    )
    assert "1 Quay Street" in entry.address
    assert messy[0]["thirty"].entry.place == "Headingley, Leeds"
    assert messy[0]["twenty-nine"].entry.latitude == ""


def test_markup_and_entities_become_text(messy):
    assert messy[0]["eleven"].entry.name == "Tea & talk – café"
    assert messy[0]["thirty-two"].entry.name == "Broken text here"


def test_what_is_too_long_is_cut_and_flagged(messy):
    row = messy[0]["thirty-one"]

    assert len(row.entry.name) <= 120
    assert len(row.entry.what_to_expect) <= 2000
    assert sum("cut" in flag for flag in row.flags) == 2


def test_kinds_become_language_topics_and_features(messy):
    spanish = messy[0]["thirty-nine"].entry

    assert spanish.language == "es"
    assert spanish.topics == [["Young people", "identity"]]
    assert spanish.accessibility_features == ["childcare"]
    assert messy[0]["sunday-serenity"].entry.accessibility_features == ["step_free"]


def test_what_may_not_be_weekly_is_flagged(messy):
    assert any("every week" in flag for flag in messy[0]["thirty-five"].flags)


@pytest.mark.parametrize(
    ("name", "notes", "rule"),
    [
        ("Every other Tuesday", "", ""),
        ("Circle", "Meets bi-weekly.", ""),
        ("Monthly supper", "", ""),
        ("Every other Tuesday", "Meets 1st and 3rd Tuesday only", "FREQ=MONTHLY;BYDAY=1TU,3TU"),
        ("Circle", "Second Tuesday only.", "FREQ=MONTHLY;BYDAY=2TU"),
        ("Circle", "Speaker on the last Tuesday.", "FREQ=WEEKLY;BYDAY=TU"),
        ("Circle", "Business meeting monthly.", "FREQ=WEEKLY;BYDAY=TU"),
    ],
)
def test_what_is_not_weekly_never_comes_in_as_weekly(name, notes, rule):
    entry = entry_of(name=name, notes=notes, day=2, time="18:00")

    assert entry.rrule == rule
    # Without a rule of its own the feed leaves dates alone that somebody sets here.
    assert ("rrule" in entry.given) == bool(rule)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: {"meetings": rows},
        lambda rows: {"records": [{"id": "x", "fields": row} for row in rows]},
        lambda rows: {"data": {"items": rows}},
        lambda rows: {"values": [list(rows[0]), *(list(row.values()) for row in rows)]},
        lambda rows: {row["slug"]: row for row in rows},
    ],
)
def test_lists_inside_objects_are_found(wrap):
    rows = [{"name": f"Circle {n}", "slug": f"c{n}", "day": n, "time": "10:00"} for n in (1, 2)]

    read = meeting_guide.read(json.dumps(wrap(rows)).encode(), time_zone=ZONE)

    assert [row.entry.name for row in read.rows] == ["Circle 1", "Circle 2"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"<!doctype html><html><body>502 Bad Gateway</body></html>",
        b'[{"name": "Cut off", "slug": "x"',
        b'[{"name": "More"}] and words',
        b'{"error": "not found"}',
        b"5",
        b'"text"',
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_feed_is_unreadable(content):
    with pytest.raises(Unreadable):
        meeting_guide.read(content, time_zone=ZONE)


def test_other_encodings_are_read():
    rows = [{"name": "Café", "slug": "c"}]
    text = json.dumps(rows, ensure_ascii=False)

    for content in (text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode(), text.encode("cp1252")):
        assert meeting_guide.read(content, time_zone=ZONE).rows[0].entry.name == "Café"


def test_an_empty_list_is_a_feed_without_meetings():
    assert meeting_guide.read(b"[]", time_zone=ZONE).rows == []


@pytest.mark.parametrize(
    "note",
    [
        "Ask for Susan at the desk.",
        "Led by Bob K.",
        "Text 555-123-4567 for the link.",
        "Zoom 838 1234 5678",
        "Phone: Mary Beth 619 895 0042",
        "Get in touch with Mary Beth for specifics.",
        "The password is 4711x",
        "Passcode - Serenity",
        "Meet at 317 Ferry St",
        "www.example.org/room",
        "Venmo @Our-Group",
        "Chairperson: Debbie",
        "someone (at) example (dot) org",
    ],
)
def test_notes_that_are_not_published(note):
    entry = entry_of(notes=f"{note}\nAll are welcome.", city="Leeds", day=1, time="10:00")

    assert entry.what_to_expect == "All are welcome."


@pytest.mark.parametrize(
    "note",
    [
        "Second floor, back entrance.",
        "Building B. Room A. Use the lift.",
        "Since September 6, 2022 this is a meeting for beginners.",
        "St. Matthews Church is wheelchair friendly.",
        "Call Intergroup if the door is locked.",
        "7:00-8:30, masks optional.",
    ],
)
def test_notes_that_are_harmless_stay(note):
    assert entry_of(notes=note, city="Leeds").what_to_expect == note


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    | st.sampled_from(["8:00 PM", "Monday", "24:00", "51.5", "&amp;lt;b&amp;gt;", "ONL", "yes"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["name", "slug", "day", "time", "end_time", "timezone", "types", "notes", "location", "city",
     "formatted_address", "address", "regions", "region", "latitude", "longitude", "coordinates",
     "conference_url", "conference_url_notes", "conference_phone", "attendance_option",
     "approximate", "group_notes", "location_notes", "contact_1_name"]
)  # fmt: skip


@given(st.dictionaries(FIELDS, anything, max_size=12))
@settings(max_examples=300)
def test_any_meeting_is_an_entry_or_refused_with_a_reason(meeting):
    row = meeting_guide.row_of({"name": "Circle", **meeting}, 1, time_zone=ZONE)

    assert (row.entry is None) == bool(row.reason)
    if row.entry is not None:
        assert 1 <= len(row.entry.name) <= 120
        assert len(row.entry.place) <= 120
        assert 15 <= row.entry.minutes <= 1440
        assert len(row.entry.online_link) <= 500
        json.dumps(row.entry.data()).encode()
        "".join(str(value) for value in row.entry.data().values()).encode()
        assert Entry.from_data(row.entry.data()).fingerprint() == row.entry.fingerprint()


@given(anything)
@settings(max_examples=200)
def test_any_json_is_read_or_unreadable(content):
    try:
        reading = meeting_guide.read(json.dumps(content).encode(), time_zone=ZONE)
    except Unreadable:
        return
    assert all((row.entry is None) == bool(row.reason) for row in reading.rows)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_unreadable(content):
    with suppress(Unreadable):
        meeting_guide.read(content, time_zone=ZONE)
