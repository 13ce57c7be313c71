"""Reviews: what facilitators did and what was reported, for overseers and coordinators.

Whoever opens one reads one message and no other, and the trail keeps that they did.
"""

from typing import Any, cast
from uuid import UUID

from django.contrib import messages as notices
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from sessions import live, safe_actions, safe_rules
from sessions.models import Intervention, Message, Report
from sessions.safe_forms import HandleForm, VerdictForm
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 25


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_safe
def review_list(request: HttpRequest) -> HttpResponse:
    """What waits for a look, the oldest first; and what is settled, the newest first."""
    safe_rules.check_may_review(request.user)
    settled = request.GET.get("show") == "settled"
    groups = safe_rules.groups_reviewed_by(request.user).order_by("name")
    group = groups.filter(slug=request.GET.get("group", "")).first()
    found = safe_rules.reviews_of(_person(request), settled=settled, group=group)
    context = {
        "settled": settled,
        "groups": groups,
        "group": group,
        "page": Paginator([_row(each, _person(request)) for each in found], PAGE_SIZE).get_page(
            request.GET.get("page")
        ),
        "waiting": safe_rules.reviews_waiting(_person(request)),
    }
    return render_page(request, "sessions/review_list.html", context)


def _row(each: Report | Intervention, user: User) -> dict[str, Any]:
    """One line of the list."""
    if isinstance(each, Report):
        tag = (each.get_outcome_display(), "ok") if each.outcome else ("Report", "warn")
        title, session = "Reported message", each.message.support_session
        url = reverse("sessions:report_detail", args=[each.pk])
    else:
        if each.verdict:
            tag = (each.get_verdict_display(), "ok")
        else:
            tag = ("Your own", "") if each.made_by_id == user.pk else ("To judge", "you")
        title, session = each.get_kind_display(), each.support_session
        url = reverse("sessions:review_detail", args=[each.pk])
    return {
        "title": title,
        "url": url,
        "group": session.group,
        "made_at": each.made_at,
        "reason": each.get_reason_display(),
        "tag": tag[0],
        "tag_kind": tag[1],
    }


def _words(request: HttpRequest, message: Message | None) -> dict[str, Any]:
    """A message with its earlier versions; opening it is recorded."""
    if message is None:
        return {}
    safe_actions.read_message(message=message, by=_person(request))
    return {"said": live.said(message), "versions": list(message.versions.all())}


def _whose(step: Intervention) -> str:
    if step.message is not None:
        return safe_rules.whose(step.message)
    return step.about.public_name if step.about is not None else ""


@require_http_methods(["GET", "HEAD", "POST"])
def review_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One step: what, why, by whom, on which words; and whether it was right."""
    step = get_object_or_404(safe_rules.interventions_reviewed_by(request.user), pk=pk)
    may_judge = safe_rules.why_not_judge(step, by=_person(request))
    form = VerdictForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            safe_actions.judge(intervention=step, by=_person(request), **form.cleaned_data)
        except Refused as no:
            notices.warning(request, no.message)
        else:
            notices.success(request, "Thank you. Your judgement is kept.")
            return redirect("sessions:review_list")
        step.refresh_from_db()
        may_judge = safe_rules.why_not_judge(step, by=_person(request))
    context = {
        "step": step,
        "group": step.support_session.group,
        "form": form if may_judge is None else None,
        "why_not": may_judge,
        "whose": _whose(step),
        **_words(request, step.message),
    }
    return render_page(request, "sessions/review_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def report_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One report: why, by whom, on which words; and what came of it."""
    report = get_object_or_404(safe_rules.reports_reviewed_by(request.user), pk=pk)
    form = HandleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            safe_actions.handle_report(report=report, by=_person(request), **form.cleaned_data)
        except Refused as no:
            notices.warning(request, no.message)
            return redirect("sessions:report_detail", pk)
        notices.success(request, "Thank you. What came of it is kept.")
        return redirect("sessions:review_list")
    context = {
        "report": report,
        "group": report.message.support_session.group,
        "steps": safe_rules.interventions_reviewed_by(request.user).filter(message=report.message),
        "alone": safe_rules.is_for_reviewers_alone(report),
        "form": form if report.handled_at is None else None,
        **_words(request, report.message),
    }
    return render_page(request, "sessions/report_detail.html", context)
