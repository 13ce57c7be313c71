"""Signing in and security: password, address, and where one is signed in."""

from typing import Any, cast
from uuid import UUID

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import actions, rules, unsent
from accounts.models import User
from supportgroups.lib.htmx import render_page


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """How one signs in, and the ways to change it."""
    person = _person(request)
    context = {
        "person": person,
        "sign_ins": rules.sign_ins_of(person).count(),
        "factors": rules.second_factors_of(person).count(),
    }
    return render_page(request, "accounts/security.html", context)


@require_safe
def sign_ins(request: HttpRequest) -> HttpResponse:
    """Each device on which one is signed in, this one first."""
    session: Any = request.session
    found = list(rules.sign_ins_of(_person(request)))
    here = next((one for one in found if session.row and one.pk == session.row.pk), None)
    context = {"here": here, "others": [one for one in found if one is not here]}
    return render_page(request, "accounts/sign_ins.html", context)


@require_POST
def sign_in_end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Sign one device out."""
    person = _person(request)
    found = get_object_or_404(rules.sign_ins_of(person), pk=pk)
    actions.end_sign_in(sign_in=found, by=person)
    messages.success(request, f"{found} is signed out.")
    return redirect("accounts:sign_ins")


@require_POST
def sign_ins_end_others(request: HttpRequest) -> HttpResponse:
    """Sign every other device out."""
    session: Any = request.session
    person = _person(request)
    ended = actions.end_other_sign_ins(by=person, but=session)
    if ended:
        get_adapter().send_notification_mail("account/email/signed_out_elsewhere", person)
    messages.success(
        request,
        "All other devices are signed out." if ended else "You are signed in nowhere else.",
    )
    return redirect("accounts:sign_ins")


@require_http_methods(["GET", "HEAD", "POST"])
def kept_form(request: HttpRequest) -> HttpResponse:
    """What somebody wrote while their sign-in ran out: send it now, or not."""
    kept = unsent.kept_for(request)
    if kept is None:
        return redirect("outcomes:participant_home")
    return render_page(request, "accounts/kept_form.html", {"kept": kept})
