"""What all pages of figures share: whose figures they are, the filters, and each figure as CSV."""

from typing import cast
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.reauthentication import recently_confirmed
from accounts.rules import organisations_coordinated_by
from outcomes import change_tables, pulses, queries, staying, taking_part
from outcomes.counting_actions import recount_before_a_page
from outcomes.forms import ScopeForm
from outcomes.models import Recount
from outcomes.tables import Asked, Make

#: Each figure's key, which stands in the address of its CSV, and what makes its table.
FIGURES: dict[str, Make] = {
    **staying.FIGURES,
    **taking_part.FIGURES,
    **change_tables.FIGURES,
    **pulses.FIGURES,
}


def ask(request: HttpRequest, organisation: str) -> tuple[Asked, ScopeForm]:
    """The organisation, if this person coordinates it (else 404), and what the filters say."""
    changed = Recount.objects.filter(group__organisation=OuterRef("pk"))
    mine = organisations_coordinated_by(request.user).annotate(
        has_changed=Exists(changed),
        version=F("counted__version"),
    )
    found = get_object_or_404(mine, slug=organisation)
    has_changed: bool = found.has_changed  # type: ignore[attr-defined]
    version: int | None = found.version  # type: ignore[attr-defined]
    is_counted = True
    if has_changed:
        is_counted = recount_before_a_page(by=None, organisation=found)
        version = None  # it may have been counted again: nothing is remembered, this once
    groups = queries.groups_of(found)
    at, zone = timezone.now(), ZoneInfo(timezone.get_current_timezone_name())
    names = {
        slug: name
        for group in groups
        for slug, name in zip(group.topic_slugs, group.topic_names, strict=True)  # type: ignore[attr-defined]
    }
    topics = sorted(names.items(), key=lambda topic: topic[1])
    today = at.astimezone(zone).date()
    form = ScopeForm(request.GET, groups=groups, topics=topics, today=today)
    return (
        Asked(
            user=cast(User, request.user),
            organisation=found,
            groups=groups,
            scope=form.scope(),
            at=at,
            zone=zone,
            about=form.about,
            chosen=form.chosen,
            query=form.query,
            topics=topics,
            given=request.GET.dict(),
            is_counted=is_counted,
            version=version,
        ),
        form,
    )


@require_safe
@recently_confirmed(gives_file=True)
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
