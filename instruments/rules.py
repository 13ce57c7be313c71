"""Which questionnaires an organisation may use, and why not."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import Organisation
from instruments.models import Instrument, InstrumentQuerySet, Licence
from supportgroups.lib.refusals import Refused


def today(organisation: Organisation, *, at: datetime | None = None) -> date:
    """The day on which a licence must hold, on the organisation's own clock."""
    return timezone.localdate(at, ZoneInfo(organisation.time_zone))


def usable_by(organisation: Organisation, *, at: datetime | None = None) -> InstrumentQuerySet:
    """The newest version of each questionnaire that this organisation may use now, by title.

    Open ones, those whose terms it accepted, and its own with a licence on record that holds today.
    Forms add `.for_forms()`: some are asked by trained people only.
    """
    usable = Instrument.objects.usable_by(organisation, on=today(organisation, at=at))
    return usable.newest_of_each()


def may_use(
    organisation: Organisation, instrument: Instrument, *, at: datetime | None = None
) -> bool:
    """Whether the organisation may ask this version, the newest or not."""
    usable = Instrument.objects.usable_by(organisation, on=today(organisation, at=at))
    return usable.filter(pk=instrument.pk).exists()


def check_may_use(
    organisation: Organisation, instrument: Instrument, *, at: datetime | None = None
) -> Instrument:
    """The instrument, if this organisation may ask it now, else `Refused`."""
    if not may_use(organisation, instrument, at=at):
        raise Refused(*_why_not(organisation, instrument, today(organisation, at=at)))
    return instrument


def _why_not(organisation: Organisation, instrument: Instrument, on: date) -> tuple[str, str]:
    name = instrument.title
    if instrument.organisation_id is None:
        return "terms", f"Accept the terms of {name} first. You find them under Questionnaires."
    if instrument.organisation_id != organisation.pk:
        return "not_yours", "Your organisation cannot use this questionnaire."
    licence = (
        Licence.objects.on_record().filter(organisation=organisation, code=instrument.code).first()
    )
    if licence is None:
        return "licence", f"Record your licence for {name} first, under Questionnaires."
    if licence.granted_on > on:
        return (
            "licence_not_yet",
            f"Your licence for {name} begins on {licence.granted_on:%-d %B %Y}.",
        )
    return "licence_ran_out", f"Your licence for {name} has run out. Record the new one first."
