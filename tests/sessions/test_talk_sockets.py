"""The conversation over real sockets: who hears what, and what a page that was away gets."""

import json
from uuid import uuid4

import pytest
from django.db import transaction

from groups.models import FacilitatorAssignment
from sessions import live, talk_actions
from sessions.models import LineMessage, Message, SupportSession
from tests import factories
from tests.cast import Person, signed_in
from tests.sessions.web import Enter, Guest

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def _until_said(guest: Guest, by: Guest) -> None:
    """Everything that was published before has reached this socket."""
    client_id = by.say("A marker")
    guest.until("message", id=client_id)


# What is only for those who lead ------------------------------------------------------------------


def test_the_facilitators_line_reaches_those_who_lead_and_nobody_else(
    enter: Enter,
    session: SupportSession,
    member: Person,
    other: Person,
    facilitator: Person,
) -> None:
    lead, second_device, one, two = (
        enter(person) for person in (facilitator, facilitator, member, other)
    )
    client_id = str(uuid4())
    for _ in range(2):
        lead.send(type="line", id=client_id, body="Tom seems low today")
        assert lead.until("sent", id=client_id)["sequence"] == 1
    for guest in (lead, second_device):
        guest.part("line", "Tom seems low today")
    one.send(type="line", id=client_id, body="Let me in")
    assert one.until("refused", id=client_id)["reason"] == "not_facilitator"
    for guest in (one, two):
        _until_said(guest, lead)
        assert guest.of("leads") == []
        assert "Tom seems low" not in json.dumps(guest.frames)
    assert LineMessage.objects.count() == 1


def test_who_ceased_to_lead_hears_nothing_more_even_before_their_next_check(
    enter: Enter, session: SupportSession, member: Person, facilitator: Person
) -> None:
    """Without any notice: the right is read again with the part itself."""
    second = factories.user(display_name="Second")
    factories.facilitator(session.group, user=second)
    factories.entry(session, second)
    stays, ceased = enter(facilitator), enter(signed_in(second))
    ceased.part("line")
    FacilitatorAssignment.objects.filter(user=second).delete()
    talk_actions.say_on_line(
        support_session=session, client_id=uuid4(), body="Among us", by=facilitator.user
    )
    stays.part("line", "Among us")
    assert ceased.closed()[0] == 4404
    assert "Among us" not in json.dumps(ceased.frames)


def test_a_facilitator_who_becomes_a_member_is_told_and_hears_no_more_of_it(
    enter: Enter, session: SupportSession, member: Person, facilitator: Person
) -> None:
    factories.member(session.group, user=facilitator.user)
    was_lead, one = enter(facilitator), enter(member)
    was_lead.part("line")
    FacilitatorAssignment.objects.filter(user=facilitator.user).delete()
    with transaction.atomic():
        live.publish_to_leads(session.pk, "line", "no such part")
    assert was_lead.until("role")["leads"] is False
    heard = len(was_lead.of("leads"))
    with transaction.atomic():
        live.publish_to_leads(session.pk, "line")
    _until_said(was_lead, one)
    assert len(was_lead.of("leads")) == heard


# What changes after it was said -------------------------------------------------------------------


def test_a_changed_message_comes_again_to_everybody(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    one, two = enter(member), enter(other)
    for number in (1, 2):
        one.say(str(number))
        two.until("message", sequence=number)
    first = Message.objects.get(sequence=1)
    first.body = "Put better"
    first.save()
    talk_actions.touch(first)
    for guest in (one, two):
        changed = guest.until("changed", sequence=1)
        assert changed["revision"] == 1
        assert "Put better" in changed["html"]
        assert 'data-revision="1"' in changed["html"]


def test_who_was_away_gets_what_changed_meanwhile_once_and_in_order(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    said = [factories.message(session, other.user) for _ in range(120)]
    for number in [*range(110), 3, 5]:
        talk_actions.touch(said[number])
    away = enter(member, after=100, revision=90)
    changed = [(frame["revision"], frame["sequence"]) for frame in away.of("changed")]
    # Of messages that it has, what is newer; what it had not comes as it is.
    assert changed == [*((n, n) for n in range(91, 101)), (111, 4), (112, 6)]
    assert away.heard() == list(range(101, 121))
    assert away.frames[-1] == {
        "type": "caught_up",
        "sequence": 120,
        "revision": 112,
        "count": 20,
    }
    everything = enter(other, after=120, revision=0)
    assert len(everything.of("changed")) == 110
    talk_actions.touch(said[0])
    for guest in (away, everything):
        assert guest.until("changed")["revision"] == 113
    away.send(type="after", sequence=120, revision=True)
    assert away.closed() == (1008, "malformed")


def test_answers_reactions_and_changes_by_frames(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    one, second_tab, two = enter(member), enter(member), enter(other)
    one.say("Frist")
    two.until("message", sequence=1)
    answer = two.say("I hear you", reply_to=1)
    assert 'href="#m1"' in one.until("message", id=answer)["html"]
    one.send(type="edit", sequence=1, body="First")
    assert "First" in two.until("changed", sequence=1)["html"]
    assert "First" in two.until("changed", sequence=2)["html"], "the answer quotes it"
    one.send(type="react", sequence=2, kind="thank_you", on=True)
    for tab in (one, second_tab):
        own = tab.until("own", complete=False)["messages"]
        assert own == [{"sequence": 2, "mine": False, "reactions": ["thank_you"]}]
    assert "Thank you" in two.until("changed", sequence=2, revision=3)["html"]
    two.send(type="edit", sequence=1, body="Hijacked")
    refused = two.until("refused")
    assert (refused["sequence"], refused["reason"]) == (1, "not_own")
    one.send(type="delete", sequence=1)
    assert "Deleted" in two.until("changed", sequence=1)["html"]
    back = enter(member, after=2, revision=0)
    assert back.of("own")[-1] == {
        "type": "own",
        "complete": True,
        "messages": [{"sequence": 2, "mine": False, "reactions": ["thank_you"]}],
    }
    assert not [frame for frame in two.of("own") if frame["messages"]]


def test_a_question_without_a_name_by_frames(
    enter: Enter, session: SupportSession, member: Person, other: Person, facilitator: Person
) -> None:
    session.group.allows_anonymous_questions = True
    session.group.save()
    third = factories.user(display_name="Third")
    factories.member(session.group, user=third)
    factories.entry(session, third)
    people = (member, member, other, facilitator, signed_in(third))
    one, second_tab, two, lead, _ = (enter(person) for person in people)
    while not [frame for frame in lead.of("presence") if frame["count"] == 4]:
        lead.until("presence")
    client_id = one.say("May I ask?", nameless=True)
    assert one.until("sent", id=client_id)["sequence"] == 1
    for guest in (two, lead, second_tab):
        frame = guest.until("message", id=client_id)
        assert frame["sender"] != one.of("hello")[0]["you"]
        assert "Member" not in frame["html"]
    for tab in (one, second_tab):
        while not [own for own in tab.of("own") if not own["complete"]]:
            tab.until("own")
        assert tab.of("own")[-1]["messages"][0]["mine"]
    for guest in (two, lead):
        _until_said(guest, one)
        assert [frame["messages"] for frame in guest.of("own")] == [[]]
        assert len(guest.of("sent")) == 0


def test_a_flood_of_changes_is_slowed_and_nonsense_closes(
    enter: Enter, session: SupportSession, member: Person, other: Person
) -> None:
    one, two = enter(member), enter(other)
    factories.message(session, other.user)
    for _ in range(12):
        one.send(type="react", sequence=1, kind="with_you", on=True)
    slowed = one.until("refused")
    assert (slowed["reason"], slowed["sequence"]) == ("too_fast", 1)
    two.send(type="react", sequence=1, kind="with_you", on=True)
    assert two.until("sent", sequence=1)
    message = {"type": "message", "id": str(uuid4()), "body": "x"}
    for frame in (
        {"type": "react", "sequence": 1, "kind": "with_you", "on": 1},
        {"type": "react", "sequence": -1, "kind": "with_you", "on": True},
        {"type": "edit", "sequence": 1},
        {"type": "delete", "sequence": 2**31},
        {"type": "line", "id": "x", "body": "x"},
        message | {"reply_to": "1"},
        message | {"nameless": 1},
    ):
        guest = enter(member, after=None)
        guest.until("hello")
        guest.send(**frame)
        assert guest.closed() == (1008, "malformed"), frame
