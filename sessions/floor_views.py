"""The floor over HTTP: the same verbs for a page without script and for one with it."""

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from accounts.models import User
from sessions import floor_actions, rules
from sessions.floor_forms import LeadForm, OwnForm, PartForm
from sessions.models import SupportSession
from supportgroups.lib.htmx import wants_part
from supportgroups.lib.refusals import Refused

_STALE = "Somebody was quicker. This is how it stands now."


def known_session(request: HttpRequest, pk: UUID) -> SupportSession:
    """A session this person may know of; any other is 404."""
    return get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)


def answer(request: HttpRequest, pk: UUID, do: Callable[[], object]) -> HttpResponse:
    """Do it and show the room as it is now; what came too late is told there."""
    try:
        do()
    except Refused as no:
        if wants_part(request):
            raise
        messages.warning(request, no.message)
    return HttpResponse(status=204) if wants_part(request) else redirect("sessions:room", pk)


def _not_understood() -> None:
    raise Refused("state_changed", _STALE)


@require_POST
def floor_lead(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A facilitator begins or closes a round or the open floor, or moves a turn."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    form = LeadForm(request.POST)
    if not form.is_valid():
        return answer(request, pk, _not_understood)
    verb = getattr(floor_actions, form.cleaned_data["do"])
    return answer(
        request,
        pk,
        lambda: verb(support_session=support_session, by=request.user, **form.arguments()),
    )


@require_POST
def floor_own(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Raise or lower one's own hand, pass, or say that one has finished."""
    support_session = known_session(request, pk)
    rules.check_may_be_in_room(request.user, support_session)
    form = OwnForm(request.POST)
    if not form.is_valid():
        return answer(request, pk, _not_understood)
    verb = getattr(floor_actions, form.cleaned_data["do"])
    return answer(request, pk, lambda: verb(support_session=support_session, by=request.user))


@require_POST
def agenda_jump(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The facilitator goes to any part of the plan, also back."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    form = PartForm(request.POST)
    if not form.is_valid():
        return answer(request, pk, _not_understood)
    by = cast(User, request.user)
    return answer(
        request,
        pk,
        lambda: floor_actions.go_to_part(
            support_session=support_session, by=by, **form.cleaned_data
        ),
    )
