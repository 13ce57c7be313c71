"""What happens on the floor: rounds, raised hands, turns, one after the other.

Every verb locks the session's row first, so that two at once take turns. What a facilitator does is
refused when the room has changed since they looked (`version`). What people do with their own turn
names no version: another hand that goes up meanwhile is no reason for a no.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from sessions import floor_rules, live, rules, turns
from sessions.changes import changed, locked, run_part
from sessions.models import SupportSession, Turn

Floor = SupportSession.Floor
Status = Turn.Status
_random = secrets.SystemRandom()


@transaction.atomic
def go_to_part(
    *,
    support_session: SupportSession,
    version: int,
    position: int,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """Jump to a part of the plan, also back: then its time goes on from where it was."""
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    run_part(floor_rules.part_to_run(support_session, position), at=at)
    return changed(support_session, "agenda.jumped", by=by, at=at, position=position)


# The floor ----------------------------------------------------------------------------------------


def _led(
    support_session: SupportSession, version: int, by: User, *floors: str
) -> tuple[SupportSession, floor_rules.FloorState]:
    """The session, locked, as this facilitator saw it, and its floor, which is one of `floors`."""
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    floor_rules.check_floor(support_session, *floors)
    return support_session, floor_rules.floor_state(support_session)


def _own(
    support_session: SupportSession, by: User, *floors: str
) -> tuple[SupportSession, floor_rules.FloorState]:
    """The session, locked, and its floor, for somebody in the room."""
    support_session = locked(support_session, version=None)
    floor_rules.check_may_take_turns(by, support_session)
    floor_rules.check_floor(support_session, *floors)
    return support_session, floor_rules.floor_state(support_session)


@transaction.atomic
def begin_round(
    *,
    support_session: SupportSession,
    version: int,
    by: User,
    with_facilitators: bool = True,
    at: datetime | None = None,
) -> SupportSession:
    """Everybody who is here gets a turn, in an order drawn at random. Nobody speaks yet."""
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    floor_rules.check_floor_move(support_session, Floor.ROUND)
    people = _people_here(support_session)
    if not with_facilitators:
        leads = set(rules.leading(support_session).values_list("pk", flat=True))
        people = [person for person in people if person.pk not in leads]
    floor_rules.check_somebody_here(people)
    turns.close_all(support_session, at=at)
    _random.shuffle(people)
    number = floor_rules.rounds_begun(support_session) + 1
    Turn.objects.bulk_create(
        Turn(
            support_session=support_session,
            user=person,
            kind=Turn.Kind.ROUND,
            round=number,
            position=position,
            asked_at=at,
        )
        for position, person in enumerate(people, start=1)
    )
    support_session.floor = Floor.ROUND
    live.publish_to_leads(support_session.pk, "people")
    return changed(
        support_session, "floor.round_began", by=by, at=at, round=number, people=len(people)
    )


def _people_here(support_session: SupportSession) -> list[User]:
    """Whose device answers, or who is here in person; everybody who entered, if nobody can tell."""
    people = list(floor_rules.in_circle(support_session).order_by("pk"))
    here = {person.token for person in live.people_here(support_session.pk)}
    present = [
        person for person in people if live.sender_token(support_session.pk, person.pk) in here
    ]
    return present if here else people


@transaction.atomic
def open_floor(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """From now on people raise a hand to speak."""
    return _switch(support_session, version, Floor.OPEN_FLOOR, "floor.opened", by, at)


@transaction.atomic
def close_floor(
    *, support_session: SupportSession, version: int, by: User, at: datetime | None = None
) -> SupportSession:
    """No turns any more: who waited did not get to it, and everybody writes when they like."""
    return _switch(support_session, version, Floor.OPEN_CHAT, "floor.closed", by, at)


def _switch(
    support_session: SupportSession,
    version: int,
    floor: SupportSession.Floor,
    verb: str,
    by: User,
    at: datetime | None,
) -> SupportSession:
    at = at or timezone.now()
    support_session = locked(support_session, version=version)
    rules.check_may_lead(by, support_session)
    floor_rules.check_floor_move(support_session, floor)
    turns.close_all(support_session, at=at)
    support_session.floor = floor
    live.publish_to_leads(support_session.pk, "people", "heard")
    return changed(support_session, verb, by=by, at=at)


# A facilitator moves it on ------------------------------------------------------------------------


@transaction.atomic
def invite(
    *,
    support_session: SupportSession,
    version: int,
    turn: UUID | None,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """It is this person's turn. Whoever spoke has finished."""
    at = at or timezone.now()
    support_session, state = _led(support_session, version, by, Floor.ROUND, Floor.OPEN_FLOOR)
    invited = floor_rules.turn_of(state, turn)
    floor_rules.check_turn_move(invited, Status.SPEAKING)
    if state.speaking is not None:
        turns.move(state.speaking, Status.DONE, at=at)
    live.publish_to_leads(support_session.pk, "heard")
    turns.move(invited, Status.SPEAKING, at=at)
    return changed(support_session, "turn.invited", by=by, at=at, turn=str(invited.pk))


@transaction.atomic
def finish(
    *,
    support_session: SupportSession,
    version: int,
    turn: UUID | None,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """The person who speaks has finished."""
    at = at or timezone.now()
    support_session, state = _led(support_session, version, by, Floor.ROUND, Floor.OPEN_FLOOR)
    finished = floor_rules.turn_of(state, turn)
    turns.move(finished, Status.DONE, at=at)
    return changed(support_session, "turn.finished", by=by, at=at, turn=str(finished.pk))


@transaction.atomic
def skip(
    *,
    support_session: SupportSession,
    version: int,
    turn: UUID | None,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """Go on without this person: they can come back in the round. A hand is lowered."""
    at = at or timezone.now()
    support_session, state = _led(support_session, version, by, Floor.ROUND, Floor.OPEN_FLOOR)
    left_out = floor_rules.turn_of(state, turn)
    is_hand = left_out.kind == Turn.Kind.HAND
    turns.move(left_out, Status.LOWERED if is_hand else Status.SKIPPED, at=at)
    verb = "hand.lowered" if is_hand else "turn.skipped"
    return changed(support_session, verb, by=by, at=at, turn=str(left_out.pk))


@transaction.atomic
def move_up(
    *,
    support_session: SupportSession,
    version: int,
    turn: UUID | None,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """One place further up among those who wait; the first one stays where they are."""
    at = at or timezone.now()
    support_session, state = _led(support_session, version, by, Floor.ROUND, Floor.OPEN_FLOOR)
    moved = floor_rules.turn_of(state, turn)
    order = list(state.waiting)
    place = next((i for i, each in enumerate(order) if each.pk == moved.pk), 0)
    if place:
        order[place - 1 : place + 1] = [order[place], order[place - 1]]
        turns.put_in_order(order)
    return changed(support_session, "turn.moved_up", by=by, at=at, turn=str(moved.pk))


@transaction.atomic
def bring_back(
    *,
    support_session: SupportSession,
    version: int,
    turn: UUID | None,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """Somebody who passed or was skipped has a turn after all, after those who wait."""
    at = at or timezone.now()
    support_session, state = _led(support_session, version, by, Floor.ROUND)
    _wait_again(state, floor_rules.turn_of(state, turn), at)
    return changed(support_session, "turn.came_back", by=by, at=at, turn=str(turn))


@transaction.atomic
def raise_hand_for(
    *,
    support_session: SupportSession,
    version: int,
    person: User,
    by: User,
    at: datetime | None = None,
) -> SupportSession:
    """A facilitator puts somebody into the queue or the round who sits there in person."""
    at = at or timezone.now()
    support_session, state = _led(support_session, version, by, Floor.ROUND, Floor.OPEN_FLOOR)
    floor_rules.check_may_be_given_turn(person, support_session)
    return _ask(support_session, state, person, by=by, at=at)


# With one's own turn ------------------------------------------------------------------------------


@transaction.atomic
def raise_hand(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> SupportSession:
    """Ask to speak: a hand, or a place in the round that runs. Asked twice it is one."""
    at = at or timezone.now()
    support_session, state = _own(support_session, by, Floor.ROUND, Floor.OPEN_FLOOR)
    return _ask(support_session, state, by, by=by, at=at)


def _ask(
    support_session: SupportSession,
    state: floor_rules.FloorState,
    person: User,
    *,
    by: User,
    at: datetime,
) -> SupportSession:
    own = state.of(person.pk)
    if own is not None and own.status in Turn.OPEN:
        return support_session
    if state.floor == Floor.ROUND:
        if own is not None:
            _wait_again(state, own, at)
        else:
            own = _new_turn(
                support_session, person, Turn.Kind.ROUND, _last_round(state, support_session), at
            )
            turns.put_in_order([*state.waiting, own])
        return changed(support_session, "turn.came_back", by=by, at=at, turn=str(own.pk))
    own = _new_turn(support_session, person, Turn.Kind.HAND, 0, at)
    order = list(state.waiting)
    order.insert(floor_rules.place_in_queue(state, person.pk), own)
    turns.put_in_order(order)
    return changed(support_session, "hand.raised", by=by, at=at, turn=str(own.pk))


def _last_round(state: floor_rules.FloorState, support_session: SupportSession) -> int:
    return state.turns[0].round if state.turns else floor_rules.rounds_begun(support_session)


def _new_turn(
    support_session: SupportSession, person: User, kind: Turn.Kind, number: int, at: datetime
) -> Turn:
    return Turn.objects.create(
        support_session=support_session,
        user=person,
        kind=kind,
        round=number,
        position=0,
        asked_at=at,
    )


def _wait_again(state: floor_rules.FloorState, turn: Turn, at: datetime) -> None:
    waiting: Sequence[Turn] = list(state.waiting)
    turns.move(turn, Status.WAITING, at=at)
    turns.put_in_order([*waiting, turn])


@transaction.atomic
def lower_hand(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> SupportSession:
    """Take one's own hand down."""
    at = at or timezone.now()
    support_session, state = _own(support_session, by, Floor.OPEN_FLOOR)
    own = floor_rules.own_turn(state, by, Status.WAITING)
    turns.move(own, Status.LOWERED, at=at)
    return changed(support_session, "hand.lowered", by=by, at=at, turn=str(own.pk))


@transaction.atomic
def pass_on(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> SupportSession:
    """Not this time: when it is one's turn in the round, or before. One may come back."""
    at = at or timezone.now()
    support_session, state = _own(support_session, by, Floor.ROUND)
    own = floor_rules.own_turn(state, by, *Turn.OPEN)
    turns.move(own, Status.PASSED, at=at)
    return changed(support_session, "turn.passed", by=by, at=at, turn=str(own.pk))


@transaction.atomic
def finish_own(
    *, support_session: SupportSession, by: User, at: datetime | None = None
) -> SupportSession:
    """I have said what I wanted to."""
    at = at or timezone.now()
    support_session, state = _own(support_session, by, Floor.ROUND, Floor.OPEN_FLOOR)
    own = floor_rules.own_turn(state, by, Status.SPEAKING)
    turns.move(own, Status.DONE, at=at)
    return changed(support_session, "turn.finished", by=by, at=at, turn=str(own.pk))
