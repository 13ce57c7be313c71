"""The steps of setting a group up, in order."""

from itertools import pairwise

import pytest
from django.urls import reverse

from groups import rules
from groups.models import SupportGroup
from groups.setup import STEPS, next_url, step_url, steps
from groups.setup_forms import coordinates
from supportgroups.lib.refusals import Refused
from tests import factories


@pytest.fixture
def draft(organisation):
    return factories.group(organisation=organisation, lifecycle="draft", overseer=None)


def test_every_step_has_a_page(draft):
    for slug, _, name in STEPS:
        assert step_url(slug, draft) == reverse(name, args=[draft.slug])
        assert f"/groups/{draft.slug}/setup/{slug}/" == step_url(slug, draft)


def test_each_step_leads_to_the_next_and_the_last_one_out(draft):
    slugs = [slug for slug, _, _ in STEPS]
    for slug, following in pairwise(slugs):
        assert next_url(slug, draft) == step_url(following, draft)
    assert next_url(slugs[-1], draft) == reverse("groups:group_list")


def test_steps_say_what_is_done_and_where_one_is(draft):
    found = {step.slug: step for step in steps(draft, current="people")}

    assert [slug for slug, step in found.items() if step.current] == ["people"]
    assert {slug for slug, step in found.items() if step.done} == {"meeting", "promises"}


def test_the_last_step_is_done_once_the_group_is_listed(group):
    assert [step.done for step in steps(group, current="check") if step.slug == "check"] == [True]


def test_every_missing_thing_belongs_to_a_step(draft):
    draft.format = "hybrid"
    slugs = {slug for slug, _, _ in STEPS}

    missing = rules.missing_for_listing(draft)
    advice = rules.advice_for_listing(draft)

    assert {m.step for m in (*missing, *advice)} <= slugs


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("member", False),
        ("facilitator", False),
        ("coordinator", True),
        ("other_coordinator", False),
    ],
)
def test_check_may_coordinate_group(cast, group, who, may):
    if may:
        assert rules.check_may_coordinate_group(cast[who].user, group).user == cast[who].user
    else:
        with pytest.raises(Refused):
            rules.check_may_coordinate_group(cast[who].user, group)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"purpose": ""}, "Say in one sentence"),
        ({"who_it_is_for": ""}, "Say who it is for."),
        ({"overseer": None}, "Name a professional"),
        ({"format": "hybrid", "address": "1 Quiet Lane"}, "Say roughly where"),
        ({"format": "in_person", "place": "Leeds"}, "Give the exact address"),
        ({"time_zone": "Europe/Paris"}, "Its time zone has changed"),
        ({"ground_rules": ""}, "Write down the ground rules"),
    ],
)
def test_missing_for_listing(group, fields, words):
    group.who_it_is_for = "Anybody whose days feel heavy."
    group.topics.add(factories.topic())
    factories.series(group)
    factories.facilitator(group)
    assert rules.missing_for_listing(group) == []

    for name, value in fields.items():
        setattr(group, name, value)

    assert [m.words.startswith(words) for m in rules.missing_for_listing(group)] == [True]


def test_a_professionally_led_group_needs_no_overseer(group):
    group.facilitation, group.overseer = "professionally_led", None

    assert "people" not in {
        m.step for m in rules.missing_for_listing(group) if "oversees" in m.words
    }


def test_a_group_from_a_feed_needs_an_overseer_alone(organisation):
    group = factories.group(
        organisation=organisation, lifecycle="draft", overseer=None, is_from_feed=True, purpose=""
    )

    assert [m.words for m in rules.missing_for_listing(group)] == [
        "Name a professional who oversees it. Every peer-led group has one."
    ]


@pytest.mark.parametrize(("capacity", "leaders", "advised"), [(8, 1, 0), (9, 1, 1), (9, 2, 0)])
def test_a_co_facilitator_is_advised_above_eight(organisation, capacity, leaders, advised):
    group = factories.group(organisation=organisation, capacity=capacity)
    for _ in range(leaders):
        factories.facilitator(group)

    words = [m.words for m in rules.advice_for_listing(group)]

    assert sum("co-facilitator" in each for each in words) == advised


@pytest.mark.parametrize("before", list(SupportGroup.Lifecycle))
def test_only_moves_of_the_table_are_allowed(organisation, before):
    group = factories.group(organisation=organisation, lifecycle=before, is_from_feed=True)

    for after in SupportGroup.Lifecycle:
        if after in SupportGroup.LIFECYCLE_MOVES[before]:
            rules.check_lifecycle_move(group, after)
        else:
            with pytest.raises(Refused):
                rules.check_lifecycle_move(group, after)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("53.80, -1.55", ("53.80", "-1.55")),
        ("53.805 -1.555", ("53.81", "-1.56")),
        ("(53.8008° N, 1.5491° W)", ("53.80", "-1.55")),
        ("33.86 S; 151.21 E", ("-33.86", "151.21")),
        ("−33.9,18.4", ("-33.90", "18.40")),
        ("0, 0", ("0.00", "0.00")),
        ("91, 0", None),
        ("0, 181", None),
        ("53.80", None),
        ("1 2 3", None),
        ("53.8 W, 1.5 N", None),
        ("near 53.8, 1.5", None),
        ("5380,155", None),
    ],
)
def test_coordinates(typed, found):
    read = coordinates(typed)

    assert (read and tuple(str(number) for number in read)) == found
