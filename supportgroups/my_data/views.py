"""What is held about a person, and the copy they can have."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import DataExport, User
from accounts.reauthentication import recently_confirmed
from outcomes.readers import choices_of, organisations_of
from oversight.rules import readings_of
from supportgroups.lib.encryption import Unreadable
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.my_data import actions, pieces, rules
from supportgroups.my_data.making import Kind


def _person(request: HttpRequest) -> User:
    """The signed-in person; the middleware lets nobody else in."""
    return cast(User, request.user)


def _state(export: DataExport | None) -> dict[str, Any]:
    """The copy as pages show it."""
    state = rules.state_of(export) if export else None
    return {
        "export": export,
        "state": state,
        "is_working": state in (rules.State.ASKED, rules.State.BEING_MADE),
        "token": rules.token_of(export) if export and state is rules.State.READY else "",
    }


@require_safe
def my_data(request: HttpRequest) -> HttpResponse:
    """What is held, why, how long, who reads it, and where to change it."""
    person = _person(request)
    context = _state(rules.export_of(person))
    if not wants_part(request):
        readings = list(readings_of(person))
        context |= {
            "chapters": list(pieces.chapters(pieces.counted(person))),
            "choices": choices_of(person),
            "organisations": organisations_of(person),
            "read_times": sum(each["times"] for each in readings),
            "read_last": readings[0]["last"] if readings else None,
        }
    return render_page(request, "my_data/my_data.html", context, "copy-state")


@require_POST
@recently_confirmed
def copy_ask(request: HttpRequest) -> HttpResponse:
    """Have a copy made, for somebody who has just shown who they are."""
    actions.ask_for_export(by=_person(request))
    return redirect(f"{reverse('my_data:my_data')}#copy-state")


@require_POST
def copy_delete(request: HttpRequest) -> HttpResponse:
    """Delete the copy at once."""
    actions.delete_export(by=_person(request))
    messages.success(request, "Your copy is deleted. Its link opens nothing more.")
    return redirect("my_data:my_data")


@require_safe
@recently_confirmed
def copy(request: HttpRequest, token: str) -> HttpResponse:
    """Where the mail leads: the two ways to take the copy along. Looking at it uses nothing up."""
    export = rules.export_with(token, _person(request))
    if export is None:
        return _gone(request)
    return render_page(request, "my_data/copy.html", {"export": export, "token": token})


@require_safe
@recently_confirmed(gives_file=True)
def copy_all(request: HttpRequest, token: str) -> HttpResponse:
    """Everything, for this person and for other software."""
    return _file(request, token, Kind.ALL, "application/zip")


@require_safe
@recently_confirmed(gives_file=True)
def copy_to_read(request: HttpRequest, token: str) -> HttpResponse:
    """The page to read and print."""
    return _file(request, token, Kind.TO_READ, "text/html; charset=utf-8")


def _file(request: HttpRequest, token: str, kind: Kind, content_type: str) -> HttpResponse:
    person = _person(request)
    export = rules.export_with(token, person)
    if export is None:
        return _gone(request)
    try:
        content = actions.hand_out(export=export, kind=kind, by=person)
    except (DataExport.DoesNotExist, Unreadable):
        return _gone(request)
    response = HttpResponse(content, content_type=content_type)
    # The name tells nothing to whoever sees the list of downloads.
    name = f"my-copy-{timezone.localdate(export.made_at):%Y-%m-%d}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _gone(request: HttpRequest) -> HttpResponse:
    """The same for one that is over, was deleted, never was, or is somebody else's."""
    return render_page(request, "my_data/copy_gone.html", status=404)
