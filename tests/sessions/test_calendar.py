"""A session as a calendar file."""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from sessions.calendar import calendar_file
from tests import factories


@pytest.fixture
def support_session(group):
    return factories.support_session(
        group, starts_at=datetime(2026, 10, 27, 18, 30, tzinfo=UTC), calendar_sequence=3
    )


def event_in(content: bytes):
    calendar = Calendar.from_ical(content)
    assert calendar["version"] == "2.0"
    [event] = calendar.walk("VEVENT")
    return event


def test_it_says_when_and_nothing_of_what(support_session):
    content = calendar_file(support_session)
    event = event_in(content)

    assert event["summary"] == "Appointment"
    assert event.decoded("dtstart") == support_session.starts_at
    assert event.decoded("dtend") == support_session.ends_at
    assert str(event["url"]).endswith(f"/sessions/{support_session.pk}/")
    assert event["class"] == "PRIVATE"
    for word in ("description", "location", "organizer", "attendee", "categories"):
        assert word not in event
    for word in ("circle", "group", "support"):
        assert word not in content.decode().lower().replace("open circle", "")


def test_a_change_replaces_the_entry_in_a_calendar(support_session):
    first = event_in(calendar_file(support_session))
    support_session.starts_at += timedelta(days=1)
    support_session.ends_at += timedelta(days=1)
    support_session.calendar_sequence += 1
    second = event_in(calendar_file(support_session))

    assert second["uid"] == first["uid"]
    assert second["sequence"] == first["sequence"] + 1
    assert second.decoded("dtstart") - first.decoded("dtstart") == timedelta(days=1)


def test_a_cancelled_session_says_so(support_session):
    support_session.status = "cancelled"

    assert event_in(calendar_file(support_session))["status"] == "CANCELLED"


def test_lines_end_as_the_format_wants(support_session):
    content = calendar_file(support_session)

    assert content.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
