"""Every questionnaire as an organisation finds it: what it is, and whether it can be asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db.models import QuerySet

from accounts.models import Organisation
from instruments import blanks, rules
from instruments.blanks import Blank
from instruments.models import Instrument, Licence, TermsAcceptance
from instruments.schema import Administration, Definition

#: What licences of shipped questionnaires mean, in plain words.
LICENCES = {
    "CC-BY-ND-4.0": "Free to use as it stands. Nobody may reword, shorten or reorder it.",
    "OGL-UK-3.0": "Free to use with its notice.",
    "no-explicit-licence": "No terms of an owner are known. You decide about its use.",
    "pfizer-phq-no-permission-required": "Free to use. No permission is needed.",
    "public-domain-claimed": "Free to use. It is stated to be in the public domain.",
    "public-domain-with-conditions": "Free to use under conditions that you accept.",
    "us-government-work": "Free to use. A work of the US Government.",
}


#: A licence that ends within this time says so.
_SOON = timedelta(days=42)


class State(StrEnum):
    """What a questionnaire waits for."""

    READY = "ready"
    TERMS = "terms"
    LICENCE = "licence"
    NOT_YET = "not_yet"
    RAN_OUT = "ran_out"
    WORDS = "words"


_TAGS = {
    State.READY: ("Ready", "ok"),
    State.TERMS: ("Terms to accept", "you"),
    State.LICENCE: ("Licence needed", ""),
    State.NOT_YET: ("Licence not valid yet", "warn"),
    State.RAN_OUT: ("Licence ran out", "warn"),
    State.WORDS: ("Wording needed", "you"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One questionnaire. Without an `instrument` it has no words yet, only a blank's scoring."""

    code: str
    title: str
    definition: Definition
    state: State
    instrument: Instrument | None = None
    blank: Blank | None = None
    acceptance: TermsAcceptance | None = None
    licence: Licence | None = None
    #: Whether the licence runs out within the next weeks.
    ends_soon: bool = False

    @property
    def is_own(self) -> bool:
        return self.blank is not None or (
            self.instrument is not None and self.instrument.organisation_id is not None
        )

    @property
    def is_ready(self) -> bool:
        return self.state is State.READY

    @property
    def by_a_person(self) -> bool:
        return self.definition.administration is Administration.BY_A_PERSON

    @property
    def tag(self) -> tuple[str, str]:
        """Words and kind of the tag that says the state."""
        if self.is_ready and self.by_a_person:
            return "Asked by staff only", "people"
        if self.is_ready and self.ends_soon and self.licence and self.licence.valid_until:
            return f"Until {self.licence.valid_until:%-d %B}", "warn"
        return _TAGS[self.state]

    @property
    def length(self) -> str:
        """How many questions, for example "9 questions, and 1 more after some answers"."""
        always = sum(
            item.condition is None and item.show_if == "always"
            for item in self.definition.all_items
        )
        more = len(self.definition.all_items) - always
        words = f"{always} question{'' if always == 1 else 's'}"
        return f"{words}, and up to {more} more after some answers" if more else words

    @property
    def licence_in_words(self) -> str:
        if self.licence is not None:
            return f"Under your licence from {self.licence.owner}."
        if self.blank is not None:
            return f"Its words belong to {self.blank.owner}."
        if self.is_own:
            return "Your own import. It needs a licence on record."
        return LICENCES.get(self.definition.licence.id, "Read its licence.")

    @property
    def downloads(self) -> bool:
        """Whether its words may leave as a file."""
        return self.instrument is not None and (self.is_own or self.is_ready)


def collection_of(organisation: Organisation, *, at: datetime | None = None) -> list[Entry]:
    """Every questionnaire that the organisation can use or could, by title."""
    on = rules.today(organisation, at=at)
    known = Instrument.objects.known_to(organisation).newest_of_each()
    acceptances = {each.code: each for each in _acceptances(organisation)}
    licences = {each.code: each for each in _licences(organisation)}
    own = [row for row in known if row.organisation_id is not None]
    entries = [
        _shipped(row, acceptances.get(row.code)) for row in known if row.organisation_id is None
    ]
    entries += [_own(row, licences.get(row.code), on) for row in own]
    written = {row.code for row in own}
    entries += [
        _without_words(blank, licences.get(blank.code), on)
        for blank in blanks.all_blanks()
        if blank.code not in written
    ]
    return sorted(entries, key=lambda entry: entry.title.casefold())


def entry_of(organisation: Organisation, code: str, *, at: datetime | None = None) -> Entry | None:
    """One of them; None when the organisation knows no such questionnaire."""
    on = rules.today(organisation, at=at)
    found = list(Instrument.objects.known_to(organisation).filter(code=code).newest_of_each())
    licence = rules.licence_on_record(organisation, code)
    if found and found[0].organisation_id is None:
        return _shipped(found[0], _acceptances(organisation).filter(code=code).first())
    if found:
        return _own(found[0], licence, on)
    blank = next((blank for blank in blanks.all_blanks() if blank.code == code), None)
    return _without_words(blank, licence, on) if blank else None


def _acceptances(organisation: Organisation) -> QuerySet[TermsAcceptance]:
    accepted = TermsAcceptance.objects.in_force().filter(organisation=organisation)
    return accepted.select_related("accepted_by")


def _licences(organisation: Organisation) -> QuerySet[Licence]:
    on_record = Licence.objects.on_record().filter(organisation=organisation)
    return on_record.select_related("recorded_by")


def _shipped(instrument: Instrument, acceptance: TermsAcceptance | None) -> Entry:
    accepted = acceptance is not None and acceptance.terms == instrument.terms
    return Entry(
        code=instrument.code,
        title=instrument.title,
        definition=instrument.parsed(),
        state=State.READY if accepted or not instrument.terms else State.TERMS,
        instrument=instrument,
        acceptance=acceptance if accepted else None,
    )


def _own(instrument: Instrument, licence: Licence | None, on: date) -> Entry:
    blank = next((each for each in blanks.all_blanks() if each.code == instrument.code), None)
    return Entry(
        code=instrument.code,
        title=instrument.title,
        definition=instrument.parsed(),
        state=_state(licence, on, otherwise=State.READY),
        instrument=instrument,
        blank=blank,
        licence=licence,
        ends_soon=licence is not None
        and licence.valid_until is not None
        and licence.valid_until - on <= _SOON,
    )


def _without_words(blank: Blank, licence: Licence | None, on: date) -> Entry:
    return Entry(
        code=blank.code,
        title=blank.title,
        definition=blank.definition,
        state=_state(licence, on, otherwise=State.WORDS),
        blank=blank,
        licence=licence,
    )


def _state(licence: Licence | None, on: date, *, otherwise: State) -> State:
    if licence is None:
        return State.LICENCE
    if licence.holds(on):
        return otherwise
    return State.NOT_YET if licence.granted_on > on else State.RAN_OUT


def shelves_of(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """The entries by what can be done with them."""
    groups: dict[str, list[Entry]] = {"ready": [], "waiting": [], "closed": []}
    for entry in entries:
        if entry.is_ready:
            groups["ready"].append(entry)
        elif entry.state is State.LICENCE and entry.instrument is None:
            groups["closed"].append(entry)
        else:
            groups["waiting"].append(entry)
    return list(groups.items())
