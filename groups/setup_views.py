"""Staff's groups: the list, the guided set-up, the preview, and pausing and closing."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Value, When
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.rules import organisations_coordinated_by
from groups import actions, defaults, rules, views
from groups.models import SupportGroup
from groups.setup import Step, next_url, step_url, steps
from groups.setup_forms import (
    BasicsForm,
    LifecycleForm,
    ListForm,
    MeetingForm,
    PeopleForm,
    PromisesForm,
    StartForm,
)
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused

PAGE_SIZE = 20
Lifecycle = SupportGroup.Lifecycle
#: Drafts first: they wait for somebody to go on.
_STATES = (Lifecycle.DRAFT, Lifecycle.LISTED, Lifecycle.PAUSED, Lifecycle.CLOSED)


@require_safe
def group_list(request: HttpRequest) -> HttpResponse:
    """The groups that somebody leads or coordinates, what waits in each, and what is missing."""
    user = rules.check_staffs_something(request.user)
    organisations = list(organisations_coordinated_by(user).order_by("name"))
    search = ListForm(request.GET)
    search.is_valid()
    groups = (
        rules.groups_staffed_by(user)
        .filter(name__icontains=search.cleaned_data.get("q", ""))
        .filter(lifecycle__startswith=search.cleaned_data.get("state", ""))
        .select_related("organisation")
        .with_seats_taken()
        .with_people_waiting()
        .with_next_session()
        .prefetch_related("topics", "series", "facilitator_assignments", "agreements")
        .prefetch_related("screening_forms")
        .order_by(
            Case(
                *(When(lifecycle=state, then=Value(n)) for n, state in enumerate(_STATES)),
                output_field=IntegerField(),
            ),
            "name",
        )
    )
    page = Paginator(groups, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [
        {
            "group": group,
            "coordinates": group.organisation in organisations,
            "missing": rules.missing_for_listing(group) if group.lifecycle == "draft" else [],
        }
        for group in page
    ]
    context = {"search": search, "page": page, "rows": rows, "organisations": organisations}
    return render_page(request, "groups/group_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_start(request: HttpRequest) -> HttpResponse:
    """Name a new group. It is a draft from then on."""
    user = rules.check_may_start(request.user)
    form = StartForm(_typed(request), organisations=organisations_coordinated_by(user))
    if request.method == "POST" and form.is_valid():
        group = actions.start_group(
            organisation=form.organisation_chosen(),
            name=form.cleaned_data["name"],
            format=form.cleaned_data["format"],
            by=user,
        )
        messages.success(request, "The draft is saved. You can stop at any step and go on later.")
        return redirect(step_url("basics", group))
    return render_page(request, "groups/setup/start.html", {"form": form})


def _typed(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _group_to_set_up(request: HttpRequest, slug: str) -> tuple[SupportGroup, User]:
    """The group and its coordinator, who is asking."""
    visible = rules.groups_visible_to(request.user).select_related("organisation", "overseer")
    group = get_object_or_404(visible, slug=slug)
    return group, rules.check_may_coordinate_group(request.user, group).user


def _step(request: HttpRequest, current: str, group: SupportGroup, form: BaseForm) -> HttpResponse:
    """A page of the set-up, with what was typed."""
    context = {"group": group, "steps": steps(group, current), "form": form}
    return render_page(request, f"groups/setup/{current}.html", context)


def _save(form: Any, group: SupportGroup, by: User, **more: Any) -> SupportGroup | None:
    """Keep the step's own fields. A no of the rules stands on the page, above what was typed."""
    try:
        return actions.change_group(group=group, by=by, **form.changes(), **more)
    except Refused as no:
        form.add_error(None, no.message)
        return None


def _go_on(request: HttpRequest, current: str, group: SupportGroup) -> HttpResponse:
    """Say that it is saved, and open the next step, or the same one again."""
    messages.success(request, "Saved.")
    if request.POST.get("stay"):
        return redirect(step_url(current, group))
    return redirect(next_url(current, group))


@require_http_methods(["GET", "HEAD", "POST"])
def setup_basics(request: HttpRequest, slug: str) -> HttpResponse:
    """Step: name, purpose, topics and language."""
    group, user = _group_to_set_up(request, slug)
    form = BasicsForm(_typed(request), group=group)
    if request.method == "POST" and form.is_valid():
        topics = form.topics()
        if name := form.cleaned_data["new_topic"]:
            kind = form.cleaned_data["new_topic_kind"]
            topics.append(actions.add_topic(name=name, kind=kind, by=user))
        if saved := _save(form, group, user, topics=topics):
            return _go_on(request, "basics", saved)
    return _step(request, "basics", group, form)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_people(request: HttpRequest, slug: str) -> HttpResponse:
    """Step: who it is for, who leads and oversees it, how many, and how people get in."""
    group, user = _group_to_set_up(request, slug)
    form = PeopleForm(_typed(request), group=group)
    if request.method == "POST" and form.is_valid() and (saved := _save(form, group, user)):
        return _go_on(request, "people", saved)
    return _step(request, "people", group, form)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_meeting(request: HttpRequest, slug: str) -> HttpResponse:
    """Step: in person, online or both, where, and for whom the place suits."""
    group, user = _group_to_set_up(request, slug)
    form = MeetingForm(_typed(request), group=group)
    if request.method == "POST" and form.is_valid() and (saved := _save(form, group, user)):
        return _go_on(request, "meeting", saved)
    return _step(request, "meeting", group, form)


@require_http_methods(["GET", "HEAD", "POST"])
def setup_promises(request: HttpRequest, slug: str) -> HttpResponse:
    """Step: ground rules, and the agreement that members sign."""
    group, user = _group_to_set_up(request, slug)
    form = PromisesForm(_typed(request), group=group)
    if request.method == "POST" and form.is_valid() and (saved := _save(form, group, user)):
        if form.agreement_changed():
            actions.write_agreement(
                group=saved,
                text=form.cleaned_data["agreement"],
                what_changed=form.cleaned_data.get("what_changed", ""),
                by=user,
            )
        return _go_on(request, "promises", saved)
    return _step(request, "promises", group, form)


def _by_step(all_steps: list[Step], found: list[rules.Missing]) -> list[dict[str, Any]]:
    """Steps that something is missing in, each with the words."""
    words = {step.slug: [m.words for m in found if m.step == step.slug] for step in all_steps}
    return [{"step": step, "words": words[step.slug]} for step in all_steps if words[step.slug]]


@require_http_methods(["GET", "HEAD", "POST"])
def setup_check(request: HttpRequest, slug: str) -> HttpResponse:
    """Step: what is missing, what could be better, and listing the group."""
    group, user = _group_to_set_up(request, slug)
    if request.method == "POST":
        actions.list_group(group=group, by=user)
        messages.success(request, f"{group.name} is listed. People can find it and ask to join.")
        return redirect("groups:setup_check", slug=group.slug)
    all_steps = steps(group, "check")
    context = {
        "group": group,
        "steps": all_steps,
        "missing": _by_step(all_steps, rules.missing_for_listing(group)),
        "advice": _by_step(all_steps, rules.advice_for_listing(group)),
    }
    return render_page(request, "groups/setup/check.html", context)


@require_safe
def group_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """The group's page as the public will see it."""
    group, _ = _group_to_set_up(request, slug)
    context = views.public_context(request, group)
    return render_page(request, "groups/group_preview.html", context)


#: What each button of the lifecycle page does, and what is said afterwards.
_MOVES: dict[str, tuple[Any, str]] = {
    "pause": (
        actions.pause_group,
        "The group pauses. Everybody in it is told by e-mail.",
    ),
    "resume": (
        actions.resume_group,
        "The group goes on. Everybody in it is told by e-mail.",
    ),
    "close": (
        actions.close_group,
        "The group is closed. Everybody in it is told by e-mail.",
    ),
    "discard": (actions.discard_group, "The draft is discarded. Nobody was told."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def group_lifecycle(request: HttpRequest, slug: str) -> HttpResponse:
    """Pause, go on or close, with what members read."""
    group, user = _group_to_set_up(request, slug)
    move = request.POST.get("move", "")
    forms = {
        name: LifecycleForm(
            request.POST if move == name else None, auto_id=f"{name}_%s", initial={"message": words}
        )
        # Closing cannot be undone, so its words are not there before somebody writes them.
        for name, words in (("pause", defaults.PAUSE), ("close", ""))
    }
    form = forms.get(move)
    if move in _MOVES and (form is None or form.is_valid()):
        act, said = _MOVES[move]
        act(group=group, by=user, **(form.cleaned_data if form else {}))
        messages.success(request, said)
        return redirect("groups:group_list")
    context = {
        "group": group,
        "form": form,
        "pause_form": forms["pause"],
        "close_form": forms["close"],
        "told": rules.told_of_changes(group, user).count(),
        "applied": group.memberships.filter(status="applied").count(),
        "missing": rules.missing_for_listing(group),
    }
    return render_page(request, "groups/group_lifecycle.html", context)
