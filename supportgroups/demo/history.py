"""Fifteen months that never happened: who came, who stayed away, who left and who returned.

`tell` decides what happened in one group, in order, from a seeded random generator. `save_…` turn
it into rows, many at a time. No rule is bent for speed: `tests/demo/test_sample_world.py` holds the
rows against the rules of real use.
"""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from accounts.models import User
from audit.models import Event
from groups.models import Agreement, Membership, Signature, SupportGroup
from groups.rules import OFFER_HOLDS
from sessions.models import (
    AgendaItem,
    AgendaTemplateItem,
    Attendance,
    Entry,
    Message,
    Series,
    SupportSession,
)
from sessions.rules import (
    attendance_status,
)
from sessions.schedule import Occurrence, occurrences
from supportgroups.demo.people import Crowd, Person, uuid7
from supportgroups.demo.world import GroupPlan

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
#: Who leaves does so within this time after a session, and a place is given again later than that:
#: so a group was never fuller than its circle, on any day.
_GOODBYES = 2 * _DAY
#: Members who came within this time joined through the actions of real use.
LATELY = 45 * _DAY
_BREAK_BETWEEN_COURSES = 3
_LEAVING_WORDS = (
    "The time no longer fits.",
    "Feeling steadier, and grateful.",
    "Found other support.",
    "Moved away.",
    "",
    "",
    "",
)

Status = Membership.Status


@dataclass
class Visit:
    """One member and one session. Not seen and not excused is a no-show."""

    support_session: SupportSession
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    is_excused: bool = False


@dataclass
class Episode:
    """One membership from asking to leaving. Without `ended_at` it goes on at present."""

    person: Person
    applied_at: datetime
    accepted_at: datetime | None = None
    waitlisted_at: datetime | None = None
    offered_at: datetime | None = None
    activated_at: datetime | None = None
    accepted_by: User | None = None
    status: Membership.Status = Status.ACTIVE
    ended_at: datetime | None = None
    ended_by: User | None = None
    end_reason: str = ""
    visits: list[Visit] = field(default_factory=list)
    #: Comes always and does not leave: somebody to try the product as.
    is_regular: bool = False
    #: Stays away until the place is given to somebody else.
    drifts_for: int = 0
    #: Never finds the way to a first session.
    never_comes: bool = False
    membership: Membership | None = None

    def is_past(self, now: datetime) -> bool:
        """Whether it is history. Who came lately, or can be signed in as, joins by the actions."""
        if self.ended_at is not None:
            return True
        return not self.is_regular and self.applied_at < now - LATELY


@dataclass
class Circle:
    """One group with everything that happened in it."""

    plan: GroupPlan
    row: SupportGroup
    agreement: Agreement
    leads: list[User]
    agenda: list[AgendaTemplateItem]
    #: Sessions that are over, in order; a course has one list for each time it ran.
    runs: list[list[SupportSession]] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    #: People who wait for a place, with the moment when they asked.
    waiting: list[tuple[Person, datetime]] = field(default_factory=list)
    #: People whose applications are to be decided today.
    asking: list[Person] = field(default_factory=list)

    @property
    def sessions(self) -> list[SupportSession]:
        return [each for run in self.runs for each in run]

    @property
    def present(self) -> list[Episode]:
        return [episode for episode in self.episodes if episode.ended_at is None]


# Sessions -----------------------------------------------------------------------------------------


def series_of(plan: GroupPlan, group: SupportGroup, *, now: datetime) -> list[Series]:
    """The rhythm of the group, not stored yet: one, or one for each time the course ran.

    The last one is the current one.
    """
    rule = f"FREQ=WEEKLY;INTERVAL={plan.every_weeks};BYDAY={plan.weekday}"
    today = now.date()
    if not plan.course:
        first = _on_weekday(today - timedelta(weeks=round(plan.months * 4.34)), plan.weekday)
        return [_series(plan, group, rule, first)]
    # The course at present is about half way.
    begins = _on_weekday(today - timedelta(weeks=plan.course // 2), plan.weekday)
    spans = timedelta(weeks=plan.course + _BREAK_BETWEEN_COURSES)
    earliest = today - timedelta(weeks=round(plan.months * 4.34))
    found = []
    while begins > earliest:
        found.append(_series(plan, group, f"{rule};COUNT={plan.course}", begins))
        begins -= spans
    found.reverse()
    return found


def _on_weekday(day: date, weekday: str) -> date:
    """That day or the next that is this weekday ("MO" to "SU")."""
    wanted = ("MO", "TU", "WE", "TH", "FR", "SA", "SU").index(weekday)
    return day + timedelta(days=(wanted - day.weekday()) % 7)


def _series(plan: GroupPlan, group: SupportGroup, rule: str, first: date) -> Series:
    return Series(
        group=group,
        rrule=rule,
        starts_on=first,
        starts_at_time=plan.begins,
        minutes=plan.minutes,
        time_zone=group.time_zone,
    )


def past_sessions(series: Series, *, now: datetime) -> Iterator[Occurrence]:
    """When the series has met and is certainly over."""
    for occurrence in occurrences(
        rrule=series.rrule,
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        time_zone=series.time_zone,
        after=now - timedelta(days=3 * 365),
        until=now,
    ):
        if occurrence.ends_at + timedelta(minutes=15) < now:
            yield occurrence


def session_row(
    circle: Circle, series: Series, occurrence: Occurrence, rng: random.Random
) -> SupportSession:
    """A session that took place, or one of the few that were cancelled."""
    starts_at, ends_at = occurrence.starts_at, occurrence.ends_at
    row = SupportSession(
        id=uuid7(starts_at - 30 * _DAY, rng),
        group=circle.row,
        series=series,
        recurrence_id=starts_at,
        starts_at=starts_at,
        ends_at=ends_at,
        status=SupportSession.Status.ENDED,
    )
    between_the_years = (starts_at.month, starts_at.day) in {(12, 24), (12, 25), (12, 26), (1, 1)}
    if between_the_years or (not circle.plan.course and rng.random() < 0.02):
        row.status = SupportSession.Status.CANCELLED
        reasons = SupportSession.CancelledFor
        row.cancelled_for = reasons.DAY_OFF if between_the_years else reasons.BY_HAND
        return row
    row.began_at = starts_at + timedelta(seconds=rng.randint(-60, 200))
    row.ended_at = ends_at + timedelta(seconds=rng.randint(-240, 360))
    row.messages_expire_at = row.ended_at + circle.row.keeps_messages_days * _DAY
    row.began_by = row.ended_by = circle.leads[0]
    # One for the start, one for each further part, one for the end.
    row.version = len(circle.agenda) + 1
    return row


# People -------------------------------------------------------------------------------------------


def tell(
    circle: Circle,
    crowd: Crowd,
    regulars: Sequence[tuple[Person, int]],
    *,
    now: datetime,
) -> None:
    """Decide who came and went. `regulars` are people with the number of sessions they are in."""
    teller = _Teller(circle, crowd, now)
    for run in circle.runs:
        last = run is circle.runs[-1]
        teller.tell_run(run, regulars if last else (), is_current=last)
    circle.episodes.sort(key=lambda episode: episode.applied_at)


class _Teller:
    def __init__(self, circle: Circle, crowd: Crowd, now: datetime) -> None:
        self.circle, self.plan, self.crowd, self.now = circle, circle.plan, crowd, now
        self.rng = crowd.rng
        self.here: list[Episode] = []
        self.gone: list[Episode] = []
        #: Chance of leaving after one session, so that `stays` of the people are left after ten.
        self.leaving = 1 - self.plan.stays ** (1 / 10)
        self.is_full = self.plan.aims == self.circle.row.capacity
        #: Places for regulars who have not come yet.
        self.kept_free = 0

    def tell_run(
        self,
        run: list[SupportSession],
        regulars: Sequence[tuple[Person, int]],
        *,
        is_current: bool,
    ) -> None:
        earlier: datetime | None = None
        self.kept_free = len(regulars)
        for number, support_session in enumerate(run):
            to_come = len(run) - number
            window = self._window(support_session, earlier)
            held = sum(each.status == SupportSession.Status.ENDED for each in run[number:])
            for person, sessions in regulars:
                if held == sessions and not self._is_here(person):
                    self._join(person, window, is_regular=True)
                    self.kept_free -= 1
            for _ in range(self._how_many_join(number, to_come, is_current=is_current)):
                self._someone_joins(window)
            for episode in self.here:
                self._visit(episode, support_session)
            if support_session.status == SupportSession.Status.ENDED:
                settled = self.is_full and is_current and to_come <= 3
                self._some_leave(support_session, settled=settled)
            earlier = support_session.ended_at or support_session.ends_at
        if self.plan.course and len(run) == self.plan.course:
            assert earlier is not None
            for episode in self.here:
                self._end(episode, Status.COMPLETED, earlier + _HOUR, by=self.circle.leads[0])
            self._forget_who_left()

    def _window(
        self, support_session: SupportSession, earlier: datetime | None
    ) -> tuple[datetime, datetime]:
        """When somebody may take a place before this session."""
        until = support_session.starts_at - _HOUR
        return (earlier + _GOODBYES if earlier else until - 5 * _DAY), until

    def _how_many_join(self, number: int, to_come: int, *, is_current: bool) -> int:
        plan, places = self.plan, self.circle.row.capacity - self.kept_free
        if plan.course:
            wanted = round(plan.arrivals) if number == 0 else 0
            if number == 0 and not is_current:
                wanted -= self.rng.choice((0, 0, 1, 2))
            return max(0, min(wanted, places) - len(self.here))
        usual = plan.aims + 2 if plan.aims > 4 else plan.aims
        ceiling = places if self.is_full else min(places, usual)
        if number == 0:
            return min(ceiling, max(3, plan.aims // 2))
        if to_come <= 6:
            ceiling = min(places, plan.aims)
        # Who would have come before the last sessions is here, so that the present is as planned.
        if to_come in ({3} if self.is_full else {6, 4, 2}):
            return max(0, plan.aims - len(self.here))
        return min(self._poisson(plan.arrivals), max(0, ceiling - len(self.here)))

    def _poisson(self, mean: float) -> int:
        limit, product, count = math.exp(-mean), self.rng.random(), 0
        while product > limit:
            product *= self.rng.random()
            count += 1
        return count

    def _someone_joins(self, window: tuple[datetime, datetime]) -> None:
        rng = self.rng
        if self.plan.texts["admission"] == "screened" and rng.random() < 0.1:
            self._somebody_is_referred(window)
        person = self._returner(window) or self._from_elsewhere(window) or self._newcomer(window)
        self._join(person, window)

    def _returner(self, window: tuple[datetime, datetime]) -> Person | None:
        """Somebody who left some weeks ago begins a new episode."""
        if self.rng.random() > 0.09:
            return None
        for episode in self.gone:
            person, ended_at = episode.person, episode.ended_at
            assert ended_at is not None
            left_kindly = episode.status in (Status.WITHDRAWN, Status.COMPLETED)
            if left_kindly and window[0] - ended_at > 45 * _DAY and not self._is_here(person):
                self.gone.remove(episode)
                return person
        return None

    def _from_elsewhere(self, window: tuple[datetime, datetime]) -> Person | None:
        """Somebody who knows another group."""
        if self.rng.random() > 0.14 or not self.crowd.people:
            return None
        person = self.rng.choice(self.crowd.people)
        been_here = any(episode.person is person for episode in self.circle.episodes)
        is_early = person.user.joined_at > window[0] - 15 * _DAY
        named = person.user.has_usable_password()
        same_country = person.user.country == self.plan.country
        return None if been_here or is_early or named or not same_country else person

    def _newcomer(self, window: tuple[datetime, datetime]) -> Person:
        country = self.plan.country
        if self.plan.texts["format"] == "online" and self.rng.random() < 0.06:
            country = self.rng.choice(("GB", "US", "DE", "AU"))
        return self.crowd.person(joined_at=window[0] - 14 * _DAY, country=country)

    def _is_here(self, person: Person) -> bool:
        return any(episode.person is person for episode in self.here)

    def _join(
        self, person: Person, window: tuple[datetime, datetime], *, is_regular: bool = False
    ) -> None:
        rng = self.rng
        since, until = window
        accepted_at = since + rng.random() * 0.8 * (until - since)
        activated_at = accepted_at + rng.random() * 0.9 * (until - accepted_at)
        episode = Episode(
            person,
            applied_at=accepted_at,
            accepted_at=accepted_at,
            activated_at=activated_at,
            is_regular=is_regular,
            never_comes=not is_regular and rng.random() < 0.06,
        )
        if self.plan.texts["admission"] == "screened":
            episode.applied_at -= rng.uniform(0.2, 2.0) * _DAY
            episode.accepted_by = self.circle.leads[0]
            if self.is_full and not self.plan.course and rng.random() < 0.6:
                episode.waitlisted_at = episode.applied_at
                episode.applied_at -= rng.uniform(0.2, 2.0) * _DAY
                episode.offered_at = max(since, episode.waitlisted_at, accepted_at - 5 * _HOUR)
        self.here.append(episode)
        self.circle.episodes.append(episode)

    def _somebody_is_referred(self, window: tuple[datetime, datetime]) -> None:
        """An application that led elsewhere, or was taken back."""
        rng = self.rng
        person = self.crowd.person(joined_at=window[0] - 12 * _DAY, country=self.plan.country)
        applied_at = window[0] - rng.uniform(1, 10) * _DAY
        episode = Episode(person, applied_at=applied_at)
        if rng.random() < 0.75:
            self._end(
                episode,
                Status.REFERRED,
                applied_at + rng.uniform(0.2, 1.9) * _DAY,
                by=self.circle.leads[0],
                reason="One-to-one support fits better at the moment; told how to reach it.",
            )
        else:
            ended_at = applied_at + rng.uniform(0.1, 1.0) * _DAY
            self._end(episode, Status.WITHDRAWN, ended_at, by=person.user)
        self.circle.episodes.append(episode)

    def _visit(self, episode: Episode, support_session: SupportSession) -> None:
        """Whether they came, and when they were seen first and last."""
        if support_session.status != SupportSession.Status.ENDED:
            return
        rng = self.rng
        began_at, ended_at = support_session.began_at, support_session.ended_at
        assert began_at is not None
        assert ended_at is not None
        visit = Visit(support_session)
        episode.visits.append(visit)
        chance = min(0.97, self.plan.comes * episode.person.comes)
        if len(episode.visits) == 1:
            chance = 0.95
        comes = rng.random() < chance and not episode.drifts_for and not episode.never_comes
        if not comes and not episode.is_regular:
            visit.is_excused = rng.random() < (0.1 if episode.drifts_for else 0.4)
            return
        visit.first_seen_at = began_at + timedelta(seconds=rng.randint(-480, 240))
        visit.last_seen_at = ended_at - timedelta(seconds=rng.randint(0, 50))
        how = rng.random()
        if how < 0.07:
            late = max(began_at, support_session.starts_at) + timedelta(minutes=10)
            visit.first_seen_at = late + timedelta(seconds=rng.randint(60, 900))
        elif how < 0.12:
            visit.last_seen_at = ended_at - timedelta(seconds=rng.randint(1500, 2400))

    def _some_leave(self, support_session: SupportSession, *, settled: bool) -> None:
        rng = self.rng
        assert support_session.ended_at is not None
        for episode in self.here:
            if episode.is_regular or settled:
                continue
            leaves_at = support_session.ended_at + rng.uniform(0.04, 0.95) * _GOODBYES
            if leaves_at >= self.now:
                continue
            if episode.drifts_for:
                episode.drifts_for -= 1
                if episode.drifts_for == 0:
                    self._place_is_freed(episode, leaves_at)
            elif episode.never_comes:
                if len(episode.visits) >= 3:
                    self._place_is_freed(episode, leaves_at)
            elif rng.random() < self.leaving * (1.3 if len(episode.visits) <= 3 else 0.55):
                if rng.random() < 0.4:
                    episode.drifts_for = rng.randint(4, 7)
                elif rng.random() < 0.06:
                    reason = "The agreement was not kept, after a talk and a pause."
                    lead = self.circle.leads[0]
                    self._end(episode, Status.REMOVED, leaves_at, by=lead, reason=reason)
                else:
                    words = rng.choice(_LEAVING_WORDS)
                    user = episode.person.user
                    self._end(episode, Status.WITHDRAWN, leaves_at, by=user, reason=words)
        self._forget_who_left()

    def _place_is_freed(self, episode: Episode, at: datetime) -> None:
        if self.rng.random() < 0.75:
            self._end(episode, Status.WITHDRAWN, at, by=episode.person.user)
        else:
            reason = "Has not come for some weeks. Asked twice; welcome to come back."
            self._end(episode, Status.REMOVED, at, by=self.circle.leads[0], reason=reason)

    def _end(
        self,
        episode: Episode,
        status: Membership.Status,
        at: datetime,
        *,
        by: User,
        reason: str = "",
    ) -> None:
        episode.status, episode.ended_at = status, at
        episode.ended_by, episode.end_reason = by, reason

    def _forget_who_left(self) -> None:
        left = [episode for episode in self.here if episode.ended_at is not None]
        self.gone.extend(left)
        self.here = [episode for episode in self.here if episode.ended_at is None]


# Rows ---------------------------------------------------------------------------------------------


def save_sessions(circles: Iterable[Circle], rng: random.Random) -> None:
    """The sessions that are over, and the parts they had."""
    circles = list(circles)
    rows = [each for circle in circles for each in circle.sessions]
    SupportSession.objects.bulk_create(rows)
    AgendaItem.objects.bulk_create(
        item
        for circle in circles
        for each in circle.sessions
        if each.status == SupportSession.Status.ENDED
        for item in _agenda(circle, each, rng)
    )
    Event.objects.bulk_create(
        _event(verb, by, each, circle.row, at)
        for circle in circles
        for each in circle.sessions
        for verb, by, at in (
            ("session.began", each.began_by, each.began_at),
            ("session.ended", each.ended_by, each.ended_at),
        )
        if at is not None
    )


def _agenda(circle: Circle, row: SupportSession, rng: random.Random) -> Iterator[AgendaItem]:
    """Each part began when the one before ended; a part may take a little longer than planned."""
    assert row.began_at is not None
    assert row.ended_at is not None
    planned = sum(part.minutes for part in circle.agenda)
    moment, minutes = row.began_at, 0
    for part in circle.agenda:
        minutes += part.minutes
        ends_at = row.began_at + (row.ended_at - row.began_at) * minutes / planned
        if minutes < planned:
            ends_at += timedelta(seconds=rng.randint(-90, 150))
        yield AgendaItem(
            support_session=row,
            position=part.position,
            kind=part.kind,
            title=part.title,
            note=part.note,
            minutes=part.minutes,
            began_at=moment,
            ended_at=ends_at,
        )
        moment = ends_at


def save_memberships(circles: Iterable[Circle], rng: random.Random, *, now: datetime) -> None:
    """Episodes of the past, what was signed, and the trail of both."""
    memberships: list[Membership] = []
    signatures: list[Signature] = []
    events: list[Event] = []
    for circle in circles:
        for episode in circle.episodes:
            if not episode.is_past(now):
                continue
            episode.membership = membership = Membership(
                id=uuid7(episode.applied_at, rng),
                group=circle.row,
                user=episode.person.user,
                status=episode.status,
                applied_at=episode.applied_at,
                waitlisted_at=episode.waitlisted_at,
                offered_at=episode.offered_at,
                offer_expires_at=episode.offered_at + OFFER_HOLDS if episode.offered_at else None,
                accepted_at=episode.accepted_at,
                accepted_by=episode.accepted_by,
                activated_at=episode.activated_at,
                ended_at=episode.ended_at,
                ended_by=episode.ended_by,
                end_reason=episode.end_reason,
            )
            memberships.append(membership)
            if episode.activated_at is not None:
                signatures.append(
                    Signature(
                        membership=membership,
                        agreement=circle.agreement,
                        signed_name=episode.person.user.display_name,
                        signed_at=episode.activated_at,
                    )
                )
            events.extend(_trail(circle, episode, membership))
    Membership.objects.bulk_create(memberships)
    Signature.objects.bulk_create(signatures)
    Event.objects.bulk_create(events)


def _trail(circle: Circle, episode: Episode, membership: Membership) -> Iterator[Event]:
    """One event for each move, as the actions would have left it."""
    user, before = episode.person.user, ""
    for status, by, at in (
        (Status.APPLIED, user, episode.applied_at),
        (Status.WAITLISTED, episode.accepted_by, episode.waitlisted_at),
        (Status.OFFERED, None, episode.offered_at),
        (Status.ACCEPTED, user if episode.offered_at else episode.accepted_by, episode.accepted_at),
        (Status.ACTIVE, user, episode.activated_at),
        (episode.status, episode.ended_by, episode.ended_at),
    ):
        if at is None or status == before:
            continue
        data: dict[str, object] = {"before": before} if before else {}
        if at == episode.ended_at and episode.end_reason:
            data["reason_given"] = True
        yield _event(f"membership.{status}", by, membership, circle.row, at, **data)
        before = status


def _event(
    verb: str,
    by: User | None,
    on: Membership | SupportSession,
    group: SupportGroup,
    at: datetime,
    **data: object,
) -> Event:
    return Event(
        occurred_at=at,
        verb=verb,
        actor_id=by.pk if by else None,
        organisation_id=group.organisation_id,
        object_type=on._meta.label,
        object_id=on.pk,
        origin=Event.Origin.COMMAND,
        data=data,
    )


def save_attendance(circles: Iterable[Circle]) -> None:
    """Who came, as the rule reads it from when they were seen, and how much each said."""
    rows = []
    talks = random.Random(14)  # of its own: nothing else in the world depends on who talks
    for circle in circles:
        for episode in circle.episodes:
            for visit in episode.visits:
                assert episode.membership is not None
                row = Attendance(
                    support_session=visit.support_session,
                    membership=episode.membership,
                    first_seen_at=visit.first_seen_at,
                    last_seen_at=visit.last_seen_at,
                )
                if visit.is_excused:
                    row.status = Attendance.Status.EXCUSED
                ended_at = visit.support_session.ended_at
                assert ended_at is not None
                if row.first_seen_at:
                    row.came_by = Attendance.CameBy.ONLINE
                    if circle.row.format == SupportGroup.Format.IN_PERSON:
                        row.came_by = Attendance.CameBy.IN_PERSON
                    row.said_count = talks.choice([0, 1, 2, 3, 3, 4, 5, 7])
                    row.spoke_seconds = talks.choice([0, 60, 90, 120, 150, 180, 240])
                # How they came counts: nobody is seen to leave early who sits there in person.
                row.status = attendance_status(row, visit.support_session, ended_at=ended_at)
                rows.append(row)
    Attendance.objects.bulk_create(rows)


def save_conversation(
    circle: Circle,
    support_session: SupportSession,
    chat: Sequence[tuple[str, str]],
    rng: random.Random,
) -> None:
    """Who was in the room, and what was said by those who were there at that moment."""
    came = [
        (episode.person.user, visit.first_seen_at, visit.last_seen_at)
        for episode in circle.episodes
        for visit in episode.visits
        if visit.support_session is support_session and visit.first_seen_at and visit.last_seen_at
    ]
    assert support_session.began_at is not None
    assert support_session.ended_at is not None
    lead, begins, ends = circle.leads[0], support_session.began_at, support_session.ended_at
    Entry.objects.bulk_create(
        [
            Entry(
                support_session=support_session,
                user=lead,
                accepted_at=begins - timedelta(minutes=9),
                left_at=ends,
            ),
            *(
                Entry(
                    support_session=support_session,
                    user=user,
                    accepted_at=seen_first,
                    left_at=seen_last,
                )
                for user, seen_first, seen_last in came
            ),
        ]
    )
    # Letters go to people who were there from the beginning to the end.
    throughout = [
        user
        for user, seen_first, seen_last in came
        if seen_first < begins + timedelta(minutes=5) and seen_last > ends - timedelta(minutes=2)
    ]
    voices = {"F": lead, **dict(zip("ABCDEGH", throughout, strict=False))}
    lines = [(voices[who], words) for who, words in chat if who in voices]
    step = (ends - begins - timedelta(minutes=12)) / max(1, len(lines))
    rows = []
    moment = begins + timedelta(minutes=6)
    for number, (user, words) in enumerate(lines, start=1):
        moment += step * rng.uniform(0.6, 1.0)
        rows.append(
            Message(
                id=uuid7(moment, rng),
                support_session=support_session,
                sequence=number,
                client_id=uuid7(moment, rng),
                sender=user,
                is_from_facilitator=user is lead,
                body=words,
                sent_at=moment,
            )
        )
    Message.objects.bulk_create(rows)
    support_session.message_count = len(rows)
    support_session.save(update_fields=["message_count"])
