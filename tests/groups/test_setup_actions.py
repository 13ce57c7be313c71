"""Starting, changing, listing, pausing, closing and copying a group."""

import pytest

from audit.models import Event
from groups import actions
from groups.models import Notice, SupportGroup
from supportgroups.lib.refusals import Refused
from tests import factories


@pytest.fixture
def draft(coordinator, organisation):
    return actions.start_group(organisation=organisation, name="Night owls", by=coordinator.user)


@pytest.fixture
def complete(draft, coordinator):
    """A draft that lacks nothing."""
    draft = actions.change_group(
        group=draft,
        by=coordinator.user,
        purpose="Company for those who are awake.",
        who_it_is_for="Adults who sleep badly.",
        ground_rules="Be kind.",
        overseer=factories.user(),
        topics=[factories.topic()],
    )
    factories.series(draft)
    factories.facilitator(draft)
    factories.screening_form(draft)
    actions.write_agreement(group=draft, text="One. First.", by=coordinator.user)
    return draft


def verbs(group):
    events = Event.objects.filter(object_id=group.pk).order_by("id")
    return list(events.values_list("verb", flat=True))


def test_start_group_is_for_coordinators(facilitator, organisation, draft):
    assert (draft.lifecycle, draft.slug, draft.minimum) == ("draft", "night-owls", 4)
    assert verbs(draft) == ["group.started"]

    with pytest.raises(Refused):
        actions.start_group(organisation=organisation, name="Mine", by=facilitator.user)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("New", "new-group"),
        ("Night owls!", "night-owls-2"),
        ("Ночь", "group"),
        ("a" * 120, "a" * 100),
    ],
)
def test_start_group_finds_a_free_address(coordinator, organisation, draft, name, slug):
    made = actions.start_group(organisation=organisation, name=name, by=coordinator.user)

    assert made.slug == slug


def test_change_group_keeps_what_others_wrote(coordinator, draft):
    stale = SupportGroup.objects.get(pk=draft.pk)
    actions.change_group(group=draft, by=coordinator.user, purpose="Company.")

    changed = actions.change_group(group=stale, by=coordinator.user, place="Leeds")

    assert (changed.purpose, changed.place) == ("Company.", "Leeds")
    assert Event.objects.filter(verb="group.changed").last().data == {"fields": ["place"]}


def test_change_group_without_a_change_leaves_no_event(coordinator, draft):
    actions.change_group(group=draft, by=coordinator.user, name="Night owls", topics=[])

    assert verbs(draft) == ["group.started"]


def test_the_address_follows_the_name_until_the_group_is_listed(coordinator, complete):
    draft = actions.change_group(group=complete, by=coordinator.user, name="Early birds")
    assert draft.slug == "early-birds"

    actions.list_group(group=draft, by=coordinator.user)
    listed = actions.change_group(group=draft, by=coordinator.user, name="Late birds")

    assert (listed.name, listed.slug) == ("Late birds", "early-birds")


def test_change_group_offers_new_places(coordinator, group):
    group.capacity = 2
    group.minimum = 2
    group.save()
    for _ in range(2):
        factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")

    actions.change_group(group=group, by=coordinator.user, capacity=3)

    waiting.refresh_from_db()
    assert waiting.status == "offered"


def test_a_listed_group_cannot_lose_what_it_needs(coordinator, complete):
    actions.list_group(group=complete, by=coordinator.user)

    with pytest.raises(Refused, match="must stay complete"):
        actions.change_group(group=complete, by=coordinator.user, overseer=None)

    complete.refresh_from_db()
    assert complete.overseer is not None


def test_add_topic_is_for_coordinators(facilitator, coordinator):
    with pytest.raises(Refused):
        actions.add_topic(name="Sleep", kind="wellbeing", by=facilitator.user)

    topic = actions.add_topic(name=" Poor  sleep", kind="wellbeing", by=coordinator.user)
    again = actions.add_topic(name="poor sleep", kind="condition", by=coordinator.user)

    assert (topic.name, topic.slug, again) == ("Poor sleep", "poor-sleep", topic)


def test_write_agreement_replaces_only_what_nobody_has_seen(coordinator, complete):
    by = coordinator.user
    first = actions.write_agreement(group=complete, text="Two. Second.", by=by)
    assert (first.version, complete.agreements.count()) == (1, 1)
    assert actions.write_agreement(group=complete, text="Two. Second.", by=by) == first

    actions.list_group(group=complete, by=by)
    second = actions.write_agreement(
        group=complete, text="Three. Third.", what_changed="All of it.", by=by
    )

    assert (second.version, second.what_changed) == (2, "All of it.")


def test_list_group_needs_everything(coordinator, draft):
    with pytest.raises(Refused) as refused:
        actions.list_group(group=draft, by=coordinator.user)

    assert refused.value.next_step.url == f"/groups/{draft.slug}/setup/check/"


def test_list_group_is_for_drafts(coordinator, facilitator, complete):
    with pytest.raises(Refused):
        actions.list_group(group=complete, by=facilitator.user)
    listed = actions.list_group(group=complete, by=coordinator.user)
    assert listed.lifecycle == "listed"
    assert listed.lifecycle_changed_at is not None

    with pytest.raises(Refused, match="is listed"):
        actions.list_group(group=complete, by=coordinator.user)


def told(kind):
    return set(Notice.objects.filter(kind=kind).values_list("user", flat=True))


def test_pause_and_resume_tell_everybody_who_belongs(coordinator, facilitator, complete):
    by = coordinator.user
    actions.list_group(group=complete, by=by)
    assignment = complete.facilitator_assignments.get()
    people = {
        factories.member(complete).user_id,
        factories.membership(group=complete).user_id,
        assignment.user_id,
    }
    factories.membership(group=complete, status="withdrawn")

    paused = actions.pause_group(group=complete, message="Back in May.", by=by)
    assert (paused.lifecycle, paused.lifecycle_message) == ("paused", "Back in May.")
    assert told("paused") == people

    resumed = actions.resume_group(group=complete, by=by)
    assert (resumed.lifecycle, resumed.lifecycle_message) == ("listed", "")
    assert told("resumed") == people
    with pytest.raises(Refused):
        actions.resume_group(group=complete, by=by)


def test_close_group_ends_waiting_and_keeps_members(coordinator, group):
    member = factories.member(group)
    waiting = factories.membership(group=group, status="waitlisted")
    offered = factories.membership(group=group, status="offered")
    applied = factories.membership(group=group)

    closed = actions.close_group(group=group, message="Thank you.", by=coordinator.user)

    states = {}
    for membership in (member, waiting, offered, applied):
        membership.refresh_from_db()
        states[membership.pk] = membership.status
    assert list(states.values()) == ["active", "referred", "referred", "applied"]
    assert waiting.end_reason == "The group has closed."
    assert told("closed") == {m.user_id for m in (member, waiting, offered, applied)}
    with pytest.raises(Refused):
        actions.pause_group(group=closed, message="No.", by=coordinator.user)


def test_discard_group_is_for_drafts(coordinator, draft, group):
    assert actions.discard_group(group=draft, by=coordinator.user).lifecycle == "closed"
    with pytest.raises(Refused):
        actions.discard_group(group=group, by=coordinator.user)


def test_clone_group_copies_all_but_members_and_dates(coordinator, complete):
    factories.member(complete)

    copy = actions.clone_group(group=complete, name="Night owls two", by=coordinator.user)

    assert (copy.lifecycle, copy.slug) == ("draft", "night-owls-two")
    for name in ("purpose", "who_it_is_for", "ground_rules", "overseer_id", "organisation_id"):
        assert getattr(copy, name) == getattr(complete, name)
    assert set(copy.topics.all()) == set(complete.topics.all())
    assert copy.facilitator_assignments.get().user == complete.facilitator_assignments.get().user
    agreement = copy.agreements.get()
    assert (agreement.version, agreement.text) == (1, "One. First.")
    assert not copy.memberships.exists()
    assert not copy.series.exists()
    assert verbs(copy) == ["group.cloned"]
