"""Who asks to join, for those who decide."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from groups.models import SupportGroup
from groups.rules import seats_for_somebody_new
from safeguarding.rules import concerns_visible_to
from screening import actions, defaults, rules
from screening.forms import DecisionForm, NoteForm, OtherTimesForm, ReferForm, TalkFirstForm
from screening.models import Answer, Application, Decision
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 25
#: How many people who wait for a place the page shows.
LIST_SIZE = 100
#: Somebody else was faster, or the person took their request back.
TOO_LATE = {"state_changed", "taken_back"}
#: The group pauses, closed, or began with the people it has.
TAKES_NOBODY = {"not_listed", "course_began"}
#: What the page calls offering other times for a talk; no decision is made anew by it.
OTHER_TIMES = "other_times"

Outcome = Decision.Outcome


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Who waits for an answer, for a talk, for a place."""
    rules.check_may_see_queue(request.user)
    now = timezone.now()
    decided_by = rules.applications_decided_by(request.user)
    waiting = decided_by.waiting().most_urgent_first().prefetch_related("appointments__times")
    listed = list(rules.waiting_for_a_place(request.user)[:LIST_SIZE])
    groups = SupportGroup.objects.filter(pk__in={m.group_id for m in listed}).with_seats_taken()
    free = {group.pk: max(group.capacity - group.seats_taken, 0) for group in groups}
    context = {
        "page": Paginator(waiting, PAGE_SIZE).get_page(request.GET.get("page")),
        "talks": rules.talks_to_come(request.user, now),
        "preparing": decided_by.filter(status=Application.Status.PREPARE)[:LIST_SIZE],
        "waiting_list": [(membership, free[membership.group_id]) for membership in listed],
        "now": now,
    }
    return render_page(request, "screening/queue.html", context)


def _review_context(request: HttpRequest, application: Application) -> dict[str, Any]:
    """What both the whole page and its decision part show."""
    moves = Application.MOVES[Application.Status(application.status)]
    after = {outcome.value: outcome for outcome in Outcome}
    open_outcomes = [
        outcome for outcome in after.values() if actions.STATUS_AFTER[outcome] in moves
    ]
    asked = request.POST.get("outcome") or request.GET.get("outcome", "")
    chosen = after.get(asked)
    appointment = rules.open_appointment(application)
    talks = application.status == Application.Status.TALK_FIRST
    other_times = asked == OTHER_TIMES and talks
    return {
        "application": application,
        "group": application.group,
        "outcomes": open_outcomes,
        "outcome": chosen if chosen in open_outcomes else None,
        "other_times": other_times,
        "known": asked == OTHER_TIMES or chosen is not None,
        "is_open": other_times or chosen in open_outcomes,
        "seen": application.decisions.count(),
        "left": seats_for_somebody_new(application.group),
        "no_place": rules.why_no_place(application),
        "appointment": appointment,
        "picked": appointment.picked() if appointment else None,
        "declined": application.appointments.filter(declined_at__isnull=False).last(),
    }


type DecidingForm = DecisionForm | OtherTimesForm


def _decision_form(request: HttpRequest, context: dict[str, Any]) -> DecidingForm | None:
    outcome = context["outcome"]
    data = request.POST if request.method == "POST" else None
    if context["other_times"]:
        initial = {"message": defaults.MESSAGE_OTHER_TIMES, "seen": context["seen"]}
        return OtherTimesForm(data, initial=initial)
    if outcome is None:
        return None
    message = defaults.MESSAGES[outcome]
    if outcome == Outcome.ACCEPT and not context["left"]:
        message = defaults.MESSAGE_WHEN_FULL
    initial = {"message": message, "seen": context["seen"]}
    if outcome == Outcome.TALK_FIRST:
        return TalkFirstForm(data, outcome=outcome, initial=initial)
    if outcome == Outcome.REFER:
        groups = rules.groups_to_suggest(context["group"])
        return ReferForm(data, outcome=outcome, initial=initial, groups=groups)
    return DecisionForm(data, outcome=outcome, initial=initial)


def _decide(request: HttpRequest, context: dict[str, Any], form: DecidingForm) -> bool:
    """Whether this decision counted: somebody else may have decided meanwhile."""
    application, by = context["application"], _person(request)
    try:
        if isinstance(form, OtherTimesForm):
            actions.offer_times(application=application, by=by, **form.cleaned_data)
        else:
            outcome = context["outcome"]
            actions.decide(application=application, outcome=outcome, by=by, **form.cleaned_data)
    except Refused as refused:
        if refused.reason in TAKES_NOBODY:
            form.add_error(None, refused.message)
        elif refused.reason not in TOO_LATE:
            raise
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read the answers and decide. Reading is recorded."""
    if rules.taken_back_from(request.user).filter(pk=pk).exists():
        return _taken_back(request)
    application = get_object_or_404(rules.applications_decided_by(request.user), pk=pk)
    context = _review_context(request, application)
    form = _decision_form(request, context)
    posted = request.method == "POST"
    too_late = posted and (not context["outcomes"] or (context["known"] and not context["is_open"]))
    if posted and form is not None and form.is_valid():
        if _decide(request, context, form):
            messages.success(request, "Your answer is on its way. They get an e-mail about it.")
            return redirect("screening:queue")
        too_late = form.is_valid()
    if too_late:
        application.refresh_from_db()
        if application.status == Application.Status.WITHDRAWN:
            return _taken_back(request)
        context, form = _review_context(request, application), None
        context |= {"outcome": None, "other_times": False}
    context |= {"form": form, "too_late": too_late}
    if not wants_part(request):
        context |= _answers_context(request, application)
    status = 409 if too_late else 200
    return render_page(request, "screening/review.html", context, "decision", status=status)


def _taken_back(request: HttpRequest) -> HttpResponse:
    """Somebody who reads or decides learns kindly that there is nothing to decide any more."""
    return render_page(request, "screening/taken_back.html", status=410)


def _answers_context(request: HttpRequest, application: Application) -> dict[str, Any]:
    person = _person(request)
    answers = actions.read_application(application=application, by=person)
    decided_before = rules.decided_before(application, person)
    return {
        "answers": [_answer_row(answer) for answer in answers],
        "together": rules.readiness(answers),
        "decisions": application.decisions.select_related("decided_by").prefetch_related(
            "suggested_groups"
        ),
        "concerns": rules.concerns_from(application),
        "visible": set(concerns_visible_to(request.user).values_list("pk", flat=True)),
        "notes": application.notes.select_related("written_by"),
        "note_form": NoteForm(prefix="note"),
        "decided_before": decided_before,
        "others": rules.others_who_decide(application, but_not=person) if decided_before else (),
        "invited_by": rules.invited_by(application),
    }


def _answer_row(answer: Answer) -> dict[str, Any]:
    question, value = answer.question, answer.value
    score = rules.score_of(question, value) if value is not None else None
    return {
        "question": question,
        "value": question.label_of(value),
        "lines": question.lines_of(value) if score and value is not None else [],
        "score": score,
        "proposal": rules.proposal_of(question, value),
        "reasons": rules.why_suggested(question, value),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def note_add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a note for the others who decide."""
    if rules.taken_back_from(request.user).filter(pk=pk).exists():
        return _taken_back(request)
    application = get_object_or_404(rules.applications_decided_by(request.user), pk=pk)
    form = NoteForm(request.POST if request.method == "POST" else None, prefix="note")
    if request.method == "POST" and form.is_valid():
        body = form.cleaned_data["body"]
        actions.write_note(application=application, body=body, by=_person(request))
        messages.success(request, "Your note is there for the others.")
        return redirect(f"{reverse('screening:review', args=[application.pk])}#notes")
    context = {"application": application, "form": form}
    return render_page(request, "screening/note_add.html", context)
