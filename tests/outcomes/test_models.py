from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from outcomes.models import Presence, Response, Stay, SurveyInvitation
from tests import factories

pytestmark = pytest.mark.django_db


def test_outcomes_surveyplan_once(group):
    plan = factories.survey_plan(group)
    plan.ended_at = timezone.now()
    plan.save()
    factories.survey_plan(group)
    with pytest.raises(IntegrityError, match="outcomes_surveyplan_once"):
        factories.survey_plan(group)


NOW = timezone.now()


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("outcomes_surveyplan_baseline_known", {"baseline": "at_dawn"}),
        ("outcomes_surveyplan_one_rhythm", {"every_sessions": 0}),
        ("outcomes_surveyplan_one_rhythm", {"every_sessions": None, "every_weeks": 0}),
        ("outcomes_surveyplan_one_rhythm", {"every_sessions": 4, "every_weeks": 4}),
        ("outcomes_surveyplan_follow_ups_known", {"after_end_weeks": [4, 8]}),
        ("outcomes_surveyplan_asks_something", {"baseline": "", "every_sessions": None}),
        ("outcomes_surveyplan_reminders_fit", {"reminders": 3}),
        ("outcomes_surveyplan_reminders_fit", {"reminders": 2, "window_days": 2}),
        ("outcomes_surveyplan_reminders_fit", {"window_days": 61}),
    ],
)
def test_a_plan_is_refused_that_cannot_be(group, constraint, fields):
    with pytest.raises(IntegrityError, match=constraint):
        factories.survey_plan(group, **fields)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("outcomes_surveyinvitation_closes_after_due", {"due_at": NOW, "closes_at": NOW}),
        (
            "outcomes_surveyinvitation_closes_after_due",
            {"due_at": NOW, "arose_at": NOW + timedelta(hours=1)},
        ),
        ("outcomes_surveyinvitation_occasion_known", {"wave": 1, "occasion": "birthday"}),
        ("outcomes_surveyinvitation_baseline_is_wave_0", {"wave": 0, "occasion": "end"}),
        ("outcomes_surveyinvitation_baseline_is_wave_0", {"wave": 1, "occasion": "baseline"}),
        ("outcomes_surveyinvitation_reminders_possible", {"reminders_sent": 1}),
        ("outcomes_surveyinvitation_reminders_possible", {"reminders_sent": 3, "sent_at": NOW}),
    ],
)
def test_an_invitation_is_refused_that_cannot_be(group, constraint, fields):
    plan, membership = factories.survey_plan(group), factories.member(group)
    with pytest.raises(IntegrityError, match=constraint):
        factories.invitation(plan, membership, **fields)


@pytest.mark.parametrize(
    ("constraint", "first", "second"),
    [
        (
            "outcomes_surveyinvitation_once_a_moment",
            {"wave": 1, "arose_at": NOW},
            {"wave": 2, "arose_at": NOW},
        ),
        (
            "outcomes_surveyinvitation_once_an_occasion",
            {"wave": 1, "occasion": "end"},
            {"wave": 2, "occasion": "end"},
        ),
    ],
)
def test_an_invitation_is_refused_a_second_time(group, constraint, first, second):
    plan, membership = factories.survey_plan(group), factories.member(group)
    factories.invitation(plan, membership, due_at=NOW, **first)
    with pytest.raises(IntegrityError, match=constraint):
        factories.invitation(plan, membership, due_at=NOW + timedelta(days=1), **second)


def test_a_paper_code_stands_for_one_invitation(group):
    plan = factories.survey_plan(group)
    factories.invitation(plan, factories.member(group), paper_code="K7MRD4WX")
    with pytest.raises(IntegrityError, match="paper_code"):
        factories.invitation(plan, factories.member(group), paper_code="K7MRD4WX")


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("outcomes_response_scored_when_submitted", {"score": 5}),
        (
            "outcomes_response_scored_when_submitted",
            {"scales": {"low-mood": {"total": 2, "band": ""}}},
        ),
        ("outcomes_response_way_known", {"way": "voice"}),
        ("outcomes_response_paper_dated", {"way": "paper"}),
        ("outcomes_response_paper_dated", {"answered_on": NOW.date()}),
    ],
)
def test_a_response_is_refused_that_cannot_be(group, constraint, fields):
    invitation = factories.invitation(factories.survey_plan(group), factories.member(group))
    with pytest.raises(IntegrityError, match=constraint):
        factories.response(invitation, **fields)


def test_outcomes_response_shared_when_submitted(group):
    plan, membership = factories.survey_plan(group), factories.member(group)
    given = factories.response(factories.invitation(plan, membership), submitted_at=NOW)
    due_at = NOW - timedelta(hours=2)
    later = factories.invitation(plan, membership, wave=1, due_at=due_at)
    with pytest.raises(IntegrityError, match="outcomes_response_shared_when_submitted"):
        factories.response(later, shared_from=given)


def test_nothing_of_a_submitted_response_changes_but_whose_account_is_gone(group):
    clerk = factories.user()
    invitation = factories.invitation(factories.survey_plan(group), factories.member(group))
    response = factories.response(
        invitation, submitted_at=NOW, way="paper", answered_on=NOW.date(), entered_by=clerk
    )
    for change in (
        {"way": "online", "answered_on": None, "entered_by": None},
        {"scales": {"low-mood": {"total": 2, "band": ""}}},
        {"answered_on": NOW.date() - timedelta(days=1)},
        {"entered_by": factories.user()},
    ):
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            Response.objects.filter(pk=response.pk).update(**change)
    clerk.delete()
    response.refresh_from_db()
    assert (response.entered_by, response.way) == (None, "paper")


def test_open_is_due_not_closed_or_stopped_and_not_submitted(group):
    plan, now = factories.survey_plan(group), timezone.now()
    open_one = factories.invitation(plan, factories.member(group))
    begun = factories.invitation(plan, factories.member(group))
    factories.response(begun)
    sent = factories.invitation(plan, factories.member(group))
    factories.response(sent, submitted_at=now)
    factories.invitation(plan, factories.member(group), due_at=now + timedelta(hours=1))
    factories.invitation(plan, factories.member(group), due_at=now - timedelta(days=8))
    factories.invitation(plan, factories.member(group), stopped_at=now)
    assert set(SurveyInvitation.objects.open()) == {open_one, begun}


def test_kept_counts_are_refused_that_cannot_be(group):
    membership = factories.member(group)
    month = timezone.localdate().replace(day=1)
    kept = {"membership": membership, "group": group}
    Stay.objects.create(**kept, number=0, month=month, duration=3, outcome=1)
    with pytest.raises(IntegrityError, match="outcomes_stay_once"), transaction.atomic():
        Stay.objects.create(**kept, number=0, month=month, duration=3, outcome=1)
    with pytest.raises(IntegrityError, match="outcomes_stay_outcome_known"), transaction.atomic():
        Stay.objects.create(**kept, number=1, month=month, duration=3, outcome=3)
    nothing = dict.fromkeys(("late", "left_early", "excused", "missed"), 0)
    with pytest.raises(IntegrityError, match="outcomes_presence_came_dated"):
        Presence.objects.create(**kept, accepted_month=month, could_come=True, came=1, **nothing)
