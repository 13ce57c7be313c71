"""By the clock: offers that ran out, free places, and news whose mail was lost on the way."""

import logging
from uuid import UUID

from django.utils import timezone

from groups import actions, rules, tasks
from groups.models import SupportGroup

logger = logging.getLogger(__name__)

#: How many groups one run looks after; the next minute goes on.
_AT_ONCE = 200


def pass_offers_on() -> None:
    """Take back offers that ran out, and offer places that are free while somebody waits.

    Each group is one transaction behind its row's lock: a worker that is killed, or a second one
    at the same time, never gives a place twice. One group that fails does not stop the others.
    """
    now = timezone.now()
    for group in SupportGroup.objects.filter(pk__in=_groups_to_look_at()[:_AT_ONCE]):
        try:
            actions.expire_offers(group=group, at=now)
        except Exception:
            logger.exception("groups.offers_failed", extra={"group": str(group.pk)})


def _groups_to_look_at() -> list[UUID]:
    expired = rules.expired_offers().values_list("group", flat=True).distinct()
    free = rules.groups_with_a_place_to_offer().values_list("pk", flat=True)
    return list(dict.fromkeys([*expired, *free]))


def send_overdue_news() -> None:
    """Send again what was not told: after a minute, then ten minutes, then two hours."""
    for notice_id in rules.notices_overdue().values_list("pk", flat=True)[:_AT_ONCE]:
        tasks.tell_person.delay(str(notice_id))
