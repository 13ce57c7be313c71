"""The public directory, a group's page, its agreement, and leaving."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import StaffRole
from groups import actions, finder, rules
from groups.forms import AgreementForm, DirectoryForm, LeaveForm, TimeZoneForm
from groups.models import Membership, SupportGroup, SupportGroupQuerySet, Topic
from supportgroups.lib.htmx import render_page, wants_part

PAGE_SIZE = 10
YEAR = 60 * 60 * 24 * 365


def _soonest_first(groups: SupportGroupQuerySet) -> SupportGroupQuerySet:
    return (
        groups.with_seats_taken()
        .with_people_waiting()
        .with_next_session()
        .prefetch_related("topics")
        .order_by(F("next_starts_at").asc(nulls_last=True), "name")
    )


def _listings(groups: SupportGroupQuerySet) -> list[finder.Listing]:
    zone = timezone.get_current_timezone()
    return [finder.listing(group, zone) for group in _soonest_first(groups)]


def _cards(groups: SupportGroupQuerySet) -> list[dict[str, Any]]:
    """What `components/group_card.html` shows of each group."""
    found = _soonest_first(groups).prefetch_related("series", "facilitator_assignments")
    return [
        {
            "group": group,
            "topic": ", ".join(topic.name for topic in group.topics.all()),
            "facts": finder.facts(group),
            "places": finder.places_words(group),
            "zone": group.time_zone if group.meets_at_a_place() else None,
            "local": "no" if group.meets_at_a_place() else "yes",
        }
        for group in found
    ]


def _ways_out(request: HttpRequest, ways: list[finder.Way]) -> list[tuple[finder.Way, str]]:
    """Each with the address of the list without that filter."""
    addresses = []
    for way in ways:
        query = request.GET.copy()
        query.pop(way.name, None)
        query.pop("page", None)
        addresses.append((way, f"?{query.urlencode()}"))
    return addresses


@login_not_required  # anybody may look around
@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """Find a group: words, filters with their counts, and the list."""
    listed = SupportGroup.objects.listed()
    topics = dict(
        Topic.objects.filter(support_groups__in=listed).distinct().values_list("slug", "name")
    )
    search = DirectoryForm(request.GET, topics=topics)
    search.is_valid()
    choice = search.choice()
    found = _listings(listed.matching(choice.words))
    page = Paginator(finder.matching(found, choice.chosen), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context: dict[str, Any] = {
        "choice": choice,
        "facets": finder.facets(found, choice, topics),
        "page": page,
        "is_part": wants_part(request),
    }
    shown = [row.pk for row in page]
    if not shown:
        everything = _listings(listed)
        context["ways"] = _ways_out(request, finder.ways_out(found, everything, choice, topics))
        shown = finder.nearest(found or everything, choice)
    context["cards"] = _cards(listed.filter(pk__in=shown))
    return render_page(request, "groups/directory.html", context, partial="find")


def _way_back(request: HttpRequest) -> str:
    """Where the visitor came from, if that is a page of ours."""
    address = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if safe else "/"


@login_not_required  # a visitor's clock; people with an account have it in their settings
@require_http_methods(["GET", "HEAD", "POST"])
def time_zone(request: HttpRequest) -> HttpResponse:
    """Choose the zone that online times are shown in, kept in a cookie."""
    if request.user.is_authenticated:
        return redirect("accounts:profile")
    initial = {"time_zone": timezone.get_current_timezone_name()}
    form = TimeZoneForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        response = redirect(_way_back(request))
        response.set_cookie(
            "time_zone",
            form.cleaned_data["time_zone"],
            max_age=YEAR,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )
        return response
    context = {"form": form, "next": _way_back(request)}
    return render_page(request, "groups/time_zone.html", context)


def _who_leads(group: SupportGroup) -> list[dict[str, Any]]:
    """Each facilitator with what visitors may know of their preparation."""
    assignments = list(group.facilitator_assignments.select_related("user"))
    roles = {
        role.user_id: role
        for role in StaffRole.objects.facilitators().filter(
            organisation=group.organisation_id, user__in=[a.user_id for a in assignments]
        )
    }
    return [{"assignment": a, "role": roles.get(a.user_id)} for a in assignments]


@login_not_required  # listed groups are public; `groups_visible_to` keeps the others unknown
@require_safe
def group_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One group: what to expect, who leads it, when it meets, and the next step to take."""
    visible = rules.groups_visible_to(request.user).with_seats_taken().with_people_waiting()
    group = get_object_or_404(visible.select_related("organisation"), slug=slug)
    left = group.seats_for_somebody_new
    coming = list(group.support_sessions.coming()[:4])
    others = [] if left else [other.pk for other in rules.alternatives_to(group)[:3]]
    context = {
        "group": group,
        "left": left,
        "standing": rules.standing(request.user, group),
        "staffs": rules.groups_staffed_by(request.user).filter(pk=group.pk).exists(),
        "leaders": _who_leads(group),
        "format": finder.format_words(group),
        "places": finder.places_words(group),
        "topics": group.topics.all(),
        "series": group.current_series(),
        "agenda": finder.shape(group.agenda_template.all()),
        "zone": group.time_zone if group.meets_at_a_place() else None,
        "local": "no" if group.meets_at_a_place() else "yes",
        "coming": coming,
        "next": coming[0] if coming else None,
        "open_now": bool(coming) and coming[0].opens_at <= timezone.now(),
        "wait": None if left else rules.expected_wait(group),
        "alternatives": _cards(SupportGroup.objects.filter(pk__in=others)) if others else [],
    }
    return render_page(request, "groups/group_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def agreement(request: HttpRequest, slug: str) -> HttpResponse:
    """Read and sign the current version; see what was signed."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    membership = rules.check_may_sign(request.user, group)
    versions = list(group.agreements.order_by("-version"))
    signatures = {s.agreement_id: s for s in membership.signatures.all()}
    form = AgreementForm(request.POST or None, membership=membership, agreement=versions[0])
    if request.method == "POST" and form.is_valid():
        actions.sign_agreement(
            membership=membership,
            agreement=versions[0],
            signed_name=form.cleaned_data["signed_name"],
            by=membership.user,
        )
        messages.success(request, "Thank you for signing. You can come to the next session.")
        return redirect("groups:group_detail", slug=group.slug)
    context = {
        "form": form,
        "group": group,
        "membership": membership,
        "agreement": versions[0],
        "signature": signatures.get(versions[0].pk),
        "earlier": next((v for v in versions[1:] if v.pk in signatures), None),
    }
    return render_page(request, "groups/agreement.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what leaving means, and leave."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    membership = rules.check_may_leave(request.user, group)
    application = getattr(membership, "application", None)
    if membership.status == Membership.Status.APPLIED and application is not None:
        return redirect("screening:application_detail", application.pk)
    form = LeaveForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.withdraw(
            membership=membership, by=membership.user, reason=form.cleaned_data["reason"]
        )
        messages.success(request, "You have left the group. You can ask to join again at any time.")
        return redirect("groups:directory")
    context = {"form": form, "group": group, "membership": membership}
    return render_page(request, "groups/leave.html", context)
