"""What safeguarding needs a coordinator for today."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, DateTimeField, F, Min, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.urls import reverse

from accounts.models import Organisation, User
from accounts.rules import on_call_people
from safeguarding.crisis import shipped_help
from safeguarding.models import Alert, Away, CountryLines
from safeguarding.rules import concerns_visible_to, today_at


class Waiting(NamedTuple):
    """How many wait for a person, how many past their time, and the earliest promised moment."""

    n: int
    late: int
    earliest: datetime | None


@dataclass(frozen=True)
class Needed:
    """One thing to do, as the overview lists it. Level 1 is urgent, 2 soon, 0 has time."""

    count: int
    level: int
    title: str
    url: str
    detail: str


def counted(rows: QuerySet[Any], what: str, by: F | Cast, *, at: datetime) -> QuerySet[Any]:
    """One row (what, n, late, earliest), or none: a part of one query that counts many things."""
    return (
        rows.order_by()
        .annotate(what=Value(what), promised=by)
        .values_list("what")
        .annotate(
            n=Count("pk"), late=Count("pk", filter=Q(promised__lt=at)), earliest=Min("promised")
        )
    )


def waiting_here(user: User, organisation: Organisation, *, at: datetime) -> list[QuerySet[Any]]:
    """What is counted: concerns, failing alerts, concerns that nobody confirms, who is on call,
    confirmed help lines, sources to read again. What is about the reader is not."""
    seen = concerns_visible_to(user).filter(organisation=organisation)
    today = today_at(organisation, at)
    away = Away.objects.on(today).filter(organisation=organisation).values("person")
    people = User.objects.filter(pk__in=on_call_people(organisation.pk).order_by().values("pk"))
    lines = CountryLines.objects.filter(
        organisation=organisation, country=organisation.country, review_until__isnull=False
    )
    unconfirmed = seen.waiting().filter(everybody_asked_at__isnull=False)
    failing = Alert.objects.failing().filter(concern__in=seen.values("pk"))
    until = Cast("review_until", DateTimeField())
    return [
        counted(seen.open(), "concerns", F("respond_by"), at=at),
        counted(failing, "failing", F("next_try_at"), at=at),
        counted(unconfirmed, "unconfirmed", F("respond_by"), at=at),
        counted(people.exclude(pk__in=away), "on_call", F("joined_at"), at=at),
        counted(lines, "lines", until, at=at),
        counted(organisation.resources.overdue(today), "sources", until, at=at),
    ]


def needed_today(
    waiting: Mapping[str, Waiting], organisation: Organisation, *, at: datetime
) -> list[Needed]:
    """What is to be done about alerts, the on-call list, help lines and sources."""
    concerns = reverse("safeguarding:concern_list")
    needed = []
    if number := waiting["failing"].n:
        title = "Alert could not be sent" if number == 1 else "Alerts could not be sent"
        detail = "Somebody on call does not know yet. Open the concern, and tell them yourself."
        needed.append(Needed(number, 1, title, concerns, detail))
    if number := waiting["unconfirmed"].n:
        one, many = "Concern that nobody confirms", "Concerns that nobody confirms"
        detail = "Everybody on call was asked. Please look at it now."
        needed.append(Needed(number, 1, one if number == 1 else many, concerns, detail))
    if not waiting["on_call"].n:
        detail = "Whoever may need support reads that no person has been told."
        url = reverse("safeguarding:on_call", args=[organisation.slug])
        needed.append(Needed(0, 1, "Nobody is on call", url, detail))
    until = waiting["lines"].earliest
    if until is None or until.date() < today_at(organisation, at):
        needed.append(_lines_needed(organisation, over=until is not None))
    if number := waiting["sources"].n:
        title = "Source to read again" if number == 1 else "Sources to read again"
        url = reverse("safeguarding:library", args=[organisation.slug])
        detail = "Facilitators cannot show what nobody has read for a while."
        needed.append(Needed(number, 0, title, url, detail))
    return needed


def _lines_needed(organisation: Organisation, *, over: bool) -> Needed:
    number = len(shipped_help(organisation.country).lines)
    title = "Help lines to try again" if over else "Help lines to confirm"
    detail = (
        "Their review is over. Numbers change, and people in need call them."
        if over
        else "Nobody here has tried the numbers that people in need see."
    )
    url = reverse("safeguarding:help_lines", args=[organisation.slug])
    return Needed(number, 2 if over else 0, title, url, detail)
