"""The page "Staying": how long people come, and the lists of people behind its numbers."""

import re
from datetime import date

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from outcomes import queries
from outcomes.figure_views import ask
from outcomes.forms import CompareForm
from outcomes.models import Presence, Stay
from outcomes.scopes import Chosen
from outcomes.staying import Staying
from outcomes.tables import Asked
from supportgroups.lib.htmx import render_page

PAGE_SIZE = 50
_MONTH = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])", re.ASCII)


@require_safe
def retention(request: HttpRequest, organisation: str) -> HttpResponse:
    """How long people stay, by whatever the filters and the comparison say."""
    asked, form = ask(request, organisation)
    comparing = CompareForm(request.GET)
    staying = Staying(asked, compare=comparing.chosen)
    context = {"asked": asked, "form": form, "comparing": comparing, "staying": staying}
    return render_page(request, "outcomes/retention.html", context, "figures")


@require_safe
def stay_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """The people behind one number of the page, as many as the number says."""
    asked, _ = ask(request, organisation)
    heading, rows = _listed(asked)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "asked": asked,
        "heading": heading,
        "page": page,
        "compare": asked.given.get("compare", ""),
    }
    return render_page(request, "outcomes/stay_list.html", context)


def _listed(asked: Asked) -> tuple[str, QuerySet[Stay] | QuerySet[Presence]]:
    """What the list is called, and its rows."""
    staying, show = Staying(asked), asked.given.get("show", "counted")
    if show == "counted":
        at = asked.given.get("at", "0")
        if not (at.isascii() and at.isdigit() and len(at) <= 4):
            raise Http404
        counted = queries.stays_listed(staying.chosen, at_least=int(at))
        if int(at) not in {step.session for step in staying.retention.steps}:
            counted = counted.none()  # beyond where the curve ends
        return f"Counted {at} sessions after their first", counted
    if show == "began":
        since, until = (_month(asked.given.get(name, "")) for name in ("since", "until"))
        began = [
            block
            for block in staying.chosen.blocks
            if all(since <= month <= until for month in block.months)
        ]
        chosen = Chosen(began, staying.chosen.kinds)
        return "Came for the first time", queries.stays_listed(chosen, firsts=True)
    if show == "never":
        return "Accepted, and have not come", queries.never_came(staying.uptake_chosen)
    raise Http404


def _month(words: str) -> date:
    found = _MONTH.fullmatch(words)
    if found is None:
        raise Http404
    return date(int(found[1]), int(found[2]), 1)
