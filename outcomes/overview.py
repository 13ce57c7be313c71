"""What stands on a coordinator's overview: what needs somebody today, and the figures."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.formats import date_format

from accounts.models import Organisation, User
from audit.chain import last_check
from groups.models import SupportGroup
from outcomes import change_tables, changing, felt, figures, pulses, queries, remembered, rules
from outcomes.change_queries import Measure, followed_by_code, measures_of
from outcomes.changing import Change
from outcomes.queries import SessionCount
from outcomes.scopes import Lens, Scope
from safeguarding.today import Waiting, needed_today
from sessions.before_rules import uncovered
from sessions.models import Cover, SupportSession
from supportgroups.lib.templatetags.ui import time_words

#: An application whose promised time comes within this is due soon.
SOON = timedelta(hours=12)


@dataclass(frozen=True)
class Noticed:
    """One line of a list of groups to look at: what it is about, and where it is handled."""

    title: str
    url: str
    detail: str


@dataclass(frozen=True)
class Look:
    """One reason to look at groups, with exactly the groups that the alert above counts."""

    anchor: str
    heading: str
    title: str
    level: int
    rows: Sequence[Noticed]
    count: int
    detail: str


@dataclass(frozen=True)
class Changed:
    """How many changed, by one questionnaire."""

    measure: Measure
    change: Change


@dataclass(frozen=True)
class Overview:
    """Everything of the page."""

    organisation: Organisation
    scope: Scope
    alerts: Sequence[dict[str, Any]]
    looks: Sequence[Look]
    retention: figures.Retention
    changes: Sequence[Changed]
    change_heading: str
    attended: figures.Attended
    how_felt: felt.Felt


def overview_of(
    user: User,
    organisation: Organisation,
    groups: Sequence[SupportGroup],
    scope: Scope,
    *,
    at: datetime,
    zone: ZoneInfo,
    version: int | None = None,
) -> Overview:
    """Gather the overview of one organisation at one moment.

    `scope` narrows the figures on people, never what needs somebody today. `version` is that of
    what is kept about the organisation's people.
    """
    today, threshold = at.astimezone(zone).date(), organisation.smallest_cell
    lens = queries.lens_of(organisation, scope, at=at, groups=groups)
    since = figures.monday_of(today) - timedelta(weeks=queries.WEEKS - 1)
    sessions = queries.session_counts(
        organisation, since=datetime.combine(since, datetime.min.time(), zone)
    )
    linked = [(g.pk, g.name, reverse("groups:group_detail", args=[g.slug])) for g in groups]
    how_felt = pulses.how_felt(organisation, linked, lens.groups, at=at)
    looks = _looks(
        groups,
        sessions,
        queries.sessions_not_begun(organisation, at=at),
        uncovered(organisation, at=at),
        how_felt(Scope()),
        at=at,
    )
    changes = _changes(organisation, lens, at=at)
    waiting = queries.waiting_for_a_person(user, organisation, at=at)
    met = {row.group_id for row in sessions}
    in_scope = scope.groups(lens.groups)
    return Overview(
        organisation=organisation,
        scope=scope,
        alerts=[
            *_trail_alerts(organisation),
            *_people_alerts(waiting, at=at, zone=zone),
            *(asdict(each) for each in needed_today(waiting, organisation, at=at)),
            *(_look_alert(look) for look in looks),
        ],
        looks=looks,
        retention=_retention(organisation, lens, version=version),
        changes=changes,
        change_heading=_change_heading(changes),
        attended=figures.attended(
            sessions,
            [(pk, name, url) for pk, name, url in linked if pk in met and pk in in_scope],
            today=today,
            zone=zone,
            threshold=threshold,
            most=figures.MOST_GROUPS,
        ),
        how_felt=how_felt(scope),
    )


def _retention(organisation: Organisation, lens: Lens, *, version: int | None) -> figures.Retention:
    blocks = remembered.blocks(
        "stays",
        lens,
        lambda: queries.first_stays(organisation),
        organisation=organisation.pk,
        version=version,
    )
    chosen = blocks.within(lens.scope)
    return figures.retention(
        queries.stays_within([chosen]),
        n=chosen.n,
        anybody=blocks.anybody,
        threshold=lens.threshold,
    )


def _changes(organisation: Organisation, lens: Lens, *, at: datetime) -> list[Changed]:
    """The totals of all questionnaires, from one question to the database."""
    measures = [each for each in measures_of(organisation) if not each.scale]
    rows = followed_by_code(organisation, [each.instrument.code for each in measures], at=at)
    return [
        Changed(each, changing.change(each, rows[each.instrument.code], changing.settled(lens)))
        for each in measures
    ]


def _change_heading(changes: Sequence[Changed]) -> str:
    """The finding of the first questionnaire that shows one."""
    if not changes:
        return "Nobody has answered a first check-in yet"
    told = next((each for each in changes if each.change.improved is not None), changes[0])
    return change_tables.change_heading(told.measure, told.change)


def _trail_alerts(organisation: Organisation) -> list[dict[str, Any]]:
    check = last_check()
    if check is None or check.is_whole:
        return []
    return [
        {
            "count": 1,
            "level": 1,
            "title": "The trail of this site was changed from outside",
            "url": reverse("oversight:trail", args=[organisation.slug]),
            "detail": "Please tell whoever runs the site.",
        }
    ]


def _people_alerts(
    waiting: Mapping[str, Waiting], *, at: datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """Concerns first, then applications: both are people who wait for a person."""
    alerts = []
    concerns, applications = waiting["concerns"], waiting["applications"]
    if concerns.n:
        alerts.append(
            {
                "count": concerns.n,
                "level": 1,
                "title": "Concern to look at" if concerns.n == 1 else "Concerns to look at",
                "url": reverse("safeguarding:concern_list"),
                "detail": _promise(concerns, "Be in touch by", at=at, zone=zone),
            }
        )
    if applications.n:
        soon = applications.earliest is not None and applications.earliest < at + SOON
        alerts.append(
            {
                "count": applications.n,
                "level": 2 if soon else 0,
                "title": (
                    "Application to answer" if applications.n == 1 else "Applications to answer"
                ),
                "url": reverse("screening:queue"),
                "detail": _promise(applications, "The first is promised by", at=at, zone=zone),
            }
        )
    return alerts


def _promise(waiting: Waiting, words: str, *, at: datetime, zone: ZoneInfo) -> str:
    if waiting.earliest is None:
        return ""
    moment = time_words(waiting.earliest, zone, "time")
    day = time_words(waiting.earliest, zone, "short")
    same_day = waiting.earliest.astimezone(zone).date() == at.astimezone(zone).date()
    sentence = f"{words} {moment} {'today' if same_day else f'on {day}'}."
    if waiting.late:
        sentence += f" {waiting.late} {'is' if waiting.late == 1 else 'are'} past that time."
    return sentence


def _look_alert(look: Look) -> dict[str, Any]:
    return {
        "count": look.count,
        "level": look.level,
        "title": look.title,
        "url": look.rows[0].url if len(look.rows) == 1 else f"#{look.anchor}",
        "detail": look.detail,
    }


def _looks(
    groups: Sequence[SupportGroup],
    sessions: Sequence[SessionCount],
    not_begun: Sequence[SupportSession],
    covers: Iterable[Cover],
    how_felt: felt.Felt,
    *,
    at: datetime,
) -> list[Look]:
    listed = [group for group in groups if group.lifecycle == SupportGroup.Lifecycle.LISTED]
    found = [
        _without_facilitator(listed),
        _uncovered(covers, at=at),
        _not_begun(not_begun),
        _less_safe(how_felt),
        _emptying(listed, sessions),
        _waiting_lists(groups, at=at),
    ]
    return [look for look in found if look.rows]


def _group_url(group: SupportGroup) -> str:
    return reverse("groups:group_detail", args=[group.slug])


def _without_facilitator(groups: Sequence[SupportGroup]) -> Look:
    rows = [
        Noticed(group.name, _group_url(group), "Nobody leads it. Name a facilitator or pause it.")
        for group in groups
        if not group.leaders  # type: ignore[attr-defined]
    ]
    title = "Group has no facilitator" if len(rows) == 1 else "Groups have no facilitator"
    detail = _names(row.title for row in rows)
    return Look("no-facilitator", "No facilitator", title, 2, rows, len(rows), detail)


#: A session that needs somebody to lead it within this time comes first.
UNCOVERED_SOON = timedelta(hours=72)


def _uncovered(covers: Iterable[Cover], *, at: datetime) -> Look:
    rows, soon = [], False
    for cover in covers:
        support_session = cover.support_session
        soon = soon or support_session.starts_at < at + UNCOVERED_SOON
        rows.append(
            Noticed(
                f"{support_session.group.name}, {time_words(support_session.starts_at)}",
                reverse("sessions:cover", args=[support_session.pk]),
                f"{cover.facilitator.public_name} cannot come. Nobody has taken over yet.",
            )
        )
    title = "Session needs cover" if len(rows) == 1 else "Sessions need cover"
    detail = rows[0].title + "." if len(rows) == 1 else _names(row.title for row in rows)
    level = 2 if soon else 0
    return Look("uncovered", "Nobody has taken over", title, level, rows, len(rows), detail)


def _not_begun(sessions: Sequence[SupportSession]) -> Look:
    rows = [
        Noticed(
            f"{support_session.group.name}, {time_words(support_session.starts_at)}",
            reverse("sessions:session_detail", args=[support_session.pk]),
            "Nobody has begun it. Ask the facilitator what happened.",
        )
        for support_session in sessions
    ]
    title = "Session was not begun" if len(rows) == 1 else "Sessions were not begun"
    detail = _names(support_session.group.name for support_session in sessions)
    return Look("not-begun", "Not begun in the last 7 days", title, 2, rows, len(rows), detail)


def _less_safe(how_felt: felt.Felt) -> Look:
    rows = [
        Noticed(
            row.label,
            row.url,
            f"Felt safe: {row.safe.value:.1f} of 5 in {date_format(row.is_about, 'F')}, "
            f"{row.safe.n} answers. Talk with those who lead it.",
        )
        for row in how_felt.groups
        if row.safe and row.is_about and row.safe.value < felt.LOOK_BELOW
    ]
    title = "Group feels less safe" if len(rows) == 1 else "Groups feel less safe"
    detail = _names(row.title for row in rows)
    return Look("less-safe", "People felt less safe", title, 2, rows, len(rows), detail)


def _emptying(groups: Sequence[SupportGroup], sessions: Sequence[SessionCount]) -> Look:
    rows = []
    came_to: dict[UUID, list[int]] = defaultdict(list)
    for row in sessions:
        came_to[row.group_id].append(row.came)
    for group in groups:
        came = came_to[group.pk]
        if rules.is_emptying(came):
            before = came[: -rules.LATEST_SESSIONS]
            rows.append(
                Noticed(
                    group.name,
                    _group_url(group),
                    f"About {round(sum(before) / len(before))} came before, {came[-1]} last time.",
                )
            )
    title = "Group is emptying" if len(rows) == 1 else "Groups are emptying"
    detail = (
        f"{rows[0].title}: {rows[0].detail}"
        if len(rows) == 1
        else _names(row.title for row in rows)
    )
    return Look("emptying", "Clearly fewer come than before", title, 2, rows, len(rows), detail)


def _waiting_lists(groups: Sequence[SupportGroup], *, at: datetime) -> Look:
    rows, longest = [], (0, "")
    for group in groups:
        waiting, since = group.waiting, group.waiting_since  # type: ignore[attr-defined]
        if not waiting:
            continue
        days = (at - since).days if since else 0
        longest = max(longest, (days, group.name))
        people = "1 person waits" if waiting == 1 else f"{waiting} people wait"
        rows.append(
            Noticed(
                group.name,
                f"{reverse('screening:queue')}#list-title",
                f"{people}, the first for {_days(days)}.",
            )
        )
    count = sum(group.waiting for group in groups)  # type: ignore[attr-defined]
    title = "Person on a waiting list" if count == 1 else "People on waiting lists"
    detail = f"Longest wait: {_days(longest[0])}, {longest[1]}."
    return Look("waiting-lists", "Waiting lists", title, 0, rows, count, detail)


def _days(days: int) -> str:
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"


def _names(names: Any) -> str:
    """Up to three names, and how many more."""
    listed = list(dict.fromkeys(names))
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return f"{', '.join(listed[:3])}{more}."
