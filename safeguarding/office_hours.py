"""When an organisation is at work, and how time within it adds up. Pure functions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _clock(at: time) -> str:
    """9am, 5:30pm."""
    hour = at.hour % 12 or 12
    half = "am" if at.hour < 12 else "pm"
    return f"{hour}:{at.minute:02}{half}" if at.minute else f"{hour}{half}"


@dataclass(frozen=True)
class OfficeHours:
    """The same hours on some days of the week (Monday is 0), on the clock of one zone."""

    opens_at: time
    closes_at: time
    weekdays: frozenset[int]
    zone: ZoneInfo

    def spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Each opening from the day of `at` on, for ever, in UTC."""
        if not self.weekdays:
            raise ValueError("Hours need a day.")
        day = at.astimezone(self.zone).date()
        while True:
            if day.weekday() in self.weekdays:
                opens, closes = (
                    datetime.combine(day, moment, self.zone).astimezone(UTC)
                    for moment in (self.opens_at, self.closes_at)
                )
                yield opens, closes
            day += timedelta(days=1)

    def are_open(self, at: datetime) -> bool:
        """Whether somebody is at work at this moment."""
        opens, closes = next(self.spans(at))
        return opens <= at < closes

    def in_words(self) -> str:
        """For example "Monday to Friday, 9am to 5pm"."""
        days = sorted(self.weekdays)
        if days == list(range(7)):
            when = "Every day"
        elif len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
            when = f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"
        else:
            names = [WEEKDAYS[day] for day in days]
            when = ", ".join(names[:-1]) + (" and " if names[:-1] else "") + names[-1]
        return f"{when}, {_clock(self.opens_at)} to {_clock(self.closes_at)}"


def moment_after(at: datetime, worked: timedelta, hours: OfficeHours | None) -> datetime:
    """The moment at which so much time has passed, counting only the hours at work.

    Without hours every minute counts.
    """
    if hours is None:
        return at + worked
    # In UTC, so that the night in which clocks change is as long as it is.
    left = worked
    for opens, closes in hours.spans(at):
        begins = max(opens, at)
        if begins >= closes:
            continue
        if begins + left <= closes:
            return begins + left
        left -= closes - begins
    raise AssertionError("Openings never end.")
