"""Sessions in a person's own calendar: the page of addresses, and the feeds themselves."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from sessions import actions, rules
from sessions.models import CalendarFeed
from supportgroups.lib.refusals import Refused
from tests import factories

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PAGE = "/calendar/"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def place(group):
    """The group meets at a place."""
    group.format, group.address, group.room = "in_person", "1 Harbour Street\nLeeds", "Room 4"
    group.save()
    return group


def address(feed: CalendarFeed) -> str:
    return reverse("sessions:calendar_feed", args=[rules.feed_token(feed)])


def events(feed: CalendarFeed) -> list:
    """What a calendar app, which is signed in nowhere, gets."""
    response = Client().get(address(feed))
    assert response.status_code == 200
    return Calendar.from_ical(response.content).walk("VEVENT")


# The feed -----------------------------------------------------------------------------------------


def test_calendar_feed_reveals_nothing(member, group):
    factories.support_session(group, note="Only this time: Room 4")
    feed = actions.make_calendar_feed(by=member.user)

    response = Client().get(address(feed))

    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Robots-Tag"] == "noindex"
    [event] = Calendar.from_ical(response.content).walk("VEVENT")
    assert event["summary"] == "Appointment"
    assert "location" not in event
    assert "description" not in event
    for word in (group.name, group.slug, "Room 4", member.user.email, "Member"):
        assert word not in response.content.decode()


def test_calendar_feed_names_the_group_and_place_when_chosen(member, place):
    factories.support_session(place, note="Bring a mug, if you like")
    feed = actions.make_calendar_feed(by=member.user)
    actions.change_calendar_feed(feed=feed, shows_names=True, by=member.user)

    [event] = events(feed)

    assert event["summary"] == "Evening circle"
    assert event["location"] == "Room 4, 1 Harbour Street, Leeds"
    assert event["description"] == "Bring a mug, if you like"


def test_calendar_feed_gives_no_place_of_an_online_group(member, group):
    group.address = "Never shown"
    group.save()
    factories.support_session(group)
    feed = actions.make_calendar_feed(by=member.user)
    actions.change_calendar_feed(feed=feed, shows_names=True, by=member.user)

    assert "location" not in events(feed)[0]


def test_calendar_feed_gives_no_address_while_an_agreement_is_unsigned(member, place):
    factories.support_session(place, note="Ring at 12 Harbour Street")
    feed = actions.make_calendar_feed(by=member.user)
    actions.change_calendar_feed(feed=feed, shows_names=True, by=member.user)
    factories.agreement(place)

    [event] = events(feed)

    assert event["summary"] == "Evening circle"
    assert "location" not in event
    assert "description" not in event


def test_calendar_feed_is_empty_after_leaving(member, group):
    factories.support_session(group)
    feed = actions.make_calendar_feed(by=member.user)
    member.user.memberships.update(status="withdrawn", ended_at=NOW)

    assert events(feed) == []


def test_calendar_feed_holds_ninety_days_back_and_all_that_comes(member, group):
    days = (-100, -80, 1, 200)
    for day in days:
        factories.support_session(group, starts_at=NOW + timedelta(days=day))
    feed = actions.make_calendar_feed(by=member.user)

    starts = [event.decoded("dtstart") for event in events(feed)]

    assert starts == [NOW + timedelta(days=day) for day in days[1:]]


def test_calendar_feed_tells_of_moves_and_cancellations(member, group):
    support_session = factories.support_session(group)
    feed = actions.make_calendar_feed(by=member.user)
    [before] = events(feed)
    support_session.status, support_session.cancelled_for = "cancelled", "by_hand"
    support_session.calendar_sequence += 1
    support_session.save()

    [after] = events(feed)

    assert before["status"] == "CONFIRMED"
    assert after["status"] == "CANCELLED"
    assert after["uid"] == before["uid"]
    assert after["sequence"] == before["sequence"] + 1


def test_calendar_feed_of_ones_own_has_groups_one_leads_and_no_others(facilitator, group):
    own = factories.support_session(group)
    factories.support_session(factories.group(organisation=group.organisation))
    feed = actions.make_calendar_feed(by=facilitator.user)

    assert [str(event["url"]).split("/")[-2] for event in events(feed)] == [str(own.pk)]


def test_calendar_feed_of_one_group_is_for_its_staff_of_today(coordinator, group):
    factories.support_session(group)
    factories.support_session(factories.group(organisation=group.organisation))
    feed = actions.make_calendar_feed(by=coordinator.user, group=group)
    assert len(events(feed)) == 1

    coordinator.user.staff_roles.all().delete()

    assert Client().get(address(feed)).status_code == 404


def test_calendar_feed_answers_that_nothing_changed(member, group):
    support_session = factories.support_session(group)
    feed = actions.make_calendar_feed(by=member.user)
    etag = Client().get(address(feed))["ETag"]

    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        same = Client().get(address(feed), headers={"If-None-Match": etag})
        support_session.starts_at += timedelta(minutes=30)
        support_session.ends_at += timedelta(minutes=30)
        support_session.save()
        changed = Client().get(address(feed), headers={"If-None-Match": etag})

    assert same.status_code == 304
    assert same.content == b""
    assert same["Cache-Control"] == "private, no-cache"
    assert changed.status_code == 200
    assert changed["ETag"] != etag


@pytest.mark.parametrize("token", ["x", "x" * 64, "~", "0" * 64 + "~" + "A" * 43])
def test_calendar_feed_is_not_found_with_a_made_up_address(db, token):
    assert Client().get(f"/calendar/{token}.ics").status_code == 404


def test_calendar_feed_ends_with_a_new_address_or_the_account(member):
    feed = actions.make_calendar_feed(by=member.user)
    first = address(feed)
    renewed = actions.renew_calendar_feed(feed=feed, by=member.user)
    assert Client().get(first).status_code == 404
    assert Client().get(address(renewed)).status_code == 200

    member.user.is_active = False
    member.user.save()

    assert Client().get(address(renewed)).status_code == 404


def test_calendar_feed_takes_few_queries(member, group, django_assert_max_num_queries):
    for day in range(1, 30):
        factories.support_session(group, starts_at=NOW + timedelta(days=day))
    feed = actions.make_calendar_feed(by=member.user)
    actions.change_calendar_feed(feed=feed, shows_names=True, by=member.user)

    with django_assert_max_num_queries(4):
        assert len(events(feed)) == 29


def test_only_ones_own_feed_can_be_changed(member, facilitator):
    feed = actions.make_calendar_feed(by=member.user)

    for action, fields in (
        (actions.change_calendar_feed, {"shows_names": True}),
        (actions.renew_calendar_feed, {}),
        (actions.delete_calendar_feed, {}),
    ):
        with pytest.raises(Refused):
            action(feed=feed, by=facilitator.user, **fields)


def test_a_feed_of_a_group_is_for_its_staff(member, group):
    with pytest.raises(Refused):
        actions.make_calendar_feed(by=member.user, group=group)


def test_a_person_has_one_feed_for_each_purpose(member):
    """sessions_calendarfeed_once, also for the feed without a group."""
    feed = actions.make_calendar_feed(by=member.user)

    assert actions.make_calendar_feed(by=member.user) == feed
    with transaction.atomic(), pytest.raises(IntegrityError, match="sessions_calendarfeed_once"):
        CalendarFeed.objects.create(user=member.user, nonce="another")
    with pytest.raises(ValidationError):
        CalendarFeed(user=member.user, nonce="another").validate_constraints()


# The page -----------------------------------------------------------------------------------------


def page(person) -> str:
    response = person.client.get(PAGE)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_calendar_feeds_makes_shows_renews_and_deletes_an_address(member):
    assert "Make a calendar address" in page(member)

    response = member.client.post(PAGE, {"do": "make"}, follow=True)
    assert "Your calendar address is ready." in response.content.decode()
    feed = member.user.calendar_feeds.get()
    first = address(feed)
    assert first in page(member)

    member.client.post(PAGE, {"do": "renew"})
    feed.refresh_from_db()
    assert first not in page(member)
    assert address(feed) in page(member)

    member.client.post(PAGE, {"do": "delete"})
    assert not member.user.calendar_feeds.exists()
    response = member.client.post(PAGE, {"do": "delete"}, follow=True)
    assert "This calendar address was deleted before." in response.content.decode()


def test_calendar_feeds_changes_what_entries_are_called(member):
    feed = actions.make_calendar_feed(by=member.user)

    for titles, shows_names in (("names", True), ("neutral", False)):
        member.client.post(PAGE, {"do": "titles", "titles": titles})
        feed.refresh_from_db()
        assert feed.shows_names == shows_names


def test_calendar_feeds_offers_staff_one_for_each_group(facilitator, member, group):
    assert group.name in page(facilitator)
    assert group.name not in page(member)

    facilitator.client.post(PAGE, {"do": "make", "group": group.slug})
    member.client.post(PAGE, {"do": "make", "group": group.slug})

    assert facilitator.user.calendar_feeds.get().group == group
    assert not member.user.calendar_feeds.exists()
    assert address(facilitator.user.calendar_feeds.get()) in page(facilitator)


def test_calendar_feeds_keeps_a_feed_of_a_former_group_out_of_the_page(facilitator, group):
    feed = actions.make_calendar_feed(by=facilitator.user, group=group)
    facilitator.user.facilitator_assignments.all().delete()

    assert address(feed) not in page(facilitator)
    assert timezone.now() == NOW
