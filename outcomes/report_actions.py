"""What coordinators do with programmes and funders' reports."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from groups.models import SupportGroup
from outcomes import report_rules, tasks
from outcomes.models import FunderReport, Programme
from outcomes.report_rules import Period
from supportgroups.lib.later import later
from supportgroups.lib.refusals import Refused

# Programmes -------------------------------------------------------------------------------------


def _checked_groups(
    organisation: Organisation, groups: Iterable[SupportGroup]
) -> list[SupportGroup]:
    allowed = set(report_rules.groups_to_report_on(organisation).values_list("pk", flat=True))
    chosen = [group for group in groups if group.pk in allowed]
    if not chosen:
        raise Refused("no_groups", "Choose at least one group.")
    return chosen


def _name_taken() -> Refused:
    return Refused("name_taken", "There is a programme with this name already. Choose another.")


@transaction.atomic
def make_programme(
    *,
    organisation: Organisation,
    name: str,
    groups: Iterable[SupportGroup],
    by: User,
    at: datetime | None = None,
) -> Programme:
    """Name a set of groups to report on together. A group may belong to several."""
    at = at or timezone.now()
    check_may_coordinate(by, organisation)
    chosen = _checked_groups(organisation, groups)
    if organisation.programmes.running().count() >= report_rules.MOST_PROGRAMMES:
        raise Refused("too_many", "End a programme first: there are very many already.")
    try:
        with transaction.atomic():
            programme = Programme.objects.create(
                organisation=organisation, name=name.strip(), made_at=at, made_by=by
            )
    except IntegrityError:
        raise _name_taken() from None
    programme.groups.set(chosen)
    record(
        "programme.made",
        by=by,
        on=programme,
        organisation=organisation.pk,
        at=at,
        groups=[str(group.pk) for group in chosen],
    )
    return programme


def _running(programme: Programme, by: User) -> Programme:
    """The row, locked, if this person may change it."""
    check_may_coordinate(by, programme.organisation)
    programme = Programme.objects.select_for_update(of=("self",)).get(pk=programme.pk)
    if programme.ended_at is not None:
        raise Refused("ended", "This programme has ended. Make a new one.")
    return programme


@transaction.atomic
def change_programme(
    *,
    programme: Programme,
    name: str,
    groups: Iterable[SupportGroup],
    by: User,
    at: datetime | None = None,
) -> Programme:
    """Another name, other groups. Reports that are there keep the ones they were about."""
    programme = _running(programme, by)
    chosen = _checked_groups(programme.organisation, groups)
    programme.name = name.strip()
    try:
        with transaction.atomic():
            programme.save(update_fields=["name"])
    except IntegrityError:
        raise _name_taken() from None
    programme.groups.set(chosen)
    record(
        "programme.changed",
        by=by,
        on=programme,
        organisation=programme.organisation_id,
        at=at,
        groups=[str(group.pk) for group in chosen],
    )
    return programme


@transaction.atomic
def end_programme(*, programme: Programme, by: User, at: datetime | None = None) -> Programme:
    """It cannot be chosen any more; its reports stay. Its name is free again."""
    at = at or timezone.now()
    programme = _running(programme, by)
    programme.ended_at, programme.ended_by = at, by
    programme.save(update_fields=["ended_at", "ended_by"])
    record("programme.ended", by=by, on=programme, organisation=programme.organisation_id, at=at)
    return programme


# Reports ----------------------------------------------------------------------------------------


@transaction.atomic
def start_report(
    *,
    organisation: Organisation,
    programme: Programme | None,
    period: Period,
    by: User,
    introduction: str = "",
    learnt: str = "",
    at: datetime | None = None,
) -> FunderReport:
    """Have a report made. Two who ask for the same get one.

    The numbers of a report that is there stay: it is given back, with its own words.
    """
    at = at or timezone.now()
    check_may_coordinate(by, organisation)
    report_rules.check_period(period, at=at, zone=ZoneInfo(organisation.time_zone))
    if programme is not None and (
        programme.organisation_id != organisation.pk or programme.ended_at is not None
    ):
        raise Refused("no_programme", "Choose one of your programmes.")
    groups = report_rules.groups_to_report_on(organisation)
    if programme is not None:
        groups = groups.filter(programmes=programme)
    group_ids: list[UUID] = sorted(groups.values_list("pk", flat=True))
    if not group_ids:
        raise Refused("no_groups", "There is no group to report on yet.")
    report, is_new = FunderReport.objects.kept().get_or_create(
        organisation=organisation,
        scope=report_rules.scope_of(group_ids),
        first_day=period.first_day,
        last_day=period.last_day,
        deleted_at=None,
        defaults={
            "programme": programme,
            "programme_name": programme.name if programme else "",
            "group_ids": group_ids,
            "introduction": introduction.strip(),
            "learnt": learnt.strip(),
            "made_at": at,
            "made_by": by,
            "touched_at": at,
        },
    )
    if is_new:
        record(
            "report.started",
            by=by,
            on=report,
            organisation=organisation.pk,
            at=at,
            programme=str(programme.pk) if programme else "",
            first_day=period.first_day.isoformat(),
            last_day=period.last_day.isoformat(),
        )
        later(tasks.make_report, report.pk)
    return report


def _locked(report: FunderReport, by: User) -> FunderReport:
    check_may_coordinate(by, report.organisation)
    found = (
        FunderReport.objects.kept()
        .select_for_update(of=("self",))
        .defer("inputs", "content", "pdf")
        .filter(pk=report.pk)
        .first()
    )
    if found is None:
        raise Refused("deleted", "This report was deleted.")
    return found


@transaction.atomic
def try_report_again(*, report: FunderReport, by: User, at: datetime | None = None) -> FunderReport:
    """Ask the worker once more after a failure. Asking twice is asking once."""
    at = at or timezone.now()
    report = _locked(report, by)
    if report.state != FunderReport.State.FAILED:
        return report
    report_rules.check_move(report, FunderReport.State.WAITING)
    return _wait(report, by=by, at=at, verb="report.tried_again")


@transaction.atomic
def change_report_words(
    *,
    report: FunderReport,
    introduction: str,
    learnt: str,
    by: User,
    at: datetime | None = None,
) -> FunderReport:
    """Other words around the same numbers; the PDF is set anew."""
    at = at or timezone.now()
    report = _locked(report, by)
    if report_rules.is_being_made(report):
        raise Refused("being_made", "The report is being made. Change the words when it is ready.")
    report_rules.check_move(report, FunderReport.State.WAITING)
    report.introduction, report.learnt = introduction.strip(), learnt.strip()
    report.save(update_fields=["introduction", "learnt"])
    return _wait(report, by=by, at=at, verb="report.words_changed")


def _wait(report: FunderReport, *, by: User, at: datetime, verb: str) -> FunderReport:
    report.state, report.step, report.touched_at = FunderReport.State.WAITING, 0, at
    report.save(update_fields=["state", "step", "touched_at"])
    record(verb, by=by, on=report, organisation=report.organisation_id, at=at)
    later(tasks.make_report, report.pk)
    return report


@transaction.atomic
def delete_report(*, report: FunderReport, by: User, at: datetime | None = None) -> None:
    """Take page, PDF and words away. Its counts stay: somebody may have a copy of them."""
    at = at or timezone.now()
    report = _locked(report, by)
    FunderReport.objects.filter(pk=report.pk).update(
        introduction="",
        learnt="",
        content=None,
        pdf=None,
        deleted_at=at,
        deleted_by=by,
    )
    record("report.deleted", by=by, on=report, organisation=report.organisation_id, at=at)
