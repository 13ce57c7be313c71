"""Keeping it safe over real sockets: who hears what, on every process, and how quickly."""

import json
import time
from uuid import uuid4

import pytest

from sessions import actions, safe_actions
from sessions.models import Hint, Message, SupportSession
from tests import factories
from tests.cast import Person
from tests.sessions.web import Enter, Guest, running

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

WHY = {"reason": "rules", "words": "SECRET REASON"}


def _heard(*guests: Guest) -> str:
    return json.dumps([guest.frames for guest in guests])


def test_a_step_reaches_each_role_as_it_should(
    enter: Enter,
    session: SupportSession,
    member: Person,
    other: Person,
    facilitator: Person,
) -> None:
    """Reports and hints: those who lead alone. Hidden words: nobody. Being asked to listen: whom
    it is about alone. The reason: nobody."""
    lead, one, two = (enter(person) for person in (facilitator, member, other))
    client_id = one.say("I want to kill myself")
    number = one.until("sent", id=client_id)["sequence"]
    for guest in (lead, two):
        guest.until("message", sequence=number)
    lead.part("hints", "A word list noticed")
    assert Hint.objects.get().list_version == "en 1"

    message = Message.objects.get(sequence=number)
    safe_actions.report_message(
        message=message, reason="hurts", detail="DETAIL OF REPORT", by=other.user
    )
    lead.part("reports", "1 message reported")
    safe_actions.hide_message(message=message, by=facilitator.user, **WHY)
    for guest in (lead, one, two):
        changed = guest.until("changed", sequence=number)
        assert "A message was here" in changed["html"]
        assert "kill" not in changed["html"]
    late = enter(other)
    assert "kill" not in _heard(late)

    step = safe_actions.mute(support_session=session, about=member.user, by=facilitator.user, **WHY)
    told = one.until("you", may_speak=False)
    assert "asks you to listen" in told["words"]
    refused = str(uuid4())
    one.say("But", client_id=refused)
    assert one.until("refused", id=refused)["reason"] == "muted"
    actions.raise_concern(
        support_session=session,
        about=member.user,
        detail="DETAIL OF CONCERN",
        occasion=uuid4(),
        shows_help=True,
        by=other.user,
    )
    assert "tel:" in one.until("you", may_speak=False)["help"]
    safe_actions.undo(intervention=step, by=facilitator.user)
    one.until("you", may_speak=True)
    one.say("Thank you")
    for guest in (lead, two, late):
        guest.until("message", sequence=number + 1)

    for guest in (one, two, late):
        assert guest.of("leads") == []
    for guest in (two, late):
        assert [(you["may_speak"], you["help"]) for you in guest.of("you")] == [(True, "")]
    assert "SECRET REASON" not in _heard(lead, one, two, late)
    assert "DETAIL OF CONCERN" not in _heard(lead, one, two, late)
    assert "DETAIL OF REPORT" not in _heard(one, two, late)


def test_a_report_about_a_facilitator_reaches_nobody_in_the_room(
    enter: Enter, session: SupportSession, member: Person, facilitator: Person
) -> None:
    lead, one = enter(facilitator), enter(member)
    lead.say("Advice")
    number = lead.until("message")["sequence"]
    one.until("message", sequence=number)
    message = Message.objects.get(sequence=number)
    assert message.is_from_facilitator
    safe_actions.report_message(message=message, reason="hurts", detail="Ouch", by=member.user)
    session.refresh_from_db()
    ordinary = factories.message(session, member.user)
    safe_actions.hide_message(message=ordinary, by=facilitator.user, **WHY)
    lead.part("reports", "1 running")
    assert "reported" not in _heard(lead, one)


def test_whoever_is_removed_is_out_within_a_second_on_every_process_and_stays_out(
    enter: Enter, session: SupportSession, member: Person, other: Person, facilitator: Person
) -> None:
    with running() as second:
        stays = enter(other)
        here, there = enter(member), enter(member, at=second)
        begun = time.monotonic()
        safe_actions.remove_from_session(
            support_session=session, about=member.user, by=facilitator.user, **WHY
        )
        for guest in (here, there):
            assert guest.closed() == (4403, "removed_from_session")
        # Generous: the machine may be busy. Sockets look by the clock only every 20 seconds.
        assert time.monotonic() - begun < 10
        again = enter(member, at=second, after=None)
        assert again.closed() == (4403, "removed_from_session")
    stays.say("We go on")
    stays.until("message")
