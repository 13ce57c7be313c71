"""A person's own settings."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts import actions, rules
from accounts.forms import ProfileForm, RemindersForm
from accounts.models import User
from supportgroups.lib.htmx import render_page


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The name others see, zone and country; the ways to everything else."""
    person = User.objects.get(pk=cast(User, request.user).pk)
    form = ProfileForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        actions.change_profile(user=person, by=person, **form.cleaned_data)
        messages.success(request, "Your settings are saved.")
        return redirect("accounts:profile")
    context = {
        "form": form,
        "person": person,
        "reminders": rules.reminders_in_words(person),
        "organisations": rules.organisations_worked_for_by(person).order_by("name"),
    }
    return render_page(request, "accounts/profile.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def reminders(request: HttpRequest) -> HttpResponse:
    """Which mails about sessions come, when, and what they may say."""
    person = User.objects.get(pk=cast(User, request.user).pk)
    form = RemindersForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        actions.change_profile(user=person, by=person, **form.cleaned_data)
        messages.success(request, "Your settings are saved.")
        return redirect("accounts:reminders")
    return render_page(request, "accounts/reminders.html", {"form": form, "person": person})
