"""Who is on call: the list, who is away, and how soon somebody answers."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate, on_call_people, organisations_coordinated_by
from safeguarding import on_call_actions, on_call_rules, rules
from safeguarding.on_call_forms import AwayForm, PlaceForm, TimesForm
from supportgroups.lib.htmx import render_page


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _organisation(request: HttpRequest, slug: str) -> Organisation:
    seen = on_call_rules.organisations_whose_list_is_seen_by(request.user)
    return get_object_or_404(seen, slug=slug)


def _coordinates(request: HttpRequest, organisation: Organisation) -> bool:
    return organisations_coordinated_by(request.user).filter(pk=organisation.pk).exists()


def _away_form(request: HttpRequest, organisation: Organisation, data: Any = None) -> AwayForm:
    """Coordinators choose anybody who can be asked; others say it of themselves."""
    people = on_call_people(organisation.pk)
    if not _coordinates(request, organisation):
        people = people.filter(pk=_person(request).pk)
    return AwayForm(data, organisation=organisation, people=people)


def _page(request: HttpRequest, organisation: Organisation, **forms: Any) -> HttpResponse:
    plan = rules.on_call_plan(organisation)
    listed = list(on_call_rules.roles_on_call(organisation))
    available = list(rules.on_call(organisation))
    on_list = {role.user_id for role in listed}
    away = organisation.away.on(rules.today_at(organisation)).select_related("person")
    context = {
        "organisation": organisation,
        "coordinates": _coordinates(request, organisation),
        "listed": listed,
        "others": [person for person in available if person.pk not in on_list],
        "first": available[0] if available else None,
        "away": away.order_by("until", "person__display_name"),
        "away_people": {each.person_id for each in away},
        "to_add": on_call_rules.roles_to_add(organisation),
        "words": on_call_rules.plan_in_words(plan),
        "times_form": TimesForm(plan=plan),
        "away_form": _away_form(request, organisation),
        "form": next(iter(forms.values()), None),
        **forms,
    }
    return render_page(request, "safeguarding/on_call.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def on_call(request: HttpRequest, slug: str) -> HttpResponse:
    """The list with who is away; POST says how soon somebody answers."""
    organisation = _organisation(request, slug)
    if request.method != "POST":
        return _page(request, organisation)
    check_may_coordinate(request.user, organisation)
    form = TimesForm(request.POST, plan=rules.on_call_plan(organisation))
    if not form.is_valid():
        return _page(request, organisation, times_form=form)
    on_call_actions.set_times(organisation=organisation, by=_person(request), **form.times())
    messages.success(request, "Saved. It holds for what comes from now on.")
    return redirect("safeguarding:on_call", slug)


@require_POST
def on_call_place(request: HttpRequest, slug: str) -> HttpResponse:
    """Move somebody up or down, take them off, or put them on the list."""
    organisation = _organisation(request, slug)
    check_may_coordinate(request.user, organisation)
    form = PlaceForm(request.POST, organisation=organisation)
    if not form.is_valid():
        messages.warning(request, "Choose a person from the list.")
        return redirect("safeguarding:on_call", slug)
    role, move = form.cleaned_data["staff_role"], form.cleaned_data["move"]
    roles = on_call_actions.change_place(staff_role=role, move=move, by=_person(request))
    name = role.user.public_name
    if role in roles:
        messages.success(request, f"{name} is number {roles.index(role) + 1} on the list.")
    else:
        messages.success(request, f"{name} is off the list.")
    return redirect("safeguarding:on_call", slug)


@require_POST
def on_call_away(request: HttpRequest, slug: str) -> HttpResponse:
    """Say who is away until when; "back" ends it."""
    organisation = _organisation(request, slug)
    data = request.POST.copy()
    if back := "back" in data:
        data["until"] = rules.today_at(organisation).isoformat()
    form = _away_form(request, organisation, data)
    if not form.is_valid():
        return _page(request, organisation, away_form=form)
    person, until = form.cleaned_data["person"], None if back else form.cleaned_data["until"]
    on_call_actions.note_away(
        organisation=organisation, person=person, until=until, by=_person(request)
    )
    words = "is asked again" if back else "is not asked until then"
    messages.success(request, f"Saved. {person.public_name} {words}.")
    return redirect("safeguarding:on_call", slug)
