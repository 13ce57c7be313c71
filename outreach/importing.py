"""Reads a feed's file and takes it over. Called by the worker and by the command."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import chain, count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import User
from audit.trail import record, record_each
from groups import actions as group_actions
from groups import defaults as group_defaults
from groups.models import Agreement, Membership, SupportGroup, Topic
from groups.rules import RESERVED_SLUGS
from outreach import meeting_guide, reading, rules
from outreach.entries import Entry, Reading, Unreadable
from outreach.models import Feed, FeedEntry, Import, ImportRow
from outreach.rules import Planned
from screening import defaults as screening_defaults
from screening.models import Question, ScreeningForm
from sessions import actions as session_actions
from sessions.models import Series
from supportgroups.lib.refusals import Refused

logger = logging.getLogger(__name__)

BATCH = 500
#: A reader that has not written for so long was killed: no task may take as long.
SILENT = timedelta(minutes=16)
LOST = "The network that publishes this group no longer lists it."
RESTING = "This group does not meet at the moment."
UNSEEN = "Nobody oversees this group at the moment."
type Progress = Callable[[int, int], None]


# Reading ------------------------------------------------------------------------------------------


def read(run_id: UUID | str, *, found: Reading | None = None, at: datetime | None = None) -> None:
    """Read the file of a run and show what would change.

    One reader at a time; a repeat begins anew. Rows appear batch by batch, so whoever watches
    sees it go on. `found` is the file where somebody has parsed it already.
    """
    at = at or timezone.now()
    waiting = Q(state=Import.State.WAITING) | Q(
        state=Import.State.READING, touched_at__lt=at - SILENT
    )
    touched = timezone.now()
    if not Import.objects.filter(waiting, pk=run_id).update(
        state=Import.State.READING, touched_at=touched, progress=0
    ):
        return
    run = Import.objects.select_related("feed__organisation", "feed__overseer").get(pk=run_id)
    run.rows.all().delete()

    def still_at_it() -> None:
        nonlocal touched
        touched = _touch(run, since=touched)

    try:
        found = found or reading.read(
            bytes(run.content or b""),
            format=run.feed.format,
            time_zone=run.feed.organisation.time_zone,
            watch=still_at_it,
        )
    except _Replaced:
        return
    except Unreadable as problem:
        _fail(run, str(problem))
        return
    except Exception:
        logger.exception("import.read_failed", extra={"run": str(run.pk)})
        _fail(run, "The file could not be read. Please tell whoever runs this site.")
        return
    overseer = rules.overseer_for(run.feed.organisation, run.feed.overseer)
    planned = rules.plan(rows=found.rows, feed=run.feed, overseer=overseer)
    for start in range(0, len(planned), BATCH):
        part = planned[start : start + BATCH]
        done = start + len(part)
        written_at = _write_rows(run, part, done=done, total=len(planned), since=touched)
        if written_at is None:
            return
        touched = written_at
    if found.rows and not any(row.entry for row in found.rows):
        _fail(run, "No row of the file can be read. Each says why.")
        return
    Import.objects.filter(pk=run.pk, state=Import.State.READING, touched_at=touched).update(
        state=Import.State.READY,
        touched_at=timezone.now(),
        total=len(planned),
        progress=len(planned),
        content=None,
        problem=" ".join(found.remarks),
    )


class _Replaced(Exception):
    """The run was dropped, or another reader began."""


def _touch(run: Import, *, since: datetime) -> datetime:
    now = timezone.now()
    mine = Import.objects.filter(pk=run.pk, state=Import.State.READING, touched_at=since)
    if not mine.update(touched_at=now):
        raise _Replaced
    return now


def _write_rows(
    run: Import, planned: Sequence[Planned], *, done: int, total: int, since: datetime
) -> datetime | None:
    """Add a batch of rows. None when the run was dropped, or another reader began."""
    now = timezone.now()
    with transaction.atomic():
        mine = Import.objects.filter(pk=run.pk, state=Import.State.READING, touched_at=since)
        if not mine.update(progress=done, total=total, touched_at=now):
            return None
        ImportRow.objects.bulk_create(_import_row(run, item) for item in planned)
    return now


def _import_row(run: Import, item: Planned) -> ImportRow:
    return ImportRow(
        run=run,
        number=item.number,
        key=item.key[:200],
        name=item.name[:200],
        outcome=item.outcome,
        reason=item.reason[:500],
        flags=item.flags,
        data=item.entry.data() if item.entry else {},
    )


def _fail(run: Import, problem: str) -> None:
    Import.objects.filter(pk=run.pk, state=Import.State.READING).update(
        state=Import.State.FAILED,
        problem=problem,
        content=None,
        touched_at=timezone.now(),
        ended_at=timezone.now(),
    )


# Taking over --------------------------------------------------------------------------------------


def progress_of(run: Import) -> int:
    """Rows done by a take-over that is still one transaction; other pages cannot see those."""
    return int(cache.get(f"import:{run.pk}") or 0)


def take_over(run_id: UUID | str, *, at: datetime | None = None) -> None:
    """Do what the dry run showed, in one transaction. Of two at once, one does it.

    It is planned again first. When that comes out differently, nothing is changed and the new plan
    is shown instead.
    """
    try:
        with transaction.atomic():
            _take_over(run_id, at or timezone.now())
    except Exception:
        logger.exception("import.apply_failed", extra={"run": str(run_id)})
        Import.objects.filter(pk=run_id, state=Import.State.APPLYING).update(
            state=Import.State.READY,
            problem="It could not be taken over, and nothing has changed. Please try again.",
        )
        raise


def _take_over(run_id: UUID | str, at: datetime) -> None:
    run = (
        Import.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("feed__organisation", "feed__overseer", "made_by")
        .filter(pk=run_id, state=Import.State.APPLYING)
        .first()
    )
    if run is None:
        return
    # Two runs of one feed take turns here; the second then plans on what the first did.
    Feed.objects.select_for_update(no_key=True).get(pk=run.feed_id)
    # What staff do with its groups waits from here on: the plan is made on how they are now.
    _lock_groups(run.feed)
    overseer = rules.overseer_for(run.feed.organisation, run.feed.overseer)
    planned = rules.plan(rows=rules.rows_of(run), feed=run.feed, overseer=overseer)
    shown = list(run.rows.order_by("number").only("number", "key", "outcome"))
    if len(shown) != len(planned) or not all(
        item.same_as(row) for item, row in zip(planned, shown, strict=True)
    ):
        run.rows.all().delete()
        ImportRow.objects.bulk_create(
            (_import_row(run, item) for item in planned), batch_size=BATCH
        )
        run.state, run.total = Import.State.READY, len(planned)
        run.problem = "Something changed since you looked. Nothing was taken over; this is new."
        run.save(update_fields=["state", "total", "problem"])
        return

    def progress(done: int, total: int) -> None:
        cache.set(f"import:{run.pk}", done, timeout=3600)

    apply_plan(planned, feed=run.feed, overseer=overseer, by=run.made_by, at=at, progress=progress)
    run.rows.update(data={})
    run.state, run.ended_at, run.touched_at = Import.State.DONE, at, at
    run.progress, run.problem = run.total, ""
    run.save(update_fields=["state", "ended_at", "touched_at", "progress", "problem"])
    cache.delete(f"import:{run.pk}")


def _lock_groups(feed: Feed) -> None:
    """Lock every group of the feed, always in the same order."""
    locked = SupportGroup.objects.select_for_update(no_key=True, of=("self",)).order_by("pk")
    for _ in locked.filter(feed_entry__feed=feed).values_list("pk").iterator():
        pass


def apply_plan(
    planned: Sequence[Planned],
    *,
    feed: Feed,
    overseer: User | None,
    by: User | None,
    at: datetime,
    progress: Progress,
) -> None:
    """Change the groups as planned. Inside a transaction, with feed and groups locked."""
    chosen = {
        outcome: [item for item in planned if item.outcome == outcome]
        for outcome in ImportRow.Outcome.values
    }
    total = len(planned)
    topics = _topics(chosen["new"] + chosen["changed"])
    slugs = set(SupportGroup.objects.values_list("slug", flat=True))
    done = 0
    for start in range(0, len(chosen["new"]), BATCH):
        part = chosen["new"][start : start + BATCH]
        _bring_in(part, feed=feed, overseer=overseer, by=by, at=at, topics=topics, slugs=slugs)
        progress(done := done + len(part), total)
    _change(chosen["changed"], feed=feed, overseer=overseer, by=by, at=at, topics=topics)
    progress(done := done + len(chosen["changed"]), total)
    _pause(chosen["paused"], by=by, at=at, message=LOST)
    _see(planned, at)
    record(
        "feed.imported",
        by=by,
        on=feed,
        organisation=feed.organisation_id,
        at=at,
        **rules.counts(planned),
    )


def _see(planned: Iterable[Planned], at: datetime) -> None:
    """What the feed has is seen; what staff let go on by hand is no longer paused for the feed."""
    known = [item.known for item in planned if item.known is not None and item.entry is not None]
    pks = [entry.pk for entry in known]
    for start in range(0, len(pks), 5000):
        FeedEntry.objects.filter(pk__in=pks[start : start + 5000]).update(last_seen_at=at)
    by_hand = [
        item.known.pk for item in planned if item.known is not None and item.known.paused_from
    ]
    FeedEntry.objects.filter(pk__in=by_hand).exclude(
        group__lifecycle=SupportGroup.Lifecycle.PAUSED
    ).update(paused_from="")


# New groups ---------------------------------------------------------------------------------------


def _free_slug(entry: Entry, taken: set[str]) -> str:
    """The plainest address that no group has. Adds it to those taken."""
    stem = slugify(entry.name)[:80].strip("-") or "group"
    if stem in RESERVED_SLUGS:
        stem = f"{stem}-group"
    place = slugify(entry.place.rpartition(", ")[2] or entry.place)[:30].strip("-")
    tries = [stem, *([f"{stem}-{place}"] if place else [])]
    for slug in chain(tries, (f"{stem}-{number}" for number in count(2))):
        if slug not in taken:
            taken.add(slug)
            return slug
    raise AssertionError("there is always another number")


def _bring_in(
    planned: Sequence[Planned],
    *,
    feed: Feed,
    overseer: User | None,
    by: User | None,
    at: datetime,
    topics: dict[str, Topic],
    slugs: set[str],
) -> None:
    """Make groups with what each new group has: agreement, first questions, rhythm."""
    pairs = [(item, item.entry) for item in planned if item.entry is not None]
    groups = SupportGroup.objects.bulk_create(
        _new_group(entry, feed=feed, overseer=overseer, at=at, slug=_free_slug(entry, slugs))
        for _, entry in pairs
    )
    Agreement.objects.bulk_create(
        Agreement(group=group, version=1, text=group_defaults.AGREEMENT, published_at=at)
        for group in groups
    )
    forms = ScreeningForm.objects.bulk_create(
        ScreeningForm(group=group, version=1, published_at=at) for group in groups
    )
    Question.objects.bulk_create(
        Question(form=form, **fields)
        for form, group in zip(forms, groups, strict=True)
        for fields in _questions(group)
    )
    Series.objects.bulk_create(
        _first_series(group, entry, at)
        for group, (_, entry) in zip(groups, pairs, strict=True)
        if entry.rrule
    )
    through = SupportGroup.topics.through
    through.objects.bulk_create(
        through(supportgroup_id=group.pk, topic_id=topics[name.casefold()].pk)
        for group, (_, entry) in zip(groups, pairs, strict=True)
        for name in {name.casefold(): name for name, _ in entry.topics}.values()
    )
    FeedEntry.objects.bulk_create(
        FeedEntry(
            feed=feed,
            key=item.key,
            group=group,
            fingerprint=entry.fingerprint(),
            paused_from="" if entry.is_active else _lifecycle(entry, overseer),
            last_seen_at=at,
        )
        for group, (item, entry) in zip(groups, pairs, strict=True)
    )
    record_each("group.imported", by=by, on=groups, organisation=feed.organisation_id, at=at)


def _lifecycle(entry: Entry, overseer: User | None) -> str:
    """Listed when nothing is missing: a peer-led group needs an overseer, others their leader."""
    listed = entry.facilitation == SupportGroup.Facilitation.PEER_LED and overseer is not None
    return SupportGroup.Lifecycle.LISTED if listed else SupportGroup.Lifecycle.DRAFT


def _new_group(
    entry: Entry, *, feed: Feed, overseer: User | None, at: datetime, slug: str
) -> SupportGroup:
    peer_led = entry.facilitation == SupportGroup.Facilitation.PEER_LED
    resting = {} if entry.is_active else {"lifecycle_message": RESTING}
    return SupportGroup(
        organisation_id=feed.organisation_id,
        slug=slug,
        attendance=entry.attendance,
        meeting_format=entry.meeting_format,
        admission="drop_in" if peer_led else "screened",
        minimum=min(4, entry.capacity),
        ground_rules=group_defaults.GROUND_RULES,
        overseer=overseer if peer_led else None,
        lifecycle=_lifecycle(entry, overseer) if entry.is_active else "paused",
        lifecycle_changed_at=at,
        is_from_feed=True,
        created_at=at,
        **resting,
        **{name: rules.value_of(entry, name) for name in rules.FIELDS},
    )


def _questions(group: SupportGroup) -> list[dict[str, Any]]:
    if group.admission == SupportGroup.Admission.DROP_IN:
        return screening_defaults.brief_questions()
    return screening_defaults.default_questions()


def _first_day(entry: Entry, at: datetime) -> date:
    if entry.starts_on:
        return date.fromisoformat(entry.starts_on)
    return at.astimezone(ZoneInfo(entry.time_zone)).date()


def _first_series(group: SupportGroup, entry: Entry, at: datetime) -> Series:
    return Series(
        group=group,
        rrule=entry.rrule,
        starts_on=_first_day(entry, at),
        starts_at_time=meeting_guide.starts(entry),
        minutes=entry.minutes,
        time_zone=entry.time_zone,
    )


def _topics(planned: Iterable[Planned]) -> dict[str, Topic]:
    """Every topic that these entries name, by its name in small letters. Missing ones are added."""
    wanted = {
        name.casefold(): (name, kind)
        for item in planned
        if item.entry is not None
        for name, kind in item.entry.topics
    }
    if not wanted:
        return {}
    existing = list(Topic.objects.all())
    by_slug = {topic.slug: topic for topic in existing}
    found = {topic.name.casefold(): topic for topic in existing}
    for folded, (name, kind) in sorted(wanted.items()):
        if folded not in found:
            slug = slugify(name)[:60] or f"topic-{len(by_slug) + 1}"
            if slug not in by_slug:
                by_slug[slug] = Topic.objects.create(name=name[:60], slug=slug, kind=kind)
            found[folded] = by_slug[slug]
    return found


# Known groups -------------------------------------------------------------------------------------


def _change(
    planned: Sequence[Planned],
    *,
    feed: Feed,
    overseer: User | None,
    by: User | None,
    at: datetime,
    topics: dict[str, Topic],
) -> None:
    """Give groups what their entries say now. What the feed does not give stays as it is."""
    groups = rules.groups_of(planned)
    written: dict[tuple[str, ...], list[SupportGroup]] = defaultdict(list)
    for item in planned:
        group, entry = groups[item.before.group_id], item.read
        names = rules.differs(group, entry)
        for name in names:
            setattr(group, name, rules.value_of(entry, name))
        if "facilitation" in names:
            unseen = rules.is_without_overseer(group) and overseer is None
            if unseen and group.lifecycle == SupportGroup.Lifecycle.LISTED:
                # Before it is written: a listed group of peers is never without an overseer.
                _pause([item], by=by, at=at, message=UNSEEN)
                group.lifecycle = SupportGroup.Lifecycle.PAUSED
            names += _follow_facilitation(group, overseer)
        if group.minimum > max(2, group.capacity):
            group.minimum = max(2, group.capacity)
            names.append("minimum")
        if names:
            written[tuple(names)].append(group)
        if "topics" in entry.given:
            wanted = {topics[name.casefold()] for name, _ in entry.topics}
            if missing := wanted - set(group.topics.all()):
                group.topics.add(*missing)
        item.before.fingerprint = entry.fingerprint()
    for columns, together in written.items():
        SupportGroup.objects.bulk_update(together, columns, batch_size=BATCH)
    FeedEntry.objects.bulk_update(
        [item.before for item in planned], ["fingerprint"], batch_size=BATCH
    )
    back: list[Planned] = []
    for item in planned:
        group = groups[item.before.group_id]
        if rules.rhythm_differs(group, item.read):
            _set_rhythm(group, item.read, at)
        if _follow_feed(group, item, overseer=overseer, by=by, at=at):
            back.append(item)
    _go_on(back, groups, overseer=overseer, by=by, at=at)
    changed = [groups[item.known.group_id] for item in planned if item.known]
    record_each(
        "group.updated_by_feed", by=by, on=changed, organisation=feed.organisation_id, at=at
    )


def _follow_facilitation(group: SupportGroup, overseer: User | None) -> list[str]:
    """A group that professionals lead now asks everybody first; one of peers needs an overseer.

    Returns the columns it changed.
    """
    if group.facilitation == SupportGroup.Facilitation.PROFESSIONALLY_LED:
        if group.admission == SupportGroup.Admission.SCREENED:
            return []
        group.admission = SupportGroup.Admission.SCREENED
        return ["admission"]
    if group.overseer_id is not None or overseer is None:
        return []
    group.overseer = overseer
    return ["overseer"]


def _set_rhythm(group: SupportGroup, entry: Entry, at: datetime) -> None:
    try:
        if not entry.rrule:
            session_actions.end_rhythm(group=group, by=None, at=at)
            return
        session_actions.set_rhythm(
            group=group,
            rrule=entry.rrule,
            starts_on=_first_day(entry, at),
            starts_at_time=meeting_guide.starts(entry),
            minutes=entry.minutes,
            by=None,
            at=at,
        )
    except Refused as refusal:
        logger.warning(
            "import.rhythm_refused", extra={"group": str(group.pk), "reason": refusal.reason}
        )


def _follow_feed(
    group: SupportGroup, item: Planned, *, overseer: User | None, by: User | None, at: datetime
) -> bool:
    """Pause what rests, list what only waited for an overseer. Returns whether it is back."""
    known, entry = item.before, item.read
    if not entry.is_active and not known.paused_from:
        if group.lifecycle in (SupportGroup.Lifecycle.DRAFT, SupportGroup.Lifecycle.LISTED):
            _pause([item], by=by, at=at, message=RESTING)
        return False
    if rules.is_waiting_for_overseer(group) and overseer is not None:
        group.overseer = overseer
        group.save(update_fields=["overseer"])
        group_actions.list_group(group=group, by=None, at=at)
    is_paused = group.lifecycle == SupportGroup.Lifecycle.PAUSED
    is_back = entry.is_active and bool(known.paused_from) and is_paused
    return is_back and rules.can_go_on(known, group, overseer)


def _go_on(
    planned: Sequence[Planned],
    groups: dict[UUID, SupportGroup],
    *,
    overseer: User | None,
    by: User | None,
    at: datetime,
) -> None:
    """As they were before the feed lost them. Who was listed without an overseer has one now."""
    quiet: dict[str, list[SupportGroup]] = {"listed": [], "draft": []}
    people = _with_people([item.before.group_id for item in planned])
    for item in planned:
        group = groups[item.before.group_id]
        listed = item.before.paused_from == SupportGroup.Lifecycle.LISTED
        if listed and rules.is_without_overseer(group):
            group.overseer = overseer
            group.save(update_fields=["overseer"])
        if listed and group.pk in people:
            group_actions.resume_group(group=group, by=None, at=at)
        else:
            quiet["listed" if listed else "draft"].append(group)
        item.before.paused_from = ""
    for lifecycle, together in quiet.items():
        _move_all(together, lifecycle, message="", by=by, at=at)
    FeedEntry.objects.bulk_update(
        [item.before for item in planned], ["paused_from"], batch_size=BATCH
    )


def _with_people(groups: Sequence[UUID]) -> set[UUID]:
    """Of these groups, those to which somebody belongs, or which somebody leads."""
    belong = Membership.objects.open().filter(group__in=groups).values_list("group_id", flat=True)
    led = SupportGroup.objects.filter(pk__in=groups, facilitator_assignments__isnull=False)
    return {*belong, *led.values_list("pk", flat=True)}


def _move_all(
    groups: Sequence[SupportGroup], lifecycle: str, *, message: str, by: User | None, at: datetime
) -> None:
    """Change the state of groups of one organisation in which nobody has to be told."""
    for start in range(0, len(groups), BATCH):
        part = groups[start : start + BATCH]
        planned_on = Q()
        for before in {group.lifecycle for group in part}:
            same = [group.pk for group in part if group.lifecycle == before]
            planned_on |= Q(lifecycle=before, pk__in=same)
        SupportGroup.objects.filter(planned_on).update(
            lifecycle=lifecycle, lifecycle_changed_at=at, lifecycle_message=message
        )
    if groups:
        record_each(
            f"group.{lifecycle}",
            by=by,
            on=groups,
            organisation=groups[0].organisation_id,
            at=at,
            feed=True,
        )


def _pause(planned: Sequence[Planned], *, by: User | None, at: datetime, message: str) -> None:
    """Pause what the feed lost. Where people belong, they are told; the others go all at once."""
    known = [item.before for item in planned]
    for entry in known:
        entry.paused_from = entry.group.lifecycle
    FeedEntry.objects.bulk_update(known, ["paused_from"], batch_size=BATCH)
    people = _with_people([entry.group_id for entry in known])
    for entry in known:
        if entry.group_id in people:
            group_actions.pause_group(group=entry.group, message=message, by=None, at=at)
    quiet = [entry.group for entry in known if entry.group_id not in people]
    _move_all(quiet, SupportGroup.Lifecycle.PAUSED, message=message, by=by, at=at)
