"""Whose turn has come: every kind of occasion, the week between the same questions, sharing."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone

from accounts import consents
from outcomes import actions, own, queries, rules
from outcomes.models import Response, SurveyInvitation
from supportgroups.lib.erasing import erasing
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
def now():
    return timezone.now()


def came(membership, ended_at):
    """They were at a session that ended then."""
    held = factories.support_session(
        membership.group,
        status="ended",
        starts_at=ended_at - timedelta(minutes=90),
        ends_at=ended_at,
    )
    factories.attendance(held, membership)
    return held


def joined(group, at, **fields):
    return factories.member(group, activated_at=at, **fields)


def asked(at):
    """What a run at this moment asks: occasion and wave of each."""
    known = set(SurveyInvitation.objects.values_list("pk", flat=True))
    actions.make_surveys_due(by=None, at=at)
    new = SurveyInvitation.objects.exclude(pk__in=known).order_by("due_at", "id")
    return [(invitation.occasion, invitation.wave) for invitation in new]


def answered(invitation, at, **fields):
    return factories.response(invitation, submitted_at=at, score=9, answers={"q1": 1}, **fields)


# Every kind of occasion --------------------------------------------------------------------------


def test_on_joining_then_every_n_sessions(group, now):
    factories.survey_plan(group, baseline="on_joining", every_sessions=2)
    membership = joined(group, now - 40 * DAY)
    found = [asked(now - 39 * DAY)]
    for week in range(1, 5):
        at = now - 40 * DAY + week * WEEK
        came(membership, at)
        found.append(asked(at + timedelta(hours=1)))
    assert found == [[("baseline", 0)], [], [("regular", 1)], [], [("regular", 2)]]


def test_every_n_weeks_counts_from_the_baseline(group, now):
    begun = now - 12 * WEEK
    factories.survey_plan(group, baseline="first_session", every_weeks=4)
    membership = joined(group, begun)
    assert asked(begun + 5 * WEEK) == [], "no rhythm before the first session"
    first = begun + 6 * WEEK
    came(membership, first)
    moments = [first + DAY, first + 4 * WEEK - DAY, first + 4 * WEEK + DAY, first + 4 * WEEK + DAY]
    assert [asked(at) for at in moments] == [[("baseline", 0)], [], [("regular", 1)], []]
    second = SurveyInvitation.objects.get(wave=1)
    assert second.due_at == second.arose_at == first + 4 * WEEK
    assert second.support_session is None


def test_weeks_without_a_baseline_count_from_joining(group, now):
    factories.survey_plan(group, baseline="", every_weeks=2)
    joined(group, now - 15 * DAY)
    assert asked(now) == [("regular", 1)]


def test_at_the_end_and_4_and_12_weeks_after(group, now):
    factories.survey_plan(group, every_sessions=None, at_end=True, after_end_weeks=[4, 12])
    ended = now - 13 * WEEK
    factories.membership(
        group=group, status="completed", activated_at=now - 40 * WEEK, ended_at=ended
    )
    moments = [ended + DAY, ended + 3 * WEEK, ended + 4 * WEEK + DAY, ended + 12 * WEEK + DAY]
    assert [asked(at) for at in moments] == [
        [("end", 1)],
        [],
        [("follow_up_4", 2)],
        [("follow_up_12", 3)],
    ]
    assert asked(now) == []


def test_the_last_session_of_a_course_ends_it(organisation, now):
    group = factories.group(organisation=organisation, attendance="closed", course_sessions=2)
    factories.survey_plan(group, baseline="on_joining", every_sessions=None, at_end=True)
    membership = joined(group, now - 30 * DAY)
    assert asked(now - 29 * DAY) == [("baseline", 0)]
    came(membership, now - 20 * DAY)
    assert asked(now - 19 * DAY) == []
    came(membership, now - 13 * DAY)
    assert asked(now - 12 * DAY) == [("end", 1)]
    membership.status, membership.ended_at = "completed", now - DAY
    membership.save()
    assert asked(now) == [], "completing it later asks no second time"


@pytest.mark.parametrize(
    ("status", "agrees", "expected"),
    [("withdrawn", False, []), ("withdrawn", True, [("end", 1)]), ("removed", True, [])],
)
def test_who_left_is_asked_only_if_they_agreed_and_who_was_removed_never(
    group, now, status, agrees, expected
):
    factories.survey_plan(group, at_end=True)
    membership = factories.membership(
        group=group, status=status, activated_at=now - 9 * WEEK, ended_at=now - DAY
    )
    if agrees:
        consents.give(
            user=membership.user,
            purpose="ask_after_leaving",
            organisation=group.organisation,
            by=membership.user,
        )
    assert asked(now) == expected
    waiting = queries.open_invitations_of(membership.user, at=now)
    assert (len(waiting), len(actions.claim_invitations(by=None, at=now))) == (
        len(expected),
        len(expected),
    )
    if expected:
        consents.withdraw(
            user=membership.user,
            purpose="ask_after_leaving",
            organisation=group.organisation,
            by=membership.user,
        )
        assert not queries.open_invitations_of(membership.user, at=now)


def test_who_came_back_is_not_asked_about_the_end(group, now):
    factories.survey_plan(group, every_sessions=None, baseline="", at_end=True)
    before = factories.membership(
        group=group, status="completed", activated_at=now - 9 * WEEK, ended_at=now - DAY
    )
    factories.member(group, user=before.user)
    assert asked(now) == []


def test_a_paused_group_asks_nothing_but_about_its_end(organisation, now):
    group = factories.group(organisation=organisation, lifecycle="paused")
    factories.survey_plan(group, baseline="on_joining", every_weeks=1, at_end=True)
    joined(group, now - 8 * DAY)
    assert asked(now) == []
    factories.membership(
        group=group, status="completed", activated_at=now - 9 * WEEK, ended_at=now - DAY
    )
    assert asked(now) == [("end", 1)]
    assert len(actions.claim_invitations(by=None, at=now)) == 1


def test_who_belonged_before_the_plan_has_no_baseline(group, now):
    membership = joined(group, now - 40 * DAY)
    came(membership, now - 20 * DAY)
    factories.survey_plan(group, every_sessions=2, began_at=now - 10 * DAY)
    came(membership, now - 8 * DAY)
    assert asked(now - 7 * DAY) == []
    came(membership, now - DAY)
    assert asked(now) == [("regular", 1)]


def test_waves_rise_with_time_when_the_rhythm_changes(group, now):
    plan = factories.survey_plan(group, every_sessions=1)
    membership = joined(group, now - 60 * DAY)
    found = []
    for week in range(4):
        at = now - 50 * DAY + week * WEEK
        came(membership, at)
        found += asked(at + timedelta(hours=1))
    plan.every_sessions, plan.changed_at = 4, now - 25 * DAY
    plan.save()
    came(membership, now - 22 * DAY)
    found += asked(now - 21 * DAY)
    assert found == [("baseline", 0), *[("regular", n) for n in (1, 2, 3, 4)]]


def test_a_change_does_not_reach_back(group, now):
    membership = joined(group, now - 40 * DAY)
    factories.survey_plan(group, every_sessions=4, changed_at=now - DAY)
    came(membership, now - 2 * DAY)
    assert asked(now) == []


# The week between the same questions -------------------------------------------------------------


@pytest.fixture
def two_groups(organisation, now):
    """One person who joins two groups of one organisation, three days apart."""
    person = factories.user()
    memberships = []
    for days in (5, 2):
        group = factories.group(organisation=organisation)
        factories.survey_plan(group, baseline="on_joining", every_sessions=None)
        memberships.append(joined(group, now - days * DAY, user=person))
    return memberships


def test_the_same_questions_wait_until_a_week_has_passed(two_groups, now):
    first, second = two_groups
    assert asked(now) == [("baseline", 0)]
    assert asked(now + DAY) == []
    later = first.activated_at + rules.ASKED_AGAIN_AFTER
    assert asked(later - timedelta(minutes=1)) == []
    assert asked(later) == [("baseline", 0)]
    put_off = SurveyInvitation.objects.get(membership=second)
    assert (put_off.arose_at, put_off.due_at) == (second.activated_at, later)
    assert put_off.closes_at == later + WEEK


def test_the_week_holds_across_organisations_and_nothing_is_shared_there(now):
    person = factories.user()
    consents.give(user=person, purpose="share_answers_between_groups", by=person)
    for days in (3, 2):
        group = factories.group()
        factories.survey_plan(group, baseline="on_joining", every_sessions=None)
        joined(group, now - days * DAY, user=person)
    assert asked(now) == [("baseline", 0)]
    answered(SurveyInvitation.objects.get(), now)
    assert asked(now + DAY) == []
    assert asked(now + 5 * DAY) == [("baseline", 0)]
    assert not Response.objects.filter(shared_from__isnull=False).exists()


def test_an_answer_counts_for_the_other_group_when_the_person_shares_it(two_groups, now):
    first, second = two_groups
    consents.give(user=first.user, purpose="share_answers_between_groups", by=first.user)
    asked(now)
    assert asked(now) == [], "it waits for the answer to the first"
    given = answered(SurveyInvitation.objects.get(), now, band="mild", scales={"a": {"total": 1}})
    assert asked(now + DAY) == [("baseline", 0)]
    copy = Response.objects.get(invitation__membership=second)
    assert copy.shared_from == given
    for field in ("answers", "score", "band", "scales", "submitted_at", "instrument"):
        assert getattr(copy, field) == getattr(given, field)
    assert not queries.open_invitations_of(first.user, at=now + DAY)
    assert actions.claim_invitations(by=None, at=now + DAY) == {}
    [check_in] = own.check_ins_of(first.user, zone=ZoneInfo("UTC"))
    assert check_in.is_shared, "on their own page it stands once"
    with erasing(first.user.pk):
        given.delete()
    assert not Response.objects.exists(), "and goes with what it came from"


def test_an_answer_without_consent_counts_once(two_groups, now):
    asked(now)
    answered(SurveyInvitation.objects.get(), now)
    assert asked(now + DAY) == []
    assert Response.objects.count() == 1


def test_nobody_waits_longer_than_a_week(group, organisation, now):
    other = factories.group(organisation=organisation)
    person = factories.user()
    mine, theirs = joined(group, now - 2 * DAY, user=person), factories.member(other, user=person)
    plan = factories.survey_plan(group, baseline="on_joining", every_sessions=None)
    factories.invitation(factories.survey_plan(other), theirs, due_at=now - DAY)
    assert asked(now + rules.ASKED_AGAIN_AFTER) == [], "it would be more than a week late by then"
    assert not plan.invitations.filter(membership=mine).exists()


# Reminders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reminders", "expected"), [(0, []), (1, [3.5 * DAY]), (2, [7 * DAY / 3, 14 * DAY / 3])]
)
def test_reminders_cut_the_window_into_equal_parts(group, now, reminders, expected):
    plan = factories.survey_plan(group, reminders=reminders)
    invitation = factories.invitation(plan, factories.member(group), due_at=now)
    moments = []
    for hour in range(24 * 7):
        at = now + timedelta(hours=hour)
        for ids in actions.claim_invitations(by=None, at=at).values():
            actions.send_claimed(invitation_ids=ids, by=None, mailer=mail.mailers.default, at=at)
            moments.append(at - now)
    assert [round(each / DAY) for each in moments] == [0, *[round(e / DAY) for e in expected]]
    invitation.refresh_from_db()
    assert (invitation.reminders_sent, invitation.next_mail_at) == (reminders, None)
    assert invitation.sent_at == now
    subjects = {message.subject for message in mail.outbox}
    assert subjects <= {"A few questions for you", "Your questions are still open"}


def test_no_reminder_after_an_answer_or_in_the_last_hours(group, now):
    plan = factories.survey_plan(group, reminders=2, window_days=3)
    late = factories.invitation(plan, factories.member(group), due_at=now - 2 * DAY)
    late.closes_at = now + DAY
    assert rules.next_reminder_at(late, at=now) is None
    membership = factories.member(group)
    invitation = factories.invitation(plan, membership, due_at=now, sent_at=now)
    SurveyInvitation.objects.filter(pk=invitation.pk).update(next_mail_at=now)
    for item in invitation.plan.instrument.parsed().all_items:
        actions.save_answer(invitation=invitation, item_id=item.id, value=0, by=membership.user)
    actions.submit_response(invitation=invitation, by=membership.user)
    invitation.refresh_from_db()
    assert invitation.next_mail_at is None


def test_a_mail_delivered_twice_is_sent_once(group, now):
    invitation = factories.invitation(factories.survey_plan(group), factories.member(group))
    [ids] = actions.claim_invitations(by=None, at=now).values()
    sent = [
        actions.send_claimed(invitation_ids=ids, by=None, mailer=mail.mailers.default, at=now)
        for _ in range(2)
    ]
    assert (sent, len(mail.outbox)) == ([1, 0], 1)
    invitation.refresh_from_db()
    assert (invitation.reminders_sent, invitation.next_mail_at is not None) == (0, True)


def test_mails_wait_for_the_end_of_quiet_hours(group, now):
    at = now.replace(hour=3, minute=0)
    quiet = {"quiet_from": "22:00", "quiet_until": "07:30", "time_zone": "UTC"}
    person = factories.user(**quiet)
    person.refresh_from_db()
    membership = factories.member(group, user=person)
    factories.invitation(factories.survey_plan(group), membership, due_at=at - DAY / 24)
    [ids] = actions.claim_invitations(by=None, at=at).values()
    actions.send_claimed(invitation_ids=ids, by=None, mailer=mail.mailers.default, at=at)
    assert mail.outbox == []
    invitation = SurveyInvitation.objects.get()
    assert (invitation.attempts, invitation.sent_at) == (0, None)
    morning = invitation.next_mail_at
    assert (morning.hour, morning.minute) == (7, 30)
    assert list(actions.claim_invitations(by=None, at=morning)) == [person.pk]


def test_stopped_ones_and_those_of_a_group_one_left_are_refused_kindly(group, now):
    plan, membership = factories.survey_plan(group), factories.member(group)
    stopped = factories.invitation(plan, membership, stopped_at=now)
    with pytest.raises(Refused) as refused:
        rules.check_may_answer(membership.user, stopped)
    assert (refused.value.reason, "no longer needed" in refused.value.message) == ("stopped", True)
    left = factories.membership(group=group, status="withdrawn", activated_at=now - WEEK)
    invitation = factories.invitation(plan, left)
    with pytest.raises(Refused) as refused:
        rules.check_may_answer(left.user, invitation)
    assert refused.value.reason == "left"
    assert not queries.open_invitations_of(left.user, at=now)


def test_plans_of_are_the_ones_that_hold_now_in_order(group, now):
    second = factories.survey_plan(group, position=2)
    first = factories.survey_plan(group, instrument=factories.instrument("gad-7"), position=1)
    factories.survey_plan(group, instrument=factories.instrument("phq-4"), ended_at=now)
    assert list(rules.plans_of(group)) == [first, second]
