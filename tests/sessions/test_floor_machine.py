"""The floor: its table of moves, its order, and that nothing at once can corrupt it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from audit.models import Event
from groups.models import SupportGroup
from sessions import actions, floor_actions, floor_rules, live, turns
from sessions.models import Attendance, SupportSession, Turn
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once

Floor = SupportSession.Floor
Kind, Status = Turn.Kind, Turn.Status


class Room:
    """A live session with people in it, and verbs that know its newest version."""

    def __init__(self, people: int = 3, *, group: SupportGroup | None = None) -> None:
        self.group = group or factories.group()
        self.lead: User = factories.facilitator(self.group).user
        self.session = factories.support_session(self.group, status="live")
        factories.agenda(self.session)
        self.people: list[User] = []
        for _ in range(people):
            self.people.append(factories.member(self.group).user)
        for person in (self.lead, *self.people):
            factories.entry(self.session, person)

    def leads(self, verb: str, **more: Any) -> SupportSession:
        self.session.refresh_from_db()
        more.setdefault("version", self.session.version)
        more.setdefault("by", self.lead)
        return getattr(floor_actions, verb)(support_session=self.session, **more)

    def own(self, verb: str, person: User) -> SupportSession:
        return getattr(floor_actions, verb)(support_session=self.session, by=person)

    @property
    def floor(self) -> floor_rules.FloorState:
        self.session.refresh_from_db()
        return floor_rules.floor_state(self.session)

    def queue(self) -> list[User]:
        return [turn.user for turn in self.floor.waiting]

    def invite_next(self) -> User:
        following = self.floor.following
        assert following is not None
        self.leads("invite", turn=following.pk)
        return following.user

    def turn(self, person: User) -> Turn:
        found = self.floor.of(person.pk)
        assert found is not None
        return found


@pytest.fixture
def room(db: None) -> Room:
    return Room()


def reason(call: Any, *args: Any, **more: Any) -> str:
    with pytest.raises(Refused) as no:
        call(*args, **more)
    return no.value.reason


# The table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_only_the_moves_of_the_table(kind: Kind, before: Status, after: Status) -> None:
    turn = Turn(kind=kind, status=before)
    if after in Turn.MOVES[kind][before]:
        floor_rules.check_turn_move(turn, after)
    else:
        assert reason(floor_rules.check_turn_move, turn, after) == "state_changed"


@pytest.mark.parametrize("kind", Kind)
def test_every_state_of_a_turn_is_reached_and_left(room: Room, kind: Kind) -> None:
    """Walk the whole table with real rows: the database takes each state the table knows."""
    at = timezone.now()
    number = 1 if kind == Kind.ROUND else 0
    paths = [[Status.WAITING]]
    walked = set()
    while paths:
        path = paths.pop()
        for following in Turn.MOVES[kind][path[-1]]:
            if (path[-1], following) in walked:
                continue
            walked.add((path[-1], following))
            turn = Turn.objects.create(
                support_session=room.session,
                user=room.people[0],
                kind=kind,
                round=number,
                position=1,
                asked_at=at,
            )
            for state in [*path[1:], following]:
                turns.move(turn, state, at=at)
            turn.refresh_from_db()
            assert turn.status == following
            turn.delete()
            paths.append([*path, following])
    assert walked == {(a, b) for a, moves in Turn.MOVES[kind].items() for b in moves}


@pytest.mark.parametrize("before", Floor)
@pytest.mark.parametrize("after", Floor)
def test_only_the_moves_of_the_floor(before: Floor, after: Floor) -> None:
    session = SupportSession(status="live", floor=before)
    if after in SupportSession.FLOOR_MOVES[before]:
        floor_rules.check_floor_move(session, after)
    else:
        assert reason(floor_rules.check_floor_move, session, after) == "state_changed"


# What the database refuses ------------------------------------------------------------------------


def _turn(room: Room, person: User, **fields: Any) -> Turn:
    values = {"kind": "hand", "position": 1, "asked_at": timezone.now(), **fields}
    if values.get("status") == "speaking":
        values["began_at"] = timezone.now()
    return Turn.objects.create(support_session=room.session, user=person, **values)


IN_ROUND = {"kind": "round", "round": 1}


@pytest.mark.parametrize(
    ("constraint", "first", "second"),
    [
        ("sessions_turn_one_speaks", {"status": "speaking"}, {"status": "speaking", "who": 1}),
        ("sessions_turn_one_hand", {}, {}),
        (
            "sessions_turn_once_a_round",
            {"kind": "round", "round": 1},
            {"kind": "round", "round": 1},
        ),
        ("sessions_turn_kind_known", None, {"kind": "round", "round": 0}),
        ("sessions_turn_status_known", None, {"status": "passed", "ended_at": timezone.now()}),
        ("sessions_turn_dated", None, {"ended_at": timezone.now()}),
    ],
)
def test_the_database_refuses(
    room: Room, constraint: str, first: dict[str, Any] | None, second: dict[str, Any]
) -> None:
    if first is not None:
        _turn(room, room.people[0], **first)
    second = dict(second)
    person = room.people[second.pop("who", 0)]
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        _turn(room, person, **second)


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("sessions_supportsession_floor_known", {"floor": "stage"}),
        ("sessions_supportsession_turns_while_live", {"floor": "round", "status": "scheduled"}),
        (
            "sessions_supportsession_door_one_way",
            {"door_closed_at": timezone.now(), "door_opened_at": timezone.now()},
        ),
    ],
)
def test_a_session_has_a_floor_and_a_door(
    room: Room, constraint: str, values: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SupportSession.objects.filter(pk=room.session.pk).update(**values)


# A round ------------------------------------------------------------------------------------------


def test_a_round_gives_everybody_one_turn_in_a_drawn_order(room: Room) -> None:
    room.leads("begin_round")
    assert set(room.queue()) == {room.lead, *room.people}
    assert room.floor.speaking is None
    heard = [room.invite_next() for _ in range(4)]
    assert set(heard) == {room.lead, *room.people}
    room.own("finish_own", heard[-1])
    assert room.floor.is_round_over
    assert Event.objects.filter(verb="turn.invited").count() == 4


def test_the_order_of_a_round_is_random(room: Room) -> None:
    orders = set()
    for _ in range(6):
        room.leads("begin_round")
        orders.add(tuple(person.pk for person in room.queue()))
        room.leads("close_floor")
    assert len(orders) > 1  # 24 orders are possible: one alone has a chance of 24 ** -5


def test_a_round_without_facilitators(room: Room) -> None:
    room.leads("begin_round", with_facilitators=False)
    assert set(room.queue()) == set(room.people)


def test_a_round_is_for_whose_device_answers(room: Room) -> None:
    here = room.people[0]
    seat = live.Here(live.sender_token(room.session.pk, here.pk), here.public_name, False, 0)
    live.show_present(room.session.pk, seat, device="page")
    room.leads("begin_round")
    assert room.queue() == [here]


def test_passing_and_coming_back(room: Room) -> None:
    room.leads("begin_round", with_facilitators=False)
    first, second, third = room.queue()
    room.invite_next()
    room.own("pass_on", first)  # at their turn
    room.own("pass_on", second)  # before it
    assert room.queue() == [third]
    room.own("raise_hand", second)
    room.own("raise_hand", first)
    room.own("raise_hand", first)  # twice is once
    assert room.queue() == [third, second, first]
    assert Turn.objects.count() == 3


def test_a_late_comer_joins_the_round_at_its_end(room: Room) -> None:
    room.leads("begin_round")
    late = factories.member(room.group).user
    assert reason(room.own, "raise_hand", late) == "not_entered"
    factories.entry(room.session, late)
    room.own("raise_hand", late)
    assert room.queue()[-1] == late


def test_who_was_skipped_is_brought_back(room: Room) -> None:
    room.leads("begin_round", with_facilitators=False)
    first = room.queue()[0]
    room.leads("skip", turn=room.turn(first).pk)
    assert first not in room.queue()
    room.leads("bring_back", turn=room.turn(first).pk)
    assert room.queue()[-1] == first


def test_a_round_ends_with_the_session(room: Room) -> None:
    room.leads("begin_round")
    room.invite_next()
    actions.end_session(support_session=room.session, by=room.lead)
    room.session.refresh_from_db()
    assert room.session.floor == Floor.OPEN_CHAT
    assert set(Turn.objects.values_list("status", flat=True)) == {"done", "skipped"}


# The open floor -----------------------------------------------------------------------------------


def test_who_has_not_spoken_today_comes_first(room: Room) -> None:
    a, b, c = room.people
    room.leads("open_floor")
    room.own("raise_hand", a)
    room.invite_next()
    room.own("finish_own", a)
    room.own("raise_hand", a)
    room.own("raise_hand", b)
    room.own("raise_hand", c)
    assert room.queue() == [b, c, a]


def test_a_hand_is_raised_once_and_lowered_by_its_owner(room: Room) -> None:
    a, b, _ = room.people
    room.leads("open_floor")
    room.own("raise_hand", a)
    room.own("raise_hand", b)
    assert room.queue() == [a, b]
    before = room.session.version
    room.own("raise_hand", a)
    assert room.queue() == [a, b]
    assert room.session.version == before, "a hand that is up already changes nothing"
    room.own("lower_hand", a)
    assert room.queue() == [b]
    assert reason(room.own, "lower_hand", a) == "state_changed"


def test_facilitators_queue_too_lower_one_hand_and_reorder(room: Room) -> None:
    a, b, c = room.people
    room.leads("open_floor")
    for person in (a, b, c, room.lead):
        room.own("raise_hand", person)
    room.leads("move_up", turn=room.turn(c).pk)
    assert room.queue() == [a, c, b, room.lead]
    room.leads("skip", turn=room.turn(a).pk)
    assert room.queue() == [c, b, room.lead]
    assert room.turn(b).status == Status.WAITING, "hands are lowered singly"


def test_inviting_ends_the_turn_before(room: Room) -> None:
    a, b, _ = room.people
    room.leads("open_floor")
    room.own("raise_hand", a)
    room.own("raise_hand", b)
    room.leads("invite", turn=room.turn(b).pk)  # not the first one: a facilitator may choose
    room.leads("invite", turn=room.turn(a).pk)
    assert room.floor.speaking is not None
    assert room.floor.speaking.user == a
    assert Turn.objects.get(user=b).status == Status.DONE


def test_who_speaks_cannot_queue_twice(room: Room) -> None:
    a = room.people[0]
    room.leads("open_floor")
    room.own("raise_hand", a)
    room.invite_next()
    room.own("raise_hand", a)
    assert Turn.objects.count() == 1


@pytest.mark.parametrize(
    "verb", ["begin_round", "open_floor", "close_floor", "invite", "finish", "skip", "move_up"]
)
def test_only_facilitators_lead_the_floor(room: Room, verb: str) -> None:
    more = {} if verb in ("begin_round", "open_floor", "close_floor") else {"turn": None}
    assert reason(room.leads, verb, by=room.people[0], **more) == "not_facilitator"


def test_a_hand_in_open_chat_is_refused(room: Room) -> None:
    assert reason(room.own, "raise_hand", room.people[0]) == "state_changed"


def test_an_old_version_is_refused(room: Room) -> None:
    room.session.refresh_from_db()
    old = room.session.version
    room.leads("open_floor")
    assert reason(room.leads, "close_floor", version=old) == "state_changed"
    assert room.floor.floor == Floor.OPEN_FLOOR


# The plan -----------------------------------------------------------------------------------------


def test_jumping_back_goes_on_where_the_part_was(room: Room) -> None:
    began = timezone.now() - timedelta(minutes=10)
    room.session.agenda.filter(position=1).update(began_at=began)
    room.leads("go_to_part", position=3, at=began + timedelta(minutes=6))
    room.leads("go_to_part", position=1, at=began + timedelta(minutes=8))
    current = room.session.current_item()
    assert current is not None
    assert current.position == 1
    assert live.minutes_since(current) == 8  # 6 before, 2 since it came back
    assert reason(room.leads, "go_to_part", position=1) == "state_changed"
    assert reason(room.leads, "go_to_part", position=9) == "no_such_part"


def test_next_is_the_part_after_the_current_one(room: Room) -> None:
    room.leads("go_to_part", position=3)
    room.leads("go_to_part", position=1)
    room.session.refresh_from_db()
    moved = actions.next_agenda_item(
        support_session=room.session, version=room.session.version, by=room.lead
    )
    current = moved.current_item()
    assert current is not None
    assert current.position == 2


# What stays ---------------------------------------------------------------------------------------


def test_the_end_writes_down_how_much_each_said(room: Room) -> None:
    a, b, _ = room.people
    for person in (a, b):
        membership = room.group.memberships.get(user=person)
        Attendance.objects.create(
            support_session=room.session, membership=membership, first_seen_at=timezone.now()
        )
    for sequence in (1, 2):
        factories.message(room.session, a, sequence=sequence)
    room.leads("open_floor")
    room.own("raise_hand", b)
    at = timezone.now()
    room.leads("invite", turn=room.turn(b).pk, at=at)
    actions.end_session(support_session=room.session, by=None, at=at + timedelta(seconds=90))
    rows = Attendance.objects.filter(membership__user__in=[a, b]).order_by("membership__user")
    assert [(row.said_count, row.spoke_seconds) for row in rows] == [(2, 0), (0, 90)]


# At once ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_everybody_at_once() -> None:
    """Hands go up and two facilitators invite at the same moment: one order, one speaker."""
    room = Room(4)
    second = factories.facilitator(room.group).user
    factories.entry(room.session, second)
    room.leads("open_floor")
    at_once(*[lambda person=person: room.own("raise_hand", person) for person in room.people * 2])
    assert sorted(turn.position for turn in room.floor.waiting) == [1, 2, 3, 4]
    first, other, *_ = room.floor.waiting
    version = room.session.version

    def invite(turn: Turn, by: User) -> SupportSession:
        return floor_actions.invite(
            support_session=room.session, version=version, turn=turn.pk, by=by
        )

    answers = at_once(
        lambda: invite(first, room.lead),
        lambda: invite(other, second),
        lambda: room.own("lower_hand", room.people[3]),
        lambda: invite(first, second),
    )
    invited = [each for each in answers[:2] + answers[3:] if not isinstance(each, Refused)]
    assert len(invited) <= 1
    assert Turn.objects.filter(status=Status.SPEAKING).count() == len(invited)


# Any order ----------------------------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """One room, four people, two facilitators, and every verb in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize()
    def begin(self) -> None:
        floor_actions._random = random.Random(7)  # an example that failed can be run again
        self.room = Room(4)
        self.now = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
        self.version = 0

    @rule(
        data=st.data(),
        verb=st.sampled_from(["raise_hand", "lower_hand", "pass_on", "finish_own"]),
    )
    def own(self, data: st.DataObject, verb: str) -> None:
        person = data.draw(st.sampled_from([self.room.lead, *self.room.people]))
        self._try(verb, by=person)

    @rule(
        data=st.data(),
        verb=st.sampled_from(["invite", "finish", "skip", "move_up", "bring_back"]),
        stale=st.booleans(),
    )
    def lead(self, data: st.DataObject, verb: str, stale: bool) -> None:
        turns = self.room.floor.turns
        turn = data.draw(st.sampled_from(turns)).pk if turns else None
        version = self.room.session.version - stale
        done = self._try(verb, by=self.room.lead, version=version, turn=turn)
        assert not (done and stale), "somebody acted on what they had not seen"

    @rule(verb=st.sampled_from(["begin_round", "open_floor", "close_floor"]))
    def switch(self, verb: str) -> None:
        self.room.session.refresh_from_db()
        self._try(verb, by=self.room.lead, version=self.room.session.version)

    def _try(self, verb: str, **more: Any) -> bool:
        self.now += timedelta(seconds=20)
        before = self.room.session.version
        events = Event.objects.count()
        try:
            with transaction.atomic():
                getattr(floor_actions, verb)(support_session=self.room.session, at=self.now, **more)
            done = True
        except Refused:
            done = False
        self.room.session.refresh_from_db()
        raised = self.room.session.version - before
        assert raised in ((0, 1) if done else (0,))
        assert Event.objects.count() - events == raised, "each change is one event"
        return done

    @invariant()
    def the_floor_is_whole(self) -> None:
        state = self.room.floor
        rows = list(self.room.session.turns.all())
        open_now = [turn for turn in rows if turn.status in Turn.OPEN]
        assert {turn.pk for turn in open_now} <= {turn.pk for turn in state.turns}
        assert sum(turn.status == Status.SPEAKING for turn in rows) <= 1
        waiting = [turn.user_id for turn in state.waiting]
        assert len(set(waiting)) == len(waiting), "nobody waits twice"
        assert len({turn.position for turn in state.waiting}) == len(waiting), "one order"
        if state.floor == Floor.OPEN_CHAT:
            assert not open_now
        assert all(turn.kind == Kind.ROUND for turn in open_now) or state.floor != Floor.ROUND
        spoken = sum(floor_rules.seconds_spoken(turn, at=self.now) for turn in rows)
        assert spoken <= (self.now - datetime(2026, 3, 2, 18, 30, tzinfo=UTC)).total_seconds()


@pytest.mark.django_db
def test_any_order_keeps_the_floor_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor_actions, "_random", floor_actions._random)  # put back at the end
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=8,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
