"""Bringing groups in, giving the directory out, and a group's page to print."""

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organisation, User
from accounts.rules import organisations_coordinated_by
from groups.models import SupportGroup
from outreach import actions, export, importing, rules, table
from outreach.forms import ConfirmForm, ImportForm
from outreach.models import Import, ImportRow
from safeguarding.crisis import crisis_help
from sessions import schedule
from supportgroups.lib.htmx import render_page
from supportgroups.lib.origins import open_to_other_sites
from supportgroups.lib.qr import code_for
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 25


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


def _organisation(request: HttpRequest, slug: str) -> Organisation:
    return get_object_or_404(organisations_coordinated_by(request.user), slug=slug)


def _run(request: HttpRequest, pk: UUID) -> Import:
    visible = rules.imports_visible_to(request.user)
    return get_object_or_404(
        visible.select_related("feed__organisation", "made_by").defer("content"), pk=pk
    )


# In -----------------------------------------------------------------------------------------------


@require_safe
def import_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The organisation's feeds and what was read lately."""
    organisation = _organisation(request, slug)
    runs = Import.objects.filter(feed__organisation=organisation)
    context = {
        "organisation": organisation,
        "feeds": organisation.feeds.order_by("name").annotate(groups=Count("entries")),
        "page": Paginator(
            runs.select_related("feed", "made_by").defer("content"), PAGE_SIZE
        ).get_page(request.GET.get("page")),
    }
    return render_page(request, "outreach/import_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def import_start(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose a file. It is read first; nothing changes before somebody has looked."""
    organisation = _organisation(request, slug)
    form = ImportForm(
        request.POST or None,
        request.FILES or None,
        organisation=organisation,
        initial={"format": "meeting-guide"},
    )
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            run = actions.start_import(
                organisation=organisation,
                format=form.cleaned_data["format"],
                content=file.read(),
                name=form.cleaned_data["name"],
                file_name=file.name,
                overseer=form.cleaned_data["overseer"],
                by=_person(request),
            )
        except Refused as refusal:
            form.add_error("name", refusal.message)
        else:
            return redirect("outreach:import_detail", run.pk)
    context = {"form": form, "organisation": organisation, "columns": table.COLUMNS}
    return render_page(request, "outreach/import_start.html", context)


@require_safe
def import_template(request: HttpRequest) -> HttpResponse:
    """A table to fill in."""
    response = HttpResponse("\ufeff" + table.template(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="groups.csv"'
    return response


def _detail(
    request: HttpRequest, run: Import, form: ConfirmForm, status: int = 200
) -> HttpResponse:
    counted = dict(run.rows.order_by().values_list("outcome").annotate(number=Count("pk")))
    chosen = request.GET.get("outcome", "")
    rows = run.rows.filter(outcome=chosen) if chosen in ImportRow.Outcome.values else run.rows.all()
    if chosen == "flagged":
        rows = run.rows.exclude(flags=[])
    is_working = run.state in (Import.State.WAITING, Import.State.READING, Import.State.APPLYING)
    done = importing.progress_of(run) if run.state == Import.State.APPLYING else run.progress
    context = {
        "run": run,
        "form": form,
        "organisation": run.feed.organisation,
        "outcomes": [(o.value, o.label, counted.get(o.value, 0)) for o in ImportRow.Outcome],
        "flagged": run.rows.exclude(flags=[]).count(),
        "chosen": chosen,
        "page": Paginator(rows.defer("data"), PAGE_SIZE).get_page(request.GET.get("page")),
        "is_working": is_working,
        "done": done,
        "is_ready": run.state == Import.State.READY,
        "loses": run.state == Import.State.READY
        and rules.loses_too_much(run.rows.filter(outcome=ImportRow.Outcome.PAUSED), run.feed),
        "overseer": rules.overseer_for(run.feed.organisation, run.feed.overseer),
    }
    return render_page(request, "outreach/import_detail.html", context, "run-state", status=status)


@require_safe
def import_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far it is; each row with what becomes of it; then take it over or drop it."""
    return _detail(request, _run(request, pk), ConfirmForm())


@require_POST
def import_apply(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take over what the dry run showed."""
    run = _run(request, pk)
    form = ConfirmForm(request.POST)
    confirmed = form.is_valid()
    try:
        actions.apply_import(run=run, by=_person(request), is_confirmed=confirmed)
    except Refused as refusal:
        if refusal.reason != "confirm":
            raise
        return _detail(request, run, form)
    return redirect("outreach:import_detail", run.pk)


@require_POST
def import_drop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Forget what was read."""
    run = actions.drop_import(run=_run(request, pk), by=_person(request))
    messages.success(request, "Dropped. Nothing has changed.")
    return redirect("outreach:import_list", run.feed.organisation.slug)


# Out ----------------------------------------------------------------------------------------------


def _file(kept_as: str, make: Callable[[], bytes], content_type: str, name: str) -> HttpResponse:
    try:
        content = export.kept(kept_as, make)
    except export.NotYet:
        return HttpResponse(
            "This file is being made. Please ask again in half a minute.\n",
            status=503,
            headers={"Retry-After": "30", "Cache-Control": "no-store"},
            content_type="text/plain; charset=utf-8",
        )
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = "public, max-age=300"
    response["Content-Disposition"] = f'inline; filename="{name}"'
    # Anybody's page may read it: it holds only what is public.
    response["Access-Control-Allow-Origin"] = "*"
    return response


@login_not_required  # the public directory, for other sites
@open_to_other_sites
@require_safe
def export_meeting_guide(request: HttpRequest) -> HttpResponse:
    """Listed groups as a Meeting Guide feed; only those that meet weekly or by appointment."""
    make = export.meeting_guide_file
    return _file("meeting-guide", make, "application/json; charset=utf-8", "meetings.json")


@login_not_required  # the public directory, for other sites
@open_to_other_sites
@require_safe
def export_csv(request: HttpRequest) -> HttpResponse:
    """Listed groups as a table."""
    return _file("csv", export.table_file, "text/csv; charset=utf-8", "groups.csv")


@login_not_required  # the public directory, for other sites
@open_to_other_sites
@require_safe
def export_calendar(request: HttpRequest) -> HttpResponse:
    """Coming sessions of listed groups as a calendar."""
    return _file("calendar", export.calendar_file, "text/calendar; charset=utf-8", "groups.ics")


@login_not_required  # a page to print and pin up
@require_safe
def flyer(request: HttpRequest, slug: str) -> HttpResponse:
    """One listed group on one A4 page, with a code that leads to its page."""
    listed = SupportGroup.objects.listed().select_related("organisation")
    group = get_object_or_404(listed.prefetch_related("series"), slug=slug)
    address = settings.SITE_URL + reverse("groups:group_detail", args=[group.slug])
    series = group.current_series()
    context = {
        "group": group,
        "series": series,
        "rhythm": schedule.describe(series.rrule, series.starts_on) if series else "",
        "next": group.support_sessions.coming().first(),
        "code": code_for(address),
        "address": address.partition("://")[2],
        # For whoever reads it on a wall, not for whoever prints it.
        "crisis_help": crisis_help(AnonymousUser(), group.organisation),
    }
    return render_page(request, "outreach/flyer.html", context)
