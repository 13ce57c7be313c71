"""Pages about when a group meets: its rhythm, dates, days off, who leads, and calendar feeds."""

from hashlib import sha256
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from groups import setup
from groups.models import SupportGroup
from groups.rules import check_may_coordinate_group, groups_staffed_by
from sessions import actions, calendar, rules
from sessions.models import CalendarFeed
from sessions.schedule_forms import CalendarFeedForm
from supportgroups.lib.htmx import render_page

PAGE_SIZE = 20


def _person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on every page here."""
    return cast(User, request.user)


@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest, slug: str) -> HttpResponse:
    """When the group meets."""
    group = get_object_or_404(groups_staffed_by(request.user), slug=slug)
    check_may_coordinate_group(request.user, group)
    context = {"group": group, "steps": setup.steps(group, current="schedule")}
    return render_page(request, "groups/setup/base.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def agenda_template(request: HttpRequest, slug: str) -> HttpResponse:
    """What a session is like."""
    group = get_object_or_404(groups_staffed_by(request.user), slug=slug)
    check_may_coordinate_group(request.user, group)
    context = {"group": group, "steps": setup.steps(group, current="agenda")}
    return render_page(request, "groups/setup/base.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def facilitators(request: HttpRequest, slug: str) -> HttpResponse:
    """Who leads it."""
    group = get_object_or_404(groups_staffed_by(request.user), slug=slug)
    check_may_coordinate_group(request.user, group)
    context = {"group": group, "steps": setup.steps(group, current="facilitators")}
    return render_page(request, "groups/setup/base.html", context)


# Calendar feeds -----------------------------------------------------------------------------------


def _shown(feed: CalendarFeed | None, group: SupportGroup | None = None) -> dict[str, Any]:
    """One calendar as its page shows it, with its address if there is one."""
    address = ""
    if feed is not None:
        path = reverse("sessions:calendar_feed", args=[rules.feed_token(feed)])
        address = settings.SITE_URL + path
    titles = "names" if feed is not None and feed.shows_names else "neutral"
    form = CalendarFeedForm(
        groups=SupportGroup.objects.none(),
        initial={"titles": titles},
        auto_id=f"{group.slug if group else 'own'}_%s",
    )
    return {
        "feed": feed,
        "group": group,
        "address": address,
        "subscribe": address.replace("https://", "webcal://").replace("http://", "webcal://"),
        "form": form,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def calendar_feeds(request: HttpRequest) -> HttpResponse:
    """One's own calendar addresses: all sessions, and for staff one for each group."""
    person = _person(request)
    staffed = groups_staffed_by(person)
    form = CalendarFeedForm(request.POST if request.method == "POST" else None, groups=staffed)
    if form.is_valid():
        messages.success(request, _change_feed(person, form.cleaned_data))
        return redirect("sessions:calendar_feeds")
    feeds = {feed.group_id: feed for feed in person.calendar_feeds.all()}
    page = Paginator(staffed.order_by("name"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "own": _shown(feeds.get(None)),
        "page": page,
        "of_groups": [_shown(feeds.get(group.pk), group) for group in page],
    }
    return render_page(request, "sessions/calendar_feeds.html", context)


def _change_feed(person: User, asked: dict[str, Any]) -> str:
    """Do what was asked with one calendar; returns what happened, in words."""
    if asked["do"] == CalendarFeedForm.MAKE:
        actions.make_calendar_feed(by=person, group=asked["group"])
        return "Your calendar address is ready. Copy it into your calendar app."
    feed = person.calendar_feeds.filter(group=asked["group"]).first()
    if feed is None:
        return "This calendar address was deleted before."
    if asked["do"] == CalendarFeedForm.RENEW:
        actions.renew_calendar_feed(feed=feed, by=person)
        return "There is a new address. The old one shows nothing more."
    if asked["do"] == CalendarFeedForm.DELETE:
        actions.delete_calendar_feed(feed=feed, by=person)
        return "The calendar address is deleted. Remove the calendar from your app, too."
    shows_names = asked["titles"] == "names"
    actions.change_calendar_feed(feed=feed, shows_names=shows_names, by=person)
    return "Saved. Your calendar app shows it when it looks again, often within a few hours."


@login_not_required  # a calendar app cannot sign in: the address itself is the secret
@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """The sessions for a calendar app that asks again and again."""
    feed = rules.feed_with(token)
    if feed is None:
        raise Http404
    entries = calendar.entries_of(feed)
    facts = repr([entry.facts() for entry in entries])
    etag = quote_etag(sha256(facts.encode()).hexdigest()[:32])
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = HttpResponse(
            calendar.calendar_feed_file(entries), content_type="text/calendar; charset=utf-8"
        )
        response["Content-Disposition"] = 'inline; filename="appointments.ics"'
    response["ETag"] = etag
    # No shared cache keeps it, and the person's own asks each time: an ended address ends at once.
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    return response
