"""Open, pass on, acknowledge, look after and close concerns."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organisation, User
from audit.trail import record
from safeguarding import rules, tasks
from safeguarding.models import Alert, Concern, StepTaken
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused


@transaction.atomic
def open_concern(
    *,
    organisation: Organisation,
    about: User,
    source: str,
    occasion: str,
    detail: str,
    by: User | None,
    at: datetime | None = None,
) -> Concern:
    """Open a task for the first person on call, once per occasion; they are told after commit.

    The same said again changes nothing. Something else said on the same occasion is never lost:
    it stands in the log, and somebody has to confirm anew; after the task was closed it opens
    another one.
    """
    at = at or timezone.now()
    values = {
        "organisation": organisation,
        "about": about,
        "source": source,
        "detail": detail,
        "opened_at": at,
        "opened_by": by,
        "respond_by": rules.on_call_plan(organisation).respond_by(at),
    }
    concern, created = Concern.objects.get_or_create(occasion=occasion, defaults=values)
    if not created:
        latest = _latest_of(concern)
        if _was_said(latest, detail):
            return latest
        if latest.closed_at is None:
            return _say_more(latest, detail, by=by, at=at)
        number = Concern.objects.filter(occasion__startswith=f"{occasion}#").count() + 2
        concern = Concern.objects.create(occasion=f"{occasion}#{number}", **values)
    record("concern.opened", by=by, on=concern, organisation=organisation.pk, at=at, source=source)
    _ask(concern, rules.next_to_ask(concern, at=at), at=at)
    return concern


def _latest_of(first: Concern) -> Concern:
    """The newest task of the same occasion. The first one's lock lets one at a time add to them."""
    Concern.objects.select_for_update(no_key=True).get(pk=first.pk)
    return (
        Concern.objects.select_for_update(no_key=True, of=("self",))
        .select_related("organisation", "about")
        .filter(Q(pk=first.pk) | Q(occasion__startswith=f"{first.occasion}#"))
        .latest("opened_at", "pk")
    )


def _was_said(concern: Concern, detail: str) -> bool:
    """Whether these were the last words."""
    more = concern.steps_taken.filter(kind=StepTaken.Kind.SAID_MORE).last()
    return detail == (more.note if more else concern.detail)


def _say_more(concern: Concern, detail: str, *, by: User | None, at: datetime) -> Concern:
    concern.steps_taken.create(kind=StepTaken.Kind.SAID_MORE, note=detail, taken_at=at, taken_by=by)
    record("concern.said_more", by=by, on=concern, organisation=concern.organisation_id, at=at)
    if not concern.is_waiting and concern.assigned_to is not None:
        concern.asked_again_at, concern.asked_again_by = at, by
        concern.respond_by = rules.on_call_plan(concern.organisation).respond_by(at)
        _ask(concern, [concern.assigned_to], at=at)
    return concern


def _ask(concern: Concern, people: Sequence[User], *, at: datetime) -> None:
    """Make an alert for each of them and start the clock for the next. One is named.

    Its caller has just made the row or holds its lock, so a turn is made once.
    """
    if not people:
        return
    plan = rules.on_call_plan(concern.organisation)
    concern.turn += 1
    concern.escalates_at = plan.escalates_at(at)
    if len(people) == 1 or concern.assigned_to not in people:
        concern.assigned_to, concern.told_at = people[0], None
    concern.save()
    for person in people:
        alert = Alert.objects.create(
            concern=concern,
            person=person,
            turn=concern.turn,
            made_at=at,
            next_try_at=at + rules.FIRST_TRY_BY_THE_CLOCK,
        )
        later(tasks.send_alert, alert.pk)


@transaction.atomic
def ask_next(*, concern: Concern, by: User | None, at: datetime | None = None) -> Concern:
    """Name somebody for a task that has nobody, or the next when nobody confirmed in time.

    At the end of the list everybody on call is asked, and again each day. `by` is None for the
    clock. Run twice it asks once: the lock shows the second run that the time has moved.
    """
    at = at or timezone.now()
    due = (
        Concern.objects.to_ask_next(at)
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("organisation", "about", "assigned_to")
        .filter(pk=concern.pk)
        .first()
    )
    if due is None:
        return concern
    people = rules.next_to_ask(due, at=at)
    if not people:
        return _ask_later(due, at=at)
    if not due.is_waiting:
        # Whoever was on it has closed their account.
        due.asked_again_at = at
    verb = "concern.escalated" if due.turn else "concern.assigned"
    was_asked = due.alerts.filter(person=people[0]).exists()
    _ask(due, people, at=at)
    if was_asked:
        due.everybody_asked_at = at
        due.escalates_at = at + rules.EVERYBODY_AGAIN_AFTER
        due.save(update_fields=["everybody_asked_at", "escalates_at"])
    record(verb, by=by, on=due, organisation=due.organisation_id, at=at, people=len(people))
    return due


def _ask_later(concern: Concern, *, at: datetime) -> Concern:
    """Nobody can be asked now. Without a name it is looked at each minute, else after a while."""
    concern.escalates_at = rules.on_call_plan(concern.organisation).escalates_at(at)
    concern.save(update_fields=["escalates_at"])
    return concern


@transaction.atomic
def read_concern(*, concern: Concern, by: User, at: datetime | None = None) -> Concern:
    """Give what was said to somebody who handles it, and tell the trail who read it."""
    rules.check_may_handle(by, concern)
    record("concern.read", by=by, on=concern, organisation=concern.organisation_id, at=at)
    return concern


def _open(concern: Concern, by: User) -> Concern:
    """The concern behind its lock. Raises `Refused` when somebody closed it already."""
    rules.check_may_handle(by, concern)
    concern = (
        Concern.objects.select_for_update(of=("self",))
        .select_related("organisation", "about", "assigned_to")
        .get(pk=concern.pk)
    )
    if concern.closed_at is not None:
        raise Refused("state_changed", "Somebody has closed this already.")
    return concern


def _take_on(concern: Concern, *, by: User, at: datetime) -> None:
    """Whoever confirms looks after it from now on. The first answer of all stays written down."""
    if concern.acknowledged_at is None:
        concern.acknowledged_at, concern.acknowledged_by = at, by
    if concern.assigned_to != by:
        concern.assigned_to, concern.told_at = by, at
    concern.asked_again_at = concern.asked_again_by = concern.escalates_at = None
    concern.save()
    concern.steps_taken.create(kind=StepTaken.Kind.ON_IT, taken_at=at, taken_by=by)
    record("concern.acknowledged", by=by, on=concern, organisation=concern.organisation_id, at=at)


@transaction.atomic
def acknowledge(*, concern: Concern, by: User, at: datetime | None = None) -> Concern:
    """Say "I have seen this and I am on it". The first one counts; a repeat changes nothing."""
    concern = _open(concern, by)
    if concern.is_waiting:
        _take_on(concern, by=by, at=at or timezone.now())
    return concern


@transaction.atomic
def take_step(
    *, concern: Concern, kind: str, note: str, by: User, at: datetime | None = None
) -> StepTaken:
    """Write down what somebody did. Whoever does something for a waiting one is on it."""
    at = at or timezone.now()
    if kind not in StepTaken.DONE:
        raise ValueError(f"Nobody chooses {kind}.")
    concern = _open(concern, by)
    if concern.is_waiting:
        _take_on(concern, by=by, at=at)
    step = concern.steps_taken.create(kind=kind, note=note, taken_at=at, taken_by=by)
    record(
        "concern.step_taken",
        by=by,
        on=concern,
        organisation=concern.organisation_id,
        at=at,
        kind=kind,
    )
    return step


@transaction.atomic
def hand_over(
    *, concern: Concern, to: User, note: str, by: User, at: datetime | None = None
) -> Concern:
    """Ask somebody else to look after it. Until they confirm, the clock asks on as before."""
    at = at or timezone.now()
    concern = _open(concern, by)
    if not rules.may_take_over(concern, at=at).filter(pk=to.pk).exists():
        raise Refused("cannot_take_over", "This person cannot take it over now. Choose another.")
    concern.steps_taken.create(
        kind=StepTaken.Kind.HANDED_OVER, note=note, taken_at=at, taken_by=by, handed_to=to
    )
    concern.asked_again_at, concern.asked_again_by = at, by
    concern.everybody_asked_at = None
    _ask(concern, [to], at=at)
    record("concern.handed_over", by=by, on=concern, organisation=concern.organisation_id, at=at)
    return concern


@transaction.atomic
def close(*, concern: Concern, note: str, by: User, at: datetime | None = None) -> Concern:
    """End the task with what was done. Raises `Refused` when somebody closed it already."""
    at = at or timezone.now()
    concern = _open(concern, by)
    if concern.acknowledged_at is None:
        concern.acknowledged_at, concern.acknowledged_by = at, by
    if concern.assigned_to is None:
        concern.assigned_to = by
    concern.closed_at, concern.closed_by, concern.closing_note = at, by, note
    concern.asked_again_at = concern.asked_again_by = concern.escalates_at = None
    concern.save()
    record("concern.closed", by=by, on=concern, organisation=concern.organisation_id, at=at)
    return concern
