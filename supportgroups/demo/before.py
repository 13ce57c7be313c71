"""What is said and settled before the coming sessions of the sample world, as in real use."""

import random
from collections.abc import Iterable
from datetime import datetime, time, timedelta

from accounts import actions as account_actions
from accounts.models import User
from sessions import before_actions, before_rules, rules
from sessions.actions import AgendaPart
from sessions.models import Attendance, SupportSession
from supportgroups.demo.history import Circle

_HOUR = timedelta(hours=1)
#: Most who answer say that they come.
_ANSWERS = [
    *[Attendance.Answer.COMING] * 7,
    *[Attendance.Answer.UNSURE] * 2,
    Attendance.Answer.CANNOT,
]


def _coming(circle: Circle, *, now: datetime, after: timedelta = timedelta(0)) -> SupportSession:
    """The circle's first session that is so far away at least."""
    found = (
        SupportSession.objects.coming(now)
        .filter(
            group=circle.row,
            status=SupportSession.Status.SCHEDULED,
            starts_at__gt=now + after,
        )
        .select_related("group")
        .first()
    )
    assert found is not None
    return found


def answer_sessions(circles: Iterable[Circle], *, now: datetime, rng: random.Random) -> None:
    """About two of three members have said whether they come next time."""
    for circle in circles:
        support_session = _coming(circle, now=now)
        for membership in rules.admitted_to(support_session).select_related("user").order_by("pk"):
            if rng.random() < 0.65:
                before_actions.answer_session(
                    support_session=support_session,
                    answer=rng.choice(_ANSWERS),
                    by=membership.user,
                    at=now - rng.uniform(0.2, 20) * _HOUR,
                )


def plan_a_session(circle: Circle, *, now: datetime) -> None:
    """The next session of a group has a topic of its own."""
    support_session = _coming(circle, now=now)
    parts = [
        AgendaPart(item.title, item.minutes, item.note, item.kind)
        for item in support_session.agenda.all()
    ]
    topic = next(number for number, part in enumerate(parts) if part.kind == "topic")
    parts[topic] = parts[topic]._replace(
        title="Sleeping when the mind is loud", note="What helps at three in the morning?"
    )
    before_actions.set_agenda(
        support_session=support_session,
        items=parts,
        version=None,
        by=circle.leads[0],
        at=now - 3 * _HOUR,
    )


def ask_for_cover(circle: Circle, *, now: datetime) -> None:
    """A facilitator cannot come to a session in some days, and nobody has taken over yet."""
    before_actions.ask_cover(
        support_session=_coming(circle, now=now, after=26 * _HOUR),
        by=circle.leads[0],
        note="The theme is small steps. My notes are in the blue folder.",
        at=now - 2 * _HOUR,
    )


def cover_somebody(circle: Circle, *, now: datetime) -> None:
    """Elsewhere somebody has taken over already."""
    cover = before_actions.ask_cover(
        support_session=_coming(circle, now=now, after=26 * _HOUR),
        by=circle.leads[0],
        at=now - 30 * _HOUR,
    )
    free = before_rules.people_to_ask(cover, at=now)
    before_actions.take_cover(cover=cover, by=free[-1], at=now - 22 * _HOUR)


def choose_quiet_hours(user: User, *, now: datetime) -> None:
    """A member sleeps undisturbed, and hears of sessions two days before."""
    account_actions.change_profile(
        user=user,
        by=user,
        at=now - 40 * _HOUR,
        day_before_minutes=2 * 24 * 60,
        quiet_from=time(22),
        quiet_until=time(7, 30),
    )
