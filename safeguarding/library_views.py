"""The library of vetted sources, for coordinators."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.rules import organisations_coordinated_by
from safeguarding import library_actions, library_rules
from safeguarding.library_forms import ResourceForm
from safeguarding.models import Resource
from supportgroups.lib.htmx import render_page

PAGE_SIZE = 25


@require_http_methods(["GET", "HEAD", "POST"])
def library(request: HttpRequest, slug: str) -> HttpResponse:
    """What facilitators can show, what has to be read again, and one more."""
    organisation = get_object_or_404(organisations_coordinated_by(request.user), slug=slug)
    form = ResourceForm(request.POST or None, instance=Resource(organisation=organisation))
    if request.method == "POST" and form.is_valid():
        added = library_actions.keep_resource(
            organisation=organisation, by=cast(User, request.user), **form.cleaned_data
        )
        messages.success(request, f"“{added.title}” is in the library.")
        return redirect("safeguarding:library", slug)
    kept = library_rules.library_kept_by(request.user).filter(organisation=organisation)
    context = {
        "organisation": organisation,
        "form": form,
        "overdue": kept.overdue().order_by("review_until"),
        "page": Paginator(kept.vetted(), PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render_page(request, "safeguarding/library.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def resource_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read it again, and say until when it can be trusted."""
    found = get_object_or_404(library_rules.library_kept_by(request.user), pk=pk)
    form = ResourceForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        library_actions.keep_resource(
            organisation=found.organisation,
            resource=found,
            by=cast(User, request.user),
            **form.cleaned_data,
        )
        messages.success(request, f"“{found.title}” is saved, read by you today.")
        return redirect("safeguarding:library", found.organisation.slug)
    context = {"resource": found, "organisation": found.organisation, "form": form}
    return render_page(request, "safeguarding/resource_change.html", context)


@require_POST
def resource_retire(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take it out of the library."""
    found = get_object_or_404(library_rules.library_kept_by(request.user), pk=pk)
    library_actions.retire_resource(resource=found, by=cast(User, request.user))
    messages.success(request, f"“{found.title}” is no longer in the library.")
    return redirect("safeguarding:library", found.organisation.slug)
