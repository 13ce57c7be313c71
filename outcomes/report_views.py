"""Programmes and reports for whoever pays for them; for coordinators."""

from datetime import date
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organisation, User
from accounts.reauthentication import recently_confirmed
from accounts.rules import organisations_coordinated_by
from audit.trail import record
from outcomes import report_actions, report_rules
from outcomes.models import FunderReport, Programme
from outcomes.report_content import paragraphs_of
from outcomes.report_forms import ProgrammeForm, ReportForm, WordsForm
from outcomes.report_rules import Period
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 20


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


def _organisation(request: HttpRequest, slug: str) -> Organisation:
    return get_object_or_404(organisations_coordinated_by(request.user), slug=slug)


def _programme(request: HttpRequest, organisation: str, pk: UUID) -> Programme:
    return get_object_or_404(
        report_rules.programmes_of(request.user), organisation__slug=organisation, pk=pk
    )


def _report(request: HttpRequest, organisation: str, pk: UUID) -> FunderReport:
    return get_object_or_404(
        report_rules.reports_of(request.user), organisation__slug=organisation, pk=pk
    )


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


# Programmes -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def programme_add(request: HttpRequest, organisation: str) -> HttpResponse:
    """Name a set of groups."""
    found = _organisation(request, organisation)
    form = ProgrammeForm(_posted(request), organisation=found)
    if form.is_valid():
        try:
            made = report_actions.make_programme(
                organisation=found, by=_person(request), **form.cleaned_data
            )
            messages.success(request, f"“{made.name}” is there. You can report on it.")
            return redirect("outcomes:reports", organisation)
        except Refused as no:
            form.add_refusal(no)
    context = {"organisation": found, "form": form}
    return render_page(request, "outcomes/programme_add.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def programme_change(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """Another name or other groups; or end it."""
    programme = _programme(request, organisation, pk)
    initial = {"name": programme.name, "groups": programme.groups.all()}
    form = ProgrammeForm(_posted(request), organisation=programme.organisation, initial=initial)
    if form.is_valid():
        try:
            report_actions.change_programme(
                programme=programme, by=_person(request), **form.cleaned_data
            )
            messages.success(request, "Saved. Reports that are there stay as they are.")
            return redirect("outcomes:reports", organisation)
        except Refused as no:
            form.add_refusal(no)
    context = {"organisation": programme.organisation, "programme": programme, "form": form}
    return render_page(request, "outcomes/programme_change.html", context)


@require_POST
def programme_end(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """Nobody can choose it any more; its reports stay."""
    programme = _programme(request, organisation, pk)
    report_actions.end_programme(programme=programme, by=_person(request))
    messages.success(request, f"“{programme.name}” has ended. Its reports stay.")
    return redirect("outcomes:reports", organisation)


# Reports ----------------------------------------------------------------------------------------


@require_safe
def reports(request: HttpRequest, organisation: str) -> HttpResponse:
    """Reports, newest first, and the programmes to report on."""
    found = _organisation(request, organisation)
    listed = report_rules.reports_of(request.user).filter(organisation=found)
    programmes = found.programmes.running().prefetch_related("groups")
    page = Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "organisation": found,
        "page": page,
        "rows": [(report, Period(report.first_day, report.last_day).name) for report in page],
        "programmes": programmes,
        "threshold": report_rules.threshold_of(found),
    }
    return render_page(request, "outcomes/reports.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def report_start(request: HttpRequest, organisation: str) -> HttpResponse:
    """Choose a programme and months. The address may hold a choice already."""
    found = _organisation(request, organisation)
    at, zone = timezone.now(), ZoneInfo(found.time_zone)
    usual = report_rules.usual_periods(at, zone)
    form = ReportForm(
        _posted(request),
        organisation=found,
        months=report_rules.months_to_report_on(at, zone),
        initial={
            "programme": request.GET.get("programme"),
            "first_month": request.GET.get("from") or usual[0].first_day.isoformat(),
            "last_month": request.GET.get("to") or usual[0].last_day.replace(day=1).isoformat(),
        },
    )
    if form.is_valid():
        words = {name: form.cleaned_data[name] for name in ("introduction", "learnt")}
        try:
            report = report_actions.start_report(
                organisation=found,
                programme=form.cleaned_data["programme"],
                period=form.period,
                by=_person(request),
                **words,
            )
            return redirect("outcomes:report_detail", organisation, report.pk)
        except Refused as no:
            form.add_refusal(no)
    context = {"organisation": found, "form": form, "usual": usual}
    return render_page(request, "outcomes/report_start.html", context)


@require_safe
def report_detail(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """How far it is; then the report itself."""
    report = _report(request, organisation, pk)
    is_ready = report.state == FunderReport.State.READY
    context = {
        "report": report,
        "organisation": report.organisation,
        "period": Period(report.first_day, report.last_day),
        "is_being_made": report_rules.is_being_made(report),
        "is_ready": is_ready,
        "steps": report_rules.STEPS,
        "now": report_rules.STEPS[min(report.step, len(report_rules.STEPS) - 1)],
        "content": report.content if is_ready else None,
        "introduction": paragraphs_of(report.introduction),
        "learnt": paragraphs_of(report.learnt),
    }
    return render_page(request, "outcomes/report_detail.html", context, "report-state")


@require_safe
@recently_confirmed(gives_file=True)
def report_pdf(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """The document, to keep or to send."""
    report = _report(request, organisation, pk)
    if report.state != FunderReport.State.READY or report.pdf is None:
        raise Http404
    record("report.downloaded", by=_person(request), on=report, organisation=report.organisation_id)
    response = HttpResponse(bytes(report.pdf), content_type="application/pdf")
    name = slugify(f"{report.programme_name or 'all-groups'} {_months(report)}")
    response["Content-Disposition"] = f'attachment; filename="report-{name}.pdf"'
    return response


def _months(report: FunderReport) -> str:
    first, last = (f"{day:%Y-%m}" for day in cast(list[date], [report.first_day, report.last_day]))
    return first if first == last else f"{first}-to-{last}"


@require_POST
def report_again(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """Try once more after a failure."""
    report = _report(request, organisation, pk)
    report_actions.try_report_again(report=report, by=_person(request))
    return redirect("outcomes:report_detail", organisation, pk)


@require_http_methods(["GET", "HEAD", "POST"])
def report_words(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """Other words around the same numbers."""
    report = _report(request, organisation, pk)
    initial = {"introduction": report.introduction, "learnt": report.learnt}
    form = WordsForm(_posted(request), initial=initial)
    if form.is_valid():
        try:
            report_actions.change_report_words(
                report=report, by=_person(request), **form.cleaned_data
            )
            return redirect("outcomes:report_detail", organisation, pk)
        except Refused as no:
            form.add_refusal(no)
    context = {"report": report, "organisation": report.organisation, "form": form}
    return render_page(request, "outcomes/report_words.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def report_delete(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """Asks first: it cannot be brought back."""
    report = _report(request, organisation, pk)
    if request.method == "POST":
        report_actions.delete_report(report=report, by=_person(request))
        messages.success(request, "The report is deleted.")
        return redirect("outcomes:reports", organisation)
    context = {"report": report, "organisation": report.organisation}
    return render_page(request, "outcomes/report_delete.html", context)
