"""A table of groups (CSV): our own columns, or a Meeting Guide feed written as a table. Pure."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from outreach import meeting_guide, striking, times
from outreach.entries import (
    Entry,
    Reading,
    Row,
    Unreadable,
    Watch,
    refuse_repeats,
    tell_apart,
    watched,
)
from outreach.plain_text import plain, shortened
from sessions import schedule


@dataclass(frozen=True)
class Column:
    """One column: what it holds, an example, and other headings that mean it."""

    name: str
    about: str
    example: str = ""
    also: tuple[str, ...] = ()


COLUMNS = (
    Column("id", "Your own key for the group. It stays when the name changes.", "leeds-tuesday"),
    Column("name", "The group’s name, at most 120 characters. The only column that must be there.",
           "Living with low mood", ("group", "group_name", "title")),
    Column("purpose", "One or two sentences that everybody reads, at most 300 characters.",
           "For anyone whose days feel heavy. Talk, or just listen.", ("summary", "description")),
    Column("who_it_is_for", "Who is welcome.", "Adults in and around Leeds"),
    Column("what_to_expect", "What a session is like.", "We check in, then talk about one topic.",
           ("notes",)),
    Column("topics", "Topics, separated by “;”. New ones are added.", "Low mood; Anxiety",
           ("topic",)),
    Column("facilitation", "peer-led or professionally-led.", "peer-led", ("led_by",)),
    Column("format", "online, in person, or hybrid.", "in person"),
    Column("weekday", "Monday to Sunday; several separated by “,”.", "Tuesday", ("day", "days")),
    Column("every_weeks", "1 for every week, 2 for every other week. Then give starts_on.", "1",
           ("interval",)),
    Column("rrule", "Instead of the two above: a rule of RFC 5545.", "", ("recurrence",)),
    Column("starts_on", "The first date, as 2026-01-31.", "", ("first_date", "start_date")),
    Column("time", "When it begins, 18:30 or 6:30 PM.", "18:30", ("start_time", "starts_at")),
    Column("minutes", "How long it takes.", "90", ("duration", "length")),
    Column("end_time", "Instead of minutes: when it ends.", ""),
    Column("time_zone", "For example Europe/London.", "Europe/London", ("timezone", "tz", "zone")),
    Column("place", "What anybody may know: hall and town. Never the street.",
           "Central Library, Leeds", ("city", "town", "venue")),
    Column("address", "The exact address. Only members see it.", "1 Example Street, Leeds"),
    Column("latitude", "Degrees north. Kept to two decimals.", "53.80", ("lat",)),
    Column("longitude", "Degrees east. Kept to two decimals.", "-1.55", ("lng", "lon", "long")),
    Column("online_link", "Where it meets online. Only members see it.", "", ("link", "url",
           "meeting_link", "online_url")),
    Column("joining_details", "How to get in. Only members see it.", "Ring the top bell."),
    Column("language", "Two letters, such as en.", "en"),
    Column("capacity", "Places, from 2 to 500.", "12", ("places", "seats")),
    Column("accessibility", "What the place offers, in words.", "Lift to the first floor"),
    Column("accessibility_features",
           "Any of step_free, accessible_toilet, hearing_loop, sign_language, captions, text_only,"
           " quiet_space, public_transport, parking, childcare; separated by “;”.",
           "step_free; hearing_loop"),
)  # fmt: skip
_BY_HEADING = {heading: c.name for c in COLUMNS for heading in (c.name, *c.also)}
#: A table with one of these is a Meeting Guide feed in columns.
_MEETING_GUIDE = {
    "types", "conference_url", "formatted_address", "location", "location_notes", "postal_code",
    "group_notes", "sub_region", "region",
}  # fmt: skip
#: How far down the headings are looked for.
_LAST_HEADING = 10
_TEXTS = {"purpose": 300, "who_it_is_for": 2000, "what_to_expect": 2000, "accessibility": 2000}
_FEATURES = (
    "step_free", "accessible_toilet", "hearing_loop", "sign_language", "captions", "text_only",
    "quiet_space", "public_transport", "parking", "childcare",
)  # fmt: skip


def template() -> str:
    """A table to fill in: the headings and one example."""
    out = io.StringIO()
    csv.writer(out).writerows([[c.name for c in COLUMNS], [c.example for c in COLUMNS]])
    return out.getvalue()


# The file -----------------------------------------------------------------------------------------


def _separator(text: str) -> str:
    """What parts the cells of the heading."""
    line = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(",;\t|", key=line.count)


def _records(text: str) -> list[list[str]]:
    csv.field_size_limit(10_000_000)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=False)
    try:
        return [row for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as problem:
        raise Unreadable(f"This is not a table: {problem}.") from problem


def _from_headings(records: list[list[str]]) -> list[list[str]]:
    """The rows from the headings on: above them may stand a title, or "sep=;" for Excel."""
    if not records:
        raise Unreadable("Every row of the table is empty.")
    for number, cells in enumerate(records[:_LAST_HEADING]):
        if any(_BY_HEADING.get(_heading(cell)) == "name" for cell in cells):
            return records[number:]
    raise Unreadable("There is no column “name” in the first lines.")


def _heading(cell: str) -> str:
    return re.sub(r"[^\w]+", "_", plain(cell).lower()).strip("_")


def read(content: bytes, *, time_zone: str, watch: Watch | None = None) -> Reading:
    """Every row of a table. Raises `Unreadable` when it has no column of names."""
    if content[:2] == b"PK" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("This is a spreadsheet file. Please save it as CSV first.")
    text, remarks = meeting_guide.decoded(content)
    text = text.replace("\x00", "")
    if not text:
        raise Unreadable("The file is empty.")
    if text.startswith("<"):
        raise Unreadable("This is a web page, not a table.")
    records = _from_headings(_records(text))
    if len(records) - 1 > meeting_guide.MOST_ROWS:
        raise Unreadable(f"More than {meeting_guide.MOST_ROWS:,} rows. Please split the table.")
    headings = [_heading(cell) for cell in records[0]]
    if _MEETING_GUIDE & set(headings) and "name" in headings:
        rows = [_meeting_guide_row(headings, cells, n, time_zone) for n, cells in
                watched(records[1:], watch)]  # fmt: skip
    else:
        names = [_BY_HEADING.get(heading, "") for heading in headings]
        unknown = [
            plain(cell)[:40] for cell, name in zip(records[0], names, strict=True) if not name
        ]
        if any(unknown):
            remarks.append(f"Columns that are not known: {', '.join(filter(None, unknown[:20]))}.")
        rows = [row_of(names, cells, n, time_zone=time_zone) for n, cells in
                watched(records[1:], watch)]  # fmt: skip
    refuse_repeats(rows)
    tell_apart(rows)
    return Reading(rows, remarks)


def _meeting_guide_row(headings: list[str], cells: list[str], number: int, time_zone: str) -> Row:
    meeting = {h: cell for h, cell in zip(headings, cells, strict=False) if h and cell.strip()}
    meeting.setdefault("slug", meeting.get("id", ""))
    return meeting_guide.row_of(meeting, number, time_zone=time_zone)


# One row ------------------------------------------------------------------------------------------


class _Refused(Exception):
    """Why this one row makes no group."""


def row_of(names: Sequence[str], cells: Sequence[str], number: int, *, time_zone: str) -> Row:
    """One line of the table: an entry, or a reason."""
    row = Row(number)
    values: dict[str, str] = {}
    for name, cell in zip(names, cells, strict=False):
        if name and not values.get(name):
            values[name] = plain(cell, lines=True)
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        row.flags.append("The row has more cells than the first line; the last ones were left out.")
    row.name = shortened(striking.name_without(plain(values.get("name", "")))[0], 120)
    row.slug = meeting_guide.slug_of({"slug": values.get("id", "")})
    try:
        row.entry = _entry(values, row, time_zone)
    except _Refused as problem:
        row.reason = str(problem)
    else:
        row.name = row.entry.name
        row.slug = row.slug or meeting_guide.derived_slug(row.entry)
    return row


def _entry(values: Mapping[str, str], row: Row, time_zone: str) -> Entry:
    name = plain(values.get("name", ""))
    if not name:
        raise _Refused("The group has no name.")
    public, found = striking.name_without(name)
    if not re.search(r"\w", public):
        raise _Refused("The name holds nothing that can be published.")
    if found:
        row.flags.append(striking.left_out("Name", found))
    if len(public) > 120:
        row.flags.append("The name is longer than 120 characters and was cut.")
    entry = Entry(name=shortened(public, 120), capacity=12, given=["name"])
    _choices(entry, values, row)
    _rhythm(entry, values, row, time_zone)
    _texts(entry, values, row)
    _where(entry, values, row)
    return entry


_FACILITATIONS = {"peer_led": "peer_led", "peer": "peer_led", "peers": "peer_led",
                  "professionally_led": "professionally_led", "professional": "professionally_led",
                  "professionals": "professionally_led"}  # fmt: skip
_FORMATS = {"online": "online", "virtual": "online", "in_person": "in_person", "place": "in_person",
            "face_to_face": "in_person", "inperson": "in_person", "hybrid": "hybrid",
            "both": "hybrid", "online_or_in_person": "hybrid"}  # fmt: skip


def _choices(entry: Entry, values: Mapping[str, str], row: Row) -> None:
    for field, known, words in (
        ("facilitation", _FACILITATIONS, "peer-led or professionally-led"),
        ("format", _FORMATS, "online, in person or hybrid"),
    ):
        if given := values.get(field, ""):
            found = known.get(_heading(given))
            if found is None:
                raise _Refused(f"“{given[:40]}” is no {field}: write {words}.")
            setattr(entry, field, found)
            entry.given.append(field)
    if not values.get("format"):
        entry.format = (
            "online" if values.get("online_link") and not values.get("place") else entry.format
        )
        entry.given.append("format")
    if given := values.get("capacity", ""):
        if not re.fullmatch(r"\d{1,4}(\.0+)?", given) or not 2 <= int(float(given)) <= 500:
            raise _Refused(f"“{given[:40]}” is no capacity: write a number from 2 to 500.")
        entry.capacity = int(float(given))
        entry.given.append("capacity")
    if given := values.get("language", ""):
        if re.fullmatch(r"[a-zA-Z]{2,3}(-[a-zA-Z]{2,4})?", given):
            entry.language = given.lower()
            entry.given.append("language")
        else:
            row.flags.append("The language is not two letters such as “en” and was left out.")
    if given := values.get("topics", ""):
        topics = [
            shortened(part.strip(), 60) for part in re.split(r"[;,|\n]", given) if part.strip()
        ]
        entry.topics = [[topic, "wellbeing"] for topic in dict.fromkeys(topics[:8])]
        entry.given.append("topics")
    if given := values.get("accessibility_features", ""):
        named = {_heading(part) for part in re.split(r"[;,|\n]", given) if part.strip()}
        entry.accessibility_features = sorted(named.intersection(_FEATURES))
        if len(entry.accessibility_features) < len(named):
            row.flags.append("Some accessibility features are not known and were left out.")
        entry.given.append("accessibility_features")


def _rhythm(entry: Entry, values: Mapping[str, str], row: Row, time_zone: str) -> None:
    entry.time_zone, guessed = times.zone(values.get("time_zone"), time_zone)
    entry.given += ["time_zone", "rrule", "starts_on", "starts_at_time", "minutes"]
    days, unknown = times.weekdays(values.get("weekday") or None)
    if unknown:
        raise _Refused(f"The weekday cannot be read: “{unknown[0]}”.")
    if given := values.get("starts_on", ""):
        entry.starts_on = _date(given)
    rule = re.sub(r"(?i)^rrule:", "", values.get("rrule", "").strip()).strip(";").upper()
    if not rule and not days and not entry.starts_on:
        return
    if not values.get("time"):
        row.flags.append("No time is given, so no dates are made.")
        entry.starts_on = ""
        return
    begins, ends = times.start_and_end(values["time"], values.get("end_time"))
    at = times.clock(begins)
    if at is None:
        raise _Refused(f"The time cannot be read: “{values['time'][:40]}”.")
    if guessed:
        row.flags.append(guessed)
    entry.starts_at_time = f"{at[0]:%H:%M}"
    _length(entry, values, ends, row)
    if rule:
        entry.rrule = _checked(rule, entry)
        return
    if not days:
        days = [(date.fromisoformat(entry.starts_on).weekday() + 1) % 7]
    if at[1]:
        days = sorted((day + 1) % 7 for day in days)
    every = values.get("every_weeks", "") or "1"
    if not re.fullmatch(r"\d{1,2}(\.0+)?", every) or not 1 <= (weeks := int(float(every))) <= 52:
        raise _Refused(f"“{every[:40]}” is no number of weeks: write 1 to 52.")
    if weeks > 1 and not entry.starts_on:
        raise _Refused("A group that does not meet every week needs starts_on, its first date.")
    interval = f"INTERVAL={weeks};" if weeks > 1 else ""
    entry.rrule = f"FREQ=WEEKLY;{interval}BYDAY={','.join(times.CODES[day] for day in days)}"


def _length(entry: Entry, values: Mapping[str, str], ends: str | None, row: Row) -> None:
    if given := values.get("minutes", ""):
        if not re.fullmatch(r"\d{1,4}(\.0+)?", given) or not 15 <= int(float(given)) <= 1440:
            raise _Refused(f"“{given[:40]}” is no length: write minutes from 15 to 1440.")
        entry.minutes = int(float(given))
        return
    start = meeting_guide.starts(entry)
    entry.minutes, remark = times.minutes_between(start, ends)
    if remark:
        row.flags.append(remark)


def _date(given: str) -> str:
    given = given.strip()
    try:
        if re.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}", given):
            day, month, year = given.split(".")
            return date(int(year), int(month), int(day)).isoformat()
        found = date.fromisoformat(given[:10])
    except ValueError as problem:
        raise _Refused(f"The date cannot be read: “{given[:40]}”. Write 2026-01-31.") from problem
    if not 2000 <= found.year <= 2100:
        raise _Refused(f"The date is not of this time: “{given[:40]}”.")
    return found.isoformat()


def _checked(rule: str, entry: Entry) -> str:
    """The rule, if it is one that a group can have."""
    if not entry.starts_on and re.search(r"INTERVAL=0*[2-9]|INTERVAL=1\d|COUNT=", rule):
        raise _Refused("A rule with INTERVAL or COUNT needs starts_on, its first date.")
    try:
        schedule.check_rule(
            rule,
            starts_on=date.fromisoformat(entry.starts_on or "2026-01-01"),
            starts_at_time=meeting_guide.starts(entry),
            time_zone=entry.time_zone,
        )
    except schedule.RuleError as problem:
        raise _Refused(f"The rrule cannot be kept. {problem}") from problem
    return schedule.normal(rule)


def _texts(entry: Entry, values: Mapping[str, str], row: Row) -> None:
    street = values.get("address", "").partition(",")[0]
    members = [values.get("joining_details", "")]
    for field, most in _TEXTS.items():
        if field not in values:
            continue
        sifted = striking.sift(values[field], address=street)
        if sifted.found:
            row.flags.append(striking.left_out(field.replace("_", " ").capitalize(), sifted.found))
        if len(sifted.public) > most:
            row.flags.append(f"{field} is longer than {most} characters and was cut.")
        if sifted.members:
            members.append(sifted.members)
        public = sifted.public.replace("\n", " ") if field == "purpose" else sifted.public
        setattr(entry, field, shortened(public, most))
        entry.given.append(field)
    joining = "\n".join(part for part in members if part)
    if joining or "joining_details" in values:
        entry.joining_details = shortened(joining, 2000)
        entry.given.append("joining_details")


def _where(entry: Entry, values: Mapping[str, str], row: Row) -> None:
    place = plain(values.get("place", ""))
    entry.address = values.get("address", "")[:500]
    if place and (found := striking.found_in(place)):
        row.flags.append(striking.left_out("Place", found))
        if found == {striking.ADDRESS} and not entry.address:
            entry.address = place[:500]
        place = ""
    if len(place) > 120:
        row.flags.append("The place is longer than 120 characters and was cut.")
    entry.place = shortened(place, 120)
    entry.given += [field for field in ("place", "address") if field in values]
    if link := plain(values.get("online_link", "")):
        entry.online_link = meeting_guide.web_address(link)
        if not entry.online_link:
            row.flags.append("The online link is no web address and was left out.")
    if "online_link" in values:
        entry.given.append("online_link")
    if "latitude" in values or "longitude" in values:
        decimal = {
            name: values.get(name, "").replace(",", ".") for name in ("latitude", "longitude")
        }
        meeting_guide.set_coordinates(entry, decimal, row)
        entry.given += ["latitude", "longitude"]
