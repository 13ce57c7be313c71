"""A second group like one that is there."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from groups.rules import check_may_coordinate_group, groups_visible_to
from groups.setup_forms import CloneForm
from screening import actions
from supportgroups.lib.htmx import render_page


@require_http_methods(["GET", "HEAD", "POST"])
def group_clone(request: HttpRequest, slug: str) -> HttpResponse:
    """Name the copy. It is a draft, to look through before it is listed."""
    group = get_object_or_404(groups_visible_to(request.user), slug=slug)
    user = check_may_coordinate_group(request.user, group).user
    form = CloneForm.for_copy_of(group, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        copy = actions.clone_group(group=group, name=form.cleaned_data["name"], by=user)
        messages.success(request, "The copy is a draft. Look through its steps, and set its dates.")
        return redirect("groups:setup_check", slug=copy.slug)
    return render_page(request, "screening/group_clone.html", {"group": group, "form": form})
