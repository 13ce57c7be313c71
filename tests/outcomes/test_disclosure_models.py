"""What the database refuses about summaries, and about answers that were sent."""

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from outcomes.models import Disclosure, DisclosureFile, Response
from supportgroups.lib.erasing import erasing
from tests import factories
from tests.factories import sealed

pytestmark = pytest.mark.django_db


def signed(**fields):
    return {"signed_at": timezone.now(), "signature": "Sam", "version": 1, **fields}


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("outcomes_disclosure_signed_whole", {"signature": "Sam"}),
        ("outcomes_disclosure_signed_whole", {"signed_at": timezone.now(), "version": 1}),
        ("outcomes_disclosure_made_when_signed", {"made_at": timezone.now()}),
        ("outcomes_disclosure_ended_why", {"ended_at": timezone.now(), "ended_why": "revoked"}),
        ("outcomes_disclosure_ended_why", signed(ended_at=timezone.now())),
        ("outcomes_disclosure_of_something", {"instruments": []}),
    ],
)
def test_a_disclosure_is_whole(constraint, fields):
    with pytest.raises(IntegrityError, match=constraint):
        factories.disclosure(**fields)


def test_a_signed_disclosure_changes_only_by_being_made_and_ending():
    found = factories.disclosure()
    words = sealed(found, purpose="Something else", signature="Sam")
    Disclosure.objects.update(**signed(**words))
    for fields in (
        sealed(found, purpose="More"),
        {"ends_on": date(2099, 1, 1)},
        sealed(found, signature="Pat"),
    ):
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            Disclosure.objects.update(**fields)
    now = timezone.now()
    Disclosure.objects.update(made_at=now, claimed_at=now, attempts=1)
    Disclosure.objects.update(ended_at=now, ended_why="revoked")
    for fields in ({"ended_at": None, "ended_why": ""}, {"made_at": None}):
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            Disclosure.objects.update(**fields)
    assert Disclosure.objects.get(pk=found.pk).purpose == "Something else"


def test_a_disclosure_has_one_file_of_a_kind():
    found = factories.disclosure()
    with (
        pytest.raises(IntegrityError, match="outcomes_disclosurefile_kind_known"),
        transaction.atomic(),
    ):
        DisclosureFile.objects.create(disclosure=found, kind="html", content=b"")
    DisclosureFile.objects.create(disclosure=found, kind="pdf", content=b"")
    with pytest.raises(IntegrityError, match="outcomes_disclosurefile_once"), transaction.atomic():
        DisclosureFile.objects.create(disclosure=found, kind="pdf", content=b"")


def test_only_whoever_answered_lets_sent_answers_go(group):
    invitation = factories.invitation(factories.survey_plan(group), factories.member(group))
    factories.response(invitation, submitted_at=timezone.now())
    person = invitation.membership.user
    refused = pytest.raises(DatabaseError, match="only whoever answered")
    with refused, transaction.atomic():
        Response.objects.all().delete()
    with refused, transaction.atomic(), erasing(factories.user().pk):
        Response.objects.all().delete()
    with refused, transaction.atomic():
        invitation.membership.delete()
    with transaction.atomic(), erasing(person.pk):
        invitation.membership.delete()
    assert not Response.objects.exists()


def test_what_was_not_sent_may_go(group):
    plan = factories.survey_plan(group)
    factories.response(factories.invitation(plan, factories.member(group)))
    Response.objects.all().delete()
