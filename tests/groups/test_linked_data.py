"""What search engines read: true, public, and safe inside a page."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest

from groups import cards, linked_data
from groups.models import SupportGroup
from tests import factories

START = datetime(2026, 7, 7, 17, 30, tzinfo=UTC)


def described(group):
    shown = cards.with_card_facts(SupportGroup.objects.filter(pk=group.pk)).get()
    coming = list(shown.support_sessions.order_by("starts_at"))
    words = linked_data.of_group(shown, coming=coming, site_url="https://groups.example/")
    assert not set("<>&") & set(words)
    return json.loads(words)


def test_a_series_with_its_events(group):
    factories.series(
        group,
        rrule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
        starts_on=date(2026, 1, 6),
        starts_at_time=time(18, 30),
    )
    group.topics.add(factories.topic(name="Grief"))
    factories.support_session(group, starts_at=START)
    factories.support_session(
        group, starts_at=START + timedelta(days=15), recurrence_id=START + timedelta(days=14)
    )

    factories.support_session(
        group, starts_at=START + timedelta(days=28), status="cancelled", cancelled_for="by_hand"
    )

    data = described(group)

    assert data["@type"] == "EventSeries"
    assert data["url"] == "https://groups.example/groups/evening-circle/"
    assert data["organizer"] == {"@type": "Organization", "name": "Harbour Network"}
    assert data["isAccessibleForFree"] is True
    assert data["about"] == ["Grief"]
    assert data["eventSchedule"] == {
        "@type": "Schedule",
        "startDate": "2026-01-06",
        "startTime": "18:30",
        "duration": "PT90M",
        "repeatFrequency": "P2W",
        "scheduleTimezone": "Europe/London",
        "byDay": ["https://schema.org/Tuesday"],
    }
    first, moved, off = data["subEvent"]
    assert first["startDate"] == data["startDate"] == "2026-07-07T18:30:00+01:00"
    assert first["endDate"] == "2026-07-07T20:00:00+01:00"
    assert first["eventStatus"] == "https://schema.org/EventScheduled"
    assert moved["eventStatus"] == "https://schema.org/EventRescheduled"
    assert off["eventStatus"] == "https://schema.org/EventCancelled"
    assert moved["previousStartDate"] == "2026-07-21T18:30:00+01:00"


@pytest.mark.parametrize(
    ("kind", "mode", "kinds"),
    [
        ("online", "OnlineEventAttendanceMode", ["VirtualLocation"]),
        ("in_person", "OfflineEventAttendanceMode", ["Place"]),
        ("hybrid", "MixedEventAttendanceMode", ["VirtualLocation", "Place"]),
    ],
)
def test_where_it_is_without_the_way_in(db, kind, mode, kinds):
    group = factories.group(
        format=kind,
        place="Leeds LS6",
        address="4 Secret Street",
        room="Secret room",
        online_link="https://meet.example/secret",
        joining_details="Secret bell",
    )

    data = described(group)

    assert data["eventAttendanceMode"] == f"https://schema.org/{mode}"
    assert [location["@type"] for location in data["location"]] == kinds
    assert "ecret" not in json.dumps(data)
    assert "startDate" not in data


@pytest.mark.parametrize(
    ("rrule", "frequency", "days"),
    [
        ("FREQ=MONTHLY;BYDAY=1TU", "P1M", None),
        ("FREQ=DAILY", "P1D", None),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "P1W", ["Monday", "Thursday"]),
        ("FREQ=HOURLY", None, None),
    ],
)
def test_rhythms_that_schema_org_can_say(group, rrule, frequency, days):
    factories.series(group, rrule=rrule)
    shown = SupportGroup.objects.get()

    schedule = linked_data._schedule(shown)

    assert (schedule or {}).get("repeatFrequency") == frequency
    wanted = [f"https://schema.org/{day}" for day in days] if days else None
    assert (schedule or {}).get("byDay") == wanted


def test_nothing_in_a_name_ends_the_element(db):
    group = factories.group(name="</script><script>alert(1)</script>&")

    assert described(group)["name"] == group.name


def test_headline_says_what_how_and_where(db):
    group = factories.group(name="After a loss", format="in_person", place="Leeds LS6")

    assert linked_data.headline(group) == "After a loss: in person support group, Leeds LS6"


def test_description_is_short(db):
    assert len(linked_data.description(factories.group(purpose="long " * 60))) <= 200
