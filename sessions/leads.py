"""What only those who lead a session see in its room: each part by name, and what it shows.

A page shows a part as the contents of `id="leads-<part>"` when it is loaded; after
`live.publish_to_leads(session_id, part)` every process reads it afresh and sends it to the sockets
of people who lead at that moment. To add one: a line in `PARTS` and the template
`sessions/leads_<part>.html`. Its HTML is for several people: no token against forgery stands in it;
buttons name the page's own form instead (`form="act"` with a `formaction`). Give its elements an
`id`, and the page keeps those that did not change, with their focus.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from sessions import door_rules, heard_rules, rules, safe_rules, talk_rules
from sessions.models import SupportSession

PARTS: dict[str, Callable[[SupportSession], dict[str, Any]]] = {
    "line": talk_rules.line_shown,
    "reports": safe_rules.reports_part,
    "hints": safe_rules.hints_part,
    "knocks": door_rules.knocks_shown,
    "people": door_rules.people_shown,
    "heard": heard_rules.heard_shown,
}


def parts(support_session: SupportSession, names: Iterable[str] = ()) -> dict[str, SafeString]:
    """The HTML of these parts, or of all. Whoever asks has checked that the reader leads."""
    with timezone.override(ZoneInfo(support_session.group.time_zone)):
        return {
            name: render_to_string(
                f"sessions/leads_{name}.html",
                {"support_session": support_session} | PARTS[name](support_session),
            )
            for name in names or PARTS
            if name in PARTS
        }


def parts_for(
    session_id: UUID, names: Iterable[str], people: Collection[UUID]
) -> tuple[set[UUID], dict[str, SafeString]]:
    """Which of these people lead from inside the room, and the parts for them.

    Who leads is asked last: somebody who ceased to while the parts were read gets none.
    """
    support_session = SupportSession.objects.select_related("group").get(pk=session_id)
    html = parts(support_session, names)
    return rules.leading_from_inside(support_session, people), html
