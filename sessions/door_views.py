"""The door, people in person, and the code on a facilitator's phone."""

from typing import cast
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts.models import User
from sessions import door_actions, door_rules, floor_actions, leads, rules
from sessions.floor_forms import DoorForm
from sessions.floor_views import answer, known_session
from sessions.models import SupportSession
from supportgroups.lib.htmx import render_page, wants_part
from supportgroups.lib.qr import code_for
from supportgroups.lib.refusals import Refused


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_POST
def door_set(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A facilitator closes or opens the door."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    form = DoorForm(request.POST)
    version = form.cleaned_data["version"] if form.is_valid() else -1
    closes = form.cleaned_data.get("do") == "close"
    action = door_actions.close_door if closes else door_actions.open_door
    return answer(
        request,
        pk,
        lambda: action(support_session=support_session, version=version, by=_person(request)),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def knock(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A late comer at the closed door: knocks, waits, and is let in, or told kindly: not today."""
    support_session = known_session(request, pk)
    user = _person(request)
    rules.check_may_enter(user, support_session)
    if rules.why_not_open(support_session) or _may_come_in(user, support_session):
        enter = reverse("sessions:room_enter", args=[pk])
        if wants_part(request):
            return HttpResponse(status=204, headers={"HX-Redirect": enter})
        return redirect(enter)
    if request.method == "POST":
        door_actions.knock(support_session=support_session, by=user)
        return redirect("sessions:knock", pk)
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "knock": door_rules.knocks_of(support_session).filter(user=user).first(),
        "leaders": [lead.public_name for lead in rules.leading(support_session)],
        "coming": SupportSession.objects.coming()
        .filter(group=support_session.group_id)
        .exclude(pk=pk)
        .first(),
    }
    return render_page(request, "sessions/knock.html", context, "at-the-door")


def _may_come_in(user: User, support_session: SupportSession) -> bool:
    try:
        door_rules.check_door(user, support_session)
    except Refused:
        return False
    return True


@require_POST
def knock_answer(request: HttpRequest, pk: UUID, knock: UUID, told: str) -> HttpResponse:
    """A facilitator lets somebody in, or not now."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    return answer(
        request,
        pk,
        lambda: door_actions.answer_knock(
            support_session=support_session,
            knock=knock,
            is_let_in=told == "let-in",
            by=_person(request),
        ),
    )


@require_POST
def circle_person(request: HttpRequest, pk: UUID, member: UUID, do: str) -> HttpResponse:
    """A facilitator notes that a member is here in person, undoes it, or has them welcomed; or
    gives them a place in the queue or the round."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    if do == "turn":
        return answer(request, pk, lambda: _give_turn(support_session, member, _person(request)))
    action = {
        "here": door_actions.come_in_person,
        "undo": door_actions.undo_in_person,
        "welcome": door_actions.introduce,
    }[do]
    return answer(
        request,
        pk,
        lambda: action(
            support_session=support_session,
            membership=door_rules.member_of(support_session, member),
            by=_person(request),
        ),
    )


def _give_turn(support_session: SupportSession, member: UUID, by: User) -> None:
    floor_actions.raise_hand_for(
        support_session=support_session,
        version=support_session.version,
        person=door_rules.member_of(support_session, member).user,
        by=by,
    )


@require_safe
def heard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who was heard as it is now, for those who lead: messages alone do not send it anew."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    return HttpResponse(leads.parts(support_session, ["heard"])["heard"])


# The code -----------------------------------------------------------------------------------------


@require_safe
def checkin_code(request: HttpRequest, pk: UUID) -> HttpResponse:
    """On a facilitator's phone: a code that people at the place scan to be noted as here."""
    support_session = known_session(request, pk)
    rules.check_may_lead(request.user, support_session)
    rules.check_open(support_session)
    path = reverse("sessions:checkin", args=[pk, door_rules.checkin_code(support_session)])
    context = {
        "support_session": support_session,
        "group": support_session.group,
        "code": code_for(settings.SITE_URL + path),
        "here": door_rules.here_in_person(support_session).count(),
        "seconds": door_rules.CODE_SECONDS,
    }
    return render_page(request, "sessions/checkin_code.html", context, "code")


@login_not_required  # somebody signed out scans it, signs in and comes back
@require_safe
def checkin(request: HttpRequest, pk: UUID, code: str) -> HttpResponse:
    """What the code leads to: the person who scanned it is noted as here in person."""
    if not _scanned_before(request, pk):
        door_rules.check_code(pk, code)
    if not request.user.is_authenticated:
        request.session["scanned"] = [str(pk), timezone.now().timestamp()]
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.path})}")
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    admission = rules.check_may_enter(request.user, support_session)
    if admission.membership is None:
        return redirect("sessions:room_enter", pk)
    door_actions.come_in_person(
        support_session=support_session, membership=admission.membership, by=_person(request)
    )
    request.session.pop("scanned", None)
    messages.success(request, "You are here. Put your phone away if you like.")
    return redirect("sessions:session_detail", pk)


def _scanned_before(request: HttpRequest, pk: UUID) -> bool:
    """Whether this browser scanned the code in time and then had to sign in."""
    match request.session.get("scanned"):
        case [str() as scanned, float() as moment]:
            age = timezone.now().timestamp() - moment
            return scanned == str(pk) and 0 <= age < door_rules.SCAN_HOLDS.total_seconds()
    return False
