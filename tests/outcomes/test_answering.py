"""Every open questionnaire as a check-in, from its first page to what happens next."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import consents
from audit.models import Event
from instruments.actions import load_definitions
from instruments.models import Instrument
from instruments.scoring import score
from outcomes import actions, rules
from outcomes.models import Response, SurveyInvitation
from outcomes.plan_words import next_time
from safeguarding.models import Concern
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership(member, group):
    return group.memberships.get(user=member.user)


@pytest.fixture
def ask(group, membership):
    """Ask the member one questionnaire; returns the invitation."""

    def ask(code, **fields):
        plan = factories.survey_plan(group, instrument=factories.instrument(code), **fields)
        return factories.invitation(plan, membership)

    return ask


def page(person, invitation, name, *arguments):
    address = reverse(f"outcomes:survey_{name}", args=[invitation.pk, *arguments])
    return person.client.get(address).content.decode()


def sheet_of(invitation):
    return rules.sheet_of(SurveyInvitation.objects.get(pk=invitation.pk))


def say(invitation, item_id, value):
    return actions.save_answer(
        invitation=invitation, item_id=item_id, value=value, by=invitation.membership.user
    )


def answer_all(invitation, choose):
    """Answer whatever is asked next, until nothing is."""
    while item := sheet_of(invitation).next_item:
        say(invitation, item.id, choose(item))


OPEN = (
    "audit-c core-10 gad-2 gad-7 ons-loneliness ons4 pc-ptsd-5 pcl-5 phq-2 phq-4 phq-8 phq-9"
).split()


def test_these_are_all_that_a_form_may_ask():
    load_definitions()
    shipped = Instrument.objects.shipped().filter(terms="").for_forms()
    assert sorted(set(shipped.values_list("code", flat=True))) == OPEN


@pytest.mark.parametrize("code", OPEN)
def test_a_check_in_from_the_first_page_to_the_last(member, ask, code):
    invitation = ask(code)
    definition = invitation.plan.instrument.parsed()
    assert definition.licence.notice[:40] in page(member, invitation, "start").replace(
        "&#x27;", "'"
    ).replace("&quot;", '"').replace("&amp;", "&")
    first = sheet_of(invitation).next_item
    assert first == definition.all_items[0]
    question = page(member, invitation, "question", first.id)
    assert "Continue" in question
    answer_all(invitation, lambda item: max(item.values))
    assert "Send my answers" in page(member, invitation, "check")
    sent = actions.submit_response(invitation=invitation, by=member.user)
    expected = score(definition, sent.answers)
    assert sent.score == expected.total
    assert sent.band == (expected.band or "")
    assert sent.scales.keys() == {scale.id for scale in expected.scales}
    for scale in expected.scales:
        assert Decimal(str(sent.scales[scale.id]["total"])) == scale.total
    done = page(member, invitation, "done")
    assert "What happens next" in done
    assert "You left some questions out" not in done
    for scale in definition.scales:
        assert scale.title in done


def test_a_question_is_asked_only_while_its_condition_holds(member, ask):
    invitation = ask("audit-c")
    say(invitation, "q1", 0)
    assert sheet_of(invitation).next_item is None, "who never drinks is asked nothing more"
    say(invitation, "q1", 2)
    assert sheet_of(invitation).next_item.id == "q2", "a changed answer opens the others again"
    say(invitation, "q2", 1)
    say(invitation, "q3", 1)
    say(invitation, "q1", 0)
    assert [item.id for item in sheet_of(invitation).items] == ["q1"]
    sent = actions.submit_response(invitation=invitation, by=member.user)
    assert (sent.answers, sent.score) == ({"q1": 0}, 0), "what no longer applies is left out"


def test_no_total_is_promised_where_questions_depend_on_answers(member, ask):
    conditional, fixed = ask("audit-c"), ask("gad-2")
    assert "Question 1</b>" in page(member, conditional, "question", "q1")
    assert "Question 1 of 2</b>" in page(member, fixed, "question", "q1")
    assert "Up to 3 short questions about the last year" in page(member, conditional, "start")


def test_parts_without_an_answer_have_no_score(member, ask):
    invitation = ask("ons4")
    answer_all(invitation, lambda item: None if item.id == "satisfied" else 7)
    sent = actions.submit_response(invitation=invitation, by=member.user)
    assert sent.score is None
    totals = {key: kept["total"] for key, kept in sent.scales.items()}
    assert totals == {"satisfied": None, "worthwhile": 7, "happy": 7, "anxious": 7}
    done = page(member, invitation, "done")
    assert "No score, because you left something out" in done
    assert "Each answer stands for itself" in done


# The first page ----------------------------------------------------------------------------------


def test_survey_start_names_who_sees_what_and_stays_true(member, coordinator, ask):
    invitation = ask("phq-9")
    content = page(member, invitation, "start")
    assert f"{coordinator.user.public_name} (Harbour Network) sees only how many" in content
    assert f"{coordinator.user.public_name} is told about that answer" in content
    second = factories.user(display_name="Robin")
    role = factories.staff_role(user=second, organisation=invitation.membership.group.organisation)
    assert "Robin" in page(member, invitation, "start")
    say(invitation, "q9", 1)
    assert Concern.objects.get().assigned_to == coordinator.user, "as it said"
    role.delete()
    assert "Robin" not in page(member, invitation, "question", "q1")
    assert "whom to call at once" not in page(member, ask("gad-7"), "start"), "nothing to except"


def test_survey_start_asks_to_share_and_to_be_asked_later(member, group, ask):
    invitation = ask("gad-7", at_end=True)
    start = reverse("outcomes:survey_start", args=[invitation.pk])
    content = member.client.get(start).content.decode()
    assert 'name="ask_after_leaving"' in content
    assert 'name="share_answers_between_groups"' not in content, "no other group asks it"
    other = factories.group(organisation=group.organisation)
    factories.member(other, user=member.user)
    factories.survey_plan(other, instrument=invitation.plan.instrument)
    content = member.client.get(start).content.decode()
    assert 'name="share_answers_between_groups"' in content
    assert '_hint" checked' not in content, "nothing is ticked for anybody"
    response = member.client.post(start, {"share_answers_between_groups": "on"})
    assert response.url == reverse("outcomes:survey_question", args=[invitation.pk, "q1"])
    assert consents.has_consented(member.user, "share_answers_between_groups")
    assert not consents.has_consented(member.user, "ask_after_leaving", group.organisation)
    member.client.post(start, {"ask_after_leaving": "on"})
    assert not consents.has_consented(member.user, "share_answers_between_groups"), "unticked"
    assert consents.has_consented(member.user, "ask_after_leaving", group.organisation)


def test_survey_start_of_a_group_one_left_keeps_no_choice(member, group, ask, membership):
    invitation = ask("gad-7", at_end=True)
    membership.status, membership.ended_at = "withdrawn", timezone.now()
    membership.save()
    start = reverse("outcomes:survey_start", args=[invitation.pk])
    content = member.client.post(start, {"ask_after_leaving": "on"}).content.decode()
    assert "no longer in the group" in content
    assert not consents.has_consented(member.user, "ask_after_leaving", group.organisation)


# What happens next -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "occasion", "words"),
    [
        ({}, "regular", "after you have come to 4 more sessions."),
        ({"every_weeks": 2}, "baseline", "in about 2 weeks."),
        ({"every_sessions": None, "at_end": True}, "baseline", "when your time in the group"),
        ({"every_sessions": None}, "baseline", "do not ask you these questions again"),
        ({"at_end": True, "after_end_weeks": [12]}, "end", "in about 12 weeks."),
        ({"after_end_weeks": [4, 12]}, "follow_up_4", "in about 8 weeks."),
        ({"after_end_weeks": [4, 12]}, "follow_up_12", "do not ask you these questions again"),
        ({"ended_at": timezone.now()}, "regular", "do not ask you these questions again"),
    ],
)
def test_next_time(group, membership, fields, occasion, words):
    plan = factories.survey_plan(group, **fields)
    now = timezone.now()
    invitation = SurveyInvitation(
        plan=plan, membership=membership, occasion=occasion, arose_at=now - timedelta(hours=1)
    )
    assert words in next_time(invitation, at=now)


def test_several_sets_follow_each_other(member, ask):
    first, second = ask("gad-2", position=1), ask("phq-2", position=2)
    answer_all(first, lambda item: 0)
    actions.submit_response(invitation=first, by=member.user)
    done = page(member, first, "done")
    assert reverse("outcomes:survey_question", args=[second.pk, "q1"]) in done
    assert "2 short questions, about a minute" in done.lower()
    assert Response.objects.count() == 1


def test_the_words_before_the_questions_stand_before_the_first_one_too(member, ask):
    invitation = ask("pc-ptsd-5")
    stem = "unusually or especially frightening"
    assert stem in page(member, invitation, "question", "gate")
    say(invitation, "gate", 0)
    assert page(member, invitation, "check").count(stem) == 1
    phq_9 = ask("phq-9")
    for number in range(1, 10):
        say(phq_9, f"q{number}", 1)
    assert "bothered by any of the following" in page(member, phq_9, "question", "q9")
    assert "bothered by any of the following" not in page(member, phq_9, "question", "difficulty")


def test_nothing_is_shown_once_the_licence_has_run_out(member, group, membership):
    own = factories.own_instrument(group.organisation)
    invitation = factories.invitation(factories.survey_plan(group, instrument=own), membership)
    assert "© Dr Cohen" in page(member, invitation, "start")
    say(invitation, "q1", 3)
    group.organisation.licences.update(valid_until=timezone.localdate() - timedelta(days=1))
    assert "cannot be asked at the moment" in page(member, invitation, "start")
    address = reverse("outcomes:survey_question", args=[invitation.pk, "q2"])
    assert member.client.get(address).status_code == 403
    assert Response.objects.get(invitation=invitation).answers == {"q1": 3}


def test_what_was_asked_can_be_finished_after_terms_were_withdrawn(member, group, membership):
    factories.terms_acceptance(group.organisation)
    invitation = factories.invitation(
        factories.survey_plan(group, instrument=factories.instrument("ucla-3")), membership
    )
    group.organisation.terms_acceptances.update(withdrawn_at=timezone.now())
    answer_all(invitation, lambda item: 3)
    sent = actions.submit_response(invitation=invitation, by=member.user)
    assert sent.score == 9


def test_plans_follow_a_correction_and_answers_do_not(member, group, membership):
    first = factories.own_instrument(group.organisation)
    plan = factories.survey_plan(group, instrument=first)
    ended = factories.survey_plan(group, instrument=first, ended_at=timezone.now())
    theirs = factories.own_instrument(factories.organisation())
    begun = factories.invitation(plan, membership)
    say(begun, "q1", 3)
    waiting = factories.invitation(plan, membership, wave=1)
    second = factories.own_instrument(group.organisation, version="2")
    actions.make_surveys_due(by=None)
    plan.refresh_from_db()
    ended.refresh_from_db()
    assert (plan.instrument, ended.instrument) == (second, first)
    assert sheet_of(begun).instrument == first
    assert sheet_of(waiting).instrument == second
    assert theirs.plans.count() == 0
    event = Event.objects.get(verb="survey_plan.corrected")
    assert (event.object_id, event.data) == (plan.pk, {"version": "2"})
    actions.make_surveys_due(by=None)
    assert Event.objects.filter(verb="survey_plan.corrected").count() == 1
