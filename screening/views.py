"""Asking to join, one question a page, and what follows for the applicant."""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actions import change_profile
from accounts.forms import DisplayNameForm
from accounts.models import User
from groups.models import CompanionInvitation, SupportGroup
from groups.rules import alternatives_to, check_may_join, groups_visible_to, standing
from screening import actions, rules
from screening.calendar import calendar_file
from screening.forms import AnotherLookForm, AnswerForm, DeclineTalkForm, PickTimeForm, SendForm
from screening.models import Answer, Application, Appointment, Question
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

#: Where a visitor's wish to join waits while they sign up.
JOINING = "joining"
#: Where the invitation of a member waits that led a browser here.
INVITATION = "companion_invitation"


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
        return _resume(_begin(request, group))
    form = group.screening_forms.published().first()
    number = rules.questions_asked(form).count() if form else 0
    full = not group.seats_for_somebody_new
    context = {
        "group": group,
        "standing": where,
        "number": number,
        "full": full,
        "invitation": _invitation(request, group),
    }
    return render_page(request, "screening/join.html", context)


def _invitation(request: HttpRequest, group: SupportGroup) -> CompanionInvitation | None:
    """The invitation of a member of this group that this browser brought along."""
    pk = request.session.get(INVITATION)
    return rules.invitation_for(group, pk, user=request.user) if pk else None


def _begin(request: HttpRequest, group: SupportGroup) -> Application:
    invitation = _invitation(request, group)
    begun = actions.start_application(group=group, by=_person(request), invitation=invitation)
    if invitation is not None:
        del request.session[INVITATION]
    return begun


def _next_after(application: Application, asked: Question) -> str:
    """The address of the next question that waits, or of the answers to check."""
    follower = rules.unanswered(application).filter(position__gt=asked.position).first()
    if follower is None:
        return reverse("screening:check_answers", args=[application.pk])
    return reverse("screening:question", args=[application.pk, follower.position])


def _saved(application: Application, asked: Question) -> Answer | None:
    return application.answers.filter(question=asked).first()


@require_http_methods(["GET", "HEAD", "POST"])
def question(request: HttpRequest, pk: UUID, position: int) -> HttpResponse:
    """One question. The answer is kept on Continue."""
    application = _own(request, pk)
    if application.status != Application.Status.DRAFT:
        return redirect("screening:application_detail", application.pk)
    questions = rules.questions_asked(application.form)
    asked = get_object_or_404(questions, position=position)
    saved = _saved(application, asked)
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
        "definition": asked.instrument.parsed() if asked.instrument else None,
        "form": form,
        "changing": changing,
        "later": onward,
        "before": questions.filter(position__lt=position).last(),
        "number": questions.filter(position__lte=position).count(),
        "total": questions.count(),
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
    for asked in rules.questions_asked(application.form):
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
    decisions = list(application.decisions.all())
    decision = decisions[-1] if decisions else None
    appointment = rules.open_appointment(application)
    no_place = rules.why_no_place(application)
    context = {
        "application": application,
        "group": application.group,
        "membership": application.membership,
        "decision": decision,
        "suggested": rules.suggested(decision) if decision else (),
        "way": rules.way_of(application, decisions),
        "appointment": appointment,
        "picked": appointment.picked() if appointment else None,
        "declined": application.appointments.filter(declined_at__isnull=False).last(),
        "may_ask_again": rules.may_ask_again(application),
        "no_place": no_place,
        "others": alternatives_to(application.group)[:3] if no_place else (),
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


# After an answer: something to read, a talk, another look -----------------------------------------


@require_POST
def application_prepared(request: HttpRequest, pk: UUID) -> HttpResponse:
    """“I have read this”: the last thing before a place."""
    application = _own(request, pk)
    try:
        actions.confirm_prepared(application=application, by=_person(request))
    except Refused as refused:
        # Staff decided meanwhile, or the button was pressed twice: the page shows how it is now.
        messages.info(request, refused.message)
    return redirect("screening:application_detail", application.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def another_look(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask once for another look after something else was suggested."""
    application = _own(request, pk)
    rules.check_may_ask_again(application)
    check_may_join(request.user, application.group)
    form = AnotherLookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        words = form.cleaned_data["words"]
        actions.ask_for_another_look(application=application, words=words, by=_person(request))
        messages.success(request, "You have asked for another look.")
        return redirect("screening:application_detail", application.pk)
    context = {"application": application, "group": application.group, "form": form}
    return render_page(request, "screening/another_look.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def appointment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Choose one of the times for a talk, or say that none suits and when would."""
    application = _own(request, pk)
    offered = rules.open_appointment(application)
    if offered is None:
        return redirect("screening:application_detail", application.pk)
    agreed = offered.picked()
    data = request.POST if request.method == "POST" else None
    form = (
        DeclineTalkForm(data)
        if agreed
        else PickTimeForm(data, appointment=offered, at=timezone.now())
    )
    if data is not None and form.is_valid():
        _answer_times(request, offered, form)
        return redirect("screening:application_detail", application.pk)
    context = {
        "application": application,
        "group": application.group,
        "appointment": offered,
        "agreed": agreed,
        "form": form,
    }
    return render_page(request, "screening/appointment.html", context)


def _answer_times(
    request: HttpRequest, offered: Appointment, form: PickTimeForm | DeclineTalkForm
) -> None:
    time = form.picked if isinstance(form, PickTimeForm) else None
    person, words = _person(request), form.cleaned_data.get("words", "")
    try:
        if time is not None:
            actions.pick_time(time=time, by=person)
            messages.success(request, "Your talk is agreed.")
        else:
            actions.decline_times(appointment=offered, words=words, by=person)
            messages.success(request, "We have passed on when you have time.")
    except Refused as refused:
        messages.warning(request, refused.message)


@require_safe
def appointment_calendar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An agreed talk for the calendar of either side, in neutral words."""
    agreed = get_object_or_404(rules.appointments_of(request.user), pk=pk)
    time = agreed.picked()
    if time is None:
        raise Http404
    own = agreed.application.user_id == _person(request).pk
    name = "screening:application_detail" if own else "screening:review"
    file = calendar_file(agreed, time, url=reverse(name, args=[agreed.application_id]))
    response = HttpResponse(file, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="appointment.ics"'
    return response
