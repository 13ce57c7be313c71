"""Showing once more that the account is one's own."""

from typing import cast

from allauth.account.internal.flows.reauthentication import resume_request
from allauth.core import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import reauthentication
from accounts.forms import ConfirmCodeForm
from accounts.models import User
from supportgroups.lib.addresses import own_address
from supportgroups.lib.htmx import render_page


def _again(goes_on_at: str) -> HttpResponse:
    address = reverse("accounts:confirm_by_code")
    return redirect(f"{address}?{urlencode({'next': goes_on_at})}" if goes_on_at else address)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_by_code(request: HttpRequest) -> HttpResponse:
    """For people without password and second factor: a fresh code by e-mail."""
    person = cast(User, request.user)
    goes_on_at = own_address(request, request.POST.get("next") or request.GET.get("next"))
    if not reauthentication.may_confirm_by_code(person):
        return redirect("account_reauthenticate")
    if limited := ratelimit.consume_or_429(request, action="reauthenticate", user=person):
        return limited
    error = ""
    if request.method == "POST" and "send" in request.POST:
        if reauthentication.send_code(request, person):
            return _again(goes_on_at)
        error = "Wait a minute, then ask again. The newest code still works."
    waits = reauthentication.has_code(request)
    typed = request.POST if request.method == "POST" and not error else None
    form = ConfirmCodeForm(typed, request=request)
    if form.is_valid():
        reauthentication.confirm_by_code(request, person)
        return resume_request(request) or redirect(settings.LOGIN_REDIRECT_URL)
    context = {
        "form": form,
        "waits": waits and reauthentication.has_code(request),
        "person": person,
        "goes_on_at": goes_on_at,
        "error": error,
    }
    return render_page(request, "accounts/confirm_by_code.html", context)


@require_safe
def file_ready(request: HttpRequest) -> HttpResponse:
    """After confirming: the file, and the way back to where it was asked for."""
    file = own_address(request, request.GET.get("next"))
    if not file or not reauthentication.did_confirm(request):
        return redirect(file or settings.LOGIN_REDIRECT_URL)
    back = own_address(request, request.GET.get("back"))
    return render_page(request, "accounts/file_ready.html", {"file": file, "back": back})
