"""Who works for an organisation: see, add, change, take away."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import actions, rules
from accounts.models import StaffRole, User
from accounts.staff_forms import StaffAddForm, StaffForm, details
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 20


def _person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on every page here."""
    return cast(User, request.user)


@require_safe
def staff_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody who works for the organisation, and for coordinators who was asked."""
    person = _person(request)
    organisation = get_object_or_404(rules.organisations_worked_for_by(person), slug=slug)
    roles = rules.staff_seen_by(person, organisation)
    context = {
        "organisation": organisation,
        "coordinates": rules.organisations_coordinated_by(person)
        .filter(pk=organisation.pk)
        .exists(),
        "page": Paginator(roles, PAGE_SIZE).get_page(request.GET.get("page")),
        "on_call": roles.filter(on_call_position__isnull=False).exists(),
        "alone": not roles.exclude(user=person).exists(),
    }
    return render_page(request, "accounts/staff_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def staff_add(request: HttpRequest, slug: str) -> HttpResponse:
    """Give a role to somebody by e-mail address. Whether it had an account is not told."""
    person = _person(request)
    organisation = get_object_or_404(rules.organisations_worked_for_by(person), slug=slug)
    rules.check_may_coordinate(person, organisation)
    form = StaffAddForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            actions.give_role(organisation=organisation, by=person, **form.cleaned_data)
            messages.success(
                request,
                f"Added. We write to {form.cleaned_data['email']} how to sign in, with a code.",
            )
            return redirect("accounts:staff_list", slug)
        except Refused as no:
            form.add_refusal(no)
    context = {"organisation": organisation, "form": form}
    return render_page(request, "accounts/staff_add.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def staff_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What somebody does, what is known of their preparation, and whether they are on call."""
    person = _person(request)
    staff_role = get_object_or_404(rules.roles_seen_by(person), pk=pk)
    rules.check_may_coordinate(person, staff_role.organisation)
    form = StaffForm(
        request.POST if request.method == "POST" else None, initial=details(staff_role)
    )
    if form.is_valid():
        try:
            actions.change_role(staff_role=staff_role, by=person, **form.cleaned_data)
            messages.success(request, "Saved.")
            return redirect("accounts:staff_list", staff_role.organisation.slug)
        except Refused as no:
            form.add_refusal(no)
    context = {
        "organisation": staff_role.organisation,
        "staff_role": staff_role,
        "leads": rules.groups_led_through(staff_role),
        "may_reset_factors": rules.may_reset_factors(person, staff_role),
        "form": form,
    }
    return render_page(request, "accounts/staff_change.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def staff_remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What ends with the role, then the end of it: by a coordinator, or by the person."""
    person = _person(request)
    staff_role = get_object_or_404(rules.roles_seen_by(person), pk=pk)
    organisation = staff_role.organisation
    rules.check_may_take_away(person, staff_role)
    refused = None
    if request.method == "POST":
        try:
            actions.take_role_away(staff_role=staff_role, by=person)
            return _taken_away(request, staff_role)
        except Refused as no:
            refused = no
    context = {
        "organisation": organisation,
        "staff_role": staff_role,
        "own": staff_role.user_id == person.pk,
        "refused": refused,
        "last_coordinator": rules.is_last_coordinator(staff_role),
        "leads": rules.groups_led_through(staff_role),
        "concerns": rules.concerns_named_in(staff_role, seen_by=person),
        "oversees": rules.groups_overseen_through(staff_role),
        "coordinates": rules.organisations_coordinated_by(person)
        .filter(pk=organisation.pk)
        .exists(),
    }
    return render_page(request, "accounts/staff_remove.html", context)


def _taken_away(request: HttpRequest, staff_role: StaffRole) -> HttpResponse:
    """Say so, and go on where the person still may."""
    organisation = staff_role.organisation
    role = staff_role.get_role_display().lower()
    if staff_role.user_id == request.user.pk:
        messages.success(request, f"You are no longer a {role} at {organisation.name}.")
    else:
        whom = staff_role.user.public_name if staff_role.has_signed_in else staff_role.user.email
        messages.success(request, f"{whom} is no longer a {role}.")
    if rules.organisations_worked_for_by(request.user).filter(pk=organisation.pk).exists():
        return redirect("accounts:staff_list", organisation.slug)
    return redirect("accounts:profile")
