"""Pages before a session: who comes, what is planned, who leads."""

from collections import Counter
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from groups.models import SupportGroup
from sessions import after_rules, before_actions, before_rules, rules
from sessions.actions import AgendaPart
from sessions.before_forms import AnswerForm, CoverNoteForm, PlanForm
from sessions.models import Attendance, SupportSession
from sessions.schedule_forms import MOST_PARTS
from supportgroups.lib.htmx import render_page, render_secret_page, wants_part
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on most pages here."""
    return cast(User, request.user)


# Answers ------------------------------------------------------------------------------------------


@require_POST
def session_answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say whether one comes, on the session's page or on one's home."""
    person = _person(request)
    support_session = get_object_or_404(rules.sessions_visible_to(person), pk=pk)
    before_rules.check_may_answer(person, support_session)
    form = AnswerForm(request.POST)
    if form.is_valid():
        before_actions.answer_session(
            support_session=support_session, by=person, answer=form.cleaned_data["answer"]
        )
    if wants_part(request):
        context = {
            "support_session": support_session,
            "answer": before_rules.answer_to(person, support_session),
            "at_home": "home" in request.POST,
        }
        return render(request, "sessions/before_answers.html", context)
    if "home" in request.POST:
        return redirect(reverse("outcomes:participant_home") + "#answers")
    return redirect(reverse("sessions:session_detail", args=[pk]) + "#answers")


@login_not_required  # the secret in the link is the right to answer, and to nothing else
@csrf_exempt  # nothing that a browser sends by itself is used; mail apps often keep no cookies
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, token: str, choice: str) -> HttpResponse:
    """Answer from the mail, without signing in.

    One click in the mail, one on this page. It is no fewer, because mail servers and virus scanners
    open every link of a mail, and some run its scripts: an answer given by opening a page would
    often be theirs. So opening changes nothing, and the answer that was chosen in the mail stands
    first, as a button.

    The mail may be forwarded, or read by somebody else. Whoever holds it can answer in the person's
    place, and learns nothing: the page names neither person nor group nor time, nor what was said
    before, and a link that has ended does not say why. It ends with the session, with the
    membership, and when the session moves.
    """
    reminder = before_rules.reminder_with(token)
    if choice not in Attendance.Answer.values:
        raise Http404
    if reminder is None:
        return render_secret_page(
            request, "sessions/before_answer.html", {"ended": True}, status=404
        )
    form = AnswerForm(request.POST or None)
    if form.is_valid():
        before_actions.answer_session(
            support_session=reminder.support_session, by=reminder.user, **form.cleaned_data
        )
        kept = reverse("sessions:answer", args=[token, form.cleaned_data["answer"]])
        return redirect(f"{kept}?kept")
    others = [pair for pair in Attendance.Answer.choices if pair[0] != choice]
    context = {
        "first": Attendance.Answer(choice),
        "others": others,
        "kept": "kept" in request.GET,
    }
    return render_secret_page(request, "sessions/before_answer.html", context)


# Preparation --------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def prepare(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who comes, and what is planned: the facilitator's page before a session."""
    person = _person(request)
    support_session = get_object_or_404(rules.sessions_visible_to(person), pk=pk)
    before_rules.check_may_prepare(person, support_session)
    if support_session.status != SupportSession.Status.SCHEDULED:
        return redirect("sessions:session_detail", pk)
    group = support_session.group
    do = "sum" if "total" in request.GET else request.POST.get("do", "")
    if do == "follow":
        before_actions.follow_agenda_template(support_session=support_session, by=person)
        messages.success(request, "This session follows the group’s plan again.")
        return redirect("sessions:prepare", pk)
    form = _plan_form(request, support_session, do)
    if form.is_valid() and _is_planned(form, support_session, by=person):
        messages.success(request, "The plan of this session is saved.")
        return redirect("sessions:prepare", pk)
    context = {
        "support_session": support_session,
        "group": group,
        "at_a_place": group.format == SupportGroup.Format.IN_PERSON,
        "people": (people := before_rules.expected_people(support_session)),
        "tally": _tally(people),
        "covers": before_rules.covers_of(support_session),
        "follow_ups": after_rules.open_follow_ups_of(group, seen_by=person),
        "form": form,
        "version": support_session.version if form.is_stale else form["version"].value(),
        "minutes": (support_session.ends_at - support_session.starts_at) // timedelta(minutes=1),
        "unsaved": bool(do),
        "may_add": form.number < MOST_PARTS,
    }
    partial = "agenda-total" if do == "sum" else "agenda-parts"
    template = (
        "sessions/agenda_parts.html" if wants_part(request) else "sessions/before_prepare.html"
    )
    return render_page(request, template, context, partial=partial)


def _tally(people: list[before_rules.Expected]) -> list[dict[str, Any]]:
    """How many gave each answer, and how many are new."""
    said = Counter(person.answer for person in people)
    labels = {"coming": "coming", "cannot": "cannot come", "unsure": "not sure", "": "no answer"}
    counted = [{"label": label, "n": said[value]} for value, label in labels.items()]
    return [*counted, {"label": "new", "n": sum(person.is_new for person in people)}]


def _plan_form(request: HttpRequest, support_session: SupportSession, do: str) -> PlanForm:
    if do:
        usual = list(support_session.group.agenda_template.all())
        return PlanForm.rearranged(request.POST, do, usual=usual or None)
    if request.method == "POST":
        return PlanForm.typed(request.POST)
    parts = list(support_session.agenda.all() or support_session.group.agenda_template.all())
    return PlanForm.showing(parts, version=str(support_session.version))


def _is_planned(form: PlanForm, support_session: SupportSession, *, by: User) -> bool:
    """Save what is typed, unless somebody else changed the session meanwhile."""
    items = [AgendaPart(*part) for part in form.agenda()]
    try:
        before_actions.set_agenda(
            support_session=support_session,
            items=items,
            version=form.cleaned_data["version"],
            by=by,
        )
    except Refused as no:
        form.add_error(None, no.message)
        if no.reason == "state_changed":
            form.add_error(None, "What you typed is still here. Save again to put it in its place.")
            form.is_stale = True
            support_session.refresh_from_db()
        return False
    return True


# Cover --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def cover(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who leads a session instead of whom: ask, take over, give back, take the request back."""
    person = _person(request)
    support_session = get_object_or_404(before_rules.sessions_with_covers_for(person), pk=pk)
    before_rules.check_may_see_covers(person, support_session)
    do = request.POST.get("do", "")
    form = CoverNoteForm(request.POST if do == CoverNoteForm.do else None)
    if request.method == "POST":
        try:
            if form.is_valid():
                before_actions.ask_cover(
                    support_session=support_session, by=person, note=form.cleaned_data["note"]
                )
                messages.success(request, "You have asked. Everybody who could lead it is told.")
                return redirect("sessions:cover", pk)
            if do != CoverNoteForm.do:
                return _change_hands(request, support_session, do)
        except Refused as no:
            messages.warning(request, no.message)
            return redirect(_back(person, support_session))
    group = support_session.group
    context = {
        "support_session": support_session,
        "group": group,
        "at_a_place": group.format == SupportGroup.Format.IN_PERSON,
        "covers": before_rules.covers_of(support_session),
        "open_to_me": {
            each.pk for each in rules.covers_open_to(person).filter(support_session=support_session)
        },
        "may_ask": before_rules.why_not_ask_cover(person, support_session) is None,
        "leaders": [user.public_name for user in rules.leading(support_session)],
        "may_see": rules.sessions_visible_to(person).filter(pk=pk).exists(),
        "form": form,
    }
    return render_page(request, "sessions/before_cover.html", context)


#: What a button of the page does, and what is said afterwards.
_HANDS = {
    "take": (before_actions.take_cover, "You lead this session now. Thank you."),
    "give-back": (before_actions.give_cover_back, "Given back. Others are asked again."),
    "withdraw": (before_actions.withdraw_cover, "Taken back. You lead this session."),
}


def _change_hands(request: HttpRequest, support_session: SupportSession, do: str) -> HttpResponse:
    person = _person(request)
    asked = request.POST.get("cover", "")
    found = next((c for c in before_rules.covers_ever(support_session) if str(c.pk) == asked), None)
    if found is None or do not in _HANDS:
        raise Refused("unknown", "This page was older than what it shows. Look again.")
    action, words = _HANDS[do]
    action(cover=found, by=person)
    messages.success(request, words)
    return redirect(_back(person, support_session))


def _back(person: User, support_session: SupportSession) -> str:
    """The same page for whoever may still see it; who gave it back may not."""
    if before_rules.sessions_with_covers_for(person).filter(pk=support_session.pk).exists():
        return reverse("sessions:cover", args=[support_session.pk])
    return reverse("outcomes:participant_home")
