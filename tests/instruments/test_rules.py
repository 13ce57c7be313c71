from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from instruments import rules
from instruments.models import Instrument, Licence, TermsAcceptance
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

GIVEN = date(2026, 3, 1)


def make(code="mood", version="1", **fields):
    values = {"language": "en", "title": code.capitalize(), "definition": {}}
    return Instrument.objects.create(code=code, version=version, **values | fields)


def licence(organisation, code="mood", **fields):
    values = {"owner": "Dr A", "scope": "Our groups", "evidence": "Letter", "granted_on": GIVEN}
    return Licence.objects.create(organisation=organisation, code=code, **values | fields)


def accept(organisation, terms="Be kind.", **fields):
    return TermsAcceptance.objects.create(
        organisation=organisation, code="mood", terms=terms, **fields
    )


@pytest.fixture
def ours():
    return factories.organisation(time_zone="Europe/London")


def usable(organisation):
    return [(each.code, each.version) for each in rules.usable_by(organisation)]


def why_not(organisation, instrument):
    with pytest.raises(Refused) as refusal:
        rules.check_may_use(organisation, instrument)
    return refusal.value.reason


def test_open_ones_are_usable_in_their_newest_version(ours):
    for version in ("1", "9", "10"):
        newest = make(version=version)
    make("sleep", definition={"administration": "by_a_person"})
    assert usable(ours) == [("mood", "10"), ("sleep", "1")]
    assert [each.code for each in rules.usable_by(ours).for_forms()] == ["mood"]
    assert rules.check_may_use(ours, newest) == newest


def test_terms_are_accepted_first_and_each_text_anew(ours):
    first = make(terms="Be kind.")
    second = make(version="2", terms="Be kind, and credit us.")
    assert usable(ours) == []
    assert why_not(ours, first) == "terms"
    acceptance = accept(ours)
    assert usable(ours) == [("mood", "1")]
    assert why_not(ours, second) == "terms"
    assert usable(factories.organisation()) == []
    acceptance.withdrawn_at = acceptance.accepted_at
    acceptance.save()
    assert usable(ours) == []
    accept(ours, terms=second.terms)
    assert usable(ours) == [("mood", "2")]


def test_an_own_one_needs_a_licence_that_holds_and_is_nobody_elses(ours):
    theirs = factories.organisation()
    own = make(organisation=ours)
    with time_machine.travel(datetime(2026, 3, 1, 12, tzinfo=UTC), tick=False):
        assert why_not(ours, own) == "licence"
        licence(theirs)
        assert usable(ours) == usable(theirs) == []
        assert why_not(theirs, own) == "not_yours"
        held = licence(ours, valid_until=GIVEN + timedelta(days=1))
        assert usable(ours) == [("mood", "1")]
        assert usable(theirs) == []
    for moment, reason in (
        (datetime(2026, 2, 28, 23, 59, tzinfo=UTC), "licence_not_yet"),
        (datetime(2026, 3, 3, 0, 0, tzinfo=UTC), "licence_ran_out"),
    ):
        with time_machine.travel(moment, tick=False):
            assert usable(ours) == []
            assert why_not(ours, own) == reason
            assert not held.holds(rules.today(ours))


def test_a_licence_ends_on_the_organisations_own_clock():
    ours = factories.organisation(time_zone="Pacific/Auckland")
    make(organisation=ours)
    licence(ours, valid_until=date(2026, 3, 5))
    with time_machine.travel(datetime(2026, 3, 5, 12, tzinfo=UTC), tick=False):
        assert usable(ours) == []  # it is the 6th there
