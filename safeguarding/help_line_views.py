"""Help lines of an organisation's country: coordinators try, change and confirm them."""

from dataclasses import asdict
from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Organisation, User
from accounts.rules import organisations_coordinated_by
from safeguarding import help_line_actions, help_line_rules
from safeguarding.help_line_forms import ConfirmLinesForm, LineForm
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _organisation(request: HttpRequest, slug: str) -> Organisation:
    return get_object_or_404(organisations_coordinated_by(request.user), slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
def help_lines(request: HttpRequest, slug: str) -> HttpResponse:
    """What people see, whether anybody has confirmed it, and the way to confirm it."""
    organisation = _organisation(request, slug)
    kept = help_line_rules.lines_kept_by(organisation)
    initial = {
        "emergency": kept.help.emergency,
        "review_until": help_line_rules.review_until(organisation),
    }
    data = request.POST if request.method == "POST" else None
    form = ConfirmLinesForm(data, initial=initial, organisation=organisation)
    if form.is_valid():
        try:
            help_line_actions.confirm_lines(
                organisation=organisation,
                emergency=form.cleaned_data["emergency"],
                review_until=form.cleaned_data["review_until"],
                by=_person(request),
            )
            messages.success(request, "Thank you. These lines are confirmed.")
            return redirect("safeguarding:help_lines", slug)
        except Refused as no:
            form.add_error(None, no.message)
    context = {"organisation": organisation, "kept": kept, "form": form}
    return render_page(request, "safeguarding/help_lines.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def help_line_add(request: HttpRequest, slug: str) -> HttpResponse:
    """One more line."""
    return _line(request, slug, None)


@require_http_methods(["GET", "HEAD", "POST"])
def help_line(request: HttpRequest, slug: str, position: int) -> HttpResponse:
    """Change one line, or take it out."""
    return _line(request, slug, position)


def _line(request: HttpRequest, slug: str, position: int | None) -> HttpResponse:
    organisation = _organisation(request, slug)
    kept = help_line_rules.lines_kept_by(organisation)
    line = None if position is None else kept.at(position)
    if position is not None and line is None:
        raise Http404
    data = request.POST if request.method == "POST" else None
    form = LineForm(data, initial=asdict(line) if line else None)
    if form.is_valid():
        try:
            saved = help_line_actions.keep_line(
                organisation=organisation,
                position=position,
                by=_person(request),
                **form.cleaned_data,
            )
            messages.success(request, f"{saved.name} is saved. People see it now.")
            return redirect("safeguarding:help_lines", slug)
        except Refused as no:
            form.add_error("name", no.message)
    context = {
        "organisation": organisation,
        "line": line,
        "position": position,
        "is_last": len(kept.lines) == 1,
        "form": form,
    }
    return render_page(request, "safeguarding/help_line.html", context)


@require_POST
def help_line_take_out(request: HttpRequest, slug: str, position: int) -> HttpResponse:
    """People see this line no more."""
    organisation = _organisation(request, slug)
    help_line_actions.take_line_out(
        organisation=organisation, position=position, by=_person(request)
    )
    messages.success(request, "The line is taken out.")
    return redirect("safeguarding:help_lines", slug)
