"""The page "Taking part", and the sessions behind a week of the attendance table."""

from datetime import date, datetime, timedelta

from django.db.models import Count, F, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from outcomes.figure_views import ask
from outcomes.taking_part import TakingPart
from sessions.models import Attendance, SupportSession
from supportgroups.lib.htmx import render_page


@require_safe
def engagement(request: HttpRequest, organisation: str) -> HttpResponse:
    """Who came, how often, in time, who spoke, and how people get in."""
    asked, form = ask(request, organisation)
    context = {"asked": asked, "form": form, "part": TakingPart(asked)}
    return render_page(request, "outcomes/engagement.html", context, "figures")


@require_safe
def week_list(request: HttpRequest, organisation: str) -> HttpResponse:
    """The held sessions of one group in one week, as many people as the table's cell says."""
    asked, _ = ask(request, organisation)
    group = next((each for each in asked.groups if each.slug == asked.given.get("of")), None)
    monday = _monday(asked.given.get("week", ""))
    if group is None or monday is None:
        raise Http404
    begin = datetime.combine(monday, datetime.min.time(), asked.zone)
    end = datetime.combine(monday + timedelta(days=7), datetime.min.time(), asked.zone)
    held = (
        SupportSession.objects.held()
        .filter(group=group, starts_at__gte=begin, starts_at__lt=end)
        .annotate(
            came=F("gone_came")
            + Count("attendances", filter=Q(attendances__status__in=Attendance.CAME)),
            expected=F("gone_expected")
            + Count("attendances", filter=~Q(attendances__status=Attendance.Status.EXCUSED)),
        )
        .order_by("starts_at")
    )
    context = {"asked": asked, "group": group, "monday": monday, "sessions": held}
    return render_page(request, "outcomes/week_list.html", context)


def _monday(words: str) -> date | None:
    try:
        found = date.fromisoformat(words)
    except ValueError:
        return None
    return found if found.weekday() == 0 and found.year < 9000 else None
