"""What coordinators do with feeds. The work itself is done later (`outreach.importing`)."""

from datetime import datetime

from django.db import OperationalError, transaction
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from outreach import rules, tasks
from outreach.models import Feed, Import
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused


@transaction.atomic
def start_import(
    *,
    organisation: Organisation,
    format: str,
    content: bytes,
    by: User | None,
    name: str = "",
    file_name: str = "",
    overseer: User | None = None,
    at: datetime | None = None,
    is_done_here: bool = False,
) -> Import:
    """Begin to read a file. Reading under the name of an earlier one updates what that brought.

    `by` is None for the command. With `is_done_here` the caller reads it; else the worker does.
    """
    at = at or timezone.now()
    if by is not None:
        check_may_coordinate(by, organisation)
    name = name.strip() or Feed.Format(format).label
    feed, _ = Feed.objects.get_or_create(
        organisation=organisation, name=name[:80], defaults={"format": format, "made_at": at}
    )
    if feed.format != format:
        raise Refused(
            "other_format",
            f"“{name}” is a feed of another format, {feed.get_format_display()}. Use a new name.",
        )
    if overseer is not None and overseer != feed.overseer:
        feed.overseer = overseer
        feed.save(update_fields=["overseer"])
    run = Import.objects.create(
        feed=feed,
        content=content,
        file_name=file_name[:200],
        made_at=at,
        touched_at=at,
        made_by=by,
    )
    record("import.started", by=by, on=run, organisation=organisation.pk, at=at, format=format)
    if not is_done_here:
        later(tasks.read_import, run.pk)
    return run


@transaction.atomic
def apply_import(
    *, run: Import, by: User | None, is_confirmed: bool = False, at: datetime | None = None
) -> Import:
    """Take over what the dry run showed. Two who do so at once start it once.

    When more than half of the feed's groups would be paused, it must be confirmed.
    """
    at = at or timezone.now()
    run = _locked(run, by)
    if run.state in (Import.State.APPLYING, Import.State.DONE):
        return run
    rules.check_move(run, Import.State.APPLYING)
    if rules.loses_too_much(run.rows.all(), run.feed) and not is_confirmed:
        raise Refused(
            "confirm", "More than half of this feed’s groups would be paused. Please confirm that."
        )
    run.state, run.touched_at, run.problem = Import.State.APPLYING, at, ""
    run.save(update_fields=["state", "touched_at", "problem"])
    record("import.applied", by=by, on=run, organisation=run.feed.organisation_id, at=at)
    if by is not None:
        later(tasks.take_over, run.pk)
    return run


@transaction.atomic
def drop_import(*, run: Import, by: User, at: datetime | None = None) -> Import:
    """Forget what was read. Nothing has changed and nothing will."""
    at = at or timezone.now()
    run = _locked(run, by)
    if run.state == Import.State.DROPPED:
        return run
    rules.check_move(run, Import.State.DROPPED)
    run.state, run.ended_at, run.content = Import.State.DROPPED, at, None
    run.save(update_fields=["state", "ended_at", "content"])
    run.rows.update(data={})
    record("import.dropped", by=by, on=run, organisation=run.feed.organisation_id, at=at)
    return run


def _locked(run: Import, by: User | None) -> Import:
    """The run's row, locked. While it is taken over nobody waits for the end of that."""
    try:
        with transaction.atomic():
            run = (
                Import.objects.select_for_update(nowait=True, of=("self",))
                .select_related("feed__organisation")
                .get(pk=run.pk)
            )
    except OperationalError as busy:
        if not isinstance(busy.__cause__, LockNotAvailable):
            raise
        what = "read" if run.state == Import.State.READING else "taken over"
        raise Refused("busy", f"It is being {what}. Please look again in a minute.") from busy
    if by is not None:
        check_may_coordinate(by, run.feed.organisation)
    return run
