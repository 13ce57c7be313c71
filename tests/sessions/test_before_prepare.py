"""The facilitator's page before a session: who comes, and the plan of this one session."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from groups.models import SupportGroup
from sessions import actions, before_actions, before_rules
from sessions.actions import AgendaPart
from sessions.models import SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories

PARTS = [
    AgendaPart("Check-in", 20, "A word each", "check_in"),
    AgendaPart("Sleep", 50, "What helps", "topic"),
    AgendaPart("Close", 20, "", "closing"),
]


@pytest.fixture
def group(group: SupportGroup) -> SupportGroup:
    coordinator = factories.staff_role(organisation=group.organisation).user
    actions.set_agenda_template(group=group, items=PARTS, by=coordinator)
    return group


@pytest.fixture
def support_session(group, facilitator) -> SupportSession:
    support_session = factories.support_session(group)
    actions.copy_agenda(group, [support_session])
    return support_session


def past(group: SupportGroup, days: int) -> SupportSession:
    return factories.support_session(
        group, status="ended", starts_at=timezone.now() - timedelta(days=days)
    )


def plan_of(support_session: SupportSession) -> list[tuple]:
    return list(support_session.agenda.values_list("kind", "title", "minutes"))


# Who comes ----------------------------------------------------------------------------------------


def test_it_knows_who_is_new_quiet_or_was_absent_and_what_they_said(group, support_session):
    long_ago, before, last = (past(group, days) for days in (21, 14, 7))
    people = {
        name: factories.member(group, user=factories.user(display_name=name))
        for name in ("Newt", "Quill", "Absent", "Excused", "Talker", "Returner")
    }
    for each in (long_ago, before, last):
        factories.attendance(each, people["Talker"])
        factories.attendance(each, people["Quill"])
        factories.message(each, people["Talker"].user)
    factories.attendance(long_ago, people["Absent"])
    for each in (before, last):
        factories.attendance(each, people["Absent"], status="no_show")
    factories.attendance(before, people["Excused"], status="no_show")
    factories.attendance(last, people["Excused"], status="excused")
    earlier = factories.membership(group=group, user=people["Returner"].user, status="completed")
    factories.attendance(past(group, 300), earlier)
    before_actions.answer_session(
        support_session=support_session, answer="cannot", by=people["Absent"].user
    )

    found = {each.name: each for each in before_rules.expected_people(support_session)}

    assert set(found) == set(people)
    assert {name for name, each in found.items() if each.is_new} == {"Newt", "Excused"}
    assert {name for name, each in found.items() if each.is_quiet} == {"Quill"}
    assert {name: each.missed for name, each in found.items() if each.missed} == {
        "Absent": 2,
        "Excused": 1,
    }
    assert found["Absent"].answer == "cannot"
    assert next(iter(before_rules.expected_people(support_session))).is_new


def test_nobody_is_quiet_where_nothing_was_written(group, support_session):
    member = factories.member(group)
    for days in (14, 7):
        factories.attendance(past(group, days), member)

    [found] = before_rules.expected_people(support_session)

    assert not found.is_quiet


def test_the_number_of_questions_does_not_grow(group, support_session, django_assert_num_queries):
    for _ in range(6):
        factories.attendance(past(group, 7), factories.member(group))
    with django_assert_num_queries(6):
        before_rules.expected_people(support_session)


# The plan -----------------------------------------------------------------------------------------


def test_a_plan_of_its_own_stays_when_the_groups_changes(
    group, support_session, facilitator, coordinator
):
    own = [AgendaPart("Only listening", 90, "", "discussion")]
    other = factories.support_session(group, starts_at=timezone.now() + timedelta(days=8))
    actions.copy_agenda(group, [other])
    before_actions.set_agenda(
        support_session=support_session, items=own, version=None, by=facilitator.user
    )

    actions.set_agenda_template(group=group, items=PARTS[:1], by=coordinator.user)

    assert plan_of(support_session) == [("discussion", "Only listening", 90)]
    assert plan_of(other) == [("check_in", "Check-in", 20)]
    before_actions.follow_agenda_template(support_session=support_session, by=facilitator.user)
    assert plan_of(support_session) == [("check_in", "Check-in", 20)]
    support_session.refresh_from_db()
    assert support_session.planned_at is None


def test_kinds_come_with_new_sessions_and_copies(group):
    series = factories.series(group)
    made = actions.make_sessions(series=series)

    assert [kind for kind, _, _ in plan_of(made[0])] == ["check_in", "topic", "closing"]


@pytest.mark.parametrize(
    ("who", "may"),
    [("facilitator", True), ("coordinator", True), ("member", False), ("outsider", False)],
)
def test_who_plans(support_session, cast, who, may):
    def plan():
        before_actions.set_agenda(
            support_session=support_session, items=PARTS[:1], version=None, by=cast[who].user
        )

    if may:
        plan()
        assert len(plan_of(support_session)) == 1
    else:
        with pytest.raises(Refused):
            plan()


def test_nobody_plans_what_has_begun(group, facilitator):
    live = factories.support_session(group, status="live")
    with pytest.raises(Refused):
        before_actions.set_agenda(
            support_session=live, items=PARTS, version=None, by=facilitator.user
        )


def typed(support_session: SupportSession, **changes: str) -> dict[str, str]:
    support_session.refresh_from_db()
    data = {"count": "2", "version": str(support_session.version)}
    for n, (kind, title, minutes) in enumerate(
        [("check_in", "Hello", "30"), ("closing", "Bye", "60")], start=1
    ):
        data |= {f"kind_{n}": kind, f"title_{n}": title, f"minutes_{n}": minutes, f"note_{n}": ""}
    return data | changes


def test_prepare_shows_and_saves(support_session, facilitator, member):
    address = reverse("sessions:prepare", args=[support_session.pk])
    page = facilitator.client.get(address).content.decode()
    assert member.user.public_name in page
    assert "No answer yet" in page
    assert "The parts take <b>90 minutes</b>. This session lasts 90 minutes." in page
    assert "This is the group’s plan." in page

    response = facilitator.client.post(address, typed(support_session), follow=True)

    assert "The plan of this session is saved" in response.content.decode()
    assert "has a plan of its own" in response.content.decode()
    assert plan_of(support_session) == [("check_in", "Hello", 30), ("closing", "Bye", 60)]
    facilitator.client.post(address, {"do": "follow"})
    assert len(plan_of(support_session)) == 3


def test_prepare_rearranges_without_saving_with_and_without_script(support_session, facilitator):
    address = reverse("sessions:prepare", args=[support_session.pk])
    before = plan_of(support_session)
    data = typed(support_session, do="up-2")

    whole = facilitator.client.post(address, data).content.decode()
    part = facilitator.client.post(address, data, headers={"HX-Request": "true"}).content.decode()
    total = facilitator.client.post(
        f"{address}?total", typed(support_session), headers={"HX-Request": "true"}
    ).content.decode()

    for text in (whole, part):
        assert text.index('value="Bye"') < text.index('value="Hello"')
        assert "Not saved yet" in text
    assert part.lstrip().startswith('<div class="stack-5" id="agenda-parts"')
    assert total.lstrip().startswith('<p id="agenda-total"')
    assert plan_of(support_session) == before
    usual = facilitator.client.post(address, typed(support_session, do="usual"))
    assert 'value="Sleep"' in usual.content.decode()


def test_prepare_keeps_what_was_typed_when_something_is_wrong(support_session, facilitator):
    address = reverse("sessions:prepare", args=[support_session.pk])
    response = facilitator.client.post(address, typed(support_session, minutes_2="many"))
    page = response.content.decode()
    assert "Write the minutes of part 2 as a number." in page
    assert 'value="many"' in page
    assert 'value="Hello"' in page


def test_prepare_of_two_at_once_loses_nothing(support_session, facilitator, coordinator):
    address = reverse("sessions:prepare", args=[support_session.pk])
    data = typed(support_session)
    coordinator.client.post(address, typed(support_session, title_1="Theirs"))

    page = facilitator.client.post(address, data).content.decode()

    assert "Somebody was quicker" in page
    assert 'value="Hello"' in page
    assert plan_of(support_session)[0][1] == "Theirs"
    support_session.refresh_from_db()
    assert f'name="version" value="{support_session.version}"' in page
    facilitator.client.post(address, typed(support_session))
    assert plan_of(support_session)[0][1] == "Hello"


def test_prepare_leads_on_once_the_session_has_begun(group, facilitator):
    live = factories.support_session(group, status="live")
    response = facilitator.client.get(reverse("sessions:prepare", args=[live.pk]))
    assert response["Location"] == reverse("sessions:session_detail", args=[live.pk])
