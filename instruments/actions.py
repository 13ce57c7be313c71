"""Load questionnaires, accept terms, record licences, enter words, import."""

from dataclasses import replace
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Organisation, User
from accounts.rules import check_may_coordinate
from audit.trail import record
from instruments import catalogue, rules
from instruments.blanks import Blank, Words
from instruments.content import content_of
from instruments.models import Instrument, Licence, TermsAcceptance
from instruments.schema import Definition
from instruments.schema import Licence as Notice


class PublishedVersionChanged(Exception):
    """A shipped definition differs from the stored one of the same version."""


@transaction.atomic
def load_definitions(*, by: User | None = None, at: datetime | None = None) -> list[Instrument]:
    """Store every shipped definition that is not stored yet and return the new rows.

    Run again, it stores nothing. Raises `PublishedVersionChanged`, and stores nothing, when the
    content of a stored version was edited: answers already point to it.
    """
    at = at or timezone.now()
    loaded = []
    for definition, content in catalogue.all_contents():
        # Two starts at once: the second waits on the unique constraint and then finds the row.
        instrument, created = Instrument.objects.get_or_create(
            organisation=None,
            code=definition.code,
            version=definition.version,
            language=definition.language,
            defaults={
                "title": definition.title,
                "definition": content,
                "licence": definition.licence.notice,
                "terms": definition.licence.terms,
                "source": definition.licence.source,
                "loaded_at": at,
            },
        )
        if not created and instrument.definition != content:
            raise PublishedVersionChanged(
                f"{definition.code} version {definition.version} ({definition.language}) is stored "
                "with other content. Leave it as it was, and give the correction a new version."
            )
        if created:
            record(
                "instrument.loaded",
                by=by,
                on=instrument,
                at=at,
                code=definition.code,
                version=definition.version,
                language=definition.language,
            )
            loaded.append(instrument)
    return loaded


# Of an organisation -------------------------------------------------------------------------------


@transaction.atomic
def accept_terms(
    *,
    organisation: Organisation,
    instrument: Instrument,
    terms: str,
    by: User,
    at: datetime | None = None,
) -> TermsAcceptance:
    """Accept the terms that were read, so that the questionnaire can be asked. Twice is once."""
    check_may_coordinate(by, organisation)
    rules.check_terms_are_these(instrument, terms)
    _one_at_a_time(organisation)
    now = at or timezone.now()
    in_force = TermsAcceptance.objects.in_force().filter(
        organisation=organisation, code=instrument.code
    )
    before = in_force.first()
    if before is not None and before.terms == terms:
        return before
    in_force.update(withdrawn_at=now, withdrawn_by=by)
    accepted = TermsAcceptance.objects.create(
        organisation=organisation,
        code=instrument.code,
        terms=terms,
        accepted_at=now,
        accepted_by=by,
    )
    _record("instrument.terms_accepted", accepted, by=by, at=now, version=instrument.version)
    return accepted


@transaction.atomic
def withdraw_terms(
    *, organisation: Organisation, code: str, by: User, at: datetime | None = None
) -> None:
    """Nobody is asked from now on. Answers that were given stay, with their scores."""
    check_may_coordinate(by, organisation)
    _one_at_a_time(organisation)
    accepted = (
        TermsAcceptance.objects.in_force().filter(organisation=organisation, code=code).first()
    )
    if accepted is None:
        return
    accepted.withdrawn_at, accepted.withdrawn_by = at or timezone.now(), by
    accepted.save(update_fields=["withdrawn_at", "withdrawn_by"])
    _record("instrument.terms_withdrawn", accepted, by=by, at=at)


@transaction.atomic
def record_licence(
    *,
    organisation: Organisation,
    code: str,
    owner: str,
    granted_on: date,
    valid_until: date | None,
    scope: str,
    evidence: str,
    by: User,
    at: datetime | None = None,
) -> Licence:
    """Write down what allows the organisation to use somebody's questionnaire.

    It replaces what was on record before, which is kept.
    """
    check_may_coordinate(by, organisation)
    rules.check_takes_a_licence(organisation, code)
    _one_at_a_time(organisation)
    now = at or timezone.now()
    before = Licence.objects.on_record().filter(organisation=organisation, code=code)
    before.update(ended_at=now, ended_by=by)
    licence = Licence.objects.create(
        organisation=organisation,
        code=code,
        owner=owner,
        granted_on=granted_on,
        valid_until=valid_until,
        scope=scope,
        evidence=evidence,
        recorded_at=now,
        recorded_by=by,
    )
    _record("instrument.licence_recorded", licence, by=by, at=now)
    return licence


@transaction.atomic
def end_licence(
    *, organisation: Organisation, code: str, by: User, at: datetime | None = None
) -> None:
    """Take the licence back. Nobody is asked from now on; answers stay, with their scores."""
    check_may_coordinate(by, organisation)
    _one_at_a_time(organisation)
    licence = rules.licence_on_record(organisation, code)
    if licence is None:
        return
    licence.ended_at, licence.ended_by = at or timezone.now(), by
    licence.save(update_fields=["ended_at", "ended_by"])
    _record("instrument.licence_ended", licence, by=by, at=at)


@transaction.atomic
def enter_words(
    *,
    organisation: Organisation,
    blank: Blank,
    words: Words,
    notice: str,
    by: User,
    at: datetime | None = None,
) -> Instrument:
    """Make the organisation's own version from words that it holds a licence for.

    Done again, it is a correction: a new version. What was answered keeps the words it answered.
    """
    check_may_coordinate(by, organisation)
    licence = rules.check_may_enter_words(organisation, blank.code, at=at)
    rules.check_words_are_free(blank.title, words.texts)
    source = f"Licence of {licence.owner} of {licence.granted_on:%-d %B %Y}."
    definition = blank.with_words(
        words,
        version="1",
        licence=Notice(id="held-by-the-organisation", notice=notice, source=source),
    )
    return _keep_version(organisation, definition, "instrument.words_entered", by=by, at=at)


@transaction.atomic
def import_definition(
    *, organisation: Organisation, definition: Definition, by: User, at: datetime | None = None
) -> Instrument:
    """Keep a questionnaire that was read from FHIR as the organisation's own.

    It waits for a licence on record. Imported again under its name, it is a correction.
    """
    check_may_coordinate(by, organisation)
    rules.check_may_keep_import(definition)
    return _keep_version(organisation, definition, "instrument.imported", by=by, at=at)


def _keep_version(
    organisation: Organisation,
    definition: Definition,
    verb: str,
    *,
    by: User,
    at: datetime | None,
) -> Instrument:
    _one_at_a_time(organisation)
    own = Instrument.objects.filter(
        organisation=organisation, code=definition.code, language=definition.language
    )
    newest = max(own, key=Instrument.number, default=None)
    rules.check_is_a_correction(newest, definition)
    number = newest.number() + 1 if newest else 1
    kept = replace(definition, version=str(number))
    instrument = Instrument.objects.create(
        organisation=organisation,
        code=kept.code,
        version=kept.version,
        language=kept.language,
        title=kept.title,
        definition=content_of(kept),
        licence=kept.licence.notice,
        source=kept.licence.source,
        loaded_at=at or timezone.now(),
    )
    record(
        verb,
        by=by,
        on=instrument,
        organisation=organisation.pk,
        at=at,
        code=kept.code,
        version=kept.version,
    )
    return instrument


def _one_at_a_time(organisation: Organisation) -> None:
    """Two who do the same at once take turns here."""
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)


def _record(
    verb: str, on: TermsAcceptance | Licence, *, by: User, at: datetime | None, **data: str
) -> None:
    record(verb, by=by, on=on, organisation=on.organisation_id, at=at, code=on.code, **data)
