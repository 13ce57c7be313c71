"""When a reminder is due: a person's lead time and quiet hours, on their own clock.

Pure functions. The rule: a reminder is due its lead time before the start. One that falls into the
person's quiet hours comes when they end, as long as that leaves enough time to be of use; else just
before they begin. None is ever sent within them.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts.models import User
from sessions.schedule import to_utc

#: How long before quiet hours begin a reminder goes out that would come too late after them.
AHEAD_OF_QUIET = timedelta(minutes=10)
#: No quiet hours last longer, so no reminder is due earlier than this before its lead time.
LONGEST_AHEAD = timedelta(hours=24) + AHEAD_OF_QUIET


@dataclass(frozen=True)
class QuietHours:
    """Times of day on one wall clock, over midnight or not; the end is not quiet any more."""

    begin: time
    until: time
    zone: ZoneInfo

    def around(self, at: datetime) -> tuple[datetime, datetime] | None:
        """When the quiet hours that hold at this moment began and will end; None while it is
        not quiet. A clock that is put forward or back in between moves them with it."""
        today = at.astimezone(self.zone).date()
        for day in (today - timedelta(days=1), today):
            begin, end = self._of(day)
            if begin <= at < end:
                return begin, end
        return None

    def _of(self, day: date) -> tuple[datetime, datetime]:
        """The quiet hours that begin on this day."""
        last = day + timedelta(days=1) if self.until < self.begin else day
        begin, _ = to_utc(datetime.combine(day, self.begin), self.zone)
        end, _ = to_utc(datetime.combine(last, self.until), self.zone)
        return begin, end


def quiet_hours(user: User) -> QuietHours | None:
    """What the person chose, if anything."""
    if user.quiet_from is None or user.quiet_until is None:
        return None
    return QuietHours(user.quiet_from, user.quiet_until, ZoneInfo(user.time_zone))


def is_quiet(quiet: QuietHours | None, at: datetime) -> bool:
    """Whether nothing that can wait may be sent to the person at this moment."""
    return quiet is not None and quiet.around(at) is not None


def due_at(
    starts_at: datetime, *, lead: timedelta, of_use: timedelta, quiet: QuietHours | None
) -> datetime:
    """When a reminder should go out. Sent less than `of_use` before the start, it helps nobody."""
    due = starts_at - lead
    hours = quiet.around(due) if quiet else None
    if hours is None:
        return due
    begin, end = hours
    return end if end <= starts_at - of_use else begin - AHEAD_OF_QUIET
