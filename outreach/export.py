"""The public directory for other sites and calendars. Only what a visitor sees on our pages.

Meeting Guide knows weekly meetings and meetings by appointment. A group with any other rhythm is
left out of it, never given as weekly; the table and the calendar have all groups.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from groups.models import SupportGroup
from outreach import times
from outreach.meeting_types import TYPES
from outreach.table import COLUMNS
from sessions.models import Series, SupportSession

#: Others may keep a copy for so long, and so do we.
FRESH = timedelta(minutes=5)
#: The calendar shows sessions this far ahead.
AHEAD = timedelta(days=28)
#: So many sessions at most, the soonest first: calendars refuse larger files.
MOST_EVENTS = 20_000
#: An old copy is good enough while a new one is being made.
STALE = timedelta(days=1)
#: Who makes a copy and is killed keeps others from it no longer than this.
AT_WORK = timedelta(minutes=2)
_PRIVATE = {"address", "online_link", "joining_details", "end_time", "every_weeks"}
_LANGUAGES = {kind.value: code for code, kind in TYPES.items() if kind.says == "language"}
#: A spreadsheet takes text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_FEATURES = {"step_free": "X", "accessible_toilet": "XB", "childcare": "BA"}


class NotYet(Exception):
    """Somebody is making the first copy at this moment."""


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, made at most once in five minutes, and by one process at a time.

    Others get the old copy meanwhile. Raises `NotYet` when there is none.
    """
    key = f"export:{name}"
    copies = cache.get_many([key, f"{key}:fresh"])
    if len(copies) == 2:
        return bytes(copies[key])
    if not cache.add(f"{key}:lock", 1, timeout=int(AT_WORK.total_seconds())):
        if key in copies:
            return bytes(copies[key])
        raise NotYet
    try:
        content = make()
        cache.set(key, content, timeout=int(STALE.total_seconds()))
        cache.set(f"{key}:fresh", 1, timeout=int(FRESH.total_seconds()))
    finally:
        cache.delete(f"{key}:lock")
    return content


def _groups() -> Iterable[SupportGroup]:
    listed = SupportGroup.objects.listed().prefetch_related("series", "topics")
    return listed.order_by("pk").iterator(chunk_size=1000)


def _page(group: SupportGroup) -> str:
    return settings.SITE_URL + reverse("groups:group_detail", args=[group.slug])


# Meeting Guide ------------------------------------------------------------------------------------


def weekly_days(series: Series) -> list[int] | None:
    """Days of a rhythm that comes every week without an end, 0 for Sunday; None for any other."""
    parts = dict(part.split("=", 1) for part in series.rrule.split(";") if "=" in part)
    if parts.get("FREQ") != "WEEKLY" or parts.get("INTERVAL", "1") != "1":
        return None
    if not parts.keys() <= {"FREQ", "INTERVAL", "BYDAY", "WKST"}:
        return None
    if "BYDAY" not in parts:
        return [(series.starts_on.weekday() + 1) % 7]
    codes = parts["BYDAY"].split(",")
    if not set(codes) <= set(times.CODES):
        return None
    return sorted({times.CODES.index(code) for code in codes})


def meeting(group: SupportGroup) -> dict[str, Any] | None:
    """One group as the specification wants it, or None when it is not weekly."""
    entry: dict[str, Any] = {"name": group.name, "slug": group.slug}
    series = group.current_series()
    if series is not None:
        days = weekly_days(series)
        if days is None:
            return None
        start = datetime.combine(date(2026, 1, 1), series.starts_at_time)
        entry["day"] = days[0] if len(days) == 1 else days
        entry["time"] = f"{start:%H:%M}"
        entry["end_time"] = f"{start + timedelta(minutes=series.minutes):%H:%M}"
    entry["timezone"] = series.time_zone if series is not None else group.time_zone
    types = [_FEATURES[name] for name in group.accessibility_features if name in _FEATURES]
    if group.format != SupportGroup.Format.IN_PERSON:
        types.append("ONL")
    if group.language.split("-")[0] in _LANGUAGES:
        types.append(_LANGUAGES[group.language.split("-")[0]])
    entry["types"] = types
    entry["attendance_option"] = group.format
    if group.purpose:
        entry["notes"] = group.purpose
    if group.format != SupportGroup.Format.ONLINE and group.place:
        # The exact address is for members.
        entry |= {"formatted_address": group.place, "approximate": "yes"}
        if group.latitude is not None and group.longitude is not None:
            entry |= {"latitude": float(group.latitude), "longitude": float(group.longitude)}
    entry["url"] = _page(group)
    entry["entity"] = group.organisation.name
    return entry


def meeting_guide_file() -> bytes:
    listed = SupportGroup.objects.listed().select_related("organisation").prefetch_related("series")
    found = (meeting(group) for group in listed.order_by("pk").iterator(chunk_size=1000))
    return json.dumps([entry for entry in found if entry], ensure_ascii=False).encode()


# Table --------------------------------------------------------------------------------------------


def _cell(value: Any) -> str:
    """Text that a spreadsheet does not take for a formula."""
    text = "" if value is None else str(value)
    is_text = isinstance(value, str)
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def table_file() -> bytes:
    """The columns that an import knows, as far as they are public, and the page's address."""
    names = [column.name for column in COLUMNS if column.name not in _PRIVATE]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*names, "page"])
    for group in _groups():
        series = group.current_series()
        days = weekly_days(series) if series is not None else None
        row = {
            "id": group.slug,
            "topics": "; ".join(topic.name for topic in group.topics.all()),
            "format": group.get_format_display(),
            "accessibility_features": "; ".join(group.accessibility_features),
        }
        if series is not None:
            row |= {
                "weekday": ", ".join(_DAYS[day] for day in days or []),
                "rrule": series.rrule,
                "starts_on": series.starts_on.isoformat(),
                "time": f"{series.starts_at_time:%H:%M}",
                "minutes": str(series.minutes),
            }
        cells = [row.get(name, getattr(group, name, "")) for name in names]
        writer.writerow([_cell(cell) for cell in [*cells, _page(group)]])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


# Calendar -----------------------------------------------------------------------------------------


def _line(name: str, text: str) -> str:
    """One line of a calendar (RFC 5545, 3.1 and 3.3.11): escaped, and folded where it is long."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r", ""), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    line = f"{name}:{text}"
    # 75 bytes at most; a letter has up to four, and none is cut in two.
    if len(line) <= 18 or len(line.encode()) <= 75:
        return line
    parts, size = [""], 0
    for letter in line:
        more = len(letter.encode())
        if size + more > 74:
            parts.append("")
            size = 0
        parts[-1] += letter
        size += more
    return "\r\n ".join(parts)


def _event(support_session: SupportSession, *, stamp: str, host: str) -> list[str]:
    """Written by hand: the library takes ten times as long."""
    group = support_session.group
    lines = [
        "BEGIN:VEVENT",
        f"UID:public-{support_session.pk}@{host}",
        f"SEQUENCE:{support_session.calendar_sequence}",
        f"DTSTAMP:{stamp}",
        f"DTSTART:{support_session.starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTEND:{support_session.ends_at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        _line("SUMMARY", group.name),
    ]
    if group.format != SupportGroup.Format.ONLINE:
        lines.append(_line("LOCATION", group.place))
    # An address is no text: it is folded, and has nothing to escape.
    return [*lines, _line("URL", _page(group)), "END:VEVENT"]


def calendar_file(*, at: datetime | None = None) -> bytes:
    """Sessions of the next four weeks of all listed groups. For sites that announce groups."""
    at = at or timezone.now()
    coming = (
        SupportSession.objects.coming(at)
        .filter(group__lifecycle=SupportGroup.Lifecycle.LISTED, starts_at__lt=at + AHEAD)
        .select_related("group")
        .only(
            "starts_at",
            "ends_at",
            "calendar_sequence",
            "group__name",
            "group__slug",
            "group__format",
            "group__place",
        )
    )
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        _line("PRODID", f"-//{settings.SITE_NAME}//EN"),
        _line("X-WR-CALNAME", settings.SITE_NAME),
    ]
    stamp = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    host = urlsplit(settings.SITE_URL).hostname or ""
    for support_session in coming[:MOST_EVENTS].iterator(chunk_size=1000):
        lines += _event(support_session, stamp=stamp, host=host)
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()
