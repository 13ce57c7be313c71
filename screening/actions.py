"""Answering a group's questions and deciding on applications."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from groups import actions as group_actions
from groups.models import Membership, SupportGroup
from groups.rules import check_may_join, check_may_staff
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from screening import defaults, rules, tasks
from screening.models import Answer, Application, Decision, Question, ScreeningForm
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused

STATUS_AFTER = {
    Decision.Outcome.ACCEPT: Application.Status.ACCEPTED,
    Decision.Outcome.TALK_FIRST: Application.Status.TALK_FIRST,
    Decision.Outcome.REFER: Application.Status.REFERRED,
}


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
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    check_may_staff(by, group)
    newest = group.screening_forms.order_by("-version").first()
    form = ScreeningForm.objects.create(
        group=group, version=newest.version + 1 if newest else 1, published_at=at
    )
    Question.objects.bulk_create(Question(form=form, **fields) for fields in questions)
    record(
        "screening_form.published",
        by=by,
        on=form,
        organisation=group.organisation_id,
        at=at,
        version=form.version,
    )
    return form


@transaction.atomic
def start_application(*, group: SupportGroup, by: User, at: datetime | None = None) -> Application:
    """Begin, or go on with the draft that is there."""
    check_may_join(by, group)
    begun = Application.objects.filter(
        form__group=group, user=by, status=Application.Status.DRAFT
    ).select_related("form__group")
    # One that was begun goes on with the version it began.
    if application := begun.order_by("-started_at").first():
        return application
    form = ScreeningForm.objects.filter(group=group).order_by("-version").first()
    if form is None:
        raise Refused("not_ready", "This group is not taking new people at the moment.")
    application, created = Application.objects.get_or_create(
        form=form,
        user=by,
        status=Application.Status.DRAFT,
        defaults={"started_at": at or timezone.now()},
    )
    if created:
        record("application.started", by=by, on=application, organisation=group.organisation_id)
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
                f"To “{question.text}” the answer was “{question.label_of(value)}”."
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
        .select_related("form__group__organisation", "user")
        .get(pk=application.pk)
    )
    if application.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can send this.")
    if application.status != Application.Status.DRAFT:
        return application
    rules.check_may_send(application)
    answers = list(application.answers.select_related("question"))
    group = application.group
    application.membership = group_actions.apply(group=group, by=by, at=at)
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


@transaction.atomic
def decide(
    *,
    application: Application,
    outcome: str,
    message: str,
    reason: str,
    by: User,
    at: datetime | None = None,
) -> Application:
    """Accept, ask for a talk first, or suggest something else.

    Of two people who decide at once the second is told that it was decided.
    """
    rules.check_may_decide(by, application)
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group__organisation", "membership")
        .get(pk=application.pk)
    )
    return _decide(
        application, outcome=outcome, message=message, reason=reason, by=by, at=at or timezone.now()
    )


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
    decision = Decision.objects.create(
        application=application,
        outcome=outcome,
        message=message,
        reason=reason,
        decided_at=at,
        decided_by=by,
    )
    record(
        f"application.{status}",
        by=by,
        on=application,
        organisation=application.group.organisation_id,
        at=at,
    )
    later(tasks.tell_applicant, decision.pk)
    return application


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
    return list(application.answers.select_related("question").order_by("question__position"))


@transaction.atomic
def offer_place(*, application: Application, by: User, at: datetime | None = None) -> Application:
    """Give somebody on the waiting list a place that became free, and tell them.

    Raises `Refused` while the group is full, and when they have a place already.
    """
    at = at or timezone.now()
    rules.check_may_decide(by, application)
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group", "membership")
        .get(pk=application.pk)
    )
    membership = rules.check_waits_for_place(application)
    application.membership = group_actions.accept(membership=membership, by=by, at=at)
    decision = Decision.objects.create(
        application=application,
        outcome=Decision.Outcome.ACCEPT,
        message=defaults.PLACE_FREE,
        decided_at=at,
        decided_by=by,
    )
    record(
        "application.place_offered",
        by=by,
        on=application,
        organisation=application.group.organisation_id,
        at=at,
    )
    later(tasks.tell_applicant, decision.pk)
    return application


@transaction.atomic
def withdraw_application(
    *, application: Application, by: User, at: datetime | None = None
) -> Application:
    """Take an application back before it was decided. Its answers are deleted at once."""
    at = at or timezone.now()
    application = (
        Application.objects.select_for_update(of=("self",))
        .select_related("form__group", "membership")
        .get(pk=application.pk)
    )
    if application.user_id != by.pk:
        raise Refused("not_yours", "Only the person themselves can take this back.")
    rules.check_move(application, Application.Status.WITHDRAWN)
    membership = application.membership
    if membership is not None and membership.status in Membership.OPEN:
        group_actions.withdraw(membership=membership, by=by, at=at)
    application.answers.all().delete()
    application.status = Application.Status.WITHDRAWN
    application.save(update_fields=["status"])
    record(
        "application.withdrawn",
        by=by,
        on=application,
        organisation=application.group.organisation_id,
        at=at,
    )
    return application


@transaction.atomic
def delete_expired(*, at: datetime | None = None) -> dict[str, int]:
    """Delete what has outlived `docs/data-retention.yaml`. Returns how many rows of each kind."""
    at = at or timezone.now()
    answers, _ = rules.answers_expired(at).delete()
    _, drafts = rules.drafts_expired(at).delete()
    return {"answer": answers, "draft": drafts.get("screening.Application", 0)}
