"""What all pages of figures share: whose figures they are, the filters, and each figure as CSV."""

from typing import cast
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.rules import organisations_coordinated_by
from outcomes import change_tables, pulses, queries, staying
from outcomes.forms import ScopeForm
from outcomes.tables import Asked, Make

#: Each figure's key, which stands in the address of its CSV, and what makes its table.
FIGURES: dict[str, Make] = {
    **staying.FIGURES,
    **change_tables.FIGURES,
    **pulses.FIGURES,
}


def ask(request: HttpRequest, organisation: str) -> tuple[Asked, ScopeForm]:
    """The organisation, if this person coordinates it (else 404), and what the filters say."""
    found = get_object_or_404(organisations_coordinated_by(request.user), slug=organisation)
    groups = queries.groups_of(found)
    at, zone = timezone.now(), ZoneInfo(timezone.get_current_timezone_name())
    form = ScopeForm(
        request.GET,
        groups=groups,
        topics=queries.topics_of(found),
        today=at.astimezone(zone).date(),
    )
    return (
        Asked(
            user=cast(User, request.user),
            organisation=found,
            groups=groups,
            scope=form.scope(),
            at=at,
            zone=zone,
            about=form.about,
            query=form.query,
            given=request.GET.dict(),
        ),
        form,
    )


@require_safe
def figure_csv(request: HttpRequest, organisation: str, key: str) -> HttpResponse:
    """The numbers of one figure, with the same filters and the same ones hidden as on its page."""
    asked, _ = ask(request, organisation)
    make = FIGURES.get(key)
    if make is None:
        raise Http404
    # With a byte order mark, because spreadsheets guess wrongly without it.
    response = HttpResponse(make(asked).csv().encode("utf-8-sig"), content_type="text/csv")
    response["Content-Disposition"] = f'attachment; filename="{key}.csv"'
    return response
