"""The library of vetted sources: who keeps it, what can be chosen, and when it is read again."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from safeguarding import library_actions, library_rules
from safeguarding.models import Resource
from supportgroups.lib.refusals import Refused
from tests import factories

TODAY = timezone.localdate


def given(**changes):
    return {
        "title": "Coming off antidepressants",
        "summary": "Come off slowly, with whoever prescribes them.",
        "source": "NHS",
        "url": "https://www.nhs.example/antidepressants",
        "review_until": TODAY() + timedelta(days=100),
    } | changes


def text(response, status: int = 200) -> str:
    assert response.status_code == status
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(
    ("days", "retired", "is_vetted", "is_overdue"),
    [(0, False, True, False), (-1, False, False, True), (30, True, False, False)],
)
def test_only_what_holds_can_be_chosen(db, days, retired, is_vetted, is_overdue):
    found = factories.resource(
        reviewed_on=TODAY() - timedelta(days=90),
        review_until=TODAY() + timedelta(days=days),
        retired_at=timezone.now() if retired else None,
    )

    assert Resource.objects.vetted().filter(pk=found.pk).exists() == is_vetted
    assert Resource.objects.overdue().filter(pk=found.pk).exists() == is_overdue


@pytest.mark.parametrize("who", ["member", "facilitator", "other_coordinator"])
def test_others_do_not_keep_it(cast, organisation, who):
    with pytest.raises(Refused, match="coordinators"):
        library_actions.keep_resource(organisation=organisation, by=cast[who].user, **given())
    with pytest.raises(Refused, match="coordinators"):
        library_actions.retire_resource(
            resource=factories.resource(organisation=organisation), by=cast[who].user
        )


@pytest.mark.parametrize(("days", "reason"), [(0, "in_the_past"), (800, "too_long")])
def test_a_review_holds_for_a_while(coordinator, organisation, days, reason):
    with pytest.raises(Refused) as no:
        library_actions.keep_resource(
            organisation=organisation,
            by=coordinator.user,
            **given(review_until=TODAY() + timedelta(days=days)),
        )
    assert no.value.reason == reason
    assert library_rules.REVIEW_HOLDS < library_rules.LONGEST_REVIEW


def test_library_adds_reads_again_and_takes_out(coordinator, organisation):
    address = reverse("safeguarding:library", args=[organisation.slug])
    assert "Nothing is ready to show" in text(coordinator.client.get(address))

    page = text(coordinator.client.post(address, given(url="http://www.nhs.example/")))
    assert "Error:" in page
    assert "begins with https://" in page
    assert 'value="Coming off antidepressants"' in page, "nothing typed is lost"
    assert coordinator.client.post(address, given())["Location"] == address
    added = Resource.objects.get()
    assert (added.reviewed_by, added.reviewed_on) == (coordinator.user, TODAY())
    assert "a source of this title already" in text(
        coordinator.client.post(address, given(title="COMING off antidepressants"))
    )

    Resource.objects.update(
        reviewed_on=TODAY() - timedelta(days=200), review_until=TODAY() - timedelta(days=1)
    )
    overview = coordinator.client.get(reverse("outcomes:overview", args=[organisation.slug]))
    assert "Source to read again" in text(overview)
    page = text(coordinator.client.get(address))
    assert "Read this one again" in page
    assert "Read again" in page
    change = reverse("safeguarding:resource_change", args=[added.pk])
    assert f'value="{TODAY() + library_rules.REVIEW_HOLDS}"' in text(coordinator.client.get(change))
    assert "still to come" in text(
        coordinator.client.post(change, given(review_until=TODAY() - timedelta(days=3)))
    )
    assert coordinator.client.post(change, given(title="Coming off tablets"))["Location"] == address
    page = text(coordinator.client.get(address))
    assert "Read this one again" not in page
    assert "Coming off tablets" in page

    coordinator.client.post(reverse("safeguarding:resource_retire", args=[added.pk]))
    library_actions.retire_resource(resource=added, by=coordinator.user)
    assert "Nothing is ready to show" in text(coordinator.client.get(address))
    assert coordinator.client.get(change).status_code == 404
    verbs = Event.objects.filter(verb__startswith="resource.").order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == [
        "resource.added",
        "resource.reviewed",
        "resource.retired",
    ]
