from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from audit.models import Event
from instruments.scoring import InvalidAnswers
from outcomes import actions
from outcomes.models import Response, SurveyInvitation
from safeguarding.models import Concern
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

PHQ_9 = [f"q{number}" for number in range(1, 10)]


@pytest.fixture
def plan(group):
    return factories.survey_plan(group, every_sessions=4)


@pytest.fixture
def membership(member, group):
    return group.memberships.get(user=member.user)


def came(group, membership, *, days_ago, status="attended"):
    """A session that ended some days ago, and whether the member came."""
    ends_at = timezone.now() - timedelta(days=days_ago)
    held = factories.support_session(
        group, status="ended", starts_at=ends_at - timedelta(minutes=90), ends_at=ends_at
    )
    factories.attendance(held, membership, status=status)
    return held


def answer(invitation, item_id, value, **fields):
    return actions.save_answer(
        invitation=invitation,
        item_id=item_id,
        value=value,
        by=invitation.membership.user,
        **fields,
    )


def answer_all(invitation, values):
    for item_id, value in zip(PHQ_9, values, strict=True):
        answer(invitation, item_id, value)


# Who is asked, and when --------------------------------------------------------------------------


def test_make_surveys_due_asks_after_the_first_session(plan, group, membership):
    held = came(group, membership, days_ago=1)
    assert actions.make_surveys_due(by=None) == 1
    invitation = SurveyInvitation.objects.get()
    assert (invitation.plan, invitation.membership, invitation.wave) == (plan, membership, 0)
    assert invitation.due_at == held.ended_at
    assert invitation.closes_at == held.ended_at + timedelta(days=plan.window_days)
    assert invitation.support_session == held
    event = Event.objects.get(verb="survey.due")
    assert (event.object_id, event.data) == (plan.pk, {"invitations": 1, "shared": 0})


def test_make_surveys_due_asks_again_after_every_so_many_sessions(plan, group, membership):
    waves = []
    for week in range(9, 0, -1):
        at = timezone.now() - timedelta(days=7 * week) + timedelta(hours=1)
        came(group, membership, days_ago=7 * week)
        actions.make_surveys_due(by=None, at=at)
        waves.append(SurveyInvitation.objects.count())
    assert waves == [1, 1, 1, 1, 2, 2, 2, 2, 3]
    found = SurveyInvitation.objects.order_by("due_at").values_list("wave", flat=True)
    assert list(found) == [0, 1, 2]


def test_make_surveys_due_counts_only_sessions_they_came_to(plan, group, membership):
    came(group, membership, days_ago=8)
    came(group, membership, days_ago=2, status="no_show")
    came(group, membership, days_ago=1, status="late")
    assert actions.make_surveys_due(by=None) == 0, "the second session asks nobody"


def test_make_surveys_due_run_again_adds_nothing(plan, group, membership):
    came(group, membership, days_ago=1)
    assert [actions.make_surveys_due(by=None) for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("stop", ["plan ended", "left", "closed account", "too long ago"])
def test_make_surveys_due_asks_nobody_in_vain(plan, group, membership, stop):
    came(group, membership, days_ago=8 if stop == "too long ago" else 1)
    if stop == "plan ended":
        plan.ended_at = timezone.now()
        plan.save()
    elif stop == "left":
        membership.status, membership.ended_at = "withdrawn", timezone.now()
        membership.save()
    elif stop == "closed account":
        membership.user.is_active = False
        membership.user.save()
    assert actions.make_surveys_due(by=None) == 0


def test_make_surveys_due_asks_the_same_questions_once_a_week_across_groups(plan, group, member):
    other = factories.group(organisation=group.organisation)
    other_plan = factories.survey_plan(other)
    mine, theirs = (
        group.memberships.get(user=member.user),
        factories.member(other, user=member.user),
    )
    came(group, mine, days_ago=3)
    came(other, theirs, days_ago=2)
    assert actions.make_surveys_due(by=None) == 1, "both are due within one run"
    assert actions.make_surveys_due(by=None) == 0, "and one of them before the next"
    assert SurveyInvitation.objects.get().plan == plan
    factories.survey_plan(other, instrument=factories.instrument("gad-7"), position=2)
    assert actions.make_surveys_due(by=None) == 1, "other questions may be asked"
    assert not other_plan.invitations.exists()


def test_outcomes_surveyinvitation_once_and_outcomes_surveyinvitation_once_a_session(
    plan, group, membership
):
    held = came(group, membership, days_ago=1)
    factories.invitation(plan, membership, wave=0, support_session=held)
    for wave in (0, 1):  # the same wave; the same session for another wave
        with (
            pytest.raises(IntegrityError, match="outcomes_surveyinvitation_once"),
            transaction.atomic(),
        ):
            factories.invitation(plan, membership, wave=wave, support_session=held)


# The mail ----------------------------------------------------------------------------------------


def test_send_claimed_sends_one_neutral_mail_for_everything(plan, group, membership):
    worry = factories.survey_plan(group, instrument=factories.instrument("gad-7"), position=2)
    invitations = [factories.invitation(p, membership) for p in (worry, plan)]
    claimed = actions.claim_invitations(by=None)
    assert {user_id: set(ids) for user_id, ids in claimed.items()} == {
        membership.user_id: {i.pk for i in invitations}
    }
    assert (
        actions.send_claimed(
            invitation_ids=claimed[membership.user_id], by=None, mailer=mail.mailers.default
        )
        == 2
    )
    [message] = mail.outbox
    assert message.subject == "A few questions for you"
    assert message.to == [membership.user.email]
    assert f"/surveys/{invitations[1].pk}/" in message.body, "leads to the one asked first"
    for word in (group.name, "PHQ", "GAD", "depress", "anxi", "mood", "worry", "support group"):
        assert word.lower() not in message.body.lower()
    assert not SurveyInvitation.objects.filter(sent_at__isnull=True).exists()


def test_claim_invitations_gives_each_person_to_one_worker(plan, group):
    for _ in range(5):
        factories.invitation(plan, factories.member(group))
    first = actions.claim_invitations(by=None, limit=3)
    second = actions.claim_invitations(by=None, limit=3)
    assert (len(first), len(second)) == (3, 2)
    assert not first.keys() & second.keys()
    assert actions.claim_invitations(by=None) == {}


def test_claim_invitations_again_when_a_worker_died(plan, membership):
    invitation = factories.invitation(plan, membership)
    at = timezone.now()
    actions.claim_invitations(by=None, at=at)
    assert actions.claim_invitations(by=None, at=at + timedelta(minutes=9)) == {}
    assert actions.claim_invitations(by=None, at=at + timedelta(minutes=11)) == {
        membership.user_id: [invitation.pk]
    }
    invitation.refresh_from_db()
    assert invitation.attempts == 2


def test_claim_invitations_gives_up_after_some_attempts(plan, membership):
    factories.invitation(plan, membership, attempts=5)
    assert actions.claim_invitations(by=None) == {}


@pytest.mark.parametrize("state", ["sent", "closed", "answered", "not due", "left"])
def test_claim_invitations_leaves_what_needs_no_mail(plan, membership, state):
    now = timezone.now()
    invitation = factories.invitation(
        plan,
        membership,
        sent_at=now if state == "sent" else None,
        due_at=now + timedelta(days=-8 if state == "closed" else 1 if state == "not due" else -1),
    )
    if state == "answered":
        factories.response(invitation, submitted_at=now)
    if state == "left":
        membership.status, membership.ended_at = "withdrawn", now
        membership.save()
    assert actions.claim_invitations(by=None) == {}


def test_send_claimed_sends_nothing_for_what_was_answered_meanwhile(plan, membership):
    invitation = factories.invitation(plan, membership)
    factories.response(invitation, submitted_at=timezone.now())
    assert (
        actions.send_claimed(invitation_ids=[invitation.pk], by=None, mailer=mail.mailers.default)
        == 0
    )
    assert mail.outbox == []


# Answers -----------------------------------------------------------------------------------------


def test_save_answer_keeps_each_answer(plan, membership):
    invitation = factories.invitation(plan, membership)
    answer(invitation, "q1", 2)
    answer(invitation, "q2", None)
    answer(invitation, "q1", 1)
    response = Response.objects.get()
    assert response.answers == {"q1": 1, "q2": None}
    assert (response.instrument, response.submitted_at) == (plan.instrument, None)
    assert Event.objects.filter(verb="survey.answered").count() == 3
    assert not any("value" in event.data for event in Event.objects.all())


@pytest.mark.parametrize(("item_id", "value"), [("q1", 4), ("q10", 1), ("q1", True)])
def test_save_answer_refuses_what_the_instrument_does_not_offer(plan, membership, item_id, value):
    invitation = factories.invitation(plan, membership)
    with pytest.raises(InvalidAnswers):
        answer(invitation, item_id, value)
    assert not Response.objects.exists()


def test_save_answer_refuses_others_and_closed_ones(plan, membership, outsider):
    invitation = factories.invitation(plan, membership)
    with pytest.raises(Refused) as refused:
        actions.save_answer(invitation=invitation, item_id="q1", value=1, by=outsider.user)
    assert refused.value.reason == "not_yours"
    with pytest.raises(Refused) as refused:
        answer(invitation, "q1", 1, at=invitation.closes_at)
    assert refused.value.reason == "closed"


def test_save_answer_opens_a_concern_with_the_answer(plan, membership, coordinator):
    invitation = factories.invitation(plan, membership)
    saved = answer(invitation, "q9", 1)
    assert saved.shows_help
    concern = Concern.objects.get()
    assert concern.occasion == f"survey:{saved.response.pk}:q9"
    assert (concern.about, concern.source) == (membership.user, "survey")
    assert concern.assigned_to == coordinator.user
    assert "Several days" in concern.detail
    assert answer(invitation, "q9", 2).shows_help, "a repeat shows help again"
    assert Concern.objects.count() == 1, "and opens no second task"


def test_save_answer_and_concern_stand_or_fall_together(plan, membership, monkeypatch):
    invitation = factories.invitation(plan, membership)

    def fails(**fields):
        raise RuntimeError

    monkeypatch.setattr(actions, "open_concern", fails)
    with pytest.raises(RuntimeError):
        answer(invitation, "q9", 3)
    assert not Response.objects.exists()


@pytest.mark.parametrize("value", [0, None])
def test_save_answer_opens_no_concern_without_a_reason(plan, membership, value):
    saved = answer(factories.invitation(plan, membership), "q9", value)
    assert not saved.shows_help
    assert not Concern.objects.exists()


def test_save_answer_looks_at_the_total_too(plan, membership):
    invitation = factories.invitation(plan, membership)
    for item_id in PHQ_9[:6]:
        assert not answer(invitation, item_id, 3).shows_help
    assert answer(invitation, "q7", 3).shows_help, "21 points so far"
    assert Concern.objects.get().occasion.endswith(":severe-total")


def test_submit_response_scores_once_and_for_all(plan, membership):
    invitation = factories.invitation(plan, membership)
    answer_all(invitation, [1, 2, 1, 2, 1, 2, 1, 2, 0])
    answer(invitation, "difficulty", 1)
    first = actions.submit_response(invitation=invitation, by=membership.user)
    assert (first.score, first.band) == (12, "moderate")
    again = actions.submit_response(invitation=invitation, by=membership.user)
    assert again.submitted_at == first.submitted_at
    assert Event.objects.filter(verb="survey.submitted").count() == 1
    with pytest.raises(Refused) as refused:
        answer(SurveyInvitation.objects.get(), "q1", 3)
    assert refused.value.reason == "sent"


def test_submit_response_refuses_unanswered_ones(plan, membership):
    invitation = factories.invitation(plan, membership)
    with pytest.raises(Refused, match="wait"):
        actions.submit_response(invitation=invitation, by=membership.user)
    answer(invitation, "q1", 1)
    with pytest.raises(Refused, match="wait"):
        actions.submit_response(invitation=invitation, by=membership.user)


def test_submit_response_leaves_out_a_question_that_no_longer_applies(plan, membership):
    invitation = factories.invitation(plan, membership)
    answer_all(invitation, [1, *[0] * 8])
    answer(invitation, "difficulty", 2)
    answer(invitation, "q1", 0)
    response = actions.submit_response(invitation=invitation, by=membership.user)
    assert "difficulty" not in response.answers
    assert (response.score, response.band) == (0, "minimal")


def test_submit_response_without_a_score_when_too_much_is_missing(plan, membership):
    invitation = factories.invitation(plan, membership)
    answer_all(invitation, [None, None, None, *[0] * 6])
    response = actions.submit_response(invitation=invitation, by=membership.user)
    assert response.submitted_at is not None
    assert (response.score, response.band) == (None, "")


def test_the_database_lets_no_submitted_response_change(plan, membership):
    response = factories.response(
        factories.invitation(plan, membership), submitted_at=timezone.now(), score=5
    )
    with (
        pytest.raises(IntegrityError, match="never changes"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE outcomes_response SET score = 0 WHERE id = %s", [response.pk])


def test_outcomes_response_scored_when_submitted(plan, membership):
    with pytest.raises(IntegrityError, match="outcomes_response_scored_when_submitted"):
        factories.response(factories.invitation(plan, membership), score=5)
