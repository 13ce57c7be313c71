"""Pages about when a group meets: its rhythm, dates, days off, who leads, and calendar feeds."""

from datetime import date
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organisation, User
from accounts.places import countries
from accounts.rules import organisations_coordinated_by
from groups import setup
from groups.actions import change_group
from groups.models import FacilitatorAssignment, SupportGroup
from groups.rules import MOST_FOR_ONE_FACILITATOR, groups_staffed_by
from sessions import actions, calendar, heard_rules, rules, schedule_rules
from sessions.defaults import AGENDAS, MINUTES
from sessions.defaults import agenda as usual_agenda
from sessions.holidays import regions
from sessions.models import CalendarFeed, DayOff, Series
from sessions.outlook import Outlook, called_off_by, holidays_offered, outlook
from sessions.schedule_forms import (
    MOST_PARTS,
    AgendaForm,
    CalendarFeedForm,
    CancelForm,
    DayOffForm,
    DaysOffForm,
    ExtraSessionForm,
    FacilitatorForm,
    HolidaysForm,
    MoveForm,
    NoteForm,
    RestoreForm,
    ScheduleForm,
    SessionForm,
)
from supportgroups.lib.htmx import render_page
from supportgroups.lib.refusals import Refused
from supportgroups.lib.templatetags.ui import time_words

PAGE_SIZE = 20


def _person(request: HttpRequest) -> User:
    """Whoever looks: signed in, as the middleware asks for on every page here."""
    return cast(User, request.user)


def _planned(request: HttpRequest, slug: str) -> SupportGroup:
    """The group, for whoever sets it up. Others of its staff read why they may not."""
    group = get_object_or_404(
        groups_staffed_by(request.user).select_related("organisation"), slug=slug
    )
    schedule_rules.check_may_plan(_person(request), group)
    return group


def _goes_on(request: HttpRequest, step: str, group: SupportGroup) -> HttpResponse:
    """After saving: the next step, or the same page again."""
    stays = "stay" in request.POST
    return redirect(setup.step_url(step, group) if stays else setup.next_url(step, group))


# The rhythm ---------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest, slug: str) -> HttpResponse:
    """When the group meets: how often, from when on, and the dates that come of it."""
    group = _planned(request, slug)
    current = group.series.current().first()
    coming = list(schedule_rules.following(current, begin=timezone.now())) if current else []
    asked_from = next((s for s in coming if str(s.pk) == request.GET.get("from")), None)
    form = ScheduleForm(
        request.POST if request.method == "POST" else None,
        group=group,
        by=_person(request),
        current=current,
        coming=coming,
        initial=ScheduleForm.initial_of(group, current, coming, asked_from),
    )
    shows = "show" in request.POST
    if form.is_valid() and not shows:
        try:
            messages.success(request, _set_rhythm(form))
            return _goes_on(request, "schedule", group)
        except Refused as no:
            form.add_error("starts_at_time", no.message)
    context = {
        "group": group,
        "steps": setup.steps(group, current="schedule"),
        "form": form,
        "current": current,
        "coming": coming,
        "told": len(schedule_rules.people_concerned(coming)),
        "outlook": _outlook(form, current),
        "shows": shows,
        "place_step": setup.step_url("meeting", group),
    }
    return render_page(request, "sessions/schedule.html", context, partial="coming-dates")


def _outlook(form: ScheduleForm, current: Series | None) -> Outlook | None:
    """The dates of what is typed; before anything is typed, of what holds."""
    if form.is_bound:
        series, from_session = form.series, form.from_session
    else:
        series, from_session = current, None
    return outlook(series, by=form.by, from_session=from_session) if series else None


def _set_rhythm(form: ScheduleForm) -> str:
    """Save what is typed; returns what happened, in words."""
    series, group = form.series, form.group
    if series is None or form.is_as_it_was():
        return "Nothing changed: the group meets as before."
    if not form.coming and form.cleaned_data.get("sessions", group.course_sessions) != (
        group.course_sessions
    ):
        change_group(group=group, by=form.by, course_sessions=form.cleaned_data["sessions"])
    actions.set_rhythm(
        group=group,
        rrule=series.rrule,
        starts_on=series.starts_on,
        starts_at_time=series.starts_at_time,
        minutes=series.minutes,
        by=form.by,
        from_session=form.from_session,
    )
    words = f"Saved: {series.words()}."
    if form.coming and schedule_rules.people_concerned(form.coming):
        words += " Everybody concerned gets an e-mail about it."
    return words


# What a session is like ---------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def agenda_template(request: HttpRequest, slug: str) -> HttpResponse:
    """How the group talks, and the parts that every session has."""
    group = _planned(request, slug)
    current = group.series.current().first()
    minutes = current.minutes if current else MINUTES
    parts = list(group.agenda_template.all())
    sums = "total" in request.GET
    do = "sum" if sums else request.POST.get("do", "")
    if do:
        talks = request.POST.get("meeting_format", "")
        usual_parts = usual_agenda(talks, minutes) if talks in AGENDAS else None
        form = AgendaForm.rearranged(request.POST, do, usual=usual_parts)
    elif request.method == "POST":
        form = AgendaForm.typed(request.POST)
    else:
        usual = usual_agenda(group.meeting_format, minutes)
        form = AgendaForm.showing(parts or usual, meeting_format=group.meeting_format)
    if form.is_valid():
        _set_agenda(group, form, by=_person(request))
        messages.success(request, "Saved. Sessions that have not begun take it over.")
        return _goes_on(request, "agenda", group)
    context = {
        "group": group,
        "steps": setup.steps(group, current="agenda"),
        "form": form,
        "minutes": minutes,
        "is_new": not parts,
        "unsaved": bool(do),
        "may_add": form.number < MOST_PARTS,
    }
    partial = "agenda-total" if sums else "agenda-parts"
    return render_page(request, "sessions/agenda_template.html", context, partial=partial)


def _set_agenda(group: SupportGroup, form: AgendaForm, *, by: User) -> None:
    if form.cleaned_data["meeting_format"] != group.meeting_format:
        change_group(group=group, by=by, meeting_format=form.cleaned_data["meeting_format"])
    items = [actions.AgendaPart(*part) for part in form.agenda()]
    actions.set_agenda_template(group=group, items=items, by=by)


# Who leads ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def facilitators(request: HttpRequest, slug: str) -> HttpResponse:
    """Who leads the group: add, change, remove."""
    group = _planned(request, slug)
    assignments = list(group.facilitator_assignments.select_related("user"))
    leaving = next((a for a in assignments if str(a.pk) == request.POST.get("remove")), None)
    asked = next((a for a in assignments if str(a.pk) == request.GET.get("change")), None)
    if leaving is not None:
        return _unassigned(request, group, leaving)
    form = FacilitatorForm(
        request.POST if request.method == "POST" else None,
        group=group,
        initial=_facilitator_initial(assignments, asked),
    )
    if form.is_valid():
        try:
            assignment = actions.assign_facilitator(
                group=group,
                user=form.cleaned_data["user"],
                is_lead=form.cleaned_data["role"] == FacilitatorForm.LEAD,
                introduction=form.cleaned_data["introduction"],
                by=_person(request),
            )
            messages.success(request, f"Saved: {assignment.user.public_name}.")
            return redirect("sessions:facilitators", slug)
        except Refused as no:
            form.add_error("user", no.message)
    context = {
        "group": group,
        "steps": setup.steps(group, current="facilitators"),
        "form": form,
        "assignments": assignments,
        "asked": asked,
        "second_advised": len(assignments) < 2 and group.capacity > MOST_FOR_ONE_FACILITATOR,
        "anybody": schedule_rules.may_lead(group).exists(),
        "next": setup.next_url("facilitators", group),
    }
    return render_page(request, "sessions/facilitators.html", context)


def _facilitator_initial(
    assignments: list[FacilitatorAssignment], asked: FacilitatorAssignment | None
) -> dict[str, Any]:
    if asked is None:
        lead = any(assignment.is_lead for assignment in assignments)
        return {"role": FacilitatorForm.SECOND if lead else FacilitatorForm.LEAD}
    return {
        "user": asked.user_id,
        "role": FacilitatorForm.LEAD if asked.is_lead else FacilitatorForm.SECOND,
        "introduction": asked.introduction,
    }


def _unassigned(
    request: HttpRequest, group: SupportGroup, assignment: FacilitatorAssignment
) -> HttpResponse:
    """Somebody leads the group no more, unless they are the last."""
    name = assignment.user.public_name
    try:
        actions.unassign_facilitator(assignment=assignment, by=_person(request))
        messages.success(request, f"{name} does not lead this group any more.")
    except Refused as no:
        messages.warning(request, no.message)
    return redirect("sessions:facilitators", group.slug)


# Dates --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def session_list(request: HttpRequest, slug: str) -> HttpResponse:
    """All dates of a group for its staff: what is to come and what is missing, or what was."""
    staffed = groups_staffed_by(request.user).select_related("organisation")
    group = get_object_or_404(staffed, slug=slug)
    person = _person(request)
    data = request.POST if request.method == "POST" else None
    form = ExtraSessionForm(data, group=group, by=person)
    if form.is_valid():
        try:
            added = actions.add_session(group=group, by=person, **form.cleaned_data)
            messages.success(request, f"Added: {time_words(added.starts_at, group.time_zone)}.")
            return redirect("sessions:session_list", slug)
        except Refused as no:
            form.add_error("starts_at_time", no.message)
    past = request.GET.get("past") == "1"
    found = schedule_rules.with_bookings(schedule_rules.dates_of(group, past=past))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "group": group,
        "past": past,
        "page": page,
        "rows": [{"session": each, "lacks": schedule_rules.not_booked(each)} for each in page],
        "current": group.series.current().first(),
        "plans": organisations_coordinated_by(request.user)
        .filter(pk=group.organisation_id)
        .exists(),
        "form": form,
    }
    if past:
        least = group.organisation.smallest_cell
        context["balance"] = heard_rules.balance_shown(group.pk, least=least)
    return render_page(request, "sessions/session_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def session_change(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move one session, say what is different, call it off, put it on again."""
    support_session = get_object_or_404(rules.sessions_visible_to(request.user), pk=pk)
    schedule_rules.check_may_change(_person(request), support_session)
    group = support_session.group
    may_all = schedule_rules.may_change_following(_person(request), support_session)
    do = request.POST.get("do", "")
    forms: dict[str, SessionForm] = {
        kind.do: kind(
            request.POST if kind.do == do else None,
            support_session=support_session,
            may_all=may_all,
        )
        for kind in (MoveForm, NoteForm, CancelForm, RestoreForm)
    }
    form = forms.get(do)
    if isinstance(form, MoveForm) and form.is_for_all():
        return redirect(f"{reverse('sessions:schedule', args=[group.slug])}?from={pk}")
    if form is not None and form.is_valid():
        try:
            messages.success(request, _change_session(form, by=_person(request)))
            return redirect("sessions:session_list", group.slug)
        except Refused as no:
            form.add_error(None, no.message)
    context = {
        "support_session": support_session,
        "group": group,
        "form": form,
        "forms": forms,
        "told": len(schedule_rules.people_concerned([support_session])),
        "lacks": schedule_rules.not_booked(support_session),
        "over": support_session.ends_at <= timezone.now(),
    }
    return render_page(request, "sessions/session_change.html", context)


def _change_session(form: SessionForm, *, by: User) -> str:
    """Do what was asked with one session; returns what happened, in words."""
    session, given = form.support_session, form.cleaned_data
    if isinstance(form, MoveForm):
        moved = actions.move_session(
            support_session=session,
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
            note=given["note"],
            by=by,
        )
        return f"The session is now on {time_words(moved.starts_at, session.group.time_zone)}."
    if isinstance(form, CancelForm) and form.is_for_all():
        off = actions.cancel_following(support_session=session, note=given["note"], by=by)
        words = "session is" if len(off) == 1 else "sessions are"
        return f"{len(off)} {words} cancelled, and the rhythm ends before them."
    if isinstance(form, CancelForm):
        actions.cancel_session(support_session=session, note=given["note"], by=by)
        return "The session is cancelled. You can put it on again until its time."
    if isinstance(form, RestoreForm):
        actions.restore_session(support_session=session, by=by)
        return "The session is on again."
    actions.note_session(support_session=session, note=given["note"], by=by)
    return "Saved. Members read it beside the date."


# Days off -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def days_off(request: HttpRequest, slug: str) -> HttpResponse:
    """Days on which groups do not meet: by hand, and from the country's public holidays."""
    person = _person(request)
    organisation = get_object_or_404(schedule_rules.organisations_planned_by(person), slug=slug)
    groups = groups_staffed_by(person).filter(organisation=organisation).order_by("name")
    coordinates = organisations_coordinated_by(person).filter(pk=organisation.pk).exists()
    region = request.POST.get("region", request.GET.get("region", ""))
    offered = holidays_offered(organisation, groups, region=region)
    forms = _days_off_forms(
        request,
        offered,
        groups=groups,
        for_all=coordinates,
        time_zone=organisation.time_zone,
    )
    asked = next((form for form in forms.values() if form.is_bound), None)
    if asked is not None and asked.is_valid():
        messages.success(request, _add_days_off(organisation, asked, offered, by=person))
        return redirect("sessions:days_off", slug)
    kept = schedule_rules.days_off_planned_by(person, organisation)
    page = Paginator(kept, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "organisation": organisation,
        "coordinates": coordinates,
        "form": asked,
        "day_form": forms["day"],
        "holidays_form": forms["holidays"],
        "offered": offered,
        "region": region,
        "regions": regions(organisation.country),
        "country": dict(countries()).get(organisation.country, organisation.country),
        "page": page,
        "rows": called_off_by(page, groups),
    }
    return render_page(request, "sessions/days_off.html", context, partial="holidays")


def _days_off_forms(
    request: HttpRequest, offered: list[tuple[str, str, str]], **shared: Any
) -> dict[str, DaysOffForm]:
    """Both forms of the page; the one whose button was pressed holds what was typed."""
    do = request.POST.get("do", "")
    days = [(day, words) for day, _, words in offered]
    return {
        "day": DayOffForm(request.POST if do == "day" else None, auto_id="day_%s", **shared),
        "holidays": HolidaysForm(
            request.POST if do == "holidays" else None, offered=days, auto_id="list_%s", **shared
        ),
    }


def _add_days_off(
    organisation: Organisation,
    form: DaysOffForm,
    offered: list[tuple[str, str, str]],
    *,
    by: User,
) -> str:
    """Keep what was chosen; returns what happened, in words."""
    given = form.cleaned_data
    if isinstance(form, HolidaysForm):
        names = {day: name for day, name, _ in offered}
        days = [(date.fromisoformat(day), names[day]) for day in given["days"]]
    else:
        days = [(given["day"], given["name"])]
    actions.add_days_off(organisation=organisation, group=given["group"], days=days, by=by)
    words = "The day is off." if len(days) == 1 else f"{len(days)} days are off."
    return f"{words} Sessions on it are cancelled, and everybody concerned is told."


@require_POST
def day_off_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The day is a day like others again, and its sessions are on."""
    person = _person(request)
    organisations = schedule_rules.organisations_planned_by(person)
    day_off = get_object_or_404(
        DayOff.objects.filter(organisation__in=organisations).select_related("organisation"), pk=pk
    )
    actions.delete_day_off(day_off=day_off, by=person)
    messages.success(request, f"{day_off.name} is a day like others again. Its sessions are on.")
    return redirect("sessions:days_off", day_off.organisation.slug)


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
