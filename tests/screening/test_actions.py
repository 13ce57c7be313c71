"""Answering and deciding."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from audit.models import Event
from groups.models import Membership
from safeguarding.models import Concern
from screening import actions, periodic, tasks
from screening.models import Application, Decision
from supportgroups.lib.refusals import Refused
from tests import factories
from tests.at_once import at_once

Status = Application.Status


@pytest.fixture
def told(monkeypatch):
    """Ids of decisions whose mail was asked for, after the commit."""
    asked: list[str] = []
    monkeypatch.setattr(tasks.tell_applicant, "delay", asked.append)
    return asked


@pytest.fixture
def draft(group, outsider):
    return actions.start_application(group=group, by=outsider.user)


def answer_all(application, **by_position):
    """Yes to the acknowledgement and no to all else, unless told otherwise (q2="yes")."""
    for question in application.form.questions.all():
        usual = "yes" if question.is_acknowledgement else "no"
        value = by_position.get(f"q{question.position}", usual)
        actions.save_answer(
            application=application, question=question, value=value, by=application.user
        )


def decide(application, outcome="accept", *, by, **changes):
    fields = {"message": "Welcome.", "reason": "Fits."} | changes
    return actions.decide(application=application, outcome=outcome, by=by, **fields)


def test_starting_twice_gives_the_same_draft(group, outsider, draft):
    assert actions.start_application(group=group, by=outsider.user) == draft
    assert Event.objects.filter(verb="application.started").count() == 1


def test_starting_needs_questions(outsider):
    with pytest.raises(Refused) as raised:
        actions.start_application(group=factories.group(), by=outsider.user)

    assert raised.value.reason == "not_ready"


def test_a_new_version_leaves_old_applications_alone(group, facilitator, draft):
    form = actions.publish_form(
        group=group,
        questions=[{"position": 1, "kind": "text", "text": "Why?"}],
        by=facilitator.user,
    )

    assert form.version == draft.form.version + 1
    assert draft.form.questions.count() == 3
    other = actions.start_application(group=group, by=factories.user())
    assert other.form == form


def test_a_draft_goes_on_with_the_version_it_began(group, facilitator, draft):
    actions.publish_form(
        group=group,
        questions=[{"position": 1, "kind": "text", "text": "Why?"}],
        by=facilitator.user,
    )

    assert actions.start_application(group=group, by=draft.user) == draft
    assert draft.user.applications.count() == 1


def test_only_staff_publish_questions(group, member):
    with pytest.raises(Refused):
        actions.publish_form(group=group, questions=[], by=member.user)


def test_saving_again_changes_the_answer(draft):
    question = draft.form.questions.get(position=1)
    for value in ("First", "Second", None):
        actions.save_answer(application=draft, question=question, value=value, by=draft.user)

    assert draft.answers.get().value is None


def test_saving_is_refused_to_others_after_sending_and_across_groups(draft, member):
    question = draft.form.questions.get(position=1)
    foreign = factories.screening_form(factories.group()).questions.first()

    for fields, reason in (
        ({"by": member.user, "question": question}, "not_yours"),
        ({"by": draft.user, "question": foreign}, "wrong_form"),
    ):
        with pytest.raises(Refused) as raised:
            actions.save_answer(application=draft, value="no", **fields)
        assert raised.value.reason == reason

    answer_all(draft)
    actions.submit_application(application=draft, by=draft.user)
    with pytest.raises(Refused) as raised:
        actions.save_answer(application=draft, question=question, value="no", by=draft.user)
    assert raised.value.reason == "sent"


def test_an_urgent_answer_opens_one_concern_however_often_it_changes(draft, coordinator):
    question = draft.form.questions.get(position=2)
    for value in ("yes", "no", "yes"):
        actions.save_answer(application=draft, question=question, value=value, by=draft.user)

    concern = Concern.objects.get()
    assert (concern.assigned_to, concern.about) == (coordinator.user, draft.user)
    assert "“Yes”" in concern.detail
    trail = str(list(Event.objects.values_list("data", flat=True)))
    assert "ending your life" not in trail
    assert "Yes" not in trail


def test_a_drop_in_group_accepts_at_once(draft, told, django_capture_on_commit_callbacks):
    answer_all(draft)

    with django_capture_on_commit_callbacks(execute=True):
        sent = actions.submit_application(application=draft, by=draft.user)

    assert sent.status == Status.ACCEPTED
    assert sent.membership.status == Membership.Status.ACCEPTED
    decision = sent.decisions.get()
    assert (decision.outcome, decision.decided_by) == ("accept", None)
    assert told == [str(decision.pk)]


def test_a_drop_in_group_does_not_accept_who_may_need_more(draft, coordinator):
    answer_all(draft, q2="yes")

    sent = actions.submit_application(application=draft, by=draft.user)

    assert (sent.status, sent.proposal) == (Status.SUBMITTED, "urgent")
    assert sent.membership.status == Membership.Status.APPLIED


def test_taking_a_worrying_answer_back_still_leads_to_a_person(draft, coordinator):
    answer_all(draft, q2="yes")
    answer_all(draft, q2="no")

    sent = actions.submit_application(application=draft, by=draft.user)

    assert (sent.status, sent.proposal) == (Status.SUBMITTED, "ready")
    assert sent.membership.status == Membership.Status.APPLIED


def test_who_was_removed_is_let_in_by_a_person_only(group, outsider):
    factories.membership(group=group, user=outsider.user, status="removed")
    factories.screening_form(group)
    draft = actions.start_application(group=group, by=outsider.user)
    answer_all(draft)

    sent = actions.submit_application(application=draft, by=draft.user)

    assert sent.status == Status.SUBMITTED
    assert sent.membership.status == Membership.Status.APPLIED


def test_a_screened_group_promises_an_answer(group, outsider):
    group.admission = "screened"
    group.save()
    draft = actions.start_application(group=group, by=outsider.user)
    answer_all(draft)
    now = timezone.now()

    sent = actions.submit_application(application=draft, by=draft.user, at=now)

    assert sent.status == Status.SUBMITTED
    assert sent.answer_by == now + timedelta(hours=48)
    again = actions.submit_application(application=draft, by=draft.user)
    assert again.submitted_at == now
    assert outsider.user.memberships.count() == 1


@pytest.mark.parametrize(
    ("outcome", "status", "membership"),
    [
        ("accept", Status.ACCEPTED, Membership.Status.ACCEPTED),
        ("talk_first", Status.TALK_FIRST, Membership.Status.APPLIED),
        ("refer", Status.REFERRED, Membership.Status.REFERRED),
    ],
)
def test_decide(
    applicant, facilitator, told, django_capture_on_commit_callbacks, outcome, status, membership
):
    application = applicant.user.applications.get()

    with django_capture_on_commit_callbacks(execute=True):
        decide(application, outcome, by=facilitator.user)

    application.refresh_from_db()
    assert application.status == status
    assert application.membership.status == membership
    decision = application.decisions.get()
    assert (decision.decided_by, decision.reason) == (facilitator.user, "Fits.")
    assert told == [str(decision.pk)]


def test_accept_after_the_talk(applicant, facilitator):
    application = applicant.user.applications.get()
    decide(application, "talk_first", by=facilitator.user)
    decide(application, "accept", by=facilitator.user)

    application.refresh_from_db()
    assert application.status == Status.ACCEPTED
    assert application.decisions.count() == 2


def test_the_second_decider_is_told(applicant, facilitator, coordinator):
    application = applicant.user.applications.get()
    decide(application, "accept", by=facilitator.user)

    with pytest.raises(Refused) as raised:
        decide(application, "refer", by=coordinator.user)

    assert raised.value.reason == "state_changed"
    assert application.decisions.count() == 1


def test_reading_is_recorded_and_for_deciders_only(applicant, facilitator, member):
    application = applicant.user.applications.get()

    answers = actions.read_application(application=application, by=facilitator.user)

    assert [answer.question.position for answer in answers] == [1, 2, 3]
    assert Event.objects.get(verb="application.read").actor_id == facilitator.user.pk
    with pytest.raises(Refused):
        actions.read_application(application=application, by=member.user)


def test_withdraw(applicant, outsider):
    application = applicant.user.applications.get()
    with pytest.raises(Refused):
        actions.withdraw_application(application=application, by=outsider.user)

    actions.withdraw_application(application=application, by=applicant.user)

    application.refresh_from_db()
    assert application.status == Status.WITHDRAWN
    assert application.membership.status == Membership.Status.WITHDRAWN
    assert not application.answers.exists()
    with pytest.raises(Refused):
        actions.withdraw_application(application=application, by=applicant.user)


def test_withdraw_before_sending_deletes_the_answers_too(draft):
    answer_all(draft)

    actions.withdraw_application(application=draft, by=draft.user)

    assert not draft.answers.exists()


def test_a_place_from_the_waiting_list(
    group, applicant, facilitator, told, django_capture_on_commit_callbacks
):
    group.capacity = group.minimum = 2
    group.save()
    seated = [factories.member(group) for _ in range(2)]
    application = applicant.user.applications.get()
    decide(application, by=facilitator.user)
    with pytest.raises(Refused) as raised:
        actions.offer_place(application=application, by=facilitator.user)
    assert raised.value.reason == "full"

    seated[0].delete()
    with django_capture_on_commit_callbacks(execute=True):
        actions.offer_place(application=application, by=facilitator.user)

    assert applicant.user.memberships.get().status == Membership.Status.ACCEPTED
    assert told == [str(application.decisions.last().pk)]
    with pytest.raises(Refused):
        actions.offer_place(application=application, by=facilitator.user)


# Mail --------------------------------------------------------------------------------------------


def test_the_mail_is_sent_once_and_says_nothing(applicant, facilitator, group, told):
    application = applicant.user.applications.get()
    decide(application, "refer", message="Try the grief clinic.", by=facilitator.user)
    decision = application.decisions.get()

    tasks.tell_applicant(str(decision.pk))
    tasks.tell_applicant(str(decision.pk))

    (message,) = mail.outbox
    assert message.to == [applicant.user.email]
    whole = message.subject + message.body
    assert f"/applications/{application.pk}/" in whole
    for secret in (group.name, "grief", "Try the", "refer", "Something else"):
        assert secret not in whole
    decision.refresh_from_db()
    assert decision.told_at is not None


def test_a_failed_mail_is_tried_again_by_the_clock(applicant, facilitator, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(tasks.tell_applicant, "delay", asked.append)
    application = applicant.user.applications.get()
    now = timezone.now()
    decide(application, by=facilitator.user, at=now - timedelta(minutes=2))
    periodic.send_overdue_news()
    decision = Decision.objects.get()
    assert asked == [str(decision.pk)]

    Decision.objects.update(told_at=now)
    periodic.send_overdue_news()
    assert len(asked) == 1


# At once, on a real database ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_people_decide_at_once(told):
    group = factories.group()
    first, second = factories.facilitator(group).user, factories.facilitator(group).user
    application = factories.application(group, user=factories.user(), status="submitted")

    results = at_once(
        lambda: decide(application, "accept", by=first),
        lambda: decide(application, "refer", by=second),
    )

    refusals = [result for result in results if isinstance(result, Refused)]
    assert [refusal.reason for refusal in refusals] == ["state_changed"]
    decision = application.decisions.get()
    application.refresh_from_db()
    assert application.status == actions.STATUS_AFTER[decision.outcome]
    assert told == [str(decision.pk)]


@pytest.mark.django_db(transaction=True)
def test_two_staff_give_the_same_person_a_place_at_once(told):
    group = factories.group()
    leader = factories.facilitator(group).user
    person = factories.user()
    waiting = factories.membership(group=group, user=person, status="waitlisted")
    application = factories.application(group, user=person, status="accepted", membership=waiting)

    results = at_once(*[lambda: actions.offer_place(application=application, by=leader)] * 2)

    assert sum(isinstance(result, Refused) for result in results) == 1
    assert person.memberships.get().status == Membership.Status.ACCEPTED
    assert len(told) == 1


@pytest.mark.django_db(transaction=True)
def test_sending_twice_at_once_makes_one_membership(told):
    group = factories.group()
    factories.screening_form(group)
    person = factories.user()
    draft = actions.start_application(group=group, by=person)
    answer_all(draft)

    results = at_once(*[lambda: actions.submit_application(application=draft, by=person)] * 2)

    assert [result.status for result in results] == [Status.ACCEPTED] * 2
    assert person.memberships.count() == 1
    assert len(told) == 1


@pytest.mark.django_db(transaction=True)
def test_two_deciders_give_the_last_place_to_one(told):
    group = factories.group(capacity=2, minimum=2)
    factories.member(group)
    leader = factories.facilitator(group).user
    both = [factories.application(group, user=factories.user(), status="submitted") for _ in "ab"]

    at_once(*(lambda a=a: decide(a, "accept", by=leader) for a in both))

    statuses = sorted(a.user.memberships.get().status for a in both)
    assert statuses == ["accepted", "waitlisted"]
