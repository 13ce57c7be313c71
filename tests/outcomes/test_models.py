"""What the database refuses about surveys."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from outcomes.models import Response
from tests import factories


@pytest.fixture
def membership(group):
    return factories.member(group)


@pytest.fixture
def plan(group):
    return factories.survey_plan(group)


@pytest.fixture
def refuses():
    """Fails unless the database refuses with these words."""

    def check(words, write):
        with pytest.raises(IntegrityError, match=words), transaction.atomic():
            write()

    return check


def test_a_group_plans_an_instrument_once(group, plan, refuses):
    refuses("outcomes_surveyplan_once", lambda: factories.survey_plan(group))


def test_a_plan_asks_at_some_distance(group, refuses):
    refuses(
        "outcomes_surveyplan_every_sessions",
        lambda: factories.survey_plan(group, every_sessions=0),
    )


def test_a_member_is_invited_once_a_wave_and_session(group, plan, membership, refuses):
    held = factories.support_session(group, status="ended")
    factories.invitation(plan, membership, wave=0, support_session=held)
    refuses(
        "outcomes_surveyinvitation_once\\b",
        lambda: factories.invitation(plan, membership, wave=0),
    )
    refuses(
        "outcomes_surveyinvitation_once_a_session",
        lambda: factories.invitation(plan, membership, wave=1, support_session=held),
    )


def test_an_invitation_closes_after_it_is_due(plan, membership, refuses):
    now = timezone.now()
    refuses(
        "outcomes_surveyinvitation_closes_after_due",
        lambda: factories.invitation(plan, membership, due_at=now, closes_at=now),
    )


def test_a_score_needs_a_submitted_response(plan, membership, refuses):
    invitation = factories.invitation(plan, membership)
    refuses(
        "outcomes_response_scored_when_submitted",
        lambda: factories.response(invitation, score=12),
    )


def test_a_submitted_response_never_changes(plan, membership, refuses):
    invitation = factories.invitation(plan, membership)
    response = factories.response(invitation, submitted_at=timezone.now(), score=12)
    refuses(
        "a submitted response never changes",
        lambda: Response.objects.filter(pk=response.pk).update(score=3),
    )
    unfinished = factories.response(
        factories.invitation(plan, membership, wave=1, due_at=timezone.now() - timedelta(days=1))
    )
    Response.objects.filter(pk=unfinished.pk).update(answers={"q1": 1})
