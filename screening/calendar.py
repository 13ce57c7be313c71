"""A talk as a calendar file (RFC 5545). Whoever sees the calendar learns no topic."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from icalendar import Calendar, Event

from screening.models import Appointment, AppointmentTime


def calendar_file(
    appointment: Appointment, time: AppointmentTime, *, url: str, at: datetime | None = None
) -> bytes:
    """The talk as "Appointment", in UTC: each calendar shows it on its own clock."""
    event = Event()
    event.add("uid", f"{appointment.pk}@{urlsplit(settings.SITE_URL).hostname}")
    event.add("dtstamp", at or timezone.now())
    event.add("dtstart", time.starts_at.astimezone(UTC))
    event.add("dtend", (time.starts_at + timedelta(minutes=appointment.minutes)).astimezone(UTC))
    event.add("summary", "Appointment")
    event.add("class", "PRIVATE")
    event.add("status", "CONFIRMED")
    event.add("url", settings.SITE_URL + url)
    calendar = Calendar()
    calendar.add("prodid", f"-//{settings.SITE_NAME}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return calendar.to_ical()
