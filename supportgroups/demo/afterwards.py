"""What came after the sessions of the sample world: how people felt, and what facilitators wrote.

Inserted in bulk from a generator of its own; `tests/demo/test_sample_world.py` holds the rows
against the rules of real use.
"""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sessions import after_actions
from sessions.after_rules import PULSE_OPEN_FOR, PULSES_KEPT
from sessions.models import Attendance, Debrief, FollowUp, Pulse, SupportSession
from supportgroups.demo.history import Circle
from supportgroups.demo.people import Person, uuid7

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
#: Where people felt less safe lately, so that a coordinator sees what that looks like.
LESS_SAFE_IN = "sober-evenings"
_LATELY = 75 * _DAY
#: Debriefs of so many days; the last days are left for those who lead to write.
_WRITTEN_SINCE, _WRITTEN_UNTIL = 60 * _DAY, 5 * _DAY
_HOW_IT_WENT = (
    "Everybody had a turn. The check-in ran over, so the topic was short.",
    "A quiet evening. The pauses were fine, and nobody hurried anybody.",
    "Lively. I had to ask twice to let others finish.",
    "Two new people, both made welcome. The ground rules helped.",
    "The topic touched many. We stayed with it and left the open part out.",
)
_CONCERNS = (
    "",
    "",
    "One person speaks a lot. I would like to try rounds next time.",
    "Late comers interrupt the opening. Shall we close the door after ten minutes?",
)
_FOLLOW_UPS = (
    "Print the ground rules for the table",
    "Ask the library whether the room is free in spring",
    "Plan the next topic together",
    "Try rounds in the next session",
)


def save_pulses(circles: Iterable[Circle], *, waits_for: Iterable[Person], now: datetime) -> None:
    """About seven of ten who came answered; `waits_for` have not answered what is still open."""
    rng = random.Random(7)
    waiting = {person.user.pk for person in waits_for}
    Pulse.objects.bulk_create(
        pulse for circle in circles for pulse in _pulses(circle, waiting, now, rng)
    )


def _pulses(circle: Circle, waiting: set, now: datetime, rng: random.Random) -> Iterator[Pulse]:
    warmth = rng.uniform(-0.3, 0.3)
    for episode in circle.episodes:
        user = episode.person.user
        mood = warmth + rng.uniform(-0.5, 0.5)
        for visit in episode.visits:
            ended_at = visit.support_session.ended_at
            if visit.first_seen_at is None or ended_at is None or rng.random() > 0.7:
                continue
            answered_at = (
                ended_at + timedelta(minutes=1) + 0.99 * rng.random() ** 3 * PULSE_OPEN_FOR
            )
            is_open = now < ended_at + PULSE_OPEN_FOR
            if answered_at >= now or answered_at < now - PULSES_KEPT + _DAY:
                continue
            if is_open and user.pk in waiting:
                continue
            is_less_safe = circle.plan.slug == LESS_SAFE_IN and ended_at > now - _LATELY
            yield Pulse(
                id=uuid7(answered_at, rng),
                support_session=visit.support_session,
                user=user,
                felt_heard=_answer(4.1 + mood, rng),
                felt_safe=_answer((2.6 if is_less_safe else 4.5) + mood, rng),
                answered_at=answered_at,
            )


def _answer(around: float, rng: random.Random) -> int | None:
    if rng.random() < 0.02:
        return None
    return min(5, max(1, round(rng.gauss(around, 0.6))))


def save_debriefs(circles: Iterable[Circle], *, now: datetime) -> None:
    """Who led wrote the next day, and noted something to do now and then."""
    rng = random.Random(11)
    debriefs: list[Debrief] = []
    follow_ups: list[FollowUp] = []
    for circle in circles:
        for held in circle.sessions:
            if held.ended_at is None or not (
                now - _WRITTEN_SINCE < held.ended_at < now - _WRITTEN_UNTIL
            ):
                continue
            written_at = held.ended_at + rng.uniform(0.5, 20) * _HOUR
            debriefs.append(
                Debrief(
                    id=uuid7(written_at, rng),
                    support_session=held,
                    author=circle.leads[0],
                    how_it_went=rng.choice(_HOW_IT_WENT),
                    concerns=rng.choice(_CONCERNS),
                    revision=1,
                    saved_at=written_at,
                    written_at=written_at,
                )
            )
            if rng.random() < 0.35:
                follow_ups.append(_follow_up(circle, held, written_at, now, rng))
    Debrief.objects.bulk_create(debriefs)
    FollowUp.objects.bulk_create(follow_ups)


def _follow_up(
    circle: Circle,
    held: SupportSession,
    noted_at: datetime,
    now: datetime,
    rng: random.Random,
) -> FollowUp:
    """Most are done by now; of the newest some are open, and a few late."""
    lead = circle.leads[0]
    due_on = (noted_at + rng.randint(4, 12) * _DAY).date()
    row = FollowUp(
        id=uuid7(noted_at, rng),
        support_session=held,
        what=rng.choice(_FOLLOW_UPS),
        owner=rng.choice([*circle.leads, circle.row.overseer or lead]),
        due_on=due_on,
        noted_at=noted_at,
        noted_by=lead,
    )
    is_old = noted_at < now - 14 * _DAY
    if is_old or rng.random() < 0.4:
        row.done_at = min(noted_at + rng.uniform(1, 9) * _DAY, now - _HOUR)
        row.done_by = row.owner
    return row


def correct_somebody(circle: Circle, *, now: datetime) -> None:
    """Of the last session, somebody whose bus was late had told the facilitator."""
    late = Attendance.objects.filter(
        support_session__in=[held.pk for held in circle.sessions], status=Attendance.Status.LATE
    )
    attendance = late.select_related("support_session").latest("support_session__starts_at")
    held = attendance.support_session
    assert held.ended_at is not None
    after_actions.correct_attendance(
        support_session=held,
        statuses={attendance.pk: Attendance.Status.ATTENDED},
        version=held.version,
        by=circle.leads[0],
        at=min(held.ended_at + _HOUR, now),
    )
