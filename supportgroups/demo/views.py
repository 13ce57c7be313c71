"""Switching between sample people, and the mails they were sent. Only in the demo."""

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from supportgroups.demo.outbox import newest
from supportgroups.demo.sample_world import SAMPLE_PEOPLE
from supportgroups.lib.htmx import render_page


def _check_demo() -> None:
    """A second lock beside the missing address: outside the demo these views know nothing."""
    if not settings.DEMO:
        raise Http404


@login_not_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Sign in as one of the sample people, and go to where their day begins."""
    _check_demo()
    chosen = next((p for p in SAMPLE_PEOPLE if p.key == request.POST.get("person")), None)
    if chosen is None:
        raise Http404
    user = get_object_or_404(User, email=chosen.email, is_active=True)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect(chosen.begins_at)


@login_not_required
@require_safe
def outbox(request: HttpRequest) -> HttpResponse:
    """The newest mails, also those with codes to sign in."""
    _check_demo()
    to = request.GET.get("to", "")[:100].replace("\x00", "")
    mails = newest(settings.DEMO_OUTBOX, to=to)
    return render_page(request, "demo/outbox.html", {"mails": mails, "to": to})
