"""One session as a calendar file (RFC 5545). Whoever sees the calendar learns no topic."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar, Event

from sessions.models import SupportSession


def calendar_file(support_session: SupportSession, *, at: datetime | None = None) -> bytes:
    """The session as "Appointment". Read in again after a change, it replaces the earlier entry.

    Times are moments in UTC: the calendar shows them on its own clock, whatever daylight saving
    does on that day.
    """
    host = urlsplit(settings.SITE_URL).hostname
    event = Event()
    event.add("uid", f"{support_session.pk}@{host}")
    event.add("sequence", support_session.version)
    event.add("dtstamp", at or timezone.now())
    event.add("dtstart", support_session.starts_at.astimezone(UTC))
    event.add("dtend", support_session.ends_at.astimezone(UTC))
    event.add("summary", "Appointment")
    event.add("class", "PRIVATE")
    event.add(
        "url", settings.SITE_URL + reverse("sessions:session_detail", args=[support_session.pk])
    )
    cancelled = support_session.status == SupportSession.Status.CANCELLED
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    calendar = Calendar()
    calendar.add("prodid", f"-//{settings.SITE_NAME}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return calendar.to_ical()
