"""A person's home and check-ins, and a coordinator's overview."""

from itertools import groupby
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.rules import organisations_coordinated_by, reminders_in_words
from instruments.schema import Item
from outcomes import actions, home, own, queries, readers, rules
from outcomes.figure_views import ask
from outcomes.forms import AnswerForm
from outcomes.models import Response, SurveyInvitation
from outcomes.overview import overview_of
from outcomes.plan_words import next_time
from outcomes.rules import Sheet
from supportgroups.lib.htmx import render_page


def _person(request: HttpRequest) -> User:
    """The signed-in person; the middleware lets nobody else in."""
    return cast(User, request.user)


def _zone() -> ZoneInfo:
    return ZoneInfo(timezone.get_current_timezone_name())


@require_safe
def participant_home(request: HttpRequest) -> HttpResponse:
    """What is next, what waits, and how things go, for everybody who is signed in."""
    at = timezone.now()
    return render_page(
        request,
        "outcomes/participant_home.html",
        {
            "person": _person(request),
            "greeting": home.part_of_day(timezone.localtime(at)),
            "home": home.home_of(_person(request), at=at, zone=_zone()),
            "reminders": reminders_in_words(_person(request)),
        },
    )


# Check-ins ---------------------------------------------------------------------------------------


def _sheet(request: HttpRequest, invitation_id: UUID) -> Sheet:
    """The person's own sheet; somebody else's does not exist for them."""
    return rules.sheet_of(get_object_or_404(rules.invitations_of(request.user), pk=invitation_id))


def _step(sheet: Sheet) -> HttpResponse:
    """On to the first unanswered question, or to the answers when there is none left."""
    if sheet.is_sent:
        return redirect("outcomes:survey_done", sheet.invitation.pk)
    item = sheet.next_item
    if item is None:
        return redirect("outcomes:survey_check", sheet.invitation.pk)
    return redirect("outcomes:survey_question", sheet.invitation.pk, item.id)


@require_http_methods(["GET", "HEAD", "POST"])
def survey_start(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """What this is about, who sees it, and what to agree to. Start keeps what was ticked.

    Whoever has begun goes straight on, on any device.
    """
    sheet, person = _sheet(request, invitation_id), _person(request)
    if sheet.is_sent:
        return _step(sheet)
    refused = rules.why_not_answer(person, sheet)
    if sheet.answered and refused is None:
        return _step(sheet)
    choices = [] if refused else readers.choices_at_start(person, sheet.invitation)
    if request.method == "POST" and refused is None:
        actions.choose_at_start(
            choices=[(each.purpose.code, each.organisation) for each in choices],
            agreed=[each.purpose.code for each in choices if each.purpose.code in request.POST],
            by=person,
        )
        return _step(sheet)
    waiting = queries.open_invitations_of(person, at=timezone.now())
    return render_page(
        request,
        "outcomes/survey_start.html",
        {
            "sheet": sheet,
            "refused": refused,
            "choices": choices,
            "waiting": waiting,
            **_about(sheet, person),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def survey_question(request: HttpRequest, invitation_id: UUID, item_id: str) -> HttpResponse:
    """One question. Continue saves it; so does "Save and finish later", which asks for nothing."""
    sheet = _sheet(request, invitation_id)
    item = sheet.item(item_id)
    if item is None:
        raise Http404
    if sheet.is_sent:
        return _step(sheet)
    rules.check_may_answer(request.user, sheet.invitation)
    later = "later" in request.POST
    given = request.POST if request.method == "POST" else None
    form = AnswerForm(given, item=item, answers=dict(sheet.answers))
    if form.is_valid():
        return _save(request, sheet, item, form.value, later=later)
    if later and "answer" not in request.POST:
        return redirect("outcomes:participant_home")
    return render_page(
        request,
        "outcomes/survey_question.html",
        {
            "sheet": sheet,
            "item": item,
            "stem": sheet.definition.stem_before(item),
            "form": form,
            **_about(sheet, _person(request)),
            **_place(sheet, item),
        },
    )


def _save(
    request: HttpRequest, sheet: Sheet, item: Item, value: int | None, *, later: bool
) -> HttpResponse:
    saved = actions.save_answer(
        invitation=sheet.invitation, item_id=item.id, value=value, by=_person(request)
    )
    if saved.shows_help:
        return redirect("outcomes:survey_support", sheet.invitation.pk)
    if later:
        return redirect("outcomes:participant_home")
    return _step(_sheet(request, sheet.invitation.pk))


@require_safe
def survey_support(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Thanks, whom to call now, and who is told: only what is true at this moment."""
    sheet = _sheet(request, invitation_id)
    if sheet.response is None:
        raise Http404
    concern = rules.concerns_from(sheet.response).first()
    if concern is None:
        return _step(sheet)
    return render_page(
        request, "outcomes/survey_support.html", {"sheet": sheet, "concern": concern}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def survey_check(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """All answers, each with a way to change it; then they are sent."""
    sheet = _sheet(request, invitation_id)
    if sheet.is_sent or sheet.next_item is not None:
        return _step(sheet)
    if request.method == "POST":
        actions.submit_response(invitation=sheet.invitation, by=_person(request))
        return redirect("outcomes:survey_done", invitation_id)
    rules.check_may_answer(request.user, sheet.invitation)
    rows = [(item, _said(item, sheet.answers[item.id])) for item in sheet.items]
    parts = [
        (stem, list(listed))
        for stem, listed in groupby(rows, key=lambda row: sheet.definition.stem_before(row[0]))
    ]
    return render_page(
        request,
        "outcomes/survey_check.html",
        {"sheet": sheet, "parts": parts, **_about(sheet, _person(request))},
    )


@require_safe
def survey_done(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Thanks, what happens next, and the next set of questions if one waits."""
    sheet = _sheet(request, invitation_id)
    if not sheet.is_sent:
        return _step(sheet)
    person, at = _person(request), timezone.now()
    following = queries.open_invitations_of(person, at=at).first()
    return render_page(
        request,
        "outcomes/survey_done.html",
        {
            "sheet": sheet,
            "concern": rules.concerns_from(sheet.response).first() if sheet.response else None,
            "following": _following(following) if following else None,
            "next_time": next_time(sheet.invitation, at=at),
            "parts": _parts(sheet, sheet.response) if sheet.response else [],
            **_about(sheet, person),
        },
    )


def _parts(sheet: Sheet, response: Response) -> list[own.Part]:
    """The scores of parts of the questions."""
    day = own.day_of(response, _zone())
    return own.CheckIn(response, sheet.definition, day, ()).parts


def _following(invitation: SurveyInvitation) -> dict[str, Any]:
    """The next set, which begins with its first open question: all was said on the first page."""
    sheet = rules.sheet_of(invitation)
    item = sheet.next_item
    page = (
        ("survey_question", [invitation.pk, item.id]) if item else ("survey_check", [invitation.pk])
    )
    return {
        "sheet": sheet,
        "name": rules.plain_name(sheet.instrument),
        "questions": rules.questions_in_words(sheet.definition, "short"),
        "minutes": rules.minutes_in_words(len(sheet.items) - sheet.answered),
        "url": reverse(f"outcomes:{page[0]}", args=page[1]),
    }


def _about(sheet: Sheet, person: User) -> dict[str, Any]:
    """What every page of a check-in says about it."""
    group = sheet.invitation.membership.group
    return {
        "name": rules.plain_name(sheet.instrument),
        "short": rules.short_title(sheet.instrument),
        "questions": rules.questions_in_words(sheet.definition, "short"),
        "recall": rules.recall_in_words(sheet.definition),
        "minutes": rules.minutes_in_words(len(sheet.definition.all_items)),
        "definition": sheet.definition,
        "group": group,
        "readers": readers.readers_of_answers(group, person),
    }


def _place(sheet: Sheet, item: Item) -> dict[str, Any]:
    """Where a question stands. A total only where it never changes with the answers."""
    scored = sheet.definition.items
    before = sheet.before(item)
    if any(each.condition is not None for each in sheet.definition.all_items):
        return {"number": sheet.items.index(item) + 1, "total": None, "before": before}
    number = scored.index(item) + 1 if item in scored else None
    return {"number": number, "total": len(scored), "before": before}


def _said(item: Item, value: int | None) -> str:
    return "I would rather not say" if value is None else item.label_of(value)


# The overview ------------------------------------------------------------------------------------


@require_safe
def overview(request: HttpRequest, organisation: str | None = None) -> HttpResponse:
    """What needs somebody today, who stays, who came and who changed; for coordinators."""
    if organisation is None:
        return _choose(request, list(organisations_coordinated_by(request.user).order_by("name")))
    asked, form = ask(request, organisation)
    overview = overview_of(
        asked.user,
        asked.organisation,
        asked.groups,
        asked.scope,
        at=asked.at,
        zone=asked.zone,
        version=asked.version,
    )
    return render_page(
        request, "outcomes/overview.html", {"overview": overview, "form": form}, "figures"
    )


def _choose(request: HttpRequest, organisations: list[Any]) -> HttpResponse:
    if not organisations:
        raise Http404
    if len(organisations) == 1:
        return redirect("outcomes:overview", organisations[0].slug)
    return render_page(request, "outcomes/overview_choice.html", {"organisations": organisations})
