from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from outcomes.models import SurveyInvitation
from tests import factories

pytestmark = pytest.mark.django_db


def test_outcomes_surveyplan_once(group):
    plan = factories.survey_plan(group)
    plan.ended_at = timezone.now()
    plan.save()
    factories.survey_plan(group)
    with pytest.raises(IntegrityError, match="outcomes_surveyplan_once"):
        factories.survey_plan(group)


def test_outcomes_surveyplan_every_sessions(group):
    with pytest.raises(IntegrityError, match="outcomes_surveyplan_every_sessions"):
        factories.survey_plan(group, every_sessions=0)


def test_outcomes_surveyinvitation_closes_after_due(group):
    now = timezone.now()
    with pytest.raises(IntegrityError, match="outcomes_surveyinvitation_closes_after_due"):
        factories.invitation(
            factories.survey_plan(group), factories.member(group), due_at=now, closes_at=now
        )


def test_open_is_due_not_closed_and_not_submitted(group):
    plan, now = factories.survey_plan(group), timezone.now()
    open_one = factories.invitation(plan, factories.member(group))
    begun = factories.invitation(plan, factories.member(group))
    factories.response(begun)
    sent = factories.invitation(plan, factories.member(group))
    factories.response(sent, submitted_at=now)
    factories.invitation(plan, factories.member(group), due_at=now + timedelta(hours=1))
    factories.invitation(plan, factories.member(group), due_at=now - timedelta(days=8))
    assert set(SurveyInvitation.objects.open()) == {open_one, begun}
