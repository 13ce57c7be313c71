"""A concern's words outlive an account only where somebody said so before, and until a day."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import Event
from safeguarding import hold_actions
from safeguarding.models import Concern, Hold
from supportgroups import privacy, retention
from supportgroups.lib.refusals import Refused
from tests import factories

UNTIL = timezone.localdate() + timedelta(days=90)


@pytest.fixture
def concern(organisation, member):
    return factories.concern(
        organisation=organisation, about=member.user, detail="Their own words."
    )


@pytest.fixture
def held(concern, coordinator):
    return hold_actions.place_hold(
        concern=concern, reason="A court asks for it.", until=UNTIL, by=coordinator.user
    )


def test_the_words_stay_and_the_person_knew(concern, held, coordinator, member):
    concern.steps_taken.create(kind="reached", note="Talked.", taken_by=coordinator.user)
    page = member.client.get("/account/close/").content.decode()
    assert "Their reason: A court asks for it." in page
    address = member.user.email
    privacy.erase(member.user)
    assert not Concern.objects.exists()
    held.refresh_from_db()
    assert "Their own words." in held.record
    listed = coordinator.client.get("/organisations/harbour-network/kept/").content.decode()
    assert "A court asks for it." in listed
    assert "Member" not in listed
    shown = coordinator.client.get(f"/kept/{held.pk}/").content.decode()
    for words in ("Member", address, "Their own words.", "Talked."):
        assert words in shown
    assert Event.objects.filter(verb="hold.read", object_id=held.pk).count() == 1


def test_after_its_last_day_it_goes(concern, held, member):
    privacy.erase(member.user)
    retention.purge(at=timezone.now() + timedelta(days=90))
    assert Hold.objects.exists()
    retention.purge(at=timezone.now() + timedelta(days=93))
    assert not Hold.objects.exists()


def test_one_that_is_over_keeps_nothing(concern, held, member):
    Hold.objects.update(until=timezone.localdate() - timedelta(days=1))
    privacy.erase(member.user)
    assert Hold.objects.get().kept_at is None
    assert b"reason" not in member.client.get("/account/close/").content


def test_a_coordinator_places_and_lifts_it(concern, coordinator):
    address = f"/concerns/{concern.pk}/keep/"
    response = coordinator.client.post(address, {"reason": "", "until": "2020-01-01"})
    page = response.content.decode()
    assert "Write why you must keep them." in page
    assert "Choose a day from tomorrow on, within two years." in page
    given = {"reason": "An inquest.", "until": UNTIL.isoformat()}
    assert coordinator.client.post(address, given).status_code == 302
    assert Hold.objects.get().reason == "An inquest."
    coordinator.client.post(address, {"lift": "yes"})
    assert not Hold.objects.exists()
    verbs = Event.objects.filter(verb__startswith="hold.").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == ["hold.placed", "hold.lifted"]


def test_nobody_holds_what_is_about_themselves(organisation, coordinator):
    about_them = factories.concern(organisation=organisation, about=coordinator.user)
    with pytest.raises(Refused) as refused:
        hold_actions.place_hold(concern=about_them, reason="-", until=UNTIL, by=coordinator.user)
    assert refused.value.reason == "oneself"


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"reason": ""}, "safeguarding_hold_has_a_reason"),
        ({"record": "words"}, "safeguarding_hold_kept_whole"),
    ],
)
def test_a_hold_is_whole(held, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Hold.objects.update(**factories.sealed(held, **fields))
