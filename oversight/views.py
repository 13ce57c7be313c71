"""The trail of an organisation, who opened one's answers, and emergency access."""

import csv
import io
from collections.abc import Iterable
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organisation, User
from accounts.reauthentication import recently_confirmed
from accounts.rules import organisations_coordinated_by
from audit.chain import last_check
from audit.models import Event
from groups.models import SupportGroup
from outcomes.tables import harmless
from oversight import actions, readers, rules
from oversight.forms import EmergencyForm, FindPersonForm, TrailForm
from oversight.models import EmergencyAccess
from safeguarding.crisis import crisis_help
from supportgroups.lib.htmx import render_page

PAGE_SIZE = 50
#: Rows of one download; a shorter period gives the others.
MOST_ROWS = 20_000


def _person(request: HttpRequest) -> User:
    """The signed-in person; the login middleware lets nobody else reach these views."""
    return cast(User, request.user)


def _search(request: HttpRequest, slug: str) -> tuple[Organisation, TrailForm, QuerySet[Event]]:
    """The organisation, if this person coordinates it (else 404), and what they look for."""
    found = get_object_or_404(organisations_coordinated_by(request.user), slug=slug)
    groups = SupportGroup.objects.filter(organisation=found).order_by("name")
    form = TrailForm(request.GET, groups=groups)
    events = rules.trail_of(_person(request), found)
    return found, form, rules.narrowed(events, found, **form.chosen())


@require_safe
def trail(request: HttpRequest, slug: str) -> HttpResponse:
    """What happened in the organisation, searched by person, kind, group and days."""
    organisation, form, events = _search(request, slug)
    page = Paginator(events, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "organisation": organisation,
        "form": form,
        "page": page,
        "lines": readers.lines_of(list(page), organisation),
        "check": last_check(),
        "query": request.GET.urlencode(),
    }
    return render_page(request, "oversight/trail.html", context)


def _table(lines: Iterable[readers.Line]) -> str:
    out = io.StringIO()
    write = csv.writer(out).writerow
    write(["Time (UTC)", "Who", "What", "About", "From", "Number", "Seal"])
    for line in lines:
        seal = (line.seal.number, bytes(line.seal.hash).hex()) if line.seal else ("", "")
        moment = line.at.strftime("%Y-%m-%d %H:%M:%S")
        said = (line.who, line.did, line.about, line.origin)
        write([moment, *map(harmless, said), *seal])
    return out.getvalue()


@require_safe
@recently_confirmed(gives_file=True)
def trail_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for a spreadsheet, each event with its place in the chain."""
    organisation, _, events = _search(request, slug)
    lines = readers.lines_of(list(events[:MOST_ROWS]), organisation, with_seals=True)
    # With a byte order mark, because spreadsheets guess wrongly without it.
    response = HttpResponse(_table(lines).encode("utf-8-sig"), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="trail.csv"'
    return response


@require_safe
def who_read(request: HttpRequest) -> HttpResponse:
    """Who else opened what this person answered, by day, and with emergency access or not."""
    person = _person(request)
    page = Paginator(rules.readings_of(person), PAGE_SIZE).get_page(request.GET.get("page"))
    emergencies = list(rules.emergencies_told(person))
    context = {
        "page": page,
        "readings": readers.readings_in_words(list(page)),
        "emergencies": [
            (access, readers.name_and_role(access.opened_by_id, access.organisation_id))
            for access in emergencies
        ],
    }
    return render_page(request, "oversight/who_read.html", context)


@require_safe
def emergency(request: HttpRequest, slug: str) -> HttpResponse:
    """Who opened emergency access; and for whoever may, finding the person it is about."""
    person = _person(request)
    organisation = get_object_or_404(rules.organisations_with_emergency_page(person), slug=slug)
    seen = rules.emergencies_seen_by(person, organisation)
    form = FindPersonForm(request.GET if "name" in request.GET else None)
    may_open = rules.may_need_emergency_access(person).filter(pk=organisation.pk).exists()
    found = None
    if may_open and form.is_valid():
        found = [
            (each.public_name, rules.token_of(organisation, each))
            for each in rules.people_to_find(person, organisation, form.cleaned_data["name"])[:20]
        ]
    context = {
        "organisation": organisation,
        "may_open": may_open,
        "form": form,
        "found": found,
        "page": Paginator(seen, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render_page(request, "oversight/emergency.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@recently_confirmed
def emergency_open(request: HttpRequest, slug: str, token: str) -> HttpResponse:
    """Say why, and open one person's answers for an hour."""
    person = _person(request)
    organisation = get_object_or_404(rules.organisations_with_emergency_page(person), slug=slug)
    rules.check_may_open_emergency(person, organisation)
    about = rules.person_with(organisation, token)
    if about is None or about == person:
        raise Http404
    form = EmergencyForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        access = actions.open_emergency(
            organisation=organisation, about=about, reason=form.cleaned_data["reason"], by=person
        )
        return redirect("oversight:emergency_detail", access.pk)
    context = {"organisation": organisation, "about": about, "token": token, "form": form}
    return render_page(request, "oversight/emergency_open.html", context)


def _seen(request: HttpRequest, pk: UUID) -> EmergencyAccess:
    return get_object_or_404(rules.emergency_seen_by(request.user), pk=pk)


@require_safe
def emergency_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What it opens, for whoever opened it while it runs; else who, when and why."""
    access, person = _seen(request, pk), _person(request)
    opened = None
    if rules.may_read_with(person, access):
        opened = actions.read_with_emergency(access=access, by=person)
    context = {
        "access": access,
        "organisation": access.organisation,
        "opened": readers.shown(opened) if opened else None,
        "reads": readers.times_read(access),
        "now": timezone.now(),
        "their_help": crisis_help(access.about, access.organisation),
    }
    return render_page(request, "oversight/emergency_detail.html", context)


@require_POST
def emergency_close(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End it now."""
    access = actions.close_emergency(access=_seen(request, pk), by=_person(request))
    messages.success(request, "The access is over. The person is told now.")
    return redirect("oversight:emergency", access.organisation.slug)
