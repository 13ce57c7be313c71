"""What a reminder says, and what it must not say."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.core import mail
from django.core.mail import mailers

from groups.models import SupportGroup
from sessions import emails
from tests import factories

#: Tuesday 27 October 2026, 18:30 in London and New York's 14:30: their clocks differ by 4 hours.
STARTS = datetime(2026, 10, 27, 18, 30, tzinfo=UTC)
DAY_BEFORE = datetime(2026, 10, 26, 18, 30, tzinfo=UTC)


@pytest.fixture
def sent(db):
    """Send one reminder to a person in this zone, from a group of this format."""

    def send(*, zone="Europe/London", at=DAY_BEFORE, kind="day_before", **of_group):
        group = factories.group(
            name="Living with bipolar", purpose="Anxiety and grief", place="Leeds", **of_group
        )
        person = factories.user(display_name="River & Co", time_zone=zone)
        support_session = factories.support_session(group, starts_at=STARTS)
        reminder = factories.reminder(support_session, person, kind=kind)
        with time_machine.travel(at):
            emails.send_reminder(reminder, mailer=mailers.default)
        message = mail.outbox[-1]
        message.session, message.reminder = support_session, reminder
        return message

    return send


def test_an_online_session_is_in_the_readers_zone_and_names_it(sent):
    assert "Tuesday 27 October, 6:30pm, London time" in sent().body
    assert "Tuesday 27 October, 2:30pm, New York time" in sent(zone="America/New_York").body
    # Sydney's clocks went forward already, and there it is the next day.
    assert "Wednesday 28 October, 5:30am, Sydney time" in sent(zone="Australia/Sydney").body


def test_a_meeting_at_a_place_is_in_the_places_zone(sent):
    body = sent(zone="America/New_York", format=SupportGroup.Format.IN_PERSON).body

    assert "6:30pm, London time" in body
    assert "New York" not in body
    assert "You can come in from" not in body


def test_a_hybrid_one_names_both_where_they_differ(sent):
    far = sent(zone="America/New_York", format=SupportGroup.Format.HYBRID).body
    near = sent(format=SupportGroup.Format.HYBRID).body

    assert "2:30pm, New York time" in far
    assert "At the place: Tuesday 27 October, 6:30pm, London time" in far
    assert "At the place" not in near


@pytest.mark.parametrize(
    ("zone", "at", "kind", "subject"),
    [
        ("Europe/London", DAY_BEFORE, "day_before", "Your appointment tomorrow"),
        (
            "Europe/London",
            datetime(2026, 10, 27, 9, tzinfo=UTC),
            "day_before",
            "Your appointment today",
        ),
        # For the reader in Sydney it is Tuesday still, and the session on Wednesday.
        (
            "Australia/Sydney",
            datetime(2026, 10, 27, 9, tzinfo=UTC),
            "day_before",
            "Your appointment tomorrow",
        ),
        (
            "Europe/London",
            datetime(2026, 10, 27, 17, 30, tzinfo=UTC),
            "hour_before",
            "Your appointment starts soon",
        ),
    ],
)
def test_the_subject_is_neutral_and_counts_days_as_the_reader_does(sent, zone, at, kind, subject):
    assert sent(zone=zone, at=at, kind=kind).subject == subject


def test_neither_group_nor_topic_nor_place_is_named(sent):
    message = sent()

    for words in ("bipolar", "anxiety", "grief", "leeds", "support", "group", "session:"):
        assert words not in (message.subject + message.body).lower().replace("/sessions/", "")


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("moved", "Your appointment has moved"),
        ("cancelled", "Your appointment is off"),
        ("restored", "Your appointment is on again"),
    ],
)
def test_news_is_as_neutral_and_says_the_zone(sent, settings, kind, subject):
    message = sent(kind=kind, zone="America/New_York", format=SupportGroup.Format.HYBRID)

    assert message.subject == subject
    assert "Tuesday 27 October, 2:30pm, New York time" in message.body
    assert "At the place: Tuesday 27 October, 6:30pm, London time" in message.body
    assert f"\n{settings.SITE_URL}/sessions/{message.session.pk}/\n" in message.body
    assert ("does not take place" in message.body) is (kind == "cancelled")
    for words in ("bipolar", "anxiety", "grief", "leeds", "support", "group", "session:"):
        assert words not in (message.subject + message.body).lower().replace("/sessions/", "")


def test_it_is_plain_text_with_links_and_a_lasting_id(sent, settings):
    message = sent()

    assert message.content_subtype == "plain"
    assert not getattr(message, "alternatives", [])
    assert "Hello River & Co," in message.body
    address = f"{settings.SITE_URL}/sessions/{message.session.pk}/"
    assert f"\n{address}\n" in message.body
    assert f"\n{address}calendar.ics\n" in message.body
    assert "You can come in from 6:20pm." in message.body
    assert message.message()["Message-ID"] == f"<reminder-{message.reminder.pk}@localhost>"
    assert "\n\n\n" not in message.body
