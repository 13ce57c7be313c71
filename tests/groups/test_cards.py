"""A group in short words."""

from types import SimpleNamespace

import pytest

from groups import cards
from groups.finder import Choice, Hit
from groups.models import SupportGroup, Topic
from tests import factories


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

    assert cards.places_words(group) == words
    assert cards.places_words(group, begun=True) == "Takes nobody new until the next course"


@pytest.mark.parametrize(("minutes", "height"), [(1, 5), (5, 5), (23, 25), (90, 60)])
def test_shape_follows_the_minutes(minutes, height):
    part = SimpleNamespace(minutes=minutes)

    assert cards.shape([part]) == [(part, height)]


@pytest.mark.parametrize(
    ("km", "words"),
    [
        (0.0, "About 1 km away"),
        (3.4, "About 3 km away"),
        (13, "About 15 km away"),
        (98, "About 100 km away"),
        (274, "About 270 km away"),
    ],
)
def test_distance_is_about(km, words):
    assert cards.distance_words(km) == words


@pytest.mark.parametrize(
    ("fields", "icons", "detail"),
    [
        ({"format": "online"}, ("chat",), "by text chat"),
        (
            {"format": "online", "online_link": "https://meet.example/x"},
            ("video",),
            "through a link for members",
        ),
        ({"format": "in_person"}, ("pin",), "the place is told to members"),
        ({"format": "in_person", "place": "Leeds"}, ("pin",), "Leeds"),
        ({"format": "hybrid"}, ("chat", "pin"), "by text chat, or at a place"),
        ({"format": "hybrid", "place": "Leeds"}, ("chat", "pin"), "by text chat, or in Leeds"),
    ],
)
def test_meets_says_how(fields, icons, detail):
    found = cards.meets(SupportGroup(**fields))

    assert (found.icons, found.detail) == (icons, detail)


def test_a_course_without_a_date():
    group = SupportGroup(attendance="closed", course_sessions=1)
    group.next_starts_at = None

    assert (
        cards.course_words(group, begun=False) == "A course of 1 session. The start is not set yet"
    )


def test_reasons_are_true_and_say_what_is_different(db):
    made = factories.group(format="in_person", place="Leeds", capacity=2, minimum=2)
    for name in ("ADHD", "Low mood"):
        made.topics.add(factories.topic(name=name, slug=name.lower(), kind=Topic.Kind.CONDITION))
    for _ in range(2):
        factories.member(made)
    group = cards.with_card_facts(SupportGroup.objects.all()).get()
    choice = Choice(
        chosen={"topic": ["adhd"], "format": ["online"], "part": ["evening"], "lead": ["peer_led"]}
    )

    assert cards.reasons(group, Hit(group.pk, misses=frozenset({"format", "part"})), choice) == [
        (True, "About ADHD"),
        (True, "Led by trained peers"),
        (False, "Full. You would be first on the waiting list"),
        (False, "In person"),
        (False, "Not in the evening, London time"),
    ]
    other = Choice(chosen={"topic": ["grief"], "lead": ["professionally_led"]})
    misses = frozenset({"topic", "lead"})
    assert cards.reasons(group, Hit(group.pk, misses=misses), other)[1:] == [
        (False, "About ADHD and low mood"),
        (False, "Led by trained peers"),
    ]


def test_cards_keep_the_order_and_leave_out_what_is_gone(db):
    first, second, gone = factories.group(), factories.group(), factories.group(lifecycle="paused")

    made = cards.cards([Hit(second.pk, km=2.0), Hit(gone.pk), Hit(first.pk)])

    assert [card["group"] for card in made] == [second, first]
    assert made[0]["facts"][0] == ("pin", "About 2 km away")
    assert cards.cards([]) == []
