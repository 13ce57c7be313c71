"""Who sees what about a person, and what that person agrees to."""

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from accounts import consents
from accounts.models import User
from outcomes import readers
from supportgroups.lib.htmx import render_page


@require_safe
def who_sees_what(request: HttpRequest) -> HttpResponse:
    """Each kind of data with who can see it, and the person's own choices."""
    person = cast(User, request.user)
    context = {
        "choices": readers.choices_of(person),
        "groups": readers.groups_of(person),
        "kinds": readers.KINDS,
    }
    return render_page(request, "outcomes/who_sees_what.html", context)


@require_POST
def consent_change(request: HttpRequest, purpose: str) -> HttpResponse:
    """Agree, or agree no more: one press either way, at once."""
    person = cast(User, request.user)
    found = consents.PURPOSES.get(purpose)
    if found is None:
        raise Http404
    organisation = None
    if found.by_organisation:
        slug = request.POST.get("organisation", "")
        organisation = get_object_or_404(readers.organisations_of(person), slug=slug)
    agrees = request.POST.get("agree") == "yes"
    change = consents.give if agrees else consents.withdraw
    change(user=person, purpose=purpose, organisation=organisation, by=person)
    messages.success(request, "Saved. It holds from now on, until you change it.")
    return redirect("outcomes:who_sees_what")
