"""What safeguarding needs a coordinator for today."""

from datetime import timedelta

from django.utils import timezone

from outcomes.queries import waiting_for_a_person
from safeguarding.models import Alert, Concern
from safeguarding.today import needed_today
from tests import factories


def needed(coordinator, organisation):
    now = timezone.now()
    waiting = waiting_for_a_person(coordinator.user, organisation, at=now)
    found = needed_today(waiting, organisation, at=now)
    return {each.title: each for each in found}


def test_nothing_is_needed_when_all_is_well(coordinator, organisation, django_assert_num_queries):
    factories.confirmed_lines(organisation)
    factories.concern(organisation=organisation, assigned_to=coordinator.user)
    with django_assert_num_queries(1):
        assert needed(coordinator, organisation) == {}


def test_an_alert_that_cannot_be_sent_is_urgent(coordinator, organisation):
    factories.confirmed_lines(organisation)
    now = timezone.now()
    about_them = factories.concern(organisation=organisation, about=coordinator.user)
    for concern in (factories.concern(organisation=organisation), about_them):
        concern.alerts.create(person=factories.user(), turn=1, attempts=1, next_try_at=now)

    found = needed(coordinator, organisation)["Alert could not be sent"]
    assert (found.count, found.level) == (1, 1)

    # Once somebody is on it, it is no longer of use.
    Concern.objects.update(acknowledged_at=now)
    assert needed(coordinator, organisation) == {}
    assert Alert.objects.filter(sent_at=None).count() == 2


def test_a_concern_that_nobody_confirms_and_an_empty_list_show(coordinator, organisation):
    factories.confirmed_lines(organisation)
    factories.concern(organisation=organisation, everybody_asked_at=timezone.now())
    organisation.away.create(person=coordinator.user, until=timezone.localdate())

    found = needed(coordinator, organisation)
    assert {title: each.level for title, each in found.items()} == {
        "Concern that nobody confirms": 1,
        "Nobody is on call": 1,
    }
    assert found["Nobody is on call"].url.endswith("/on-call/")


def test_lines_show_until_they_are_confirmed_and_when_it_is_over(coordinator, organisation):
    assert needed(coordinator, organisation)["Help lines to confirm"].level == 0
    factories.confirmed_lines(organisation, review_until=timezone.localdate() - timedelta(days=1))
    found = needed(coordinator, organisation)["Help lines to try again"]
    assert found.level == 2
    assert found.url.endswith("/help-lines/")
