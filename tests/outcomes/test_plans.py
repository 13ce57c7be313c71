"""A coordinator decides what a group asks, and when."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from outcomes import actions, plan_actions, queries, rules
from outcomes.models import SurveyInvitation, SurveyPlan
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db


def address(page, group, *arguments):
    return reverse(f"outcomes:survey_plan{page}", args=[group.slug, *arguments])


def filled(**fields):
    """The form as it comes, with changes; None leaves a field out."""
    usual = {
        "baseline": "on_joining",
        "rhythm": "sessions",
        "every": "4",
        "at_end": "on",
        "after_end": ["12"],
        "window_days": "7",
        "reminders": "1",
    }
    return {name: value for name, value in {**usual, **fields}.items() if value is not None}


def terms(plan):
    return {name: getattr(plan, name) for name in plan_actions.TERMS}


def test_survey_plans_begin_empty_and_offer_what_may_be_used(coordinator, group):
    factories.instrument()
    page = coordinator.client.get(address("s", group)).content.decode()
    assert "Nothing is asked yet" in page
    form = coordinator.client.get(address("_add", group)).content.decode()
    assert "Generalized Anxiety Disorder-7" in form
    assert "Ask Suicide-Screening Questions" not in form, "a person asks those"
    assert "We suggest every 4" in form


def test_survey_plan_add_keeps_what_was_chosen(coordinator, group):
    instrument = factories.instrument("gad-7")
    response = coordinator.client.post(
        address("_add", group), filled(instrument=str(instrument.pk), after_end=["4", "12"])
    )
    assert response.url == address("s", group)
    plan = SurveyPlan.objects.get()
    assert plan.instrument == instrument
    assert terms(plan) == {
        "baseline": "on_joining",
        "every_sessions": 4,
        "every_weeks": None,
        "at_end": True,
        "after_end_weeks": [4, 12],
        "window_days": 7,
        "reminders": 1,
    }
    page = coordinator.client.get(response.url).content.decode()
    assert "after the 4th, 8th, 12th session they come to" in page
    assert "is asked 7 times" in page
    event = Event.objects.get(verb="survey_plan.added")
    assert event.data["instrument"] == "gad-7"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"instrument": ""}, "Choose one questionnaire."),
        ({"every": ""}, "Type how many sessions or weeks lie in between."),
        ({"every": "0"}, "Type 1 or more."),
        ({"window_days": "2", "reminders": "2"}, "Two reminders need at least 3 days."),
        (
            {"baseline": "none", "rhythm": "none", "at_end": None, "after_end": None},
            "Choose at least one moment",
        ),
    ],
)
def test_survey_plan_add_says_what_is_missing_and_loses_nothing(coordinator, group, fields, words):
    instrument = factories.instrument("gad-7")
    data = filled(**{"instrument": str(instrument.pk), **fields})
    page = coordinator.client.post(address("_add", group), data).content.decode()
    assert "<title>Error: " in page
    assert words in page
    assert not SurveyPlan.objects.exists()


def test_survey_plan_add_shows_what_it_means_before_saving(coordinator, group):
    instrument = factories.instrument("phq-9")
    data = filled(
        instrument=str(instrument.pk), baseline="first_session", rhythm="weeks", preview="1"
    )
    whole = coordinator.client.post(address("_add", group), data).content.decode()
    part = coordinator.client.post(
        address("_add", group), data, headers={"HX-Request": "true"}
    ).content.decode()
    for page in (whole, part):
        assert "every 4 weeks from then on" in page
    assert part.strip().startswith('<section class="panel panel--flat stack-2" id="preview"')
    assert not SurveyPlan.objects.exists()


def test_survey_plan_change_holds_from_now_on(coordinator, group, membership_of):
    plan = factories.survey_plan(group)
    asked = factories.invitation(plan, membership_of)
    before = SurveyInvitation.objects.values().get(pk=asked.pk)
    page = coordinator.client.get(address("_change", group, plan.pk)).content.decode()
    assert 'value="first_session"' in page
    data = filled(baseline="first_session", rhythm="weeks", every="2", window_days="3")
    coordinator.client.post(address("_change", group, plan.pk), data)
    plan.refresh_from_db()
    assert (plan.every_sessions, plan.every_weeks, plan.window_days) == (None, 2, 3)
    assert plan.changed_at is not None
    assert SurveyInvitation.objects.values().get(pk=asked.pk) == before


def test_change_plan_without_a_difference_changes_nothing(coordinator, group):
    plan = factories.survey_plan(group)
    plan_actions.change_plan(plan=plan, by=coordinator.user, **terms(plan))
    plan.refresh_from_db()
    assert plan.changed_at is None
    assert not Event.objects.filter(verb="survey_plan.changed").exists()


@pytest.fixture
def membership_of(member, group):
    return group.memberships.get(user=member.user)


def test_survey_plan_end_closes_kindly_what_nobody_had_begun(
    coordinator, member, group, membership_of
):
    plan = factories.survey_plan(group)
    waiting = factories.invitation(plan, membership_of)
    begun = factories.invitation(plan, factories.member(group))
    factories.response(begun, answers={"q1": 1})
    question = address("_end", group, plan.pk)
    assert "can finish" in coordinator.client.get(question).content.decode()
    coordinator.client.post(question)
    waiting.refresh_from_db()
    begun.refresh_from_db()
    assert (waiting.stopped_at is not None, begun.stopped_at) == (True, None)
    assert {waiting.next_mail_at, begun.next_mail_at} == {None}
    assert actions.claim_invitations(by=None) == {}
    start = reverse("outcomes:survey_start", args=[waiting.pk])
    assert "no longer needed" in member.client.get(start).content.decode()
    now = timezone.now()
    assert list(queries.open_invitations_of(begun.membership.user, at=now)) == [begun]
    assert plan_actions.end_plan(plan=plan, by=coordinator.user) == 0, "ending twice is once"
    assert coordinator.client.get(question).status_code == 404


def test_an_ended_plan_asks_no_more_and_can_begin_anew(coordinator, group, membership_of):
    plan = factories.survey_plan(group, every_sessions=1)
    plan_actions.end_plan(plan=plan, by=coordinator.user)
    held = factories.support_session(group, status="ended")
    factories.attendance(held, membership_of)
    assert actions.make_surveys_due(by=None) == 0
    with pytest.raises(Refused, match="ended"):
        plan_actions.change_plan(plan=plan, by=coordinator.user, window_days=3)
    again = plan_actions.add_plan(
        group=group, instrument=plan.instrument, by=coordinator.user, **terms(plan)
    )
    assert list(rules.plans_of(group)) == [again]
    with pytest.raises(Refused, match="already"):
        plan_actions.add_plan(
            group=group, instrument=plan.instrument, by=coordinator.user, **terms(plan)
        )


def test_survey_plan_move_changes_the_order(coordinator, group):
    plans = [
        factories.survey_plan(group, instrument=factories.instrument(code), position=n)
        for n, code in enumerate(("phq-9", "gad-7", "ons4"), start=1)
    ]
    for plan, to in ((plans[2], "earlier"), (plans[0], "later"), (plans[1], "later")):
        coordinator.client.post(address("_move", group, plan.pk), {"to": to})
    codes = [plan.instrument.code for plan in rules.plans_of(group)]
    assert codes == ["ons4", "phq-9", "gad-7"]


def test_a_questionnaire_without_a_licence_is_not_asked(coordinator, group, membership_of):
    instrument = factories.instrument("gad-7")
    own = type(instrument).objects.create(
        organisation=group.organisation,
        code="own-one",
        version="1",
        language="en",
        title="Own one",
        definition={**instrument.definition, "code": "own-one"},
        licence="x",
        source="x",
    )
    with pytest.raises(Refused, match="licence"):
        plan_actions.add_plan(group=group, instrument=own, by=coordinator.user)
    plan = factories.survey_plan(group, instrument=own)
    held = factories.support_session(group, status="ended")
    factories.attendance(held, membership_of)
    at = timezone.now() + timedelta(hours=1)
    assert rules.plans_without_licence(at) == [plan.pk]
    assert actions.make_surveys_due(by=None, at=at) == 0
    factories.invitation(plan, membership_of)
    assert actions.claim_invitations(by=None, at=at) == {}
    page = coordinator.client.get(address("s", group)).content.decode()
    assert "licence has run out" in page
