"""Asking, answering a group's questions, and deciding on applications."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from groups import actions as group_actions
from groups.models import CompanionInvitation, Membership, SupportGroup
from groups.rules import check_may_coordinate_group, check_may_join
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from screening import rules, tasks
from screening.models import (
    Answer,
    Application,
    Appointment,
    AppointmentTime,
    Decision,
    Note,
    Question,
    ScreeningForm,
)
from sessions import actions as session_actions
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused

STATUS_AFTER = {
    Decision.Outcome.ACCEPT: Application.Status.ACCEPTED,
    Decision.Outcome.PREPARE: Application.Status.PREPARE,
    Decision.Outcome.TALK_FIRST: Application.Status.TALK_FIRST,
    Decision.Outcome.REFER: Application.Status.REFERRED,
}


# What a group asks --------------------------------------------------------------------------------


def _locked_group(group: SupportGroup, by: User) -> SupportGroup:
    """The group, its row locked: one change of its questions at a time."""
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    check_may_coordinate_group(by, group)
    return group


def _next_version(group: SupportGroup) -> int:
    return (group.screening_forms.aggregate(newest=Max("version"))["newest"] or 0) + 1


@transaction.atomic
def publish_form(
    *,
    group: SupportGroup,
    questions: Sequence[Mapping[str, Any]],
    by: User,
    at: datetime | None = None,
) -> ScreeningForm:
    """A new version of a group's questions, each given as fields of `Question`.

    Who has begun to answer goes on with the version they began.
    """
    at = at or timezone.now()
    group = _locked_group(group, by)
    asked = [Question(**fields) for fields in questions]
    rules.check_may_publish(asked, group.organisation)
    form = ScreeningForm.objects.create(group=group, version=_next_version(group), published_at=at)
    for question in asked:
        question.form = form
    Question.objects.bulk_create(asked)
    _record_published(form, by, at)
    return form


def _record_published(form: ScreeningForm, by: User, at: datetime) -> None:
    record(
        "screening_form.published",
        by=by,
        on=form,
        organisation=form.group.organisation_id,
        at=at,
        version=form.version,
    )


@transaction.atomic
def begin_draft(
    *,
    group: SupportGroup,
    by: User,
    questions: Sequence[Mapping[str, Any]] = (),
    at: datetime | None = None,
) -> ScreeningForm:
    """The group's draft: the one that is there, else a copy of what people are asked now.

    A group that has asked nothing yet begins with `questions`.
    """
    group = _locked_group(group, by)
    if draft := group.screening_forms.drafts().first():
        return draft
    form = ScreeningForm.objects.create(
        group=group, version=_next_version(group), published_at=None
    )
    newest = group.screening_forms.published().first()
    if newest is not None:
        copied = list(newest.questions.all())
        for question in copied:
            question.pk, question.form = None, form
    else:
        copied = [Question(form=form, **fields) for fields in questions]
    Question.objects.bulk_create(copied)
    record("screening_form.drafted", by=by, on=form, organisation=group.organisation_id, at=at)
    return form


@transaction.atomic
def drop_draft(*, group: SupportGroup, by: User, at: datetime | None = None) -> None:
    """Forget the changes that were not published."""
    group = _locked_group(group, by)
    for form in group.screening_forms.drafts():
        record("screening_form.dropped", by=by, on=form, organisation=group.organisation_id, at=at)
        form.delete()


@transaction.atomic
def publish_draft(*, group: SupportGroup, by: User, at: datetime | None = None) -> ScreeningForm:
    """Ask the draft's questions from now on. Old applications keep the questions they were asked.

    Raises `Refused` when there is no draft (somebody published it already) or something is missing.
    """
    at = at or timezone.now()
    group = _locked_group(group, by)
    form = group.screening_forms.drafts().first()
    if form is None:
        raise Refused("no_draft", "These questions are published already.")
    rules.check_may_publish(form.questions.select_related("instrument"), group.organisation)
    if group.screening_forms.filter(version__gt=form.version).exists():
        form.version = _next_version(group)
    form.published_at = at
    form.save(update_fields=["version", "published_at"])
    _record_published(form, by, at)
    return form


@transaction.atomic
def clone_group(
    *, group: SupportGroup, name: str, by: User, at: datetime | None = None
) -> SupportGroup:
    """A draft like another group, with the shape of its sessions and its questions.

    It stands here because this is the lowest room that knows all three.
    """
    at = at or timezone.now()
    copy = group_actions.clone_group(group=group, name=name, by=by, at=at)
    parts = [
        session_actions.AgendaPart(item.title, item.minutes, item.note, item.kind)
        for item in group.agenda_template.all()
    ]
    if parts:
        session_actions.set_agenda_template(group=copy, items=parts, by=by, at=at)
    newest = group.screening_forms.published().first()
    if newest is not None:
        own = {"id", "form"}
        names = [f.attname for f in Question._meta.concrete_fields if f.name not in own]
        questions = [{name: getattr(q, name) for name in names} for q in newest.questions.all()]
        begin_draft(group=copy, by=by, questions=questions, at=at)
        # Questions from before a rule was there stay a draft, and the check list says so.
        with suppress(Refused):
            publish_draft(group=copy, by=by, at=at)
    return copy


def _locked_draft(form: ScreeningForm, by: User) -> ScreeningForm:
    """The draft as it is now, or `Refused` when it was published or dropped meanwhile."""
    _locked_group(form.group, by)
    draft = ScreeningForm.objects.drafts().filter(pk=form.pk).first()
    if draft is None:
        raise Refused("no_draft", "These questions are published already. Begin a new version.")
    return draft


def _record_draft(verb: str, form: ScreeningForm, by: User, at: datetime | None) -> None:
    organisation = form.group.organisation_id
    record(f"screening_form.{verb}", by=by, on=form, organisation=organisation, at=at)


@transaction.atomic
def add_question(
    *, form: ScreeningForm, fields: Mapping[str, Any], by: User, at: datetime | None = None
) -> Question:
    """One more question, before the confirmation that ends the form."""
    form = _locked_draft(form, by)
    asked = list(form.questions.all())
    position = asked[-1].position + 1 if asked else 1
    question = Question.objects.create(form=form, **{**fields, "position": position})
    ends = [old for old in asked if old.is_acknowledgement]
    if ends and not question.is_acknowledgement and ends[-1] == asked[-1]:
        _swap(question, ends[-1])
    _record_draft("question_added", form, by, at)
    return question


@transaction.atomic
def change_question(
    *, question: Question, fields: Mapping[str, Any], by: User, at: datetime | None = None
) -> Question:
    """Change a question of the draft, or what its answers suggest."""
    form = _locked_draft(question.form, by)
    question = Question.objects.select_related("form__group", "instrument").get(pk=question.pk)
    for name, value in fields.items():
        setattr(question, name, value)
    # What no answer can be any more suggests nothing.
    possible = {value for value, _ in rules.to_suggest(question)}
    question.proposals = {
        value: proposal for value, proposal in question.proposals.items() if value in possible
    }
    question.save()
    _record_draft("question_changed", form, by, at)
    return question


def _swap(one: Question, other: Question) -> None:
    """Change places; no two questions have the same position at any moment."""
    first, second = one.position, other.position
    for question, position in ((one, 0), (other, first), (one, second)):
        question.position = position
        question.save(update_fields=["position"])


@transaction.atomic
def move_question(
    *, question: Question, up: bool, by: User, at: datetime | None = None
) -> Question:
    """One place up or down; at the end nothing changes."""
    form = _locked_draft(question.form, by)
    question = form.questions.get(pk=question.pk)
    if up:
        neighbour = form.questions.filter(position__lt=question.position).last()
    else:
        neighbour = form.questions.filter(position__gt=question.position).first()
    if neighbour is not None:
        _swap(question, neighbour)
        _record_draft("question_moved", form, by, at)
    return question


@transaction.atomic
def delete_question(*, question: Question, by: User, at: datetime | None = None) -> None:
    """Leave a question out of the draft. Published versions keep it."""
    form = _locked_draft(question.form, by)
    rules.check_may_delete_question(question)
    question.delete()
    _record_draft("question_deleted", form, by, at)


# Answering ----------------------------------------------------------------------------------------


@transaction.atomic
def start_application(
    *,
    group: SupportGroup,
    by: User,
    invitation: CompanionInvitation | None = None,
    at: datetime | None = None,
) -> Application:
    """Begin, or go on with the draft that is there. `invitation` is the member's that led here."""
    check_may_join(by, group, at=at)
    begun = Application.objects.filter(
        form__group=group, user=by, status=Application.Status.DRAFT
    ).select_related("form__group")
    # One that was begun goes on with the version it began.
    application = begun.order_by("-started_at").first()
    if application is None:
        form = group.screening_forms.published().first()
        if form is None:
            raise Refused("not_ready", "This group is not taking new people at the moment.")
        application, created = Application.objects.get_or_create(
            form=form,
            user=by,
            status=Application.Status.DRAFT,
            defaults={"started_at": at or timezone.now()},
        )
        if created:
            organisation = group.organisation_id
            record("application.started", by=by, on=application, organisation=organisation)
    if invitation is not None and application.companion_invitation_id != invitation.pk:
        application.companion_invitation = invitation
        application.save(update_fields=["companion_invitation"])
    return application


@transaction.atomic
def save_answer(
    *,
    application: Application,
    question: Question,
    value: str | None,
    by: User,
    at: datetime | None = None,
) -> Answer:
    """Keep one answer. One that signals risk opens a concern in the same transaction."""
    at = at or timezone.now()
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group__organisation", "user")
        .get(pk=application.pk)
    )
    if application.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can answer.")
    if application.status != Application.Status.DRAFT:
        raise Refused("sent", "You have sent these answers already.")
    if question.form_id != application.form_id:
        raise Refused("wrong_form", "This question belongs to another group.")
    answer, _ = Answer.objects.update_or_create(
        application=application,
        question=question,
        defaults={"value": value, "answered_at": at},
    )
    record(
        "application.answered",
        by=by,
        on=application,
        organisation=application.group.organisation_id,
        at=at,
        position=question.position,
    )
    if rules.proposal_of(question, value) == Question.Proposal.URGENT:
        open_concern(
            organisation=application.group.organisation,
            about=by,
            source=Concern.Source.SCREENING,
            occasion=rules.occasion(application, question),
            detail=(
                f"Asked to join “{application.group}”. "
                + " ".join(rules.what_was_urgent(question, value))
            ),
            by=by,
            at=at,
        )
    return answer


@transaction.atomic
def submit_application(
    *, application: Application, by: User, at: datetime | None = None
) -> Application:
    """Send the answers. A drop-in group accepts at once when the rules see no reason to talk.

    Sending twice returns the application as it is.
    """
    at = at or timezone.now()
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group__organisation", "user", "companion_invitation")
        .get(pk=application.pk)
    )
    if application.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can send this.")
    if application.status != Application.Status.DRAFT:
        return application
    rules.check_may_send(application)
    answers = list(application.answers.select_related("question__instrument"))
    group = application.group
    application.membership = _begin_membership(application, by, at)
    application.status = Application.Status.SUBMITTED
    application.proposal = rules.readiness(answers)
    application.submitted_at = at
    application.answer_by = rules.answer_by(group, at)
    application.save()
    record(
        "application.submitted",
        by=by,
        on=application,
        organisation=group.organisation_id,
        at=at,
    )
    if rules.admits_at_once(group, application.proposal, user=by):
        return _decide(application, outcome=Decision.Outcome.ACCEPT, by=None, at=at)
    return application


def _begin_membership(application: Application, by: User, at: datetime) -> Membership:
    """A new episode; the open invitation of a member that led here is used up by it."""
    membership = group_actions.apply(group=application.group, by=by, at=at)
    invitation = application.companion_invitation
    if invitation is not None and rules.is_open(invitation, at):
        # It may have ended while they answered: then they ask to join on their own.
        with suppress(Refused):
            group_actions.use_companion_invitation(
                invitation=invitation, membership=membership, by=by
            )
    return membership


@transaction.atomic
def confirm_prepared(
    *, application: Application, by: User, at: datetime | None = None
) -> Application:
    """Say "I have read this": it was all that stood between the person and a place.

    A place, or the waiting list, as with every acceptance.
    """
    application = _locked_own(application, by)
    rules.check_may_confirm(application)
    return _decide(application, outcome=Decision.Outcome.ACCEPT, by=None, at=at or timezone.now())


@transaction.atomic
def ask_for_another_look(
    *, application: Application, words: str, by: User, at: datetime | None = None
) -> Application:
    """After something else was suggested, ask once more: a new episode and a new promise."""
    at = at or timezone.now()
    application = _locked_own(application, by)
    rules.check_may_ask_again(application)
    application.membership = group_actions.apply(group=application.group, by=by, at=at)
    application.status = Application.Status.SUBMITTED
    application.another_look_asked_at, application.another_look_words = at, words
    application.answer_by = rules.answer_by(application.group, at)
    application.save()
    _record(application, "another_look_asked", by, at)
    return application


def _locked_own(application: Application, by: User) -> Application:
    """A person's own application as it is now; `Refused` for everybody else."""
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group__organisation", "membership", "user")
        .get(pk=application.pk)
    )
    if application.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can do this.")
    return application


def _record(application: Application, what: str, by: User | None, at: datetime) -> None:
    organisation = application.group.organisation_id
    record(f"application.{what}", by=by, on=application, organisation=organisation, at=at)


# Deciding -----------------------------------------------------------------------------------------


@transaction.atomic
def decide(
    *,
    application: Application,
    outcome: str,
    message: str,
    reason: str,
    by: User,
    groups: Iterable[SupportGroup] = (),
    resources: str = "",
    times: Sequence[datetime] = (),
    minutes: int = 15,
    how: str = "",
    seen: int | None = None,
    at: datetime | None = None,
) -> Application:
    """Accept, give something to read, ask for a talk at one of some times, or suggest other help.

    Of two people who decide at once the second is told that it was decided. `seen` is how many
    decisions the second knew of: even a move that is allowed overrules nobody unseen.
    """
    at = at or timezone.now()
    rules.check_may_decide(by, application)
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group__organisation", "membership")
        .get(pk=application.pk)
    )
    rules.check_seen(application, seen)
    decided = _decide(application, outcome=outcome, message=message, reason=reason, by=by, at=at)
    if outcome == Decision.Outcome.TALK_FIRST and times:
        _offer(decided, times=times, minutes=minutes, how=how, by=by, at=at)
    if outcome == Decision.Outcome.REFER:
        decision = decided.decisions.latest("decided_at")
        decision.resources = resources
        decision.save(update_fields=["resources"])
        decision.suggested_groups.set(groups)
    return decided


def _decide(
    application: Application,
    *,
    outcome: str,
    by: User | None,
    at: datetime,
    message: str = "",
    reason: str = "",
) -> Application:
    status = STATUS_AFTER[Decision.Outcome(outcome)]
    rules.check_move(application, status)
    # The constraint screening_application_sent_has_membership says that there is one.
    membership = cast(Membership, application.membership)
    if outcome == Decision.Outcome.ACCEPT:
        application.membership = group_actions.accept(membership=membership, by=by, at=at)
    elif outcome == Decision.Outcome.REFER and by is not None:
        application.membership = group_actions.refer(
            membership=membership, by=by, reason=reason, at=at
        )
    application.status = status
    application.save(update_fields=["status"])
    _take_times_back(application, at)
    decision = Decision.objects.create(
        application=application,
        outcome=outcome,
        message=message,
        reason=reason,
        decided_at=at,
        decided_by=by,
    )
    _record(application, status, by, at)
    later(tasks.tell_applicant, decision.pk)
    return application


@transaction.atomic
def offer_times(
    *,
    application: Application,
    times: Sequence[datetime],
    minutes: int,
    how: str,
    message: str,
    by: User,
    seen: int | None = None,
    at: datetime | None = None,
) -> Appointment:
    """Other times for a talk, in place of the ones before. The person gets a mail about it."""
    at = at or timezone.now()
    rules.check_may_decide(by, application)
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group__organisation")
        .get(pk=application.pk)
    )
    rules.check_may_offer_times(application)
    rules.check_seen(application, seen)
    _take_times_back(application, at)
    appointment = _offer(application, times=times, minutes=minutes, how=how, by=by, at=at)
    decision = Decision.objects.create(
        application=application,
        outcome=Decision.Outcome.TALK_FIRST,
        message=message,
        decided_at=at,
        decided_by=by,
    )
    _record(application, "times_offered", by, at)
    later(tasks.tell_applicant, decision.pk)
    return appointment


def _offer(
    application: Application,
    *,
    times: Sequence[datetime],
    minutes: int,
    how: str,
    by: User,
    at: datetime,
) -> Appointment:
    offered = rules.check_times(times, at)
    appointment = Appointment.objects.create(
        application=application, minutes=minutes, how=how, offered_at=at, offered_by=by
    )
    AppointmentTime.objects.bulk_create(
        AppointmentTime(appointment=appointment, starts_at=starts_at) for starts_at in offered
    )
    return appointment


def _take_times_back(application: Application, at: datetime) -> None:
    """End an offer of times; a talk that was agreed and has not begun is off."""
    application.appointments.open().update(withdrawn_at=at)


@transaction.atomic
def write_note(
    *, application: Application, body: str, by: User, at: datetime | None = None
) -> Note:
    """A note for those who decide. Notes are added, never changed."""
    at = at or timezone.now()
    rules.check_may_decide(by, application)
    note = Note.objects.create(application=application, body=body, written_at=at, written_by=by)
    _record(application, "note_written", by, at)
    return note


# Talks --------------------------------------------------------------------------------------------


def _locked_appointment(appointment: Appointment) -> Appointment:
    """The talk as it is now, behind its application's row: decisions wait for it."""
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group")
        .get(pk=appointment.application_id)
    )
    appointment = Appointment.objects.get(pk=appointment.pk)
    appointment.application = application
    return appointment


@transaction.atomic
def pick_time(*, time: AppointmentTime, by: User, at: datetime | None = None) -> Appointment:
    """Choose one of the times offered. Whoever offered them is told."""
    at = at or timezone.now()
    appointment = _locked_appointment(time.appointment)
    time = appointment.times.get(pk=time.pk)
    rules.check_may_pick(by, appointment, time.starts_at, at)
    time.picked_at = at
    time.save(update_fields=["picked_at"])
    _record(appointment.application, "time_picked", by, at)
    _tell_staff(appointment)
    return appointment


@transaction.atomic
def decline_times(
    *, appointment: Appointment, words: str, by: User, at: datetime | None = None
) -> Appointment:
    """Say that none of the times suits, or no longer, and when would. Staff are told."""
    at = at or timezone.now()
    appointment = _locked_appointment(appointment)
    rules.check_may_decline(by, appointment)
    appointment.declined_at, appointment.declined_words = at, words
    appointment.save(update_fields=["declined_at", "declined_words"])
    _record(appointment.application, "times_declined", by, at)
    _tell_staff(appointment)
    return appointment


def _tell_staff(appointment: Appointment) -> None:
    appointment.staff_told_at, appointment.staff_attempts = None, 0
    appointment.save(update_fields=["staff_told_at", "staff_attempts"])
    later(tasks.tell_staff_of_talk, appointment.pk)


@transaction.atomic
def read_application(
    *, application: Application, by: User, at: datetime | None = None
) -> list[Answer]:
    """Give the answers to somebody who decides, and tell the trail who read them."""
    rules.check_may_decide(by, application)
    record(
        "application.read",
        by=by,
        on=application,
        organisation=application.group.organisation_id,
        at=at,
    )
    answers = application.answers.select_related("question__instrument")
    return list(answers.order_by("question__position"))


@transaction.atomic
def withdraw_application(
    *, application: Application, by: User, at: datetime | None = None
) -> Application:
    """Take an application back before it was decided.

    Its answers, and what staff wrote about them, are deleted at once. Whoever agreed on a talk is
    told that it is off.
    """
    at = at or timezone.now()
    application = _locked_own(application, by)
    rules.check_move(application, Application.Status.WITHDRAWN)
    membership = application.membership
    if membership is not None and membership.status in Membership.OPEN:
        group_actions.withdraw(membership=membership, by=by, at=at)
    appointment = application.appointments.open().prefetch_related("times").first()
    _take_times_back(application, at)
    if appointment is not None and appointment.picked() is not None:
        _tell_staff(appointment)
    application.answers.all().delete()
    application.notes.all().delete()
    application.appointments.update(declined_words="")
    application.status, application.another_look_words = Application.Status.WITHDRAWN, ""
    application.save()
    _record(application, "withdrawn", by, at)
    return application
