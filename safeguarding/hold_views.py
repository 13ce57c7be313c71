"""Pages of words that outlive an account."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.reauthentication import recently_confirmed
from accounts.rules import organisations_coordinated_by
from safeguarding import hold_actions, hold_rules
from safeguarding.hold_forms import HoldForm
from safeguarding.models import Concern, Hold
from safeguarding.rules import concerns_visible_to
from supportgroups.lib.htmx import render_page


def _concern(request: HttpRequest, pk: UUID) -> Concern:
    found = concerns_visible_to(request.user).select_related("about", "organisation")
    concern = get_object_or_404(found, pk=pk)
    hold_rules.check_may_hold(request.user, concern)
    return concern


@require_http_methods(["GET", "HEAD", "POST"])
def concern_keep(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep a concern's words although the account may close; or no longer."""
    concern, person = _concern(request, pk), cast(User, request.user)
    hold = Hold.objects.filter(concern=concern).first()
    if request.method == "POST" and "lift" in request.POST:
        hold_actions.lift_hold(concern=concern, by=person)
        messages.success(request, "The words go with the account now.")
        return redirect("safeguarding:concern_detail", pk)
    given = {"reason": hold.reason, "until": hold.until} if hold else None
    form = HoldForm(request.POST if request.method == "POST" else None, initial=given)
    if request.method == "POST" and form.is_valid():
        hold_actions.place_hold(concern=concern, by=person, **form.cleaned_data)
        messages.success(request, "Saved. The person reads it before they close their account.")
        return redirect("safeguarding:concern_detail", pk)
    context = {"concern": concern, "hold": hold, "form": form}
    return render_page(request, "safeguarding/concern_keep.html", context)


@require_safe
def kept_list(request: HttpRequest, slug: str) -> HttpResponse:
    """What was kept of accounts that closed: reasons and days, no words."""
    organisation = get_object_or_404(organisations_coordinated_by(request.user), slug=slug)
    kept = hold_rules.kept_seen_by(request.user).filter(organisation=organisation)
    context = {"organisation": organisation, "kept": kept}
    return render_page(request, "safeguarding/kept_list.html", context)


@require_safe
@recently_confirmed
def kept_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The words of one. Reading is recorded."""
    hold = get_object_or_404(hold_rules.kept_seen_by(request.user), pk=pk)
    name, words = hold_actions.read_kept(hold=hold, by=cast(User, request.user))
    context = {"hold": hold, "name": name, "words": words}
    return render_page(request, "safeguarding/kept_detail.html", context)
