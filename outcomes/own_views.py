"""A person's own check-ins: their course, each one's answers, a copy to keep, and deleting them."""

from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.reauthentication import recently_confirmed
from outcomes import own, own_actions, own_files, queries, rules
from outcomes.own_forms import DeleteAllForm
from supportgroups.lib.htmx import render_page


def _person(request: HttpRequest) -> User:
    """The signed-in person; the middleware lets nobody else in."""
    return cast(User, request.user)


def _zone() -> ZoneInfo:
    return ZoneInfo(timezone.get_current_timezone_name())


def _check_ins(request: HttpRequest) -> list[own.CheckIn]:
    return own.check_ins_of(_person(request), zone=_zone())


def _check_in(request: HttpRequest, pk: UUID) -> own.CheckIn:
    """The person's own; somebody else's does not exist for them."""
    for each in _check_ins(request):
        if each.pk == pk:
            return each
    raise Http404


@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """The course of each questionnaire that this person has answered, and what they can do."""
    person, check_ins = _person(request), _check_ins(request)
    context = {
        "check_ins": check_ins,
        "courses": own.courses_of(check_ins),
        "waiting": queries.open_invitations_of(person, at=timezone.now()),
        "attended": own.attended_by(person),
    }
    return render_page(request, "outcomes/progress.html", context)


@require_safe
def check_in_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the person answered once, word for word."""
    check_in = _check_in(request, pk)
    context = {
        "check_in": check_in,
        "definition": check_in.definition,
        "name": rules.plain_name(check_in.response.instrument),
        "short": rules.short_title(check_in.response.instrument),
    }
    return render_page(request, "outcomes/check_in_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def check_in_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What deleting one check-in means, then the end of it."""
    check_in = _check_in(request, pk)
    if request.method == "POST":
        own_actions.delete_answers(user=_person(request), responses=[pk], by=_person(request))
        messages.success(request, "Your check-in is deleted.")
        return redirect("outcomes:progress")
    context = {
        "check_in": check_in,
        "name": rules.plain_name(check_in.response.instrument),
        "stays": own.what_stays(_person(request), [pk]),
    }
    return render_page(request, "outcomes/check_in_delete.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def answers_delete(request: HttpRequest) -> HttpResponse:
    """What deleting all check-ins means, then the end of them."""
    person = _person(request)
    form = DeleteAllForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        own_actions.delete_answers(user=person, responses=None, by=person)
        messages.success(request, "All your check-ins are deleted.")
        return redirect("outcomes:progress")
    context = {
        "form": form,
        "check_ins": _check_ins(request),
        "begun": own.unfinished_of(person).count(),
        "stays": own.what_stays(person, None),
    }
    return render_page(request, "outcomes/answers_delete.html", context)


@require_safe
@recently_confirmed(gives_file=True)
def answers_csv(request: HttpRequest) -> HttpResponse:
    """All own answers as a table, one question a line."""
    content = own_files.table(_check_ins(request))
    return _file(content.encode(), "text/csv; charset=utf-8", "csv")


@require_safe
@recently_confirmed(gives_file=True)
def answers_fhir(request: HttpRequest) -> HttpResponse:
    """All own answers as a FHIR bundle, for other software."""
    content = own_files.bundle(_check_ins(request), at=timezone.now())
    return _file(content, "application/fhir+json", "json")


def _file(content: bytes, content_type: str, extension: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    # The name tells nothing to whoever sees the list of downloads.
    name = f"my-copy-{timezone.localdate():%Y-%m-%d}.{extension}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
