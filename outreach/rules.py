"""What a feed would change, who may import, and who oversees what comes in. Asks, never writes."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from django.db.models import Case, QuerySet, When

from accounts.models import Organisation, StaffRole, User
from accounts.rules import Viewer, organisations_coordinated_by
from groups.models import SupportGroup
from groups.rules import may_oversee
from outreach.entries import Entry, Row, fingerprint
from outreach.models import Feed, FeedEntry, Import, ImportRow
from supportgroups.lib.refusals import Refused

Outcome = ImportRow.Outcome
Lifecycle = SupportGroup.Lifecycle

#: Columns of a group that a feed can give, and what people call them.
FIELDS = {
    "name": "name",
    "purpose": "purpose",
    "who_it_is_for": "who it is for",
    "what_to_expect": "what to expect",
    "facilitation": "who leads it",
    "format": "online or in person",
    "capacity": "places",
    "language": "language",
    "accessibility": "accessibility",
    "accessibility_features": "what the place offers",
    "place": "place",
    "address": "address",
    "latitude": "position",
    "longitude": "position",
    "online_link": "online link",
    "joining_details": "how to join",
    "time_zone": "time zone",
}


KEPT = " Its group stays as it is."


# Who ----------------------------------------------------------------------------------------------


def imports_visible_to(user: Viewer) -> QuerySet[Import]:
    """Runs of the organisations that this person coordinates. Others are 404."""
    return Import.objects.filter(feed__organisation__in=organisations_coordinated_by(user))


def overseer_for(organisation: Organisation, chosen: User | None = None) -> User | None:
    """Who oversees peer-led groups of a feed: whom staff chose, else a supervisor, else a
    coordinator; who came first, first."""
    may = may_oversee(organisation.pk)
    if chosen is not None and may.filter(pk=chosen.pk).exists():
        return chosen
    supervises = StaffRole.objects.agreed().filter(
        organisation=organisation, role=StaffRole.Role.SUPERVISOR
    )
    first = Case(When(pk__in=supervises.values("user"), then=0), default=1)
    return may.order_by(first, "joined_at", "pk").first()


# What would change --------------------------------------------------------------------------------


@dataclass
class Planned:
    """What becomes of one row, or of one group that the feed lost."""

    number: int
    key: str
    name: str
    outcome: str
    reason: str = ""
    flags: list[str] = field(default_factory=list)
    entry: Entry | None = None
    known: FeedEntry | None = None

    @property
    def read(self) -> Entry:
        """The entry of a row that is not refused and not lost."""
        return cast(Entry, self.entry)

    @property
    def before(self) -> FeedEntry:
        """What is known of a row that is not new."""
        return cast(FeedEntry, self.known)

    def same_as(self, row: ImportRow) -> bool:
        return (row.number, row.key, row.outcome) == (self.number, self.key, self.outcome)


def slug_in(key: str) -> str:
    """The feed's own slug in a key; what follows tells rows apart that share it."""
    return key.partition("~")[0]


def _distinct_key(row: Row) -> str:
    """A key that neither the order of the file nor a change of the notes moves."""
    entry = cast(Entry, row.entry)
    when = [entry.rrule, entry.starts_at_time, entry.name, entry.place]
    return f"{row.slug}~{fingerprint(when)[:12]}"


def _keys(rows: Iterable[Row], known: Iterable[FeedEntry]) -> dict[int, str]:
    """Row number -> key. A slug alone is its key; several rows with one get one each.

    Rows are matched to what is known by content first, then by key; what remains alone on both
    sides of one slug belongs together.
    """
    by_slug: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.entry is not None:
            by_slug[row.slug].append(row)
    before: dict[str, list[FeedEntry]] = defaultdict(list)
    for entry in known:
        before[slug_in(entry.key)].append(entry)
    keys: dict[int, str] = {}
    for slug, same in by_slug.items():
        keys |= _keys_of_one(slug, same, before[slug])
    return keys


def _keys_of_one(slug: str, rows: list[Row], known: list[FeedEntry]) -> dict[int, str]:
    if len(rows) == 1 and len(known) <= 1:
        return {rows[0].number: known[0].key if known else slug}
    free = {entry.key: entry for entry in known}
    keys: dict[int, str] = {}
    printed = {row.number: row.entry.fingerprint() for row in rows if row.entry is not None}
    rest = sorted(rows, key=lambda row: printed[row.number])

    def take(row: Row, key: str) -> None:
        keys[row.number] = key
        free.pop(key, None)

    for row in list(rest):
        match = next(
            (k for k, e in sorted(free.items()) if e.fingerprint == printed[row.number]), None
        )
        if match is not None:
            take(row, match)
            rest.remove(row)
    for row in list(rest):
        if (key := _distinct_key(row)) in free:
            take(row, key)
            rest.remove(row)
    if len(rest) == 1 and len(free) == 1:
        take(rest.pop(), next(iter(free)))
    used = {*keys.values(), *(entry.key for entry in known)}
    for row in rest:
        key = _distinct_key(row)
        if key in used:
            key = f"{key}-{printed[row.number][:12]}"
        used.add(key)
        keys[row.number] = key
    return keys


def known_entries(feed: Feed | None) -> list[FeedEntry]:
    """What the feed brought before, with the groups."""
    if feed is None:
        return []
    return list(feed.entries.select_related("group").order_by("key"))


def plan(*, rows: list[Row], feed: Feed | None, overseer: User | None) -> list[Planned]:
    """Each row as new, changed, unchanged or refused, then the groups that the feed lost."""
    known = known_entries(feed)
    by_key = {entry.key: entry for entry in known}
    keys = _keys(rows, known)
    planned = [_planned(row, keys.get(row.number, ""), by_key, overseer) for row in rows]
    _say_what_differs(planned)
    there = {item.key for item in planned if item.entry is not None}
    refused = {row.slug for row in rows if row.entry is None and row.slug}
    number = max((row.number for row in rows), default=0)
    for entry in known:
        lost = entry.key not in there and slug_in(entry.key) not in refused
        if lost and not entry.paused_from and entry.group.lifecycle in (
            Lifecycle.DRAFT, Lifecycle.LISTED
        ):  # fmt: skip
            number += 1
            planned.append(
                Planned(
                    number,
                    entry.key,
                    entry.group.name,
                    Outcome.PAUSED,
                    "The feed no longer has it.",
                    known=entry,
                )
            )
    return planned


def _planned(row: Row, key: str, by_key: dict[str, FeedEntry], overseer: User | None) -> Planned:
    if row.entry is None:
        keeps = any(key in by_key for key in (row.slug, key))
        reason = f"{row.reason}{KEPT}" if keeps else row.reason
        return Planned(row.number, row.slug, row.name, Outcome.REFUSED, reason, row.flags)
    known = by_key.get(key)
    planned = Planned(
        row.number, key, row.name, Outcome.NEW, flags=row.flags, entry=row.entry, known=known
    )
    if known is None:
        if overseer is None and row.entry.facilitation == "peer_led":
            planned.reason = "It comes in as a draft: nobody oversees it yet."
        elif row.entry.facilitation != "peer_led":
            planned.reason = "It comes in as a draft: name who leads it first."
        return planned
    planned.outcome = Outcome.UNCHANGED
    group = known.group
    if group.lifecycle == Lifecycle.CLOSED:
        planned.reason = "The group is closed here and stays closed."
    elif known.paused_from and row.entry.is_active and group.lifecycle == Lifecycle.PAUSED:
        if can_go_on(known, group, overseer):
            planned.outcome, planned.reason = Outcome.CHANGED, "It is back and goes on."
        elif known.fingerprint != row.entry.fingerprint():
            planned.outcome = Outcome.CHANGED
        else:
            planned.reason = "It stays paused: nobody oversees it."
    elif known.fingerprint != row.entry.fingerprint():
        planned.outcome = Outcome.CHANGED
    elif is_waiting_for_overseer(group) and overseer is not None:
        planned.outcome, planned.reason = Outcome.CHANGED, "Somebody oversees it now: it is listed."
    return planned


def is_waiting_for_overseer(group: SupportGroup) -> bool:
    """Whether a draft from a feed lacks nothing but an overseer."""
    return group.lifecycle == Lifecycle.DRAFT and is_without_overseer(group)


def is_without_overseer(group: SupportGroup) -> bool:
    """Whether a group must have an overseer and has none."""
    peer_led = group.facilitation == SupportGroup.Facilitation.PEER_LED
    return peer_led and group.overseer_id is None


def can_go_on(known: FeedEntry, group: SupportGroup, overseer: User | None) -> bool:
    """Whether a group that the feed paused can be what it was; listed only with an overseer."""
    was_listed = known.paused_from == Lifecycle.LISTED
    return not (was_listed and is_without_overseer(group) and overseer is None)


def value_of(entry: Entry, name: str) -> Any:
    """A field as the group's column holds it."""
    value = getattr(entry, name)
    if name in ("latitude", "longitude"):
        return value or None
    return value


def differs(group: SupportGroup, entry: Entry) -> list[str]:
    """Columns of the group that the feed gives and that hold something else."""
    names = []
    for name in FIELDS:
        if name in entry.given:
            now, then = getattr(group, name), value_of(entry, name)
            if name in ("latitude", "longitude") and now is not None:
                now = f"{now:.2f}"
            if now != then:
                names.append(name)
    return names


def rhythm_differs(group: SupportGroup, entry: Entry) -> bool:
    """Whether the feed gives other times. Needs the group's `series`."""
    if "rrule" not in entry.given:
        return False
    series = group.current_series()
    if series is None or not entry.rrule:
        return bool(entry.rrule) or series is not None
    return (
        series.rrule != entry.rrule
        or f"{series.starts_at_time:%H:%M}" != entry.starts_at_time
        or series.minutes != entry.minutes
        or series.time_zone != entry.time_zone
        or (bool(entry.starts_on) and series.starts_on.isoformat() != entry.starts_on)
    )


def groups_of(planned: Iterable[Planned]) -> dict[UUID, SupportGroup]:
    """The groups of rows that change, with what is compared."""
    pks = [item.known.group_id for item in planned if item.known is not None]
    groups: dict[UUID, SupportGroup] = {}
    for start in range(0, len(pks), 2000):
        found = SupportGroup.objects.filter(pk__in=pks[start : start + 2000])
        groups |= {g.pk: g for g in found.prefetch_related("series", "topics")}
    return groups


def _say_what_differs(planned: list[Planned]) -> None:
    changed = [item for item in planned if item.outcome == Outcome.CHANGED and not item.reason]
    groups = groups_of(changed)
    for item in changed:
        group, entry = groups[item.before.group_id], item.read
        words = list(dict.fromkeys(FIELDS[name] for name in differs(group, entry)))
        if rhythm_differs(group, entry):
            words.append("when it meets")
        if "topics" in entry.given:
            has = {topic.name.casefold() for topic in group.topics.all()}
            if not {name.casefold() for name, _ in entry.topics} <= has:
                words.append("topics")
        if not entry.is_active and not item.before.paused_from:
            words.append("it does not meet at the moment")
        item.reason = f"Differs: {', '.join(words)}." if words else "Small differences only."


def loses_too_much(planned: Iterable[Planned | ImportRow], feed: Feed | None) -> bool:
    """Whether more than half of a feed's groups would be paused: perhaps the file is not whole."""
    lost = sum(item.outcome == Outcome.PAUSED for item in planned)
    if not lost or feed is None:
        return False
    there = feed.entries.filter(paused_from="").exclude(group__lifecycle=Lifecycle.CLOSED).count()
    return lost * 2 > there


def counts(planned: Iterable[Planned | ImportRow]) -> dict[str, int]:
    """Outcome -> how many, in the order in which they are always said."""
    numbers = dict.fromkeys(["new", "changed", "unchanged", "paused", "refused"], 0)
    for item in planned:
        numbers[item.outcome] += 1
    return numbers


# Moves --------------------------------------------------------------------------------------------


def check_move(run: Import, state: str) -> None:
    """Raise `Refused` unless the table of moves allows this change of state."""
    if state not in Import.MOVES[Import.State(run.state)]:
        raise Refused("state_changed", f"This run is already: {run.get_state_display().lower()}.")


def rows_of(run: Import) -> list[Row]:
    """What was read, as it stood in the file."""
    rows = run.rows.exclude(outcome=Outcome.PAUSED).order_by("number")
    return [
        Row(
            row.number,
            slug_in(row.key),
            row.name,
            Entry.from_data(row.data) if row.data else None,
            row.reason.removesuffix(KEPT),
            row.flags,
        )
        for row in rows
    ]
