"""The public directory, suggestions, and a group's page."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import StaffRole
from groups import cards, finder, linked_data, rules
from groups.forms import DirectoryForm, SuggestForm, TimeZoneForm
from groups.models import SupportGroup, Topic
from supportgroups.lib import permissions
from supportgroups.lib.addresses import own_address
from supportgroups.lib.htmx import render_page, wants_part

#: Groups at most, after the few questions.
SUGGESTED = 5
YEAR = 60 * 60 * 24 * 365


def _ways_out(request: HttpRequest, ways: Sequence[finder.Way]) -> list[tuple[finder.Way, str]]:
    """Each with the address of the list without that filter."""
    addresses = []
    for way in ways:
        query = request.GET.copy()
        query.pop(way.name, None)
        query.pop("page", None)
        addresses.append((way, f"?{query.urlencode()}"))
    return addresses


def _page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "")
    return int(asked) if asked.isdecimal() and len(asked) < 5 else 1


@login_not_required  # anybody may look around
@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """Find a group: words, filters with their counts, and the list."""
    search = DirectoryForm(request.GET)
    search.is_valid()
    choice, number = search.choice(), _page_number(request)
    zone = timezone.get_current_timezone_name()
    found = finder.find(choice, at=timezone.now(), zone=zone, page=number)
    context = {
        "search": search,
        "choice": choice,
        "found": found,
        "facets": found.facets,
        "page": Paginator(range(found.total), finder.PAGE_SIZE).get_page(number),
        "is_part": wants_part(request),
        "ways": _ways_out(request, found.ways),
        "cards": cards.cards(found.hits or found.nearest),
    }
    response = render_page(request, "groups/directory.html", context, partial="find")
    response["Permissions-Policy"] = permissions.MAY_ASK_WHERE
    return response


@login_not_required  # anybody may look around
@require_safe
def suggest(request: HttpRequest) -> HttpResponse:
    """A few questions, and groups that fit the answers, with the reasons."""
    about = SupportGroup.objects.listed().filter(topics=OuterRef("pk"))
    topics: dict[str, list[tuple[str, str]]] = {}
    for topic in Topic.objects.filter(Exists(about)).order_by("kind", "name"):
        topics.setdefault(finder.LEGENDS[topic.kind], []).append((topic.slug, topic.name))
    asked = bool(request.GET)
    form = SuggestForm(request.GET if asked else None, topics=topics)
    suggested = []
    if asked and form.is_valid():
        zone = timezone.get_current_timezone_name()
        choice = form.choice()
        found = finder.find(
            choice, at=timezone.now(), zone=zone, nearest=SUGGESTED, always_near=True
        )
        suggested = [
            {**card, "reasons": cards.reasons(card["group"], card["hit"], choice)}
            for card in cards.cards(finder.worth_suggesting(found.nearest))
        ]
    context = {"form": form, "asked": asked, "suggested": suggested}
    return render_page(request, "groups/suggest.html", context)


def _way_back(request: HttpRequest) -> str:
    """Where the visitor came from, if that is a page of ours."""
    return own_address(request, request.POST.get("next") or request.GET.get("next"), "/")


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


def public_context(request: HttpRequest, group: SupportGroup) -> dict[str, Any]:
    """What anybody may know of a group, for its page and for the preview before it is listed."""
    shown = cards.with_card_facts(SupportGroup.objects.filter(pk=group.pk)).get()
    begun = rules.course_began(shown)
    left = 0 if begun else shown.seats_for_somebody_new
    dates = shown.support_sessions.filter(ends_at__gt=timezone.now()).order_by("starts_at")
    # What another rhythm replaced is no news.
    coming = list(dates.exclude(status="ended").exclude(cancelled_for="rhythm")[:6])
    others = [] if left else list(rules.alternatives_to(shown)[:3].values_list("pk", flat=True))
    return {
        "group": shown,
        "standing": rules.Standing("join"),
        "left": left,
        "begun": begun,
        "leaders": _who_leads(shown),
        "meets": cards.meets(shown),
        "lead": cards.lead_words(shown),
        "course": cards.course_words(shown, begun=begun),
        "places": cards.places_words(shown, begun=begun),
        "features": [
            SupportGroup.Accessibility(feature).label for feature in shown.accessibility_features
        ],
        "language": finder.language_name(shown.language),
        "topics": shown.topics.all(),
        "series": shown.current_series(),
        "agenda": cards.shape(shown.agenda_template.all()),
        "zone": shown.time_zone if shown.meets_at_a_place() else None,
        "local": "no" if shown.meets_at_a_place() else "yes",
        "coming": coming,
        "notes": "no",
        "next": next((session for session in coming if session.status != "cancelled"), None),
        "wait": None if left or begun else rules.expected_wait(shown),
        "alternatives": cards.cards(finder.Hit(pk) for pk in others),
        "headline": linked_data.headline(shown),
        "description": linked_data.description(shown),
        "linked_data": linked_data.of_group(shown, coming=coming, site_url=settings.SITE_URL),
    }


@login_not_required  # listed groups are public; `groups_visible_to` keeps the others unknown
@require_safe
def group_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One group: what to expect, who leads it, when it meets, and the next step to take."""
    group = get_object_or_404(rules.groups_visible_to(request.user), slug=slug)
    context = public_context(request, group)
    standing = rules.standing(request.user, group)
    staffs = rules.groups_staffed_by(request.user).filter(pk=group.pk).exists()
    knows_the_way = staffs or standing.step in {"member", "leads"}
    following = context["next"]
    context |= {
        "standing": standing,
        "staffs": staffs,
        "uses_paper": staffs and rules.coordinates_or_leads_first(request.user, group),
        "closed_because": rules.why_takes_nobody(group),
        "way_back": rules.way_back(request.user, group),
        "knows_the_way": knows_the_way,
        "way_in": rules.way_in(group, starts_at=following and following.starts_at, staffs=staffs),
        # A note may tell the way, so it is for those who know it.
        "notes": "yes" if knows_the_way else "no",
        # The clock makes the first dates of a rhythm once the group is listed.
        "dates_follow": staffs and rules.dates_follow(group),
        "open_now": following is not None and following.opens_at <= timezone.now(),
    }
    return render_page(request, "groups/group_detail.html", context)
