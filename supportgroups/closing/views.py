"""The pages that close an account."""

from typing import cast

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.reauthentication import recently_confirmed
from supportgroups import privacy
from supportgroups.closing import actions
from supportgroups.closing.forms import CloseAccountForm
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


@require_http_methods(["GET", "HEAD", "POST"])
def close_account(request: HttpRequest) -> HttpResponse:
    """What goes, what stays and why; then it is done at once, by whoever confirms who they are."""
    form = CloseAccountForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _close(request)
    return _page(request, form)


@recently_confirmed
def _close(request: HttpRequest) -> HttpResponse:
    person = cast(User, request.user)
    try:
        actions.close_account(user=person, by=person)
    except Refused:  # something came up meanwhile that is to be handed over: the page says what
        return _page(request, CloseAccountForm())
    logout(request)
    return redirect("closing:account_closed")


def _page(request: HttpRequest, form: CloseAccountForm) -> HttpResponse:
    person = cast(User, request.user)
    context = {"form": form, "before": privacy.before_closing(person)}
    return render_page(request, "closing/close_account.html", context)


@login_not_required
@require_safe
def account_closed(request: HttpRequest) -> HttpResponse:
    """A goodbye, with numbers to call. It says the same to everybody."""
    return render(request, "closing/account_closed.html")
