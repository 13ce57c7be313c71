"""The question of support, stress and mood: ask it, watch it being made, read it."""

from typing import Any, cast
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Organisation, User
from accounts.reauthentication import recently_confirmed
from accounts.rules import organisations_coordinated_by
from outcomes.analysis_actions import ask_analysis
from outcomes.analysis_forms import AnalysisForm
from outcomes.analysis_rules import FEWEST, analyses_of
from outcomes.analysis_words import keys_of, names_of, told
from outcomes.change_queries import measures_named, measures_of
from outcomes.models import Analysis
from supportgroups.lib.htmx import render_page

#: So many earlier ones are listed.
LATEST = 12


def _organisation(request: HttpRequest, slug: str) -> Organisation:
    """The organisation, if this person coordinates it; others' do not exist."""
    return get_object_or_404(organisations_coordinated_by(request.user), slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
def pathways(request: HttpRequest, organisation: str) -> HttpResponse:
    """Ask the question, and what was asked before."""
    found = _organisation(request, organisation)
    measures = measures_of(found)
    form = AnalysisForm(request.POST or None, measures=measures)
    if form.is_valid():
        analysis = ask_analysis(
            organisation=found, by=cast(User, request.user), **form.cleaned_data
        )
        return redirect("outcomes:pathway_detail", found.slug, analysis.pk)
    earlier = list(analyses_of(found)[:LATEST])
    named = measures_named(found, keys_of(*earlier))
    return render_page(
        request,
        "outcomes/pathways.html",
        {
            "organisation": found,
            "form": form,
            "can_ask": len(measures) >= 3,
            "fewest": FEWEST,
            "listed": [(each, names_of(each, named)) for each in earlier],
        },
    )


def _analysis(request: HttpRequest, organisation: str, pk: UUID) -> dict[str, Any]:
    found = _organisation(request, organisation)
    analysis = get_object_or_404(analyses_of(found), pk=pk)
    measures = measures_named(found, keys_of(analysis))
    is_working = analysis.state in (Analysis.State.WAITING, Analysis.State.WORKING)
    return {
        "organisation": found,
        "analysis": analysis,
        "names": names_of(analysis, measures),
        "told": told(analysis, measures),
        "is_working": is_working,
        "fewest": FEWEST,
    }


@require_safe
def pathway_detail(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """The progress of one analysis, then its result."""
    context = _analysis(request, organisation, pk)
    return render_page(request, "outcomes/pathway_detail.html", context, "pathway")


@require_safe
@recently_confirmed(gives_file=True)
def pathway_csv(request: HttpRequest, organisation: str, pk: UUID) -> HttpResponse:
    """Its numbers."""
    found = _analysis(request, organisation, pk)["told"]
    if found is None:
        raise Http404
    response = HttpResponse(found.table.csv().encode("utf-8-sig"), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="pathway.csv"'
    return response
