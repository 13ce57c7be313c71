"""Who speaks, in which order, and who may move it on. Asks, never writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from sessions import door_rules, rules
from sessions.models import AgendaItem, SupportSession, Turn
from supportgroups.lib.refusals import Refused

Floor = SupportSession.Floor
Status = Turn.Status


@dataclass
class FloorState:
    """How people take turns now: the turns of the round that runs, or the hands that are up."""

    floor: str
    turns: list[Turn] = field(default_factory=list)
    #: Who has had a turn in this session.
    heard: frozenset[UUID] = frozenset()

    @cached_property
    def speaking(self) -> Turn | None:
        return next((turn for turn in self.turns if turn.status == Status.SPEAKING), None)

    @cached_property
    def waiting(self) -> list[Turn]:
        """Those still to come, in order."""
        return [turn for turn in self.turns if turn.status == Status.WAITING]

    @property
    def following(self) -> Turn | None:
        """Who is next."""
        return self.waiting[0] if self.waiting else None

    @property
    def in_order(self) -> list[Turn]:
        """Who speaks, who waits in order, and in a round those who had or left their turn."""
        order = {Status.SPEAKING: 0, Status.WAITING: 1}
        return sorted(self.turns, key=lambda turn: order.get(Status(turn.status), 2))

    @property
    def is_round_over(self) -> bool:
        """Everybody had a turn; who passed can still come back."""
        return self.floor == Floor.ROUND and not self.speaking and not self.waiting

    def of(self, user_id: UUID) -> Turn | None:
        """Somebody's own turn: the one they have, or the one they wait for."""
        own = [turn for turn in self.turns if turn.user_id == user_id]
        return next((turn for turn in own if turn.status == Status.SPEAKING), next(iter(own), None))


def floor_state(support_session: SupportSession) -> FloorState:
    """Read the turns; the session's own row is taken as it is."""
    if support_session.floor == Floor.OPEN_CHAT:
        return FloorState(support_session.floor)
    shown = Q(kind=Turn.Kind.HAND, status__in=Turn.OPEN)
    if support_session.floor == Floor.ROUND:
        shown = Q(kind=Turn.Kind.ROUND, round=rounds_begun(support_session))
    turns = support_session.turns.filter(shown).select_related("user")
    return FloorState(support_session.floor, list(turns), heard_in_turns(support_session))


def rounds_begun(support_session: SupportSession) -> int:
    """How many rounds the session has had; the last one is the one that may run."""
    return support_session.turns.aggregate(last=Max("round"))["last"] or 0


def heard_in_turns(support_session: SupportSession) -> frozenset[UUID]:
    """Who has finished a turn in this session: others come first in the queue."""
    done = support_session.turns.filter(status=Status.DONE)
    return frozenset(done.order_by().values_list("user", flat=True))


def place_in_queue(state: FloorState, user_id: UUID) -> int:
    """Where a new hand goes among those who wait: whoever has not spoken today comes before those
    who have, and otherwise who raised a hand first."""
    if user_id in state.heard:
        return len(state.waiting)
    for place in range(len(state.waiting), 0, -1):
        if state.waiting[place - 1].user_id not in state.heard:
            return place
    return 0


def in_circle(support_session: SupportSession) -> QuerySet[User]:
    """Everybody a turn can be given to: in the room on a device, or noted as here in person, and
    not asked to listen only."""
    people = Q(pk__in=rules.in_room(support_session).values("user")) & (
        Q(pk__in=rules.admitted_to(support_session).values("user"))
        | Q(pk__in=rules.leading(support_session).values("pk"))
    )
    return User.objects.filter(
        people | Q(pk__in=door_rules.here_in_person(support_session).values("user")),
        ~Exists(rules.listening_only(support_session).filter(about=OuterRef("pk"))),
    )


def check_live(support_session: SupportSession) -> None:
    """Raise `Refused` unless the session runs."""
    if support_session.status != SupportSession.Status.LIVE:
        raise Refused("not_live", "The session has not started.")


def check_floor_move(support_session: SupportSession, floor: str) -> None:
    """Raise `Refused` unless the table allows to take turns in this way now."""
    check_live(support_session)
    if floor not in SupportSession.FLOOR_MOVES[Floor(support_session.floor)]:
        raise Refused("state_changed", "Somebody was quicker. This is how it stands now.")


def check_floor(support_session: SupportSession, *floors: str) -> None:
    """Raise `Refused` unless people take turns in one of these ways."""
    check_live(support_session)
    if support_session.floor not in floors:
        raise Refused("state_changed", "That is over. This is how it stands now.")


def check_turn_move(turn: Turn, status: str) -> None:
    """Raise `Refused` unless the table of moves allows this."""
    if status not in Turn.MOVES[Turn.Kind(turn.kind)][Status(turn.status)]:
        raise Refused("state_changed", "Somebody was quicker. This is how it stands now.")


def check_may_be_given_turn(user: User, support_session: SupportSession) -> None:
    """Raise `Refused` for somebody who is not in the circle."""
    if not in_circle(support_session).filter(pk=user.pk).exists():
        raise Refused("not_in_room", "This person is not in the room.")


def check_may_take_turns(
    user: User, support_session: SupportSession, *, at: datetime | None = None
) -> None:
    """Raise `Refused` unless this person is in the room, may speak, and the session runs."""
    rules.check_may_be_in_room(user, support_session, at=at)
    rules.check_may_speak(user, support_session)
    check_live(support_session)


def turn_of(state: FloorState, turn_id: UUID | None) -> Turn:
    """The turn a facilitator means, or `Refused` when it is over."""
    for turn in state.turns:
        if turn.pk == turn_id:
            return turn
    raise Refused("state_changed", "That turn is over. This is how it stands now.")


def own_turn(state: FloorState, user: User, *statuses: str) -> Turn:
    """A person's own turn in one of these states, or `Refused`."""
    for turn in state.turns:
        if turn.user_id == user.pk and turn.status in statuses:
            return turn
    raise Refused("state_changed", "That is over already. This is how it stands now.")


def check_somebody_here(people: Sequence[User]) -> None:
    """Raise `Refused` for a round with nobody in it."""
    if not people:
        raise Refused("nobody_here", "Nobody is here yet. Begin the round when people are.")


def part_to_run(support_session: SupportSession, position: int) -> AgendaItem:
    """The part at a position that is not running, or `Refused`."""
    check_live(support_session)
    item = support_session.agenda.filter(position=position).first()
    if item is None:
        raise Refused("no_such_part", "This part is not in the plan any more.")
    if item.began_at and not item.ended_at:
        raise Refused("state_changed", "This part is running already.")
    return item


def seconds_spoken(turn: Turn, *, at: datetime | None = None) -> float:
    """How long a turn has been, or was."""
    if turn.began_at is None or turn.status not in (Status.SPEAKING, Status.DONE):
        return 0
    return max(0.0, ((turn.ended_at or at or timezone.now()) - turn.began_at).total_seconds())
