"""Meeting Guide JSON, the specification of code4recovery, as sites really write it. Pure.

The specification: https://github.com/code4recovery/spec. Feeds differ from it in most ways that a
feed can; a row that makes no sense is refused with a reason, and nothing here raises for a row.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import time
from typing import Any

from django.utils.text import slugify

from outreach import striking, times
from outreach.entries import (
    Entry,
    Reading,
    Row,
    Unreadable,
    Watch,
    fingerprint,
    refuse_repeats,
    tell_apart,
    watched,
)
from outreach.meeting_types import TYPES, code_of
from outreach.plain_text import plain, shortened

#: What a feed of this kind says of a group. Staff write the rest, and it stays.
GIVEN = [
    "name",
    "purpose",
    "who_it_is_for",
    "what_to_expect",
    "format",
    "language",
    "accessibility_features",
    "place",
    "address",
    "latitude",
    "longitude",
    "online_link",
    "joining_details",
    "time_zone",
    "rrule",
    "starts_at_time",
    "minutes",
    "is_active",
]
MOST_ROWS = 50_000


# The file -----------------------------------------------------------------------------------------


def decoded(content: bytes) -> tuple[str, list[str]]:
    """The file's text; bytes that are no UTF-8 are read as Windows wrote them, with a remark."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return content.decode("utf-16"), []
        except UnicodeDecodeError:
            pass
    try:
        return content.decode("utf-8-sig").strip("\ufeff\x00 \t\r\n"), []
    except UnicodeDecodeError:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("cp1252", errors="replace")
        return text.strip("\ufeff\x00 \t\r\n"), [
            "The file is not written in UTF-8. Letters with accents may be wrong."
        ]


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def _parsed(text: str) -> Any:
    if not text:
        raise Unreadable("The file is empty.")
    if text.startswith("<"):
        raise Unreadable("This is a web page, not a feed. Please check the address it came from.")
    try:
        return json.loads(text, strict=False, parse_int=_whole)
    except json.JSONDecodeError as problem:
        raise Unreadable(
            f"This is not JSON: line {problem.lineno}, column {problem.colno}. "
            "Perhaps the download was cut off."
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise Unreadable("This is not a list of meetings: it is nested too deeply.") from problem


def _unwrapped(rows: list[Any]) -> list[Any]:
    """Rows of tools that wrap each one ("fields") or give a header and lists of cells."""
    if len(rows) > 1 and all(isinstance(row, list) for row in rows):
        header = [re.sub(r"\W+", "_", plain(cell).lower()).strip("_") for cell in rows[0]]
        return [dict(zip(header, row, strict=False)) for row in rows[1:]]
    return [
        row["fields"]
        if isinstance(row, dict) and isinstance(row.get("fields"), dict) and "name" not in row
        else row
        for row in rows
    ]


def _rows(parsed: Any) -> list[Any]:
    """The list of meetings, also where an object holds it."""
    if isinstance(parsed, list):
        return _unwrapped(parsed)
    if isinstance(parsed, dict):
        if "name" in parsed and ("slug" in parsed or "day" in parsed):
            return [parsed]
        lists = [value for value in parsed.values() if isinstance(value, list)]
        named = [parsed[name] for name in ("meetings", "records", "data", "values", "items")
                 if isinstance(parsed.get(name), list)]  # fmt: skip
        if found := (named or sorted(lists, key=len, reverse=True)):
            return _unwrapped(found[0])
        inner = [value for value in parsed.values() if isinstance(value, dict)]
        if inner and len(inner) == len(parsed) and any("name" in value for value in inner):
            return inner
        for value in inner:
            lists = [found for found in value.values() if isinstance(found, list)]
            if lists:
                return _unwrapped(max(lists, key=len))
    raise Unreadable("There is no list of meetings in this file.")


def read(content: bytes, *, time_zone: str, watch: Watch | None = None) -> Reading:
    """Every row of a feed. Raises `Unreadable` when there is no list of meetings in it."""
    text, remarks = decoded(content)
    found = _rows(_parsed(text))
    if len(found) > MOST_ROWS:
        raise Unreadable(f"More than {MOST_ROWS:,} meetings at once. Please split the feed.")
    rows = [row_of(item, number, time_zone=time_zone) for number, item in watched(found, watch)]
    refuse_repeats(rows)
    tell_apart(rows)
    return Reading(rows, remarks)


# One row ------------------------------------------------------------------------------------------


class _Refused(Exception):
    """Why this one row makes no group."""


def row_of(item: Any, number: int, *, time_zone: str) -> Row:
    """One element of the list: an entry, or a reason. Never raises for what a feed holds."""
    row = Row(number)
    if not isinstance(item, Mapping):
        row.reason = "This is not a meeting: no names and values."
        return row
    meeting = {plain(name).lower().replace(" ", "_"): value for name, value in item.items()}
    row.name = shortened(striking.name_without(_text(meeting, "name"))[0], 120)
    row.slug = slug_of(meeting)
    try:
        row.entry = _entry(meeting, row, time_zone)
    except _Refused as problem:
        row.reason = str(problem)
    else:
        row.name = row.entry.name
        if not row.slug:
            row.slug = derived_slug(row.entry)
            row.flags.append("The feed gives no slug; one is made from name and place.")
    return row


def _text(meeting: Mapping[str, Any], *names: str, lines: bool = False) -> str:
    """The first of these fields that says something."""
    for name in names:
        if found := plain(meeting.get(name), lines=lines):
            return found
    return ""


def slug_of(meeting: Mapping[str, Any]) -> str:
    value = meeting.get("slug")
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        if isinstance(value, float) and not math.isfinite(value):
            return ""
        given = re.sub(r"\s+", "-", plain(value)).lower().replace("~", "-")
        if len(given) > 150:  # a column holds 200
            given = f"{given[:120]}-{fingerprint(given)[:16]}"
        return given
    return ""


def derived_slug(entry: Entry) -> str:
    """A name within the feed for an entry that has none: the same at every reading."""
    words = slugify(f"{entry.name} {entry.place}")[:120].strip("-")
    return f"-{words or fingerprint(entry.name)[:16]}"


def _entry(meeting: Mapping[str, Any], row: Row, time_zone: str) -> Entry:
    names = _contacts(meeting, row)
    address, city, state_known = _address(meeting)
    entry = Entry(name=_name(meeting, row, names), given=list(GIVEN), address=address[:500])
    types = _types(meeting)
    _rhythm(entry, meeting, row, time_zone)
    online = _online(entry, meeting, row, names)
    _format(entry, meeting, row, types, online=online, address=address, is_street=state_known)
    _place(entry, meeting, row, city, names)
    set_coordinates(entry, meeting, row)
    _notes(entry, meeting, row, names, types)
    _kinds(entry, types)
    return entry


def _flag(row: Row, words: str) -> None:
    if words and words not in row.flags:
        row.flags.append(words)


def _name(meeting: Mapping[str, Any], row: Row, names: set[str]) -> str:
    given = _text(meeting, "name", "meeting", "title")
    if not given:
        raise _Refused("The meeting has no name.")
    public, found = striking.name_without(given, names=names)
    if not re.search(r"\w", public):
        raise _Refused("The name holds nothing that can be published.")
    if found:
        _flag(row, striking.left_out("Name", found))
    if len(public) > 120:
        _flag(row, "The name is longer than 120 characters and was cut.")
    return shortened(public, 120)


#: Fields that name people or where to reach them: never read further than to leave them out.
_CONTACT = re.compile(r"contact_\d_(name|email|phone)|(?:contact|email|phone|last_contact|author)$")


def _contacts(meeting: Mapping[str, Any], row: Row) -> set[str]:
    """Names of contact people, so that the same name is not published from a note."""
    names = set()
    for field, value in meeting.items():
        if _CONTACT.match(field) and (given := plain(value)):
            if field != "last_contact":
                _flag(row, "Contact details of people were left out.")
            if field.endswith("_name") or field == "contact":
                first = re.split(r"[^\w'’\-]+", given.casefold())[0]
                if len(first) > 2 and first not in {"the", "group", "secretary", "contact", "info"}:
                    names |= {first, given.casefold()}
    return names


# When ---------------------------------------------------------------------------------------------

_NTH = {"1st": 1, "first": 1, "2nd": 2, "second": 2, "3rd": 3, "third": 3, "4th": 4, "fourth": 4,
        "5th": 5, "fifth": 5, "last": -1}  # fmt: skip
_NTH_DAYS = re.compile(
    rf"\b((?:{'|'.join(_NTH)})(?:\s*(?:,|&|and|\+|/)\s*(?:and\s+)?(?:{'|'.join(_NTH)}))*)\s+"
    r"(sunday|monday|tuesday|wednesday|thursday|friday|saturday)s?\b",
    re.IGNORECASE,
)
#: In notes only "meets 1st and 3rd Tuesdays" or "… only" tells when the group meets: "Speaker on
#: the last Friday" is said of a weekly one.
_MEETS_ON = re.compile(
    rf"\bmeets?\s+(?:on\s+)?(?:the\s+)?{_NTH_DAYS.pattern}|{_NTH_DAYS.pattern}\s+only\b",
    re.IGNORECASE,
)
_NOT_WEEKLY = re.compile(
    r"\b(?:bi-?\s?weekly|fortnightly|every\s+other\s+(?:week|\w+day)|every\s+(?:two|2|second)\s+"
    r"weeks?|alternat(?:e|ing)\s+(?:week|\w+day)s?)\b",
    re.IGNORECASE,
)
#: Said in notes of a business meeting as often, so there it is only a remark.
_PERHAPS_MONTHLY = re.compile(r"\b(?:monthly|once\s+a\s+month|twice\s+a\s+month)\b", re.IGNORECASE)


def _rhythm(entry: Entry, meeting: Mapping[str, Any], row: Row, time_zone: str) -> None:
    entry.time_zone, guessed = times.zone(meeting.get("timezone"), time_zone)
    given_day = meeting.get("day")
    given_time, end_time = times.start_and_end(
        meeting.get("time", meeting.get("start_time")), meeting.get("end_time")
    )
    days, unknown = times.weekdays(given_day)
    if unknown and not days:
        raise _Refused(f"The day cannot be read: “{unknown[0]}”.")
    if unknown:
        _flag(row, f"One of the days cannot be read and was left out: “{unknown[0]}”.")
    if times.is_nothing(given_time):
        if days:
            _flag(row, "A day without a time: it comes in as meeting by appointment.")
        return
    at = times.clock(given_time)
    if at is None:
        raise _Refused(f"The time cannot be read: “{plain(given_time)[:40]}”.")
    if not days:
        _flag(row, "A time without a day: it comes in as meeting by appointment.")
        return
    if guessed:
        _flag(row, guessed)
    start, next_day = at
    if next_day:
        days = sorted((day + 1) % 7 for day in days)
        _flag(row, "24:00 is read as midnight at the end of that day.")
    rrule = _rule(entry.name, days, meeting, row)
    if not rrule:
        entry.given.remove("rrule")  # the dates are set here, and the feed leaves them alone
        return
    entry.starts_at_time = f"{start:%H:%M}"
    entry.minutes, remark = times.minutes_between(start, end_time)
    _flag(row, remark)
    entry.rrule = rrule


def _rule(name: str, days: list[int], meeting: Mapping[str, Any], row: Row) -> str:
    """Weekly, as the specification says; but words that name the weeks of a month are believed.

    Empty when words say that it does not meet every week, and not in which: people must not stand
    before a closed door.
    """
    notes = _text(meeting, "notes", lines=True) + "\n" + _text(meeting, "group_notes", lines=True)
    found = _NTH_DAYS.search(name)
    if found is None and (said := _MEETS_ON.search(notes)):
        found = _NTH_DAYS.search(said[0])
    if found and len(days) == 1 and times.weekdays(found[2])[0] == days:
        which = [_NTH[word] for word in re.findall("|".join(_NTH), found[1].lower())]
        code = times.CODES[days[0]]
        _flag(row, "By its words it does not meet every week. Please check its dates.")
        return "FREQ=MONTHLY;BYDAY=" + ",".join(f"{nth}{code}" for nth in dict.fromkeys(which))
    if _NOT_WEEKLY.search(name + "\n" + notes) or _PERHAPS_MONTHLY.search(name):
        _flag(
            row,
            "It does not meet every week, and the feed does not say in which weeks. "
            "It comes in without dates: please set them.",
        )
        return ""
    if _PERHAPS_MONTHLY.search(notes):
        _flag(row, "It may not meet every week, though feeds of this kind say so. Please check.")
    return "FREQ=WEEKLY;BYDAY=" + ",".join(times.CODES[day] for day in days)


# Where --------------------------------------------------------------------------------------------

_COUNTRIES = {"us", "usa", "u.s.a.", "united states", "united states of america", "uk", "gb",
              "united kingdom", "canada", "ireland", "australia", "new zealand", "germany",
              "deutschland", "france", "spain", "españa", "mexico", "méxico", "italy", "sweden",
              "norway", "denmark", "finland", "netherlands", "switzerland", "austria", "japan",
              "england", "scotland", "wales", "india", "south africa"}  # fmt: skip
_STATE = re.compile(r"^([A-Z]{2})(?:[\s,]+[\w\- ]*\d[\w\- ]*)?$")
_POSTCODE = re.compile(
    r"\b[A-Z]{1,2}\d[A-Z\d]?\s*\d[A-Z]{2}\b|\b[A-Z]\d[A-Z]\s?\d[A-Z]\d\b|\b\d{4,6}(?:-\d{3,4})?\b"
)


def _town(formatted: str) -> tuple[str, bool]:
    """Town and state of an address line, and whether the line names a street as well."""
    parts = [part.strip() for part in formatted.split(",") if part.strip()]
    if len(parts) > 1 and parts[-1].casefold() in _COUNTRIES:
        parts.pop()
    state = ""
    if parts and _POSTCODE.fullmatch(parts[-1]):
        parts.pop()
    if len(parts) > 1 and (found := _STATE.match(parts[-1])):
        state = found[1]
        parts.pop()
    if len(parts) == 2 and not state and not re.search(r"\d", formatted):
        return ", ".join(parts), False  # a town and its country
    has_street = len(parts) > 1 or bool(parts and re.search(r"\d", _POSTCODE.sub("", parts[0])))
    if not parts or (len(parts) == 1 and has_street):
        return state, has_street
    town = re.sub(r"\s+", " ", _POSTCODE.sub(" ", parts[-1])).strip(" -")
    if re.search(r"\d", town):
        town = ""
    return ", ".join(part for part in (town, state) if part), has_street


def _address(meeting: Mapping[str, Any]) -> tuple[str, str, bool]:
    """The whole address, the town that anybody may know, and whether there is a street."""
    street = _text(meeting, "address")
    town = _text(meeting, "city")
    state = _text(meeting, "state")
    line = _text(meeting, "formatted_address")
    read, has_street = _town(line)
    if town and not re.search(r"\d", town):
        read = f"{town}, {state}" if state and len(state) <= 3 else town
    if not line:
        tail = " ".join(
            part for part in (state, _text(meeting, "postal_code", "zip", "postcode")) if part
        )
        line = ", ".join(part for part in (street, town, tail, _text(meeting, "country")) if part)
    return line, read, bool(street) or has_street


_YES = {"yes", "true", "1", "y"}
_ONLINE_PLACE = re.compile(
    r"\b(?:online|on-line|virtual|zoom|phone|telephone|internet|conference call|webex|skype)\b",
    re.I,
)
_OPTIONS = {"in_person": "in_person", "in-person": "in_person", "in person": "in_person",
            "online": "online", "hybrid": "hybrid", "inactive": "inactive"}  # fmt: skip


def _format(
    entry: Entry,
    meeting: Mapping[str, Any],
    row: Row,
    types: set[str],
    *,
    online: bool,
    address: str,
    is_street: bool,
) -> None:
    approximate = plain(meeting.get("approximate")).lower() in _YES
    approximate = approximate or meeting.get("approximate") is True
    option = _OPTIONS.get(_text(meeting, "attendance_option").lower(), "")
    closed = "TC" in types
    place = is_street and not approximate
    if option == "inactive" or (not option and closed and not online):
        entry.is_active = False
        _flag(row, "It does not meet at the moment: the group comes in paused.")
    if option in ("online", "hybrid", "in_person"):
        entry.format = option
    elif online or "ONL" in types:
        entry.format = "hybrid" if place and not closed else "online"
    if entry.format != "in_person" and not online:
        _flag(row, "It meets online, but the feed gives no link or telephone number.")
    if entry.format == "in_person" and not place and entry.is_active:
        _flag(row, "The feed gives no exact address.")
    if entry.format == "online":
        if place and address:
            _flag(row, "It meets online; the address was left out.")
        entry.address = ""


def _place(entry: Entry, meeting: Mapping[str, Any], row: Row, city: str, names: set[str]) -> None:
    """What anybody may know: the hall's name, the part of town, the town. Never the street."""
    if entry.format == "online":
        return
    parts = []
    location = re.sub(
        r"\s*\((?:D|District)\s*\d+\)", "", _text(meeting, "location", "location_name")
    )
    if location and not _ONLINE_PLACE.fullmatch(location):
        found = striking.found_in(location, names=names, address=_text(meeting, "address"))
        if found - {striking.ADDRESS}:
            _flag(row, striking.left_out("Location", found))
        elif not found:
            parts.append(location)
        if location not in entry.address:
            entry.address = f"{location}\n{entry.address}".strip()[:500]
    for region in [*_regions(meeting)[-1:], city]:
        known = [part.partition(",")[0].casefold() for part in parts]
        if region and region.partition(",")[0].casefold() in known[1:]:
            parts.pop()
        if region and region.casefold() != (known[0] if known else ""):
            parts.append(region)
    whole = ", ".join(parts)
    if len(whole) > 120 and len(parts) > 1:
        whole = ", ".join([shortened(parts[0], 60), *parts[1:]])
    entry.place = shortened(whole, 120)


def _regions(meeting: Mapping[str, Any]) -> list[str]:
    """Names of regions, the widest first; numbers of districts say nothing to a visitor."""
    given = meeting.get("regions")
    if isinstance(given, str):
        given = given.split(">")
    if not isinstance(given, list) or not given:
        given = [meeting.get("region"), meeting.get("sub_region"), meeting.get("sub_sub_region")]
    regions = [plain(region) for region in given if isinstance(region, str)]
    return [
        region
        for region in regions
        if region and not re.search(r"\d|district|zone\b", region, re.I)
        and not _ONLINE_PLACE.search(region) and region.casefold() not in _COUNTRIES
        and not striking.found_in(region)
    ]  # fmt: skip


def _degrees(value: Any, most: int) -> float | None:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= most else None


def set_coordinates(entry: Entry, meeting: Mapping[str, Any], row: Row) -> None:
    latitude, longitude = meeting.get("latitude"), meeting.get("longitude")
    both = plain(meeting.get("coordinates")).split(",")
    if times.is_nothing(latitude) and len(both) == 2:
        latitude, longitude = both
    if entry.format == "online" or (times.is_nothing(latitude) and times.is_nothing(longitude)):
        return
    north, east = _degrees(latitude, 90), _degrees(longitude, 180)
    if north is None or east is None or (north == 0 and east == 0):
        _flag(row, "The coordinates are not on the map and were left out.")
        return
    # Two decimals, about a kilometre: more would give the address away. No "-0.00".
    entry.latitude, entry.longitude = f"{north + 0.0:.2f}", f"{east + 0.0:.2f}"
    entry.latitude = entry.latitude.replace("-0.00", "0.00")
    entry.longitude = entry.longitude.replace("-0.00", "0.00")


# How to get in ------------------------------------------------------------------------------------


def _online(entry: Entry, meeting: Mapping[str, Any], row: Row, names: set[str]) -> bool:
    """Link, telephone and their notes, for members only. Returns whether there is a way in."""
    details = []
    link = _text(meeting, "conference_url")
    if link:
        address = web_address(link)
        if address:
            entry.online_link = address
            if not link.lower().startswith("http"):
                _flag(row, "The online link lacked “https://”.")
        elif re.search(r"\w", link) and not re.match(r"(?i)javascript|data|mailto", link):
            details.append(f"Online: {link}")
            _flag(row, "The online link is no web address; members see it as text.")
        else:
            _flag(row, "The online link is no web address and was left out.")
    phone = _text(meeting, "conference_phone")
    if re.search(r"\d{3}", phone):
        details.append(f"By telephone: {shortened(phone, 200)}")
    for field in ("conference_url_notes", "conference_phone_notes"):
        sifted = striking.sift(_text(meeting, field, lines=True), names=names, for_members=True)
        if sifted.found:
            _flag(row, striking.left_out("Notes on joining online", sifted.found))
        if sifted.members and sifted.members not in details:
            details.append(sifted.members)
    entry.joining_details = "\n".join(details)
    return bool(entry.online_link or details)


def web_address(text: str) -> str:
    """A http(s) address that fits, or nothing."""
    text = text.strip()
    if re.fullmatch(r"(?i)[a-z0-9-]+(\.[a-z0-9-]+)+(/\S*)?", text):
        text = f"https://{text}"
    fits = re.fullmatch(r"(?i)https?://[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?([/?#][^\s<>\"]*)?", text)
    return text if fits and len(text) <= 500 else ""


def _notes(
    entry: Entry, meeting: Mapping[str, Any], row: Row, names: set[str], types: set[str]
) -> None:
    """What a session is like, from notes; what is about getting in goes to members."""
    street = _text(meeting, "address") or entry.address.partition(",")[0]
    public = [_types_in_words(types)]
    members = [entry.joining_details]
    for field, heading in (("notes", "Notes"), ("group_notes", "Notes of the group")):
        sifted = striking.sift(_text(meeting, field, lines=True), names=names, address=street)
        if sifted.found:
            _flag(row, striking.left_out(heading, sifted.found))
        for texts, text in ((public, sifted.public), (members, sifted.members)):
            if text and text not in texts:
                texts.append(text)
    sifted = striking.sift(
        _text(meeting, "location_notes", lines=True), names=names, for_members=True
    )
    if sifted.found:
        _flag(row, striking.left_out("Notes on the place", sifted.found))
    if entry.format != "online":
        members.append(sifted.members)
    entry.what_to_expect = "\n\n".join(text for text in public if text)
    entry.joining_details = "\n".join(text for text in members if text)
    for field in ("what_to_expect", "joining_details"):
        text = getattr(entry, field)
        if len(text) > 2000:
            _flag(row, "A note is longer than 2,000 characters and was cut.")
            setattr(entry, field, shortened(text, 2000))


# What kind ----------------------------------------------------------------------------------------


def _types(meeting: Mapping[str, Any]) -> set[str]:
    given = meeting.get("types", meeting.get("type"))
    if isinstance(given, str):
        given = re.split(r"\s*[,;|]\s*", given)
    if not isinstance(given, list):
        return set()
    return {code for item in given[:60] if (code := code_of(plain(item)))}


def _types_in_words(types: set[str]) -> str:
    """Kinds of meeting, for example "Discussion, step study."."""
    words = [kind.words for code, kind in TYPES.items() if code in types and kind.says == "how"]
    return f"{', '.join([words[0], *(word.lower() for word in words[1:])])}." if words else ""


def _kinds(entry: Entry, types: set[str]) -> None:
    for code in sorted(types):
        kind = TYPES[code]
        if kind.says == "topic":
            entry.topics.append([kind.words, kind.value])
        elif kind.says == "feature":
            entry.accessibility_features.append(kind.value)
    entry.accessibility_features = sorted(set(entry.accessibility_features))
    languages = [TYPES[code].value for code in sorted(types) if TYPES[code].says == "language"]
    entry.language = languages[0] if languages and "en" not in languages else "en"
    who = [TYPES[code].words for code in TYPES if code in types and TYPES[code].says == "topic"]
    if who:
        entry.who_it_is_for = f"{', '.join([who[0], *who[1:]])}."
    if "C" in types:
        entry.who_it_is_for = f"{entry.who_it_is_for} Only for people with this experience.".strip()
    elif "O" in types:
        entry.who_it_is_for = f"{entry.who_it_is_for} Anybody may come along.".strip()
    first = entry.what_to_expect.partition("\n")[0]
    entry.purpose = shortened(first, 300) or "A group that its own members lead."
    if entry.topics:
        entry.given.append("topics")


def starts(entry: Entry) -> time:
    """The wall-clock time of an entry that has one."""
    hour, minute = entry.starts_at_time.split(":")
    return time(int(hour), int(minute))
