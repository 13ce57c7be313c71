from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from groups.models import SupportGroup
from sessions.actions import add_session
from sessions.models import AgendaTemplateItem, SupportSession
from supportgroups.lib.refusals import Refused


@pytest.mark.parametrize("who", ["facilitator", "coordinator"])
def test_add_session_copies_the_agenda_and_tells_the_trail(cast, group, who):
    for position, title in enumerate(("Hello", "Circle"), start=1):
        AgendaTemplateItem.objects.create(group=group, position=position, title=title, minutes=30)
    starts_at = timezone.now() + timedelta(hours=3)
    made = add_session(
        group=group,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=1),
        by=cast[who].user,
    )
    assert (made.status, made.series) == (SupportSession.Status.SCHEDULED, None)
    assert made.recurrence_id == starts_at
    assert [part.title for part in made.agenda.all()] == ["Hello", "Circle"]
    event = Event.objects.get(object_id=made.pk)
    assert (event.verb, event.actor_id) == ("session.added", cast[who].user.pk)


@pytest.mark.parametrize("who", ["member", "applicant", "outsider", "other_coordinator"])
def test_add_session_refuses_who_does_not_staff_the_group(cast, group, who):
    now = timezone.now()
    with pytest.raises(Refused):
        add_session(group=group, starts_at=now, ends_at=now + timedelta(hours=1), by=cast[who].user)
    assert not SupportSession.objects.exists()


def test_add_session_twice_adds_one(cast, group):
    starts_at = timezone.now() + timedelta(hours=3)
    asked = {
        "group": group,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=1),
        "by": cast["facilitator"].user,
    }
    add_session(**asked)
    with pytest.raises(Refused) as no:
        add_session(**asked)
    assert no.value.reason == "booked"
    assert SupportSession.objects.count() == 1


def test_add_session_refuses_a_group_that_pauses(cast, group):
    """Even when it paused after the page was read: the row with its lock is asked."""
    SupportGroup.objects.filter(pk=group.pk).update(lifecycle="paused")
    starts_at = timezone.now() + timedelta(hours=3)
    with pytest.raises(Refused) as no:
        add_session(
            group=group,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            by=cast["facilitator"].user,
        )
    assert no.value.reason == "group_paused"
    assert not SupportSession.objects.exists()


@pytest.mark.parametrize(("days", "reason"), [(-1, "past"), (733, "far")])
def test_add_session_refuses_the_past_and_the_far_future(cast, group, days, reason):
    starts_at = timezone.now() + timedelta(days=days)
    with pytest.raises(Refused) as no:
        add_session(
            group=group,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            by=cast["facilitator"].user,
        )
    assert no.value.reason == reason
