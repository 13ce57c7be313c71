"""Weekdays, clock times and zones as people and programs write them. Pure.

Each function gives what it understood and, where it had to guess, a sentence that says so.
"""

import math
import re
from datetime import time
from typing import Any
from zoneinfo import available_timezones

#: Weekdays as RFC 5545 writes them, Sunday first as in Meeting Guide.
CODES = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")

_NAMES = {
    "sunday": 0, "sun": 0, "su": 0, "domingo": 0, "dimanche": 0, "sonntag": 0,
    "monday": 1, "mon": 1, "mo": 1, "lunes": 1, "lundi": 1, "montag": 1,
    "tuesday": 2, "tues": 2, "tue": 2, "tu": 2, "martes": 2, "mardi": 2, "dienstag": 2,
    "wednesday": 3, "weds": 3, "wed": 3, "we": 3, "miercoles": 3, "miércoles": 3,
    "mercredi": 3, "mittwoch": 3,
    "thursday": 4, "thurs": 4, "thur": 4, "thu": 4, "th": 4, "jueves": 4, "jeudi": 4,
    "donnerstag": 4,
    "friday": 5, "fri": 5, "fr": 5, "viernes": 5, "vendredi": 5, "freitag": 5,
    "saturday": 6, "sat": 6, "sa": 6, "sabado": 6, "sábado": 6, "samedi": 6, "samstag": 6,
}  # fmt: skip
_SEVERAL = {
    **dict.fromkeys(
        ("daily", "every day", "everyday", "all", "all week", "7 days a week"), range(7)
    ),
    **dict.fromkeys(("weekdays", "every weekday"), range(1, 6)),
    **dict.fromkeys(("weekends", "weekend", "every weekend"), (0, 6)),
}
_BY_APPOINTMENT = {"by appointment", "appointment", "none", "null", "n/a", "na", "tba", "-", "any"}


def _one_day(word: str) -> int | None:
    word = word.strip().lower().rstrip(".")
    if re.fullmatch(r"\d(\.0+)?", word):
        number = int(word[0])
        # 7 is Sunday where weeks begin on Monday.
        return number % 7 if number <= 7 else None
    if word in _NAMES:
        return _NAMES[word]
    return _NAMES.get(word.removesuffix("s"))


def _days_in_words(words: str) -> list[int | None]:
    words = words.strip().lower()
    if words in _BY_APPOINTMENT or not words:
        return []
    if words in _SEVERAL:
        return list(_SEVERAL[words])
    words = re.sub(r"^(?:every|each|on)\s+", "", words)
    days: list[int | None] = []
    for part in re.split(r"\s*(?:[,;/&+|]|\band\b|\by\b)\s*", words):
        if not part:
            continue
        ends = re.fullmatch(r"([^\W\d_]+)\s*(?:-|–|to|through|thru)\s*([^\W\d_]+)", part)
        if ends and None not in (pair := [_one_day(ends[1]), _one_day(ends[2])]):
            first, last = int(pair[0] or 0), int(pair[1] or 0)
            days.extend((first + n) % 7 for n in range((last - first) % 7 + 1))
        else:
            day = _one_day(part)
            apart = [_one_day(word) for word in part.split()] if day is None else [day]
            days.extend(apart if None not in apart else [None])
    return days


def weekdays(value: Any) -> tuple[list[int], list[str]]:
    """Days of the week from a number, a name, a list of them, or nothing; 0 is Sunday.

    Returns what was understood, in order, and the parts that were not.
    """
    unknown: list[str] = []
    found: list[int | None] = []
    for item in value if isinstance(value, list | tuple) else [value]:
        if item is None or isinstance(item, bool):
            continue
        if isinstance(item, int | float):
            whole = math.isfinite(item) and item == int(item) and 0 <= item <= 7
            days: list[int | None] = [int(item) % 7] if whole else [None]
        elif isinstance(item, str):
            days = _days_in_words(item[:200])
        else:
            days = [None]
        if None in days:
            unknown.append(str(item)[:40])
        found.extend(days)
    return sorted({day for day in found if day is not None}), unknown


_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?:\s*[:.h]\s*(?P<minute>\d{2}))?(?::\d{2}(?:\.\d+)?)?Z?"
    r"\s*(?P<half>[ap])?\.?\s*(?:m\b)?\.?(?:\s*(?:uhr|hrs?|h))?",
    re.IGNORECASE,
)
_WORDS = {"noon": (12, 0), "midday": (12, 0), "12 noon": (12, 0), "12noon": (12, 0)}
_MIDNIGHT = {"midnight", "12 midnight", "12midnight"}


def clock(value: Any) -> tuple[time, bool] | None:
    """A time of day, and whether it is the midnight that ends the day ("24:00").

    None when it cannot be read. Ask `is_nothing` first.
    """
    if isinstance(value, float) and 0 < value < 1:  # how spreadsheets keep a time
        whole = round(value * 24 * 60) % (24 * 60)
        return time(whole // 60, whole % 60), False
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    words = str(value).strip().lower()[:60]
    if words in _WORDS:
        return time(*_WORDS[words]), False
    if words in _MIDNIGHT:
        return time(0, 0), False
    words = re.sub(r"^\d{4}-\d{2}-\d{2}[t ]", "", words)
    if re.fullmatch(r"\d{3,4}", words):
        words = f"{words[:-2]}:{words[-2:]}"
    found = _CLOCK.fullmatch(words)
    if found is None:
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"] and hour <= 12:
        hour = hour % 12 + (12 if found["half"] == "p" else 0)
    elif found["minute"] is None and not found["half"] and not isinstance(value, str):
        return None
    if hour == 24 and minute == 0:
        return time(0, 0), True
    if hour > 23 or minute > 59:
        return None
    return time(hour, minute), False


_FROM_TO = re.compile(r"(.{1,24}?)\s*(?:-|–|—|\bto\b|\buntil\b|\bbis\b)\s*(.{1,24})")
_HALF = re.compile(r"[ap]\.?\s?m\b", re.IGNORECASE)


def start_and_end(given: Any, end: Any) -> tuple[Any, Any]:
    """A start that names the end as well ("7 - 8:30 PM"), taken apart; else both as they are."""
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, str) or clock(given) is not None:
        return given, end
    found = _FROM_TO.fullmatch(given.strip())
    if found is None or (until := clock(found[2])) is None or clock(found[1]) is None:
        return given, end
    first = found[1]
    if (half := _HALF.search(found[2])) and not _HALF.search(first):
        # "11 - 12:30 PM" begins before noon.
        same = clock(f"{first} {half[0]}")
        other = "am" if half[0][0] in "pP" else "pm"
        late = same is not None and same[0] >= until[0]
        first = f"{first} {other if late else half[0]}"
    return first, found[2] if is_nothing(end) else end


def is_nothing(value: Any) -> bool:
    """Whether a feed says nothing here: missing, empty, or false."""
    if value is None or value is False or value in ([], {}):
        return True
    return isinstance(value, str) and value.strip().lower() in {"", *_BY_APPOINTMENT}


USUAL_MINUTES = 60
LONGEST_MINUTES = 12 * 60


def minutes_between(start: time, end: Any) -> tuple[int, str]:
    """How long it takes from `start` to what the feed gives as the end, over midnight if needed."""
    if is_nothing(end):
        return USUAL_MINUTES, ""
    read = clock(end)
    if read is None:
        return USUAL_MINUTES, "The end time cannot be read; one hour is assumed."
    over = read[0].hour * 60 + read[0].minute - start.hour * 60 - start.minute
    minutes = over % (24 * 60)
    if minutes == 0:
        return USUAL_MINUTES, "It ends when it starts; one hour is assumed."
    if minutes < 15 or minutes > LONGEST_MINUTES:
        return USUAL_MINUTES, f"It would take {minutes} minutes; one hour is assumed."
    if minutes > 4 * 60:
        return minutes, f"It takes {minutes} minutes. Please check."
    return minutes, ""


#: Names that Windows and people use, and the zone that is nearly always meant.
_ZONES = {
    "eastern standard time": "America/New_York",
    "us eastern standard time": "America/Indiana/Indianapolis",
    "eastern time": "America/New_York",
    "eastern": "America/New_York",
    "est": "America/New_York", "edt": "America/New_York", "et": "America/New_York",
    "est5edt": "America/New_York",
    "central standard time": "America/Chicago",
    "central time": "America/Chicago",
    "central": "America/Chicago",
    "cst": "America/Chicago", "cdt": "America/Chicago", "ct": "America/Chicago",
    "cst6cdt": "America/Chicago",
    "mountain standard time": "America/Denver",
    "us mountain standard time": "America/Phoenix",
    "mountain time": "America/Denver",
    "mountain": "America/Denver",
    "mst": "America/Denver", "mdt": "America/Denver", "mt": "America/Denver",
    "mst7mdt": "America/Denver",
    "pacific standard time": "America/Los_Angeles",
    "pacific time": "America/Los_Angeles",
    "pacific": "America/Los_Angeles",
    "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles",
    "pst8pdt": "America/Los_Angeles",
    "alaskan standard time": "America/Anchorage",
    "akst": "America/Anchorage", "akdt": "America/Anchorage",
    "hawaiian standard time": "Pacific/Honolulu", "hst": "Pacific/Honolulu",
    "atlantic standard time": "America/Halifax", "adt": "America/Halifax",
    "newfoundland standard time": "America/St_Johns",
    "gmt standard time": "Europe/London", "gmt": "Europe/London", "bst": "Europe/London",
    "british summer time": "Europe/London", "uk": "Europe/London", "gb": "Europe/London",
    "greenwich mean time": "Europe/London",
    "w. europe standard time": "Europe/Berlin",
    "central europe standard time": "Europe/Budapest",
    "central european standard time": "Europe/Warsaw",
    "romance standard time": "Europe/Paris",
    "cet": "Europe/Berlin", "cest": "Europe/Berlin", "mez": "Europe/Berlin",
    "met": "Europe/Berlin",
    "gtb standard time": "Europe/Athens", "eet": "Europe/Athens", "eest": "Europe/Athens",
    "fle standard time": "Europe/Helsinki",
    "wet": "Europe/Lisbon", "west": "Europe/Lisbon",
    "russian standard time": "Europe/Moscow", "msk": "Europe/Moscow",
    "israel standard time": "Asia/Jerusalem",
    "india standard time": "Asia/Kolkata",
    "china standard time": "Asia/Shanghai",
    "tokyo standard time": "Asia/Tokyo", "jst": "Asia/Tokyo",
    "aus eastern standard time": "Australia/Sydney",
    "aest": "Australia/Sydney", "aedt": "Australia/Sydney",
    "e. australia standard time": "Australia/Brisbane",
    "cen. australia standard time": "Australia/Adelaide",
    "w. australia standard time": "Australia/Perth", "awst": "Australia/Perth",
    "new zealand standard time": "Pacific/Auckland",
    "nzst": "Pacific/Auckland", "nzdt": "Pacific/Auckland",
    "south africa standard time": "Africa/Johannesburg", "sast": "Africa/Johannesburg",
    "e. south america standard time": "America/Sao_Paulo",
    "utc": "UTC", "z": "UTC", "etc/utc": "UTC", "zulu": "UTC",
}  # fmt: skip
_KNOWN = {
    name.lower(): name
    for name in available_timezones()
    if "/" in name and not name.startswith(("posix/", "right/", "SystemV/"))
}


def zone(value: Any, otherwise: str) -> tuple[str, str]:
    """A zone of the tz database, else `otherwise`; and what had to be guessed."""
    if is_nothing(value):
        return otherwise, f"No time zone is given; {otherwise} is assumed."
    name = str(value).strip()[:60] if isinstance(value, str) else ""
    plain = re.sub(r"\s+", " ", name.lower().replace("\\/", "/"))
    spelled = plain.replace(" ", "_")
    if spelled in _KNOWN:
        return _KNOWN[spelled], ""
    meant = _ZONES.get(re.sub(r"\s*\(.*\)$", "", plain)) or _ZONES.get(plain)
    if meant == "UTC":
        return "UTC", ""
    if meant:
        return meant, f"The time zone is given as “{name}”; {meant} is assumed."
    return otherwise, f"The time zone is not known; {otherwise} is assumed."
