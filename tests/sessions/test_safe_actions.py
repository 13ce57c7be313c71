"""What facilitators do to keep a session safe: once, told to whom it concerns, undone, judged."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from audit.models import Event
from groups.models import SupportGroup
from safeguarding.models import Concern
from sessions import (
    actions,
    floor_actions,
    floor_rules,
    live,
    rules,
    safe_actions,
    talk_actions,
)
from sessions.models import Entry, Hint, Intervention, Message, Report, SupportSession
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once
from tests.cast import Person

WHY = {"reason": "rules", "words": ""}


@pytest.fixture
def running(group: SupportGroup, member: Person, facilitator: Person) -> SupportSession:
    made = factories.support_session(group, status="live")
    for person in (member, facilitator):
        actions.enter_room(support_session=made, by=person.user)
    return made


@pytest.fixture
def message(running: SupportSession, member: Person) -> Message:
    return factories.message(running, member.user, body="This tea cures everything.")


def refusal(action: Callable[..., Any], **given: Any) -> str:
    with pytest.raises(Refused) as no:
        action(**given)
    return no.value.reason


def shown(message: Message) -> dict[str, Any]:
    return live.said(live.shown_messages(message.support_session).get(pk=message.pk))


def verbs() -> list[str]:
    told = Event.objects.exclude(verb="room.entered").order_by("id")
    return list(told.values_list("verb", flat=True))


# A message ----------------------------------------------------------------------------------------


def test_a_hidden_message_is_gone_and_comes_back(
    running: SupportSession, message: Message, facilitator: Person
) -> None:
    answer = factories.message(running, facilitator.user, reply_to=message)
    report = factories.report(message)
    step = safe_actions.hide_message(message=message, by=facilitator.user, **WHY)
    message.refresh_from_db()
    assert (message.hidden_at, message.hidden_by) == (step.made_at, facilitator.user)
    assert message.body == "This tea cures everything.", "reviewers can read it"
    assert shown(message)["body"] == ""
    assert "cures" not in live.message_frame(live.shown_messages(running).get(pk=message.pk))
    assert "cures" not in str(shown(answer)["quote"])
    report.refresh_from_db()
    assert (report.outcome, report.handled_by) == ("acted", facilitator.user)
    assert safe_actions.hide_message(message=message, by=facilitator.user, **WHY) == step

    safe_actions.undo(intervention=step, by=facilitator.user)
    message.refresh_from_db()
    assert (message.hidden_at, message.hidden_by) == (None, None)
    assert "cures" in shown(message)["body"]
    assert refusal(safe_actions.undo, intervention=step, by=facilitator.user) == "state_changed"
    assert verbs() == ["intervention.made", "report.handled", "intervention.undone"]
    assert "tea" not in str(list(Event.objects.values_list("data", flat=True)))


def test_each_change_has_a_new_revision(
    running: SupportSession, message: Message, facilitator: Person
) -> None:
    step = safe_actions.hide_message(message=message, by=facilitator.user, **WHY)
    message.refresh_from_db()
    hidden = message.revision
    safe_actions.undo(intervention=step, by=facilitator.user)
    message.refresh_from_db()
    running.refresh_from_db()
    assert 0 < hidden < message.revision == running.change_count


def test_whom_nobody_hides(running: SupportSession, facilitator: Person) -> None:
    own = factories.message(running, facilitator.user)
    lead = factories.facilitator(running.group).user
    theirs = factories.message(running, lead, is_from_facilitator=True)
    for found, reason in ((own, "own"), (theirs, "leads")):
        given = {"message": found, "by": facilitator.user, **WHY}
        assert refusal(safe_actions.hide_message, **given) == reason


def test_a_better_source_stands_under_the_message(
    running: SupportSession, message: Message, facilitator: Person
) -> None:
    source = factories.resource(organisation=running.group.organisation)
    given = {"message": message, "claim": "cures  everything", "by": facilitator.user}
    step = safe_actions.redirect_claim(resource=source, **given)
    assert step.claim == "cures everything"
    assert shown(message)["sources"] == [source]
    assert source.title in live.message_frame(live.shown_messages(running).get(pk=message.pk))
    assert refusal(safe_actions.redirect_claim, resource=source, **given) == "state_changed"
    source.retired_at = timezone.now()
    source.save()
    assert shown(message)["sources"] == []
    source.retired_at = None
    source.save()
    safe_actions.undo(intervention=step, by=facilitator.user)
    assert shown(message)["sources"] == []


def test_only_a_vetted_source_of_the_own_library_is_shown(
    running: SupportSession, message: Message, facilitator: Person
) -> None:
    today = timezone.localdate()
    overdue = factories.resource(
        organisation=running.group.organisation,
        reviewed_on=today - timedelta(days=9),
        review_until=today - timedelta(days=1),
    )
    given = {"message": message, "claim": "cures everything", "by": facilitator.user}
    for source in (overdue, factories.resource()):
        assert refusal(safe_actions.redirect_claim, resource=source, **given) == "not_vetted"


# A person and the door ----------------------------------------------------------------------------


def test_mute_and_undo(running: SupportSession, member: Person, facilitator: Person) -> None:
    given = {"support_session": running, "about": member.user, "by": facilitator.user, **WHY}
    step = safe_actions.mute(**given)
    assert safe_actions.mute(**given) == step
    assert rules.listening_only(running).get() == step
    say = {"support_session": running, "client_id": uuid4(), "body": "But", "by": member.user}
    assert refusal(actions.post_message, **say) == "muted"
    safe_actions.undo(intervention=step, by=facilitator.user)
    assert actions.post_message(**say).sequence == 1
    assert verbs() == ["intervention.made", "intervention.undone"]


def test_remove_takes_out_at_once_and_undo_lets_in(
    running: SupportSession, member: Person, facilitator: Person
) -> None:
    given = {"support_session": running, "about": member.user, "by": facilitator.user, **WHY}
    step = safe_actions.remove_from_session(**given)
    assert Entry.objects.get(user=member.user).left_at == step.made_at
    back = {"support_session": running, "by": member.user}
    assert refusal(actions.enter_room, **back) == "removed_from_session"
    safe_actions.undo(intervention=step, by=facilitator.user)
    assert actions.enter_room(**back).membership is not None


@pytest.mark.parametrize("action", [safe_actions.mute, safe_actions.remove_from_session])
def test_the_floor_goes_on_without_somebody_who_may_not_speak(
    action: Callable[..., Any], running: SupportSession, member: Person, facilitator: Person
) -> None:
    running = floor_actions.begin_round(support_session=running, version=0, by=facilitator.user)
    given = {"support_session": running, "about": member.user, "by": facilitator.user, **WHY}
    step = action(**given)
    assert running.turns.get(user=member.user).status == "skipped"
    running.refresh_from_db()
    assert member.user not in floor_rules.in_circle(running)
    again = {"support_session": running, "by": member.user}
    assert refusal(floor_actions.raise_hand, **again) in {"muted", "removed_from_session"}
    safe_actions.undo(intervention=step, by=facilitator.user)
    if action is safe_actions.mute:
        floor_actions.raise_hand(**again)
        assert running.turns.get(user=member.user).status == "waiting"


def test_the_door_is_locked_for_everybody_to_see(
    running: SupportSession, facilitator: Person
) -> None:
    step = safe_actions.lock_door(support_session=running, by=facilitator.user, **WHY)
    assert safe_actions.lock_door(support_session=running, by=facilitator.user, **WHY) == step
    running.refresh_from_db()
    assert running.version == 1
    assert live.room_state(running).is_locked
    safe_actions.undo(intervention=step, by=facilitator.user)
    running.refresh_from_db()
    assert running.version == 2
    assert not live.room_state(running).is_locked


@pytest.mark.parametrize("kind", ["hide", "mute", "remove", "lock"])
def test_members_step_in_nowhere(
    kind: str, running: SupportSession, facilitator: Person, member: Person
) -> None:
    words = factories.message(running, facilitator.user)
    about = {"support_session": running, "about": facilitator.user}
    action, given = {
        "hide": (safe_actions.hide_message, {"message": words}),
        "mute": (safe_actions.mute, about),
        "remove": (safe_actions.remove_from_session, about),
        "lock": (safe_actions.lock_door, {"support_session": running}),
    }[kind]
    assert refusal(action, by=member.user, **given, **WHY) == "not_facilitator"
    assert not Intervention.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_facilitators_at_once_do_it_once(
    running: SupportSession, member: Person, facilitator: Person, group: SupportGroup
) -> None:
    message = factories.message(running, member.user)
    second = factories.facilitator(group).user
    actions.enter_room(support_session=running, by=second)
    both = (facilitator.user, second)
    hidden = at_once(
        *[lambda by=by: safe_actions.hide_message(message=message, by=by, **WHY) for by in both]
    )
    muted = at_once(
        *[
            lambda by=by: safe_actions.mute(
                support_session=running, about=member.user, by=by, **WHY
            )
            for by in both
        ]
    )
    for found in (hidden, muted):
        assert len({step.pk for step in found}) == 1
    undone = at_once(
        *[lambda by=by: safe_actions.undo(intervention=hidden[0], by=by) for by in both]
    )
    assert [isinstance(each, Refused) for each in undone].count(True) == 1
    assert Event.objects.filter(verb="intervention.made").count() == 2


# Reports ------------------------------------------------------------------------------------------


def test_a_report_is_made_once_and_handled_once(
    message: Message, running: SupportSession, facilitator: Person
) -> None:
    other = factories.member(running.group).user
    actions.enter_room(support_session=running, by=other)
    given = {"message": message, "reason": "hurts", "by": other}
    report = safe_actions.report_message(detail="Ouch", **given)
    assert safe_actions.report_message(detail="Again", **given) == report
    assert Report.objects.get().detail == "Ouch"
    done = {"report": report, "outcome": "nothing", "note": "", "by": facilitator.user}
    assert safe_actions.handle_report(**done).handled_by == facilitator.user
    assert refusal(safe_actions.handle_report, **done) == "state_changed"
    assert verbs() == ["report.made", "report.handled"]


def test_nobody_reports_themselves_or_from_outside(message: Message, member: Person) -> None:
    outside = factories.member(message.support_session.group).user
    given = {"message": message, "reason": "hurts", "detail": ""}
    assert refusal(safe_actions.report_message, by=member.user, **given) == "own"
    assert refusal(safe_actions.report_message, by=outside, **given) == "not_entered"


def test_a_report_about_a_facilitator_is_for_reviewers(
    running: SupportSession, member: Person, facilitator: Person, group: SupportGroup
) -> None:
    theirs = factories.message(running, facilitator.user, is_from_facilitator=True)
    report = safe_actions.report_message(message=theirs, reason="hurts", detail="", by=member.user)
    second = factories.facilitator(group).user
    actions.enter_room(support_session=running, by=second)
    done = {"report": report, "outcome": "acted", "note": "Talked with them."}
    for lead in (facilitator.user, second):
        assert refusal(safe_actions.handle_report, by=lead, **done) == "not_reviewer"
    assert safe_actions.handle_report(by=group.overseer, **done).outcome == "acted"


# Hints --------------------------------------------------------------------------------------------


def say(session: SupportSession, by: Any, body: str) -> Message:
    return actions.post_message(support_session=session, client_id=uuid4(), body=body, by=by)


def test_words_of_the_list_give_a_hint_after_the_message(
    running: SupportSession,
    member: Person,
    facilitator: Person,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        said = say(running, member.user, "I want to kill myself")
        assert not Hint.objects.exists(), "not before the message is kept and sent"
        say(running, member.user, "Glad to be here")
        say(running, facilitator.user, "If you think of suicide, please tell us")
    hint = Hint.objects.get()
    assert (hint.message.sequence, hint.list_version) == (said.sequence, "en 1")
    assert not Concern.objects.exists(), "nothing happens by itself"


def test_words_that_are_put_in_later_give_a_hint_too(
    running: SupportSession, member: Person, django_capture_on_commit_callbacks: Any
) -> None:
    said = say(running, member.user, "I am all right")
    with django_capture_on_commit_callbacks(execute=True):
        talk_actions.edit_message(
            support_session=running,
            sequence=said.sequence,
            body="I want to kill myself",
            by=member.user,
        )
    assert Hint.objects.get().message.sequence == said.sequence


def test_a_hint_that_fails_does_not_touch_the_message(
    running: SupportSession,
    member: Person,
    monkeypatch: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def fail(message: Message) -> None:
        raise RuntimeError

    monkeypatch.setattr("sessions.hints._give", fail)
    with django_capture_on_commit_callbacks(execute=True):
        say(running, member.user, "I want to kill myself")
    assert Message.objects.count() == 1


def test_a_group_without_a_list_gets_no_hints(
    running: SupportSession,
    member: Person,
    django_capture_on_commit_callbacks: Any,
) -> None:
    running.group.language = "cy"
    with django_capture_on_commit_callbacks(execute=True):
        say(running, member.user, "I want to kill myself")
    assert not Hint.objects.exists()


def test_a_facilitator_answers_a_hint_once(
    message: Message, facilitator: Person, member: Person
) -> None:
    hint = factories.hint(message)
    assert refusal(safe_actions.dismiss_hint, hint=hint, by=member.user) == "not_facilitator"
    concern = safe_actions.open_concern_from_hint(
        hint=hint, detail="They wrote of dying.", shows_help=True, by=facilitator.user
    )
    assert (concern.about, concern.opened_by) == (member.user, facilitator.user)
    assert Entry.objects.get(user=member.user).help_offered_at is not None
    hint.refresh_from_db()
    assert (hint.outcome, hint.settled_by) == ("concern", facilitator.user)
    assert refusal(safe_actions.dismiss_hint, hint=hint, by=facilitator.user) == "state_changed"


def test_help_is_closed_by_whom_it_is_for(
    running: SupportSession, message: Message, member: Person, facilitator: Person
) -> None:
    actions.raise_concern(
        support_session=running,
        about=member.user,
        detail="They went quiet.",
        occasion=uuid4(),
        shows_help=True,
        by=facilitator.user,
    )
    safe_actions.close_help(support_session=running, by=facilitator.user)
    assert rules.offered_help(running).get().user == member.user
    safe_actions.close_help(support_session=running, by=member.user)
    assert not rules.offered_help(running).exists()


# Review -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "is_hidden"), [("confirmed", True), ("withdrawn", False)])
def test_a_judgement_is_kept_and_undoes_what_was_not_needed(
    verdict: str, is_hidden: bool, message: Message, facilitator: Person, coordinator: Person
) -> None:
    step = safe_actions.hide_message(message=message, by=facilitator.user, **WHY)
    given = {"intervention": step, "verdict": verdict, "note": "I have read it."}
    assert refusal(safe_actions.judge, by=facilitator.user, **given) == "not_reviewer"
    judged = safe_actions.judge(by=coordinator.user, **given)
    assert (judged.verdict, judged.reviewed_by) == (verdict, coordinator.user)
    message.refresh_from_db()
    assert (message.hidden_at is not None) == is_hidden
    assert refusal(safe_actions.judge, by=coordinator.user, **given) == "state_changed"
    assert "intervention.judged" in verbs()


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_judge_once(
    running: SupportSession, facilitator: Person, coordinator: Person, group: SupportGroup
) -> None:
    step = safe_actions.lock_door(support_session=running, by=facilitator.user, **WHY)
    found = at_once(
        *[
            lambda by=by: safe_actions.judge(
                intervention=step, verdict="confirmed", note="Fine.", by=by
            )
            for by in (coordinator.user, group.overseer)
        ]
    )
    assert [isinstance(each, Refused) for each in found].count(True) == 1
