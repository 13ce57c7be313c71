"""Decide what a group asks, and when. What was asked already stays as it was."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import User
from audit.trail import record
from groups.models import SupportGroup
from groups.rules import check_may_coordinate_group
from instruments.models import Instrument
from instruments.rules import check_may_use
from instruments.schema import Administration
from outcomes import rules
from outcomes.models import SurveyInvitation, SurveyPlan
from supportgroups.lib.refusals import Refused

#: What a plan may say, besides whose it is.
TERMS = (
    "baseline",
    "every_sessions",
    "every_weeks",
    "at_end",
    "after_end_weeks",
    "window_days",
    "reminders",
)


@transaction.atomic
def add_plan(
    *,
    group: SupportGroup,
    instrument: Instrument,
    by: User,
    at: datetime | None = None,
    **terms: Any,
) -> SurveyPlan:
    """Ask one more questionnaire, after the others, for what happens from now on."""
    at = at or timezone.now()
    group = _locked(group, by)
    check_may_use(group.organisation, instrument, at=at)
    if instrument.parsed().administration is not Administration.SELF_REPORT:
        raise Refused("by_a_person", "A trained person asks this one. A form does not.")
    if rules.plans_of(group).filter(instrument__code=instrument.code).exists():
        raise Refused("asked", f"This group asks {instrument.title} already. Change that one.")
    last = rules.plans_of(group).aggregate(last=Max("position"))["last"] or 0
    plan = SurveyPlan.objects.create(
        group=group, instrument=instrument, position=last + 1, began_at=at, **terms
    )
    _record("survey_plan.added", plan, by, at, **terms)
    return plan


@transaction.atomic
def change_plan(
    *, plan: SurveyPlan, by: User, at: datetime | None = None, **terms: Any
) -> SurveyPlan:
    """Ask at other times from now on. Nothing changes when nothing is different."""
    at = at or timezone.now()
    plan = _locked_plan(plan, by)
    different = {name: value for name, value in terms.items() if getattr(plan, name) != value}
    if not different:
        return plan
    for name, value in different.items():
        setattr(plan, name, value)
    plan.changed_at = at
    plan.save(update_fields=[*different, "changed_at"])
    _record("survey_plan.changed", plan, by, at, **different)
    return plan


@transaction.atomic
def move_plan(*, plan: SurveyPlan, by: User, earlier: bool, at: datetime | None = None) -> None:
    """Ask it before, or after, the one beside it. At the end of the list nothing happens."""
    at = at or timezone.now()
    plan = _locked_plan(plan, by)
    order = list(rules.plans_of(plan.group))
    place = order.index(plan)
    other = place - 1 if earlier else place + 1
    if not 0 <= other < len(order):
        return
    order[place], order[other] = order[other], order[place]
    _number(order)
    _record("survey_plan.moved", plan, by, at)


@transaction.atomic
def end_plan(*, plan: SurveyPlan, by: User, at: datetime | None = None) -> int:
    """Ask it no more; returns how many invitations were closed by it.

    What nobody has begun to answer closes. Whoever has begun may finish, and is sent no mail.
    Ending twice is ending once.
    """
    at = at or timezone.now()
    plan = _locked_plan(plan, by, ended_too=True)
    if plan.ended_at is not None:
        return 0
    plan.ended_at = at
    plan.save(update_fields=["ended_at"])
    waiting = SurveyInvitation.objects.open(at).filter(plan=plan)
    waiting.update(next_mail_at=None)
    stopped = waiting.filter(response__isnull=True).update(stopped_at=at)
    _number(list(rules.plans_of(plan.group)))
    _record("survey_plan.ended", plan, by, at, stopped=stopped)
    return stopped


def _locked(group: SupportGroup, by: User) -> SupportGroup:
    """The group, when nobody else changes its plans."""
    group = SupportGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
    check_may_coordinate_group(by, group)
    return group


def _locked_plan(plan: SurveyPlan, by: User, *, ended_too: bool = False) -> SurveyPlan:
    _locked(plan.group, by)
    plan = SurveyPlan.objects.select_related("group", "instrument").get(pk=plan.pk)
    if plan.ended_at is not None and not ended_too:
        raise Refused("ended", "Somebody has ended this one meanwhile. Add it anew.")
    return plan


def _number(order: Sequence[SurveyPlan]) -> None:
    for position, plan in enumerate(order, start=1):
        if plan.position != position:
            plan.position = position
            plan.save(update_fields=["position"])


def _record(verb: str, plan: SurveyPlan, by: User, at: datetime, **more: Any) -> None:
    record(
        verb,
        by=by,
        on=plan,
        organisation=plan.group.organisation_id,
        at=at,
        instrument=plan.instrument.code,
        **more,
    )
