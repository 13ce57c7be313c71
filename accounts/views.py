"""A person's own settings, and the quick way out."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import actions, rules
from accounts.forms import ProfileForm
from accounts.models import User
from supportgroups.lib.htmx import render_page


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The name others see, zone, country and reminders."""
    person = User.objects.get(pk=cast(User, request.user).pk)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        actions.change_profile(user=person, by=person, **form.cleaned_data)
        messages.success(request, "Your settings are saved.")
        return redirect("accounts:profile")
    context = {
        "form": form,
        "person": person,
        "organisations": rules.organisations_worked_for_by(person).order_by("name"),
    }
    return render_page(request, "accounts/profile.html", context)


@login_not_required  # works the same after the sign-in ran out
@csrf_exempt  # leaving must not fail because a page was open for long; the worst is a sign-out
@require_POST
def quick_exit(request: HttpRequest) -> HttpResponse:
    """End the sign-in and lead somewhere dull. A page's script sends this and leaves by itself."""
    logout(request)
    # Not a redirect: the policy that lets forms lead only to this site would stop it.
    response = HttpResponse("<!doctype html><title>Loading</title>")
    response["Refresh"] = f"0;url={settings.NEUTRAL_URL}"
    # Without "cache", whose clearing can take seconds; nothing personal is kept there anyway.
    response["Clear-Site-Data"] = '"cookies", "storage"'
    response["Cache-Control"] = "no-store"
    return response
