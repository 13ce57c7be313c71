"""Which questionnaires an organisation may use, and why not."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import Organisation
from instruments import blanks, catalogue, protection
from instruments.models import Instrument, InstrumentQuerySet, Licence
from instruments.schema import Definition
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
        reason, message = _why_not(organisation, instrument, today(organisation, at=at))
        where = f"/organisations/{organisation.slug}/questionnaires/"
        raise Refused(reason, message, next_step=("Go to Questionnaires", where))
    return instrument


def _why_not(organisation: Organisation, instrument: Instrument, on: date) -> tuple[str, str]:
    name = instrument.title
    if instrument.organisation_id is None:
        return "terms", f"Accept the terms of {name} first. You find them under Questionnaires."
    if instrument.organisation_id != organisation.pk:
        return "not_yours", "Your organisation cannot use this questionnaire."
    licence = licence_on_record(organisation, instrument.code)
    if licence is None:
        return "licence", f"Record your licence for {name} first, under Questionnaires."
    if licence.granted_on > on:
        return (
            "licence_not_yet",
            f"Your licence for {name} begins on {licence.granted_on:%-d %B %Y}.",
        )
    return "licence_ran_out", f"Your licence for {name} has run out. Record the new one first."


# An organisation's questionnaires -----------------------------------------------------------------


def licence_on_record(organisation: Organisation, code: str) -> Licence | None:
    """What was recorded last; it may have run out."""
    on_record = Licence.objects.on_record().filter(organisation=organisation, code=code)
    return on_record.select_related("recorded_by").first()


def check_takes_a_licence(organisation: Organisation, code: str) -> None:
    """Raise `Refused` unless a licence is what this questionnaire waits for."""
    own = Instrument.objects.filter(organisation=organisation, code=code)
    if code not in blanks.codes() and not own.exists():
        raise Refused("no_licence_needed", "This questionnaire needs no licence of your own.")


def check_may_enter_words(
    organisation: Organisation, code: str, *, at: datetime | None = None
) -> Licence:
    """The licence that allows to enter somebody's words, or `Refused`."""
    licence = licence_on_record(organisation, code)
    if licence is None or not licence.holds(today(organisation, at=at)):
        raise Refused("licence", "Record a licence that holds today, then enter the wording.")
    return licence


def check_words_are_free(title: str, texts: Iterable[str]) -> None:
    """Raise `Refused` for the words of a questionnaire that nobody may change."""
    if refusal := protection.refusal_of_words(title, texts):
        raise Refused("protected", refusal)


def check_is_a_correction(newest: Instrument | None, definition: Definition) -> None:
    """Raise `Refused` when a version would say what the newest says already."""
    if newest is not None and newest.parsed() == replace(definition, version=newest.version):
        raise Refused("unchanged", "Nothing differs from the wording that you have.")


def check_may_keep_import(definition: Definition) -> None:
    """Raise `Refused` for the name of a questionnaire that comes with the software."""
    if definition.code in blanks.codes():
        raise Refused(
            "blank",
            f"The scoring of {blanks.get(definition.code).title} comes with the software. "
            "Record your licence on its page, and read the wording in there.",
        )
    shipped = {each.code: each.title for each in catalogue.all_definitions()}
    if title := shipped.get(definition.code):
        raise Refused("shipped", f"{title} comes with the software. There is nothing to import.")
    if definition.code == "import":
        raise Refused("name", "“import” cannot be the name of a questionnaire.")
    if definition.licence.terms:
        raise Refused("terms", "A questionnaire of your own has no terms to accept.")


def check_terms_are_these(instrument: Instrument, terms: str) -> None:
    """Raise `Refused` unless the terms that somebody read are those of this version."""
    if not instrument.terms:
        raise Refused("no_terms", "This questionnaire has no terms to accept.")
    if terms != instrument.terms:
        raise Refused("other_terms", "The terms have changed meanwhile. Read them again, please.")
