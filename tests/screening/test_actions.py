"""Answering and deciding."""

import json
from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
from django.core import mail
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import Event
from groups.models import CompanionInvitation, Membership
from safeguarding.models import Concern
from screening import actions, defaults, emails, periodic, rules, tasks
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
    """An unfinished application of the outsider."""
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


CONFIRMED = {**defaults.acknowledgement(), "position": 2}
ASKED = [{"position": 1, "kind": "text", "text": "What for?", "why": "To know."}, CONFIRMED]


def test_a_new_version_leaves_old_applications_alone(group, coordinator, draft):
    form = actions.publish_form(group=group, questions=ASKED, by=coordinator.user)

    assert form.version == draft.form.version + 1
    assert draft.form.questions.count() == 3
    other = actions.start_application(group=group, by=factories.user())
    assert other.form == form


def test_a_draft_goes_on_with_the_version_it_began(group, coordinator, draft):
    actions.publish_form(group=group, questions=ASKED, by=coordinator.user)

    assert actions.start_application(group=group, by=draft.user) == draft
    assert draft.user.applications.count() == 1


@pytest.mark.parametrize("who", ["member", "facilitator", "other_coordinator"])
def test_only_coordinators_publish_questions(cast, group, who):
    for verb in (
        lambda by: actions.publish_form(group=group, questions=ASKED, by=by),
        lambda by: actions.begin_draft(group=group, by=by),
        lambda by: actions.publish_draft(group=group, by=by),
        lambda by: actions.drop_draft(group=group, by=by),
    ):
        with pytest.raises(Refused) as raised:
            verb(cast[who].user)
        assert raised.value.reason == "not_coordinator"


@pytest.mark.parametrize(
    ("questions", "reason"),
    [
        ([], "no_acknowledgement"),
        (ASKED[:1], "no_acknowledgement"),
        ([ASKED[0] | {"why": ""}, CONFIRMED], "no_why"),
    ],
)
def test_what_cannot_be_published(group, coordinator, questions, reason):
    with pytest.raises(Refused) as raised:
        actions.publish_form(group=group, questions=questions, by=coordinator.user)

    assert raised.value.reason == reason
    assert group.screening_forms.count() == 1


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
        ("prepare", Status.PREPARE, Membership.Status.APPLIED),
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


# The draft of a form ------------------------------------------------------------------------------


@pytest.fixture
def form(group, coordinator):
    """The group's draft: a copy of the three questions that are asked."""
    draft = actions.begin_draft(group=group, by=coordinator.user)
    draft.questions.update(why="To welcome you well.")
    return draft


def texts(form) -> list[str]:
    return [question.text for question in form.questions.all()]


def test_a_draft_is_a_copy_that_nobody_is_asked(group, coordinator, outsider, form):
    published = group.screening_forms.published().get()

    assert (form.version, form.published_at) == (published.version + 1, None)
    assert texts(form) == texts(published)
    assert not set(form.questions.values_list("pk")) & set(published.questions.values_list("pk"))
    assert actions.begin_draft(group=group, by=coordinator.user) == form
    assert actions.start_application(group=group, by=outsider.user).form == published


def test_a_new_group_begins_with_our_questions(organisation, coordinator):
    group = factories.group(organisation=organisation)

    form = actions.begin_draft(
        group=group, questions=defaults.brief_questions(), by=coordinator.user
    )

    assert texts(form) == [question["text"] for question in defaults.brief_questions()]
    with pytest.raises(Refused) as raised:
        actions.start_application(group=group, by=factories.user())
    assert raised.value.reason == "not_ready"


def test_a_question_is_added_before_the_confirmation(form, coordinator):
    actions.add_question(
        form=form,
        fields={"kind": "text", "text": "Anything else?", "why": "To know."},
        by=coordinator.user,
    )

    assert texts(form)[-2] == "Anything else?"
    assert form.questions.last().is_acknowledgement


def test_questions_move_and_stop_at_the_ends(form, coordinator):
    first, second, third = texts(form)
    asked = form.questions.get(text=first)
    for up, order in (
        (True, [first, second, third]),
        (False, [second, first, third]),
        (False, [second, third, first]),
        (False, [second, third, first]),
        (True, [second, first, third]),
    ):
        actions.move_question(question=asked, up=up, by=coordinator.user)
        assert texts(form) == order


@given(moves=st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=12))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_however_questions_move_none_is_lost(form, coordinator, moves):
    before = sorted(texts(form))
    for place, up in moves:
        asked = form.questions.all()[place % 3]
        actions.move_question(question=asked, up=up, by=coordinator.user)

    positions = [question.position for question in form.questions.all()]
    assert sorted(texts(form)) == before
    assert positions == sorted(set(positions))


def test_the_confirmation_stays_and_others_can_go(form, coordinator):
    with pytest.raises(Refused) as raised:
        actions.delete_question(question=form.questions.last(), by=coordinator.user)
    assert raised.value.reason == "acknowledgement_stays"

    actions.delete_question(question=form.questions.first(), by=coordinator.user)
    assert form.questions.count() == 2


def test_what_no_answer_can_be_any_more_suggests_nothing(form, coordinator):
    asked = actions.add_question(
        form=form,
        fields={
            "kind": "one_of",
            "text": "Which?",
            "why": "To know.",
            "options": [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}],
            "proposals": {"a": "talk_first", "b": "refer"},
        },
        by=coordinator.user,
    )

    changed = actions.change_question(
        question=asked, fields={"options": [{"value": "a", "label": "A"}]}, by=coordinator.user
    )

    assert changed.proposals == {"a": "talk_first"}


def test_publishing_the_draft_asks_newcomers_and_leaves_others_alone(
    group, coordinator, draft, form
):
    published = actions.publish_draft(group=group, by=coordinator.user)

    assert published == form
    assert published.published_at is not None
    assert actions.start_application(group=group, by=draft.user).form != published
    assert actions.start_application(group=group, by=factories.user()).form == published
    with pytest.raises(Refused) as raised:
        actions.publish_draft(group=group, by=coordinator.user)
    assert raised.value.reason == "no_draft"


def test_a_draft_older_than_what_was_published_meanwhile_becomes_the_newest(
    group, coordinator, form
):
    other = actions.publish_form(group=group, questions=ASKED, by=coordinator.user)
    assert other.version > form.version

    assert actions.publish_draft(group=group, by=coordinator.user).version == other.version + 1


def test_a_published_form_changes_no_more(group, coordinator, form):
    actions.publish_draft(group=group, by=coordinator.user)
    asked = form.questions.first()

    for verb in (
        lambda: actions.delete_question(question=asked, by=coordinator.user),
        lambda: actions.move_question(question=asked, up=False, by=coordinator.user),
        lambda: actions.change_question(question=asked, fields={"text": "?"}, by=coordinator.user),
        lambda: actions.add_question(form=form, fields={"kind": "text"}, by=coordinator.user),
    ):
        with pytest.raises(Refused) as raised:
            verb()
        assert raised.value.reason == "no_draft"


def test_dropping_the_draft_leaves_what_is_asked(group, coordinator, form):
    actions.drop_draft(group=group, by=coordinator.user)

    assert group.screening_forms.get().published_at is not None


# A questionnaire among the questions --------------------------------------------------------------


@pytest.fixture
def with_phq(group, coordinator):
    """An application to a group that asks the PHQ-9, and that question."""
    fields = {
        "position": 1,
        "kind": "instrument",
        "instrument": factories.instrument(),
        "text": "How have you been?",
        "why": "To know.",
        "proposals": {"moderate": "talk_first", "severe": "refer"},
    }
    form = actions.publish_form(group=group, questions=[fields, CONFIRMED], by=coordinator.user)
    person = factories.user()
    return actions.start_application(group=group, by=person), form.questions.first()


def sheet(**given) -> str:
    return json.dumps({f"q{number}": 0 for number in range(1, 10)} | given)


def test_a_risk_in_a_questionnaire_opens_a_concern_at_once_whatever_the_total(
    with_phq, coordinator
):
    application, asked = with_phq

    actions.save_answer(
        application=application, question=asked, value=sheet(q9=1), by=application.user
    )

    concern = Concern.objects.get()
    assert concern.assigned_to == coordinator.user
    assert "better off dead" in concern.detail
    assert "“Several days”" in concern.detail
    assert rules.readiness(application.answers.all()) == "urgent"
    trail = str(list(Event.objects.values_list("data", flat=True)))
    assert "better off dead" not in trail


def test_a_questionnaire_without_risk_opens_nothing(with_phq):
    application, asked = with_phq

    actions.save_answer(
        application=application, question=asked, value=sheet(q1=3, q2=3, q3=3), by=application.user
    )

    assert not Concern.objects.exists()


# Something to read first --------------------------------------------------------------------------


def test_reading_what_was_given_leads_to_a_place(applicant, facilitator, told):
    application = applicant.user.applications.get()
    with pytest.raises(Refused):
        actions.confirm_prepared(application=application, by=applicant.user)
    decide(application, "prepare", by=facilitator.user)
    with pytest.raises(Refused):
        actions.confirm_prepared(application=application, by=facilitator.user)

    accepted = actions.confirm_prepared(application=application, by=applicant.user)

    assert accepted.status == Status.ACCEPTED
    assert accepted.membership.status == Membership.Status.ACCEPTED
    assert [d.outcome for d in application.decisions.all()] == ["prepare", "accept"]
    with pytest.raises(Refused) as raised:
        actions.confirm_prepared(application=application, by=applicant.user)
    assert raised.value.reason == "state_changed"


def test_reading_what_was_given_leads_to_the_waiting_list_of_a_full_group(
    group, applicant, facilitator
):
    group.capacity = group.minimum = 2
    group.save()
    for _ in range(2):
        factories.member(group)
    application = applicant.user.applications.get()
    decide(application, "prepare", by=facilitator.user)

    actions.confirm_prepared(application=application, by=applicant.user)

    assert applicant.user.memberships.get().status == Membership.Status.WAITLISTED


# Talks --------------------------------------------------------------------------------------------


@pytest.fixture
def talk(applicant, facilitator):
    """Two times offered to the applicant by the facilitator."""
    now = timezone.now()
    application = applicant.user.applications.get()
    decide(
        application,
        "talk_first",
        times=[now + timedelta(days=2), now + timedelta(days=1)],
        minutes=20,
        how="By telephone.",
        by=facilitator.user,
    )
    return application.appointments.get()


@pytest.fixture
def staff_told(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(tasks.tell_staff_of_talk, "delay", asked.append)
    return asked


def test_a_time_is_picked_once_and_staff_are_told(
    talk, applicant, staff_told, django_capture_on_commit_callbacks
):
    first, second = talk.times.all()
    with django_capture_on_commit_callbacks(execute=True):
        actions.pick_time(time=first, by=applicant.user)

    assert talk.times.get(picked_at__isnull=False) == first
    assert staff_told == [str(talk.pk)]
    with pytest.raises(Refused) as raised:
        actions.pick_time(time=second, by=applicant.user)
    assert raised.value.reason == "picked"


def test_a_time_is_picked_by_the_person_and_not_too_late(talk, applicant, facilitator):
    time = talk.times.first()
    with pytest.raises(Refused):
        actions.pick_time(time=time, by=facilitator.user)
    with pytest.raises(Refused) as raised:
        actions.pick_time(time=time, by=applicant.user, at=time.starts_at)
    assert raised.value.reason == "past"


def test_none_suits_and_other_times_are_offered(
    talk, applicant, facilitator, told, django_capture_on_commit_callbacks
):
    with pytest.raises(Refused):
        actions.decline_times(appointment=talk, words="x", by=facilitator.user)
    actions.decline_times(appointment=talk, words="Evenings", by=applicant.user)
    application = applicant.user.applications.get()
    assert rules.open_appointment(application) is None
    assert application.talk == ("declined", None)

    with django_capture_on_commit_callbacks(execute=True):
        other = actions.offer_times(
            application=application,
            times=[timezone.now() + timedelta(days=3)],
            minutes=15,
            how="By telephone.",
            message="What about this?",
            by=facilitator.user,
        )

    assert rules.open_appointment(application) == other
    assert told == [str(application.decisions.last().pk)]
    application.refresh_from_db()
    assert application.status == Status.TALK_FIRST


@pytest.mark.parametrize(
    ("hours", "reason"), [([], "no_times"), ([1, 2, 3, 4, 5, 6], "no_times"), ([-1, 2], "past")]
)
def test_times_that_cannot_be_offered(talk, applicant, facilitator, hours, reason):
    now = timezone.now()
    with pytest.raises(Refused) as raised:
        actions.offer_times(
            application=applicant.user.applications.get(),
            times=[now + timedelta(hours=hour) for hour in hours],
            minutes=15,
            how="x",
            message="x",
            by=facilitator.user,
        )
    assert raised.value.reason == reason


@pytest.mark.parametrize("outcome", ["accept", "prepare", "refer"])
def test_a_decision_ends_the_offer_of_times(talk, applicant, facilitator, outcome):
    decide(applicant.user.applications.get(), outcome, by=facilitator.user)

    talk.refresh_from_db()
    assert talk.withdrawn_at is not None
    with pytest.raises(Refused) as raised:
        actions.pick_time(time=talk.times.first(), by=applicant.user)
    assert raised.value.reason == "state_changed"
    with pytest.raises(Refused):
        actions.offer_times(
            application=applicant.user.applications.get(),
            times=[timezone.now() + timedelta(days=1)],
            minutes=15,
            how="x",
            message="x",
            by=facilitator.user,
        )


def test_taking_the_request_back_ends_an_agreed_talk_and_tells_staff(
    talk, applicant, facilitator, staff_told, django_capture_on_commit_callbacks
):
    actions.pick_time(time=talk.times.first(), by=applicant.user)
    application = applicant.user.applications.get()
    actions.write_note(application=application, body="Sounded tired.", by=facilitator.user)
    with django_capture_on_commit_callbacks(execute=True):
        actions.withdraw_application(application=application, by=applicant.user)

    talk.refresh_from_db()
    assert talk.withdrawn_at is not None
    assert staff_told == [str(talk.pk)]
    assert not application.notes.exists()


def test_the_mail_about_a_talk_goes_once_to_who_offered_it(
    talk, applicant, facilitator, group, mailoutbox
):
    actions.pick_time(time=talk.times.first(), by=applicant.user)

    tasks.tell_staff_of_talk(str(talk.pk))
    tasks.tell_staff_of_talk(str(talk.pk))

    (message,) = mailoutbox
    assert message.to == [facilitator.user.email]
    whole = message.subject + message.body
    assert f"/screening/{talk.application_id}/" in whole
    for secret in (group.name, applicant.user.display_name, "telephone"):
        assert secret not in whole


def test_the_mail_about_a_talk_goes_to_who_is_on_call_when_the_other_left(
    talk, applicant, facilitator, coordinator, mailoutbox
):
    facilitator.user.is_active = False
    facilitator.user.save()
    actions.decline_times(appointment=talk, words="Evenings", by=applicant.user)

    tasks.tell_staff_of_talk(str(talk.pk))

    assert [message.to for message in mailoutbox] == [[coordinator.user.email]]


def test_news_of_a_talk_that_was_lost_is_sent_by_the_clock(talk, applicant, staff_told):
    past = timezone.now() - timedelta(minutes=2)
    actions.pick_time(time=talk.times.first(), by=applicant.user, at=past)
    periodic.send_overdue_news()
    assert staff_told == [str(talk.pk)]

    talk.staff_told_at = timezone.now()
    talk.save()
    periodic.send_overdue_news()
    assert len(staff_told) == 1


# Another look -------------------------------------------------------------------------------------


@pytest.fixture
def referred(applicant, facilitator):
    application = applicant.user.applications.get()
    return decide(application, "refer", by=facilitator.user)


def test_something_else_is_suggested_with_groups_and_help_elsewhere(applicant, facilitator):
    other = factories.group()
    application = applicant.user.applications.get()

    decide(application, "refer", groups=[other], resources="A helpline", by=facilitator.user)

    decision = application.decisions.get()
    assert list(decision.suggested_groups.all()) == [other]
    assert decision.resources == "A helpline"


def test_another_look_begins_a_new_episode_and_a_new_promise(referred, applicant, facilitator):
    now = timezone.now() + timedelta(hours=1)
    first = referred.membership

    again = actions.ask_for_another_look(
        application=referred, words="You misread me", by=applicant.user, at=now
    )

    assert again.status == Status.SUBMITTED
    assert again.membership != first
    assert again.membership.status == Membership.Status.APPLIED
    first.refresh_from_db()
    assert first.status == Membership.Status.REFERRED
    assert again.answer_by == rules.answer_by(again.group, now)
    assert rules.decided_before(again, facilitator.user)
    assert again.answers.exists()


def test_another_look_is_asked_for_once_by_the_person(referred, applicant, facilitator):
    with pytest.raises(Refused):
        actions.ask_for_another_look(application=referred, words="", by=facilitator.user)
    actions.ask_for_another_look(application=referred, words="", by=applicant.user)
    decide(referred, "refer", by=facilitator.user)

    with pytest.raises(Refused) as raised:
        actions.ask_for_another_look(application=referred, words="", by=applicant.user)
    assert raised.value.reason == "asked_already"


def test_another_look_needs_the_answers(referred, applicant):
    referred.answers.all().delete()

    with pytest.raises(Refused) as raised:
        actions.ask_for_another_look(application=referred, words="", by=applicant.user)
    assert raised.value.reason == "answers_gone"


# Notes and companions -----------------------------------------------------------------------------


def test_notes_are_for_those_who_decide(applicant, facilitator, member):
    application = applicant.user.applications.get()
    actions.write_note(application=application, body="Rang, no answer.", by=facilitator.user)

    assert application.notes.get().written_by == facilitator.user
    assert "Rang" not in str(list(Event.objects.values_list("data", flat=True)))
    for who in (member, applicant):
        with pytest.raises(Refused):
            actions.write_note(application=application, body="x", by=who.user)


@pytest.fixture
def invitation(group, member):
    group.allows_companions = True
    group.save()
    return CompanionInvitation.objects.create(
        membership=member.user.memberships.get(),
        relation="partner",
        expires_at=timezone.now() + timedelta(days=7),
    )


def test_an_invitation_makes_a_companion_once_sent(group, member, invitation):
    person = factories.user()
    draft = actions.start_application(group=group, by=person, invitation=invitation)
    answer_all(draft)

    actions.submit_application(application=draft, by=person)

    assert person.memberships.get().companion_of == member.user.memberships.get()
    invitation.refresh_from_db()
    assert invitation.used_at is not None


def test_an_invitation_that_ended_meanwhile_stops_nobody(group, invitation):
    person = factories.user()
    draft = actions.start_application(group=group, by=person, invitation=invitation)
    answer_all(draft)
    invitation.withdrawn_at = timezone.now()
    invitation.save()

    actions.submit_application(application=draft, by=person)

    assert person.memberships.get().companion_of is None


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


def refuse_mail(*args, **kwargs):
    raise SMTPRecipientsRefused({"person@example.org": (550, b"no such person")})


def test_a_refused_mail_is_tried_three_times_and_names_nobody(
    applicant, facilitator, told, monkeypatch, caplog
):
    application = applicant.user.applications.get()
    decide(application, by=facilitator.user, at=timezone.now() - timedelta(hours=3))
    decision = Decision.objects.get()
    monkeypatch.setattr(emails, "send_news", refuse_mail)

    for _ in range(4):
        told.clear()
        periodic.send_overdue_news()
        for pk in told:
            tasks.tell_applicant(pk)

    decision.refresh_from_db()
    assert (decision.attempts, decision.told_at) == (3, None)
    assert told == []
    assert "example.org" not in caplog.text


def test_a_closed_account_is_written_to_no_more(applicant, facilitator, told):
    application = applicant.user.applications.get()
    decide(application, by=facilitator.user, at=timezone.now() - timedelta(hours=3))
    applicant.user.is_active = False
    applicant.user.save()
    told.clear()

    periodic.send_overdue_news()
    tasks.tell_applicant(str(Decision.objects.get().pk))

    assert told == []
    assert mail.outbox == []


def test_news_of_a_talk_is_tried_three_times(applicant, facilitator, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(tasks.tell_staff_of_talk, "delay", asked.append)
    monkeypatch.setattr(emails, "send_talk_news", refuse_mail)
    now = timezone.now()
    application = applicant.user.applications.get()
    decide(application, "talk_first", by=facilitator.user, times=[now + timedelta(days=1)])
    talk = application.appointments.get()
    actions.decline_times(
        appointment=talk, words="Evenings", by=applicant.user, at=now - timedelta(hours=3)
    )

    for _ in range(4):
        asked.clear()
        periodic.send_overdue_news()
        for pk in asked:
            tasks.tell_staff_of_talk(pk)

    talk.refresh_from_db()
    assert (talk.staff_attempts, talk.staff_told_at) == (3, None)
    assert asked == []


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


@pytest.mark.django_db(transaction=True)
def test_staff_decide_while_the_person_takes_the_request_back(told):
    group = factories.group()
    leader, person = factories.facilitator(group).user, factories.user()
    application = factories.application(group, user=person, status="submitted")

    results = at_once(
        lambda: decide(application, "accept", by=leader),
        lambda: actions.withdraw_application(application=application, by=person),
    )

    (refusal,) = [result for result in results if isinstance(result, Refused)]
    assert refusal.reason in ("state_changed", "taken_back")
    application.refresh_from_db()
    assert application.status in (Status.ACCEPTED, Status.WITHDRAWN)


@pytest.mark.django_db(transaction=True)
def test_reading_it_and_another_decision_at_once(told):
    group = factories.group()
    leader, person = factories.facilitator(group).user, factories.user()
    application = factories.application(group, user=person, status="prepare")

    results = at_once(
        lambda: actions.confirm_prepared(application=application, by=person),
        lambda: decide(application, "refer", by=leader),
    )

    assert sum(isinstance(result, Refused) for result in results) == 1
    assert application.decisions.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_people_offer_other_times_at_once(told):
    group = factories.group()
    both = [factories.facilitator(group).user for _ in "ab"]
    application = factories.application(group, user=factories.user(), status="talk_first")
    soon = timezone.now() + timedelta(days=1)

    at_once(
        *(
            lambda by=by: actions.offer_times(
                application=application, times=[soon], minutes=15, how="x", message="x", by=by
            )
            for by in both
        )
    )

    assert application.appointments.open().count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_browsers_pick_a_time_at_once(told, monkeypatch):
    monkeypatch.setattr(tasks.tell_staff_of_talk, "delay", lambda _: None)
    group = factories.group()
    person = factories.user()
    application = factories.application(group, user=person, status="talk_first")
    talk = application.appointments.create(how="x")
    times = [talk.times.create(starts_at=timezone.now() + timedelta(days=day)) for day in (1, 2)]

    results = at_once(*(lambda t=t: actions.pick_time(time=t, by=person) for t in times))

    assert sum(isinstance(result, Refused) for result in results) == 1
    assert talk.times.filter(picked_at__isnull=False).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_coordinators_publish_the_draft_at_once(told):
    group = factories.group()
    both = [factories.staff_role(organisation=group.organisation).user for _ in "ab"]
    actions.begin_draft(group=group, questions=ASKED, by=both[0])

    results = at_once(*(lambda by=by: actions.publish_draft(group=group, by=by) for by in both))

    assert sum(isinstance(result, Refused) for result in results) == 1
    assert group.screening_forms.published().count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_coordinators_begin_a_draft_at_once(told):
    group = factories.group()
    both = [factories.staff_role(organisation=group.organisation).user for _ in "ab"]

    at_once(
        *(lambda by=by: actions.begin_draft(group=group, questions=ASKED, by=by) for by in both)
    )

    assert group.screening_forms.drafts().get().questions.count() == len(ASKED)
