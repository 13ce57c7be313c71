"""The page of outcomes: how scores went, who changed, sessions, who left, how people felt."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from outcomes import change_tables, pulses, queries
from outcomes.analysis_rules import analyses_of
from outcomes.analysis_words import keys_of, told
from outcomes.change_queries import measures_named, measures_of
from outcomes.figure_views import ask
from outcomes.models import Analysis
from supportgroups.lib.htmx import render_page


@require_safe
def outcomes(request: HttpRequest, organisation: str) -> HttpResponse:
    """One questionnaire's figures at a time, and how people felt in sessions."""
    asked, form = ask(request, organisation)
    measures = measures_of(asked.organisation)
    measure = change_tables.measure_asked_for(asked, measures)
    name = urlencode({"measure": measure.key}) if measure else ""
    made = analyses_of(asked.organisation).filter(state=Analysis.State.DONE).first()
    lens = queries.lens_of(asked.organisation, asked.scope, at=asked.at)
    how_felt = pulses.felt_for(asked, lens.groups)
    fewest = asked.organisation.smallest_cell
    return render_page(
        request,
        "outcomes/outcomes.html",
        {
            "asked": asked,
            "organisation": asked.organisation,
            "form": form,
            "measures": measures,
            "measure": measure,
            # What the links to the numbers carry: the questionnaire, and the filters.
            "numbers": "&".join(filter(None, [name, asked.query])),
            "told": change_tables.outcomes_for(asked, measure, lens) if measure else None,
            "pathway": told(made, measures_named(asked.organisation, keys_of(made)))
            if made
            else None,
            "felt": how_felt,
            "felt_table": pulses.table_of(how_felt, fewest=fewest, about=asked.about),
            "felt_by_group": pulses.by_group_table(how_felt, fewest=fewest, about=asked.about),
        },
        "figures",
    )
