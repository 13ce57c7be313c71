"""Who reports on what, and on which time. Asks, never writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.formats import date_format

from accounts.models import Organisation
from accounts.rules import Viewer, organisations_coordinated_by
from groups.models import SupportGroup
from outcomes.models import FunderReport, Programme
from outcomes.statistics.suppression import LEAVING
from sessions.after_rules import PULSE_OPEN_FOR
from supportgroups.lib.refusals import Refused

#: A report is about so many whole months at most.
MOST_MONTHS = 24
#: How far back months are offered.
MONTHS_OFFERED = 36
#: Programmes that a coordinator keeps at one time.
MOST_PROGRAMMES = 50


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, order=True)
class Period:
    """Whole months: the first day and the last one."""

    first_day: date
    last_day: date

    @classmethod
    def of_months(cls, first: date, last: date) -> Self:
        """From the month of one day to the month of another."""
        return cls(first.replace(day=1), _month_after(last) - timedelta(days=1))

    @property
    def months(self) -> int:
        years = self.last_day.year - self.first_day.year
        return 12 * years + self.last_day.month - self.first_day.month + 1

    @property
    def name(self) -> str:
        """In words: a year, a quarter, a month, or from when to when."""
        first, months = self.first_day, self.months
        if months == 12 and first.month == 1:
            return str(first.year)
        if months == 3 and first.month % 3 == 1:
            return f"{date_format(first, 'F')} to {date_format(self.last_day, 'F Y')}"
        if months == 1:
            return date_format(first, "F Y")
        begins = "F" if first.year == self.last_day.year else "F Y"
        return f"{date_format(first, begins)} to {date_format(self.last_day, 'F Y')}"

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The first moment, and the one after the last."""
        after = self.last_day + timedelta(days=1)
        midnight = datetime.min.time()
        return datetime.combine(self.first_day, midnight, zone), datetime.combine(
            after, midnight, zone
        )


def last_month_over(at: datetime, zone: ZoneInfo) -> date:
    """The first day of the newest month in which nothing is answered any more."""
    this_month = (at - PULSE_OPEN_FOR).astimezone(zone).date().replace(day=1)
    return (this_month - timedelta(days=1)).replace(day=1)


def months_to_report_on(at: datetime, zone: ZoneInfo) -> list[date]:
    """First days of months that are over, newest first."""
    months = [last_month_over(at, zone)]
    while len(months) < MONTHS_OFFERED:
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months


def usual_periods(at: datetime, zone: ZoneInfo) -> list[Period]:
    """What is asked for most: the last quarter, the last twelve months, the last calendar year."""
    last = last_month_over(at, zone)
    quarter_end = last
    while quarter_end.month % 3:
        quarter_end = (quarter_end - timedelta(days=1)).replace(day=1)
    year = last.year if last.month == 12 else last.year - 1
    twelve_back = _month_after(last).replace(year=_month_after(last).year - 1)
    return [
        Period.of_months(quarter_end.replace(month=quarter_end.month - 2), quarter_end),
        Period.of_months(twelve_back, last),
        Period.of_months(date(year, 1, 1), date(year, 12, 1)),
    ]


def check_period(period: Period, *, at: datetime, zone: ZoneInfo) -> None:
    """Refuse what is not whole months, in order, over, and not too many."""
    if period != Period.of_months(period.first_day, period.last_day):
        raise Refused("not_months", "A report is about whole months.")
    if period.last_day < period.first_day:
        raise Refused("order", "The last month comes before the first. Choose a later one.")
    if period.first_day.replace(day=1) > last_month_over(at, zone) or (
        period.last_day.replace(day=1) > last_month_over(at, zone)
    ):
        raise Refused(
            "not_over",
            "That month is not over yet, or its last questions are still open. "
            "Choose an earlier one.",
        )
    if period.months > MOST_MONTHS:
        raise Refused("too_long", f"Choose {MOST_MONTHS} months or fewer.")


def groups_to_report_on(organisation: Organisation) -> QuerySet[SupportGroup]:
    """Every group that was ever open to people."""
    return SupportGroup.objects.filter(organisation=organisation).exclude(
        lifecycle=SupportGroup.Lifecycle.DRAFT
    )


def scope_of(group_ids: Iterable[UUID]) -> str:
    """The same for the same groups, whatever their programme is called."""
    return sha256(",".join(sorted(map(str, group_ids))).encode()).hexdigest()


def programmes_of(user: Viewer) -> QuerySet[Programme]:
    """Programmes of the organisations that this person coordinates."""
    return Programme.objects.filter(
        organisation__in=organisations_coordinated_by(user)
    ).select_related("organisation")


def reports_of(user: Viewer) -> QuerySet[FunderReport]:
    """Reports of the organisations that this person coordinates, without the large fields."""
    return (
        FunderReport.objects.kept()
        .filter(organisation__in=organisations_coordinated_by(user))
        .select_related("organisation", "made_by")
        .defer("inputs", "content", "pdf")
    )


def threshold_of(organisation: Organisation) -> int:
    """Nothing that leaves the organisation is about fewer people."""
    return max(LEAVING, organisation.smallest_cell)


def check_move(report: FunderReport, state: FunderReport.State) -> None:
    """Refuse a move that `FunderReport.MOVES` does not have."""
    if state not in FunderReport.MOVES[FunderReport.State(report.state)]:
        raise Refused("state", "This report has moved on meanwhile. Look at it again.")


def is_being_made(report: FunderReport) -> bool:
    return report.state in (FunderReport.State.WAITING, FunderReport.State.MAKING)


#: What the worker does, in order, in words for whoever waits.
STEPS: Sequence[str] = (
    "Counting who came, stayed and answered",
    "Comparing with earlier reports",
    "Writing the page",
    "Setting the PDF",
)
