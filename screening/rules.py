"""What may be asked, what answers suggest, and who may read and decide. Asks, never writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer, organisations_coordinated_by
from groups.models import (
    CompanionInvitation,
    FacilitatorAssignment,
    Membership,
    SupportGroup,
    SupportGroupQuerySet,
)
from groups.rules import (
    MOST_ATTEMPTS,
    NEWS_KEEPS,
    TRIED_AGAIN_AFTER,
    alternatives_to,
    check_may_coordinate_group,
    groups_led_by,
    groups_staffed_by,
    invitation_counts,
    why_takes_nobody,
)
from instruments.models import Instrument
from instruments.rules import check_may_use, today, usable_by
from instruments.schema import RiskLevel, RiskRule
from instruments.scoring import Score, score, triggered_risks
from safeguarding.models import Concern
from safeguarding.rules import named_person
from screening.models import (
    Answer,
    Application,
    ApplicationQuerySet,
    Appointment,
    Decision,
    Note,
    Question,
    ScreeningForm,
)
from supportgroups.lib.refusals import Refused

#: How many times a person is offered for a talk, at most.
MOST_TIMES = 5
#: From the mildest to the one that outweighs all others.
_WEIGHT = [
    Question.Proposal.READY,
    Question.Proposal.PREPARE,
    Question.Proposal.TALK_FIRST,
    Question.Proposal.REFER,
    Question.Proposal.URGENT,
]


# What a group asks --------------------------------------------------------------------------------


def groups_asked_for(user: Viewer) -> QuerySet[SupportGroup]:
    """The groups whose questions this person may at least know of as staff."""
    return groups_staffed_by(user).select_related("organisation")


def draft_questions(user: Viewer, group: SupportGroup) -> QuerySet[Question]:
    """Questions that this person may change: those of the group's draft."""
    check_may_coordinate_group(user, group)
    return Question.objects.filter(
        form__group=group, form__in=ScreeningForm.objects.drafts()
    ).select_related("form", "instrument")


def instruments_to_ask(organisation: Organisation) -> list[Instrument]:
    """What the organisation may use, a form may ask, and gives one number; by title."""
    usable = usable_by(organisation).for_forms().filter(language="en")
    return [instrument for instrument in usable if instrument.parsed().has_total]


def to_suggest(question: Question) -> list[tuple[str, str]]:
    """Value and words of everything that an answer can be, for saying what each suggests."""
    if question.instrument is not None:
        bands = question.instrument.parsed().bands
        return [(band.label, f"{band.label}, {band.low} to {band.high}") for band in bands]
    return question.choices()


def questions_asked(form: ScreeningForm, *, at: datetime | None = None) -> QuerySet[Question]:
    """The form's questions in order, without questionnaires that may not be asked any more.

    Terms can be taken back and licences run out after a form was published.
    """
    organisation = form.group.organisation
    usable = Instrument.objects.usable_by(organisation, on=today(organisation, at=at))
    return form.questions.filter(
        Q(instrument__isnull=True) | Q(instrument__in=usable.order_by().values("pk"))
    ).select_related("instrument")


def check_may_publish(questions: Iterable[Question], organisation: Organisation) -> None:
    """Raise `Refused` with what is missing before people can be asked these questions."""
    asked = list(questions)
    for question in asked:
        if question.instrument is not None:
            check_may_use(organisation, question.instrument)
    if not any(question.is_acknowledgement for question in asked):
        raise Refused(
            "no_acknowledgement",
            "People must confirm that a support group is not psychotherapy. "
            "Add that question first: nobody should join a group in place of treatment.",
        )
    without_why = [question for question in asked if not question.why]
    if without_why:
        raise Refused(
            "no_why",
            f"Say why you ask “{without_why[0].text}”. People answer what they understand.",
        )


def check_may_delete_question(question: Question) -> None:
    """Raise `Refused` for the one question that every form has."""
    if question.is_acknowledgement:
        raise Refused(
            "acknowledgement_stays",
            "This question stays: everybody confirms that a support group is not psychotherapy.",
        )


def answered_before(form: ScreeningForm) -> int:
    """How many people have sent, or begun, answers to the version that people are asked now."""
    newest = form.group.screening_forms.published().first()
    if newest is None:
        return 0
    return newest.applications.exclude(status=Application.Status.WITHDRAWN).count()


# What answers suggest -----------------------------------------------------------------------------


def score_of(question: Question, value: str) -> Score | None:
    """The score of a whole questionnaire; None for another kind of question."""
    if question.instrument is None:
        return None
    return score(question.instrument.parsed(), question.sheet(value))


def risks_in(question: Question, value: str | None) -> list[RiskRule]:
    """The rules of a questionnaire by which a person looks at these answers the same day."""
    if question.instrument is None or value is None:
        return []
    risks = triggered_risks(question.instrument.parsed(), question.sheet(value))
    return [risk for risk in risks if risk.level is RiskLevel.REVIEW]


def proposal_of(question: Question, value: str | None) -> Question.Proposal:
    """What one answer suggests. Not saying suggests nothing: nobody is judged for silence.

    Of several answers the weightiest counts; of a questionnaire its band, and whatever the total
    says, an answer that signals risk is urgent.
    """
    ready = Question.Proposal.READY
    if value is None:
        return ready
    if question.kind == Question.Kind.SOME_OF:
        return weightiest(question.proposals.get(one, ready) for one in question.chosen(value))
    result = score_of(question, value)
    if result is None:
        return Question.Proposal(question.proposals.get(value, ready))
    if risks_in(question, value):
        return Question.Proposal.URGENT
    return Question.Proposal(question.proposals.get(result.band or "", ready))


def weightiest(proposals: Iterable[str]) -> Question.Proposal:
    """The suggestion that outweighs the others; ready without any."""
    return max(map(Question.Proposal, proposals), key=_WEIGHT.index, default=_WEIGHT[0])


def readiness(answers: Iterable[Answer]) -> Question.Proposal:
    """The weightiest suggestion of all answers together."""
    return weightiest(proposal_of(answer.question, answer.value) for answer in answers)


def why_suggested(question: Question, value: str | None) -> list[str]:
    """In words, what in an answer led to its suggestion; nothing when it suggests nothing."""
    if value is None or proposal_of(question, value) == Question.Proposal.READY:
        return []
    if question.kind == Question.Kind.SOME_OF:
        labels = dict(question.choices())
        told = [one for one in question.chosen(value) if one in question.proposals]
        return [f"Because of “{labels[one]}”." for one in told]
    result = score_of(question, value)
    if result is None:
        return [f"Because the answer is “{question.label_of(value)}”."]
    risks = [risk.reason for risk in risks_in(question, value)]
    return risks or [f"Because the score, {result.total}, counts as “{result.band}”."]


def what_was_urgent(question: Question, value: str | None) -> list[str]:
    """For the person who looks after it: what was asked and said, or what the score says."""
    risks = risks_in(question, value)
    if question.instrument is None or value is None or not risks:
        told = (
            [label for one, label in question.choices() if one in question.chosen(value)]
            if question.kind == Question.Kind.SOME_OF and value is not None
            else [question.label_of(value)]
        )
        said = ", ".join(f"“{label}”" for label in told)
        return [f"To “{question.text}” the answer was {said}."]
    definition, sheet = question.instrument.parsed(), question.sheet(value)
    words = []
    for risk in risks:
        given = sheet.get(risk.item) if risk.item else None
        if risk.item is None or given is None:
            words.append(risk.reason)
            continue
        item = definition.item(risk.item)
        words.append(f"To “{item.text}” the answer was “{item.label_of(given)}”.")
    return words


def admits_at_once(group: SupportGroup, proposal: str, *, user: User) -> bool:
    """Whether the rules alone accept: a drop-in group, and nothing a person should hear first.

    Whoever may need more than a group is heard by a person before joining, and is never turned
    away by a rule. A person also decides while a concern about them is open, even if they have
    changed the answer that opened it, and when staff once ended their membership here, unless
    that was overturned.
    """
    if group.admission != SupportGroup.Admission.DROP_IN or proposal != Question.Proposal.READY:
        return False
    concerns = Concern.objects.open().filter(about=user, organisation=group.organisation_id)
    removals = group.memberships.filter(user=user, status=Membership.Status.REMOVED).exclude(
        appeal__outcome="overturned"
    )
    return not concerns.exists() and not removals.exists()


def answer_by(group: SupportGroup, submitted_at: datetime) -> datetime:
    """By when the organisation promises an answer."""
    return submitted_at + timedelta(hours=group.organisation.answers_within_hours)


def applications_of(user: Viewer) -> QuerySet[Application]:
    """A person's own applications."""
    if not user.is_authenticated:
        return Application.objects.none()
    return Application.objects.filter(user=user).select_related("form__group__organisation")


def applications_decided_by(user: Viewer) -> ApplicationQuerySet:
    """Sent applications that this person reads and decides on; never one's own.

    What was taken back is nobody's to read any more.
    """
    if not user.is_authenticated:
        return Application.objects.none()
    return (
        Application.objects.exclude(
            status__in=[Application.Status.DRAFT, Application.Status.WITHDRAWN]
        )
        .filter(form__group__in=groups_staffed_by(user), membership__isnull=False)
        .exclude(user=user)
        .select_related("form__group__organisation", "user", "membership")
    )


def check_may_see_queue(user: Viewer) -> None:
    """Raise `Refused` for whoever neither leads a group nor coordinates an organisation."""
    if not (groups_led_by(user).exists() or organisations_coordinated_by(user).exists()):
        raise Refused(
            "not_staff",
            "Requests to join are read by facilitators and coordinators.",
            next_step=("Find a group", reverse("groups:directory")),
        )


def taken_back_from(user: Viewer) -> QuerySet[Application]:
    """Requests that this person could have decided on, had they not been taken back."""
    if not user.is_authenticated:
        return Application.objects.none()
    return Application.objects.filter(
        status=Application.Status.WITHDRAWN,
        submitted_at__isnull=False,
        form__group__in=groups_staffed_by(user),
    ).exclude(user=user)


def check_may_decide(user: Viewer, application: Application) -> Application:
    """The application, if this person decides on it, else `Refused`."""
    found = applications_decided_by(user).filter(pk=application.pk).first()
    if found is None and taken_back_from(user).filter(pk=application.pk).exists():
        raise Refused("taken_back", "This request was taken back. There is nothing to answer.")
    if found is None:
        raise Refused(
            "not_decider", "Only this group's facilitators and coordinators can see answers."
        )
    return found


def check_move(application: Application, status: str) -> None:
    """Raise `Refused` unless the table of moves allows this change of state."""
    if status not in Application.MOVES[Application.Status(application.status)]:
        raise Refused(
            "state_changed",
            f"This was decided already: {application.get_status_display().lower()}.",
        )


def check_seen(application: Application, seen: int | None) -> None:
    """Raise `Refused` when somebody decided since the page was read; None says nothing about it."""
    if seen is not None and application.decisions.count() != seen:
        raise Refused("state_changed", "Somebody has answered this request already.")


def unanswered(application: Application) -> QuerySet[Question]:
    """Questions that still wait for an answer, in order."""
    return (
        questions_asked(application.form)
        .exclude(pk__in=application.answers.values("question"))
        .order_by("position")
    )


def check_may_send(application: Application) -> None:
    """Raise `Refused` while something that sending needs is missing."""
    if unanswered(application).exists():
        raise Refused("unanswered", "Some questions still wait for an answer.")
    if not acknowledged(application):
        raise Refused(
            "not_acknowledged",
            "To join, please confirm that you know what a support group can and cannot do.",
        )
    if not application.user.display_name:
        raise Refused("no_name", "Choose the name that others will see.")


def acknowledged(application: Application) -> bool:
    """Whether everything that must be confirmed was answered with yes."""
    answers = application.answers.filter(question__is_acknowledgement=True)
    return all(answer.value == "yes" for answer in answers)


def occasion(application: Application, question: Question) -> str:
    """What names the concern that an answer opens: one per question, however often it changes."""
    return f"screening:{application.pk}:{question.pk}"


def concern_from(application: Application, question: Question) -> Concern | None:
    """The task that this answer opened, for telling the person the truth about it."""
    name = occasion(application, question)
    found = Concern.objects.filter(Q(occasion=name) | Q(occasion__startswith=f"{name}#"))
    return found.select_related("assigned_to", "organisation").order_by("-opened_at").first()


def applications_over(since: datetime) -> QuerySet[Application]:
    """Whose health data nobody needs any more: decided long ago, or taken back."""
    status = Application.Status
    recently = Decision.objects.filter(application=OuterRef("pk"), decided_at__gte=since)
    decided_long_ago = (
        Q(status__in=[status.ACCEPTED, status.REFERRED], submitted_at__lt=since)
        & (Q(another_look_asked_at__isnull=True) | Q(another_look_asked_at__lt=since))
        & ~Exists(recently)
    )
    return Application.objects.filter(decided_long_ago | Q(status=status.WITHDRAWN))


def answers_expired(before: datetime) -> QuerySet[Answer]:
    """Answers that nobody needs any more (data-retention.yaml)."""
    return Answer.objects.filter(application__in=applications_over(before))


def notes_expired(before: datetime) -> QuerySet[Note]:
    """What staff wrote about answers lives as long as they do."""
    return Note.objects.filter(application__in=applications_over(before))


def appointments_expired(before: datetime) -> QuerySet[Appointment]:
    """Talks, their times, and what the person wrote about them live as long as the answers."""
    return Appointment.objects.filter(application__in=applications_over(before))


def drafts_expired(before: datetime) -> QuerySet[Application]:
    """Requests that were begun, never sent, and not touched for long."""
    touched = Answer.objects.filter(application=OuterRef("pk"), answered_at__gte=before)
    return Application.objects.filter(
        ~Exists(touched), status=Application.Status.DRAFT, started_at__lt=before
    )


def concerns_from(application: Application) -> QuerySet[Concern]:
    """All tasks that answers of this application opened."""
    return Concern.objects.filter(
        occasion__startswith=f"screening:{application.pk}:"
    ).select_related("assigned_to")


def invited_by(application: Application) -> CompanionInvitation | None:
    """The invitation that led to this request, for those who decide."""
    if application.companion_invitation_id is None:
        return None
    found = CompanionInvitation.objects.filter(pk=application.companion_invitation_id)
    return found.select_related("membership__user").first()


def is_open(invitation: CompanionInvitation, at: datetime) -> bool:
    """Whether a member's invitation can still be used."""
    ended = invitation.withdrawn_at is not None or invitation.used_at is not None
    return not ended and invitation.expires_at > at


# After an answer: something to read, a talk, another look -----------------------------------------


def check_may_confirm(application: Application) -> None:
    """Raise `Refused` unless the person was given something to read and has not confirmed yet."""
    if application.status != Application.Status.PREPARE:
        raise Refused("state_changed", "There is nothing to confirm any more.", next_step=None)


def why_no_place(application: Application) -> Refused | None:
    """Why nobody can come in now, for a request that may still end in a yes."""
    status = Application.Status
    if application.status not in (status.SUBMITTED, status.PREPARE, status.TALK_FIRST):
        return None
    return why_takes_nobody(application.group)


def open_appointment(application: Application) -> Appointment | None:
    """The times that are offered, or the talk that was agreed."""
    if application.status != Application.Status.TALK_FIRST:
        return None
    found = application.appointments.open().select_related("offered_by")
    return found.prefetch_related("times").first()


def appointments_of(user: Viewer) -> QuerySet[Appointment]:
    """Talks that this person has a part in: as the applicant, or as somebody who decides."""
    if not user.is_authenticated:
        return Appointment.objects.none()
    mine = Q(application__user=user) | Q(application__in=applications_decided_by(user))
    return (
        Appointment.objects.open()
        .filter(mine, application__status=Application.Status.TALK_FIRST)
        .select_related("application__form__group", "application__user", "offered_by")
        .prefetch_related("times")
    )


def talks_to_come(user: Viewer, at: datetime) -> list[Appointment]:
    """Agreed talks with applicants of this person's groups, the next one first."""
    if not user.is_authenticated:
        return []
    found = (
        appointments_of(user)
        .exclude(application__user=user)
        .filter(times__picked_at__isnull=False, times__starts_at__gte=at - timedelta(hours=2))
        .annotate(starts_at=F("times__starts_at"))
        .order_by("times__starts_at")
    )
    return list(found[:100])


def check_may_pick(user: User, appointment: Appointment, starts_at: datetime, at: datetime) -> None:
    """Raise `Refused` when the offer or the time is over, or a time was picked already."""
    _check_open_for(user, appointment)
    if appointment.picked() is not None:
        raise Refused("picked", "You have chosen a time already.")
    if starts_at <= at:
        raise Refused("past", "This time is over. Please choose another one.")


def check_may_decline(user: User, appointment: Appointment) -> None:
    """Raise `Refused` for somebody else's talk, and for one that is off already."""
    _check_open_for(user, appointment)


def _check_open_for(user: User, appointment: Appointment) -> None:
    application = appointment.application
    if application.user_id != user.pk:
        raise Refused("not_yours", "Only the person themselves can choose a time.")
    is_open = appointment.withdrawn_at is None and appointment.declined_at is None
    if application.status != Application.Status.TALK_FIRST or not is_open:
        raise Refused("state_changed", "These times are not offered any more.")


def check_times(times: Iterable[datetime], at: datetime) -> list[datetime]:
    """One to five different moments to come, in order; else `Refused`."""
    offered = sorted(set(times))
    if not 1 <= len(offered) <= MOST_TIMES:
        raise Refused("no_times", f"Offer between one and {MOST_TIMES} different times.")
    if offered[0] <= at:
        raise Refused("past", "Offer times that are still to come.")
    return offered


def check_may_offer_times(application: Application) -> None:
    """Raise `Refused` unless the person was asked for a talk and it has not been agreed yet."""
    if application.status != Application.Status.TALK_FIRST:
        raise Refused("state_changed", "This request does not wait for a talk any more.")


def whom_to_tell_of(appointment: Appointment) -> User | None:
    """Who offered the talk, or whoever is on call when that person is gone."""
    if appointment.offered_by is not None and appointment.offered_by.is_active:
        return appointment.offered_by
    application = appointment.application
    return named_person(application.group.organisation, about=application.user)


def check_may_ask_again(application: Application) -> None:
    """Raise `Refused` unless something else was suggested and this is the first such wish."""
    back = ("Ask to join again", reverse("screening:join", args=[application.group.slug]))
    if application.status != Application.Status.REFERRED:
        raise Refused("state_changed", "You can ask for another look after an answer only.")
    if application.another_look_asked_at is not None:
        raise Refused("asked_already", "You have asked for another look already.", next_step=back)
    if not application.answers.exists():
        raise Refused(
            "answers_gone",
            "Your answers were deleted, as promised. You can begin again.",
            next_step=back,
        )


def may_ask_again(application: Application) -> bool:
    """Whether the page offers another look."""
    try:
        check_may_ask_again(application)
    except Refused:
        return False
    return application.group.lifecycle == SupportGroup.Lifecycle.LISTED


def others_who_decide(application: Application, *, but_not: User) -> QuerySet[User]:
    """Who else could answer this request."""
    group = application.group
    leads = FacilitatorAssignment.objects.filter(group=group).values("user")
    coordinate = StaffRole.objects.coordinators().filter(organisation=group.organisation_id)
    return (
        User.objects.filter(Q(pk__in=leads) | Q(pk__in=coordinate.values("user")), is_active=True)
        .exclude(pk__in=[application.user_id, but_not.pk])
        .order_by("display_name")
    )


def decided_before(application: Application, user: User) -> bool:
    """Whether this person gave the answer that another look is asked for."""
    asked_at = application.another_look_asked_at
    if asked_at is None:
        return False
    return application.decisions.filter(decided_by=user, decided_at__lte=asked_at).exists()


def groups_to_suggest(group: SupportGroup) -> list[SupportGroup]:
    """Listed groups that may suit better: those with places first, then the organisation's own."""
    found = list(alternatives_to(group)[:8])
    others = (
        SupportGroup.objects.listed()
        .filter(Q(organisation=group.organisation_id) | Q(topics__in=group.topics.all()))
        .exclude(pk__in=[group.pk, *(one.pk for one in found)])
        .distinct()
        .with_seats_taken()
        .with_people_waiting()
        .with_next_session()
        .order_by("name")
    )
    return found + list(others[:8])


def suggested(decision: Decision) -> SupportGroupQuerySet:
    """The groups of a decision that can still be found."""
    return decision.suggested_groups.listed().with_seats_taken().with_people_waiting()


def invitation_for(group: SupportGroup, pk: str, *, user: Viewer) -> CompanionInvitation | None:
    """The open invitation of a member of this group that a browser brought along."""
    if not user.is_authenticated:
        return None
    found = (
        CompanionInvitation.objects.filter(
            pk=pk, membership__group=group, expires_at__gt=timezone.now()
        )
        .exclude(membership__user=user)
        .select_related("membership__user", "membership__group")
        .first()
    )
    return found if found is not None and invitation_counts(found) else None


def waiting_for_a_place(user: Viewer) -> QuerySet[Membership]:
    """The waiting lists of this person's groups, each in its order, with `position`.

    Who is offered a place stands before those who wait.
    """
    if not user.is_authenticated:
        return Membership.objects.none()
    status = Membership.Status
    offered_first = Case(When(status=status.OFFERED, then=0), default=1)
    order = [offered_first, F("waitlisted_at").asc(), F("pk").asc()]
    return (
        Membership.objects.filter(
            group__in=groups_staffed_by(user),
            status__in=[status.WAITLISTED, status.OFFERED],
            user__is_active=True,
        )
        .exclude(user=user)
        .annotate(
            position=Window(RowNumber(), partition_by=[F("group"), offered_first], order_by=order)
        )
        .select_related("group", "user", "application")
        .order_by("group__name", *order)
    )


# News by mail: tried as often, and as long, as the groups' own ------------------------------------


def decisions_to_tell() -> QuerySet[Decision]:
    """Decisions whose applicant was not told and may still be."""
    return Decision.objects.filter(
        told_at__isnull=True, attempts__lt=MOST_ATTEMPTS, application__user__is_active=True
    )


def decisions_overdue(at: datetime) -> QuerySet[Decision]:
    """Those whose mail failed or was lost, once it is time to try again."""
    due = Q()
    for attempts, after in enumerate(TRIED_AGAIN_AFTER):
        due |= Q(attempts=attempts, decided_at__lt=at - after)
    return decisions_to_tell().filter(due, decided_at__gt=at - NEWS_KEEPS).order_by("decided_at")


def talks_to_tell_of() -> QuerySet[Appointment]:
    """Talks that an applicant answered to while whoever offered them was not told."""
    return Appointment.objects.filter(staff_told_at__isnull=True, staff_attempts__lt=MOST_ATTEMPTS)


def talks_overdue(at: datetime) -> QuerySet[Appointment]:
    """Those whose mail failed or was lost, once it is time to try again."""
    due, since = Q(), at - NEWS_KEEPS
    for attempts, after in enumerate(TRIED_AGAIN_AFTER):
        between = (since, at - after)
        answered = Q(times__picked_at__range=between) | Q(declined_at__range=between)
        due |= Q(staff_attempts=attempts) & answered
    return talks_to_tell_of().filter(due).distinct()


# Where a request has been -------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """One point of a request's way. `state` is done, now, or next."""

    words: str
    at: datetime | None = None
    state: str = "done"


_DECIDED = {
    Decision.Outcome.ACCEPT: "You were accepted",
    Decision.Outcome.PREPARE: "You were given something to read",
    Decision.Outcome.TALK_FIRST: "You were invited to talk first",
    Decision.Outcome.REFER: "Something else was suggested",
}


def way_of(application: Application, decisions: Iterable[Decision]) -> list[Moment]:
    """Where a request has been, where it is, and what comes next, for the person themselves."""
    moments = [Moment("You sent your answers", application.submitted_at)]
    moments += [Moment(_DECIDED[Decision.Outcome(d.outcome)], d.decided_at) for d in decisions]
    if application.another_look_asked_at is not None:
        moments.append(Moment("You asked for another look", application.another_look_asked_at))
    moments.sort(key=lambda moment: moment.at or timezone.now())
    return moments + _now_and_next(application)


def _now_and_next(application: Application) -> list[Moment]:
    status = Application.Status
    place = application.membership.status if application.membership else ""
    if application.status == status.SUBMITTED:
        return [
            Moment("A person reads your answers", state="now"),
            Moment("You have an answer by", application.answer_by, "next"),
        ]
    if application.status == status.PREPARE:
        return [
            Moment("You read it and say so", state="now"),
            Moment("You get a place, or the next one that is free", state="next"),
        ]
    if application.status == status.TALK_FIRST:
        return [Moment("You talk", state="now"), Moment("You have an answer", state="next")]
    if application.status == status.ACCEPTED and place == Membership.Status.WAITLISTED:
        return [
            Moment("You wait for a place", state="now"),
            Moment("You are offered a place", state="next"),
        ]
    if application.status == status.ACCEPTED and place == Membership.Status.OFFERED:
        return [Moment("A place is kept for you", state="now")]
    if application.status == status.ACCEPTED and place == Membership.Status.ACCEPTED:
        return [Moment("You read and sign the agreement", state="now")]
    return []
