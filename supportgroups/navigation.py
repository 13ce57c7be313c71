"""The main navigation. It stands above all rooms because it leads into each of them."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from accounts.models import StaffRole, User
from groups.models import FacilitatorAssignment
from safeguarding.context_processors import keep_help
from safeguarding.crisis import lines_beside
from safeguarding.rules import concerns_visible_to
from screening.rules import applications_decided_by
from sessions.safe_rules import groups_reviewed_by, interventions_to_judge, reports_reviewed_by
from supportgroups.lib.prepared import Prepared

#: Staff's pages about groups, which are no part of the public directory.
_STAFF_PAGES = re.compile(
    r"/groups/(|new/|[-\w]+/(setup/.*|preview/|lifecycle/|clone/|members/|dates/|debriefs/"
    r"|check-ins/.*))"
)


@dataclass
class Item:
    """One link. `count` is how much waits there. `also` begin the addresses that belong to it."""

    label: str
    url: str
    count: int = 0
    also: tuple[str, ...] = ()
    current: bool = False


def _number_of(rows: QuerySet[Any]) -> Coalesce:
    """How many rows, as a part of another query."""
    counted = rows.order_by().annotate(one=Value(1)).values("one").annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n")), 0)


#: Stands for whoever asks, in the query below.
_SOMEBODY = User(pk=UUID(int=0), country="??")


def _facts() -> QuerySet[Any, Any]:
    """What coordinators and facilitators have to look at, and the help lines at the page's foot."""
    user = _SOMEBODY
    return (
        User.objects.filter(pk=user.pk)
        .annotate(
            coordinates=Exists(StaffRole.objects.coordinators().filter(user=OuterRef("pk"))),
            leads=Exists(FacilitatorAssignment.objects.filter(user=OuterRef("pk"))),
            applications_waiting=_number_of(applications_decided_by(user).waiting()),
            concerns_open=_number_of(concerns_visible_to(user).open()),
            reviews=Exists(groups_reviewed_by(user)),
            reports_open=_number_of(reports_reviewed_by(user).open()),
            steps_open=_number_of(interventions_to_judge(user)),
            help_lines=lines_beside(user),
        )
        .values(
            "coordinates",
            "leads",
            "applications_waiting",
            "concerns_open",
            "reviews",
            "reports_open",
            "steps_open",
            "help_lines",
        )
    )


_asked_by_every_page = Prepared(_facts)


def _staff_items(request: HttpRequest, user: User) -> list[Item]:
    """Staff's links, by one query, which also finds the help lines."""
    (facts,) = _asked_by_every_page.ask(
        {_SOMEBODY.pk: user.pk, _SOMEBODY.country: user.country or settings.DEFAULT_COUNTRY}
    )
    keep_help(request, facts["help_lines"])
    items = []
    if facts["coordinates"]:
        items.append(Item("Overview", reverse("outcomes:overview")))
    if facts["coordinates"] or facts["leads"]:
        items.append(Item("Groups", reverse("groups:group_list")))
        items.append(
            Item("Applications", reverse("screening:queue"), facts["applications_waiting"])
        )
    if facts["coordinates"] or facts["concerns_open"]:
        items.append(Item("Concerns", reverse("safeguarding:concern_list"), facts["concerns_open"]))
    if facts["coordinates"] or facts["reviews"]:
        waiting = facts["reports_open"] + facts["steps_open"]
        items.append(Item("Reviews", reverse("sessions:review_list"), waiting, also=("/reports/",)))
    return items


def _items(request: HttpRequest) -> list[Item]:
    find = Item("Find a group", reverse("groups:directory"), also=("/groups/",))
    # A request refused early, for example under a foreign host name, has no user yet.
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        home = Item(
            "Home",
            reverse("outcomes:participant_home"),
            also=(
                "/progress/",
                "/summaries/",
                "/surveys/",
                "/applications/",
                "/sessions/",
                "/follow-ups/",
            ),
        )
        settings = Item("Settings", reverse("accounts:profile"), also=("/account/",))
        items = [home, find, *_staff_items(request, user), settings]
    else:
        items = [find, Item("Sign in", reverse("account_login"), also=("/account/",))]
    groups = reverse("groups:group_list")
    is_staff_page = _STAFF_PAGES.fullmatch(request.path) is not None
    for item in items:
        begins = (*item.also, item.url) if item.url != "/" else item.also
        item.current = request.path == item.url or request.path.startswith(begins)
        if item.url == groups or groups in item.also:
            item.current = item.current and is_staff_page == (item.url == groups)
    return items


def navigation(request: HttpRequest) -> dict[str, object]:
    """`nav_items` for the page's head. A part of a page has no head and asks nothing."""
    return {"nav_items": SimpleLazyObject(lambda: _items(request))}
