"""Pages that explain, and the display settings. They belong to no app and need no account."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

_CHOICES = {"theme": {"light", "dark"}, "letters": {"easier"}}
_YEAR = 60 * 60 * 24 * 365


@login_not_required
def safety(request: HttpRequest) -> HttpResponse:
    """How people are kept safe here, and what nobody here can do."""
    return render(request, "pages/safety.html")


@login_not_required
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept, who sees it, and for how long."""
    return render(request, "pages/privacy.html")


@login_not_required
def hide_visit(request: HttpRequest) -> HttpResponse:
    """What the quick exit does and what it cannot do."""
    return render(request, "pages/hide_visit.html")


@login_not_required
def accessibility(request: HttpRequest) -> HttpResponse:
    """What was done so that everybody can use this, and how to say that something fails."""
    return render(request, "pages/accessibility.html")


@login_not_required
@require_POST
def display(request: HttpRequest) -> HttpResponse:
    """Save colours and letters in cookies, without script, and go back to where somebody was."""
    address = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        address = "/"
    response = redirect(address)
    for name, known in _CHOICES.items():
        value = request.POST.get(name, "")
        if value in known:
            response.set_cookie(
                name, value, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
            )
        else:
            response.delete_cookie(name, samesite="Lax")
    return response
