"""The rows of turns: moved, put in order, closed. Whoever calls holds the lock of the session."""

from collections.abc import Iterable
from datetime import datetime

from sessions import floor_rules, heard_rules
from sessions.models import Attendance, SupportSession, Turn


def move(turn: Turn, status: Turn.Status, *, at: datetime) -> None:
    """One move of the table, with its moments. Raises `Refused` for any other."""
    floor_rules.check_turn_move(turn, status)
    if status == Turn.Status.WAITING:
        turn.asked_at, turn.began_at, turn.ended_at = at, None, None
    elif status == Turn.Status.SPEAKING:
        turn.began_at = at
    else:
        turn.ended_at = at
    turn.status = status
    turn.save(update_fields=["status", "asked_at", "began_at", "ended_at"])


def put_in_order(turns: Iterable[Turn]) -> None:
    """Those who wait have this order from now on."""
    turns = list(turns)
    for position, turn in enumerate(turns, start=1):
        turn.position = position
    Turn.objects.bulk_update(turns, ["position"])


def close_all(support_session: SupportSession, *, at: datetime) -> None:
    """Nobody speaks or waits any more: who spoke has spoken, who waited did not get to it."""
    for turn in support_session.turns.filter(status__in=Turn.OPEN):
        if turn.status == Turn.Status.SPEAKING:
            move(turn, Turn.Status.DONE, at=at)
        elif turn.kind == Turn.Kind.ROUND:
            move(turn, Turn.Status.SKIPPED, at=at)
        else:
            move(turn, Turn.Status.LOWERED, at=at)


def settle_what_was_said(support_session: SupportSession) -> None:
    """Write down how much each member said, before messages and turns are deleted."""
    said, spoke = heard_rules.said_by(support_session), heard_rules.spoke_by(support_session)
    attendances = list(support_session.attendances.select_related("membership"))
    for attendance in attendances:
        user_id = attendance.membership.user_id
        attendance.said_count = said.get(user_id, 0)
        attendance.spoke_seconds = int(spoke.get(user_id, 0))
    Attendance.objects.bulk_update(attendances, ["said_count", "spoke_seconds"])
