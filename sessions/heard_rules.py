"""Who was heard, and how evenly: for those who lead. Asks, never writes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from sessions import balance, floor_rules
from sessions.models import Attendance, SupportSession, Turn

#: "Over the last sessions" are so many, the running one not counted.
LAST_SESSIONS = 5


@dataclass(frozen=True)
class Heard:
    """One member's part in what was said."""

    name: str
    messages: int
    minutes: int
    #: Percent of all that members said today, and over the last sessions they came to.
    share: int
    share_lately: int | None

    @property
    def is_unheard(self) -> bool:
        return not self.messages and not self.minutes and not self.share


def said_by(support_session: SupportSession) -> dict[UUID, int]:
    """How many messages each person sent. Questions without a name are nobody's."""
    return dict(
        support_session.messages.filter(is_anonymous=False)
        .order_by()
        .values("sender")
        .annotate(number=Count("*"))
        .values_list("sender", "number")
    )


def spoke_by(support_session: SupportSession) -> dict[UUID, float]:
    """For how many seconds each person had a turn, the one that runs included."""
    spoke: dict[UUID, float] = {}
    spoken = [Turn.Status.DONE, Turn.Status.SPEAKING]
    for turn in support_session.turns.filter(status__in=spoken):
        spoke[turn.user_id] = spoke.get(turn.user_id, 0) + floor_rules.seconds_spoken(turn)
    return spoke


def _came(support_session: SupportSession) -> list[Attendance]:
    return list(
        support_session.attendances.filter(first_seen_at__isnull=False)
        .select_related("membership__user")
        .order_by("membership__user__display_name", "pk")
    )


def heard_shown(support_session: SupportSession) -> dict[str, Any]:
    """Not yet heard today, the balance of today and lately, and each member's share."""
    came = _came(support_session)
    users = [each.membership.user_id for each in came]
    said, spoke = said_by(support_session), spoke_by(support_session)
    today = balance.shares(
        {user: said.get(user, 0) for user in users}, {user: spoke.get(user, 0) for user in users}
    )
    lately = shares_lately(support_session)
    rows = [
        Heard(
            name=each.membership.user.public_name,
            messages=said.get(each.membership.user_id, 0),
            minutes=round(spoke.get(each.membership.user_id, 0) / 60),
            share=round(100 * today[each.membership.user_id]),
            share_lately=_percent(lately.get(each.membership.user_id)),
        )
        for each in came
    ]
    silent = {user for user in users if not said.get(user) and not spoke.get(user)}
    return {
        "rows": rows,
        "unheard": [
            each.membership.user.public_name for each in came if each.membership.user_id in silent
        ],
        "balance": _percent(balance.balance(list(today.values()))),
        "definition": balance.DEFINITION,
        "last_sessions": LAST_SESSIONS,
    }


def _percent(part: float | None) -> int | None:
    return None if part is None else round(100 * part)


def _last_held(support_session: SupportSession) -> list[UUID]:
    held = SupportSession.objects.held().filter(group=support_session.group_id)
    return list(
        held.exclude(pk=support_session.pk)
        .order_by("-starts_at")
        .values_list("pk", flat=True)[:LAST_SESSIONS]
    )


def shares_lately(support_session: SupportSession) -> dict[UUID, float]:
    """Each member's mean share over those of the last sessions that they came to."""
    parts: dict[UUID, list[float]] = {}
    for _, shares in shares_of(_last_held(support_session)).items():
        for user_id, share in shares.items():
            parts.setdefault(user_id, []).append(share)
    return {user_id: sum(found) / len(found) for user_id, found in parts.items()}


def shares_of(session_ids: list[UUID]) -> dict[UUID, dict[UUID, float]]:
    """Session -> member -> share, from what was written down when each session ended."""
    rows = Attendance.objects.filter(
        support_session__in=session_ids, status__in=Attendance.CAME
    ).values_list("support_session", "membership__user", "said_count", "spoke_seconds")
    said: dict[UUID, dict[UUID, float]] = {}
    spoke: dict[UUID, dict[UUID, float]] = {}
    for session_id, user_id, messages, seconds in rows:
        said.setdefault(session_id, {})[user_id] = messages
        spoke.setdefault(session_id, {})[user_id] = seconds
    return {pk: balance.shares(said[pk], spoke[pk]) for pk in said}


@dataclass(frozen=True)
class Balanced:
    """How evenly the members of one session were heard. None where nothing can be said."""

    support_session: SupportSession
    people: int
    unheard: int
    percent: int | None


def balance_over_time(group_id: UUID, *, sessions: int = 12) -> list[Balanced]:
    """The last sessions, oldest first."""
    held = list(
        SupportSession.objects.held().filter(group=group_id).order_by("-starts_at")[:sessions]
    )[::-1]
    shares = shares_of([each.pk for each in held])
    return [
        Balanced(
            each,
            people=len(shares.get(each.pk, {})),
            unheard=sum(part == 0 for part in shares.get(each.pk, {}).values()),
            percent=_percent(balance.balance(list(shares.get(each.pk, {}).values()))),
        )
        for each in held
    ]


def balance_shown(group_id: UUID, *, least: int) -> dict[str, Any] | None:
    """The balance of the last sessions as a chart and a table, or None without one. Sessions to
    which fewer than `least` members came are left out: their figure is about single people."""
    rows = balance_over_time(group_id)
    scores = [
        (each.support_session.starts_at, float(each.percent))
        for each in rows
        if each.percent is not None and each.people >= least
    ]
    if not scores:
        return None
    newest = [score for _, score in scores[-LAST_SESSIONS:]]
    return {
        "rows": rows,
        "least": least,
        "scores": scores,
        "heading": (
            f"Balance {round(sum(newest) / len(newest))} of 100 over the last "
            f"{len(newest)} session{'s' if len(newest) > 1 else ''}"
        ),
        "definition": balance.DEFINITION,
    }
