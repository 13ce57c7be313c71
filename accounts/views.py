"""A person's own settings."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import actions, rules
from accounts.forms import ProfileForm, RemindersForm
from accounts.models import User
from supportgroups.lib.htmx import render_page, render_secret_page


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


@require_POST
def mail_links_end(request: HttpRequest) -> HttpResponse:
    """End the links of all mails so far that stop mails without signing in."""
    person = cast(User, request.user)
    actions.end_links_in_mails(user=person, by=person)
    messages.success(request, "Links in your old mails stop nothing any more.")
    return redirect("accounts:reminders")


@login_not_required  # the secret in the link is the right to stop these mails, and to nothing else
@csrf_exempt  # mail programs send it by themselves (RFC 8058); nothing that a browser adds is used
@require_http_methods(["GET", "HEAD", "POST"])
def mails_stop(request: HttpRequest, token: str) -> HttpResponse:
    """Stop one kind of mail, from the mail and without signing in.

    Mail servers and virus scanners open every link, so opening changes nothing. The answer is the
    same whether or not anybody still has the link's key: it tells neither who that is nor whether
    they have an account.
    """
    found = rules.stopped_with(token)
    template = "accounts/mails_stop.html"
    if found is None:
        return render_secret_page(request, template, {"unknown": True}, status=404)
    key, kind = found
    if request.method == "POST":
        actions.stop_mails(key=key, kind=kind, by=None)
    _, mails = rules.MAILS_TO_STOP[kind]
    context = {"mails": mails, "stopped": request.method == "POST"}
    return render_secret_page(request, template, context)
