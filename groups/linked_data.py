"""What search engines and previews read of a group: public facts only, as schema.org has them.

Never the exact address, the room, the link or how to get in.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from groups import cards
from groups.models import SupportGroup

_MODES = {
    SupportGroup.Format.ONLINE: "OnlineEventAttendanceMode",
    SupportGroup.Format.IN_PERSON: "OfflineEventAttendanceMode",
    SupportGroup.Format.HYBRID: "MixedEventAttendanceMode",
}
_DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
_UNITS = {"DAILY": "D", "WEEKLY": "W", "MONTHLY": "M", "YEARLY": "Y"}
#: As Django's json_script: nothing in a value ends the element or begins another.
_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}


def headline(group: SupportGroup) -> str:
    """What, how, where and when, for a page's title. Needs prefetched `series`."""
    how = f"{cards.meets(group).word.lower()} support group"
    if group.place and group.format != SupportGroup.Format.ONLINE:
        how += f", {group.place}"
    series = group.current_series()
    if series is None:
        return f"{group.name}: {how}"
    # A weekday is the place's own; online it may be another one for the reader.
    when = series.words() if group.meets_at_a_place() else series.rhythm()
    return f"{group.name}: {how}, {_lower(when)}"


def description(group: SupportGroup) -> str:
    """One or two sentences for a search result or a preview."""
    lead = cards.LED_BY[group.facilitation]
    meets = cards.meets(group)
    words = f"{group.purpose} {meets.word}, {meets.detail}. {lead}."
    return Truncator(" ".join(words.split())).chars(200)


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]


def _location(group: SupportGroup, address: str) -> list[dict[str, str]]:
    places = []
    if group.format != SupportGroup.Format.IN_PERSON:
        # Our own page, from which members enter; never the link itself.
        places.append({"@type": "VirtualLocation", "url": address})
    if group.format != SupportGroup.Format.ONLINE:
        where = group.place or "Told to members"
        places.append({"@type": "Place", "name": where, "address": where})
    return places


def _schedule(group: SupportGroup) -> dict[str, Any] | None:
    """The rhythm, as far as schema.org can say it."""
    series = group.current_series()
    if series is None:
        return None
    rule = dict(part.split("=", 1) for part in series.rrule.upper().split(";") if "=" in part)
    unit = _UNITS.get(rule.get("FREQ", "").removeprefix("RRULE:"))
    days = [day.strip() for day in rule.get("BYDAY", "").split(",") if day.strip()]
    if unit is None:
        return None
    schedule: dict[str, Any] = {
        "@type": "Schedule",
        "startDate": series.starts_on.isoformat(),
        "startTime": series.starts_at_time.isoformat("minutes"),
        "duration": f"PT{series.minutes}M",
        "repeatFrequency": f"P{rule.get('INTERVAL', '1')}{unit}",
        "scheduleTimezone": series.time_zone,
    }
    if days and all(day in _DAYS for day in days):
        schedule["byDay"] = [f"https://schema.org/{_DAYS[day]}" for day in days]
    return schedule


def _event(group: SupportGroup, session: Any, common: dict[str, Any]) -> dict[str, Any]:
    zone = ZoneInfo(group.time_zone)
    event = {
        **common,
        "@type": "Event",
        "startDate": session.starts_at.astimezone(zone).isoformat(),
        "endDate": session.ends_at.astimezone(zone).isoformat(),
        "eventStatus": "https://schema.org/EventScheduled",
    }
    if session.status == "cancelled":
        event["eventStatus"] = "https://schema.org/EventCancelled"
    elif abs(session.starts_at - session.recurrence_id) >= timedelta(minutes=1):
        event["eventStatus"] = "https://schema.org/EventRescheduled"
        event["previousStartDate"] = session.recurrence_id.astimezone(zone).isoformat()
    return event


def of_group(group: SupportGroup, *, coming: Iterable[Any], site_url: str) -> SafeString:
    """The group as an EventSeries, with an Event for each coming session, as JSON for a page.

    Needs `select_related("organisation")` and prefetched `series` and `topics`.
    """
    address = site_url.rstrip("/") + reverse("groups:group_detail", args=[group.slug])
    common = {
        "name": group.name,
        "description": description(group),
        "url": address,
        "eventAttendanceMode": f"https://schema.org/{_MODES[SupportGroup.Format(group.format)]}",
        "location": _location(group, address),
        "organizer": {"@type": "Organization", "name": group.organisation.name},
        "isAccessibleForFree": True,
        "inLanguage": group.language,
    }
    series: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "EventSeries",
        "@id": address,
        **common,
        "about": [topic.name for topic in group.topics.all()],
        "maximumAttendeeCapacity": group.capacity,
    }
    if schedule := _schedule(group):
        series["eventSchedule"] = schedule
    if events := [_event(group, session, common) for session in coming]:
        series["startDate"] = events[0]["startDate"]
        series["subEvent"] = events
    return SafeString(json.dumps(series, ensure_ascii=False).translate(_ESCAPES))
