"""Filters and their counts, on rows alone."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from groups import finder
from groups.finder import Choice, Listing
from groups.models import SupportGroup

TOPICS = {"grief": "Grief", "sleep": "Sleep"}


def row(**values) -> Listing:
    whole = {"format": ["online"], "part": ["evening"], "lead": ["peer_led"], "places": ["free"]}
    return Listing(uuid4(), {**whole, "topic": ["grief"], **values})


def choice(words="", **chosen) -> Choice:
    return Choice(words, {name: chosen.get(name, []) for name in finder.LEGENDS})


@pytest.mark.parametrize(
    ("moment", "zone", "part"),
    [
        (datetime(2026, 7, 1, 10, 59, tzinfo=UTC), "Europe/London", "morning"),
        (datetime(2026, 7, 1, 11, 0, tzinfo=UTC), "Europe/London", "afternoon"),
        (datetime(2026, 12, 1, 11, 30, tzinfo=UTC), "Europe/London", "morning"),
        (datetime(2026, 12, 1, 17, 0, tzinfo=UTC), "Europe/London", "evening"),
        (datetime(2026, 12, 1, 17, 0, tzinfo=UTC), "America/New_York", "afternoon"),
    ],
)
def test_part_of_day_is_by_the_given_clock(moment, zone, part):
    assert finder.part_of_day(moment, ZoneInfo(zone)) == part


def test_values_of_one_filter_widen_and_filters_narrow():
    online, place = row(), row(format=["in_person"], part=["morning"])
    both = row(format=["online", "in_person"], part=[])
    rows = [online, place, both]

    assert finder.matching(rows, {"format": ["online", "in_person"]}) == rows
    assert finder.matching(rows, {"format": ["in_person"]}) == [place, both]
    assert finder.matching(rows, {"format": ["in_person"], "part": ["morning"]}) == [place]


def test_a_count_is_what_the_list_would_hold():
    rows = [row(), row(part=["morning"]), row(format=["in_person"], part=["morning"])]
    chosen = choice(part=["morning"])

    counts = {
        facet.name: {option.value: option.count for option in facet.options}
        for facet in finder.facets(rows, chosen, TOPICS)
    }

    assert counts["format"] == {"online": 1, "in_person": 1}
    assert counts["part"] == {"morning": 2, "afternoon": 0, "evening": 1}
    assert counts["topic"] == {"grief": 2, "sleep": 0}
    for name, options in counts.items():
        for value, count in options.items():
            alone = {**chosen.chosen, name: [value]}
            assert count == len(finder.matching(rows, alone))


def test_ways_out_name_the_filter_that_gives_most():
    rows = [row(), row(), row(format=["in_person"], part=["morning"])]
    chosen = choice("zebra", format=["in_person"], part=["evening"])

    assert [
        (way.name, way.label, way.count) for way in finder.ways_out(rows, rows, chosen, {})
    ] == [
        ("format", "In person", 2),
        ("part", "Evenings", 1),
    ]
    assert finder.ways_out([], rows, choice("zebra"), {}) == [finder.Way("q", "“zebra”", 3)]


def test_nearest_fits_most_filters_and_has_a_place():
    full, near, far = row(places=[]), row(), row(format=["in_person"], part=["morning"])

    found = finder.nearest([far, full, near], choice(part=["evening"], topic=["sleep"]))

    assert found == [near.pk, full.pk, far.pk]


@pytest.mark.parametrize(
    ("taken", "waiting", "words"),
    [
        (3, 0, "7 of 10 places left"),
        (8, 1, "1 of 10 places left"),
        (9, 2, "2 people wait for a place"),
        (10, 0, "Full. You would be first on the waiting list"),
        (10, 1, "Full. 1 person waits for a place"),
        (11, 4, "Full. 4 people wait for a place"),
    ],
)
def test_places_in_number_and_words(taken, waiting, words):
    group = SupportGroup(capacity=10)
    group.seats_taken, group.people_waiting = taken, waiting

    assert finder.places_words(group) == words


@pytest.mark.parametrize(("minutes", "height"), [(1, 5), (5, 5), (23, 25), (90, 60)])
def test_shape_follows_the_minutes(minutes, height):
    part = SimpleNamespace(minutes=minutes)

    assert finder.shape([part]) == [(part, height)]
