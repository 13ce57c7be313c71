"""What is done after a session: answer two questions, correct who came, write a debrief."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from safeguarding.actions import open_concern
from safeguarding.models import Concern
from sessions import actions, after_rules
from sessions.models import Attendance, Debrief, FollowUp, Pulse, SupportSession
from supportgroups.lib.refusals import Refused

# The pulse ----------------------------------------------------------------------------------------


@transaction.atomic
def answer_pulse(
    *,
    support_session: SupportSession,
    felt_heard: int | None,
    felt_safe: int | None,
    by: User,
    at: datetime | None = None,
) -> Pulse:
    """Say how it was, or change what one said while the questions are open. None is "not said".

    The trail keeps that somebody answered, never what.
    """
    at = at or timezone.now()
    after_rules.check_may_answer_pulse(by, support_session, at=at)
    pulse, _ = Pulse.objects.update_or_create(
        support_session=support_session,
        user=by,
        defaults={"felt_heard": felt_heard, "felt_safe": felt_safe, "answered_at": at},
    )
    record(
        "pulse.answered",
        by=by,
        on=pulse,
        organisation=support_session.group.organisation_id,
        at=at,
    )
    return pulse


@transaction.atomic
def ask_for_a_talk(
    *,
    support_session: SupportSession,
    words: str,
    occasion: UUID,
    by: User,
    at: datetime | None = None,
) -> Concern:
    """Somebody who was there asks, afterwards and in private, that a named person gets in touch.

    The concern holds the person's own words and nothing of what they answered. `occasion` is made
    with the form: sending it twice opens one concern.
    """
    after_rules.check_may_answer_pulse(by, support_session, at=at)
    return open_concern(
        organisation=support_session.group.organisation,
        about=by,
        source=Concern.Source.LIVE,
        occasion=f"after:{support_session.pk}:{occasion}",
        detail=f"Asked for a talk after a session of “{support_session.group}”. {words}".strip(),
        by=by,
        at=at,
    )


@transaction.atomic
def raise_concern_afterwards(
    *,
    support_session: SupportSession,
    about: User,
    detail: str,
    occasion: UUID,
    by: User,
    at: datetime | None = None,
) -> Concern:
    """Whoever led asks the named person, in private, to look after somebody who was there.

    Kept with the concerns and never with the debrief. `occasion` is made with the form.
    """
    after_rules.check_may_debrief(by, support_session)
    after_rules.check_was_there(about, support_session)
    return open_concern(
        organisation=support_session.group.organisation,
        about=about,
        source=Concern.Source.LIVE,
        occasion=f"after:{support_session.pk}:{occasion}",
        detail=detail,
        by=by,
        at=at,
    )


# Who came -----------------------------------------------------------------------------------------


@transaction.atomic
def correct_attendance(
    *,
    support_session: SupportSession,
    statuses: Mapping[UUID, str],
    version: int,
    by: User,
    at: datetime | None = None,
) -> list[Attendance]:
    """Say who really came: attendance -> status. What presence said stays beside it.

    Saying what presence said takes the correction back. Nothing changed leaves no event. Raises
    `Refused` when somebody else corrected it meanwhile.
    """
    at = at or timezone.now()
    after_rules.check_may_correct(by, support_session)
    support_session = actions.locked(support_session, version=version)
    changed = []
    for attendance in support_session.attendances.filter(pk__in=statuses).order_by("pk"):
        said, before = Attendance.Status(statuses[attendance.pk]), attendance.status
        if said == before:
            continue
        _correct(attendance, said, by, at)
        changed.append(attendance)
        record(
            "attendance.corrected",
            by=by,
            on=attendance,
            organisation=support_session.group.organisation_id,
            at=at,
            before=before,
            after=said.value,
        )
    if changed:
        # The next correction has to have seen this one.
        support_session.version += 1
        support_session.save(update_fields=["version"])
    return changed


def _correct(attendance: Attendance, said: Attendance.Status, by: User, at: datetime) -> None:
    by_presence = attendance.status_by_presence or attendance.status
    attendance.status = said
    if said == by_presence:
        attendance.status_by_presence = ""
        attendance.corrected_at, attendance.corrected_by = None, None
    else:
        attendance.status_by_presence = by_presence
        attendance.corrected_at, attendance.corrected_by = at, by
    attendance.save()


# The debrief --------------------------------------------------------------------------------------


@transaction.atomic
def save_debrief(
    *,
    support_session: SupportSession,
    how_it_went: str,
    concerns: str,
    revision: int,
    by: User,
    window: UUID | None = None,
    finish: bool = False,
    at: datetime | None = None,
) -> Debrief:
    """Keep what a facilitator wrote; with `finish` those who lead and oversee read it.

    `revision` is what the page showed, `window` that page: its own saves never stand in its way.
    Raises `Refused` when the same person saved in another window meanwhile, and for a finished one
    that says nothing. What did not change leaves no event.
    """
    at = at or timezone.now()
    after_rules.check_may_debrief(by, support_session)
    Debrief.objects.get_or_create(support_session=support_session, author=by)
    debrief = Debrief.objects.select_for_update().get(support_session=support_session, author=by)
    words = (how_it_went.strip(), concerns.strip())
    finishes = finish and debrief.written_at is None
    if (debrief.how_it_went, debrief.concerns) == words and not finishes:
        return debrief
    after_rules.check_same_window(debrief, revision=revision, window=window)
    if finish or debrief.written_at is not None:
        after_rules.check_says_something(*words)
    debrief.how_it_went, debrief.concerns = words
    debrief.revision += 1
    debrief.saved_at, debrief.saved_from = at, window
    if finishes:
        debrief.written_at = at
    debrief.save()
    record(
        "debrief.written" if debrief.written_at else "debrief.saved",
        by=by,
        on=debrief,
        organisation=support_session.group.organisation_id,
        at=at,
    )
    return debrief


@transaction.atomic
def note_follow_up(
    *,
    support_session: SupportSession,
    what: str,
    owner: User,
    due_on: date,
    by: User,
    at: datetime | None = None,
) -> FollowUp:
    """Something that somebody does after a session, by a day."""
    at = at or timezone.now()
    after_rules.check_may_debrief(by, support_session)
    after_rules.check_may_own(owner, support_session)
    after_rules.check_due_on(due_on, at=at)
    follow_up = FollowUp.objects.create(
        support_session=support_session,
        what=what,
        owner=owner,
        due_on=due_on,
        noted_at=at,
        noted_by=by,
    )
    _record(follow_up, "noted", by, at)
    return follow_up


@transaction.atomic
def change_follow_up(
    *,
    follow_up: FollowUp,
    what: str,
    owner: User,
    due_on: date,
    by: User,
    at: datetime | None = None,
) -> FollowUp:
    """Say it better, give it to somebody else, or move its day."""
    at = at or timezone.now()
    follow_up = _locked(follow_up, by)
    after_rules.check_may_own(owner, follow_up.support_session)
    after_rules.check_due_on(due_on, at=at)
    follow_up.what, follow_up.owner, follow_up.due_on = what, owner, due_on
    follow_up.save(update_fields=["what", "owner", "due_on"])
    _record(follow_up, "changed", by, at)
    return follow_up


@transaction.atomic
def finish_follow_up(*, follow_up: FollowUp, by: User, at: datetime | None = None) -> FollowUp:
    """It is done. Said twice, the first one counts."""
    at = at or timezone.now()
    follow_up = _locked(follow_up, by)
    if follow_up.done_at is None:
        follow_up.done_at, follow_up.done_by = at, by
        follow_up.save(update_fields=["done_at", "done_by"])
        _record(follow_up, "done", by, at)
    return follow_up


@transaction.atomic
def reopen_follow_up(*, follow_up: FollowUp, by: User, at: datetime | None = None) -> FollowUp:
    """It is still to be done after all."""
    at = at or timezone.now()
    follow_up = _locked(follow_up, by)
    if follow_up.done_at is not None:
        follow_up.done_at, follow_up.done_by = None, None
        follow_up.save(update_fields=["done_at", "done_by"])
        _record(follow_up, "reopened", by, at)
    return follow_up


def _locked(follow_up: FollowUp, by: User) -> FollowUp:
    after_rules.check_may_settle(by, follow_up)
    found = (
        FollowUp.objects.select_for_update(of=("self",))
        .select_related("support_session__group")
        .filter(pk=follow_up.pk)
        .first()
    )
    if found is None:
        raise Refused("gone", "This was deleted, because it was done a year ago.")
    return found


def _record(follow_up: FollowUp, verb: str, by: User, at: datetime) -> None:
    record(
        f"follow_up.{verb}",
        by=by,
        on=follow_up,
        organisation=follow_up.support_session.group.organisation_id,
        at=at,
    )
