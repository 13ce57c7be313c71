"""Sessions as a calendar file or feed (RFC 5545). Whoever sees the calendar learns no topic."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar, Event, vCalAddress

from accounts.models import User
from groups.models import SupportGroup
from groups.rules import way_in
from sessions import rules
from sessions.models import CalendarFeed, SupportSession

#: What an entry is called unless the person chose to see the group's name.
NEUTRAL = "Appointment"
#: How often calendars are asked to look again.
LOOKS_EVERY = timedelta(hours=4)


@dataclass(frozen=True)
class CalendarEntry:
    """One session as one person's calendar shows it. Only the session's own words are neutral."""

    support_session: SupportSession
    title: str = NEUTRAL
    place: str = ""
    note: str = ""

    def facts(self) -> tuple[object, ...]:
        """Everything the entry says: as long as it stays the same, the calendar need not ask."""
        told = self.support_session
        when = (told.starts_at.timestamp(), told.ends_at.timestamp())
        what = (str(told.pk), told.calendar_sequence, told.status == told.Status.CANCELLED)
        return (*what, *when, self.title, self.place, self.note)


def _event(entry: CalendarEntry, at: datetime) -> Event:
    """Times are moments in UTC: the calendar shows them on its own clock, whatever daylight saving
    does on that day. Read in again after a change, it replaces the earlier entry."""
    support_session = entry.support_session
    host = urlsplit(settings.SITE_URL).hostname
    event = Event()
    event.add("uid", f"{support_session.pk}@{host}")
    event.add("sequence", support_session.calendar_sequence)
    event.add("dtstamp", at)
    event.add("dtstart", support_session.starts_at.astimezone(UTC))
    event.add("dtend", support_session.ends_at.astimezone(UTC))
    event.add("summary", entry.title)
    if entry.place:
        event.add("location", entry.place)
    if entry.note:
        event.add("description", entry.note)
    event.add("class", "PRIVATE")
    event.add(
        "url", settings.SITE_URL + reverse("sessions:session_detail", args=[support_session.pk])
    )
    cancelled = support_session.status == SupportSession.Status.CANCELLED
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    return event


def _calendar() -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", f"-//{settings.SITE_NAME}//EN")
    calendar.add("version", "2.0")
    return calendar


def calendar_file(support_session: SupportSession, *, at: datetime | None = None) -> bytes:
    """One session as "Appointment", to be read into a calendar by hand."""
    calendar = _calendar()
    calendar.add("method", "PUBLISH")
    calendar.add_component(_event(CalendarEntry(support_session), at or timezone.now()))
    return calendar.to_ical()


def invitation(entry: CalendarEntry, *, to: User, at: datetime | None = None) -> tuple[str, bytes]:
    """A session for the calendar that a mail program keeps (RFC 5546): its method, and the file.

    The same UID with a higher SEQUENCE moves the entry, CANCEL takes it out. No answer is asked
    for, since nobody reads what is sent to our address. Calendars may be shared, so the entry has
    no link to this site.
    """
    off = entry.support_session.status == SupportSession.Status.CANCELLED
    method = "CANCEL" if off else "REQUEST"
    event = _event(entry, at or timezone.now())
    del event["url"]
    event.add("organizer", vCalAddress(f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"))
    attendee = vCalAddress(f"mailto:{to.email}")
    attendee.params["partstat"] = "ACCEPTED"
    attendee.params["rsvp"] = "FALSE"
    event.add("attendee", attendee)
    calendar = _calendar()
    calendar.add("method", method)
    calendar.add_component(event)
    return method, calendar.to_ical()


def calendar_feed_file(entries: Iterable[CalendarEntry], *, at: datetime | None = None) -> bytes:
    """Entries as a calendar that asks for itself again and again."""
    at = at or timezone.now()
    calendar = _calendar()
    calendar.add("x-wr-calname", "Appointments")
    calendar.add("refresh-interval", LOOKS_EVERY, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", f"PT{LOOKS_EVERY // timedelta(hours=1)}H")
    for entry in entries:
        calendar.add_component(_event(entry, at))
    return calendar.to_ical()


def entries_of(feed: CalendarFeed, *, at: datetime | None = None) -> list[CalendarEntry]:
    """What the feed shows. The group is told only if the person chose names; and then the place,
    and what is different this time, only to whom the group's door is open."""
    sessions = rules.sessions_in_feed(feed, at=at)
    if not feed.shows_names:
        return [CalendarEntry(support_session) for support_session in sessions]
    told_more = set(rules.groups_told_where(feed).values_list("pk", flat=True))
    return [
        CalendarEntry(
            support_session,
            title=support_session.group.name,
            place=place_of(support_session, at=at) if support_session.group_id in told_more else "",
            note=support_session.note if support_session.group_id in told_more else "",
        )
        for support_session in sessions
    ]


def place_of(support_session: SupportSession, *, at: datetime | None = None) -> str:
    """Where it is: the exact address from a day before, until then what everybody may know."""
    group = support_session.group
    if group.format == SupportGroup.Format.ONLINE:
        return ""
    shown = way_in(group, starts_at=support_session.starts_at, staffs=False, at=at).address
    is_told = shown and group.address
    lines = [group.room, *group.address.splitlines()] if is_told else [group.place]
    return ", ".join(line.strip() for line in lines if line.strip())
