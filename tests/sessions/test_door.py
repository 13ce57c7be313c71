"""The door, late comers, newcomers, and people in person."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from groups.actions import withdraw
from groups.models import Membership, SupportGroup
from sessions import actions, door_actions, door_rules, floor_actions, heard_rules, leads, live
from sessions.models import Attendance, Entry, Knock, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once
from tests.cast import Person, signed_in

HTMX = {"HX-Request": "true"}


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    """Nobody but the facilitator is in the room."""
    made = factories.support_session(group, status="live")
    factories.agenda(made)
    factories.entry(made, facilitator.user)
    return made


def close(session: SupportSession, by: Any) -> None:
    session.refresh_from_db()
    door_actions.close_door(support_session=session, version=session.version, by=by)
    session.refresh_from_db()


def reason(call: Any, **more: Any) -> str:
    with pytest.raises(Refused) as no:
        call(**more)
    return no.value.reason


def at(name: str, session: SupportSession, *args: Any) -> str:
    return reverse(f"sessions:{name}", args=[session.pk, *args])


# The door -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "began_ago", "by_hand", "closed"),
    [
        (None, 60, "", False),
        (10, 9, "", False),
        (10, 11, "", True),
        (0, 1, "", True),
        (None, 1, "door_closed_at", True),
        (10, 60, "door_opened_at", False),
    ],
)
def test_when_the_door_is_closed(
    rule: int | None, began_ago: int, by_hand: str, closed: bool
) -> None:
    now = timezone.now()
    session = SupportSession(
        group=SupportGroup(door_closes_after_minutes=rule),
        status="live",
        began_at=now - timedelta(minutes=began_ago),
    )
    if by_hand:
        setattr(session, by_hand, now)
    assert door_rules.is_door_closed(session) is closed
    session.status = "scheduled"
    assert not door_rules.is_door_closed(session)


def test_a_late_comer_knocks_and_is_let_in(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    close(running, facilitator.user)
    enter = {"support_session": running, "by": member.user}
    assert reason(actions.enter_room, **enter) == "door_closed"
    assert member.client.get(at("room_enter", running))["Location"] == at("knock", running)
    page = member.client.post(at("knock", running), follow=True).content.decode()
    assert "You have knocked" in page
    assert "Member" in leads.parts(running, ["knocks"])["knocks"]
    knock = Knock.objects.get()
    facilitator.client.post(at("knock_answer", running, knock.pk, "let-in"))
    response = member.client.get(at("knock", running), headers=HTMX)
    assert response["HX-Redirect"] == at("room_enter", running)
    actions.enter_room(**enter)
    assert "Member" not in leads.parts(running, ["knocks"])["knocks"]
    assert Event.objects.filter(verb__startswith="knock.").count() == 2


def test_not_today_is_kind_and_can_be_changed(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    close(running, facilitator.user)
    member.client.post(at("knock", running))
    member.client.post(at("knock", running))
    knock = Knock.objects.get()
    facilitator.client.post(at("knock_answer", running, knock.pk, "not-now"))
    assert "you are welcome next time" in member.client.get(at("knock", running)).content.decode()
    facilitator.client.post(at("knock_answer", running, knock.pk, "let-in"))
    actions.enter_room(support_session=running, by=member.user)
    answer = {"support_session": running, "knock": knock.pk, "by": facilitator.user}
    assert reason(door_actions.answer_knock, is_let_in=False, **answer) == "state_changed"


def test_who_was_inside_comes_back_through_a_closed_door(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    actions.enter_room(support_session=running, by=member.user)
    actions.leave_room(support_session=running, by=member.user)
    close(running, facilitator.user)
    actions.enter_room(support_session=running, by=member.user)
    assert Entry.objects.filter(user=member.user).count() == 2


def test_the_door_is_opened_again(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    close(running, facilitator.user)
    old = running.version
    door_actions.open_door(support_session=running, version=old, by=facilitator.user)
    running.refresh_from_db()
    actions.enter_room(support_session=running, by=member.user)
    stale = {"support_session": running, "version": old, "by": facilitator.user}
    assert reason(door_actions.close_door, **stale) == "state_changed"


@pytest.mark.parametrize("who", ["outsider", "applicant", "coordinator"])
def test_a_knock_does_not_admit_strangers(
    who: str, cast: dict[str, Person], running: SupportSession
) -> None:
    assert reason(door_actions.knock, support_session=running, by=cast[who].user)


@pytest.mark.django_db(transaction=True)
def test_two_facilitators_answer_at_once(group: SupportGroup) -> None:
    session = factories.support_session(group, status="live")
    first, second = (factories.facilitator(group).user for _ in range(2))
    person = factories.member(group).user
    knock = Knock.objects.create(support_session=session, user=person)
    more = {"support_session": session, "knock": knock.pk}
    at_once(
        lambda: door_actions.answer_knock(is_let_in=True, by=first, **more),
        lambda: door_actions.answer_knock(is_let_in=False, by=second, **more),
    )
    knock.refresh_from_db()
    assert knock.is_let_in is True, "whoever was let in stays let in"


def test_the_forms_of_the_door(running: SupportSession, facilitator: Person) -> None:
    page = facilitator.client.post(
        at("door_set", running), {"do": "close", "version": running.version}, follow=True
    ).content.decode()
    assert "The door is closed. Late comers knock." in page
    page = facilitator.client.post(at("door_set", running), {"do": "open"}, follow=True)
    assert "Somebody was quicker" in page.content.decode()


# New ----------------------------------------------------------------------------------------------


def test_a_newcomer_is_told_what_will_happen(
    running: SupportSession, member: Person, group: SupportGroup
) -> None:
    assert "Your first time here" in member.client.get(at("room_enter", running)).content.decode()
    Attendance.objects.create(
        support_session=factories.support_session(group, status="ended"),
        membership=Membership.objects.get(user=member.user),
        status="attended",
    )
    assert "first time" not in member.client.get(at("room_enter", running)).content.decode()


def test_the_room_welcomes_by_name_when_asked_to(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    actions.enter_room(support_session=running, by=member.user)
    membership = Membership.objects.get(user=member.user)
    assert "First time" in leads.parts(running, ["people"])["people"]
    for _ in range(2):
        page = facilitator.client.post(
            at("circle_person", running, membership.pk, "welcome"), follow=True
        ).content.decode()
    assert 'Welcome, <b dir="auto">Member</b>. It is your first time here.' in page
    assert Event.objects.filter(verb="newcomer.introduced").count() == 1


# In person ----------------------------------------------------------------------------------------


def here(session: SupportSession, person: Person, by: Person, do: str = "here") -> None:
    membership = Membership.objects.get(user=person.user)
    by.client.post(at("circle_person", session, membership.pk, do))


def test_attendance_by_tap_and_its_undo(
    running: SupportSession,
    member: Person,
    facilitator: Person,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        here(running, member, facilitator)
        here(running, member, facilitator)
    attendance = Attendance.objects.get()
    assert attendance.came_by == "in_person"
    assert attendance.first_seen_at is not None
    [seat] = live.people_here(running.pk)
    assert (seat.name, seat.in_person) == ("Member", True)
    assert Event.objects.filter(verb="attendance.in_person").count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        here(running, member, facilitator, "undo")
    attendance.refresh_from_db()
    assert (attendance.came_by, attendance.first_seen_at) == ("", None)
    assert live.people_here(running.pk) == []


def test_in_person_people_stand_in_the_round_and_the_queue(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    here(running, member, facilitator)
    running.refresh_from_db()
    floor_actions.open_floor(support_session=running, version=running.version, by=facilitator.user)
    running.refresh_from_db()
    floor_actions.raise_hand_for(
        support_session=running, version=running.version, person=member.user, by=facilitator.user
    )
    assert running.turns.get().user == member.user
    stranger = {"version": running.version + 1, "person": factories.user()}
    assert (
        reason(
            floor_actions.raise_hand_for,
            support_session=running,
            by=facilitator.user,
            **stranger,
        )
        == "not_in_room"
    )


def test_in_person_nobody_left_early(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    here(running, member, facilitator)
    Attendance.objects.update(last_seen_at=timezone.now())
    actions.end_session(support_session=running, by=None, at=running.ends_at)
    assert Attendance.objects.get().status == Attendance.Status.ATTENDED


# The code -----------------------------------------------------------------------------------------


def code(session: SupportSession, *, seconds_ago: float = 0) -> str:
    moment = timezone.now() - timedelta(seconds=seconds_ago)
    return at("checkin", session, door_rules.checkin_code(session, at=moment))


def test_scanning_marks_who_is_signed_in(running: SupportSession, member: Person) -> None:
    page = member.client.get(code(running), follow=True).content.decode()
    assert "You are here." in page
    assert Attendance.objects.get().came_by == "in_person"


def test_scanning_signed_out_leads_through_the_sign_in(
    running: SupportSession, member: Person
) -> None:
    client, address = Client(), code(running)
    response = client.get(address)
    assert response["Location"].startswith("/account/login/?next=")
    assert not Attendance.objects.exists()
    assert member.user is not None
    client.force_login(member.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    expired = code(running, seconds_ago=200)  # the code has changed while they signed in
    client.get(expired)
    assert Attendance.objects.get().came_by == "in_person"
    assert client.get(expired).status_code == 403, "the way is open once"


def test_an_old_code_or_one_of_another_session_is_refused(
    running: SupportSession, member: Person, group: SupportGroup
) -> None:
    other = factories.support_session(group)
    for address in (
        code(running, seconds_ago=2 * door_rules.CODE_SECONDS + 1),
        at("checkin", running, door_rules.checkin_code(other)),
        at("checkin", running, "guess"),
    ):
        assert member.client.get(address).status_code == 403
        assert Client().get(address).status_code == 403
    assert not Attendance.objects.exists()


def test_only_members_in_good_standing_are_noted(
    running: SupportSession, member: Person, outsider: Person
) -> None:
    assert outsider.client.get(code(running)).status_code == 404
    withdraw(membership=Membership.objects.get(user=member.user), by=member.user)
    assert member.client.get(code(running)).status_code == 403
    assert not Attendance.objects.exists()


def test_checkin_code_is_shown_to_facilitators(
    running: SupportSession, facilitator: Person
) -> None:
    page = facilitator.client.get(at("checkin_code", running)).content.decode()
    assert "Code to scan" in page
    part = facilitator.client.get(at("checkin_code", running), headers=HTMX).content.decode()
    assert part.strip().startswith("<div")


# Heard --------------------------------------------------------------------------------------------


def test_heard_today_and_lately(
    running: SupportSession, member: Person, facilitator: Person, group: SupportGroup
) -> None:
    other = signed_in(factories.user(display_name="Other"))
    factories.member(group, user=other.user)
    earlier = factories.support_session(group, status="ended")
    for person, said in ((member, 3), (other, 1)):
        membership = Membership.objects.get(user=person.user)
        Attendance.objects.create(
            support_session=earlier, membership=membership, status="attended", said_count=said
        )
        actions.enter_room(support_session=running, by=person.user)
    factories.message(running, other.user, sequence=1)
    factories.message(running, facilitator.user, sequence=2)
    shown = heard_rules.heard_shown(running)
    assert shown["unheard"] == ["Member"]
    assert shown["balance"] == 0
    assert [(row.name, row.share, row.share_lately) for row in shown["rows"]] == [
        ("Member", 0, 75),
        ("Other", 100, 25),
    ]
    page = facilitator.client.get(at("heard", running)).content.decode()
    assert 'Not yet heard today: <b dir="auto">Member</b>' in page
    assert "Gini" in page
    assert member.client.get(at("heard", running)).status_code == 403
    assert "heard-not" not in member.client.get(at("room", running)).content.decode()
    [over_time] = heard_rules.balance_over_time(group.pk)
    assert (over_time.people, over_time.unheard, over_time.percent) == (2, 0, 50)


def test_coordinators_see_the_balance_over_time(
    group: SupportGroup, coordinator: Person, member: Person
) -> None:
    """A number, a chart and a table; sessions of few people are left out."""
    people = [factories.member(group) for _ in range(5)]
    for days, came in ((14, 5), (7, 5), (1, 2)):
        session = factories.support_session(
            group, status="ended", starts_at=timezone.now() - timedelta(days=days)
        )
        for number, membership in enumerate(people[:came]):
            Attendance.objects.create(
                support_session=session,
                membership=membership,
                status="attended",
                said_count=1 if days == 14 else number,
            )
    address = reverse("sessions:session_list", args=[group.slug]) + "?past=1"
    page = coordinator.client.get(address).content.decode()
    assert "Balance 75 of 100 over the last 2 sessions" in page  # 100 and 50
    assert "Hidden: fewer than 5" in page
    assert "Gini" in page
    assert "of 100" not in coordinator.client.get(address.partition("?")[0]).content.decode()
