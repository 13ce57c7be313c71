"""What a group asks its members, and when: for its coordinators."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from groups.models import SupportGroup
from groups.rules import check_may_coordinate_group, groups_visible_to
from instruments.rules import may_use
from outcomes import plan_actions, rules
from outcomes.models import SurveyPlan
from outcomes.plan_forms import NewPlanForm, PlanForm
from outcomes.plan_words import Preview, burden, preview
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused


def _group(request: HttpRequest, slug: str) -> tuple[SupportGroup, User]:
    """The group and its coordinator, who is asking."""
    visible = groups_visible_to(request.user).select_related("organisation")
    group = get_object_or_404(visible, slug=slug)
    return group, check_may_coordinate_group(request.user, group).user


def _plan(request: HttpRequest, slug: str, plan_id: UUID) -> tuple[SurveyPlan, User]:
    group, user = _group(request, slug)
    return get_object_or_404(rules.plans_of(group), pk=plan_id), user


@require_safe
def survey_plans(request: HttpRequest, slug: str) -> HttpResponse:
    """What is asked now, what that means for a member, and how to change it."""
    group, _ = _group(request, slug)
    previews = [preview(plan) for plan in rules.plans_of(group)]
    rows = [
        {"preview": each, "may_ask": may_use(group.organisation, each.plan.instrument)}
        for each in previews
    ]
    context = {"group": group, "rows": rows, "burden": burden(previews)}
    return render_page(request, "outcomes/survey_plans.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def survey_plan_add(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose a questionnaire and when it is asked. "See what this means" saves nothing."""
    group, user = _group(request, slug)
    data = request.POST if request.method == "POST" else None
    form = NewPlanForm(data, instruments=list(rules.instruments_to_add(group)))
    if form.is_valid() and "preview" not in request.POST:
        try:
            plan_actions.add_plan(
                group=group, instrument=form.instrument_chosen(), by=user, **form.terms()
            )
        except Refused as no:
            form.add_error(None, no.message)
        else:
            messages.success(request, "Saved. It is asked from now on.")
            return redirect("outcomes:survey_plans", group.slug)
    draft = SurveyPlan(group=group)
    if form.is_valid():
        draft.instrument = form.instrument_chosen()
    context = {"group": group, "form": form, "shown": _preview(form, draft)}
    return render_page(request, "outcomes/survey_plan_add.html", context, "preview")


@require_http_methods(["GET", "HEAD", "POST"])
def survey_plan_change(request: HttpRequest, slug: str, plan_id: UUID) -> HttpResponse:
    """Ask it at other times from now on."""
    plan, user = _plan(request, slug, plan_id)
    form = PlanForm(request.POST if request.method == "POST" else None, plan=plan)
    if form.is_valid() and "preview" not in request.POST:
        plan_actions.change_plan(plan=plan, by=user, **form.terms())
        messages.success(request, "Saved. It holds from now on. What was asked stays as it was.")
        return redirect("outcomes:survey_plans", slug)
    shown = _preview(form, plan) if form.is_bound else preview(plan)
    context = {"group": plan.group, "plan": plan, "form": form, "shown": shown}
    return render_page(request, "outcomes/survey_plan_change.html", context, "preview")


def _preview(form: PlanForm, plan: SurveyPlan) -> Preview | None:
    """What the form would mean; None while it cannot be saved. The plan is not saved."""
    if not form.is_bound or not form.is_valid():
        return None
    for name, value in form.terms().items():
        setattr(plan, name, value)
    return preview(plan)


@require_POST
def survey_plan_move(request: HttpRequest, slug: str, plan_id: UUID) -> HttpResponse:
    """Ask it before or after the one beside it."""
    plan, user = _plan(request, slug, plan_id)
    plan_actions.move_plan(plan=plan, by=user, earlier=request.POST.get("to") == "earlier")
    return redirect("outcomes:survey_plans", slug)


@require_http_methods(["GET", "HEAD", "POST"])
def survey_plan_end(request: HttpRequest, slug: str, plan_id: UUID) -> HttpResponse:
    """Say what ending means, then end it."""
    plan, user = _plan(request, slug, plan_id)
    if request.method == "POST":
        plan_actions.end_plan(plan=plan, by=user)
        messages.success(request, "Ended. It is asked no more, and all answers are kept.")
        return redirect("outcomes:survey_plans", slug)
    context = {"group": plan.group, "plan": plan}
    return render_page(request, "outcomes/survey_plan_end.html", context)
