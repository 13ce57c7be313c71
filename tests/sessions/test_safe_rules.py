"""One place for each no: the page, the form, the statement and the socket's look ask the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from groups.models import SupportGroup
from sessions import actions, rules, safe_rules, statements
from sessions.models import Entry, Intervention, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.cast import Person


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    made = factories.support_session(group, status="live")
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


def refusal(ask: Callable[..., Any], *args: Any, **fields: Any) -> str | None:
    try:
        ask(*args, **fields)
    except Refused as no:
        return no.reason
    return None


def say(session: SupportSession, by: Any, **more: Any) -> str | None:
    return refusal(
        actions.post_message,
        support_session=session,
        client_id=uuid4(),
        body="Hello",
        by=by,
        **more,
    )


def undo(step: Intervention) -> None:
    step.ended_at = timezone.now()
    step.save()


def look(session: SupportSession, person: Person) -> statements.Look:
    assert person.user is not None
    found = statements.look(session, person.user.pk, sign_in=person.client.session.row_id)
    assert found is not None
    return found[0]


def test_somebody_who_listens_only_stays_and_cannot_write(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    step = factories.intervention(running, kind="mute", about=member.user)
    assert say(running, member.user) == "muted"
    assert refusal(rules.check_may_be_in_room, member.user, running) is None
    assert look(running, member).is_plain_yes
    assert look(running, member).listens_only
    assert say(running, facilitator.user) is None
    assert not look(running, facilitator).listens_only
    undo(step)
    assert say(running, member.user) is None
    assert not look(running, member).listens_only


def test_somebody_removed_is_out_of_this_session_alone(
    running: SupportSession, member: Person, group: SupportGroup
) -> None:
    other = factories.support_session(group, starts_at=timezone.now() + timedelta(minutes=5))
    step = factories.intervention(running, kind="remove", about=member.user)
    for no in (
        refusal(rules.check_may_enter, member.user, running),
        refusal(rules.check_may_be_in_room, member.user, running),
        refusal(actions.enter_room, support_session=running, by=member.user),
        say(running, member.user),
    ):
        assert no == "removed_from_session"
    assert not look(running, member).is_plain_yes
    assert refusal(rules.check_may_enter, member.user, other) is None
    undo(step)
    assert say(running, member.user) is None


def test_a_locked_door_lets_in_who_was_there(
    running: SupportSession, group: SupportGroup, member: Person, facilitator: Person
) -> None:
    newcomer = factories.member(group).user
    second = factories.facilitator(group).user
    step = factories.intervention(running, kind="lock", reason="quiet")
    actions.leave_room(support_session=running, by=member.user)
    for person, no in ((newcomer, "door_locked"), (member.user, None), (second, None)):
        assert refusal(actions.enter_room, support_session=running, by=person) == no
    undo(step)
    assert refusal(actions.enter_room, support_session=running, by=newcomer) is None


def test_help_is_shown_while_it_is_offered_and_not_closed(
    running: SupportSession, member: Person
) -> None:
    assert member.user is not None
    entry = Entry.objects.get(user=member.user)
    assert not look(running, member).is_offered_help
    entry.help_offered_at = timezone.now()
    entry.save()
    assert look(running, member).is_offered_help
    assert safe_rules.offered_help_in(running, member.user) == entry
    entry.help_closed_at = timezone.now()
    entry.save()
    assert not look(running, member).is_offered_help


@pytest.mark.parametrize("who", ["member", "coordinator", "outsider"])
def test_only_who_leads_from_inside_steps_in(
    who: str, cast: dict[str, Person], running: SupportSession, group: SupportGroup
) -> None:
    assert refusal(safe_rules.check_may_step_in, cast[who].user, running)
    assert refusal(safe_rules.check_may_step_in, cast["facilitator"].user, running) is None
    outside = factories.facilitator(group).user
    assert refusal(safe_rules.check_may_step_in, outside, running) == "not_entered"


def test_who_can_be_asked_to_listen(
    running: SupportSession, group: SupportGroup, member: Person, facilitator: Person
) -> None:
    assert facilitator.user is not None
    second = factories.facilitator(group).user
    absent = factories.member(group).user
    for person, no in (
        (facilitator.user, "oneself"),
        (second, "leads"),
        (absent, "not_in_room"),
        (member.user, None),
    ):
        found = refusal(safe_rules.check_may_be_asked, person, running, by=facilitator.user)
        assert found == no


def test_facilitators_see_no_report_about_one_of_them(
    running: SupportSession, group: SupportGroup, member: Person, facilitator: Person
) -> None:
    theirs = factories.message(running, facilitator.user, is_from_facilitator=True)
    ordinary = factories.message(running, member.user)
    promoted = factories.member(group).user
    before = factories.message(running, promoted)
    factories.facilitator(group, user=promoted)
    hidden = [factories.report(theirs), factories.report(before)]
    shown = factories.report(ordinary)
    assert list(safe_rules.reports_shown_to_leads(running)) == [shown]
    assert [safe_rules.is_for_reviewers_alone(one) for one in (*hidden, shown)] == [
        True,
        True,
        False,
    ]
    assert set(safe_rules.reports_to_tell()) == set(hidden)


def test_who_reviews(
    running: SupportSession, group: SupportGroup, cast: dict[str, Person], member: Person
) -> None:
    message = factories.message(running, member.user)
    step = factories.intervention(
        running, kind="hide", message=message, made_by=cast["facilitator"].user
    )
    report = factories.report(message)
    assert group.overseer is not None
    people = {who: person.user for who, person in cast.items() if person.user}
    people["overseer"] = group.overseer
    for who, user in people.items():
        sees = who in {"coordinator", "overseer"}
        assert safe_rules.interventions_reviewed_by(user).filter(pk=step.pk).exists() == sees
        assert safe_rules.reports_reviewed_by(user).filter(pk=report.pk).exists() == sees
        assert (refusal(safe_rules.check_may_judge, step, by=user) is None) == sees


def test_nobody_reviews_their_own(
    running: SupportSession, group: SupportGroup, facilitator: Person, member: Person
) -> None:
    """Also not somebody who both leads and coordinates."""
    user = facilitator.user
    assert user is not None
    factories.staff_role(user=user, organisation=group.organisation)
    own = factories.intervention(running, kind="mute", about=member.user, made_by=user)
    about = factories.intervention(running, kind="mute", about=user)
    said = factories.report(factories.message(running, user))
    assert refusal(safe_rules.check_may_judge, own, by=user) == "own"
    assert refusal(safe_rules.check_may_judge, about, by=user) == "not_reviewer"
    assert list(safe_rules.interventions_to_judge(user)) == []
    assert said not in safe_rules.reports_reviewed_by(user)


@pytest.mark.parametrize(
    ("claim", "kept"),
    [
        ("it cures\n  everything", "it cures everything"),
        ("cures everything.", "cures everything."),
        ("", None),
        ("it heals", None),
    ],
)
def test_a_claim_is_in_its_message(
    claim: str, kept: str | None, running: SupportSession, member: Person
) -> None:
    message = factories.message(running, member.user, body="They say it cures  everything.")
    if kept is None:
        assert refusal(safe_rules.claim_in, message, claim) == "not_in_message"
    else:
        assert safe_rules.claim_in(message, claim) == kept


def test_reviewers_are_the_overseer_else_coordinators(
    group: SupportGroup, coordinator: Person, facilitator: Person
) -> None:
    assert group.overseer is not None
    assert safe_rules.reviewers_to_tell(group, besides={None}) == [group.overseer]
    assert safe_rules.reviewers_to_tell(group, besides={group.overseer.pk}) == [coordinator.user]


def test_a_facilitator_without_a_second_factor_ends_the_hour_and_begins_no_other(
    running: SupportSession, group: SupportGroup, facilitator: Person, coordinator: Person
) -> None:
    """What opened while there was time is led to its end; what opens later is not."""
    before, after = (running.opens_at + timedelta(seconds=step) for step in (-1, 1))
    ended = factories.support_session(group, status="ended")
    for due_at, no in ((before, "second_factor"), (after, None)):
        facilitator.user.second_factor_due_at = coordinator.user.second_factor_due_at = due_at
        assert refusal(rules.check_may_lead, facilitator.user, running) == no
        assert refusal(rules.check_may_see, facilitator.user, running) == no
        assert refusal(rules.check_may_see, coordinator.user, running) == no
        assert refusal(rules.check_may_see, facilitator.user, ended) == "second_factor"
