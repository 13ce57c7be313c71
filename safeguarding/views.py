"""Tasks for named people: who may need more support than a group gives."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.rules import organisations_coordinated_by
from safeguarding import actions, hold_rules, on_call_rules, rules
from safeguarding.crisis import crisis_help
from safeguarding.forms import CloseForm, HandOverForm, StepForm
from safeguarding.models import Concern, Hold
from supportgroups.lib.htmx import render_page

PAGE_SIZE = 25


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


def _visible(request: HttpRequest, pk: UUID) -> Concern:
    found = rules.concerns_visible_to(request.user).select_related(
        "about",
        "assigned_to",
        "organisation__on_call_plan",
        "acknowledged_by",
        "asked_again_by",
        "closed_by",
    )
    return get_object_or_404(found, pk=pk)


@require_safe
def concern_list(request: HttpRequest) -> HttpResponse:
    """Open tasks, the most urgent first, and the last ones that were closed."""
    rules.check_may_see_list(request.user)
    visible = rules.concerns_visible_to(request.user).select_related(
        "about", "assigned_to", "acknowledged_by", "organisation", "closed_by"
    )
    waiting = visible.open().most_urgent_first()
    context = {
        "page": Paginator(waiting, PAGE_SIZE).get_page(request.GET.get("page")),
        "closed": visible.filter(closed_at__isnull=False).order_by("-closed_at")[:10],
        "failing": rules.concerns_not_told(waiting),
        "kept_at": hold_rules.organisations_that_keep(request.user),
        "on_call_at": on_call_rules.organisations_whose_list_is_seen_by(request.user),
    }
    return render_page(request, "safeguarding/concern_list.html", context)


def _detail(request: HttpRequest, concern: Concern, **forms: Form) -> HttpResponse:
    """The page with what was typed, if something was, else with empty forms."""
    actions.read_concern(concern=concern, by=_person(request))
    people = rules.may_take_over(concern)
    context = {
        "concern": concern,
        "step_form": StepForm(),
        "hand_form": HandOverForm(people=people),
        "close_form": CloseForm(),
        "form": next(iter(forms.values()), None),
        "log": rules.log_of(concern),
        "failing": rules.failing_alerts(concern),
        "may_hold": organisations_coordinated_by(_person(request))
        .filter(pk=concern.organisation_id)
        .exists(),
        "hold": Hold.objects.filter(concern=concern).first(),
        "their_help": crisis_help(concern.about, concern.organisation),
        **forms,
    }
    return render_page(request, "safeguarding/concern_detail.html", context)


@require_safe
def concern_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What happened, whom it is about, and what to do. Reading is recorded."""
    return _detail(request, _visible(request, pk))


@require_POST
def concern_acknowledge(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say "I have seen this and I am on it"."""
    concern = actions.acknowledge(concern=_visible(request, pk), by=_person(request))
    if concern.assigned_to_id == request.user.pk:
        messages.success(request, "Thank you. Others can see that you are on it.")
    else:
        messages.warning(request, "Somebody else is on it already.")
    return redirect("safeguarding:concern_detail", concern.pk)


@require_POST
def concern_step(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Write down what was done."""
    concern = _visible(request, pk)
    form = StepForm(request.POST)
    if not form.is_valid():
        return _detail(request, concern, step_form=form)
    kind, note = form.cleaned_data["kind"], form.cleaned_data["result"]
    actions.take_step(concern=concern, kind=kind, note=note, by=_person(request))
    messages.success(request, "It stands in the log.")
    return redirect("safeguarding:concern_detail", concern.pk)


@require_POST
def concern_hand_over(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask somebody else to look after it."""
    concern = _visible(request, pk)
    form = HandOverForm(request.POST, people=rules.may_take_over(concern))
    if not form.is_valid():
        return _detail(request, concern, hand_form=form)
    to = form.cleaned_data["to"]
    actions.hand_over(concern=concern, to=to, note=form.cleaned_data["why"], by=_person(request))
    messages.success(
        request, f"{to.public_name} is asked by e-mail. Look after it until they confirm."
    )
    return redirect("safeguarding:concern_detail", concern.pk)


@require_POST
def concern_close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End the task with what was done."""
    concern = _visible(request, pk)
    form = CloseForm(request.POST)
    if not form.is_valid():
        return _detail(request, concern, close_form=form)
    actions.close(concern=concern, note=form.cleaned_data["note"], by=_person(request))
    messages.success(request, "The task is closed.")
    return redirect("safeguarding:concern_list")
