"""Asking to join, one question a page, and deciding on it."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actions import change_profile
from accounts.forms import DisplayNameForm
from accounts.models import User
from groups.models import SupportGroup
from groups.rules import check_may_join, groups_visible_to, seats_for_somebody_new, standing
from safeguarding.rules import concerns_visible_to
from screening import actions, defaults, rules
from screening.forms import AnswerForm, DecisionForm, SendForm
from screening.models import Application, Decision, Question
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 25
#: Where a visitor's wish to join waits while they sign up.
JOINING = "joining"


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


def _own(request: HttpRequest, pk: UUID) -> Application:
    return get_object_or_404(rules.applications_of(request.user), pk=pk)


def _resume(application: Application) -> HttpResponse:
    """The first question that waits for an answer, else the answers to check."""
    first = rules.unanswered(application).first()
    if first is None:
        return redirect("screening:check_answers", application.pk)
    return redirect("screening:question", application.pk, first.position)


@login_not_required  # explains before an account is asked for
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what joining means, and begin. A visitor signs up first and then goes on here."""
    group = get_object_or_404(
        groups_visible_to(request.user)
        .with_seats_taken()
        .with_people_waiting()
        .select_related("organisation"),
        slug=slug,
    )
    where = standing(request.user, group)
    if where.membership is not None:
        return redirect("groups:group_detail", group.slug)
    check_may_join(request.user, group)
    if request.method == "POST" and not request.user.is_authenticated:
        request.session[JOINING] = str(group.pk)
        here = urlencode({"next": reverse("screening:join", args=[group.slug])})
        return redirect(f"{reverse('account_signup')}?{here}")
    # Only this browser's own button set the mark, so a link from elsewhere begins nothing.
    signed_up = request.user.is_authenticated and request.session.get(JOINING) == str(group.pk)
    if request.method == "POST" or signed_up:
        request.session.pop(JOINING, None)
        return _resume(actions.start_application(group=group, by=_person(request)))
    form = group.screening_forms.order_by("-version").first()
    number = form.questions.count() if form else 0
    full = not group.seats_for_somebody_new
    context = {"group": group, "standing": where, "number": number, "full": full}
    return render_page(request, "screening/join.html", context)


def _next_after(application: Application, asked: Question) -> str:
    """The address of the next question that waits, or of the answers to check."""
    follower = rules.unanswered(application).filter(position__gt=asked.position).first()
    if follower is None:
        return reverse("screening:check_answers", args=[application.pk])
    return reverse("screening:question", args=[application.pk, follower.position])


@require_http_methods(["GET", "HEAD", "POST"])
def question(request: HttpRequest, pk: UUID, position: int) -> HttpResponse:
    """One question. The answer is kept on Continue."""
    application = _own(request, pk)
    if application.status != Application.Status.DRAFT:
        return redirect("screening:application_detail", application.pk)
    asked = get_object_or_404(application.form.questions, position=position)
    saved = application.answers.filter(question=asked).first()
    data = request.POST if request.method == "POST" else None
    form = AnswerForm(data, question=asked, saved=saved)
    changing = "change" in (data or request.GET)
    onward = _next_after(application, asked)
    if changing:
        onward = reverse("screening:check_answers", args=[application.pk])
    if data is not None and form.is_valid():
        value = form.cleaned_data["value"]
        actions.save_answer(
            application=application, question=asked, value=value, by=_person(request)
        )
        if rules.proposal_of(asked, value) == Question.Proposal.URGENT:
            return redirect("screening:answer_saved", application.pk, asked.position)
        return redirect(onward)
    context = {
        "application": application,
        "question": asked,
        "form": form,
        "changing": changing,
        "later": onward,
        "before": application.form.questions.filter(position__lt=position).last(),
        "number": application.form.questions.filter(position__lte=position).count(),
        "total": application.form.questions.count(),
        "any_saved": application.answers.exists(),
    }
    return render_page(request, "screening/question.html", context)


@require_safe
def answer_saved(request: HttpRequest, pk: UUID, position: int) -> HttpResponse:
    """Thanks for a hard answer, help at once, and what truly happens next."""
    application = _own(request, pk)
    asked = get_object_or_404(application.form.questions, position=position)
    concern = rules.concern_from(application, asked)
    if concern is None:
        return redirect(_next_after(application, asked))
    onward = _next_after(application, asked)
    context = {"application": application, "concern": concern, "onward": onward}
    return render_page(request, "screening/answer_saved.html", context)


def _rows(application: Application) -> list[dict[str, Any]]:
    """Each question with its answer and the way to change it."""
    answers = {answer.question_id: answer for answer in application.answers.all()}
    rows = []
    for asked in application.form.questions.all():
        answer = answers.get(asked.pk)
        address = reverse("screening:question", args=[application.pk, asked.position])
        rows.append(
            {
                "question": asked,
                "answered": answer is not None,
                "value": asked.label_of(answer.value) if answer else "",
                "url": f"{address}?change=1",
            }
        )
    return rows


@require_http_methods(["GET", "HEAD", "POST"])
def check_answers(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All answers, each with a way to change it, and the button that sends them."""
    application = _own(request, pk)
    if application.status != Application.Status.DRAFT:
        return redirect("screening:application_detail", application.pk)
    form = SendForm(request.POST if request.method == "POST" else None, application=application)
    if request.method == "POST" and form.is_valid():
        actions.submit_application(application=application, by=_person(request))
        return redirect("screening:application_detail", application.pk)
    rows = _rows(application)
    context = {
        "application": application,
        "group": application.group,
        "form": form,
        "rows": rows,
        "waiting": sum(not row["answered"] for row in rows),
        "acknowledged": rules.acknowledged(application),
        "first": rules.unanswered(application).first(),
        "concern": rules.concerns_from(application).first(),
        "not_confirmed": next((r for r in rows if r["question"].is_acknowledgement), None),
    }
    return render_page(request, "screening/check_answers.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def display_name(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose or change the name that others see, on the way to sending."""
    application = _own(request, pk)
    person = User.objects.get(pk=_person(request).pk)
    form = DisplayNameForm(request.POST if request.method == "POST" else None, instance=person)
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["display_name"]
        change_profile(user=_person(request), by=_person(request), display_name=name)
        return redirect("screening:check_answers", application.pk)
    context = {"application": application, "form": form}
    return render_page(request, "screening/display_name.html", context)


@require_safe
def application_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Where the request stands, what staff wrote, and what comes next."""
    application = _own(request, pk)
    if application.status == Application.Status.DRAFT:
        return redirect("screening:check_answers", application.pk)
    context = {
        "application": application,
        "group": application.group,
        "membership": application.membership,
        "decision": application.decisions.last(),
        "late": application.answer_by is not None and application.answer_by < timezone.now(),
        "may_withdraw": Application.Status.WITHDRAWN
        in Application.MOVES[Application.Status(application.status)],
    }
    return render_page(request, "screening/application_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def application_withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the request back, after being asked once."""
    application = _own(request, pk)
    rules.check_move(application, Application.Status.WITHDRAWN)
    if request.method == "POST":
        actions.withdraw_application(application=application, by=_person(request))
        messages.success(request, "You have taken your request back. You can ask again any time.")
        return redirect("groups:group_detail", application.group.slug)
    has_concern = rules.concerns_from(application).exists()
    context = {"application": application, "has_concern": has_concern}
    return render_page(request, "screening/application_withdraw.html", context)


@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Who waits for an answer, most urgent first, then by the promised time; who for a place."""
    rules.check_may_see_queue(request.user)
    decided_by = rules.applications_decided_by(request.user)
    waiting = decided_by.waiting().most_urgent_first()
    listed = list(decided_by.on_waiting_list()[:100])
    groups = SupportGroup.objects.filter(pk__in={a.group.pk for a in listed}).with_seats_taken()
    free = {group.pk: max(group.capacity - group.seats_taken, 0) for group in groups}
    context = {
        "page": Paginator(waiting, PAGE_SIZE).get_page(request.GET.get("page")),
        "waiting_list": [(application, free[application.group.pk]) for application in listed],
        "now": timezone.now(),
    }
    return render_page(request, "screening/queue.html", context)


def _review_context(request: HttpRequest, application: Application) -> dict[str, Any]:
    """What both the whole page and its decision part show."""
    moves = Application.MOVES[Application.Status(application.status)]
    after = {outcome.value: outcome for outcome in Decision.Outcome}
    open_outcomes = [
        outcome for outcome in after.values() if actions.STATUS_AFTER[outcome] in moves
    ]
    chosen = after.get(request.POST.get("outcome") or request.GET.get("outcome", ""))
    return {
        "application": application,
        "group": application.group,
        "outcomes": open_outcomes,
        "outcome": chosen if chosen in open_outcomes else None,
        "left": seats_for_somebody_new(application.group),
    }


def _decision_form(request: HttpRequest, context: dict[str, Any]) -> DecisionForm | None:
    outcome = context["outcome"]
    if outcome is None:
        return None
    message = defaults.MESSAGES[outcome]
    if outcome == Decision.Outcome.ACCEPT and not context["left"]:
        message = defaults.MESSAGE_WHEN_FULL
    data = request.POST if request.method == "POST" else None
    return DecisionForm(data, outcome=outcome, initial={"message": message})


def _decide(application: Application, form: DecisionForm, outcome: str, by: User) -> bool:
    """Whether this decision counted: somebody else may have decided meanwhile."""
    try:
        actions.decide(application=application, outcome=outcome, by=by, **form.cleaned_data)
    except Refused as refused:
        if refused.reason != "state_changed":
            raise
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read the answers and decide. Reading is recorded."""
    application = get_object_or_404(rules.applications_decided_by(request.user), pk=pk)
    context = _review_context(request, application)
    form = _decision_form(request, context)
    too_late = request.method == "POST" and not context["outcomes"]
    if request.method == "POST" and form is not None and form.is_valid():
        if _decide(application, form, context["outcome"], _person(request)):
            messages.success(request, "Your answer is on its way. They get an e-mail about it.")
            return redirect("screening:queue")
        too_late = True
    if too_late:
        application.refresh_from_db()
        context, form = _review_context(request, application), None
    context |= {"form": form, "too_late": too_late}
    if not wants_part(request):
        context |= _answers_context(request, application)
    status = 409 if too_late else 200
    return render_page(request, "screening/review.html", context, "decision", status=status)


def _answers_context(request: HttpRequest, application: Application) -> dict[str, Any]:
    answers = actions.read_application(application=application, by=_person(request))
    return {
        "answers": [
            {
                "question": answer.question,
                "value": answer.question.label_of(answer.value),
                "proposal": rules.proposal_of(answer.question, answer.value),
            }
            for answer in answers
        ],
        "decisions": application.decisions.select_related("decided_by"),
        "concerns": rules.concerns_from(application),
        "visible": set(concerns_visible_to(request.user).values_list("pk", flat=True)),
    }


@require_POST
def place_offer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give somebody on the waiting list the place that is free."""
    application = get_object_or_404(rules.applications_decided_by(request.user), pk=pk)
    try:
        actions.offer_place(application=application, by=_person(request))
    except Refused as refused:
        # Somebody else was faster: the list that follows shows how it is now.
        messages.warning(request, refused.message)
    else:
        messages.success(request, "They have a place now. They get an e-mail about it.")
    return redirect("screening:queue")
