"""What people agree to: given, withdrawn, kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from accounts import consents
from accounts.models import Consent
from audit.models import Event
from supportgroups.lib.erasing import erasing
from supportgroups.lib.refusals import Refused
from tests import factories

pytestmark = pytest.mark.django_db

COUNT, SHARE = "count_my_answers", "share_answers_between_groups"


@pytest.fixture
def person():
    return factories.user()


def test_sharing_needs_a_yes_and_ends_with_a_no(person):
    assert not consents.has_consented(person, SHARE)
    consents.withdraw(user=person, purpose=SHARE, by=person)
    assert not Consent.objects.exists(), "a no to what was never agreed to is nothing new"
    for _ in range(2):
        consents.give(user=person, purpose=SHARE, by=person)
        assert consents.has_consented(person, SHARE)
    assert Consent.objects.count() == 1, "agreeing twice is agreeing once"
    for _ in range(2):
        consents.withdraw(user=person, purpose=SHARE, by=person)
        assert not consents.has_consented(person, SHARE)
    consents.give(user=person, purpose=SHARE, by=person)
    assert consents.has_consented(person, SHARE)
    assert Consent.objects.count() == 2, "agreeing again is a new row"
    verbs = Event.objects.filter(verb__startswith="consent").order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == [
        "consent.given",
        "consent.withdrawn",
        "consent.given",
    ]
    assert verbs[0].data == {"purpose": SHARE, "version": 1}


def test_counting_is_assumed_and_a_no_holds_for_one_organisation(person, organisation):
    other = factories.organisation()
    assert consents.has_consented(person, COUNT, organisation)
    assert not consents.who_said_no(COUNT, organisation).exists()
    consents.withdraw(user=person, purpose=COUNT, organisation=organisation, by=person)
    assert not consents.has_consented(person, COUNT, organisation)
    assert consents.has_consented(person, COUNT, other)
    assert consents.who_said_no(COUNT, organisation).get() == person
    assert not consents.who_said_no(COUNT, other).exists()
    assert Consent.objects.get().given_at is None, "nobody claims that it was ever given"
    consents.give(user=person, purpose=COUNT, organisation=organisation, by=person)
    assert consents.has_consented(person, COUNT, organisation)
    assert not consents.who_said_no(COUNT, organisation).exists()
    consents.withdraw(user=person, purpose=COUNT, organisation=organisation, by=person)
    assert not consents.has_consented(person, COUNT, organisation)


def test_only_the_person_decides(person):
    other = factories.user()
    for verb in (consents.give, consents.withdraw):
        with pytest.raises(Refused):
            verb(user=person, purpose=SHARE, by=other)


def test_each_purpose_is_about_what_it_says(person, organisation):
    with pytest.raises(ValueError, match="an organisation"):
        consents.has_consented(person, COUNT)
    with pytest.raises(ValueError, match="no organisation"):
        consents.give(user=person, purpose=SHARE, organisation=organisation, by=person)
    with pytest.raises(ValueError, match="holds for nobody"):
        consents.who_said_no(SHARE, organisation)


def test_words_that_ask_for_more_ask_again(person, monkeypatch):
    consents.give(user=person, purpose=SHARE, by=person)
    old = consents.SHARE_ANSWERS
    mended = replace(old, wordings=(*old.wordings, "The same, mended."))
    monkeypatch.setitem(consents.PURPOSES, SHARE, mended)
    assert consents.has_consented(person, SHARE)
    monkeypatch.setitem(consents.PURPOSES, SHARE, replace(mended, holds_from=2))
    assert not consents.has_consented(person, SHARE)
    consents.give(user=person, purpose=SHARE, by=person)
    assert consents.has_consented(person, SHARE)
    first, second = Consent.objects.order_by("id")
    assert (first.version, second.version) == (1, 2)
    assert first.withdrawn_at == second.given_at
    assert mended.words(version=1) == old.wordings[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda row: Consent.objects.filter(pk=row.pk).update(version=9),
        lambda row: Consent.objects.filter(pk=row.pk).update(given_at=timezone.now()),
        lambda row: row.delete(),
        lambda row: row.user.delete(),
    ],
)
def test_the_database_keeps_what_was_agreed(person, change):
    consents.give(user=person, purpose=SHARE, by=person)
    row = Consent.objects.get()
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        change(row)


def test_the_database_keeps_when_it_was_withdrawn(person):
    consents.give(user=person, purpose=SHARE, by=person)
    consents.withdraw(user=person, purpose=SHARE, by=person)
    for at in (None, timezone.now() + timedelta(days=1)):
        with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
            Consent.objects.update(withdrawn_at=at)


def test_only_the_persons_own_erasing_removes_rows(person):
    consents.give(user=person, purpose=SHARE, by=person)
    with (
        pytest.raises(DatabaseError, match="only ever added"),
        transaction.atomic(),
        erasing(factories.user().pk),
    ):
        Consent.objects.all().delete()
    with transaction.atomic(), erasing(person.pk):
        Consent.objects.all().delete()
    consents.give(user=person, purpose=SHARE, by=person)
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic():
        Consent.objects.all().delete()


def test_what_the_database_refuses(person, organisation):
    now = timezone.now()
    for constraint, fields in (
        ("accounts_consent_purpose_known", {"purpose": "something", "given_at": now}),
        ("accounts_consent_says_something", {"purpose": SHARE}),
        (
            "accounts_consent_withdrawn_after_given",
            {"purpose": SHARE, "given_at": now, "withdrawn_at": now - timedelta(days=1)},
        ),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Consent.objects.create(user=person, version=1, **fields)
    Consent.objects.create(user=person, version=1, purpose=SHARE, given_at=now)
    with pytest.raises(IntegrityError, match="accounts_consent_stands_once"), transaction.atomic():
        Consent.objects.create(user=person, version=1, purpose=SHARE, given_at=now)


def test_the_table_knows_the_purposes():
    known = next(
        each for each in Consent._meta.constraints if each.name == "accounts_consent_purpose_known"
    )
    assert dict(known.condition.children)["purpose__in"] == sorted(consents.PURPOSES)
