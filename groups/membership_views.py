"""Belonging to a group: its waiting list, leaving and coming back, removal, somebody close."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from groups import actions, rules
from groups.membership_forms import OfferForm
from groups.models import Notice
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

#: Where each kind of news stands. The others stand on the group's page.
_NEWS_STANDS_AT = {
    Notice.Kind.OFFERED: "groups:offer",
    Notice.Kind.OFFER_EXPIRED: "groups:offer",
    Notice.Kind.AGREEMENT: "groups:agreement",
}


@require_safe
def notice(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Lead from a mail, which names no group, to where the news stands."""
    found = get_object_or_404(rules.notices_of(request.user), pk=pk)
    page = _NEWS_STANDS_AT.get(Notice.Kind(found.kind), "groups:group_detail")
    return redirect(page, slug=found.group.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, slug: str) -> HttpResponse:
    """A free place that is kept for this person: take it, or not now; and the waiting list."""
    group = get_object_or_404(rules.groups_belonged_to(request.user), slug=slug)
    membership = rules.latest_membership(request.user, group)
    form = OfferForm(request.POST if request.method == "POST" else None)
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            if form.cleaned_data["answer"] == OfferForm.TAKE:
                actions.take_offer(membership=membership, by=membership.user)
                messages.success(request, "The place is yours. One step is left.")
                return redirect("groups:agreement", slug=group.slug)
            actions.decline_offer(membership=membership, by=membership.user)
            return redirect("groups:offer", slug=group.slug)
        except Refused as no:
            refused = no
            membership.refresh_from_db()
    context = {
        "group": group,
        "membership": membership,
        "holds": rules.offer_holds(membership),
        "place_in_line": rules.place_in_line(membership),
        "wait": rules.expected_wait(group),
        "takes_nobody": rules.why_takes_nobody(group),
        "refused": refused,
    }
    status = 409 if refused else 200
    return render_page(request, "groups/offer.html", context, status=status)
