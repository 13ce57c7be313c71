"""Pages that explain, the display settings, and the quick way out. They belong to no app and need
no account."""

import logging
from datetime import UTC, timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from sessions.actions import leave_every_room
from supportgroups.lib.addresses import own_address

logger = logging.getLogger(__name__)

_CHOICES = {"theme": {"light", "dark"}, "letters": {"easier"}}
#: Days after which somebody must look whether the address still holds: the file is made anew.
_SECURITY_TXT_HOLDS = 90
_YEAR = 60 * 60 * 24 * 365


@login_not_required
@require_safe
def safety(request: HttpRequest) -> HttpResponse:
    """How people are kept safe here, and what nobody here can do."""
    return render(request, "pages/safety.html")


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept, who sees it, and for how long."""
    return render(request, "pages/privacy.html")


@login_not_required
@require_safe
def hide_visit(request: HttpRequest) -> HttpResponse:
    """What the quick exit does and what it cannot do."""
    return render(request, "pages/hide_visit.html")


@login_not_required  # works the same after the sign-in ran out
@csrf_exempt  # leaving must not fail because a page was open for long; the worst is a sign-out
@require_POST
def quick_exit(request: HttpRequest) -> HttpResponse:
    """End the sign-in, leave every room on every device, and lead somewhere dull. A page's script
    sends this and leaves by itself."""
    person = request.user if request.user.is_authenticated else None
    logout(request)
    if person is not None:
        try:
            leave_every_room(by=person)
        except Exception:  # the way out comes first; presence ends by itself half a minute later
            logger.exception("exit.room_not_left")
    # Not a redirect: the policy that lets forms lead only to this site would stop it.
    response = HttpResponse("<!doctype html><title>Loading</title>")
    response["Refresh"] = f"0;url={settings.NEUTRAL_URL}"
    # Without "cache", whose clearing can take seconds; nothing personal is kept there anyway.
    response["Clear-Site-Data"] = '"cookies", "storage"'
    response["Cache-Control"] = "no-store"
    return response


@login_not_required
@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """What was done so that everybody can use this, and how to say that something fails."""
    return render(request, "pages/accessibility.html")


@login_not_required
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Where to tell of a hole in this installation (RFC 9116)."""
    expires = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    expires += timedelta(days=_SECURITY_TXT_HOLDS)
    lines = (
        f"Contact: {settings.SECURITY_CONTACT}",
        f"Expires: {expires.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {settings.SITE_URL}{request.path}",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_POST
def display(request: HttpRequest) -> HttpResponse:
    """Save colours and letters in cookies, without script, and go back to where somebody was."""
    response = redirect(own_address(request, request.POST.get("next"), "/"))
    for name, known in _CHOICES.items():
        value = request.POST.get(name, "")
        if value in known:
            response.set_cookie(
                name, value, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
            )
        else:
            response.delete_cookie(name, samesite="Lax")
    return response
